"""``tally duty`` and ``tally officer duty``: who is on duty, the rota, and the handover note."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from itertools import groupby
from typing import Any

import click

from client import care, directory
from client.care import Duty, DutyTurn, Entry, OnDuty
from client.cli.command import Told, command
from client.cli.concern import name_of
from client.cli.days import DAY
from client.cli.lazy_group import Entry as Place
from client.cli.lazy_group import LazyGroup
from client.cli.listing_words import REACHED
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import listed, moment, person, plain, wrap, write_day
from client.errors import InputRefused

NOTES_SHOWN = 50
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_HERE = "client.cli.officer.duty"
_HOURS = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))? *- *([0-9]{1,2})(?::([0-9]{2}))?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DAYS = click.IntRange(1, 62)

SECTIONS = {
    "Commands": {
        "show": Place(f"{_HERE}:show", "Who is on duty now, and this week."),
        "set": Place(f"{_HERE}:set_duty", "Say who is on duty on a day, or every week."),
        "swap": Place(f"{_HERE}:swap", "Give a duty to somebody else, perhaps for theirs."),
        "note": Place(f"{_HERE}:note", "Write something down for who comes next."),
        "notes": Place(f"{_HERE}:notes", "What those before you wrote down."),
    },
}


@click.group("duty", cls=LazyGroup, sections=SECTIONS, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def duty(context: click.Context, as_json: bool) -> int:
    """Who is on duty now and this week, and for who is on duty now the handover notes."""
    if context.invoked_subcommand is not None:
        return 0
    status: int = context.invoke(start, circle=None, home=None, as_json=as_json, since=None, days=7)
    return status


def _span_options(function: Any) -> Any:
    for option in (
        click.option("--days", type=_DAYS, default=7, show_default=True, help="So many days."),
        click.option("--from", "since", type=DAY, metavar="DAY", help="From this day, not Monday."),
    ):
        function = option(function)
    return function


@command("duty")
@_span_options
async def duty_for_members(run: Run, since: datetime | None, days: int) -> Told:
    """Who is on duty now, how to reach them if they show it, and the rota of this week."""
    return await _show(run, since, days)


@command("show")
@_span_options
async def show(run: Run, since: datetime | None, days: int) -> Told:
    """Who is on duty now, how to reach them, and the rota of this week, to be printed."""
    return await _show(run, since, days)


async def _show(run: Run, since: datetime | None, days: int) -> Told:
    session = await (await run.member()).session()
    view = await care.duty(session, _span(since, days))
    return Told(_tell(view), _fields(view))


@command("start")
async def start(run: Run, since: datetime | None, days: int) -> Told:
    """The same, and for whoever is on duty what those before them wrote down."""
    member = await run.member()
    session = await member.session()
    view = await care.duty(session, _span(since, days))
    if member.person not in view.now:
        return Told(_tell(view), _fields(view))
    written = await care.handover(session, NOTES_SHOWN)
    told = [_tell(view)]
    if "contact" not in ((await directory.profile(session, member.person)).shown or ()):
        hint = "Members do not see how to reach you. To let them: tally profile --show contact"
        told.append(wrap(hint, "  "))
    told += ["", "Handed over to you:", _tell_notes(written)]
    return Told("\n".join(told), _fields(view) | {"notes": [asdict(each) for each in written]})


def _span(since: datetime | None, days: int) -> dict[str, str]:
    return {"days": str(days)} | ({} if since is None else {"from": f"{since:%Y-%m-%d}"})


def _fields(view: Duty) -> dict[str, object]:
    turns = [
        {
            "person": each.person,
            "begins": each.begins.isoformat(timespec="minutes"),
            "ends": each.ends.isoformat(timespec="minutes"),
        }
        for each in view.turns
    ]
    people = [asdict(each) for each in view.people.values()]
    return {"zone": view.zone, "now": list(view.now), "turns": turns, "people": people}


def _tell(view: Duty) -> str:
    if view.zone is None:
        return wrap(
            "There is no rota yet: a coordinator has to say first where the clocks are, with tally"
            " events zone Europe/London."
        )
    now = [_tell_person(view.people[each]) for each in view.now if each in view.people]
    lines = [wrap(f"On duty now: {listed(now)}." if now else "Nobody is on duty now.", "  ")]
    for day, turns in groupby(view.turns, key=lambda each: each.begins.date()):
        lines += ["", f"{day:%A} {write_day(day)}"]
        lines += [wrap(f"  {_tell_turn(each, view)}", "    ") for each in turns]
    if not view.turns:
        lines += ["", "Nobody is on the rota for these days."]
    return "\n".join(lines)


def _tell_person(who: OnDuty) -> str:
    name = f"{plain(who.name)} ({plain(who.handle)})"
    if who.channel is None:
        return name
    contact = f": {plain(who.contact)}" if who.contact else ""
    return f"{name}, {REACHED.get(who.channel, plain(who.channel))}{contact}"


def _tell_turn(turn: DutyTurn, view: Duty) -> str:
    name = plain(view.people[turn.person].name) if turn.person in view.people else "somebody"
    later = "" if turn.begins.date() == turn.ends.date() else f" on {turn.ends:%A}"
    return f"{turn.begins:%H:%M} to {turn.ends:%H:%M}{later}: {name}"


def _tell_notes(written: Sequence[Entry]) -> str:
    lines = [f"{moment(e.made)}, {name_of(e.by)}: {plain(e.text)}" for e in written]
    return "\n".join(wrap(line, "  ") for line in lines) or "Nothing yet."


@command("set")
@click.argument("when")
@click.argument("turns", nargs=-1, metavar="[HOURS WHO]...")
@click.option("--nobody", is_flag=True, help="Nobody is on duty then.")
@click.option("--usual", is_flag=True, help="Let that day be as in every week again.")
async def set_duty(run: Run, when: str, turns: tuple[str, ...], nobody: bool, usual: bool) -> Told:
    """Say who is on duty: set monday 9-13 ann 13-17 ben, or set 2026-12-25 10-12 ann.

    A weekday is meant for every week, a day for that day alone. What was there before is replaced.
    Hours that end no later than they begin end on the following day. Coordinators can be on duty.
    """
    session = await (await run.member()).session()
    when = when.strip().lower()
    is_day = _DAY.fullmatch(when) is not None
    if not is_day and when not in WEEKDAYS:
        raise InputRefused(f"{when[:40]!r} is no day: write monday, or a day like 2026-12-25.")
    if [bool(turns), nobody, usual].count(True) != 1:
        raise InputRefused("Say who is on duty, such as 9-13 ann; or --nobody; or --usual.")
    if usual:
        if not is_day:
            raise InputRefused("Only a single day can be as usual again, such as 2026-12-25.")
        await care.drop_duty_day(session, when)
        return Told(f"{when} is as in every week again.", {"when": when, "turns": None})
    if len(turns) % 2:
        raise InputRefused("Write hours and a name in turn, such as 9-13 ann 13-17 ben.")
    items: list[dict[str, object]] = []
    for hours, who in zip(turns[::2], turns[1::2], strict=True):
        begins, ends = read_hours(hours)
        found = await find_person(run, who)
        items.append({"begins": begins, "ends": ends, "person": found.person})
    await care.put_duty(session, f"{'days' if is_day else 'week'}/{when}", items)
    on = f"On {write_day(date.fromisoformat(when))}" if is_day else f"Every {when.capitalize()}"
    whom = [
        f"{items[i]['begins']} to {items[i]['ends']} {turns[2 * i + 1]}" for i in range(len(items))
    ]
    told = f"{on}: {listed(map(plain, whom)) or 'nobody is on duty'}."
    return Told(wrap(told, "  "), {"when": when, "turns": items})


def read_hours(written: str) -> tuple[str, str]:
    """``09:00`` and ``17:30`` of "9-17:30". Raises InputRefused."""
    found = _HOURS.fullmatch(written.strip())
    hours = found.groups(default="00") if found else ()
    begins, ends = (f"{int(hours[i]):02}:{hours[i + 1]}" for i in (0, 2)) if hours else ("", "")
    if ends == "24:00":
        ends = "00:00"
    if not all(each[:2] < "24" and each[3:] < "60" for each in (begins, ends)) or not hours:
        raise InputRefused(f"{written[:40]!r} are no hours: write 9-17, or 9:30-12:00.")
    return begins, ends


@command("swap")
@click.argument("day", type=DAY)
@click.argument("giver", metavar="WHO")
@click.argument("taker", metavar="WHO-INSTEAD")
@click.option("--for", "other_day", type=DAY, metavar="DAY", help="For their duty on that day.")
async def swap(run: Run, day: datetime, giver: str, taker: str, other_day: datetime | None) -> Told:
    """Let WHO-INSTEAD be on duty on DAY instead of WHO; both are told."""
    session = await (await run.member()).session()
    one, other = await find_person(run, giver), await find_person(run, taker)
    if one.person == other.person:
        raise InputRefused("Name two people.")
    item: dict[str, object] = {
        "person": one.person,
        "day": f"{day:%Y-%m-%d}",
        "other": other.person,
    }
    if other_day is not None:
        item["other_day"] = f"{other_day:%Y-%m-%d}"
    await care.swap_duty(session, item)
    names = [person(each.handle, each.name) for each in (other, one)]
    told = f"{names[0]} is on duty on {write_day(day.date())} instead of {names[1]}"
    if other_day is not None:
        told += f", who is in turn on {write_day(other_day.date())}"
    return Told(wrap(f"{told}. Both are told.", "  "), item)


@command("note")
@click.argument("text")
async def note(run: Run, text: str) -> Told:
    """Write down what whoever is on duty next should know; it stays as it is, for 90 days."""
    number = await care.hand_over(await (await run.member()).session(), text)
    return Told("It is written down for whoever is on duty next.", {"note": number})


@command("notes")
async def notes(run: Run) -> Told:
    """The 50 newest handover notes, newest first."""
    written = await care.handover(await (await run.member()).session(), NOTES_SHOWN)
    return Told(_tell_notes(written), {"notes": [asdict(each) for each in written]})
