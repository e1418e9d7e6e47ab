"""What the directory forgets by itself."""

from __future__ import annotations

from node.connections import Pool

DAY_MS = 24 * 3600 * 1000
KEPT_MS = 90 * DAY_MS
"""So long after its end a listing can be renewed; then it is deleted."""


async def forget_old(pool: Pool, now: int) -> None:
    """Delete listings that were not renewed; ``now`` is in Unix milliseconds."""
    await pool.execute("DELETE FROM listings WHERE expires < $1", now - KEPT_MS)
