"""Who lets the others know where they are."""

from __future__ import annotations

from collections.abc import Collection

from node.connections import Reader


async def read_placed(connection: Reader, people: Collection[int]) -> frozenset[int]:
    """Who of these shows all members where they are."""
    rows = await connection.fetch(
        "SELECT person FROM profiles WHERE person = ANY($1::bigint[]) AND 'place' = ANY(shown)",
        list(people),
    )
    return frozenset(row["person"] for row in rows)
