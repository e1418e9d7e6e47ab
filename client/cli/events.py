"""``tally events``: what is on, and what one does with events of one's own."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from client import calendar
from client.cli.amounts import read_amount
from client.cli.command import Told, command
from client.cli.days import DAY
from client.cli.event_times import TIME, choose_occurrence, read_length, write_rule, write_time
from client.cli.event_words import (
    occurrence_fields,
    reminder_fields,
    tell_answers,
    tell_days,
    tell_event,
    tell_news,
    tell_when,
)
from client.cli.lazy_group import Entry, LazyGroup
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import listed, plain, wrap
from client.clock import unix_ms
from client.errors import NodeRefused

_HERE = "client.cli.events"
_CHANGES = "client.cli.event_changes"

SECTIONS = {
    "Commands": {
        "list": Entry(f"{_HERE}:show_days", "What is on, day by day."),
        "show": Entry(f"{_HERE}:show", "All about one event, and who comes."),
        "add": Entry(f"{_HERE}:add", "Put an event into the calendar."),
        "change": Entry(f"{_CHANGES}:change", "Change what an event is."),
        "move": Entry(f"{_CHANGES}:move", "Move an event, or one of its days."),
        "cancel": Entry(f"{_CHANGES}:cancel", "Cancel an event, or one of its days."),
        "minutes": Entry(f"{_CHANGES}:minutes", "Write down what a meeting came to."),
        "feed": Entry(f"{_CHANGES}:feed", "Your own address for the calendar on your phone."),
        "zone": Entry(f"{_CHANGES}:zone", "Say which time zone the circle is in."),
    },
}

_DAYS = (
    click.option("--week", is_flag=True, help="This week, from Monday to Sunday."),
    click.option("--from", "since", type=DAY, metavar="DAY", help="From this day."),
    click.option("--to", "until", type=DAY, metavar="DAY", help="To this day."),
)


def _days(function: Any) -> Any:
    for option in reversed(_DAYS):
        function = option(function)
    return function


class _Events(LazyGroup):
    """A number alone is an event's: it is shown."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, ["show", *args] if args and args[0].isdigit() else args)


@click.group("events", cls=_Events, sections=SECTIONS, invoke_without_command=True)
@_days
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def events(
    context: click.Context,
    week: bool,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> int:
    """What is on in the circle. Without a command: the next two weeks."""
    if context.invoked_subcommand is not None:
        return 0
    status: int = context.invoke(
        show_days,
        circle=None,
        home=None,
        as_json=as_json,
        week=week,
        since=since,
        until=until,
    )
    return status


@command("list")
@_days
async def show_days(run: Run, week: bool, since: datetime | None, until: datetime | None) -> Told:
    """What is on, day by day: the next two weeks, unless you say.

    First whatever happened to events that you answered to.
    """
    if week:
        first = since or datetime.fromtimestamp(unix_ms() / 1000)
        since = first - timedelta(days=first.weekday())
        until = since + timedelta(days=6)
    named = {"from": since, "to": until}
    parameters = {name: f"{day:%Y-%m-%d}" for name, day in named.items() if day is not None}
    session = await (await run.member()).session()
    found = await calendar.read_occurrences(session, parameters)
    reminders = await calendar.read_reminders(session)
    fields = {
        "events": [occurrence_fields(each) for each in found],
        "reminders": [reminder_fields(each) for each in reminders],
    }
    days = tell_days(found) or "There is nothing in the calendar for these days."
    news = tell_news(reminders)
    return Told("\n".join([*news, "", days] if news else [days]), fields)


@command("show")
@click.argument("event", type=click.IntRange(1, 2**53 - 1), metavar="EVENT")
@click.option("--on", type=DAY, metavar="DAY", help="On which day, if it is on several.")
async def show(run: Run, event: int, on: datetime | None) -> Told:
    """All about one event: where, for whom, and who comes, as far as you may see it."""
    member = await run.member()
    session = await member.session()
    view = await calendar.read_event(session, event)
    chosen = choose_occurrence(view.occurrences, on, also_over=True)
    try:
        answers = await calendar.read_answers(session, chosen)
    except NodeRefused as refused:
        if refused.problem != "not-permitted":
            raise
        answers = ()
    lines = tell_event(chosen, member.circle.unit) + tell_answers(answers)
    others = [each for each in view.occurrences if each is not chosen and not each.cancelled]
    if others:
        days = [tell_when(each.begins) for each in others[:5]]
        more = f", and {len(others) - 5} more times" if len(others) > 5 else ""
        lines.append(wrap(f"Also on {listed(days)}{more}.", "  "))
    if view.minutes:
        lines += ["", *(plain(line) for line in view.minutes.split("\n"))]
    fields = {
        "event": view.number,
        "minutes": view.minutes,
        "occurrence": occurrence_fields(chosen),
        "occurrences": [occurrence_fields(each) for each in view.occurrences],
        "answers": [
            {"name": each.name, "answer": each.answer, "guests": each.guests} for each in answers
        ],
    }
    return Told("\n".join(lines), fields)


@command("add")
@click.argument("title", metavar="TITLE")
@click.option("--at", "begins", type=TIME, metavar="TIME", required=True, help="When it begins.")
@click.option("--for", "length", metavar="LENGTH", default="2h", show_default=True)
@click.option("--place", metavar="TEXT", default="", help="Where it is.")
@click.option("--words", metavar="TEXT", default="", help="What it is about.")
@click.option("--access", metavar="TEXT", default="", help="Getting in: step-free, a ramp...")
@click.option("--room", type=click.IntRange(1, 1000), metavar="N", help="For so many people.")
@click.option("--price", metavar="AMOUNT", help="What it costs; free otherwise.")
@click.option("--public", is_flag=True, help="For anybody to see, not only for members.")
@click.option("--every", metavar="HOW-OFTEN", help='"week", "2 weeks", "month" or "day".')
@click.option("--until", type=DAY, metavar="DAY", help="The last day of what repeats.")
@click.option("--times", type=click.IntRange(1, 200), metavar="N", help="Or how many times.")
@click.option("--kind", type=click.Choice(["social", "trading", "meeting"]), default="social")
@click.option("--host", metavar="WHO", help="Who hosts it, if it is not you.")
async def add(run: Run, title: str, begins: datetime, length: str, **given: Any) -> Told:
    """Put an event into the calendar, such as: add "Coffee morning" --at "2026-12-05 10:00".

    Times are those of the clock where the circle is. What repeats stays at its time when the clocks
    change. Trading days and meetings are for coordinators.
    """
    member = await run.member()
    item = {
        "title": title,
        "begins": write_time(begins),
        "duration": read_length(length),
        **{name: given[name] for name in ("place", "words", "access", "public", "kind")},
    }
    rule = write_rule(given["every"], begins, given["until"], given["times"])
    if rule is not None:
        item["repeats"] = rule
    if given["room"] is not None:
        item["capacity"] = given["room"]
    if given["price"] is not None:
        item["price"] = read_amount(given["price"], member.circle.unit)
    if given["host"] is not None:
        item["host"] = (await find_person(run, given["host"])).person
    view = await calendar.make_event(await member.session(), item)
    return Told(
        f"It is in the calendar as number {view.number}, on {_tell_times(view)}.",
        {"event": view.number, "occurrences": [occurrence_fields(e) for e in view.occurrences]},
    )


def _tell_times(view: calendar.EventView) -> str:
    first, last = view.occurrences[0], view.occurrences[-1]
    if first is last:
        return tell_when(first.begins)
    count = len(view.occurrences)
    return f"{tell_when(first.begins)}, and {count - 1} more times until {tell_when(last.begins)}"
