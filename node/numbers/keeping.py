"""Keeping the open numbers: the log is counted piece by piece, and each month that is over is told.

How far it got stands in the tables, and changes with what was counted in one transaction: so a node
that is killed goes on where it was, and counts nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import date
from zoneinfo import ZoneInfo

import asyncpg
import structlog

from node.calendar.events import read_circle_zone
from node.connections import Pool, Reader
from node.errors import CalendarZoneUnset
from node.numbers.figures import HELP_FIGURES, LEDGER_FIGURES, Told, tell_help, tell_ledger
from node.numbers.helping import count_asked, read_outcome
from node.numbers.months import begins_at, count_run, month_after, month_before, month_of
from node.writer import DATABASE_AWAY

ROUND_SECONDS = 60
PAUSE_SECONDS = 0.2
"""Between two pieces of a log that is behind: others want the processor, too."""
ENTRIES_MAX = 500
"""Counted at once."""
GRACE_MS = 3600 * 1000
"""A month is told so long after it is over: what was decided before is committed by then."""

log = structlog.get_logger()


async def keep_numbers(pool: Pool, clock: Callable[[], int]) -> None:
    """Go on for ever; ``clock`` gives Unix milliseconds."""
    behind = False
    while True:
        await asyncio.sleep(PAUSE_SECONDS if behind else ROUND_SECONDS)
        try:
            behind = await go_on(pool, clock())
        except DATABASE_AWAY as error:
            log.warning("open_numbers_failed", error=type(error).__name__)
            behind = False


async def go_on(pool: Pool, now: int) -> bool:
    """Take one step in a transaction of its own; whether there is more to do."""
    async with pool.acquire() as connection, connection.transaction():
        return await step(connection, now)


async def step(connection: Reader, now: int) -> bool:
    """Count the next piece of the log, or tell a month that is over; whether there is more to do.

    Inside a transaction; ``now`` is in Unix milliseconds.
    """
    zone = await read_wall_clock(connection)
    counting = await connection.fetchrow("SELECT * FROM open_counting FOR UPDATE")
    if counting is None:
        return await _begin(connection, zone)
    month, ends = counting["month"], begins_at(month_after(counting["month"]), zone)
    if await _count(connection, counting, ends):
        return True
    if now < ends + GRACE_MS:
        return False
    await _tell_month(connection, month, zone, now)
    await _settle(connection, month_before(month), zone, now)
    await connection.execute("UPDATE open_counting SET month = $1, trades = 0", month_after(month))
    await connection.execute("DELETE FROM open_traders")
    return True


async def read_wall_clock(connection: Reader) -> ZoneInfo:
    """The circle's time zone; UTC until a coordinator has said it."""
    try:
        return await read_circle_zone(connection)
    except CalendarZoneUnset:
        return ZoneInfo("UTC")


async def _begin(connection: Reader, zone: ZoneInfo) -> bool:
    """From the month in which the circle was founded."""
    founded: int | None = await connection.fetchval("SELECT log_time FROM entries WHERE index = 0")
    if founded is None:
        return False
    await connection.execute(
        "INSERT INTO open_counting VALUES (true, $1, 0, 0, '{}', '{}')", month_of(founded, zone)
    )
    return True


async def _count(connection: Reader, counting: asyncpg.Record, ends: int) -> bool:
    """Count the next entries of a month that ends then; False where there are none."""
    rows = await connection.fetch(
        """
        SELECT log_time, leaf, postings FROM entries
        WHERE index >= $1 AND index < $1 + $2 ORDER BY index
        """,
        *(counting["next_entry"], ENTRIES_MAX),
    )
    entries = [(row["leaf"], row["postings"]) for row in rows if row["log_time"] < ends]
    if not entries:
        return False
    run = await asyncio.to_thread(count_run, entries)
    balances = dict(zip(counting["mirrors"], counting["positions"], strict=True)) | run.balances
    await connection.execute(
        """
        UPDATE open_counting SET next_entry = next_entry + $1, trades = trades + $2, mirrors = $3,
            positions = $4
        """,
        *(len(entries), run.trades, list(balances), list(balances.values())),
    )
    await connection.execute(
        "INSERT INTO open_traders SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING",
        sorted(run.accounts),
    )
    return True


async def _tell_month(connection: Reader, month: date, zone: ZoneInfo, now: int) -> None:
    """Write down what can be told as soon as a month is over."""
    row = await connection.fetchrow(
        """
        SELECT trades, mirrors, positions, (SELECT count(*) FROM open_traders) AS members
        FROM open_counting
        """
    )
    assert row is not None, "it was read before"
    asked = await count_asked(
        connection, begins_at(month, zone), begins_at(month_after(month), zone)
    )
    told = tell_ledger(row["trades"], row["members"], asked)
    ended = await _read_ended(connection)
    standing: Mapping[int, int] = {
        mirror: balance
        for mirror, balance in zip(row["mirrors"], row["positions"], strict=True)
        if balance or mirror not in ended
    }
    await connection.execute(
        """
        INSERT INTO open_months (month, worked_out, trades, members, requests, few, hidden, mirrors,
            positions)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        *(month, now, *_values(told, LEDGER_FIGURES), told.few, told.hidden),
        *(list(standing), list(standing.values())),
    )


async def _read_ended(connection: Reader) -> set[int]:
    """The mirror accounts of agreements that have ended."""
    rows = await connection.fetch("SELECT account FROM links WHERE has_left")
    return {row["account"] for row in rows}


async def _settle(connection: Reader, month: date, zone: ZoneInfo, now: int) -> None:
    """Write down, once, what became of the help that was asked for in a month."""
    row = await connection.fetchrow(
        "SELECT requests FROM open_months WHERE month = $1 AND NOT settled", month
    )
    if row is None:
        return
    outcome = await read_outcome(
        connection, begins_at(month, zone), begins_at(month_after(month), zone)
    )
    told = tell_help(outcome, requests_told=row["requests"] is not None)
    await connection.execute(
        """
        UPDATE open_months SET settled = true, worked_out = $2, filled_percent = $3,
            half_minutes = $4, most_minutes = $5, unfilled = $6, helped_minutes = $7,
            few = few || $8::text[], hidden = hidden || $9::text[]
        WHERE month = $1
        """,
        *(month, now, *_values(told, HELP_FIGURES), told.few, told.hidden),
    )


def _values(told: Told, names: tuple[str, ...]) -> list[int | None]:
    return [told.values.get(name) for name in names]
