"""``tally verify``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict

import click

from client.audit import Report, audit
from client.cli.command import Told, command
from client.cli.run import Run
from client.cli.words import plain
from client.findings import Finding


@command("verify")
@click.option("--whole-log", is_flag=True, help="Read all of the circle's public books too.")
async def verify(run: Run, whole_log: bool) -> Told:
    """Check that your receipts hold, and that nothing you were shown was changed since.

    Whatever is wrong is said; with status 0 everything matches.
    """
    member = await run.member()
    report = await audit(member, whole_log=whole_log, progress=_progress())
    fields = {
        "ok": report.is_sound,
        "entries": report.entries,
        "seen": report.seen,
        "receipts": report.receipts,
        "lines": report.lines,
        "read": report.read,
        "findings": [asdict(finding) for finding in report.findings],
    }
    if report.is_sound:
        return Told(_praise(report, plain(member.circle.name)), fields)
    told = ["Something is not as it should be:", ""]
    told += [f"- {tell_finding(finding)}" for finding in report.findings]
    told += ["", "Show this to your coordinator. Your receipts are kept on this device; do not"]
    told += ["delete them: they prove what was booked."]
    return Told("\n".join(told), fields, failed=True)


def _praise(report: Report, circle: str) -> str:
    told = [
        f"Everything matches. {_counted(report.receipts, 'receipt')} and"
        f" {_counted(report.lines, 'line')} of your account agree with the books of {circle}."
    ]
    if report.seen:
        new = report.entries - report.seen
        added = _counted(new, "entry", "entries") if new > 0 else "nothing"
        told.append(f"Since you last looked nothing was changed; {added} came to it.")
    if report.read:
        told.append(f"All {_counted(report.read, 'entry', 'entries')} of the books were read.")
    return "\n".join(told)


_FIELDS = {
    "delta": "how much",
    "balance": "the balance",
    "held": "what is set aside",
    "kind": "what it was",
    "log_time": "when",
    "authority": "on whose word",
    "order": "which order",
    "happened_on": "the day it was about",
    "counterparty": "with whom",
}


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def tell_finding(finding: Finding) -> str:
    """What was found, as the person concerned would say it."""
    where = "" if finding.entry is None else f" (no. {finding.entry})"
    line = f"line {finding.seq} of account {finding.account}{where}"
    match finding.kind:
        case "receipt-damaged":
            return f"A receipt on this device{where} no longer proves anything; restore a copy."
        case "log-damaged":
            return f"The circle's books are damaged{where}: {plain(finding.detail)}."
        case "line-missing":
            return f"The statement no longer shows {line}, though it was booked."
        case "line-wrong":
            what = ", ".join(_FIELDS.get(name, name) for name in finding.detail.split(", "))
            return f"The statement shows {line} otherwise than it was booked ({what})."
        case "text-changed":
            return f"What was written on {line} is not what the statement shows now."
        case "line-doubled":
            return f"There are two versions of {line}; only one can be true."
        case "line-unproved":
            return f"The circle shows {line}, and does not prove it."
        case "balance-wrong":
            return f"The balance shown of account {finding.account} is not the one in the books."
        case kind:
            return f"{kind}: {line}."


def _progress() -> Callable[[int], None] | None:
    """Counts on a terminal, so that nobody thinks it hangs; nothing anywhere else."""
    if not sys.stderr.isatty():
        return None

    def show(count: int) -> None:
        click.echo(f"\r{count} entries read", err=True, nl=False)

    return show
