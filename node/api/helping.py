"""Helpers: what each said that they can help with; and what an hour of help costs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ledger.amount import UnitKind
from ledger.codec import AMOUNT_MAX
from node.api.bounds import Number
from node.api.sessions import Session
from node.circle import Circle
from node.connections import Reader
from node.help.helping import Helper, HelperItem, drop_helper, put_helper, read_helper
from node.help.ranking import VISIT_MINUTES_MAX
from node.http.fields import Model
from node.people.standing import check_coordinator, check_owner, check_sight


class Terms(Model):
    """What an hour of help costs, in minor units; null until a coordinator has said it."""

    hour: int | None


class TermsItem(Model):
    """What an hour of help costs from now on, in minor units."""

    hour: Annotated[int, Field(ge=1, le=AMOUNT_MAX // (100 * VISIT_MINUTES_MAX))]


async def get_terms(state: Circle, session: Session) -> Terms:
    """What an hour of help costs."""
    async with state.pool.acquire() as connection:
        return Terms(hour=await read_hour(state, connection))


async def change_terms(state: Circle, session: Session, body: TermsItem) -> Terms:
    """Say what an hour of help costs. What was asked before stays as it is."""
    check_coordinator(session, "say what an hour of help costs")
    await state.pool.execute("UPDATE help_terms SET hour = $1", body.hour)
    return Terms(hour=body.hour)


async def read_hour(state: Circle, connection: Reader) -> int | None:
    """Where tokens are minutes, an hour is sixty of them until something else is said."""
    hour: int | None = await connection.fetchval("SELECT hour FROM help_terms")
    if hour is None and UnitKind(state.writer.loaded.state.rules.unit_kind) is UnitKind.MINUTES:
        return 60
    return hour


async def get_helper(state: Circle, session: Session, person: Number) -> Helper:
    """What a helper said that they can do: for them and for coordinators."""
    check_sight(session, person, "what others said that they can help with")
    async with state.pool.acquire() as connection:
        return await read_helper(connection, person)


async def change_helper(
    state: Circle, session: Session, person: Number, body: HelperItem
) -> Helper:
    """Help from now on, with this, then, so far away; or say it anew."""
    async with state.pool.acquire() as connection, connection.transaction():
        await check_owner(connection, session, person, "say what they can help with")
        await put_helper(connection, person, body, state.clock())
        return await read_helper(connection, person)


async def end_helper(state: Circle, session: Session, person: Number) -> None:
    """Help no longer. What was agreed to stands."""
    async with state.pool.acquire() as connection, connection.transaction():
        await check_owner(connection, session, person, "say what they can help with")
        await drop_helper(connection, person)
