"""What is forgotten by itself of what members were told and wrote."""

from __future__ import annotations

from node.connections import Pool
from node.forgetting import forget

DAY_MS = 24 * 3600 * 1000
KEPT_MS = 400 * DAY_MS
"""How long messages and announcements are kept."""
NOTICES_KEPT_MS = 90 * DAY_MS
"""How long a notice is kept, told or not, unless it is still needed (``UNPAID``)."""


UNPAID = """
    CASE WHEN kind = 'done' AND about ~ '^(help|visits)/[0-9]{1,15}$' THEN EXISTS (
        SELECT FROM visits WHERE visits.status = 'done' AND visits.hold IS NOT NULL
            AND split_part(about, '/', 2)::bigint
                = CASE split_part(about, '/', 1) WHEN 'help' THEN request ELSE visits.number END
    ) ELSE false END
"""
"""Of a row of ``notices``: it says that help is done which is not paid yet. It stays, as
silence pays from when it was told on."""


async def forget_talk(pool: Pool, now: int) -> None:
    """Delete messages, announcements and notices of long ago.

    A thread goes with its last message. ``now`` is in Unix milliseconds.
    """
    await forget(
        pool,
        """
        WITH gone AS (
            DELETE FROM messages WHERE number IN (
                SELECT number FROM messages WHERE made < $1 ORDER BY made LIMIT $2)
            RETURNING number, thread
        ), ended AS (
            DELETE FROM threads WHERE number IN (SELECT thread FROM gone)
                AND latest IN (SELECT number FROM gone)
        )
        SELECT FROM gone
        """,
        now - KEPT_MS,
    )
    await forget(
        pool,
        """
        DELETE FROM announcements WHERE number IN (
            SELECT number FROM announcements WHERE made < $1 ORDER BY made LIMIT $2)
        """,
        now - KEPT_MS,
    )
    await forget(
        pool,
        f"""
        DELETE FROM notices WHERE number IN (
            SELECT number FROM notices WHERE made < $1 AND NOT {UNPAID} ORDER BY made LIMIT $2)
        """,
        now - NOTICES_KEPT_MS,
    )
