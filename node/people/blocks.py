"""Blocks: one of two members wants nothing to do with the other, and neither is told."""

from __future__ import annotations

from ledger.errors import PersonUnknown
from node.connections import Reader
from node.errors import TooMany
from node.people.standing import hold_person

BLOCKS_MAX = 200
"""Made by one person."""


async def read_blocks(connection: Reader, person: int) -> list[int]:
    """Whom this person blocked. By whom they are blocked is nobody's to know."""
    rows = await connection.fetch(
        "SELECT other FROM blocks WHERE person = $1 ORDER BY other", person
    )
    return [row["other"] for row in rows]


async def read_hidden(connection: Reader, person: int) -> list[int]:
    """All who are hidden from this person, because one of the two blocked the other."""
    rows = await connection.fetch(
        """
        SELECT other FROM blocks WHERE person = $1
        UNION SELECT person FROM blocks WHERE other = $1 ORDER BY other
        """,
        person,
    )
    return [row["other"] for row in rows]


async def block(connection: Reader, person: int, other: int) -> None:
    """Hide two members from each other; again changes nothing.

    Inside a transaction. Raises PersonUnknown, TooMany.
    """
    await hold_person(connection, person)  # two blocks of one person are counted one after another
    if not await connection.fetchval("SELECT true FROM people WHERE person = $1", other):
        raise PersonUnknown(other)
    await connection.execute(
        "INSERT INTO blocks VALUES ($1, $2) ON CONFLICT DO NOTHING", person, other
    )
    if len(await read_blocks(connection, person)) > BLOCKS_MAX:
        raise TooMany("people whom you blocked", BLOCKS_MAX)


async def unblock(connection: Reader, person: int, other: int) -> None:
    """Take a block back; one that is not there is taken back too."""
    await connection.execute("DELETE FROM blocks WHERE person = $1 AND other = $2", person, other)
