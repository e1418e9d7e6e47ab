"""Silence pays a helper only when the asker was told that it is done, and said nothing for a while.

The ledger lets a payee collect once the time to object to the claim is over. Whether the payer
ever heard of it is not in the ledger, so it is looked up before such an order is decided.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.orders import Settle
from node.connections import Reader
from node.help.request import price_of

SILENCE_MS = 72 * 3600 * 1000


async def find_untold(connection: Reader, settles: Sequence[Settle], now: int) -> dict[int, int]:
    """The requests, by hold, of which a helper may not collect by silence yet.

    They may for a visit that is done; so long after its asker was told how long it took, as it was
    said last, no more than that time costs, and what they claimed since it began: whoever mends the
    time claims nothing twice. Other holds are not of visits.
    """
    rows = await connection.fetch(
        """
        SELECT visits.hold, request, visits.account, visits.minutes, visits.status, starts, hour,
            claimed_at, phones, (
                SELECT min(told) FROM notices
                WHERE person = asker AND about = 'help/' || request AND kind = 'done'
                    AND made >= ended
            ) AS told
        FROM visits JOIN help_requests ON help_requests.number = request
            JOIN holds ON index = visits.hold
        WHERE visits.hold = ANY($1::bigint[])
        """,
        [settle.hold for settle in settles],
    )
    settled = {settle.hold: settle for settle in settles}
    return {
        row["hold"]: row["request"]
        for row in rows
        if row["phones"]
        or row["status"] != "done"
        or row["account"] != settled[row["hold"]].payee
        or row["told"] is None
        or now < row["told"] + SILENCE_MS
        or (row["claimed_at"] or 0) < row["starts"]
        or (
            row["hour"] is not None
            and settled[row["hold"]].amount > price_of(row["minutes"], row["hour"])
        )
    }
