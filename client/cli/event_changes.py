"""What hosts and coordinators do with events; and a member's own feed."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from client import calendar
from client.cli.amounts import read_amount
from client.cli.command import Told, command
from client.cli.days import DAY
from client.cli.event_times import TIME, choose_occurrence, write_time
from client.cli.event_words import occurrence_fields, tell_when
from client.cli.parties import find_person
from client.cli.run import Run
from client.errors import InputRefused

MINUTES_BYTES_MAX = 80_000
URL_CHARACTERS_MAX = 2000

_EVENT = click.argument("event", type=click.IntRange(1, 2**53 - 1), metavar="EVENT")
_ON = click.option("--on", type=DAY, metavar="DAY", help="On which day, if it is on several.")
_WHY = click.option("--why", metavar="TEXT", default="", help="Shown to all who come.")


@command("change")
@_EVENT
@click.option("--title", metavar="TEXT", help="What it is called.")
@click.option("--place", metavar="TEXT", help="Where it is.")
@click.option("--words", metavar="TEXT", help="What it is about.")
@click.option("--access", metavar="TEXT", help="Getting in.")
@click.option("--room", type=click.IntRange(0, 1000), metavar="N", help="For so many; 0 for all.")
@click.option("--price", metavar="AMOUNT", help="What it costs; 0 for free.")
@click.option("--public/--members-only", default=None, help="Who can see it.")
@click.option("--host", metavar="WHO", help="Give it to another host; for coordinators.")
async def change(run: Run, event: int, **given: Any) -> Told:
    """Change what an event is. Places that become free go to those who wait."""
    member = await run.member()
    plain_names = ("title", "place", "words", "access", "public")
    changes = {name: given[name] for name in plain_names if given[name] is not None}
    if given["room"] is not None:
        changes["capacity"] = given["room"] or None
    if given["price"] is not None:
        free = given["price"].strip() == "0"
        changes["price"] = 0 if free else read_amount(given["price"], member.circle.unit)
    if given["host"] is not None:
        changes["host"] = (await find_person(run, given["host"])).person
    if not changes:
        raise InputRefused("Say what to change: tally events change --help lists it.")
    view = await calendar.change_event(await member.session(), event, changes)
    fields = {"event": event, "occurrences": [occurrence_fields(e) for e in view.occurrences]}
    return Told("That is changed.", fields)


@command("move")
@_EVENT
@_ON
@click.option("--to", type=TIME, metavar="TIME", help="When it is instead.")
@click.option("--place", metavar="TEXT", help="Where it is instead, this once.")
@_WHY
async def move(
    run: Run,
    event: int,
    on: datetime | None,
    to: datetime | None,
    place: str | None,
    why: str,
) -> Told:
    """Move one day of an event to another time or place; the others stay."""
    if to is None and place is None:
        raise InputRefused("Say where to: --to TIME, or --place TEXT.")
    session = await (await run.member()).session()
    chosen = choose_occurrence((await calendar.read_event(session, event)).occurrences, on)
    changes: dict[str, Any] = {"note": why}
    if to is not None:
        changes["begins"] = write_time(to)
    if place is not None:
        changes["place"] = place
    moved = await calendar.change_occurrence(session, chosen, changes)
    told = f"It is on {tell_when(moved.begins)} now; tally events says so to all who come."
    return Told(told, {"occurrence": occurrence_fields(moved)})


@command("cancel")
@_EVENT
@_ON
@click.option("--all", "everything", is_flag=True, help="All that is still to come of it.")
@_WHY
async def cancel(run: Run, event: int, on: datetime | None, everything: bool, why: str) -> Told:
    """Cancel an event. Of one that repeats, say which day with --on, or --all."""
    session = await (await run.member()).session()
    view = await calendar.read_event(session, event)
    if len(view.occurrences) > 1 and everything == (on is not None):
        raise InputRefused(f"Event {event} repeats: say either --on DAY or --all.")
    if everything or (len(view.occurrences) == 1 and on is None):
        changes = {"cancelled": True, "note": why}
        after = (await calendar.change_event(session, event, changes)).occurrences
        told = "What was to come of it is cancelled; tally events says so to all who come."
    else:
        chosen = choose_occurrence(view.occurrences, on)
        changes = {"cancelled": True, "note": why}
        after = (await calendar.change_occurrence(session, chosen, changes),)
        told = (
            f"It is cancelled on {tell_when(chosen.begins)}; tally events says so to all who come."
        )
    return Told(told, {"event": event, "occurrences": [occurrence_fields(e) for e in after]})


@command("minutes")
@_EVENT
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
async def minutes(run: Run, event: int, file: Path) -> Told:
    """Keep the text in FILE as what was written down at EVENT, for all members to read."""
    text = await asyncio.to_thread(_read_minutes, file)
    session = await (await run.member()).session()
    view = await calendar.change_event(session, event, {"minutes": text})
    return Told("The minutes are kept.", {"event": event, "minutes": view.minutes})


def _read_minutes(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MINUTES_BYTES_MAX + 1)
        if len(data) > MINUTES_BYTES_MAX:
            raise InputRefused(f"{path} is too long for minutes: say it shorter.")
        return data.decode().replace("\r\n", "\n").replace("\t", " ").strip()
    except OSError as error:
        raise InputRefused(f"{path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise InputRefused(f"{path} is no plain text: save it as text (UTF-8) first.") from None


@command("feed")
@click.option("--end", is_flag=True, help="End it: its address leads nowhere from now on.")
async def feed(run: Run, end: bool) -> Told:
    """Make your own address for the calendar on your phone or computer; an earlier one ends.

    Whoever has it can see what you see of the calendar, and what you answered.
    """
    session = await (await run.member()).session()
    if end:
        await session.change("DELETE", "/api/v1/calendar/feed")
        return Told("Your address leads nowhere from now on.", {"feed": None, "week": None})
    answer = await session.changed("POST", "/api/v1/calendar/feed")
    address = answer.text("feed", URL_CHARACTERS_MAX)
    week = answer.text("week", URL_CHARACTERS_MAX)
    told = (
        "Add this address to your phone's calendar as a subscription, and give it to nobody:\n\n"
        f"{address}\n\nThis page is the week in large type, to print:\n\n{week}"
    )
    return Told(told, {"feed": address, "week": week})


@command("zone")
@click.argument("zone", metavar="ZONE")
async def zone(run: Run, zone: str) -> Told:
    """Say which time zone the circle is in, such as Europe/London; for coordinators, once.

    Events keep their time on the clock when it changes.
    """
    session = await (await run.member()).session()
    answer = await session.changed("PUT", "/api/v1/calendar", {"zone": zone})
    name = answer.text("zone", 64)
    return Told(f"The calendar goes by the clocks of {name}.", {"zone": name})
