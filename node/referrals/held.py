"""For how long halves of referrals are kept: what neighbours told of people is soon forgotten."""

from __future__ import annotations

from node.connections import Pool
from node.forgetting import forget
from node.referrals.wants import LIVE_MS


async def forget_referrals(pool: Pool, now: int) -> None:
    """Forget both halves 30 days after the last moment at which help could have begun, as protocol
    says that either circle does; of what was not taken, all. ``now`` is in Unix milliseconds.
    """
    await forget(
        pool,
        """
        UPDATE referrals SET half = '', theirs = '', acked = seq WHERE number IN (
            SELECT referrals.number
            FROM referrals JOIN help_requests ON help_requests.number = request
            WHERE ends + week * 604800000::bigint < $1 AND (half <> '' OR theirs <> '') LIMIT $2)
        """,
        now - LIVE_MS,
    )
    await forget(
        pool,
        """
        DELETE FROM referrals WHERE number IN (
            SELECT number FROM referrals WHERE request IS NULL AND made < $1 LIMIT $2)
        """,
        now - LIVE_MS,
    )
