"""What the node does about help by itself: waves that are due, and what is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg
import structlog

from ledger.errors import TallystickError
from node.calendar.events import hold_circle_zone
from node.connections import Pool, Reader
from node.help.asking import ask_wave, find_due
from node.help.endings import end_over, find_over, find_unpromised, unpromise
from node.help.outcomes import cancel, leave
from node.help.payment import end_visit, find_ended
from node.people.standing import member_condition
from node.writer import DATABASE_AWAY

ROUND_SECONDS = 5
PUT_OFF_MS = 60_000
OVER_MAX = 100

log = structlog.get_logger()


async def run_rounds(pool: Pool, clock: Callable[[], int], seconds: float | None = None) -> None:
    """Go on for ever, so many ``seconds`` after one another if that is said: a killed node goes on
    where the tables say."""
    while True:
        try:
            await one_round(pool, clock())
        except DATABASE_AWAY as error:
            log.warning("help_round_failed", error=type(error).__name__)
        await asyncio.sleep(ROUND_SECONDS if seconds is None else seconds)


async def one_round(pool: Pool, now: int) -> None:
    """Ask whom it is time to ask, end what is over, and let go who is no member any more."""
    async with pool.acquire() as connection:
        await _apart(connection, partial(_follow_phones, connection, now))
        for number in await find_due(connection, now):
            if not await _apart(connection, partial(_ask, connection, number, now)):
                await connection.execute(
                    "UPDATE help_requests SET next_wave = $2 WHERE number = $1 AND next_wave <= $3",
                    *(number, now + PUT_OFF_MS, now),
                )
        for number in await find_over(connection, now):
            await _apart(connection, partial(end_over, connection, number, now))
        for number in await find_unpromised(connection):
            await _apart(connection, partial(unpromise, connection, number, now))
        for number in await _find_left_requests(connection, now):
            await _apart(connection, partial(cancel, connection, number, None, now))
        for visit in await _find_left_visits(connection, now):
            await _apart(connection, partial(leave, connection, visit, True, now))
        for visit in await find_ended(connection):
            await _apart(connection, partial(end_visit, connection, visit, now))


async def _apart(connection: Reader, job: Callable[[], Awaitable[object]]) -> bool:
    """Do one thing in a transaction of its own, for the next round to try again where members, or
    an erasure, came in between. So none keeps the others from being done."""
    try:
        async with connection.transaction():
            await job()
    except _CAME_BETWEEN as error:
        log.warning("help_put_off", error=type(error).__name__)
        return False
    return True


_CAME_BETWEEN = (
    *(TallystickError, ValueError, asyncpg.IntegrityConstraintViolationError),
    *(asyncpg.TransactionRollbackError, asyncpg.DataError),
)


async def _ask(connection: Reader, number: int, now: int) -> None:
    await ask_wave(connection, number, await hold_circle_zone(connection), now)


async def _follow_phones(connection: Reader, now: int) -> None:
    """Whoever has lost their device phones, and who got one does so no longer: as their account is
    flagged, so it is with what they asked for."""
    await connection.execute(
        """
        UPDATE help_requests SET phones = deviceless, desk_since = CASE
            WHEN deviceless AND status = 'open' THEN coalesce(desk_since, $1) ELSE desk_since END
        FROM accounts
        WHERE accounts.number = account AND phones <> deviceless
            AND (status IN ('draft', 'open', 'filled') OR help_requests.number IN (
                SELECT request FROM visits WHERE visits.status = 'done' AND hold IS NOT NULL))
        """,
        now,
    )


async def _find_left_requests(connection: Reader, now: int) -> list[int]:
    """Requests of those who are no members any more, of which something is to come."""
    rows = await connection.fetch(
        f"""
        SELECT number FROM help_requests
        WHERE status IN ('draft', 'open', 'filled') AND link IS NULL
            AND NOT {member_condition("asker")} AND EXISTS (
                SELECT FROM visits WHERE request = help_requests.number AND (
                    visits.status IN ('open', 'held') OR visits.status = 'booked' AND starts > $2)
            )
        LIMIT $1
        """,
        *(OVER_MAX, now),
    )
    return [row["number"] for row in rows]


async def _find_left_visits(connection: Reader, now: int) -> list[int]:
    """The first visit to come to each that somebody agreed to who is no member any more."""
    rows = await connection.fetch(
        f"""
        SELECT min(number) AS first FROM visits
        WHERE status IN ('held', 'booked') AND starts > $2 AND offer IS NULL
            AND NOT {member_condition("helper")}
        GROUP BY request, place LIMIT $1
        """,
        *(OVER_MAX, now),
    )
    return [row["first"] for row in rows]
