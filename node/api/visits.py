"""Answers to requests for help, and what came of each visit.

Coordinators say the same for those whom they ring, or who ring them; both names are kept.
"""

from __future__ import annotations

from typing import Annotated

import asyncpg
from pydantic import Field

from node.api.bounds import Number
from node.api.desk import check_apart
from node.api.help_models import HelpRequest
from node.api.help_requests import check_own
from node.api.help_views import render_request
from node.api.names import names_of_persons
from node.api.sessions import Session
from node.calendar.events import hold_circle_zone
from node.calendar.time_field import LocalTime
from node.circle import Circle
from node.connections import Reader
from node.errors import NotFound, RequestInvalid
from node.help import afterwards, outcomes
from node.help.answers import pick, say_no, say_yes
from node.help.helping import read_minute
from node.help.requests import read_request
from node.http.fields import Model
from node.people.standing import check_coordinator
from node.people.writing import Prose
from node.referrals.recalled import recall
from node.talking.notices import Notice, notify

ANSWER = "answer for somebody else"
FIND_OUT = "say what came of a visit that was missed"


class Yes(Model):
    """The local time at which they come; the first that suits both, where nothing is said."""

    begins: LocalTime | None = None
    person: Number | None = None


class No(Model):
    """Somebody cannot; a coordinator says so for another ``person``, whom they rang."""

    person: Number | None = None


class Chosen(Model):
    """A helper who said yes."""

    helper: Number


class Leaving(Model):
    """Whether they cannot come in all later weeks, either."""

    rest: bool = False


class Done(Model):
    """How many minutes it took."""

    minutes: Annotated[int, Field(ge=1, le=24 * 60)]


class Missing(Model):
    """Which of the two was not there; left out, it is not who says so."""

    who: afterwards.Side | None = None


class Found(Model):
    """Whether the helper failed to come, as a coordinator found out; or that it ``happened``."""

    failed: bool
    happened: bool = False


class Thanks(Model):
    """Thanks in words."""

    words: Annotated[Prose, Field(min_length=1)]


async def answer_yes(state: Circle, session: Session, request: Number, body: Yes) -> HelpRequest:
    """Come. The first who says so has the place, and the others are told.

    Where the asker picks, they choose among those who say so.
    """
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        zone = await hold_circle_zone(connection)
        helper, by = await _whom(connection, session, request, body.person)
        begins = None if body.begins is None else read_minute(body.begins, "body.begins")
        await say_yes(connection, request, helper, begins, zone, now, by)
        await _tell_helper(connection, request, helper, by, now)
        return await _show(connection, session, request, own=False)


async def answer_no(state: Circle, session: Session, request: Number, body: No) -> HelpRequest:
    """Not come. The next one is asked, and nobody thinks worse of it."""
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        helper, by = await _whom(connection, session, request, body.person)
        await say_no(connection, request, helper, now, by)
        await _tell_helper(connection, request, helper, by, now)
        return await _show(connection, session, request, own=False)


async def _whom(
    connection: Reader, session: Session, request: int, person: int | None
) -> tuple[int, int | None]:
    """Whose answer it is, and the coordinator who says it for them, if one does.

    Raises NotPermitted, also where who asked is that coordinator, or of their household.
    """
    if person is None or person == session.person:
        return session.person, None
    check_coordinator(session, ANSWER)
    asker = (await read_request(connection, request))["asker"]
    await check_apart(connection, session, ANSWER, asker)
    return person, session.person


async def _tell_helper(
    connection: Reader, request: int, helper: int, by: int | None, now: int
) -> None:
    """Tell a helper what was just said for them; but not who is rung up for it anyway."""
    if by is None:
        return
    said = await connection.fetchrow(
        """
        SELECT title, answer FROM asks JOIN help_requests ON number = request
        WHERE request = $1 AND helper = $2 AND answered_by = $3 AND answered = $4 AND NOT by_call
        """,
        *(request, helper, by, now),
    )
    if said is None:
        return
    who = (await names_of_persons(connection, [by]))[by].name or "A coordinator"
    can = "can" if said["answer"] == "yes" else "cannot"
    words = (
        f"{said['title']}: {who} noted for you that you {can} help. If that is not so, tell them:"
        f" tally asked {request} shows how it stands."
    )
    await notify(connection, helper, Notice("answered", f"help/{request}", words), now)


async def accept_helper(
    state: Circle, session: Session, request: Number, body: Chosen
) -> HelpRequest:
    """Take a helper who said yes: from now on they see where it is, and how to reach the asker.

    Before, what is set aside for their visits has to be promised to them, by ``assign`` orders.
    """
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        await check_own(connection, session, await read_request(connection, request), now)
        await outcomes.accept(connection, request, body.helper, now)
        return await _show(connection, session, request, own=True)


async def pick_helper(
    state: Circle, session: Session, request: Number, body: Chosen
) -> HelpRequest:
    """Pick one of those who said yes: the place is theirs, and waits to be promised to them."""
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        zone = await hold_circle_zone(connection)
        await check_own(connection, session, await read_request(connection, request), now)
        await pick(connection, request, body.helper, zone, now)
        return await _show(connection, session, request, own=True)


async def decline_helper(
    state: Circle, session: Session, request: Number, body: Chosen
) -> HelpRequest:
    """Rather have somebody else than this helper, who said yes; they are not told why."""
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        await check_own(connection, session, await read_request(connection, request), now)
        await outcomes.decline(connection, request, body.helper, now)
        return await _show(connection, session, request, own=True)


async def cancel_help_request(state: Circle, session: Session, request: Number) -> HelpRequest:
    """Need it no longer. What is set aside for it can be freed then, by orders."""
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        await check_own(connection, session, await read_request(connection, request), now)
        await outcomes.cancel(connection, request, session.person, now)
        return await _show(connection, session, request, own=True)


async def leave_visit(state: Circle, session: Session, visit: Number, body: Leaving) -> None:
    """Not be able to come after all. Another helper is looked for at once."""
    async with state.pool.acquire() as connection, connection.transaction():
        await _check_helper(connection, session, visit)
        await outcomes.leave(connection, visit, body.rest, state.clock(), session.person)


async def finish_visit(state: Circle, session: Session, visit: Number, body: Done) -> None:
    """Say that it is done, and how long it took: the helper, the asker or a coordinator."""
    async with state.pool.acquire() as connection, connection.transaction():
        await _check_side(connection, session, visit, state.clock())
        zone = await hold_circle_zone(connection)
        now = state.clock()
        await afterwards.finish(connection, visit, body.minutes, session.person, zone, now)


async def miss_visit(state: Circle, session: Session, visit: Number, body: Missing) -> None:
    """Say that the helper did not come, or that nobody was in: whoever is on duty is told.

    Coordinators, to whom either may have said it, say which of the two it was.
    """
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        await _check_side(connection, session, visit, now)
        row = await _read_of(connection, visit)
        is_side = session.person in (row["helper"], row["asker"])
        if body.who is None and session.is_coordinator and not is_side:
            raise RequestInvalid(["body.who: say who was not there, the helper or the asker"])
        await afterwards.miss(connection, visit, session.person, now, body.who)


async def confirm_miss(state: Circle, session: Session, visit: Number, body: Found) -> None:
    """Note what came of finding out why somebody was not there, or that it took place after all.

    Coordinators do not judge themselves, nor anybody of their household.
    """
    check_coordinator(session, FIND_OUT)
    async with state.pool.acquire() as connection, connection.transaction():
        row = await _read_of(connection, visit)
        await check_apart(connection, session, FIND_OUT, row["helper"], row["asker"])
        zone = await hold_circle_zone(connection)
        await afterwards.confirm_miss(connection, visit, body.failed, happened=body.happened)
        if body.happened:
            await recall(connection, visit, zone, state.clock())


async def thank_helper(state: Circle, session: Session, visit: Number, body: Thanks) -> None:
    """Thank the helper in words."""
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        await check_own(connection, session, await _read_of(connection, visit), now)
        await afterwards.thank(connection, visit, body.words, now)


async def _show(connection: Reader, session: Session, request: int, *, own: bool) -> HelpRequest:
    row = await read_request(connection, request)
    return await render_request(connection, row, session, own or row["asker"] == session.person)


async def _read_of(connection: Reader, visit: int) -> asyncpg.Record:
    row = await connection.fetchrow(
        """
        SELECT help_requests.*, helper FROM visits
            JOIN help_requests ON help_requests.number = request
        WHERE visits.number = $1
        """,
        visit,
    )
    if row is None:
        raise NotFound("visit of that number")
    return row


async def _check_helper(connection: Reader, session: Session, visit: int) -> None:
    """Raise NotFound for all but the helper and coordinators."""
    row = await _read_of(connection, visit)
    if row["helper"] != session.person and not session.is_coordinator:
        raise NotFound("visit of that number")


async def _check_side(connection: Reader, session: Session, visit: int, now: int) -> None:
    """Raise NotFound for all but the helper, who asked, and coordinators."""
    row = await _read_of(connection, visit)
    if row["helper"] != session.person and not session.is_coordinator:
        await check_own(connection, session, row, now)
