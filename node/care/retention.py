"""What is forgotten by itself of looking after people."""

from __future__ import annotations

from node.connections import Pool
from node.forgetting import forget

DAY_MS = 24 * 3600 * 1000
CONCERNS_KEPT_MS = 1096 * DAY_MS
"""Three years after a concern is closed, unless one of its readers wants it kept."""
COMPLAINTS_KEPT_MS = 400 * DAY_MS
"""After they are dealt with."""
NOTES_KEPT_MS = 90 * DAY_MS
"""Handover notes name people, and are soon of no use."""
DAYS_KEPT = 400
"""Of the rota."""


async def forget_care(pool: Pool, now: int) -> None:
    """Delete complaints and concerns that are closed for long, with their notes; old handover notes
    and days, and what was done of suspensions that are long lifted.

    ``now`` is in Unix milliseconds.
    """
    await forget(
        pool,
        """
        DELETE FROM complaints WHERE number IN (
            SELECT number FROM complaints WHERE closed < $1 ORDER BY closed LIMIT $2)
        """,
        now - COMPLAINTS_KEPT_MS,
    )
    await forget(
        pool,
        """
        DELETE FROM concerns WHERE number IN (
            SELECT number FROM concerns WHERE closed < $1 AND NOT pinned ORDER BY closed LIMIT $2)
        """,
        now - CONCERNS_KEPT_MS,
    )
    await forget(
        pool,
        """
        DELETE FROM suspension_acts WHERE number IN (
            SELECT number FROM suspension_acts AS acts
            WHERE made < $1
                AND NOT EXISTS (SELECT FROM suspensions WHERE suspensions.person = acts.person)
            ORDER BY made LIMIT $2)
        """,
        now - CONCERNS_KEPT_MS,
    )
    await forget(
        pool,
        """
        DELETE FROM handover_notes WHERE number IN (
            SELECT number FROM handover_notes WHERE made < $1 ORDER BY made LIMIT $2)
        """,
        now - NOTES_KEPT_MS,
    )
    await forget(
        pool,
        """
        DELETE FROM duty_days WHERE day IN (
            SELECT day FROM duty_days
            WHERE day < to_timestamp($1 / 1000.0)::date - $2::integer ORDER BY day LIMIT $3)
        """,
        *(now, DAYS_KEPT),
    )
