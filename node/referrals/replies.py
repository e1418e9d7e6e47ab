"""Our half of what neighbours ask of us: who of ours can come, worked out from the same tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import structlog

from ledger.errors import MalformedObject
from ledger.federation.referral import (
    LINE_BYTES_MAX,
    MOMENT_MAX,
    NAME_MAX,
    OFFERS_MAX,
    TAKEN_MINUTES_MAX,
    Offer,
    Reply,
    encode_reply,
)
from node.connections import Reader
from node.help.minutes import moment_at
from node.people.standing import member_condition
from node.referrals.wants import AGREED, LIVE_MS, shown_bytes

log = structlog.get_logger()

DAY_MS = 24 * 3600 * 1000
LAST_DAY = date(2099, 12, 31)
NO_DAY = date.min
"""What PostgreSQL's -infinity is here."""


async def number_offers(connection: Reader) -> None:
    """Let each yes to what a neighbour asks be an offer."""
    await connection.execute(_NUMBER_OFFERS)


async def write_replies(connection: Reader, zone: ZoneInfo, now: int) -> None:
    """Write anew our half of what changed. Inside a transaction."""
    rows = await connection.fetch(
        """
        SELECT referrals.number AS referral, id, seq, half, referrals.request,
            ends, minutes, status = 'open' AND next_wave IS NULL AND NOT EXISTS (
                SELECT FROM asks WHERE asks.request = referrals.request AND answer IS NULL
            ) AS is_vain
        FROM referrals LEFT JOIN help_requests ON help_requests.number = request
        WHERE NOT outward AND (request IS NULL AND referrals.made > $1 OR ends > $1)
        ORDER BY referrals.number
        """,
        now - LIVE_MS,
    )
    offers: dict[int, list[asyncpg.Record]] = {}
    for offer in await connection.fetch(_OFFERS, [row["request"] for row in rows]):
        offers.setdefault(offer["request"], []).append(offer)
    for row in rows:
        state = "unfit" if row["request"] is None else "nobody" if row["is_vain"] else "looking"
        made = [_make_offer(each, row, zone) for each in offers.get(row["request"], [])]
        reply = Reply(row["id"], max(1, row["seq"]), state, tuple(sorted(made[:OFFERS_MAX])))
        try:
            if row["half"] == encode_reply(reply):
                continue
            half = encode_reply(reply._replace(seq=row["seq"] + 1))
        except MalformedObject as error:  # one that cannot be written stops no other
            log.error("reply_not_written", referral=row["referral"], reason=str(error))
            continue
        await connection.execute(
            "UPDATE referrals SET half = $2, seq = $3 WHERE number = $1",
            *(row["referral"], half, row["seq"] + 1),
        )


# Each yes has a number of its own, so that nobody outside learns who it is before it is accepted.
_NUMBER_OFFERS = """
    UPDATE asks SET offer = said.place + coalesce(
        (SELECT max(offer) FROM asks AS known WHERE known.request = said.request), 0)
    FROM (
        SELECT request, helper, row_number() OVER (PARTITION BY request ORDER BY answered, helper)
            AS place
        FROM asks JOIN help_requests ON help_requests.number = request
        WHERE link IS NOT NULL AND answer = 'yes' AND offer IS NULL
    ) AS said
    WHERE asks.request = said.request AND asks.helper = said.helper
"""
_OFFERS = f"""
    SELECT asks.request, asks.offer, help_requests.vetting,
        NOT EXISTS (SELECT FROM suspensions WHERE suspensions.person = asks.helper)
            AND {member_condition("asks.helper")} AS may_come,
        asks.begins AS asked, answer, visits.status, visits.begins,
        visits.minutes, ended_by = asks.helper AS by_helper, people.name, handle, contact, picks,
        coalesce(expires, '-infinity') AS expires
    FROM asks JOIN help_requests ON help_requests.number = asks.request
        JOIN people ON people.person = asks.helper
        LEFT JOIN profiles ON profiles.person = asks.helper
        LEFT JOIN visits ON visits.request = asks.request AND visits.helper = asks.helper
        LEFT JOIN vettings ON vettings.person = asks.helper AND level = help_requests.vetting
    WHERE asks.request = ANY($1::bigint[]) AND asks.offer IS NOT NULL
    ORDER BY asks.request, visits.status IS NULL, asks.offer DESC
"""


def _make_offer(row: asyncpg.Record, request: asyncpg.Record, zone: ZoneInfo) -> Offer:
    status = row["status"]
    agreed = status in AGREED
    # Until when somebody is vetted is not told more exactly than it has to be.
    vetted = min(_end_of(row["expires"]), request["ends"] + request["minutes"] * 60_000 + DAY_MS)
    may_come = row["may_come"] and (row["vetting"] is None or vetted > request["ends"])
    comes = agreed or (may_come and (status == "held" or (row["picks"] and status is None)))
    missed = ("asker" if row["by_helper"] else "helper") if status == "missed" else ""
    begins = row["begins"] if row["begins"] is not None else row["asked"]
    return Offer(
        offer=row["offer"],
        begins=moment_at(begins, zone),
        vetted=vetted if row["vetting"] is not None else 0,
        stands=int(row["answer"] == "yes" and comes),
        minutes=min(row["minutes"], TAKEN_MINUTES_MAX) if status in ("done", "paid") else 0,
        missed=missed,
        name=shown_bytes(row["name"] or "", LINE_BYTES_MAX) if agreed else b"",
        handle=(row["handle"] or "")[:NAME_MAX] if agreed else "",
        reach=shown_bytes(row["contact"] or "", LINE_BYTES_MAX) if agreed else b"",
    )


def _end_of(day: date) -> int:
    """When a day is over (UTC), in Unix milliseconds; 0 for that of no vetting."""
    if day == NO_DAY:
        return 0
    if day >= LAST_DAY:
        return MOMENT_MAX
    after = datetime.combine(day, time(), UTC) + timedelta(days=1)
    return min(round(after.timestamp() * 1000), MOMENT_MAX)
