"""The gossip that a node keeps: one row for each circle's announcement, bulletin and conflict."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.federation.gossip import Effect, Forget, Persist
from ledger.federation.gossip_items import Kind
from ledger.federation.gossip_store import Limits, Store, restore
from node import crash_points
from node.connections import Connection, Pool


async def restore_store(
    database: Pool | Connection, own: bytes, neighbours: Iterable[bytes]
) -> Store:
    """The store as it was persisted. Raises MalformedObject when its rows are damaged."""
    rows = await database.fetch("SELECT kind, data FROM gossip_records")
    return restore(own, neighbours, Limits(), [(Kind(row["kind"]), row["data"]) for row in rows])


async def save(pool: Pool, effects: Iterable[Effect]) -> None:
    """Make what came of a step durable, in one transaction; nothing where nothing changed."""
    changes: dict[tuple[Kind, bytes], bytes | None] = {}
    for effect in effects:
        match effect:
            case Persist(kind, circle, data):
                changes[kind, circle] = data
            case Forget(kind, circle):
                changes[kind, circle] = None
            case _:
                pass
    if not changes:
        return
    gone = [key for key, data in changes.items() if data is None]
    kept = [(*key, data) for key, data in changes.items() if data is not None]
    crash_points.reach("gossip-before")
    async with pool.acquire() as connection, connection.transaction():
        await connection.executemany(
            "DELETE FROM gossip_records WHERE kind = $1 AND circle = $2", gone
        )
        await connection.executemany(
            """
            INSERT INTO gossip_records (kind, circle, data) VALUES ($1, $2, $3)
            ON CONFLICT (kind, circle) DO UPDATE SET data = excluded.data
            """,
            kept,
        )
    crash_points.reach("gossip-after")
