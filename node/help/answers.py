"""What those say who were asked, and what the asker says of them.

Each takes its turn on the request's row: of two who say yes at one instant the first gets the
place, and the other is told kindly.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import asyncpg

from node.connections import Reader
from node.errors import HelpOver, HelpTaken, NotFound, RequestInvalid
from node.help.asking import pass_on
from node.help.minutes import WEEK, minute_at, moment_at
from node.help.requests import WEEK_MS, check_match, find_week, lock_request, move_asks
from node.talking.notices import Notice, notify, notify_all


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a request: its number among those, and its visits' numbers, week by week."""

    number: int
    visits: tuple[int, ...]
    weeks: tuple[int, ...]


async def say_yes(
    connection: Reader,
    number: int,
    helper: int,
    begins: int | None,
    zone: ZoneInfo,
    now: int,
    by: int | None = None,
) -> None:
    """Somebody who was asked comes, at a minute on the clock or at the first that suits both.

    The place is theirs, and waits for the asker to accept them; where the asker picks, the yes is
    one among others. ``by`` is who says it for them. Said again, it changes nothing. Inside a
    transaction.
    Raises NotFound for who was not asked, HelpOver, HelpTaken, RequestInvalid.
    """
    row = await lock_request(connection, number)
    asked = await _find_ask(connection, number, helper)
    if asked["answer"] == "yes":
        return
    _check_open(row)
    gone = "this was settled without you; the circle thanks you all the same"
    await check_match(connection, row, helper, now, gone)
    chosen = asked["begins"] if begins is None else begins
    if asked["answer"] in ("left", "declined"):
        raise HelpTaken(number, gone)
    place = await find_place(connection, number)
    account = await check_time(connection, row, helper, chosen, zone, now)
    await _answer(connection, number, helper, "yes", now, by, chosen)
    if row["picks"]:
        words = f"Somebody can help with {row['title']}: see tally offers {number}."
        await _tell_offer(connection, row, words, now, moment_at(chosen, zone))
        return
    await hold_place(connection, row, place, helper, account, chosen, zone, now)
    words = f"Somebody can help with {row['title']}: say tally yes {number} if they may come."
    await _tell_offer(connection, row, words, now, moment_at(chosen, zone))


async def say_no(
    connection: Reader, number: int, helper: int, now: int, by: int | None = None
) -> None:
    """Somebody who was asked does not come; the next one is asked. Inside a transaction.

    ``by`` is who says it for them. Whoever said yes before cancels instead. Raises NotFound,
    HelpTaken.
    """
    row = await lock_request(connection, number)
    asked = await _find_ask(connection, number, helper)
    if asked["answer"] == "yes":
        if not row["picks"] or await _has_place(connection, number, helper):
            raise HelpTaken(number, "you said yes; to take that back, say tally cancel")
    elif asked["answer"] not in (None, "no-reply"):
        return
    await _answer(connection, number, helper, "no", now, by)
    await pass_on(connection, row, now)


async def pick(connection: Reader, number: int, helper: int, zone: ZoneInfo, now: int) -> None:
    """The asker picks one of those who said yes. Inside a transaction; again, it changes nothing.

    Raises NotFound, HelpOver, HelpTaken, RequestInvalid.
    """
    row = await lock_request(connection, number)
    asked = await _find_ask(connection, number, helper)
    if await _has_place(connection, number, helper):
        return
    _check_open(row)
    if asked["answer"] != "yes":
        raise HelpTaken(number, "they have not said yes to it")
    gone = "they cannot come then after all"
    await check_match(connection, row, helper, now, gone)
    place = await find_place(connection, number)
    account = await check_time(connection, row, helper, asked["begins"], zone, now, busy=gone)
    await hold_place(connection, row, place, helper, account, asked["begins"], zone, now)


async def find_place(connection: Reader, number: int) -> Place:
    """The place that is the first to have nobody. Raises HelpTaken."""
    rows = await connection.fetch(
        """
        SELECT place, array_agg(number ORDER BY week) AS visits, array_agg(week ORDER BY week)
            AS weeks
        FROM visits WHERE request = $1 AND status = 'open'
        GROUP BY place ORDER BY min(week), place LIMIT 1
        """,
        number,
    )
    if not rows:
        raise HelpTaken(
            number, "somebody else said yes a moment before you; thank you, nothing more is needed"
        )
    return Place(rows[0]["place"], tuple(rows[0]["visits"]), tuple(rows[0]["weeks"]))


async def hold_place(
    connection: Reader,
    row: asyncpg.Record,
    place: Place,
    helper: int,
    account: int,
    begins: int,
    zone: ZoneInfo,
    now: int,
) -> None:
    """Give a place to a helper until the asker accepts them; with the last one, others are told."""
    number = row["number"]
    minutes = [begins + (week - place.weeks[0]) * WEEK for week in place.weeks]
    await connection.execute(
        """
        UPDATE visits SET helper = $2, account = $3, status = 'held', begins = at.begins,
            starts = at.starts
        FROM unnest($1::bigint[], $4::integer[], $5::bigint[]) AS at (visit, begins, starts)
        WHERE number = visit
        """,
        *(list(place.visits), helper, account, minutes),
        [moment_at(minute, zone) for minute in minutes],
    )
    await connection.execute("UPDATE helpers SET agreed = agreed + 1 WHERE person = $1", helper)
    is_full = not await connection.fetchval(
        "SELECT EXISTS (SELECT FROM visits WHERE request = $1 AND status = 'open')", number
    )
    if is_full:
        await close_places(connection, row, now)
    else:
        await move_asks(connection, number)


async def close_places(connection: Reader, row: asyncpg.Record, now: int) -> None:
    """All places are taken: nobody more is asked, and those who were are told kindly."""
    number = row["number"]
    await connection.execute(
        """
        UPDATE help_requests SET status = 'filled', next_wave = NULL,
            desk_since = CASE WHEN phones THEN desk_since END, matched = coalesce(matched, $2)
        WHERE number = $1
        """,
        *(number, now),
    )
    late = await connection.fetch(
        """
        UPDATE asks SET answer = 'late', answered = $2
        WHERE request = $1 AND (answer IS NULL OR answer = 'yes' AND NOT EXISTS (
            SELECT FROM visits WHERE visits.request = $1 AND visits.helper = asks.helper
        ))
        RETURNING helper
        """,
        *(number, now),
    )
    words = f"{row['title']}: somebody else is coming. Thank you, nothing more is needed."
    last = row["ends"] + row["weeks"] * WEEK_MS
    notice = Notice("taken", f"help/{number}", words, expires=last)
    await notify_all(connection, [each["helper"] for each in late], notice, now)


async def check_time(
    connection: Reader,
    row: asyncpg.Record,
    helper: int,
    begins: int,
    zone: ZoneInfo,
    now: int,
    *,
    busy: str = "",
) -> int:
    """The account of a helper who can come then: from now on they agree to one thing at a time.

    It is one of their own before one that they share, and none of the asker's. Raises
    RequestInvalid for a time outside the windows, HelpTaken for one that they gave away, where
    ``busy`` is told to who may not know what else they do.
    """
    week = await find_week(connection, row["number"])
    fits = await connection.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM help_windows
            WHERE request = $1 AND begins + $2 <= $3 AND $3 + $4 <= ends + $2
        )
        """,
        *(row["number"], week * WEEK, begins, row["minutes"]),
    )
    if not fits or begins <= minute_at(now, zone):
        raise RequestInvalid(["body.begins: help is not wanted then"])
    await connection.execute("SELECT FROM helpers WHERE person = $1 FOR NO KEY UPDATE", helper)
    other = await connection.fetchval(
        f"""
        SELECT taken.request FROM visits AS wanted JOIN visits AS taken
            ON taken.begins < $3::integer + (wanted.week - $4) * {WEEK} + wanted.minutes
            AND taken.begins + taken.minutes > $3::integer + (wanted.week - $4) * {WEEK}
        WHERE wanted.request = $1 AND wanted.status = 'open'
            AND taken.helper = $2 AND taken.status IN ('held', 'booked') LIMIT 1
        """,
        *(row["number"], helper, begins, week or 0),
    )
    if other is not None:
        raise HelpTaken(row["number"], busy or f"you help with request {other} then")
    account: int | None = await connection.fetchval(
        """
        SELECT account FROM holders AS theirs JOIN accounts ON number = account AND NOT closed
        WHERE theirs.person = $1 AND NOT EXISTS (
            SELECT FROM holders WHERE holders.account = theirs.account AND holders.person = $2
        )
        ORDER BY (SELECT count(*) FROM holders WHERE holders.account = theirs.account), account
        LIMIT 1
        """,
        *(helper, row["asker"]),
    )
    if account is None:
        raise NotFound("account of the helper that is not the asker's too")
    return account


async def _find_ask(connection: Reader, number: int, helper: int) -> asyncpg.Record:
    row = await connection.fetchrow(
        "SELECT * FROM asks WHERE request = $1 AND helper = $2", number, helper
    )
    if row is None:
        raise NotFound("request for help of that number that you were asked about")
    return row


def _check_open(row: asyncpg.Record) -> None:
    if row["status"] in ("cancelled", "over", "draft"):
        raise HelpOver(row["number"])


async def _has_place(connection: Reader, number: int, helper: int) -> bool:
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM visits WHERE request = $1 AND helper = $2)", number, helper
        )
    )


async def _answer(
    connection: Reader,
    number: int,
    helper: int,
    answer: str,
    now: int,
    by: int | None,
    begins: int | None = None,
) -> None:
    await connection.execute(
        """
        UPDATE asks SET answer = $3, answered = $4, begins = coalesce($5, begins), answered_by = $6
        WHERE request = $1 AND helper = $2
        """,
        *(number, helper, answer, now, begins, by),
    )


async def _tell_offer(
    connection: Reader, row: asyncpg.Record, words: str, now: int, begins: int
) -> None:
    if row["asker"] is not None:
        notice = Notice("offer", f"help/{row['number']}", words, urgent=True, begins=begins)
        await notify(connection, row["asker"], notice, now)
