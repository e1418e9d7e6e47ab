"""What coordinators do for the directory: categories, and who was checked."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click

from client import directory
from client.cli.categories import read_short_name
from client.cli.command import Told, command
from client.cli.days import DAY
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import capital, listed, person, plain, wrap, write_day
from client.clock import unix_ms
from client.errors import InputRefused


@command("category")
@click.argument("category")
@click.option("--name", metavar="TEXT", help="What the circle calls it.")
@click.option("--position", type=click.IntRange(0, 10_000), help="Before those with a higher one.")
@click.option("--drop", is_flag=True, help="Have it no longer.")
async def category(
    run: Run, category: str, name: str | None, position: int | None, drop: bool
) -> Told:
    """Add a category to the directory, name it anew, or drop it.

    CATEGORY is a short name such as bees. It stays where it is in the list unless you give a
    --position. What is in one that is dropped goes to everything else.
    """
    session = await (await run.member()).session()
    if (name is None) is not drop:
        raise InputRefused("Write either --name TEXT or --drop.")
    category = read_short_name(category)
    if name is None:
        await directory.drop_category(session, category)
    else:
        await directory.name_category(session, category, name, position)
    known = await directory.categories(session)
    names = listed(plain(each.name) for each in known)
    return Told(wrap(f"The categories are {names}."), {"categories": [asdict(e) for e in known]})


@command("vet")
@click.argument("who", required=False)
@click.argument("level", required=False)
@click.option("--on", type=DAY, metavar="DAY", help="When they were checked; today unless told.")
@click.option("--until", type=DAY, metavar="DAY", help="The last day that it is good.")
@click.option("--end", is_flag=True, help="Take the level away.")
@click.option("--new-level", metavar="TEXT", help="Begin to check something: what it is called.")
async def vet(
    run: Run,
    who: str | None,
    level: str | None,
    on: datetime | None,
    until: datetime | None,
    end: bool,
    new_level: str | None,
) -> Told:
    """Note that WHO was checked, for a level such as references; never yourself.

    Members see the level only. Papers are not kept: note that you saw them. Without WHO, the levels
    of the circle; with --new-level, WHO is the short name of another.
    """
    session = await (await run.member()).session()
    if new_level is not None and who is not None and level is None:
        level = read_short_name(who)
        await directory.name_level(session, level, new_level)
        told = f"{capital(plain(new_level))} is checked from now on, as {level}."
        return Told(told, {"level": level})
    if who is None or level is None:
        known = await directory.levels(session)
        names = listed(f"{plain(name)} ({short})" for short, name in known) or "nothing yet"
        return Told(wrap(f"The circle checks {names}."), {"levels": dict(known)})
    level, found = read_short_name(level), await find_person(run, who)
    name = person(found.handle, found.name)
    if end:
        await directory.end_check(session, found.person, level)
        return Told(f"{name} does not have that level now.", {"person": found.person})
    if until is None:
        raise InputRefused("Say until when it is good: --until 2027-05-31.")
    began = (on or datetime.fromtimestamp(unix_ms() / 1000)).date()
    days = (began.isoformat(), until.date().isoformat())
    await directory.note_check(session, found.person, level, *days)
    told = f"{name} was checked on {write_day(began)}; it is good until {write_day(until.date())}."
    return Told(told, {"person": found.person, "level": level, "until": days[1]})
