"""``tally officer complaints``: what members say is wrong, and what came of it."""

from __future__ import annotations

from dataclasses import asdict

import click

from client.cli.amounts import NUMBER
from client.cli.command import Told, command
from client.cli.run import Run
from client.cli.words import day, plain, wrap
from client.complaints import Complaint, close_complaint
from client.complaints import complaints as read_complaints
from client.errors import InputRefused

_CALLED = {"listings": "offer or want", "events": "event", "help": "help", "messages": "message"}


@command("complaints")
@click.option("--close", type=NUMBER, metavar="NUMBER", help="One that is dealt with.")
@click.option("--outcome", metavar="TEXT", help="What came of it.")
async def complaints(run: Run, close: int | None, outcome: str | None) -> Told:
    """What members say is wrong, the newest first; not what they say of you.

    What should not be in the directory is taken out with tally offers --end NUMBER.
    """
    session = await (await run.member()).session()
    if (close is None) is not (outcome is None):
        raise InputRefused("Write both: --close NUMBER and --outcome TEXT.")
    if close is not None and outcome is not None:
        await close_complaint(session, close, outcome)
        return Told(f"Complaint {close} is dealt with.", {"closed": close})
    found = await read_complaints(session)
    told = "\n".join(map(_tell, found)) or "Nobody complained of anything."
    return Told(told, {"complaints": [asdict(each) for each in found]})


def _tell(complaint: Complaint) -> str:
    kind, _, number = complaint.about.partition("/")
    about = f"{_CALLED.get(kind, plain(kind))} {plain(number)}, {plain(complaint.title)}"
    by, person = (plain(each.handle or "?") for each in (complaint.by, complaint.person))
    outcome = "open" if complaint.closed is None else f"dealt with: {plain(complaint.outcome)}"
    return wrap(
        f"{complaint.number}. {day(complaint.made)}, {by} complains of {person} ({about}):"
        f" {plain(complaint.text)} ({outcome})",
        "  ",
    )
