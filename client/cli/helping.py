"""``tally helping``: what one helps with, when, and how far one goes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from client import help as helping_views
from client.cli.categories import find_category
from client.cli.command import Told, command
from client.cli.event_times import read_length, write_time
from client.cli.find import read_distance
from client.cli.help_times import WEEKDAYS, read_away, read_free, tell_free, tell_length
from client.cli.help_words import NEEDS
from client.cli.listing_words import tell_distance
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import listed, person, plain, wrap, write_day
from client.errors import InputRefused, NodeRefused
from client.help import TRAITS, HelperView, Hours
from client.node_session import NodeSession

WEEKLY_MINUTES = 240
REACH_METRES = 2000
_TRAIT_WORDS = {**NEEDS, "woman": "as a woman"}


@command("helping")
@click.option("--with", "skills", multiple=True, metavar="CATEGORY", help="Such as garden.")
@click.option("--hours", multiple=True, metavar="TIMES", help='When: "Mon 9-12", "Tue,Thu 14-17".')
@click.option("--weekly", metavar="LENGTH", help="At most so long in a week: 4h.")
@click.option("--reach", metavar="DISTANCE", help="So far you go: 800m, 2km.")
@click.option("--car", is_flag=True, help="You have a car.")
@click.option("--no-pets", is_flag=True, help="You come without pets.")
@click.option("--step-free", is_flag=True, help="You can help those who need it step-free.")
@click.option("--woman", is_flag=True, help="You are a woman.")
@click.option("--not", "dropped", multiple=True, type=click.Choice(TRAITS), help="No longer so.")
@click.option("--away", metavar="DAY..DAY", help="From a day to a day; no for being back.")
@click.option("--stop", is_flag=True, help="Help no longer; what you agreed to stands.")
@click.option("--as", "who", metavar="WHO", help="For a member without a device; coordinators.")
async def helping(run: Run, stop: bool, who: str | None, **given: Any) -> Told:
    """Say what you can help with, such as: helping --with garden --hours "Mon 9-12" --weekly 4h.

    Without options: what you said. You are asked in turn with others, never by everybody at once,
    and a no costs you nothing. Only coordinators see this.
    """
    member = await run.member()
    session = await member.session()
    other = None if who is None else await find_person(run, who)
    number = member.person if other is None else other.person
    name = None if other is None else person(other.handle, other.name)
    if stop:
        if any(given.values()):
            raise InputRefused("Either you stop helping, or you say how you help: not both.")
        await _stop(session, number)
        return Told("You are not asked for help any more. Thank you!", {"helper": None})
    before = await helping_views.find_helper(session, number)
    if not any(given.values()):
        return Told(_tell(before, name), {"helper": before and _fields(before)})
    item = await _changed(session, before, **given)
    after = await helping_views.change_helper(session, number, item)
    return Told(_tell(after, name), {"helper": _fields(after)})


async def _stop(session: NodeSession, number: int) -> None:
    try:
        await helping_views.end_helper(session, number)
    except NodeRefused as refused:
        if refused.problem != "not-found":
            raise
        raise InputRefused("Nothing was said of helping, so there is nothing to stop.") from None


async def _changed(
    session: NodeSession,
    before: HelperView | None,
    *,
    skills: tuple[str, ...],
    hours: tuple[str, ...],
    weekly: str | None,
    reach: str | None,
    dropped: tuple[str, ...],
    away: str | None,
    **traits: bool,
) -> dict[str, object]:
    """All that is to be said; what is not told anew stays."""
    if before is None and not (skills and hours):
        raise InputRefused(
            'Say with what you can help, and when: tally helping --with garden --hours "Mon 9-12"'
        )
    free = [each for text in hours for each in read_free(text)]
    item: dict[str, object] = {
        "skills": [(await find_category(session, written)).category for written in skills],
        "hours": [asdict(each) for each in free],
        "weekly": WEEKLY_MINUTES if weekly is None else read_length(weekly),
        "reach": REACH_METRES if reach is None else read_distance(reach),
        "away": None,
    }
    found = {name.replace("_", "-") for name, is_so in traits.items() if is_so}
    if before is not None:
        kept = _fields(before)
        told = {"skills": skills, "hours": hours, "weekly": weekly, "reach": reach, "away": away}
        item |= {name: kept[name] for name, value in told.items() if not value}
        found |= set(before.traits)
    item["traits"] = sorted(found - set(dropped))
    if away is not None:
        span = read_away(away)
        item["away"] = span and {
            "begins": write_time(span.begins),
            "ends": write_time(span.ends),
        }
    return item


def _fields(helper: HelperView) -> dict[str, Any]:
    away = helper.away and {
        "begins": write_time(helper.away.begins),
        "ends": write_time(helper.away.ends),
    }
    return {**asdict(helper), "away": away}


def _tell(helper: HelperView | None, name: str | None) -> str:
    who, does, can = ("You", "help", "are") if name is None else (name, "helps", "is")
    if helper is None:
        has = "have" if name is None else "has"
        whose = "" if name is None else " --as WHO"
        return (
            f"{who} {has} not said yet what to help with. For instance:\n"
            f'  tally helping{whose} --with garden --hours "Mon 9-12"'
        )
    lines = [
        f"{who} {does} with {listed(map(plain, helper.skills))}, at most"
        f" {tell_length(helper.weekly)} a week, up to {tell_distance(helper.reach)} away.",
        f"Free: {_tell_hours(helper.hours)}.",
    ]
    if helper.traits:
        lines.append(f"{listed(_TRAIT_WORDS.get(each, plain(each)) for each in helper.traits)}.")
        lines[-1] = lines[-1][:1].upper() + lines[-1][1:]
    if helper.away is not None:
        first, last = write_day(helper.away.begins.date()), write_day(helper.away.ends.date())
        lines.append(f"{who} {can} away from {first}, and back on {last}.")
    return "\n".join(wrap(line, "  ") for line in lines)


def _tell_hours(hours: tuple[Hours, ...]) -> str:
    whole = {(each.begins, each.ends) for each in hours}
    if len(hours) == len(WEEKDAYS) == len({each.weekday for each in hours}) and len(whole) == 1:
        return f"every day {hours[0].begins} to {hours[0].ends}"
    return tell_free(hours)
