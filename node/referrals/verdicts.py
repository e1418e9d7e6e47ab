"""What a neighbour says of those of ours who offered to help, done as its asker would do it.

Who is accepted is told where it is, the others kindly that it is settled.
"""

from __future__ import annotations

from contextlib import suppress
from zoneinfo import ZoneInfo

import asyncpg

from ledger.federation.referral import Verdict
from node.connections import Reader
from node.errors import HelpOver, HelpTaken, NotFound, RequestInvalid
from node.help.afterwards import finish, miss
from node.help.answers import pick
from node.help.minutes import time_of
from node.help.outcomes import reopen, tell_off
from node.help.requests import check_match, lock_request
from node.help.words import tell_time
from node.talking.notices import Notice, notify


async def judge(
    connection: Reader, number: int, verdict: Verdict, zone: ZoneInfo, now: int
) -> None:
    """Do what the neighbour's asker decided about one of ours."""
    ask = await connection.fetchrow(
        "SELECT helper, answer FROM asks WHERE request = $1 AND offer = $2",
        *(number, verdict.offer),
    )
    if ask is None:
        return  # they are here no more
    visit = await _find_visit(connection, number, ask["helper"])
    match verdict.word:
        case "late" | "declined" | "cancelled":
            await _refuse(connection, number, ask["helper"], visit, verdict.word, now)
        case "accepted":
            if visit is None and ask["answer"] == "yes":
                await _pick(connection, number, ask["helper"], zone, now)
                visit = await _find_visit(connection, number, ask["helper"])
            if visit is not None and visit["status"] == "held":
                await _book(connection, number, visit, now)
                visit = await _find_visit(connection, number, ask["helper"])
            if visit is not None:
                await _follow(connection, visit, verdict, zone, now)


async def _find_visit(connection: Reader, number: int, helper: int) -> asyncpg.Record | None:
    return await connection.fetchrow(
        "SELECT * FROM visits WHERE request = $1 AND helper = $2 ORDER BY number LIMIT 1",
        *(number, helper),
    )


async def _pick(connection: Reader, number: int, helper: int, zone: ZoneInfo, now: int) -> None:
    """The neighbour's asker picked one of several; who has no time any more is no offer."""
    try:
        await pick(connection, number, helper, zone, now)
    except (HelpOver, HelpTaken, NotFound, RequestInvalid):
        await _answer_late(connection, number, helper, now)


async def _answer_late(connection: Reader, number: int, helper: int, now: int) -> None:
    await connection.execute(
        "UPDATE asks SET answer = 'late', answered = $3 WHERE request = $1 AND helper = $2",
        *(number, helper, now),
    )


async def _refuse(
    connection: Reader,
    number: int,
    helper: int,
    visit: asyncpg.Record | None,
    word: str,
    now: int,
) -> None:
    """They are not to come: what they kept free for it is theirs again, and the place is open."""
    request = await lock_request(connection, number)
    is_booked = visit is not None and visit["status"] == "booked"
    if visit is not None and (visit["status"] == "held" or (is_booked and visit["starts"] > now)):
        await reopen(connection, [visit])
    elif visit is not None:
        return  # it has begun
    done = await connection.execute(
        """
        UPDATE asks SET answer = $3, answered = $4
        WHERE request = $1 AND helper = $2 AND answer = 'yes'
        """,
        *(number, helper, "late" if word == "late" and not is_booked else "declined", now),
    )
    if visit is not None and is_booked:
        words = tell_off(request["title"])
        notice = Notice("off", f"help/{number}", words, urgent=True, begins=visit["starts"])
        await notify(connection, helper, notice, now)
    elif done != "UPDATE 0":
        await thank_kindly(connection, request, helper, now)


async def thank_kindly(connection: Reader, request: asyncpg.Record, helper: int, now: int) -> None:
    """Nobody is to come for it any more, and nobody is told why."""
    words = f"{request['title']} is settled in another way. Thank you for being there."
    notice = Notice("taken", f"help/{request['number']}", words, urgent=True)
    await notify(connection, helper, notice, now)


async def _book(connection: Reader, number: int, visit: asyncpg.Record, now: int) -> None:
    """They are taken; but not whom something keeps away that came up since they said yes."""
    request = await lock_request(connection, number)
    try:
        await check_match(connection, request, visit["helper"], now, "they cannot come after all")
    except HelpTaken:
        await reopen(connection, [visit])
        await _answer_late(connection, number, visit["helper"], now)
        return
    await connection.execute(
        "UPDATE visits SET status = 'booked' WHERE number = $1", visit["number"]
    )
    when = tell_time(time_of(visit["begins"]))
    words = f"You are expected for {request['title']}, {when}. Say tally asked {number} for where."
    notice = Notice("booked", f"help/{number}", words, urgent=True, begins=visit["starts"])
    await notify(connection, visit["helper"], notice, now)


async def _follow(
    connection: Reader, visit: asyncpg.Record, verdict: Verdict, zone: ZoneInfo, now: int
) -> None:
    """What the neighbour's side says afterwards: how long it took, who was not there, thanks.

    Raises RequestInvalid for what has not begun by our clock: then all of it waits until it is sent
    again.
    """
    number = visit["number"]
    if verdict.minutes and visit["status"] in ("booked", "done"):
        await finish(connection, number, verdict.minutes, None, zone, now)
    if verdict.missed and visit["status"] in ("booked", "done"):
        with suppress(HelpOver):  # it is too late to say so
            await miss(connection, number, None, now, "helper")
    if verdict.payment:
        await connection.execute(
            """
            UPDATE visits SET payment = $2 WHERE number = $1
                AND NOT EXISTS (SELECT FROM visits AS others WHERE others.payment = $2)
            """,
            *(number, verdict.payment),
        )
    thanks = verdict.thanks.decode()
    if thanks == visit["thanks"]:
        return
    await connection.execute("UPDATE visits SET thanks = $2 WHERE number = $1", number, thanks)
    about = f"help/{visit['request']}"
    if not thanks:  # whoever wrote it is erased
        await connection.execute(
            "DELETE FROM notices WHERE about = $1 AND kind = 'thanks' AND person = $2",
            *(about, visit["helper"]),
        )
    elif not visit["thanks"]:
        notice = Notice("thanks", about, f"Thank you: {thanks}")
        await notify(connection, visit["helper"], notice, now)
