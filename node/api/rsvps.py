"""Answers: yes, no, or waiting for a place; guests and lifts; and what is due to be told."""

from __future__ import annotations

import asyncpg

from node.api.bounds import Limit, Number
from node.api.event_models import (
    AnswerItem,
    At,
    Occurrence,
    Repliers,
    read_at,
    render_occurrence,
    render_replier,
)
from node.api.events import SEE, TAKE_PART
from node.api.orders import Model
from node.api.sessions import Session
from node.calendar.events import read_circle_zone, read_occurrence
from node.calendar.local_time import write_local
from node.calendar.rsvps import Answer, answer, read_answers, read_due
from node.circle import Circle
from node.errors import NotPermitted, RequestInvalid
from node.people.standing import check_coordinator, check_member, check_reader

AHEAD_MS = 14 * 24 * 3600 * 1000
REMINDERS_MAX = 200


class Reminder(Model):
    """Something to be told: ``kind`` is soon (it is on), place (you have one), changed, cancelled.

    ``due`` and ``starts`` are Unix milliseconds, ``begins`` is local.
    """

    due: int
    kind: str
    event: int
    at: str
    begins: str
    starts: int
    title: str
    place: str


class Reminders(Model):
    """What is due, soonest first."""

    reminders: list[Reminder]


async def reply_to_event(
    state: Circle, session: Session, event: Number, at: At, body: AnswerItem
) -> Occurrence:
    """Say whether one comes. Without a place left one waits for it, and is told of one.

    The last answer counts. Whoever waits keeps their turn until they say no. A coordinator may
    enter the answer of a member who told them.
    """
    person = session.person if body.person is None else body.person
    if person != session.person:
        check_coordinator(session, "answer for somebody else")
    given, original = _read_answer(body), read_at(at)
    async with state.pool.acquire() as connection, connection.transaction():
        await check_member(connection, person, TAKE_PART)
        await answer(
            connection,
            *(event, original, person, given),
            entered_by=session.person,
            now=state.clock(),
        )
        zone = await read_circle_zone(connection)
        row = await read_occurrence(connection, person, event, original)
    return render_occurrence(row, zone)


def _read_answer(body: AnswerItem) -> Answer:
    comes = body.answer == "yes"
    brings = body.guests or body.lift_offered or body.lift_wanted
    if not comes and brings:
        raise RequestInvalid(["body: who does not come brings no guests and needs no lift"])
    if body.lift_offered and body.lift_wanted:
        raise RequestInvalid(["body: a lift is either offered or wanted"])
    return Answer(comes, body.guests, body.lift_offered, body.lift_wanted)


async def list_rsvps(
    state: Circle,
    session: Session,
    event: Number,
    at: At,
    cursor: Number = 0,
    limit: Limit = 50,
) -> Repliers:
    """Who comes, waits or cannot, for the host and coordinators.

    Others who come are shown those who come and offer or want a lift, and nobody else; and none
    with whom they have a block.
    """
    original = read_at(at)
    async with state.pool.acquire() as connection:
        await check_reader(connection, session, SEE)
        row = await read_occurrence(connection, session.person, event, original)
        sees_all = row["host"] == session.person or session.is_coordinator
        if not sees_all and row["answer"] != "yes":
            raise NotPermitted("its host, the coordinators and those who come", "see who comes")
        rows = await read_answers(
            connection,
            *(event, original, cursor, limit),
            lifts_for=None if sees_all else session.person,
        )
    following = str(rows[-1]["turn"]) if len(rows) == limit else None
    return Repliers(rsvps=[render_replier(each) for each in rows], next=following)


async def list_reminders(state: Circle, session: Session) -> Reminders:
    """What one is to be told of events in the next two weeks, and when; then it is a notice."""
    now = state.clock()
    async with state.pool.acquire() as connection:
        rows = await read_due(connection, session.person, now, now + AHEAD_MS, REMINDERS_MAX)
    return Reminders(reminders=[_render(row) for row in rows])


def _render(row: asyncpg.Record) -> Reminder:
    return Reminder(
        at=write_local(row["original"]),
        begins=write_local(row["begins"]),
        **{name: row[name] for name in ("due", "kind", "event", "starts", "title", "place")},
    )
