"""Safeguarding: who looks after it, concerns, and who is left out of matching for now."""

from __future__ import annotations

from node.api.bounds import Limit, Number
from node.api.sessions import Session
from node.care.concerns import (
    Closing,
    Concern,
    ConcernItem,
    ConcernLine,
    ConcernNumber,
    NoteItem,
    Raised,
    add_note,
    close_concern,
    hand_on,
    open_concern,
    pin_concern,
    raise_concern,
    read_lines,
)
from node.care.readers import tell_readers
from node.care.safeguarding import (
    Safeguarding,
    SafeguardingItem,
    is_carer,
    put_safeguarding,
    read_safeguarding,
)
from node.care.suspensions import (
    Suspension,
    SuspensionItem,
    lift,
    read_suspension,
    read_suspensions,
    suspend,
)
from node.circle import Circle
from node.errors import NotYours
from node.http.fields import Model
from node.people.standing import check_coordinator, check_reader


class Concerns(Model):
    """Concerns, newest first; ``next`` is the cursor of what follows."""

    concerns: list[ConcernLine]
    next: str | None


class Suspensions(Model):
    """Who is suspended, by their numbers; ``next`` is the cursor of what follows."""

    suspensions: list[Suspension]
    next: str | None


async def get_safeguarding(state: Circle, session: Session) -> Safeguarding:
    """Who reads what members are worried about: the lead, or the deputy in their place."""
    async with state.pool.acquire() as connection:
        await check_reader(connection, session, "see who looks after safeguarding")
        return await read_safeguarding(connection)


async def change_safeguarding(
    state: Circle, session: Session, body: SafeguardingItem
) -> Safeguarding:
    """Name the lead and the deputy, who are told; for coordinators.

    They read what is raised from then on.
    """
    check_coordinator(session, "say who looks after safeguarding")
    async with state.pool.acquire() as connection, connection.transaction():
        now = state.clock()
        await put_safeguarding(connection, body, now)
        await tell_readers(connection, now)
        return await read_safeguarding(connection)


async def add_concern(state: Circle, session: Session, body: ConcernItem) -> Raised:
    """Raise a concern for somebody's safety. Whom it is about is never shown it.

    The lead reads it; the deputy where it is about the lead or their household; or else the
    coordinators whom it is not about. In an emergency, call the emergency number first.
    """
    async with state.pool.acquire() as connection, connection.transaction():
        return await raise_concern(connection, session, body, state.clock())


async def list_concerns(
    state: Circle, session: Session, cursor: ConcernNumber | None = None, limit: Limit = 50
) -> Concerns:
    """The concerns that are for the caller to read, without what is in them."""
    async with state.pool.acquire() as connection:
        concerns = await read_lines(connection, session.person, cursor, limit)
        if not concerns and not await is_carer(connection, session):
            raise NotYours("what others are worried about")
    following = str(concerns[-1].number) if len(concerns) == limit else None
    return Concerns(concerns=concerns, next=following)


async def get_concern(state: Circle, session: Session, concern: ConcernNumber) -> Concern:
    """A concern with its notes, for those who are to read it. That they did is noted."""
    async with state.pool.acquire() as connection, connection.transaction():
        return await open_concern(connection, session.person, concern, state.clock())


async def add_concern_note(
    state: Circle, session: Session, concern: ConcernNumber, body: NoteItem
) -> None:
    """Note something on a concern, for good."""
    async with state.pool.acquire() as connection, connection.transaction():
        await add_note(connection, session.person, concern, body.text, state.clock())


async def settle_concern(
    state: Circle, session: Session, concern: ConcernNumber, body: Closing
) -> None:
    """Close a concern, once, and say what came of it."""
    async with state.pool.acquire() as connection, connection.transaction():
        await close_concern(connection, session.person, concern, body.outcome, state.clock())


async def hand_on_concern(state: Circle, session: Session, concern: ConcernNumber) -> None:
    """Let those read a concern, too, who would if it were raised now."""
    async with state.pool.acquire() as connection, connection.transaction():
        await hand_on(connection, session.person, concern, state.clock())


async def keep_concern(state: Circle, session: Session, concern: ConcernNumber) -> None:
    """Keep a concern for longer than others are kept."""
    async with state.pool.acquire() as connection, connection.transaction():
        await pin_concern(connection, session.person, concern, pinned=True)


async def let_concern_go(state: Circle, session: Session, concern: ConcernNumber) -> None:
    """Keep a concern no longer than others are kept."""
    async with state.pool.acquire() as connection, connection.transaction():
        await pin_concern(connection, session.person, concern, pinned=False)


async def list_suspensions(
    state: Circle, session: Session, cursor: Number = 0, limit: Limit = 50
) -> Suspensions:
    """Who is left out of matching, and why; not the caller, nor whom they live with."""
    async with state.pool.acquire() as connection:
        suspensions = await read_suspensions(connection, session, cursor, limit)
    following = str(suspensions[-1].person) if len(suspensions) == limit else None
    return Suspensions(suspensions=suspensions, next=following)


async def get_suspension(state: Circle, session: Session, person: Number) -> Suspension:
    """Whether somebody is left out of matching, for themselves without the reason."""
    async with state.pool.acquire() as connection:
        return await read_suspension(connection, session, person)


async def add_suspension(
    state: Circle, session: Session, person: Number, body: SuspensionItem
) -> Suspension:
    """Leave somebody out of matching from now on. They are not told why."""
    async with state.pool.acquire() as connection, connection.transaction():
        await suspend(connection, session, person, body.reason, state.clock())
        return await read_suspension(connection, session, person)


async def drop_suspension(state: Circle, session: Session, person: Number) -> None:
    """Let somebody be matched again."""
    async with state.pool.acquire() as connection, connection.transaction():
        await lift(connection, session, person, state.clock())
