"""Visits between circles that are paid: by a payment that arrived, and that was meant for them."""

from __future__ import annotations

import asyncpg

from ledger.federation.evidence import PEER_AUTHORITIES
from node.connections import Reader
from node.help.request import price_of

BATCH = 100


async def mark_paid(connection: Reader) -> None:
    """What is done and was paid counts as paid. Inside a transaction.

    Where it was asked, the payment that was named has to be the asker's own; where the helper is,
    it has to have come to an account of theirs, and to be what that time costs.
    """
    await connection.execute(
        """
        UPDATE visits SET status = 'paid' FROM help_requests, transits
        WHERE visits.status = 'done' AND offer IS NOT NULL AND help_requests.number = request
            AND transits.payment = visits.payment AND transits.status = 'committed'
            AND transits.account = help_requests.account
        """
    )
    rows = await connection.fetch(
        """
        SELECT visits.number, visits.payment, header, helper, visits.minutes, hour, made
        FROM visits JOIN help_requests ON help_requests.number = request
            JOIN transits ON transits.payment = visits.payment AND transits.status = 'committed'
        WHERE visits.status = 'done' AND help_requests.link IS NOT NULL AND helper IS NOT NULL
        LIMIT $1
        """,
        BATCH,
    )
    for row in rows:
        if await _has_come(connection, row):
            await connection.execute(
                "UPDATE visits SET status = 'paid' WHERE number = $1", row["number"]
            )


async def _has_come(connection: Reader, row: asyncpg.Record) -> bool:
    """Whether a helper got it: the entry stands on what the neighbour signed of that payment."""
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (
                SELECT FROM holders JOIN postings USING (account)
                    JOIN entries ON entries.index = entry
                WHERE person = $1 AND postings.log_time >= $2 AND delta >= $3
                    AND authority = ANY($4::text[])
                    AND (position($5::bytea IN wire) > 0 OR position($6::bytea IN wire) > 0)
            )
            """,
            *(row["helper"], row["made"], price_of(row["minutes"], row["hour"])),
            *(list(PEER_AUTHORITIES), row["payment"], row["header"]),
        )
    )
