"""Helpers: what somebody can help with, when they are free, and how far they go.

A session is enough to say so: no tokens move. Their place is that of their profile, as coarse as it
is there, and no other member sees any of this.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

import asyncpg
from asyncpg import Range
from pydantic import Field, StringConstraints

from node.calendar.time_field import LocalTime
from node.connections import Reader
from node.errors import NotFound, RequestInvalid
from node.help.minutes import DAY, minute_of, time_of
from node.http.fields import Model
from node.people.standing import hold_person
from node.people.writing import Slug

REACH_MAX = 20_000
HOURS_MAX = 50
SKILLS_MAX = 30

Trait = Literal["car", "step-free", "woman", "no-pets"]
"""Has a car, can help those who need it step-free, is a woman, comes without pets."""
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_ClockTime = Annotated[str, StringConstraints(pattern=f"^(?:{_TIME.pattern})$")]


class Hours(Model):
    """Free in a usual week: on ``weekday``, 1 for Monday, between two times such as ``09:30``."""

    weekday: Annotated[int, Field(ge=1, le=7)]
    begins: _ClockTime
    ends: _ClockTime


class Away(Model):
    """Away from one local time to another."""

    begins: LocalTime
    ends: LocalTime


class HelperItem(Model):
    """What somebody can help with. ``weekly`` are the minutes that they help in a week at the very
    most, ``reach`` the metres that they go."""

    weekly: Annotated[int, Field(ge=30, le=7 * DAY)]
    reach: Annotated[int, Field(ge=100, le=REACH_MAX)]
    skills: Annotated[list[Slug], Field(min_length=1, max_length=SKILLS_MAX)]
    traits: list[Trait] = Field(default=[], max_length=4)
    hours: Annotated[list[Hours], Field(min_length=1, max_length=HOURS_MAX)]
    away: Away | None = None


class Helper(Model):
    """A helper as they and the coordinators see them."""

    person: int
    weekly: int
    reach: int
    skills: list[str]
    traits: list[str]
    hours: list[Hours]
    away: Away | None


async def put_helper(connection: Reader, person: int, item: HelperItem, now: int) -> None:
    """Somebody helps, from now on, as ``item`` says. Inside a transaction; ``now`` in Unix
    milliseconds. Raises PersonUnknown, RequestInvalid."""
    free, away = _read_hours(item), _read_away(item)
    await hold_person(connection, person)  # their place comes from the profile, which waits
    known = await connection.fetch(
        "SELECT category FROM categories WHERE category = ANY($1::text[])", item.skills
    )
    unknown = sorted(set(item.skills) - {row["category"] for row in known})
    if unknown:
        raise RequestInvalid(
            [f"body.skills: there is no category {unknown[0]} here; /api/v1/categories lists them"]
        )
    await connection.execute(
        """
        INSERT INTO helpers (person, since, weekly, reach, skills, traits, free, away,
            easting, northing)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, easting, northing
        FROM (VALUES (1)) AS one LEFT JOIN profiles ON person = $1
        ON CONFLICT (person) DO UPDATE SET weekly = $3, reach = $4, skills = $5, traits = $6,
            free = $7, away = $8
        """,
        *(person, now, item.weekly, item.reach, sorted(set(item.skills))),
        *(sorted(set(item.traits)), free, away),
    )


def _read_hours(item: HelperItem) -> list[Range[int]]:
    found = []
    for number, hours in enumerate(item.hours):
        monday = (hours.weekday - 1) * DAY
        begins, ends = _minutes(hours.begins), _minutes(hours.ends)
        if begins >= ends:
            raise RequestInvalid([f"body.hours.{number}: they end before they begin"])
        found.append(Range(monday + begins, monday + ends))
    return found


def _minutes(time: str) -> int:
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)


def _read_away(item: HelperItem) -> Range[int] | None:
    if item.away is None:
        return None
    begins, ends = (
        read_minute(item.away.begins, "body.away"),
        read_minute(item.away.ends, "body.away"),
    )
    if begins >= ends:
        raise RequestInvalid(["body.away: it ends before it begins"])
    return Range(begins, ends)


def read_minute(time: datetime, where: str) -> int:
    """The minute of a local time that somebody sent. Raises RequestInvalid."""
    try:
        return minute_of(time)
    except ValueError as error:
        raise RequestInvalid([f"{where}: {error}"]) from None


async def read_helper(connection: Reader, person: int) -> Helper:
    """What they said of themselves. Raises NotFound."""
    row = await connection.fetchrow("SELECT * FROM helpers WHERE person = $1", person)
    if row is None:
        raise NotFound("helper of that number")
    return _render(row)


def _render(row: asyncpg.Record) -> Helper:
    away = row["away"]
    return Helper(
        person=row["person"],
        weekly=row["weekly"],
        reach=row["reach"],
        skills=row["skills"],
        traits=row["traits"],
        hours=[hours for piece in row["free"] for hours in _days(piece.lower, piece.upper)],
        away=away and Away(begins=time_of(away.lower), ends=time_of(away.upper)),
    )


def _days(begins: int, ends: int) -> list[Hours]:
    """A piece of a week, day by day: hours that meet at midnight are one piece."""
    found = []
    while begins < ends:
        day = begins // DAY
        end = min(ends, (day + 1) * DAY)
        found.append(
            Hours(weekday=day + 1, begins=_clock(begins - day * DAY), ends=_clock(end - day * DAY))
        )
        begins = end
    return found


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


async def drop_helper(connection: Reader, person: int) -> None:
    """They help no longer; what they agreed to stands. Raises NotFound."""
    if not await connection.fetchval(
        "DELETE FROM helpers WHERE person = $1 RETURNING true", person
    ):
        raise NotFound("helper of that number")
