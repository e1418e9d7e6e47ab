"""What is held on a person of help asked for and given: for the export, for erasing, and for how
long by itself."""

from __future__ import annotations

from typing import Any

from node.connections import Connection, Pool, Reader
from node.forgetting import forget
from node.help.minutes import time_of
from node.help.outcomes import tell_off
from node.talking.expiry import UNPAID

Rows = list[dict[str, Any]]
DAY_MS = 24 * 3600 * 1000
WORDS_KEPT_MS = 90 * DAY_MS
"""What somebody wrote of themselves to be helped, after the last moment it could have begun."""
KEPT_MS = 731 * DAY_MS
"""Who helped whom, and who was asked: two years, for reliability and for what became of it."""
ROWS_MAX = 1000
_LAST = "(ends + weeks * 604800000::bigint)"
"""No earlier than the last moment at which a visit of a request can begin; indexed like that."""
_ABOUT_THEIRS = """
    SELECT 'help/' || number FROM help_requests WHERE asker = $1
    UNION ALL
    SELECT 'visits/' || visits.number FROM visits JOIN help_requests
        ON help_requests.number = request WHERE asker = $1
"""
_OFF_UNTOLD = "kind = 'off' AND told IS NULL"
_NO_WORDS = "title = '', words = '', area = '', address = '', private = ''"


async def read_help_held(connection: Reader, person: int) -> dict[str, Rows]:
    """What they help with, what they asked for, what they were asked, and their visits.

    Each is a list of rows, newest first, of which there are at most ``ROWS_MAX``. Scores are not in
    it: they are about others as much.
    """
    helper = await connection.fetch(
        """
        SELECT since, weekly, reach, skills, traits, kept, failed, last_asked,
            free::text AS free, away::text AS away
        FROM helpers WHERE person = $1
        """,
        person,
    )
    requests = await connection.fetch(
        """
        SELECT number, category, title, words, minutes, helpers, weeks, traits, language, vetting,
            familiar, picks, wider, most, area, address, private, status, made, ends, easting,
            northing, ARRAY(
                SELECT DISTINCT title FROM referrals JOIN peers USING (link)
                WHERE referrals.request = help_requests.number AND outward ORDER BY title
            ) AS referred
        FROM help_requests WHERE asker = $1 ORDER BY number DESC LIMIT $2
        """,
        *(person, ROWS_MAX),
    )
    asks = await connection.fetch(
        """
        SELECT request, asked, by_call, begins, answer, answered FROM asks
        WHERE helper = $1 ORDER BY asked DESC, request LIMIT $2
        """,
        *(person, ROWS_MAX),
    )
    visits = await connection.fetch(
        """
        SELECT number, request, begins, minutes, status, late, thanks FROM visits
        WHERE helper = $1 ORDER BY number DESC LIMIT $2
        """,
        *(person, ROWS_MAX),
    )
    return {
        "helper": [dict(row) for row in helper],
        "help_requests": [dict(row) for row in requests],
        "asks": [_with_time(row) for row in asks],
        "visits": [_with_time(row) for row in visits],
    }


def _with_time(row: Any) -> dict[str, Any]:
    return {**row, "begins": time_of(row["begins"]).isoformat(timespec="minutes")}


async def hold_help(connection: Reader) -> None:
    """Let nothing of help be changed by others until the transaction ends, before it changes any.

    Whoever changes a request holds it first and the people of it after that: so does whoever erases
    one of them, and neither waits for the other in turn.
    """
    await connection.execute("LOCK TABLE help_requests IN EXCLUSIVE MODE")


async def erase_help(connection: Connection, person: int) -> int:
    """Take out what they wrote, and what was written to thank them; how many requests had any.

    Also from the notices by which others were told of it. What they asked for is called off by the
    next round, as of all who left, so that whoever was to come is told. The rows hang on their row
    in people: with it go what they help with and what they were asked, and they are taken off
    requests and visits. Inside a transaction.
    """
    # Who was to come and does not know yet that they need not, is told it without a word of theirs.
    await connection.execute(
        f"UPDATE notices SET words = $2 WHERE {_OFF_UNTOLD} AND about IN ({_ABOUT_THEIRS})",
        *(person, tell_off("")),
    )
    await connection.execute(
        f"DELETE FROM notices WHERE NOT ({_OFF_UNTOLD}) AND about IN ({_ABOUT_THEIRS})", person
    )
    await connection.execute(
        """
        UPDATE visits SET thanks = '' WHERE thanks <> '' AND (helper = $1 OR request IN (
            SELECT number FROM help_requests WHERE asker = $1))
        """,
        person,
    )
    done = await connection.execute(
        f"""
        UPDATE help_requests SET {_NO_WORDS}, easting = NULL, northing = NULL, next_wave = NULL,
            desk_since = NULL
        WHERE asker = $1
        """,
        person,
    )
    return int(done.removeprefix("UPDATE "))


async def forget_help(pool: Pool, now: int) -> None:
    """Forget what was written 90 days after it is over, also in notices, and all of it after two
    years. ``now`` is in Unix milliseconds.
    """
    await forget(
        pool,
        f"""
        WITH old AS (
            SELECT number FROM help_requests WHERE {_LAST} < $1 AND title <> ''
            ORDER BY {_LAST} LIMIT $2
        ), told AS (
            DELETE FROM notices WHERE NOT {UNPAID} AND about IN (
                SELECT 'help/' || number FROM old
                UNION ALL
                SELECT 'visits/' || visits.number FROM visits JOIN old ON request = old.number)
        )
        UPDATE help_requests SET {_NO_WORDS}, easting = NULL, northing = NULL
        WHERE number IN (SELECT number FROM old)
        """,
        now - WORDS_KEPT_MS,
    )
    await forget(
        pool,
        f"""
        DELETE FROM help_requests WHERE number IN (
            SELECT number FROM help_requests WHERE {_LAST} < $1 ORDER BY {_LAST} LIMIT $2)
        """,
        now - KEPT_MS,
    )
