"""Asking helpers, wave by wave, until the places of a request are filled or nobody is left.

After the last wave, and from the first minute for those who phone, a request is on the desk:
nothing waits silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import asyncpg

from node.connections import Reader
from node.help.minutes import minute_at
from node.help.ranking import Ranked, rank
from node.help.reasons import Reasons, tell_helper
from node.help.requests import WEEK_MS, lock_request, read_ends, read_wanted
from node.help.waves import plan_wave, urgency_of
from node.people.places import read_placed
from node.talking.notices import Notice, notify

LEAD_MINUTES = 30
"""Nobody is asked for what begins sooner."""
BATCH = 20
BY_HAND = 0
"""The wave of those whom a coordinator chose."""


async def find_due(connection: Reader, now: int) -> list[int]:
    """Requests whose next wave is due, the longest due first."""
    rows = await connection.fetch(
        """
        SELECT number FROM help_requests
        WHERE next_wave <= $1 AND status = 'open' ORDER BY next_wave, number LIMIT $2
        """,
        *(now, BATCH),
    )
    return [row["number"] for row in rows]


async def ask_wave(connection: Reader, number: int, zone: ZoneInfo, now: int) -> list[Ranked]:
    """Ask the next ones, if the time has come, and return whom. Inside a transaction."""
    row = await lock_request(connection, number)
    if row["status"] != "open" or row["next_wave"] is None or row["next_wave"] > now:
        return []
    places = await connection.fetchval(
        "SELECT count(DISTINCT place) FROM visits WHERE request = $1 AND status = 'open'", number
    )
    suspended = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM suspensions WHERE person = $1)", row["asker"]
    )
    if suspended:  # somebody is to look at it before anybody is sent there
        await connection.execute(
            """
            UPDATE help_requests SET next_wave = NULL, desk_since = coalesce(desk_since, $2)
            WHERE number = $1
            """,
            *(number, now),
        )
        return []
    wave = row["wave"] + 1
    ends = await read_ends(connection, row)
    plan = plan_wave(now, ends, wave, places, zone)
    wanted = await read_wanted(connection, row, minute_at(now, zone) + LEAD_MINUTES)
    ranked: list[Ranked] = []
    if wanted.windows:
        ranked = await rank(connection, wanted, now, minute_at(now, zone), plan.size)
    chosen = choose(ranked, plan.size, plan.newcomers)
    await ask(connection, row, chosen, wave, ends, now)
    is_last = plan.following is None or len(ranked) < plan.size
    await connection.execute(
        """
        UPDATE help_requests SET wave = $2, next_wave = $3,
            desk_since = CASE WHEN $4 AND link IS NULL THEN coalesce(desk_since, $5)
                ELSE desk_since END
        WHERE number = $1
        """,
        *(number, wave, None if is_last else plan.following, is_last, now),
    )
    return chosen


def choose(ranked: Sequence[Ranked], size: int, newcomers: int) -> list[Ranked]:
    """The best ``size``, in which as many places are kept for newcomers as there are those."""
    new = [each for each in ranked if each.newcomer][:newcomers]
    others = [each for each in ranked if each not in new]
    kept = new + others[: size - len(new)]
    return [each for each in ranked if each in kept]


async def ask(
    connection: Reader,
    row: asyncpg.Record,
    chosen: Sequence[Ranked],
    wave: int,
    ends: int,
    now: int,
) -> None:
    """Write down that these are asked, and have them told; some by a call from the desk.

    Inside a transaction.
    """
    number, week = row["number"], (ends - row["ends"]) // WEEK_MS
    await connection.executemany(
        """
        INSERT INTO asks (request, helper, wave, week, asked, by_call, begins, score, distance, fit,
            reliable, even, rested, familiar, newcomer)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        """,
        [
            (
                *(number, each.helper, wave, week, now, each.by_call, each.begins, each.score),
                *(each.distance, each.fit, each.reliable, each.even, each.rested),
                *(each.familiar, each.newcomer),
            )
            for each in chosen
        ],
    )
    helpers = [each.helper for each in chosen]
    await connection.execute(
        "UPDATE helpers SET last_asked = $2 WHERE person = ANY($1::bigint[])", helpers, now
    )
    urgent = urgency_of(ends - now).name == "today"
    placed = bool(await read_placed(connection, {row["asker"]} - {None}))
    for each in chosen:
        if each.by_call:
            continue
        why = tell_helper(Reasons.of(row["category"], each, placed=placed))
        words = f"{row['title']}: can you help? {why} Say tally yes {number} or tally no {number}."
        notice = Notice("ask", f"help/{number}", words, urgent=urgent, expires=ends)
        await notify(connection, each.helper, notice, now)


async def pass_on(connection: Reader, row: asyncpg.Record, now: int) -> None:
    """Somebody will not come: when nobody else may still say yes, the next are asked at once."""
    waiting = await connection.fetchval(
        "SELECT count(*) FROM asks WHERE request = $1 AND answer IS NULL", row["number"]
    )
    if waiting == 0 and row["next_wave"] is not None:
        await connection.execute(
            "UPDATE help_requests SET next_wave = least(next_wave, $2) WHERE number = $1",
            *(row["number"], now),
        )
