"""Complaints: made by members, dealt with by coordinators whom they are not about."""

from __future__ import annotations

from node.api.bounds import Limit, Number
from node.api.sessions import Session
from node.care.complaints import (
    Complaint,
    ComplaintItem,
    Outcome,
    add_complaint,
    close_complaint,
    read_complaints,
)
from node.circle import Circle
from node.errors import NotYours
from node.http.fields import Model
from node.people.standing import check_coordinator


class Received(Model):
    """The number of a complaint, which coordinators see now."""

    number: int


class Complaints(Model):
    """Complaints, newest first; ``next`` is the cursor of what follows."""

    complaints: list[Complaint]
    next: str | None


async def complain(state: Circle, session: Session, body: ComplaintItem) -> Received:
    """Complain to the coordinators of a listing, an event, help, or a message.

    Whom it is about is not told, and does not see it; nor does a coordinator who shares an account
    with them.
    """
    async with state.pool.acquire() as connection, connection.transaction():
        return Received(number=await add_complaint(connection, session, body, state.clock()))


async def list_complaints(
    state: Circle, session: Session, cursor: Number | None = None, limit: Limit = 50
) -> Complaints:
    """All complaints, for coordinators, but for those about them or whom they live with."""
    if not session.is_coordinator:
        raise NotYours("the complaints")
    async with state.pool.acquire() as connection:
        complaints = await read_complaints(connection, session, cursor, limit)
    following = str(complaints[-1].number) if len(complaints) == limit else None
    return Complaints(complaints=complaints, next=following)


async def settle_complaint(state: Circle, session: Session, number: Number, body: Outcome) -> None:
    """Say what came of a complaint, for coordinators."""
    check_coordinator(session, "deal with complaints")
    async with state.pool.acquire() as connection:
        await close_complaint(connection, session, number, body.outcome, state.clock())
