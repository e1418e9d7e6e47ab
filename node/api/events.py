"""The calendar: events are made by members, and changed by their hosts and by coordinators."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
from pydantic import Field

from node.api.bounds import Limit, Number
from node.api.event_models import (
    At,
    Event,
    EventChange,
    EventItem,
    Occurrence,
    OccurrenceChange,
    Occurrences,
    read_at,
    render_event,
    render_occurrence,
)
from node.api.sessions import Session
from node.calendar.events import (
    COORDINATOR_EVENTS_MAX,
    MEMBER_EVENTS_MAX,
    NewEvent,
    cancel_rest,
    change_event,
    change_occurrence,
    hold_circle_zone,
    insert_event,
    lock_event,
    read_between,
    read_circle_zone,
    read_event,
    read_minutes,
    read_occurrence,
    tell_rest,
)
from node.calendar.local_time import is_on_the_clock, today
from node.calendar.repeats import DAYS_MAX, Repeats, parse_repeats
from node.calendar.rsvps import fill_all_places, fill_if_on
from node.circle import Circle
from node.connections import Reader
from node.errors import EventInvalid, NotPermitted, RequestInvalid
from node.people.standing import check_coordinator, check_member, check_reader

PAST_DAYS_MAX = 31
"""How long ago an event may have been that is entered afterwards, such as a meeting."""
DEFAULT_DAYS = 14
SEE = "see all of the calendar"
TAKE_PART = "take part in the calendar"

_Cursor = Annotated[str, Field(pattern="^[0-9]{12}-[0-9]{1,16}-[0-9]{12}$")]
_MINUTE = "%Y%m%d%H%M"


async def list_events(
    state: Circle,
    session: Session,
    from_: date | None = None,
    to: date | None = None,
    cursor: _Cursor | None = None,
    limit: Limit = 50,
) -> Occurrences:
    """What is on from one day to another, both included; two weeks from today unless told.

    Members see everything, also what is not public.
    """
    async with state.pool.acquire() as connection:
        await check_reader(connection, session, SEE)
        zone = await read_circle_zone(connection)
        first, last = _read_span(from_, to, today(state.clock(), zone))
        rows = await read_between(
            connection,
            session.person,
            datetime.combine(first, time.min),
            datetime.combine(last, time.max),
            None if cursor is None else _read_cursor(cursor),
            limit=limit,
        )
    following = _write_cursor(rows[-1]) if len(rows) == limit else None
    listed = [render_occurrence(row, zone) for row in rows]
    return Occurrences(zone=zone.key, occurrences=listed, next=following)


def _read_span(from_: date | None, to: date | None, now: date) -> tuple[date, date]:
    first = from_ or now
    if not 1900 <= first.year <= 9000:
        raise RequestInvalid([f"query.from: {first} is not in any calendar here"])
    last = to or first + timedelta(days=DEFAULT_DAYS - 1)
    if not first <= last <= first + timedelta(days=DAYS_MAX):
        raise RequestInvalid([f"query.to: it must be from {first} to {DAYS_MAX} days later"])
    return first, last


def _write_cursor(row: asyncpg.Record) -> str:
    return f"{row['begins']:{_MINUTE}}-{row['event']}-{row['original']:{_MINUTE}}"


def _read_cursor(cursor: str) -> tuple[datetime, int, datetime]:
    begins, event, original = cursor.split("-")
    try:
        return (
            datetime.strptime(begins, _MINUTE),
            int(event),
            datetime.strptime(original, _MINUTE),
        )
    except ValueError:
        raise RequestInvalid(["query.cursor: it is none of this node's"]) from None


async def get_event(state: Circle, session: Session, event: Number) -> Event:
    """An event with all its times."""
    async with state.pool.acquire() as connection:
        await check_reader(connection, session, SEE)
        return await _read(connection, session, event)


async def _read(connection: Reader, session: Session, number: int) -> Event:
    zone = await read_circle_zone(connection)
    rows = await read_event(connection, session.person, number)
    return render_event(rows, await read_minutes(connection, number), zone)


async def make_event(state: Circle, session: Session, body: EventItem) -> Event:
    """Put an event into the calendar.

    Members make social events; trading days, meetings and what somebody else hosts are for
    coordinators to enter. A time that is on the clock twice, when the clocks go back, is the first;
    one that the clock leaves out is refused, or later by an hour where it is one of a repeat.
    """
    now = state.clock()
    for_others = body.host is not None and body.host != session.person
    if body.kind != "social" or for_others:
        check_coordinator(session, "make trading days, meetings and events for others")
    async with state.pool.acquire() as connection, connection.transaction():
        zone = await hold_circle_zone(connection)
        check_time(body.begins, zone, now)
        host = session.person if body.host is None else body.host
        for person in {session.person, host}:
            await check_member(connection, person, TAKE_PART)
        number = await insert_event(
            connection,
            _new_event(body, session.person, host),
            zone,
            now,
            events_max=COORDINATOR_EVENTS_MAX if session.is_coordinator else MEMBER_EVENTS_MAX,
        )
        return await _read(connection, session, number)


def _new_event(body: EventItem, made_by: int, host: int) -> NewEvent:
    repeats = (
        Repeats("", (body.begins,))
        if body.repeats is None
        else parse_repeats(body.repeats, body.begins)
    )
    given = body.model_dump(exclude={"key", "begins", "repeats", "host"})
    return NewEvent(
        key=UUID(hex=body.key),
        host=host,
        made_by=made_by,
        repeats=repeats.rule or None,
        times=repeats.times,
        **given,
    )


def check_time(begins: datetime, zone: ZoneInfo, now: int) -> None:
    """Raise EventInvalid for a time that the clock leaves out, or that is too far off."""
    day, earliest = today(now, zone), timedelta(days=PAST_DAYS_MAX)
    if not day - earliest <= begins.date() <= day + timedelta(days=DAYS_MAX):
        span = f"{day - earliest} to {day + timedelta(days=DAYS_MAX)}"
        raise EventInvalid(f"the day must be from {span}")
    if not is_on_the_clock(begins, zone):
        raise EventInvalid(
            f"there is no {begins:%H:%M} on {begins.date()}, when the clocks go forward; take "
            "another time"
        )


async def check_host(connection: Reader, row: asyncpg.Record, session: Session) -> None:
    """Raise NotPermitted unless the event is a member's own, or one is a coordinator."""
    await check_reader(connection, session, TAKE_PART)
    if row["host"] != session.person and not session.is_coordinator:
        raise NotPermitted("its host and the coordinators", "change this event")


async def amend_event(state: Circle, session: Session, event: Number, body: EventChange) -> Event:
    """Change what an event is, write its minutes, or cancel all that is to come.

    Its times stay: one of them is moved by itself, and another rule is another event. Only
    coordinators give it to another host. Places that become free go to those who wait; all who come
    are to be told of another place.
    """
    now = state.clock()
    given = body.model_dump(exclude_unset=True, exclude={"cancelled", "note"})
    for name in given.keys() - {"capacity"}:
        if given[name] is None:
            raise RequestInvalid([f"body.{name}: leave it out if it is to stay as it is"])
    async with state.pool.acquire() as connection, connection.transaction():
        row = await lock_event(connection, event)
        await check_host(connection, row, session)
        if "host" in given and given["host"] != row["host"]:
            check_coordinator(session, "give an event to another host")
            await check_member(connection, given["host"], TAKE_PART)
        await change_event(connection, row, given, now)
        if body.cancelled:
            await cancel_rest(connection, event, body.note, now)
            return await _read(connection, session, event)
        if given.get("place", row["place"]) != row["place"]:
            await tell_rest(connection, event, now)
        if "capacity" in given:
            await fill_all_places(connection, event, given["capacity"], now)
        return await _read(connection, session, event)


async def amend_occurrence(
    state: Circle, session: Session, event: Number, at: At, body: OccurrenceChange
) -> Occurrence:
    """Move one occurrence to another time or place, cancel it, or take that back.

    All who come or wait are to be told, with the note. Free places of what is on again go to those
    who wait.
    """
    now, original = state.clock(), read_at(at)
    given: dict[str, Any] = body.model_dump(exclude_unset=True)
    for name in given.keys() - {"place"}:
        if given[name] is None:
            raise RequestInvalid([f"body.{name}: leave it out if it is to stay as it is"])
    async with state.pool.acquire() as connection, connection.transaction():
        zone = await hold_circle_zone(connection)
        await check_host(connection, await lock_event(connection, event), session)
        if "begins" in given:
            given["begins"] = body.begins
            check_time(given["begins"], zone, now)
        await change_occurrence(connection, event, original, given, zone, now)
        if given.get("cancelled") is False:
            await fill_if_on(connection, event, original, now)
        row = await read_occurrence(connection, session.person, event, original)
        return render_occurrence(row, zone)
