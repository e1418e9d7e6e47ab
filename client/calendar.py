"""The circle's calendar as a node shows it. Times are those of the clock on the circle's wall."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from client.errors import AnswerInvalid, InputRefused
from client.json_fields import Fields
from client.node_session import NodeSession

EVENTS = "/api/v1/events"
OCCURRENCES_MAX = 200
"""Of one event."""
PAGE = {"limit": "200"}
SHOWN_MAX = 10_000
KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Own:
    """What this member answered: yes, no, or waiting for a place."""

    answer: str
    guests: int
    lift_offered: int
    lift_wanted: bool


@dataclass(frozen=True, slots=True)
class OccurrenceView:
    """One time at which an event is on; ``at`` names it in the API, ``starts`` is Unix ms.

    ``capacity`` is None for no limit, ``price`` is minor units, ``host`` None once erased.
    """

    event: int
    at: str
    begins: datetime
    ends: datetime
    starts: int
    moved: bool
    cancelled: bool
    note: str
    kind: str
    title: str
    words: str
    place: str
    access: str
    public: bool
    host: str | None
    capacity: int | None
    taken: int
    waiting: int
    price: int
    repeats: bool
    own: Own | None

    @property
    def over(self) -> int:
        """When it is over, in Unix milliseconds, but for a change of the clocks in between."""
        return self.starts + (self.ends - self.begins) // timedelta(milliseconds=1)

    @property
    def path(self) -> str:
        """Where it is in the API."""
        return f"{EVENTS}/{self.event}/occurrences/{self.at}"


@dataclass(frozen=True, slots=True)
class EventView:
    """An event with all its times, and what was written down at it."""

    number: int
    minutes: str
    occurrences: tuple[OccurrenceView, ...]


@dataclass(frozen=True, slots=True)
class AnswerView:
    """What somebody answered."""

    name: str | None
    answer: str
    guests: int
    lift_offered: int
    lift_wanted: bool


@dataclass(frozen=True, slots=True)
class ReminderView:
    """What is due to be told: "soon", "place", "changed" or "cancelled". ``due`` is Unix ms."""

    due: int
    kind: str
    event: int
    begins: datetime
    title: str


async def read_reminders(session: NodeSession) -> tuple[ReminderView, ...]:
    """What is due to this member in the next two weeks."""
    answer = await session.read("/api/v1/reminders")
    return answer.objects("reminders", OCCURRENCES_MAX, _read_reminder)


async def read_occurrences(
    session: NodeSession, parameters: dict[str, str]
) -> tuple[OccurrenceView, ...]:
    """What is on in a span of days. Raises InputRefused for more than a screen can be for."""
    found: list[OccurrenceView] = []
    asked = parameters | PAGE
    async for each in session.paged(EVENTS, asked, "occurrences", _read_occurrence):
        if len(found) == SHOWN_MAX:
            raise InputRefused(f"That is more than {SHOWN_MAX} events: ask for fewer days.")
        found.append(each)
    return tuple(found)


async def read_event(session: NodeSession, number: int) -> EventView:
    """An event with all its times."""
    return _read_event(await session.read(f"{EVENTS}/{number}"))


async def read_answers(session: NodeSession, occurrence: OccurrenceView) -> tuple[AnswerView, ...]:
    """Those who answered, as far as this member may see them."""
    answers = session.paged(f"{occurrence.path}/rsvps", PAGE, "rsvps", _read_answer)
    return tuple([each async for each in answers])


async def make_event(session: NodeSession, item: dict[str, Any]) -> EventView:
    """Put an event into the calendar, once however often the answer is lost.

    Its key is by chance: public feeds show it, and from one made of what is in the event, whoever
    reads them could find out who made it.
    """
    keyed = {**item, "key": secrets.token_hex(KEY_BYTES)}
    return _read_event(await session.changed("POST", EVENTS, keyed, repeatable=True))


async def change_event(session: NodeSession, number: int, changes: dict[str, Any]) -> EventView:
    """Change what an event is."""
    return _read_event(await session.changed("PATCH", f"{EVENTS}/{number}", changes))


async def change_occurrence(
    session: NodeSession, occurrence: OccurrenceView, changes: dict[str, Any]
) -> OccurrenceView:
    """Move or cancel one time of an event."""
    return _read_occurrence(await session.changed("PATCH", occurrence.path, changes))


async def answer_event(
    session: NodeSession, occurrence: OccurrenceView, answer: dict[str, Any]
) -> OccurrenceView:
    """Say whether one comes; the occurrence as it is then."""
    path = f"{occurrence.path}/rsvp"
    return _read_occurrence(await session.changed("PUT", path, answer))


def _read_event(event: Fields) -> EventView:
    view = EventView(
        number=event.integer("number", 1),
        minutes=event.text("minutes"),
        occurrences=event.objects("occurrences", OCCURRENCES_MAX, _read_occurrence),
    )
    if not view.occurrences:
        raise AnswerInvalid("has an event that is never on")
    return view


def _read_occurrence(each: Fields) -> OccurrenceView:
    return OccurrenceView(
        event=each.integer("event", 1),
        at=each.text("at", 16),
        begins=read_local(each, "begins"),
        ends=read_local(each, "ends"),
        starts=each.amount("starts"),
        moved=each.boolean("moved"),
        cancelled=each.boolean("cancelled"),
        note=each.text("note"),
        kind=each.text("kind", 32),
        title=each.text("title"),
        words=each.text("words"),
        place=each.text("place"),
        access=each.text("access"),
        public=each.boolean("public"),
        host=each.fields("host").optional("name", each.fields("host").text)
        if "host" in each
        else None,
        capacity=each.optional("capacity", each.integer),
        taken=each.integer("taken"),
        waiting=each.integer("waiting"),
        price=each.integer("price"),
        repeats="repeats" in each,
        own=_read_own(each.fields("own")) if "own" in each else None,
    )


def _read_reminder(each: Fields) -> ReminderView:
    return ReminderView(
        due=each.amount("due"),
        kind=each.text("kind", 32),
        event=each.integer("event", 1),
        begins=read_local(each, "begins"),
        title=each.text("title"),
    )


def read_local(each: Fields, name: str) -> datetime:
    """A local time, such as 2026-12-05T10:00. Raises AnswerInvalid."""
    try:
        found = datetime.fromisoformat(each.text(name, 16))
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise AnswerInvalid(f"has no time as {name} of {each.what}")
    return found


def _read_own(own: Fields) -> Own:
    return Own(
        answer=own.text("answer", 16),
        guests=own.integer("guests"),
        lift_offered=own.integer("lift_offered"),
        lift_wanted=own.boolean("lift_wanted"),
    )


def _read_answer(each: Fields) -> AnswerView:
    person, own = each.fields("person"), _read_own(each)
    return AnswerView(
        name=person.optional("name", person.text),
        answer=own.answer,
        guests=own.guests,
        lift_offered=own.lift_offered,
        lift_wanted=own.lift_wanted,
    )
