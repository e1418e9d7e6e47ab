"""Requests for help as they are stored: asked, opened once tokens are set aside, and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from node.connections import Reader
from node.errors import HelpTaken, NotFound, RequestInvalid, TooMany
from node.help.minutes import WEEK, moment_at
from node.help.ranking import Wanted
from node.help.request import DAILY_MAX, OPEN_MAX, HelpItem
from node.people.blocks import read_hidden
from node.people.standing import hold_person, member_condition

WEEK_MS = WEEK * 60_000
DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, with which account, and who wrote it down; whether they have no device."""

    person: int
    account: int
    made_by: int
    phones: bool


async def add_request(
    connection: Reader,
    asker: Asker,
    item: HelpItem,
    windows: Sequence[tuple[int, int]],
    most: int,
    hour: int | None,
    zone: ZoneInfo,
    now: int,
) -> int:
    """Write a request down and return its number; nobody is asked before it is opened.

    Inside a transaction; ``now`` in Unix milliseconds, ``most`` and ``hour`` in minor units. The
    same key again is the same request. Raises PersonUnknown, TooMany, RequestInvalid.
    """
    # Requests before people, as whoever erases one holds them; theirs are counted one by one.
    await connection.execute("LOCK TABLE help_requests IN ROW SHARE MODE")
    await hold_person(connection, asker.person)
    known: int | None = await connection.fetchval(
        "SELECT number FROM help_requests WHERE key = $1 AND asker = $2",
        *(UUID(item.key), asker.person),
    )
    if known is not None:
        return known
    count = await connection.fetchval(
        """
        SELECT count(*) FROM help_requests
        WHERE asker = $1 AND status IN ('draft', 'open', 'filled')
            AND ends + weeks * $3::bigint > $2
        """,
        *(asker.person, now, WEEK_MS),
    )
    if count >= OPEN_MAX:
        raise TooMany("requests for help that are not over", OPEN_MAX)
    today = await connection.fetchval(
        "SELECT count(*) FROM help_requests WHERE asker = $1 AND made > $2",
        *(asker.person, now - DAY_MS),
    )
    if today >= DAILY_MAX:
        raise TooMany("requests for help within a day", DAILY_MAX)
    number = await _insert(connection, asker, item, windows, most, hour, zone, now)
    await add_visits(connection, number, windows, item.helpers, item.weeks, item.minutes)
    return number


async def add_visits(
    connection: Reader,
    number: int,
    windows: Sequence[tuple[int, int]],
    helpers: int,
    weeks: int,
    minutes: int,
) -> None:
    """Write down when a request's visits can be, and that each of them has nobody yet."""
    await connection.executemany(
        "INSERT INTO help_windows VALUES ($1, $2, $3)", [(number, *window) for window in windows]
    )
    await connection.execute(
        """
        INSERT INTO visits (request, place, week, minutes)
        SELECT $1, place, week, $4
        FROM generate_series(1, $2::integer) AS place, generate_series(0, $3::integer - 1) AS week
        ORDER BY place, week
        """,
        *(number, helpers, weeks, minutes),
    )


async def _insert(
    connection: Reader,
    asker: Asker,
    item: HelpItem,
    windows: Sequence[tuple[int, int]],
    most: int,
    hour: int | None,
    zone: ZoneInfo,
    now: int,
) -> int:
    ends = moment_at(windows[-1][1] - item.minutes, zone)
    try:
        number: int = await connection.fetchval(
            """
            INSERT INTO help_requests (key, asker, account, made_by, made, category, title, words,
                minutes, helpers, weeks, traits, language, vetting, familiar, picks, most, hour,
                area, address, private, phones, ends, wider, easting, northing)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                $19, $20, $21, $22, $23, $24, easting, northing
            FROM (VALUES (1)) AS one LEFT JOIN profiles ON person = $2
            RETURNING number
            """,
            *(UUID(item.key), asker.person, asker.account, asker.made_by, now),
            *(item.category, item.title, item.words, item.minutes, item.helpers, item.weeks),
            *(sorted(set(item.traits)), item.language, item.vetting, item.familiar, item.picks),
            *(most, hour, item.area, item.address, item.private, asker.phones, ends, item.wider),
        )
    except asyncpg.ForeignKeyViolationError as error:
        told = {
            "help_requests_category_fkey": (
                f"body.category: there is no category {item.category} here; /api/v1/categories"
                " lists them"
            ),
            "help_requests_vetting_fkey": (
                f"body.vetting: there is no level {item.vetting} here; /api/v1/vetting-levels"
                " lists them"
            ),
        }.get(error.constraint_name or "")
        if told is None:
            raise
        raise RequestInvalid([told]) from None
    except asyncpg.UniqueViolationError:
        raise RequestInvalid(["body.key: it was used before; choose another"]) from None
    return number


async def lock_request(connection: Reader, number: int) -> asyncpg.Record:
    """A request, which nobody else changes until the transaction ends. Raises NotFound."""
    row = await connection.fetchrow(
        "SELECT * FROM help_requests WHERE number = $1 FOR NO KEY UPDATE", number
    )
    if row is None:
        raise NotFound("request for help of that number")
    return row


async def read_request(connection: Reader, number: int) -> asyncpg.Record:
    """A request as it is. Raises NotFound."""
    row = await connection.fetchrow("SELECT * FROM help_requests WHERE number = $1", number)
    if row is None:
        raise NotFound("request for help of that number")
    return row


async def read_visits(connection: Reader, number: int) -> list[asyncpg.Record]:
    """All visits of a request, place by place and week by week."""
    return await connection.fetch(
        "SELECT * FROM visits WHERE request = $1 ORDER BY place, week", number
    )


async def check_match(
    connection: Reader, row: asyncpg.Record, helper: int, now: int, reason: str
) -> None:
    """Raise HelpTaken, for ``reason``, where the two must not be brought together by now.

    What it is that keeps them apart, is told to neither. Inside a transaction.
    """
    # Whoever blocks or suspends holds one of the two: either it is seen here, or they see what is
    # agreed here.
    await connection.execute(
        "SELECT FROM people WHERE person = ANY($1::bigint[]) ORDER BY person FOR SHARE",
        [helper, row["asker"] or 0],
    )
    if not await is_match(connection, row, helper, now):
        raise HelpTaken(row["number"], reason)


async def is_match(connection: Reader, row: asyncpg.Record, helper: int, now: int) -> bool:
    """Whether somebody who was asked may still be brought together with who asked.

    Not where one is suspended, left, or blocked the other, or the helper's vetting ended since.
    """
    fits = await connection.fetchval(
        f"""
        SELECT {member_condition("$1")} AND ($5 OR {member_condition("$2")})
            AND NOT EXISTS (SELECT FROM suspensions WHERE person IN ($1, $2))
            AND ($3::text IS NULL OR EXISTS (
                SELECT FROM vettings
                WHERE person = $1 AND level = $3 AND expires > to_timestamp($4::bigint / 1000)::date
            ))
        """,
        *(helper, row["asker"] or 0, row["vetting"], now, row["link"] is not None),
    )
    return bool(fits) and helper not in await read_hidden(connection, row["asker"] or 0)


async def find_week(connection: Reader, number: int) -> int:
    """The first week in which a visit has nobody; 0 where all have somebody."""
    week: int | None = await connection.fetchval(
        "SELECT min(week) FROM visits WHERE request = $1 AND status = 'open'", number
    )
    return week or 0


async def move_asks(connection: Reader, number: int) -> None:
    """Whoever was asked and may still come is asked for the first week in which somebody lacks.

    For all who change of which weeks that is so.
    """
    await connection.execute(
        f"""
        UPDATE asks SET begins = begins + (first - week) * {WEEK}, week = first
        FROM (SELECT min(week) AS first FROM visits WHERE request = $1 AND status = 'open') AS weeks
        WHERE request = $1 AND week <> first
            AND coalesce(answer, 'yes') IN ('yes', 'no-reply', 'late')
            AND NOT EXISTS (SELECT FROM visits WHERE request = $1 AND visits.helper = asks.helper)
        """,
        number,
    )


async def read_ends(connection: Reader, row: asyncpg.Record) -> int:
    """The last moment, in Unix milliseconds, at which the first visit that has nobody can begin."""
    return int(row["ends"]) + await find_week(connection, row["number"]) * WEEK_MS


async def open_request(connection: Reader, number: int, now: int) -> None:
    """All that it takes is set aside: from now on helpers are asked. Inside a transaction."""
    await connection.execute(
        """
        UPDATE help_requests SET status = 'open', opened = coalesce(opened, $2), next_wave = $2,
            desk_since = CASE WHEN phones THEN $2::bigint END
        WHERE number = $1 AND status = 'draft'
            AND NOT EXISTS (
                SELECT FROM visits WHERE request = $1 AND hold IS NULL AND visits.status = 'open'
            )
        """,
        *(number, now),
    )


async def read_wanted(connection: Reader, row: asyncpg.Record, minute: int) -> Wanted:
    """What a request asks of helpers who are to be asked now, at ``minute`` on the clock.

    Its windows are what is left of them: of the first week of which a visit has nobody.
    """
    found = await connection.fetchrow(
        f"""
        SELECT last - first + 1 AS weeks,
            ARRAY(
                SELECT ARRAY[greatest(begins + later, $2), ends + later] FROM help_windows
                WHERE request = $1 AND ends + later - $3 >= $2 ORDER BY begins
            ) AS windows,
            ARRAY(SELECT helper FROM asks WHERE request = $1) AS asked
        FROM (
            SELECT coalesce(min(week), 0) AS first, coalesce(max(week), 0) AS last,
                coalesce(min(week), 0) * {WEEK} AS later
            FROM visits WHERE request = $1 AND status = 'open'
        ) AS weeks
        """,
        *(row["number"], minute, row["minutes"]),
    )
    assert found is not None, "an aggregate has one row"
    asker = row["asker"] or 0
    excluded = {*found["asked"], *await read_hidden(connection, asker)}
    spot = None if row["easting"] is None else (row["easting"], row["northing"])
    return Wanted(
        *(row["number"], asker, row["category"], row["minutes"], row["traits"], row["language"]),
        *(row["vetting"], row["familiar"], spot),
        windows=[(begins, ends) for begins, ends in found["windows"]],
        excluded=sorted(excluded),
        weeks=found["weeks"],
    )
