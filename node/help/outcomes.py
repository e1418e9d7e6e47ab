"""What came of a visit: accepted, handed back, cancelled, done, or somebody was not there.

Nothing here moves tokens. What was set aside for a visit is paid, or freed, by orders; a visit that
is done counts as paid once its promise is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from zoneinfo import ZoneInfo

import asyncpg

from node.care.duty import alert_duty
from node.connections import Reader
from node.errors import HelpOver, HelpTaken, NotFound, RequestInvalid
from node.help.minutes import WEEK, minute_at, time_of
from node.help.requests import check_match, find_week, lock_request, read_ends
from node.help.silence import SILENCE_MS
from node.help.words import tell_time
from node.people.blocks import read_hidden
from node.talking.notices import Notice, notify, notify_all

LATE_MS = 24 * 3600 * 1000
"""Whoever cancels later than so long before it begins, cancels late."""

Side = Literal["helper", "asker"]
"""Of those who were to meet."""


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
    if request["status"] not in ("open", "filled"):
        raise HelpOver(number)
    await check_match(connection, request, helper, now, "they cannot come after all")
    for row in waiting:
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
    when = tell_time(time_of(waiting[0]["begins"]))
    words = f"You are expected for {request['title']}, {when}. Say tally asked {number} for where."
    await _tell(connection, helper, "booked", number, words, now, urgent=True)


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
    await _reopen(connection, held)
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


async def leave(connection: Reader, visit: int, rest: bool, now: int) -> tuple[int | None, bool]:
    """The helper cannot come: the request is open again, before all others. Inside a transaction.

    With ``rest`` that is so for all later weeks too. Returns who it was, and whether it was late.
    Raises NotFound, HelpOver.
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
        """,
        *(request["number"], row["place"], row["week"], rest),
    )
    await _reopen(connection, gone)
    await connection.execute(
        "UPDATE asks SET answer = 'left', answered = $3 WHERE request = $1 AND helper = $2",
        *(request["number"], helper, now),
    )
    if late:
        await connection.execute("UPDATE helpers SET failed = failed + 1 WHERE person = $1", helper)
    if request["asker"] is not None:
        when = tell_time(time_of(row["begins"]))
        words = f"The helper for {request['title']}, {when}, cannot come. We look for another now."
        await _tell(
            connection, request["asker"], "left", request["number"], words, now, urgent=True
        )
    await reach_out(connection, request, now)
    return helper, late


async def _reopen(connection: Reader, visits: Sequence[asyncpg.Record]) -> None:
    """Take the helper off these visits."""
    await connection.execute(
        """
        UPDATE visits SET status = 'open', helper = NULL, account = NULL, begins = NULL,
            starts = NULL
        WHERE number = ANY($1::bigint[])
        """,
        [row["number"] for row in visits],
    )


async def reach_out(connection: Reader, request: asyncpg.Record, now: int) -> None:
    """A place is open again: those who came too late before are asked first, the next at once."""
    number = request["number"]
    week = await find_week(connection, number)
    await connection.execute(
        """
        UPDATE help_requests SET status = 'open', next_wave = $2, wave = 0,
            desk_since = CASE WHEN phones THEN $2 ELSE desk_since END
        WHERE number = $1
        """,
        *(number, now),
    )
    late = await connection.fetch(
        """
        UPDATE asks SET answer = NULL, answered = NULL, asked = $2, week = $3,
            begins = begins + ($3 - week) * $4
        WHERE request = $1 AND answer = 'late' RETURNING helper
        """,
        *(number, now, week, WEEK),
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
        "SELECT number, helper FROM visits WHERE request = $1 AND status = 'held'", number
    )
    await _reopen(connection, held)  # who was not accepted is told nothing more of it
    rows = await connection.fetch(
        """
        UPDATE visits SET status = 'cancelled', ended_by = $2, ended = $3,
            late = status = 'booked' AND starts - $3 < $4
        WHERE request = $1 AND (status = 'open' OR status = 'booked' AND starts > $3)
        RETURNING helper
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
    people = {row["helper"] for row in (*held, *rows, *asked)} - {None}
    words = f"{request['title']}: help is not needed any more. Thank you."
    await notify_all(
        connection, sorted(people), Notice("off", f"help/{number}", words, urgent=True), now
    )


async def finish(
    connection: Reader, visit: int, minutes: int, by: int, zone: ZoneInfo, now: int
) -> None:
    """It is done, and took so long. Inside a transaction; said again, it changes the time.

    Raises NotFound, HelpOver for a visit that is not booked, RequestInvalid before it begins.
    """
    request, row = await lock_visit(connection, visit)
    if row["status"] not in ("booked", "done"):
        raise HelpOver(request["number"])
    if minute_at(now, zone) < row["begins"]:
        raise RequestInvalid(["body: it has not begun yet"])
    if row["status"] == "done" and row["minutes"] == minutes:
        return  # the asker's time to object runs from when it was said first
    await connection.execute(
        """
        UPDATE visits SET status = 'done', minutes = $2, ended_by = $3, ended = $4
        WHERE number = $1
        """,
        *(visit, minutes, by, now),
    )
    if row["status"] == "booked":
        await connection.execute(
            "UPDATE helpers SET kept = kept + 1 WHERE person = $1", row["helper"]
        )
    if request["asker"] is not None:
        words = (
            f"{request['title']} is done, it took {minutes} minutes. Say tally confirm"
            f" {request['number']} if that is right; if you say nothing, it counts as right after"
            " three days."
        )
        await _tell(connection, request["asker"], "done", request["number"], words, now)
    await _close(connection, request["number"])


async def miss(
    connection: Reader, visit: int, by: int, now: int, absent: Side | None = None
) -> None:
    """Somebody was not there: whoever is on duty is told at once. Inside a transaction.

    ``absent`` is which of the two; the other one than who says so, where nothing is said.
    It counts for nothing until a coordinator has made sure. Raises NotFound, HelpOver,
    RequestInvalid before it begins.
    """
    request, row = await lock_visit(connection, visit)
    if row["status"] not in ("booked", "done"):
        raise HelpOver(request["number"])
    if now < row["starts"]:
        raise RequestInvalid(["body: it has not begun yet"])
    if row["status"] == "done":
        if now >= row["ended"] + SILENCE_MS:
            raise HelpOver(request["number"])
        await connection.execute(
            "UPDATE helpers SET kept = greatest(kept - 1, 0) WHERE person = $1", row["helper"]
        )
    await connection.execute(
        "UPDATE visits SET status = 'missed', ended_by = $2, ended = $3 WHERE number = $1",
        *(visit, by, now),
    )
    absent = absent or ("asker" if by == row["helper"] else "helper")
    who = "nobody was in" if absent == "asker" else "the helper did not come"
    words = f"{request['title']}, {tell_time(time_of(row['begins']))}: {who}. Please find out now."
    involved = frozenset({row["helper"], request["asker"]} - {None})
    await alert_duty(connection, f"help/{request['number']}", words, now, never=involved)
    await _close(connection, request["number"])


async def confirm_miss(
    connection: Reader, visit: int, failed: bool, *, happened: bool = False
) -> None:
    """A coordinator made sure of it: the helper failed to come, or nobody is to blame.

    Where it ``happened`` after all, it can be said to be done. Inside a transaction. Raises
    NotFound, HelpOver.
    """
    request, row = await lock_visit(connection, visit)
    if row["status"] != "missed" or row["confirmed"]:
        raise HelpOver(request["number"])
    if happened:
        await connection.execute(
            "UPDATE visits SET status = 'booked', ended_by = NULL, ended = NULL WHERE number = $1",
            visit,
        )
        await connection.execute(
            "UPDATE help_requests SET status = 'filled' WHERE number = $1 AND status = 'over'",
            request["number"],
        )
        return
    await connection.execute("UPDATE visits SET confirmed = true WHERE number = $1", visit)
    if failed:
        await connection.execute(
            "UPDATE helpers SET failed = failed + 1 WHERE person = $1", row["helper"]
        )


async def thank(connection: Reader, visit: int, words: str, now: int) -> None:
    """Thanks in words, for the helper, who is told once. Inside a transaction.

    Raises NotFound, HelpOver, also where one of the two has blocked the other.
    """
    request, row = await lock_visit(connection, visit)
    is_over = row["status"] not in ("done", "paid") or row["helper"] is None
    if is_over or row["helper"] in await read_hidden(connection, request["asker"] or 0):
        raise HelpOver(request["number"])
    await connection.execute("UPDATE visits SET thanks = $2 WHERE number = $1", visit, words)
    if row["thanks"]:
        return
    told = f"Thank you for {request['title']}: {words}"
    await _tell(connection, row["helper"], "thanks", request["number"], told, now)


async def _close(connection: Reader, number: int) -> None:
    """A request is over when nothing of it is to come."""
    await connection.execute(
        """
        UPDATE help_requests SET status = 'over', next_wave = NULL, desk_since = NULL
        WHERE number = $1 AND status = 'filled' AND NOT EXISTS (
            SELECT FROM visits WHERE request = $1 AND status IN ('open', 'held', 'booked')
        )
        """,
        number,
    )


async def mark_paid(connection: Reader) -> None:
    """Visits that are done, and whose promise is over, are paid."""
    await connection.execute(
        """
        UPDATE visits SET status = 'paid'
        WHERE status = 'done' AND hold IS NOT NULL
            AND NOT EXISTS (SELECT FROM holds WHERE index = hold)
        """
    )


async def _tell(
    connection: Reader,
    person: int,
    kind: str,
    number: int,
    words: str,
    now: int,
    *,
    urgent: bool = False,
) -> None:
    await notify(connection, person, Notice(kind, f"help/{number}", words, urgent=urgent), now)
