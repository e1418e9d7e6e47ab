"""``tally verify-evidence``."""

from __future__ import annotations

from pathlib import Path

import click

from client.cli.command import Told, command
from client.cli.run import Run
from client.cli.words import plain


@command("verify-evidence", needs_member=False)
@click.argument("file", type=click.Path(path_type=Path))
async def verify_evidence(run: Run, file: Path) -> Told:
    """Check a proof that a circle signed things which contradict each other.

    It needs no network, and no circle of your own. With status 0 the file proves what is said.
    """
    from client.evidence import read_findings
    from ledger.federation.finding_words import tell_finding, tell_numbers

    findings = read_findings(file)
    convicted = all(finding.convicted for finding in findings)
    lines = [plain(tell_finding(finding)) for finding in findings]
    numbers = dict.fromkeys(plain(line) for each in findings for line in tell_numbers(each))
    lines += ["", *numbers]
    if convicted:
        lines += ["Compare that with what you know: anybody can claim an address."]
    fields = {
        "ok": convicted,
        "findings": [
            {
                "about": finding.about,
                "convicted": finding.convicted,
                "circle": finding.circle.hex(),
                "origin": finding.origin,
                "other": finding.other.hex(),
                "other_origin": finding.other_origin,
                "number": finding.number,
                "payment": finding.payment.hex(),
                "owes": list(finding.owes),
                "unit": finding.unit,
                "key": finding.key,
                "says": tell_finding(finding),
            }
            for finding in findings
        ],
    }
    return Told("\n".join(lines), fields, failed=not convicted)
