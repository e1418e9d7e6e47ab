"""What a neighbour asks of us: looked after like a request of our own, but without a name.

Whoever of ours says yes is an offer, and ``verdicts`` is what the neighbour says of it.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import uuid4
from zoneinfo import ZoneInfo

import asyncpg

from ledger.federation.link import Link
from ledger.federation.referral import Want, decode_want
from node.connections import Reader
from node.errors import HelpOver, TooMany
from node.help.minutes import DAY, minute_at, moment_at
from node.help.outcomes import cancel, reach_out
from node.help.request import AHEAD_DAYS_MAX, usual_most
from node.help.requests import add_visits, lock_request
from node.referrals.offers import is_forgotten
from node.referrals.verdicts import judge, thank_kindly
from node.referrals.wants import OPEN_MAX

DAILY_MAX = 100
"""Of one neighbour, in 24 hours; what is more is left unheard, and comes again."""
TITLE_MAX = 80
TURNS_MAX = 6
"""So often helpers are told that the same is wanted again after it was not."""
DAY_MS = 24 * 3600 * 1000


async def take(
    connection: Reader, link: Link, half: bytes, zone: ZoneInfo, now: int
) -> tuple[bytes, int]:
    """Take the newest half of what a neighbour asks, and act on it. Inside a transaction.

    Returns the referral's id, and the number of the newest half that is known now.

    Raises MalformedObject, TooMany, and RequestInvalid for what has not begun by our clock.
    """
    want = decode_want(half)
    row = await connection.fetchrow(
        "SELECT * FROM referrals WHERE link = $1 AND id = $2 AND NOT outward FOR UPDATE",
        *(link.id, want.id),
    )
    if row is None:
        await _begin(connection, link, want, half, zone, now)
    elif want.seq > row["heard"] and not is_forgotten(row):
        await connection.execute(
            "UPDATE referrals SET theirs = $2, heard = $3 WHERE number = $1",
            *(row["number"], half, want.seq),
        )
        if row["request"] is None:
            await _try_again(connection, row["number"], link, want, zone, now)
        else:
            await _go_on(connection, row, want, zone, now)
    return want.id, want.seq if row is None else max(want.seq, row["heard"])


async def _begin(
    connection: Reader, link: Link, want: Want, half: bytes, zone: ZoneInfo, now: int
) -> None:
    lately = await connection.fetchval(
        "SELECT count(*) FROM referrals WHERE link = $1 AND NOT outward AND made > $2",
        *(link.id, now - DAY_MS),
    )
    if lately >= DAILY_MAX:
        raise TooMany("requests of one neighbour within a day", DAILY_MAX)
    request = await _add_request(connection, link, want, zone, now)
    await connection.execute(
        """
        INSERT INTO referrals (link, id, outward, request, made, hour, vetting, theirs, heard)
        VALUES ($1, $2, false, $3, $4, $5, $6, $7, $8)
        """,
        *(link.id, want.id, request, now, want.hour, want.vetting, half, want.seq),
    )


async def _try_again(
    connection: Reader, referral: int, link: Link, want: Want, zone: ZoneInfo, now: int
) -> None:
    """What could not be looked after as it was, perhaps can be as it is now."""
    request = await _add_request(connection, link, want, zone, now)
    await connection.execute(
        "UPDATE referrals SET request = $2, hour = $3, vetting = $4 WHERE number = $1",
        *(referral, request, want.hour, want.vetting),
    )


async def _add_request(
    connection: Reader, link: Link, want: Want, zone: ZoneInfo, now: int
) -> int | None:
    """Write it down as a request, and let helpers be asked; None where that cannot be.

    That is where nothing is taken from this neighbour, or too much is open already; where there is
    no such category or level here, or none of the times lies within a day of ours.
    """
    known = await connection.fetchrow(
        """
        SELECT take, same_grid, categories.name, title, $3 = '' OR EXISTS (
                SELECT FROM vetting_levels WHERE level = $3) AS has_level,
            (SELECT count(*) FROM help_requests WHERE link = $1 AND status = 'open') AS is_open
        FROM referral_terms JOIN peers USING (link) JOIN categories ON category = $2
        WHERE link = $1
        """,
        *(link.id, want.category, want.vetting),
    )
    windows = read_windows(want, zone, now)
    if known is None or not known["take"] or not known["has_level"] or not windows:
        return None
    if known["is_open"] >= OPEN_MAX or want.state != "open":
        return None
    spot = want.spot[0] if want.spot and known["same_grid"] else (None, None)
    number: int = await connection.fetchval(
        """
        INSERT INTO help_requests (key, link, made, category, title, words, minutes, helpers, weeks,
            traits, language, vetting, familiar, picks, most, hour, area, address, private, phones,
            ends, easting, northing, status, opened, next_wave)
        VALUES ($1, $2, $3, $4, $5, '', $6, $7, 1, $8, $9, nullif($10, ''), false, $11, $12, $13,
            $14, '', '', false, $15, $16, $17, 'open', $3, $3)
        RETURNING number
        """,
        *(uuid4(), link.id, now, want.category, _title(known["name"], known["title"])),
        *(want.minutes, want.places, sorted(set(want.traits)), want.language.decode()),
        *(want.vetting, bool(want.picks), usual_most(want.minutes, want.hour), want.hour),
        *(want.area.decode(), moment_at(windows[-1][1] - want.minutes, zone), *spot),
    )
    await add_visits(connection, number, windows, want.places, 1, want.minutes)
    return number


def _title(category: str, circle: str) -> str:
    return f"{category} for somebody of {circle}"[:TITLE_MAX]


def read_windows(want: Want, zone: ZoneInfo, now: int) -> list[tuple[int, int]]:
    """Those times that are to come and lie within a day of our clock, as minutes on it, apart."""
    found: list[tuple[int, int]] = []
    for begins, ends in sorted(want.windows):
        try:
            first, last = minute_at(begins, zone), minute_at(ends, zone)
        except (ValueError, OverflowError):
            continue  # of another century
        fits = last - first >= want.minutes and first // DAY == (last - 1) // DAY
        near = ends > now and begins < now + AHEAD_DAYS_MAX * DAY_MS
        if fits and near and (not found or first >= found[-1][1]):
            found.append((first, last))
    return found


async def _go_on(
    connection: Reader, referral: asyncpg.Record, want: Want, zone: ZoneInfo, now: int
) -> None:
    """Do what the neighbour says now of its request and of each offer."""
    number, before = referral["request"], decode_want(referral["theirs"])
    verdicts = {each.offer: each for each in before.verdicts}
    for verdict in want.verdicts:
        if verdicts.get(verdict.offer) != verdict:
            await judge(connection, number, verdict, zone, now)
    if (want.area, want.language, want.spot) != (before.area, before.language, before.spot):
        await _rewrite(connection, number, want)
    row = await lock_request(connection, number)
    if want.state == "over":
        if row["status"] not in ("cancelled", "over"):
            await _try_cancel(connection, number, now)
    elif want.state == "settled" and row["status"] == "open":
        await settle(connection, row, now)
    elif want.state == "open" and row["status"] == "filled" and await _has_room(connection, number):
        await _ask_anew(connection, referral, row, now)


async def _rewrite(connection: Reader, number: int, want: Want) -> None:
    """What was written is not said any more, or otherwise."""
    spot = want.spot[0] if want.spot else (None, None)
    await connection.execute(
        """
        UPDATE help_requests SET area = $2, language = $3,
            easting = CASE WHEN easting IS NOT NULL THEN $4::integer END,
            northing = CASE WHEN northing IS NOT NULL THEN $5::integer END
        WHERE number = $1
        """,
        *(number, want.area.decode(), want.language.decode(), *spot),
    )


async def _ask_anew(
    connection: Reader, referral: asyncpg.Record, row: asyncpg.Record, now: int
) -> None:
    """Help is wanted again; but nobody is told that for ever, however often it is said."""
    if referral["turns"] < TURNS_MAX:
        await connection.execute(
            "UPDATE referrals SET turns = turns + 1 WHERE number = $1", referral["number"]
        )
        await reach_out(connection, row, now)


async def _try_cancel(connection: Reader, number: int, now: int) -> None:
    try:
        await cancel(connection, number, None, now)
    except HelpOver:  # what has begun goes on to its end
        await connection.execute(
            """
            UPDATE help_requests SET status = 'cancelled', next_wave = NULL
            WHERE number = $1 AND NOT EXISTS (
                SELECT FROM visits WHERE request = $1 AND status IN ('open', 'held', 'booked')
            )
            """,
            number,
        )


async def settle_untaken(connection: Reader, takes: Collection[bytes], now: int) -> None:
    """Ask nobody any more for neighbours from which nothing is taken now. Inside a transaction.

    ``takes`` are the links over which payments can come.
    """
    rows = await connection.fetch(
        """
        SELECT number FROM help_requests
        WHERE link IS NOT NULL AND status = 'open' AND NOT (
            link = ANY($1::bytea[])
            AND EXISTS (SELECT FROM referral_terms AS terms
                WHERE terms.link = help_requests.link AND take)
        )
        ORDER BY number LIMIT $2
        """,
        *(list(takes), OPEN_MAX),
    )
    for row in rows:
        await settle(connection, await lock_request(connection, row["number"]), now)


async def settle(connection: Reader, row: asyncpg.Record, now: int) -> None:
    """Nobody more is asked, and those who were are told kindly."""
    await connection.execute(
        "UPDATE help_requests SET status = 'filled', next_wave = NULL WHERE number = $1",
        row["number"],
    )
    late = await connection.fetch(
        """
        UPDATE asks SET answer = 'late', answered = $2
        WHERE request = $1 AND answer IS NULL RETURNING helper
        """,
        *(row["number"], now),
    )
    for each in late:
        await thank_kindly(connection, row, each["helper"], now)


async def _has_room(connection: Reader, number: int) -> bool:
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM visits WHERE request = $1 AND status = 'open')", number
        )
    )
