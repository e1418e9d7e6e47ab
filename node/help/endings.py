"""What ends by itself: visits that nobody came to, and promises that are gone."""

from __future__ import annotations

import asyncpg

from node.connections import Reader
from node.help.payment import was_paid
from node.help.requests import lock_request, move_asks, open_request
from node.talking.notices import Notice, notify, notify_all

OVER_MAX = 100
_HOUR_MS = 3600 * 1000

# A visit that has nobody is over when it can begin no more; an hour later, so that a clock that was
# changed in a week in between ends none too early. One that waits for the asker, when it begins.
_IS_OVER = f"""
    (visits.status = 'open' AND ends + week * 7 * 24 * {_HOUR_MS}::bigint + {_HOUR_MS} < $1
        OR visits.status = 'held' AND starts < $1)
"""


async def find_over(connection: Reader, now: int) -> list[int]:
    """Requests of which a visit is over that nobody will come to; ``now`` in Unix milliseconds."""
    rows = await connection.fetch(
        f"""
        SELECT DISTINCT request FROM visits JOIN help_requests ON help_requests.number = request
        WHERE help_requests.status IN ('draft', 'open', 'filled') AND {_IS_OVER} LIMIT $2
        """,
        *(now, OVER_MAX),
    )
    return [row["request"] for row in rows]


async def end_over(connection: Reader, number: int, now: int) -> None:
    """Visits that nobody came to before it was too late are off, and whom it concerns is told.

    For what is still to come, helpers are asked from the beginning. Inside a transaction. Raises
    NotFound.
    """
    row = await lock_request(connection, number)
    dropped = await connection.fetch(
        f"""
        WITH gone AS (
            SELECT visits.number, visits.helper, hold FROM visits
                JOIN help_requests ON help_requests.number = request
            WHERE request = $2 AND {_IS_OVER}
        )
        UPDATE visits SET status = 'dropped', ended = $1, helper = NULL, account = NULL,
            begins = NULL, starts = NULL
        FROM gone WHERE visits.number = gone.number RETURNING gone.helper, gone.hold
        """,
        *(now, number),
    )
    left = await connection.fetchrow(
        """
        SELECT count(*) FILTER (WHERE status = 'open') AS open,
            count(*) FILTER (WHERE status IN ('held', 'booked')) AS agreed
        FROM visits WHERE request = $1
        """,
        number,
    )
    assert left is not None, "an aggregate has one row"
    await _go_on(connection, row, left["open"], left["agreed"], now)
    helpers = {each["helper"] for each in dropped} - {None}
    words = (
        f"{row['title']} did not come about; nobody accepted it in time. Thank you for your yes."
    )
    await notify_all(connection, sorted(helpers), Notice("off", f"help/{number}", words), now)
    if row["asker"] is not None and any(each["hold"] is not None for each in dropped):
        words = (
            f"{row['title']}: we are sorry, nobody could come in time. What was set aside for it is"
            " yours to use again: say tally ask to free it."
        )
        await notify(connection, row["asker"], Notice("over", f"help/{number}", words), now)


async def _go_on(
    connection: Reader, row: asyncpg.Record, is_open: int, agreed: int, now: int
) -> None:
    """What becomes of a request some of whose visits were dropped."""
    if is_open:
        await move_asks(connection, row["number"])
        await open_request(connection, row["number"], now)  # where what they lacked is not needed
        await connection.execute(
            """
            UPDATE help_requests SET wave = 0, next_wave = $2
            WHERE number = $1 AND status = 'open'
            """,
            *(row["number"], now),
        )
    else:
        await connection.execute(
            """
            UPDATE help_requests SET status = $2, next_wave = NULL, desk_since = NULL
            WHERE number = $1
            """,
            *(row["number"], "filled" if agreed else "over"),
        )


async def find_unpromised(connection: Reader) -> list[int]:
    """Requests for which somebody is looked for or comes, though what was set aside is gone."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT request FROM visits JOIN help_requests ON help_requests.number = request
        WHERE link IS NULL
            AND (help_requests.status = 'open' AND visits.status = 'open'
                OR visits.status IN ('held', 'booked') AND hold IS NOT NULL AND offer IS NULL)
            AND NOT EXISTS (SELECT FROM holds WHERE index = hold)
        LIMIT $1
        """,
        OVER_MAX,
    )
    return [row["request"] for row in rows]


async def unpromise(connection: Reader, number: int, now: int) -> None:
    """Nothing is set aside for some visits any more: until it is again, nobody is asked for them.

    Who said that they come, comes; the asker is told of both, by the desk where they phone. Inside
    a transaction. Raises NotFound.
    """
    row = await lock_request(connection, number)
    gone = await connection.fetch(
        """
        SELECT * FROM visits
        WHERE request = $1 AND status IN ('open', 'held', 'booked') AND hold IS NOT NULL
            AND offer IS NULL
            AND NOT EXISTS (SELECT FROM holds WHERE index = hold)
        """,
        number,
    )
    # Some are paid before they come.
    freed = [each for each in gone if not await was_paid(connection, row, each)]
    await connection.execute(
        "UPDATE visits SET hold = NULL WHERE number = ANY($1::bigint[])",
        [each["number"] for each in freed],
    )
    is_wanted = row["status"] == "open" and await connection.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM visits WHERE request = $1 AND status = 'open' AND hold IS NULL
        )
        """,
        number,
    )
    if is_wanted:
        await connection.execute(
            """
            UPDATE help_requests SET status = 'draft', next_wave = NULL, desk_since = NULL
            WHERE number = $1
            """,
            number,
        )
    agreed = any(each["helper"] is not None for each in freed)
    if row["asker"] is None or row["phones"] or not (is_wanted or agreed):
        return
    then = "nobody is asked" if is_wanted else "who comes cannot be paid from it"
    words = (
        f"{row['title']}: nothing is set aside for it any more, so {then}. Say tally ask to set it"
        " aside again."
    )
    await notify(connection, row["asker"], Notice("unpromised", f"help/{number}", words), now)
