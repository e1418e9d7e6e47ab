"""Asking for help, and answering: what members do, and what coordinators do for who phones.

Tokens are set aside, promised to a helper, paid and freed by orders, as everything is that moves
them; what is said here is checked against what was ordered.
"""

from __future__ import annotations

from typing import Annotated

import asyncpg
from pydantic import Field

from ledger.codec import AMOUNT_MAX
from node.api.bounds import Limit, Number
from node.api.help_models import HelpRequest, HelpRequests
from node.api.help_views import NEEDY, promised_until, render_request, render_requests
from node.api.helping import read_hour
from node.api.sessions import Session
from node.calendar.events import hold_circle_zone
from node.circle import Circle
from node.connections import Reader
from node.errors import HelpOver, NotFound, RequestInvalid
from node.help.asking import LEAD_MINUTES
from node.help.minutes import minute_at
from node.help.request import HelpItem, read_windows, usual_most
from node.help.requests import (
    Asker,
    add_request,
    lock_request,
    open_request,
    read_request,
    read_visits,
)
from node.http.fields import Model
from node.people.standing import check_member, check_owner, member_condition

TAKE_PART = "ask for help and give it"


class Promise(Model):
    """The entries that set aside what each visit needs, one for each."""

    holds: Annotated[list[Number], Field(min_length=1, max_length=100)]


async def make_help_request(state: Circle, session: Session, body: HelpItem) -> HelpRequest:
    """Ask for help, in two steps: this one is a draft, of which nobody is told.

    Then set aside ``most`` for each of its visits until its ``until``, by a ``hold`` that names
    nobody and lets a coordinator decide, and name those entries to its ``promise``.
    """
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        zone = await hold_circle_zone(connection)
        asker = await _find_asker(connection, session, body, now)
        windows = read_windows(body, minute_at(now, zone) + LEAD_MINUTES)
        hour = await read_hour(state, connection)
        most = body.most or _usual_most(body, hour)
        number = await add_request(connection, asker, body, windows, most, hour, zone, now)
        return await render_request(
            connection, await read_request(connection, number), session, own=True
        )


def _usual_most(item: HelpItem, hour: int | None) -> int:
    if hour is None:
        raise RequestInvalid(
            ["body.most: say how much it may cost; nobody has said yet what an hour of help is"]
        )
    return usual_most(item.minutes, hour)


async def _find_asker(connection: Reader, session: Session, item: HelpItem, now: int) -> Asker:
    """Who asks, with an account of theirs. Raises NotPermitted, RequestInvalid, PersonUnknown."""
    person = session.person if item.person is None else item.person
    rows = await connection.fetch(
        """
        SELECT number, deviceless FROM holders JOIN accounts ON number = account AND NOT closed
        WHERE person = $1 ORDER BY number
        """,
        person,
    )
    account = next((r for r in rows if item.account in (None, r["number"])), None)
    if account is None:
        await check_member(connection, person, TAKE_PART)
        raise RequestInvalid(["body.account: it is no open account of theirs"])
    if not await _may_act(connection, session, person, account["number"], now):
        await check_owner(connection, session, person, "ask for help with what is theirs")
    return Asker(person, account["number"], session.person, account["deviceless"])


async def _may_act(
    connection: Reader, session: Session, person: int, account: int, now: int
) -> bool:
    """Whether somebody has a mandate to set tokens aside for them."""
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (SELECT FROM mandates
                WHERE account = $1 AND person = $2 AND 'hold' = ANY(scope) AND until > $3)
            """,
            *(account, session.person, now),
        )
    )


async def is_own(connection: Reader, session: Session, row: asyncpg.Record, now: int) -> bool:
    """Whether the caller asked, or acts for who did: by mandate, or as a coordinator they rang."""
    if row["asker"] == session.person:
        return True
    if row["phones"] and session.is_coordinator:
        return True
    return await _may_act(connection, session, row["asker"] or 0, row["account"], now)


async def check_own(connection: Reader, session: Session, row: asyncpg.Record, now: int) -> None:
    if not await is_own(connection, session, row, now):
        raise NotFound("request for help of yours with that number")


async def promise_help(
    state: Circle, session: Session, request: Number, body: Promise
) -> HelpRequest:
    """Name the entries that set tokens aside for the visits: then helpers are asked.

    They may be named in parts, and again. Where what was set aside for a visit is so no longer,
    another entry takes its place, also for one to which somebody comes.
    """
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        row = await lock_request(connection, request)
        await check_own(connection, session, row, now)
        if row["status"] in ("over", "cancelled"):
            raise HelpOver(request)
        await _bind(connection, row, body.holds)
        await open_request(connection, request, now)
        return await render_request(
            connection, await read_request(connection, request), session, own=True
        )


async def _bind(connection: Reader, row: asyncpg.Record, holds: list[int]) -> None:
    visits = await read_visits(connection, row["number"])
    known = {visit["hold"] for visit in visits}
    free = [visit for visit in visits if visit["hold"] is None and visit["status"] in NEEDY]
    fresh = [hold for hold in dict.fromkeys(holds) if hold not in known]
    if len(fresh) > len(free):
        raise RequestInvalid([f"body.holds: only {len(free)} visits need one"])
    for visit, hold in zip(free, fresh, strict=False):
        fits = await connection.fetchval(
            """
            SELECT account = $2 AND amount = $3 AND until >= $4 AND payee IS NULL AND coordinator
                AND evidence IS NULL AND NOT EXISTS (SELECT FROM visits WHERE hold = index)
            FROM holds WHERE index = $1
            """,
            *(hold, row["account"], row["most"], promised_until(row["ends"], visit["week"])),
        )
        if not fits:
            raise RequestInvalid(
                [
                    f"body.holds: entry {hold} sets nothing aside for this: account"
                    f" {row['account']}, amount {row['most']}, for nobody yet, a coordinator may"
                    f" decide, until {promised_until(row['ends'], visit['week'])} at least"
                ]
            )
        try:
            await connection.execute(
                "UPDATE visits SET hold = $2 WHERE number = $1", visit["number"], hold
            )
        except asyncpg.UniqueViolationError:
            told = f"body.holds: entry {hold} was named for something else at the same moment"
            raise RequestInvalid([told]) from None


async def get_help_request(state: Circle, session: Session, request: Number) -> HelpRequest:
    """A request, for who asked, who was asked, and coordinators."""
    async with state.pool.acquire() as connection:
        row = await read_request(connection, request)
        own = await is_own(connection, session, row, state.clock())
        if not (own or session.is_coordinator):
            asked = await connection.fetchval(
                f"""
                SELECT {member_condition("$2")}
                    AND EXISTS (SELECT FROM asks WHERE request = $1 AND helper = $2)
                """,
                *(request, session.person),
            )
            if not asked:
                raise NotFound("request for help of that number")
        return await render_request(connection, row, session, own)


_ASKED = f"""
    SELECT help_requests.* FROM asks JOIN help_requests ON number = request
    WHERE helper = $1 AND {member_condition("$1")} AND number < $2 ORDER BY number DESC LIMIT $3
"""
_OWN = """
    SELECT * FROM help_requests
    WHERE number < $2 AND (asker = $1 OR made_by = $1 AND ($4 OR EXISTS (
        SELECT FROM mandates
        WHERE mandates.account = help_requests.account AND person = $1
            AND 'hold' = ANY(scope) AND until > $5
    )))
    ORDER BY number DESC LIMIT $3
"""


async def list_help_requests(
    state: Circle,
    session: Session,
    asked: Annotated[
        bool, Field(description="What one was asked, instead of what one asked")
    ] = False,
    cursor: Number = AMOUNT_MAX,
    limit: Limit = 20,
) -> HelpRequests:
    """What one asked for, or was asked for, newest first; whoever left sees the first alone.

    With what one asked for stands what one entered for others, while one may act for them.
    """
    now = state.clock()
    async with state.pool.acquire() as connection:
        if asked:
            rows = await connection.fetch(_ASKED, session.person, cursor, limit)
        else:
            rows = await connection.fetch(
                _OWN, *(session.person, cursor, limit, session.is_coordinator, now)
            )
        own = {row["number"] for row in rows if await is_own(connection, session, row, now)}
        found = await render_requests(connection, rows, session, own)
    return HelpRequests(requests=found, next=rows[-1]["number"] if len(rows) == limit else None)
