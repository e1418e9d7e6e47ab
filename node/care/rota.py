"""The duty rota as coordinators write it: a usual week, and days that are not as usual."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from ledger.errors import PersonUnknown
from node.api.bounds import Number
from node.api.names import PersonName, names_of_persons
from node.calendar.events import read_circle_zone
from node.calendar.local_time import today
from node.care.duty import Turn, read_turns
from node.connections import Reader
from node.errors import NotFound, NotPermitted, RequestInvalid
from node.http.fields import Day, Model
from node.talking.notices import Notice, notify_all

TURNS_MAX = 20
"""On one day."""
PAST_DAYS_MAX = 31
AHEAD_DAYS_MAX = 731

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)

_HOUR = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]")


def _read_hour(value: object) -> time:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and _HOUR.fullmatch(value):
        return time.fromisoformat(value)
    raise PydanticCustomError("hour", "Input should be a time of day like 09:30")


def _write_hour(value: time) -> str:
    return f"{value:%H:%M}"


Hour = Annotated[
    time,
    PlainValidator(_read_hour),
    PlainSerializer(_write_hour, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_HOUR.pattern}$"}),
]
"""A time of day on the clock on the circle's wall."""


class TurnItem(Model):
    """Somebody's duty; one that ends no later than it begins ends on the following day."""

    begins: Hour
    ends: Hour
    person: Number


class TurnsItem(Model):
    """All turns of a day; several people may be on duty at once, and nobody on some days."""

    turns: list[TurnItem] = Field(max_length=TURNS_MAX)

    @model_validator(mode="after")
    def _names_nobody_twice(self) -> TurnsItem:
        if len({(each.begins, each.person) for each in self.turns}) < len(self.turns):
            raise ValueError("somebody begins twice at one time")
        return self


class SwapItem(Model):
    """``person`` gives their duty on ``day`` to ``other``, perhaps for theirs on ``other_day``."""

    person: Number
    day: Day
    other: Number
    other_day: Day | None = None

    @model_validator(mode="after")
    def _are_two(self) -> SwapItem:
        if self.person == self.other:
            raise ValueError("person and other must be two people")
        if self.day == self.other_day:
            raise ValueError("day and other_day must be two days")
        return self


class UsualTurn(Model):
    """A turn of every week."""

    weekday: Weekday
    begins: Hour
    ends: Hour
    person: PersonName


async def read_week(connection: Reader) -> list[UsualTurn]:
    """The usual week, from Monday on."""
    rows = await connection.fetch("SELECT * FROM duty_week ORDER BY weekday, begins, ends, person")
    names = await names_of_persons(connection, {row["person"] for row in rows})
    return [
        UsualTurn(
            weekday=WEEKDAYS[row["weekday"]],
            begins=row["begins"],
            ends=row["ends"],
            person=names[row["person"]],
        )
        for row in rows
    ]


async def put_weekday(connection: Reader, weekday: Weekday, turns: Sequence[TurnItem]) -> None:
    """Write one day of the usual week anew, inside a transaction.

    Raises CalendarZoneUnset, PersonUnknown, NotPermitted.
    """
    await _hold_rota(connection)
    await _check_duty(connection, {turn.person for turn in turns})
    number = WEEKDAYS.index(weekday)
    await connection.execute("DELETE FROM duty_week WHERE weekday = $1", number)
    await connection.executemany(
        "INSERT INTO duty_week (weekday, begins, ends, person) VALUES ($1, $2, $3, $4)",
        [(number, turn.begins, turn.ends, turn.person) for turn in turns],
    )


async def put_day(connection: Reader, day: date, turns: Sequence[TurnItem], now: int) -> None:
    """Let a day not be as usual, inside a transaction.

    Raises CalendarZoneUnset, RequestInvalid, PersonUnknown, NotPermitted.
    """
    _check_day(day, now, await _hold_rota(connection))
    await _check_duty(connection, {turn.person for turn in turns})
    await _write_day(connection, day, turns)


async def drop_day(connection: Reader, day: date) -> None:
    """Let a day be as usual again."""
    await connection.execute("DELETE FROM duty_days WHERE day = $1", day)


async def swap(connection: Reader, item: SwapItem, now: int) -> None:
    """Give turns to somebody else, perhaps for theirs, inside a transaction; both are told.

    Raises CalendarZoneUnset, RequestInvalid, PersonUnknown, NotPermitted; NotFound where there is
    nothing to give.
    """
    zone = await _hold_rota(connection)
    await _check_duty(connection, {item.person, item.other})
    await _give(connection, item.day, item.person, item.other, now, zone)
    if item.other_day is not None:
        await _give(connection, item.other_day, item.other, item.person, now, zone)
    names = await names_of_persons(connection, {item.person, item.other})
    words = _tell_given(names[item.other], item.day, names[item.person])
    if item.other_day is not None:
        words += " " + _tell_given(names[item.person], item.other_day, names[item.other])
    notice = Notice("rota", "duty", words)
    await notify_all(connection, [item.person, item.other], notice, now)


def _tell_given(taker: PersonName, day: date, giver: PersonName) -> str:
    return f"{taker.name} is on duty on {day:%A} {day.day} {day:%B}, instead of {giver.name}."


async def _give(
    connection: Reader, day: date, giver: int, taker: int, now: int, zone: ZoneInfo
) -> None:
    _check_day(day, now, zone)
    turns = await read_turns(connection, day, day, zone)
    if not any(turn.person == giver for turn in turns):
        raise NotFound(f"duty of theirs on {day}")
    longest: dict[tuple[datetime, int], Turn] = {}
    for turn in turns:
        key = (turn.begins, taker if turn.person == giver else turn.person)
        if key not in longest or turn.ends > longest[key].ends:
            longest[key] = turn
    given = [
        TurnItem(begins=turn.begins.time(), ends=turn.ends.time(), person=person)
        for (_, person), turn in longest.items()
    ]
    await _write_day(connection, day, given)


async def _write_day(connection: Reader, day: date, turns: Sequence[TurnItem]) -> None:
    await connection.execute("INSERT INTO duty_days VALUES ($1) ON CONFLICT DO NOTHING", day)
    await connection.execute("DELETE FROM duty_turns WHERE day = $1", day)
    await connection.executemany(
        "INSERT INTO duty_turns (day, begins, ends, person) VALUES ($1, $2, $3, $4)",
        [(day, turn.begins, turn.ends, turn.person) for turn in turns],
    )


async def _hold_rota(connection: Reader) -> ZoneInfo:
    """Let the rota be written by one transaction after another. Raises CalendarZoneUnset."""
    zone = await read_circle_zone(connection)
    await connection.execute("LOCK TABLE duty_days IN SHARE ROW EXCLUSIVE MODE")
    return zone


def _check_day(day: date, now: int, zone: ZoneInfo) -> None:
    here = today(now, zone)
    first, last = here - timedelta(days=PAST_DAYS_MAX), here + timedelta(days=AHEAD_DAYS_MAX)
    if not first <= day <= last:
        raise RequestInvalid([f"day: the rota takes days from {first} to {last}, not {day}"])


async def _check_duty(connection: Reader, people: Collection[int]) -> None:
    rows = await connection.fetch(
        """
        SELECT person, EXISTS (SELECT FROM offices
            WHERE offices.person = people.person AND office = 'coordinator') AS fit
        FROM people WHERE person = ANY($1::bigint[])
        """,
        list(people),
    )
    fit = {row["person"]: row["fit"] for row in rows}
    for person in sorted(people):
        if person not in fit:
            raise PersonUnknown(person)
        if not fit[person]:
            raise NotPermitted("coordinators", "be on duty")
