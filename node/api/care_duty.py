"""Who is on duty, the rota of it, and what one hands over to the next."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from node.api.bounds import NEWEST, Limit, Number
from node.api.sessions import Session
from node.calendar.events import read_circle_zone
from node.calendar.local_time import today, week_of, write_local
from node.care.duty import read_on_duty, read_turns
from node.care.handover import (
    NOTES_SHOWN,
    HandoverItem,
    HandoverNote,
    add_handover,
    read_handover,
)
from node.care.rota import (
    SwapItem,
    TurnsItem,
    UsualTurn,
    Weekday,
    drop_day,
    put_day,
    put_weekday,
    read_week,
    swap,
)
from node.circle import Circle
from node.connections import Reader
from node.errors import CalendarZoneUnset, NotYours, RequestInvalid
from node.http.fields import Model
from node.people.blocks import read_hidden
from node.people.profiles import Channel
from node.people.standing import check_coordinator, check_reader

DAYS_MAX = 62
_WRITE = "write the duty rota"

_Days = Annotated[int, Field(ge=1, le=DAYS_MAX, description="How many days")]


class DutyTurn(Model):
    """Somebody's duty. ``begins`` and ``ends`` are local, ``starts`` and ``stops`` milliseconds."""

    person: int
    begins: str
    ends: str
    starts: int
    stops: int


class OnDuty(Model):
    """Somebody of the rota, and how to reach them: null where they do not show that."""

    person: int
    handle: str
    name: str
    channel: Channel | None
    contact: str | None


class Duty(Model):
    """Who is on duty ``now``, and the turns that begin on some days, by numbers of ``people``."""

    zone: str | None
    now: list[int]
    turns: list[DutyTurn]
    people: list[OnDuty]


class UsualWeek(Model):
    """The turns of every week, from Monday on."""

    turns: list[UsualTurn]


class Handover(Model):
    """Handover notes, newest first; ``next`` is the cursor of what follows."""

    notes: list[HandoverNote]
    next: str | None


class Written(Model):
    """The number of a handover note."""

    number: int


async def get_duty(
    state: Circle, session: Session, from_: date | None = None, days: _Days = 7
) -> Duty:
    """Who is on duty now and on some days, this week from Monday on unless said, for members."""
    now = state.clock()
    if from_ is not None and not 1900 <= from_.year <= 9000:
        raise RequestInvalid([f"query.from: {from_} is on no rota"])
    async with state.pool.acquire() as connection:
        await check_reader(connection, session, "see who is on duty")
        try:
            zone = await read_circle_zone(connection)
        except CalendarZoneUnset:
            return Duty(zone=None, now=[], turns=[], people=[])
        first = from_ or week_of(today(now, zone))[0]
        turns = await read_turns(connection, first, first + timedelta(days=days - 1), zone)
        on_duty = await read_on_duty(connection, now)
        people = {*on_duty, *(turn.person for turn in turns)}
        return Duty(
            zone=zone.key,
            now=on_duty,
            turns=[
                DutyTurn(
                    person=turn.person,
                    begins=write_local(turn.begins),
                    ends=write_local(turn.ends),
                    starts=turn.starts,
                    stops=turn.stops,
                )
                for turn in turns
            ],
            people=await _read_people(connection, session, people),
        )


async def _read_people(
    connection: Reader, session: Session, people: Collection[int]
) -> list[OnDuty]:
    rows = await connection.fetch(
        """
        SELECT person, handle, name, coalesce(channel, 'app') AS channel,
            coalesce(contact, '') AS contact, coalesce('contact' = ANY(shown), false) AS shows
        FROM people LEFT JOIN profiles USING (person)
        WHERE person = ANY($1::bigint[]) ORDER BY person
        """,
        list(people),
    )
    hidden = await read_hidden(connection, session.person)
    found = []
    for row in rows:
        shows = row["shows"] and row["person"] not in hidden
        sees = shows or session.is_coordinator or row["person"] == session.person
        found.append(
            OnDuty(
                person=row["person"],
                handle=row["handle"],
                name=row["name"],
                channel=row["channel"] if sees else None,
                contact=row["contact"] if sees else None,
            )
        )
    return found


async def get_duty_week(state: Circle, session: Session) -> UsualWeek:
    """The usual week, for coordinators, who write it."""
    check_coordinator(session, "see the rota as it is written")
    async with state.pool.acquire() as connection:
        return UsualWeek(turns=await read_week(connection))


async def change_duty_weekday(
    state: Circle, session: Session, weekday: Weekday, body: TurnsItem
) -> UsualWeek:
    """Say who is on duty on such a day of every week; for coordinators, who are who can be."""
    check_coordinator(session, _WRITE)
    async with state.pool.acquire() as connection, connection.transaction():
        await put_weekday(connection, weekday, body.turns)
        return UsualWeek(turns=await read_week(connection))


async def change_duty_day(state: Circle, session: Session, day: date, body: TurnsItem) -> None:
    """Say who is on duty on one day, whatever the usual week has; for coordinators."""
    check_coordinator(session, _WRITE)
    async with state.pool.acquire() as connection, connection.transaction():
        await put_day(connection, day, body.turns, state.clock())


async def drop_duty_day(state: Circle, session: Session, day: date) -> None:
    """Let a day be as in every week again; for coordinators."""
    check_coordinator(session, _WRITE)
    async with state.pool.acquire() as connection:
        await drop_day(connection, day)


async def swap_duty(state: Circle, session: Session, body: SwapItem) -> None:
    """Give somebody's duty on one day to somebody else, perhaps for theirs on another.

    For coordinators; both are told.
    """
    check_coordinator(session, _WRITE)
    async with state.pool.acquire() as connection, connection.transaction():
        await swap(connection, body, state.clock())


async def list_handover(
    state: Circle, session: Session, cursor: Number = NEWEST, limit: Limit = NOTES_SHOWN
) -> Handover:
    """What those on duty before wrote down, for coordinators."""
    if not session.is_coordinator:
        raise NotYours("the handover notes")
    async with state.pool.acquire() as connection:
        notes = await read_handover(connection, cursor, limit)
    following = str(notes[-1].number) if len(notes) == limit else None
    return Handover(notes=notes, next=following)


async def add_handover_note(state: Circle, session: Session, body: HandoverItem) -> Written:
    """Write down what whoever is on duty next should know, for good; for coordinators."""
    check_coordinator(session, "write handover notes")
    async with state.pool.acquire() as connection, connection.transaction():
        number = await add_handover(connection, session.person, body.text, state.clock())
    return Written(number=number)
