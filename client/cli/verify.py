"""``tally verify``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from client.audit import Report, audit
from client.cli.command import Told, command
from client.cli.run import Run
from client.cli.words import plain
from client.findings import Finding
from client.neighbours import Change


@command("verify")
@click.option("--whole-log", is_flag=True, help="Read all of the circle's public books too.")
async def verify(run: Run, whole_log: bool) -> Told:
    """Check that your receipts hold, and that nothing you were shown was changed since.

    Whatever is wrong is said; with status 0 everything matches.
    """
    member = await run.member()
    with counting() as progress:
        report = await audit(member, whole_log=whole_log, progress=progress)
    fields = {
        "ok": report.is_sound,
        "entries": report.entries,
        "seen": report.seen,
        "receipts": report.receipts,
        "lines": report.lines,
        "read": report.read,
        "findings": [asdict(finding) for finding in report.findings],
        "neighbours": list(report.neighbours),
        "neighbour_changes": [asdict(change) for change in report.changes],
    }
    if report.is_sound:
        return Told(_praise(report, plain(member.circle.name)), fields)
    told = ["Something is not as it should be:", ""]
    several = len(member.membership.accounts) > 1
    told += [f"- {tell_finding(finding, several)}" for finding in report.findings]
    told += [tell_change(change) for change in report.changes]
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
        were = "was" if new == 1 else "were"
        added = f"{_counted(new, 'line')} {were} added" if new > 0 else "nothing was added"
        told.append(f"Since you last looked nothing was changed, and {added}.")
    told += tell_neighbours(report)
    if report.read:
        told.append(f"All {_counted(report.read, 'line')} of the books were read.")
    return "\n".join(told)


_NUMBERS = "One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve".split()


def tell_neighbours(report: Report) -> list[str]:
    """Whose copies match, and what changed in who keeps one; of none, nothing."""
    changes = [tell_change(change) for change in report.changes]
    count = len(report.neighbours)
    if count == 0:
        return changes
    if count == 1:
        return ["One neighbour's copy matches yours.", *changes]
    number = _NUMBERS[count - 1] if count <= len(_NUMBERS) else str(count)
    return [f"{number} neighbours' copies match yours.", *changes]


def tell_change(change: Change) -> str:
    """A change in who keeps a copy, as the person concerned would say it."""
    name = plain(change.name)
    match change.what:
        case "new":
            return f"{name} keeps a copy of the books now, too."
        case "gone":
            return f"{name} keeps no copy of the books any more."
        case _:
            return f"{name} signs with another key than before: ask your coordinator if they know."


_FIELDS = {
    "delta": "how much",
    "balance": "the balance",
    "held": "what is set aside",
    "kind": "what it was",
    "log_time": "when",
    "authority": "on whose word",
    "order": "what was asked for",
    "happened_on": "the day it was about",
    "counterparty": "with whom",
}


def _counted(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}"


def tell_finding(finding: Finding, several: bool = False) -> str:
    """What was found, as the person concerned would say it; they may have ``several`` accounts."""
    where = "" if finding.entry is None else f" (no. {finding.entry})"
    account = f"your account {finding.account}" if several else "your account"
    line = f"line {finding.seq} of {account}{where}"
    match finding.kind:
        case "receipt-damaged":
            return f"A receipt on this device{where} no longer proves anything; restore a copy."
        case "log-damaged":
            return (
                f"The node's copy of the circle's books is damaged or was changed{where}:"
                f" {plain(finding.detail)}."
            )
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
            why = f": {plain(finding.detail)}" if finding.detail else ""
            return f"The circle shows {line}, and does not prove it{why}."
        case "balance-wrong":
            return f"The balance shown of {account} is not the one in the books."
        case kind:
            return f"{kind}: {line}."


@contextmanager
def counting() -> Iterator[Callable[[int], None] | None]:
    """Counts on a terminal, so that nobody thinks it hangs; nothing anywhere else."""
    if not sys.stderr.isatty():
        yield None
        return
    shown = False

    def show(count: int) -> None:
        nonlocal shown
        shown = True
        click.echo(f"\r{count} lines read", err=True, nl=False)

    try:
        yield show
    finally:
        if shown:
            click.echo(err=True)
