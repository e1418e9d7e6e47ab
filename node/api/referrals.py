"""Requests for help that pass between neighbouring circles: what coordinators allow, and what
askers say of those whom a neighbour offers."""

from __future__ import annotations

from typing import Annotated

import asyncpg
from pydantic import Field

from node.api.bounds import Hash, Number
from node.api.help_models import HelpRequest
from node.api.help_requests import check_own
from node.api.help_views import render_request
from node.api.sessions import Session
from node.calendar.events import hold_circle_zone
from node.circle import Circle
from node.connections import Reader
from node.errors import HelpOver, NotFound, RequestInvalid
from node.help.outcomes import lock_visit
from node.help.requests import lock_request, read_request
from node.http.fields import Model
from node.http.reply import Reply
from node.people.standing import check_coordinator, check_reader
from node.referrals.offers import accept_offer, decline_offer
from node.referrals.terms import (
    NeighbourTerms,
    ReferralTerms,
    change_terms,
    find_link,
    read_terms,
)

OCTETS = "application/octet-stream"
ALLOW = "say what passes between this circle and its neighbours"


class NeighbourTermsList(Model):
    """What may pass, neighbour by neighbour."""

    neighbours: list[NeighbourTerms]


class Wider(Model):
    """Whether neighbouring circles may be asked, too, when nobody here can come."""

    wider: bool


class VisitPayment(Model):
    """The payment by which the helper of a neighbouring circle is paid: its id."""

    payment: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


async def exchange_referrals(state: Circle, body: bytes) -> Reply:
    """Take what a neighbour wants and offers, and answer with what it has to know."""
    return Reply(await state.referring.answer(body), content_type=OCTETS)


async def list_referral_terms(state: Circle, session: Session) -> NeighbourTermsList:
    """What may pass between this circle and each neighbour."""
    async with state.pool.acquire() as connection:
        await check_reader(connection, session, "see what passes between circles")
        links = state.writer.loaded.links.values()
        return NeighbourTermsList(neighbours=await read_terms(connection, links))


async def change_referral_terms(
    state: Circle, session: Session, circle: Hash, body: ReferralTerms
) -> NeighbourTermsList:
    """Say what may pass to and from a neighbour: for coordinators."""
    check_coordinator(session, ALLOW)
    links = state.writer.loaded.links.values()
    async with state.pool.acquire() as connection, connection.transaction():
        await change_terms(connection, find_link(links, circle), body)
        return NeighbourTermsList(neighbours=await read_terms(connection, links))


async def change_wider(
    state: Circle, session: Session, request: Number, body: Wider
) -> HelpRequest:
    """Let neighbouring circles be asked for help, too, or no longer; the circle has to allow it."""
    async with state.pool.acquire() as connection, connection.transaction():
        row = await lock_request(connection, request)
        await check_own(connection, session, row, state.clock())
        if row["status"] in ("over", "cancelled"):
            raise HelpOver(request)
        await connection.execute(
            "UPDATE help_requests SET wider = $2 WHERE number = $1", request, body.wider
        )
        return await _show(connection, session, request)


async def accept_neighbour(
    state: Circle, session: Session, request: Number, offer: Number
) -> HelpRequest:
    """Take somebody of a neighbouring circle: now they learn where, and from whom."""
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        await check_own(connection, session, await read_request(connection, request), now)
        zone = await hold_circle_zone(connection)
        await accept_offer(connection, request, offer, zone, now)
        return await _show(connection, session, request)


async def decline_neighbour(
    state: Circle, session: Session, request: Number, offer: Number
) -> HelpRequest:
    """Rather have somebody else than this one of a neighbouring circle; they are not told why."""
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        await check_own(connection, session, await read_request(connection, request), now)
        await decline_offer(connection, request, offer, now)
        return await _show(connection, session, request)


async def name_payment(
    state: Circle, session: Session, visit: Number, body: VisitPayment
) -> HelpRequest:
    """Say by which payment the helper of a neighbouring circle is paid, before it is ordered.

    So it is known what was paid, however often that is interrupted. Another one may be named where
    the first came back; or, by the device that named it, while it never came to this node.
    """
    payment = bytes.fromhex(body.payment)
    async with state.pool.acquire() as connection, connection.transaction():
        row, found = await lock_visit(connection, visit)
        await check_own(connection, session, row, state.clock())
        if found["offer"] is None or found["status"] != "done":
            raise NotFound("visit of that number that is done, and to be paid to a neighbour")
        if found["payment"] != payment:
            await _check_unpaid(connection, session, found)
        try:
            await connection.execute(
                "UPDATE visits SET payment = $2, named_by = $3 WHERE number = $1",
                *(visit, payment, session.device),
            )
        except asyncpg.UniqueViolationError:
            raise RequestInvalid(["body.payment: it is for another visit"]) from None
        return await _show(connection, session, row["number"])


async def _check_unpaid(connection: Reader, session: Session, visit: asyncpg.Record) -> None:
    """Raise RequestInvalid where it may be that another payment is on its way, or was made."""
    if visit["payment"] is None:
        return
    status = await connection.fetchval(
        "SELECT status FROM transits WHERE payment = $1", visit["payment"]
    )
    never_came = status is None and visit["named_by"] == session.device
    if status != "released" and not never_came:
        raise RequestInvalid(["body.payment: it is being paid, or was, by another one"])


async def _show(connection: Reader, session: Session, request: int) -> HelpRequest:
    row = await read_request(connection, request)
    return await render_request(connection, row, session, own=True)
