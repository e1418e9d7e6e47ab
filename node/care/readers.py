"""Who reads concerns, and that they are told of every open one, also where somebody left."""

from __future__ import annotations

from node.care.safeguarding import read_household
from node.connections import Pool, Reader
from node.talking.notices import Notice, notify_all

READERS = "concern_readers(subject, household, named, handed)"
"""Of a row of ``concerns``."""
TOLD_AT_ONCE = 100


async def tell_readers(connection: Reader, now: int, number: int | None = None) -> int:
    """Tell readers of open concerns who were not told yet; returns of how many concerns.

    Of all that are open, or of the one of that ``number``. Inside a transaction; ``now`` in Unix
    milliseconds.
    """
    rows = await connection.fetch(
        f"""
        SELECT number, subject, urgent, fresh FROM concerns, LATERAL (
            SELECT ARRAY(SELECT other FROM {READERS} AS other WHERE other <> ALL(told)) AS fresh
        ) AS found
        WHERE closed IS NULL AND fresh <> '{{}}' AND ($1::integer IS NULL OR number = $1)
        ORDER BY number LIMIT $2 FOR NO KEY UPDATE OF concerns
        """,
        *(number, TOLD_AT_ONCE),
    )
    for row in rows:
        # About whom, and what, is not in the notice: it may be read out, or lie on a doormat.
        words = (
            f"{'Urgent: a' if row['urgent'] else 'A'} safeguarding concern is waiting for you to"
            f" read it, under number {row['number']}."
        )
        never = await read_household(connection, row["subject"])
        about = f"concerns/{row['number']}"
        notice = Notice("concern", about, words, urgent=row["urgent"], never=never)
        await notify_all(connection, row["fresh"], notice, now)
        await connection.execute(
            "UPDATE concerns SET told = told || $2::bigint[] WHERE number = $1",
            *(row["number"], row["fresh"]),
        )
    return len(rows)


async def tell_new_readers(pool: Pool, now: int) -> None:
    """Tell whoever reads an open concern since somebody left."""
    async with pool.acquire() as connection:
        while True:
            async with connection.transaction():
                told = await tell_readers(connection, now)
            if told < TOLD_AT_ONCE:
                return
