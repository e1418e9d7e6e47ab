"""Events and answers as JSON has them. Times without an offset are those of the circle's wall."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
from pydantic import Field, StringConstraints

from ledger.codec import AMOUNT_MAX
from node.api.bounds import Number
from node.api.names import PersonName
from node.api.orders import Model
from node.calendar.local_time import local_of, write_local
from node.calendar.repeats import TEXT_CHARACTERS_MAX
from node.calendar.time_field import LOCAL_PATTERN, LocalTime, parse_local
from node.errors import NotFound
from node.people.writing import Line, Prose, Title

MINUTES_CHARACTERS_MAX = 20_000
CAPACITY_MAX = 1000
GUESTS_MAX = 5
LIFT_SEATS_MAX = 8
DURATION_MINUTES = (5, 7 * 24 * 60)

At = Annotated[str, Field(pattern=LOCAL_PATTERN, description="Which time of the event")]
"""The local time at which an occurrence was first meant to be: which one it is, for ever."""

_Minutes = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        max_length=MINUTES_CHARACTERS_MAX,
        pattern=get_args(Prose)[1].pattern,  # as other prose, but for its length
    ),
]
_Capacity = Annotated[int, Field(ge=1, le=CAPACITY_MAX)]
_Price = Annotated[int, Field(ge=0, le=AMOUNT_MAX)]
_Duration = Annotated[int, Field(ge=DURATION_MINUTES[0], le=DURATION_MINUTES[1])]
_Key = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
_Repeats = Annotated[str, Field(pattern="^[A-Z0-9=;,-]*$", max_length=TEXT_CHARACTERS_MAX)]

Kind = Literal["social", "trading", "meeting"]
Replied = Literal["yes", "no", "waiting"]


class EventItem(Model):
    """An event to be made. ``key`` is 16 random bytes: the same one again makes no second event.

    ``duration`` is minutes, ``price`` minor units (0 for free), ``repeats`` an RRULE, ``host``
    somebody else's number. Without ``capacity`` there is room for all.
    """

    key: _Key
    kind: Kind = "social"
    title: Title
    words: Prose = ""
    place: Line = ""
    access: Prose = ""
    public: bool = False
    capacity: _Capacity | None = None
    price: _Price = 0
    begins: LocalTime
    duration: _Duration
    repeats: _Repeats | None = None
    host: Number | None = None


class EventChange(Model):
    """What is to be different about an event. A field that is left out stays as it is.

    ``cancelled`` cancels all that is still to come, with ``note`` for a reason.
    """

    title: Title | None = None
    words: Prose | None = None
    place: Line | None = None
    access: Prose | None = None
    public: bool | None = None
    capacity: _Capacity | None = None
    price: _Price | None = None
    host: Number | None = None
    minutes: _Minutes | None = None
    cancelled: Literal[True] | None = None
    note: Line = ""


class OccurrenceChange(Model):
    """What is to be different this once. A field that is left out stays as it is."""

    begins: LocalTime | None = None
    place: Line | None = None
    cancelled: bool | None = None
    note: Line = ""


class AnswerItem(Model):
    """Whether somebody comes, with how many; seats that they offer, or a lift that they want.

    A coordinator may answer for another ``person``, who told them.
    """

    answer: Literal["yes", "no"]
    guests: Annotated[int, Field(ge=0, le=GUESTS_MAX)] = 0
    lift_offered: Annotated[int, Field(ge=0, le=LIFT_SEATS_MAX)] = 0
    lift_wanted: bool = False
    person: Number | None = None


class Own(Model):
    """What the reader answered; ``waiting`` is a yes for which there is no place yet."""

    answer: Replied
    guests: int
    lift_offered: int
    lift_wanted: bool


class Occurrence(Model):
    """One time at which an event is on.

    ``at`` names it for ever, ``begins`` and ``ends`` are local times, ``starts`` is Unix
    milliseconds. ``taken`` places are given, ``waiting`` people wait.
    """

    event: int
    at: str
    begins: str
    ends: str
    starts: int
    moved: bool
    cancelled: bool
    note: str
    kind: Kind
    title: str
    words: str
    place: str
    access: str
    public: bool
    host: PersonName | None
    capacity: int | None
    taken: int
    waiting: int
    price: int
    repeats: str | None
    own: Own | None


class Event(Model):
    """An event with all its times; ``minutes`` are what was written down at it."""

    number: int
    key: str
    minutes: str
    occurrences: list[Occurrence]


class Occurrences(Model):
    """What is on, in order; ``next`` is the cursor of what follows."""

    zone: str
    occurrences: list[Occurrence]
    next: str | None


class Replier(Model):
    """Somebody's answer, and who entered it."""

    person: PersonName
    answer: Replied
    guests: int
    lift_offered: int
    lift_wanted: bool
    entered_by: int | None


class Repliers(Model):
    """Who answered, in the order of their answers; ``next`` is the cursor of what follows."""

    rsvps: list[Replier]
    next: str | None


def read_at(at: str) -> datetime:
    """Which occurrence is meant. Raises NotFound for a time that no calendar has."""
    try:
        return parse_local(at)
    except ValueError:
        raise NotFound("event at that time") from None


def render_occurrence(row: asyncpg.Record, zone: ZoneInfo) -> Occurrence:
    """An occurrence as the store reads it."""
    return Occurrence(
        at=write_local(row["original"]),
        begins=write_local(row["begins"]),
        ends=write_local(local_of(row["starts"] + row["duration"] * 60_000, zone)),
        host=None if row["host"] is None else _render_host(row),
        own=None if row["answer"] is None else _render_own(row),
        **{
            name: row[name]
            for name in (
                *("event", "starts", "moved", "cancelled", "note", "kind", "title", "words"),
                *("place", "access", "public", "capacity", "taken", "waiting", "price", "repeats"),
            )
        },
    )


def _render_host(row: asyncpg.Record) -> PersonName:
    return PersonName(person=row["host"], handle=row["host_handle"], name=row["host_name"])


def _render_own(row: asyncpg.Record) -> Own:
    names = ("answer", "guests", "lift_offered", "lift_wanted")
    return Own(**{name: row[name] for name in names})


def render_event(rows: list[asyncpg.Record], minutes: str, zone: ZoneInfo) -> Event:
    """An event with all its occurrences."""
    key: UUID = rows[0]["key"]
    return Event(
        number=rows[0]["event"],
        key=key.hex,
        minutes=minutes,
        occurrences=[render_occurrence(row, zone) for row in rows],
    )


def render_replier(row: asyncpg.Record) -> Replier:
    """An answer as the store reads it."""
    return Replier(
        person=PersonName(person=row["person"], handle=row["handle"], name=row["name"]),
        **{
            name: row[name]
            for name in ("answer", "guests", "lift_offered", "lift_wanted", "entered_by")
        },
    )
