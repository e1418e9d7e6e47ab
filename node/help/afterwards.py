"""What is said of a visit afterwards: that it is done, that somebody was not there, and thanks.

Nothing here moves tokens: the helper is paid by an order, which ``node.help.payment`` looks for.
"""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

import asyncpg

from node.care.duty import alert_duty
from node.care.safeguarding import read_household
from node.connections import Reader
from node.errors import HelpOver, RequestInvalid
from node.help.minutes import minute_at, time_of
from node.help.outcomes import lock_visit
from node.help.silence import SILENCE_MS
from node.help.words import tell_time
from node.people.blocks import read_hidden
from node.talking.notices import Notice, notify, notify_all

Side = Literal["helper", "asker"]
"""Of those who were to meet."""


async def finish(
    connection: Reader, visit: int, minutes: int, by: int | None, zone: ZoneInfo, now: int
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
    elif by != row["helper"] is not None:
        words = (
            f"{request['title']}: it was noted that it took {minutes} minutes, and not"
            f" {row['minutes']}. If that is not so, speak to each other, or tell a coordinator."
        )
        notice = Notice("done", f"help/{request['number']}", words)
        await notify(connection, row["helper"], notice, now)
    if request["asker"] is not None:
        words = (
            f"{request['title']} is done, it took {minutes} minutes. Say tally confirm"
            f" {request['number']} if that is right"
        )
        silence = "; if you say nothing, it counts as right after three days."
        words += silence if row["offer"] is None else ": then they are paid in their circle."
        if row["hold"] is None:
            pay = "tell a coordinator" if request["phones"] else "say tally pay"
            words = (
                f"{request['title']} is done, it took {minutes} minutes. Nothing is set aside for"
                f" it any more: to pay the helper, {pay}."
            )
        notice = Notice("done", f"help/{request['number']}", words)
        await notify(connection, request["asker"], notice, now)
    await _close(connection, request["number"])


async def miss(
    connection: Reader, visit: int, by: int | None, now: int, absent: Side | None = None
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
    told = await _alert(connection, request, row, words, now)
    if not told:
        await _tell_unjudged(connection, request, row, who, now)
    await _close(connection, request["number"])


async def _alert(
    connection: Reader, request: asyncpg.Record, row: asyncpg.Record, words: str, now: int
) -> list[int]:
    """Have whoever is on duty find it out, but for the two and their households; returns whom."""
    involved = {row["helper"], request["asker"]} - {None}
    never = {each for person in involved for each in await read_household(connection, person)}
    about = f"help/{request['number']}"
    return await alert_duty(connection, about, words, now, never=frozenset(never))


async def _tell_unjudged(
    connection: Reader, request: asyncpg.Record, row: asyncpg.Record, who: str, now: int
) -> None:
    """Tell both openly that nobody is there who may judge it: so it counts for neither."""
    words = (
        f"{request['title']}, {tell_time(time_of(row['begins']))}: it was said that {who}. The"
        " circle has no coordinator who is neither of the two nor of their households, so nobody"
        " finds out, and it counts against nobody. If you are worried, say tally concern."
    )
    people = sorted({row["helper"], request["asker"]} - {None})
    about = f"help/{request['number']}"
    await notify_all(connection, people, Notice("unjudged", about, words), now)


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
            """
            UPDATE help_requests SET status = 'filled'
            WHERE number = $1 AND status IN ('over', 'cancelled')
            """,
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
    nobody = row["helper"] is None and row["offer"] is None
    is_over = nobody or row["status"] not in ("done", "paid")
    if is_over or row["helper"] in await read_hidden(connection, request["asker"] or 0):
        raise HelpOver(request["number"])
    await connection.execute("UPDATE visits SET thanks = $2 WHERE number = $1", visit, words)
    if row["thanks"] or row["helper"] is None:  # who is of a neighbour, is told there
        return
    told = f"Thank you for {request['title']}: {words}"
    notice = Notice("thanks", f"help/{request['number']}", told)
    await notify(connection, row["helper"], notice, now)


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
