"""What becomes of a visit before it takes place: accepted, declined, handed back, cancelled.

Nothing here moves tokens: what was set aside for a visit is promised, or freed, by orders.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from node.care.safeguarding import is_close
from node.connections import Reader
from node.errors import HelpOver, HelpTaken, NotFound, RequestInvalid
from node.help.minutes import time_of
from node.help.requests import check_match, lock_request, move_asks, read_ends
from node.help.words import tell_time
from node.talking.notices import Notice, notify, notify_all

LATE_MS = 24 * 3600 * 1000
"""Whoever cancels later than so long before it begins, cancels late."""


async def lock_visit(connection: Reader, visit: int) -> tuple[asyncpg.Record, asyncpg.Record]:
    """A request and one of its visits, which nobody else changes until the transaction ends.

    Raises NotFound.
    """
    number = await connection.fetchval("SELECT request FROM visits WHERE number = $1", visit)
    if number is None:
        raise NotFound("visit of that number")
    request = await lock_request(connection, number)
    row = await connection.fetchrow("SELECT * FROM visits WHERE number = $1", visit)
    assert row is not None, "visits are never deleted alone"
    return request, row


async def accept(connection: Reader, number: int, helper: int, now: int) -> None:
    """The asker takes this helper: they are told where, and whom they reach how.

    What is set aside for their visits has to be theirs by now. Inside a transaction; said again, it
    changes nothing. Raises NotFound, HelpOver, HelpTaken.
    """
    request = await lock_request(connection, number)
    rows = await connection.fetch(
        """
        SELECT visits.*, payee, EXISTS (
            SELECT FROM holders JOIN accounts ON accounts.number = holders.account AND NOT closed
            WHERE holders.account = payee AND person = $2
        ) AS is_theirs
        FROM visits LEFT JOIN holds ON index = hold
        WHERE request = $1 AND helper = $2 AND status IN ('held', 'booked') ORDER BY week
        """,
        *(number, helper),
    )
    if not rows:
        raise HelpTaken(number, "nobody of that number has said yes to it")
    waiting = [row for row in rows if row["status"] == "held"]
    if request["status"] in ("cancelled", "over"):
        raise HelpOver(number)
    await check_match(connection, request, helper, now, "they cannot come after all")
    for row in waiting:
        if row["hold"] is None:
            raise RequestInvalid(["body: nothing is set aside for it any more; do that first"])
        if not row["is_theirs"]:
            raise RequestInvalid(
                [f"body: what is set aside by entry {row['hold']} is not yet for {row['account']}"]
            )
    if not waiting:
        return
    await connection.execute(
        """
        UPDATE visits SET status = 'booked', account = payee FROM holds
        WHERE number = ANY($1::bigint[]) AND index = hold
        """,
        [row["number"] for row in waiting],
    )
    await forget_offers(connection, number)
    when = tell_time(time_of(waiting[0]["begins"]))
    words = f"You are expected for {request['title']}, {when}. Say tally asked {number} for where."
    begins = waiting[0]["starts"]
    await _tell(connection, helper, "booked", number, words, now, urgent=True, begins=begins)


async def forget_offers(connection: Reader, number: int) -> None:
    """Nobody has to be told any more that somebody can come: that is decided."""
    await connection.execute(
        "DELETE FROM notices WHERE about = $1 AND kind = 'offer' AND told IS NULL",
        f"help/{number}",
    )


async def decline(connection: Reader, number: int, helper: int, now: int) -> None:
    """The asker would rather have somebody else: the place is open again. Inside a transaction.

    The helper is told kindly, and not why. Raises NotFound, HelpTaken.
    """
    request = await lock_request(connection, number)
    rows = await connection.fetch(
        """
        SELECT number, status FROM visits
        WHERE request = $1 AND helper = $2 AND status IN ('held', 'booked')
        """,
        *(number, helper),
    )
    held = [row for row in rows if row["status"] == "held"]
    if len(held) < len(rows):
        raise HelpTaken(number, "you accepted them already; what is not needed you cancel")
    await reopen(connection, held)
    answered = await connection.fetchval(
        """
        UPDATE asks SET answer = 'declined', answered = $3
        WHERE request = $1 AND helper = $2 AND answer = 'yes' RETURNING true
        """,
        *(number, helper, now),
    )
    if not answered:
        raise HelpTaken(number, "nobody of that number has said yes to it")
    words = f"{request['title']} is settled in another way. Thank you for saying yes."
    await _tell(connection, helper, "taken", number, words, now)
    if held:
        await reach_out(connection, request, now)


async def leave(
    connection: Reader, visit: int, rest: bool, now: int, by: int | None = None
) -> None:
    """The helper cannot come: the request is open again, before all others. Inside a transaction.

    With ``rest`` that is so for all later weeks too. Where it is somebody else who says so, the
    helper is told. Raises NotFound, HelpOver.
    """
    request, row = await lock_visit(connection, visit)
    if row["status"] not in ("held", "booked") or row["starts"] <= now:
        raise HelpOver(request["number"])  # once it has begun, somebody was not there
    helper, late = row["helper"], row["starts"] - now < LATE_MS
    gone = await connection.fetch(
        """
        SELECT number FROM visits
        WHERE request = $1 AND place = $2 AND status IN ('held', 'booked')
            AND (week = $3 OR $4 AND week > $3)
            AND helper IS NOT DISTINCT FROM $5 AND offer IS NOT DISTINCT FROM $6
        """,
        *(request["number"], row["place"], row["week"], rest, helper, row["offer"]),
    )
    await reopen(connection, gone)
    await connection.execute(
        "UPDATE asks SET answer = 'left', answered = $3 WHERE request = $1 AND helper = $2",
        *(request["number"], helper, now),
    )
    await _forget_expected(connection, request["number"], helper)
    others = by is not None and by != helper
    if others and await is_close(connection, by or 0, request["asker"] or 0):
        late = False  # who asked does not say that of the helper
    if late:  # it is nobody's fault where a coordinator kept the two apart
        await connection.execute(
            """
            UPDATE helpers SET failed = failed + 1
            WHERE person = $1 AND NOT EXISTS (SELECT FROM suspensions WHERE person IN ($1, $2))
            """,
            *(helper, request["asker"] or 0),
        )
    when = tell_time(time_of(row["begins"]))
    if helper is not None and others:
        words = (
            f"You are not expected for {request['title']}, {when}: a coordinator noted that you"
            " cannot come. If that is not so, please ring them."
        )
        begins = row["starts"]
        await _tell(
            connection, helper, "off", request["number"], words, now, urgent=True, begins=begins
        )
    if request["asker"] is not None:
        words = f"The helper for {request['title']}, {when}, cannot come. We look for another now."
        notice = Notice(
            "left", f"help/{request['number']}", words, urgent=True, begins=row["starts"]
        )
        await notify(connection, request["asker"], notice, now)
    await reach_out(connection, request, now)


async def _forget_expected(connection: Reader, number: int, helper: int | None) -> None:
    """Who is not expected any more, and was not told that they are, need not be told."""
    await connection.execute(
        """
        DELETE FROM notices
        WHERE person = $2 AND about = 'help/' || $1::bigint AND kind = 'booked' AND told IS NULL
            AND NOT EXISTS (
                SELECT FROM visits WHERE request = $1 AND helper = $2 AND status = 'booked'
            )
        """,
        *(number, helper),
    )


async def reopen(connection: Reader, visits: Sequence[asyncpg.Record]) -> None:
    """Take the helper off these visits."""
    await connection.execute(
        """
        UPDATE visits SET status = 'open', helper = NULL, account = NULL, begins = NULL,
            starts = NULL, offer = NULL
        WHERE number = ANY($1::bigint[])
        """,
        [row["number"] for row in visits],
    )


async def reach_out(connection: Reader, request: asyncpg.Record, now: int) -> None:
    """A place is open again: those who came too late before are asked first, the next at once."""
    number = request["number"]
    await connection.execute(
        """
        UPDATE help_requests SET status = 'open', next_wave = $2, wave = 0,
            desk_since = CASE WHEN phones THEN $2 ELSE desk_since END
        WHERE number = $1
        """,
        *(number, now),
    )
    await move_asks(connection, number)
    late = await connection.fetch(
        """
        UPDATE asks SET answer = NULL, answered = NULL, asked = $2
        WHERE request = $1 AND answer = 'late' RETURNING helper
        """,
        *(number, now),
    )
    words = (
        f"{request['title']}: help is wanted again. Can you come after all? Say tally yes {number}"
        f" or tally no {number}."
    )
    ends = await read_ends(connection, request)
    notice = Notice("ask", f"help/{number}", words, urgent=True, expires=ends)
    await notify_all(connection, [each["helper"] for each in late], notice, now)


async def cancel(connection: Reader, number: int, by: int | None, now: int) -> None:
    """The asker needs it no longer: all visits that are to come are off. Inside a transaction.

    What is agreed and has begun goes on: it is for both to say how it was. Whoever was to come is
    told. Raises NotFound, HelpOver.
    """
    request = await lock_request(connection, number)
    if request["status"] in ("cancelled", "over"):
        raise HelpOver(number)
    held = await connection.fetch(
        "SELECT number, helper, starts FROM visits WHERE request = $1 AND status = 'held'", number
    )
    await reopen(connection, held)  # who was not accepted is told nothing more of it
    rows = await connection.fetch(
        """
        UPDATE visits SET status = 'cancelled', ended_by = $2, ended = $3,
            late = status = 'booked' AND starts - $3 < $4
        WHERE request = $1 AND (status = 'open' OR status = 'booked' AND starts > $3)
        RETURNING helper, starts
        """,
        *(number, by, now, LATE_MS),
    )
    if not rows:
        raise HelpOver(number)
    asked = await connection.fetch(
        """
        UPDATE asks SET answer = 'late', answered = $2
        WHERE request = $1 AND answer IS NULL RETURNING helper
        """,
        *(number, now),
    )
    await connection.execute(
        """
        UPDATE help_requests SET next_wave = NULL, desk_since = NULL, status = CASE WHEN EXISTS (
            SELECT FROM visits WHERE request = $1 AND visits.status = 'booked'
        ) THEN 'filled' ELSE 'cancelled' END
        WHERE number = $1
        """,
        number,
    )
    words = tell_off(request["title"])
    begins: dict[int, int] = {}
    for row in (*held, *rows):
        if row["helper"] is not None:
            begins[row["helper"]] = min(row["starts"], begins.get(row["helper"], row["starts"]))
    for helper, first in sorted(begins.items()):
        await _tell(connection, helper, "off", number, words, now, urgent=True, begins=first)
    others = {row["helper"] for row in asked} - begins.keys()  # who has not said yes, can wait
    await notify_all(connection, sorted(others), Notice("off", f"help/{number}", words), now)


def tell_off(title: str) -> str:
    """For who was to come; without a ``title`` where who asked is erased."""
    return f"{title or 'What you were asked for'}: help is not needed any more. Thank you."


async def _tell(
    connection: Reader,
    person: int,
    kind: str,
    number: int,
    words: str,
    now: int,
    *,
    urgent: bool = False,
    begins: int | None = None,
) -> None:
    notice = Notice(kind, f"help/{number}", words, urgent=urgent, begins=begins)
    await notify(connection, person, notice, now)
