"""``tally rsvp``: whether one comes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from client import calendar
from client.cli.command import Told, command
from client.cli.days import DAY
from client.cli.event_times import choose_occurrence
from client.cli.event_words import occurrence_fields, tell_own, tell_when
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import person, plain
from client.errors import InputRefused


@command("rsvp")
@click.argument("event", type=click.IntRange(1, 2**53 - 1), metavar="EVENT")
@click.argument("answer", type=click.Choice(["yes", "no"]), metavar="yes|no")
@click.option("--on", type=DAY, metavar="DAY", help="Which day; the next one otherwise.")
@click.option("--guests", type=click.IntRange(0, 5), default=0, metavar="N", help="You bring.")
@click.option(
    "--lift-offered", type=click.IntRange(1, 8), metavar="N", help="You can take so many along."
)
@click.option("--lift-wanted", is_flag=True, help="You would like a lift.")
@click.option("--member", "who", metavar="WHO", help="For somebody who told you; coordinators.")
async def rsvp(
    run: Run,
    event: int,
    answer: str,
    on: datetime | None,
    guests: int,
    lift_offered: int | None,
    lift_wanted: bool,
    who: str | None,
) -> Told:
    """Say whether you come to an event, by its number: rsvp 12 yes.

    When it is full, you wait for a place. The last answer counts.
    """
    if lift_offered and lift_wanted:
        raise InputRefused("Either you offer a lift or you want one: leave one of them out.")
    if answer == "no" and (guests or lift_offered or lift_wanted):
        raise InputRefused("Who does not come brings nobody: leave the rest out.")
    member = await run.member()
    session = await member.session()
    chosen = choose_occurrence((await calendar.read_event(session, event)).occurrences, on)
    item: dict[str, Any] = {"answer": answer}
    if answer == "yes":
        item |= {"guests": guests, "lift_offered": lift_offered or 0, "lift_wanted": lift_wanted}
    name = None
    if who is not None:
        found = await find_person(run, who)
        item["person"], name = found.person, person(found.handle, found.name)
    after = await calendar.answer_event(session, chosen, item)
    return Told(_tell(after, name), {"occurrence": occurrence_fields(after)})


def _tell(after: calendar.OccurrenceView, name: str | None) -> str:
    what = f"{plain(after.title)} on {tell_when(after.begins)}"
    if after.own is None:
        return f"{what}: that is noted."
    if after.own.answer == "waiting":
        who = "You are" if name is None else f"{name} is"
        return (
            f"{what} is full. {who} on the waiting list: the next place that falls free is"
            f" {'yours' if name is None else 'theirs'}, and tally events says so."
        )
    told = tell_own(after.own) if name is None else f"{name}: {after.own.answer}"
    return f"{what}: {told}."
