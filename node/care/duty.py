"""Who is on duty, on the clock on the circle's wall, and telling them what cannot wait."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from node.calendar.local_time import is_on_the_clock, local_of, moment_of, today
from node.connections import Reader
from node.talking.notices import Notice, notify_all

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Turn:
    """One person's duty from one local time to another. Moments are Unix milliseconds."""

    person: int
    begins: datetime
    ends: datetime
    starts: int
    stops: int


async def read_turns(connection: Reader, first: date, last: date, zone: ZoneInfo) -> list[Turn]:
    """The turns that begin on these days, both included, in order.

    A day with rows of its own has only these. Whoever is no coordinator any more has none.
    """
    rows = await connection.fetch(
        """
        WITH days AS (
            SELECT day::date AS day FROM generate_series($1::date, $2::date, '1 day') AS day
        )
        SELECT day, begins, ends, person FROM days
            JOIN duty_week ON weekday = extract(isodow FROM day) - 1
        WHERE NOT EXISTS (SELECT FROM duty_days WHERE duty_days.day = days.day)
            AND EXISTS (SELECT FROM offices
                WHERE offices.person = duty_week.person AND office = 'coordinator')
        UNION ALL
        SELECT day, begins, ends, person FROM duty_turns
        WHERE day BETWEEN $1 AND $2
            AND EXISTS (SELECT FROM offices
                WHERE offices.person = duty_turns.person AND office = 'coordinator')
        ORDER BY day, begins, ends, person
        """,
        first,
        last,
    )
    return [_make_turn(row["day"], row["begins"], row["ends"], row["person"], zone) for row in rows]


def _make_turn(day: date, begins: time, ends: time, person: int, zone: ZoneInfo) -> Turn:
    first = datetime.combine(day, begins)
    last = datetime.combine(day if ends > begins else day + timedelta(days=1), ends)
    return Turn(person, first, last, reached_at(first, zone), reached_at(last, zone))


def reached_at(local: datetime, zone: ZoneInfo) -> int:
    """When the clock first shows a time or a later one.

    So a turn ends just where the next one begins, also where the clock leaves that time out.
    """
    late = moment_of(local, zone)
    if is_on_the_clock(local, zone):
        return late
    early = moment_of(local.replace(fold=1), zone)  # with the offset from afterwards
    minutes = range(early, late + 1, MINUTE_MS)
    return minutes[bisect_left(minutes, local, key=lambda moment: local_of(moment, zone))]


async def read_on_duty(connection: Reader, now: int) -> list[int]:
    """Who is on duty at a moment; nobody while the circle has no time zone."""
    name = await connection.fetchval("SELECT zone FROM calendar")
    if name is None:
        return []
    zone = ZoneInfo(name)
    day = today(now, zone)
    turns = await read_turns(connection, day - timedelta(days=1), day, zone)
    return sorted({turn.person for turn in turns if turn.starts <= now < turn.stops})


async def alert_duty(
    connection: Reader,
    about: str,
    words: str,
    now: int,
    *,
    never: frozenset[int] = frozenset(),
) -> list[int]:
    """Tell whoever is on duty what cannot wait, inside the caller's transaction; returns whom.

    All coordinators, if nobody is; but nobody in ``never``, because it is about them. ``about`` is
    a path below /api/v1, such as ``help/17``.
    """
    told = set(await read_on_duty(connection, now)) - never
    if not told:
        rows = await connection.fetch("SELECT person FROM offices WHERE office = 'coordinator'")
        told = {row["person"] for row in rows} - never
    notice = Notice("duty", about, words, urgent=True, never=never)
    await notify_all(connection, sorted(told), notice, now)
    return sorted(told)
