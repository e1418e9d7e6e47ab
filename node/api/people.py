"""Who is here: to pay somebody one needs their account, and the circle's officers are public."""

from __future__ import annotations

from ledger.errors import PersonUnknown
from node.api.bounds import Handle, Limit, Number
from node.api.me import Device, read_devices
from node.api.orders import Model
from node.api.sessions import Session
from node.circle import Circle
from node.connections import Reader
from node.errors import NotYours
from node.people.standing import check_reader


class Person(Model):
    """A member, and the open accounts they hold."""

    person: int
    handle: str
    name: str
    accounts: list[int]


class People(Model):
    """Persons in the order of their numbers; ``next`` is the cursor of what follows."""

    people: list[Person]
    next: str | None


class Devices(Model):
    """A person's devices, those in use first."""

    devices: list[Device]


class Officer(Model):
    """An office, and who holds it. The handle, an address, is public; a name is not."""

    person: int
    office: str
    handle: str | None


class Officers(Model):
    """All officers of the circle."""

    officers: list[Officer]


async def find_people(
    state: Circle,
    session: Session,
    handle: Handle | None = None,
    cursor: Number = 0,
    limit: Limit = 50,
) -> People:
    """Find a member by their handle, for members; coordinators may list everybody.

    An unknown handle finds nobody, which is no error.
    """
    if handle is None and not session.is_coordinator:
        raise NotYours("the list of all members")
    async with state.pool.acquire() as connection:
        await check_reader(connection, session, "look others up")
        if handle is None:
            rows = await connection.fetch(
                """
                SELECT person, handle, name FROM people WHERE person > $1 ORDER BY person LIMIT $2
                """,
                cursor,
                limit,
            )
        else:
            rows = await connection.fetch(
                "SELECT person, handle, name FROM people WHERE handle = $1", handle
            )
        accounts = await _accounts_of(connection, [row["person"] for row in rows])
    people = [Person(**row, accounts=accounts.get(row["person"], [])) for row in rows]
    more = handle is None and len(people) == limit
    return People(people=people, next=str(people[-1].person) if more else None)


async def _accounts_of(connection: Reader, persons: list[int]) -> dict[int, list[int]]:
    rows = await connection.fetch(
        """
        SELECT person, array_agg(account ORDER BY account) AS accounts
        FROM holders JOIN accounts ON number = account AND NOT closed
        WHERE person = ANY($1::bigint[]) GROUP BY person
        """,
        persons,
    )
    return {row["person"]: row["accounts"] for row in rows}


async def list_devices(state: Circle, session: Session, person: Number) -> Devices:
    """A member's devices, for coordinators, who freeze and revoke them.

    What is one's own stands in ``/api/v1/me``.
    """
    if not session.is_coordinator:
        raise NotYours("the devices of others")
    async with state.pool.acquire() as connection:
        devices = await read_devices(connection, person)
        if not devices and not await _is_known(connection, person):
            raise PersonUnknown(person)
    return Devices(devices=devices)


async def _is_known(connection: Reader, person: int) -> bool:
    known = "SELECT EXISTS (SELECT FROM persons WHERE person = $1)"
    return bool(await connection.fetchval(known, person))


async def list_officers(state: Circle) -> Officers:
    """Who holds which office: coordinators run the circle, auditors check its books."""
    rows = await state.pool.fetch(
        """
        SELECT person, office, handle FROM offices LEFT JOIN people USING (person)
        ORDER BY office DESC, person
        """
    )
    return Officers(officers=[Officer(**row) for row in rows])
