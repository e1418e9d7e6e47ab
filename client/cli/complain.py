"""``tally complain``: to say what is wrong with what another member does."""

from __future__ import annotations

import click

from client import complaints
from client.cli.abouts import ABOUTS, MESSAGE, NUMBER, about_path
from client.cli.command import Told, command
from client.cli.parties import find_person
from client.cli.run import Run


@command("complain")
@click.argument("what", type=click.Choice([*ABOUTS, MESSAGE]))
@click.argument("number", type=NUMBER)
@click.argument("text")
@click.option("--who", metavar="WHO", help="Whom it is about, if several took part.")
async def complain(run: Run, what: str, number: int, text: str, who: str | None) -> Told:
    """Tell the coordinators what is wrong: complain offer 12 "It is not what it says."

    It can be about an offer, a want, an event or help with its number, or a message to you, whose
    number stands beside it. Whom it is about is not told. If you fear for somebody's safety, use
    tally concern.
    """
    session = await (await run.member()).session()
    person = None if who is None else (await find_person(run, who)).person
    made = await complaints.complain(session, about_path(what, number), text, person)
    told = "The coordinators have it now, with your name. Whoever it is about is not told."
    return Told(told, {"complaint": made})
