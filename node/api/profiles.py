"""Members as they show themselves to each other, whom they blocked, and who was checked."""

from __future__ import annotations

from datetime import UTC, date, datetime

from node.api.bounds import Number
from node.api.sessions import Session
from node.circle import Circle
from node.connections import Reader
from node.errors import NotPermitted
from node.help.agreed import read_agreed, tell_agreed
from node.http.fields import Model
from node.people.blocks import block, read_blocks, unblock
from node.people.profiles import Profile, ProfileItem, put_profile, read_profile
from node.people.standing import check_coordinator, check_owner, check_sight
from node.people.vetting import (
    Check,
    Level,
    Naming,
    Vetting,
    drop_level,
    drop_vetting,
    put_level,
    put_vetting,
    read_levels,
    read_vettings,
)
from node.people.writing import Slug
from node.talking.notices import Notice, notify


class Blocks(Model):
    """The numbers of those whom a member blocked."""

    people: list[int]


class Levels(Model):
    """What this circle checks of people."""

    levels: list[Level]


class Vettings(Model):
    """What was checked of a person."""

    vetting: list[Vetting]


def today(state: Circle) -> date:
    """The day, UTC."""
    return datetime.fromtimestamp(state.clock() / 1000, UTC).date()


async def get_profile(state: Circle, session: Session, person: Number) -> Profile:
    """A member, as far as they show themselves to the caller.

    They themselves and the coordinators see all of it. Who shows nothing, or has a block with the
    caller, either way, is not there for them.
    """
    async with state.pool.acquire() as connection:
        return await read_profile(connection, session, person, today(state))


async def change_profile(
    state: Circle, session: Session, person: Number, body: ProfileItem
) -> Profile:
    """Say who one is: the whole profile anew.

    Coordinators do so for members without a device.
    """
    async with state.pool.acquire() as connection, connection.transaction():
        await check_owner(connection, session, person, "change this profile")
        await put_profile(connection, person, body)
        return await read_profile(connection, session, person, today(state))


async def list_blocks(state: Circle, session: Session, person: Number) -> Blocks:
    """Whom one blocked. Nobody is told by whom they are."""
    async with state.pool.acquire() as connection:
        await check_owner(connection, session, person, "see or change whom they blocked")
        return Blocks(people=await read_blocks(connection, person))


async def add_block(state: Circle, session: Session, person: Number, other: Number) -> None:
    """Block somebody: neither sees what the other offers, wants or is, and neither is told.

    Who blocks is reminded of what the two agreed on before.
    """
    async with state.pool.acquire() as connection, connection.transaction():
        await check_owner(connection, session, person, "see or change whom they blocked")
        if other != person:
            await block(connection, person, other)
            await _remind(connection, person, other, state.clock())


async def _remind(connection: Reader, person: int, other: int, now: int) -> None:
    """Of help that is to come between the two; that one blocked the other is not in the notice,
    since somebody may have to read it out."""
    agreed = await read_agreed(connection, person, now, other)
    if agreed:
        words = (
            f"You agreed on this before: {tell_agreed(agreed)}. It takes place; if you would rather"
            f" not, say tally cancel {agreed[0]['request']}."
        )
        about = f"help/{agreed[0]['request']}"
        await notify(connection, person, Notice("agreed", about, words), now)


async def drop_block(state: Circle, session: Session, person: Number, other: Number) -> None:
    """Take a block back."""
    async with state.pool.acquire() as connection:
        await check_owner(connection, session, person, "see or change whom they blocked")
        await unblock(connection, person, other)


async def list_vetting_levels(state: Circle, session: Session) -> Levels:
    """What this circle checks of people, as it calls it."""
    async with state.pool.acquire() as connection:
        return Levels(levels=await read_levels(connection))


async def change_vetting_level(
    state: Circle, session: Session, level: Slug, body: Naming
) -> Levels:
    """Check something more of people, or call it something else; for coordinators."""
    check_coordinator(session, "say what is checked of people")
    async with state.pool.acquire() as connection, connection.transaction():
        await put_level(connection, level, body)
        return Levels(levels=await read_levels(connection))


async def drop_vetting_level(state: Circle, session: Session, level: Slug) -> None:
    """Check it no longer, so that nobody has it; for coordinators."""
    check_coordinator(session, "say what is checked of people")
    async with state.pool.acquire() as connection, connection.transaction():
        await drop_level(connection, level)


async def list_vetting(state: Circle, session: Session, person: Number) -> Vettings:
    """What was checked of a person, by whom and until when: for them and for coordinators.

    Others are told the levels only, in profiles and on listings.
    """
    check_sight(session, person, "what was checked of somebody else")
    async with state.pool.acquire() as connection:
        return Vettings(vetting=await read_vettings(connection, person))


async def change_vetting(
    state: Circle, session: Session, person: Number, level: Slug, body: Check
) -> Vettings:
    """Note that a person was checked, by the coordinator who says so; never of themselves."""
    _check_vetter(session, person)
    async with state.pool.acquire() as connection, connection.transaction():
        await put_vetting(connection, person, level, body, session.person)
        return Vettings(vetting=await read_vettings(connection, person))


async def end_vetting(state: Circle, session: Session, person: Number, level: Slug) -> None:
    """Take a level away from a person; for coordinators, and never from themselves."""
    _check_vetter(session, person)
    async with state.pool.acquire() as connection:
        await drop_vetting(connection, person, level)


def _check_vetter(session: Session, person: int) -> None:
    check_coordinator(session, "note what was checked of people")
    if session.person == person:
        raise NotPermitted("another coordinator", "note what was checked of you")
