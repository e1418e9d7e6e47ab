"""Forgetting what was kept for long enough, a thousand rows at a time: so nobody waits for it."""

from __future__ import annotations

from node.connections import Pool

ROWS_AT_ONCE = 1000


async def forget(pool: Pool, statement: str, *arguments: object) -> None:
    """Run a statement, each time in a transaction of its own, until it finds no more.

    Its last argument is how many rows it may change at most, which is added here.
    """
    while True:
        done = await pool.execute(statement, *arguments, ROWS_AT_ONCE)
        if int(done.rpartition(" ")[2]) < ROWS_AT_ONCE:
            return
