"""What the other circle said of a visit while it counted as missed here, done once it does not."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from ledger.federation.referral import decode_reply, decode_want
from node.connections import Reader
from node.help.afterwards import finish


async def recall(connection: Reader, visit: int, zone: ZoneInfo, now: int) -> None:
    """It took place after all: where a neighbour said how long it took, it is done. Inside a
    transaction."""
    row = await connection.fetchrow(
        """
        SELECT outward, theirs, coalesce(referral_offers.offer, asks.offer) AS offer
        FROM visits LEFT JOIN referral_offers ON referral_offers.number = visits.offer
            LEFT JOIN asks ON asks.request = visits.request AND asks.helper = visits.helper
            JOIN referrals ON referrals.number = referral
                OR referrals.request = visits.request AND NOT outward
        WHERE visits.number = $1
        """,
        visit,
    )
    if row is None or not row["theirs"]:
        return
    theirs = row["theirs"]
    words = decode_reply(theirs).offers if row["outward"] else decode_want(theirs).verdicts
    minutes = sum(each.minutes for each in words if each.offer == row["offer"])
    if minutes:
        await finish(connection, visit, minutes, None, zone, now)
