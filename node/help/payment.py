"""How the promise for a visit that is done ended: it was paid, or nothing is set aside any more.

Promises end by orders, and the ledger keeps only those that are open: so how one ended is looked
up in the entries of the account that made it, the newest first.
"""

from __future__ import annotations

import asyncpg

from ledger import orders
from ledger.federation.evidence import PEER_AUTHORITIES
from ledger.orders import Release, Settle
from node.connections import Reader
from node.help.minutes import time_of
from node.help.outcomes import lock_visit
from node.help.words import tell_time
from node.talking.notices import Notice, notify

ENDED_MAX = 100
LOOKED_AT = 200
"""Entries of an account that are read at once."""


async def find_ended(connection: Reader) -> list[int]:
    """Visits that are done, and for which nothing is set aside by now."""
    rows = await connection.fetch(
        """
        SELECT number FROM visits
        WHERE status = 'done' AND hold IS NOT NULL AND offer IS NULL
            AND NOT EXISTS (SELECT FROM holds WHERE index = hold)
        LIMIT $1
        """,
        ENDED_MAX,
    )
    return [row["number"] for row in rows]


async def end_visit(connection: Reader, visit: int, now: int) -> None:
    """A visit that is done is paid, if its promise was settled to its helper.

    Where it was not, it stays done without a promise, and both are told what can be done. Inside a
    transaction. Raises NotFound.
    """
    request, row = await lock_visit(connection, visit)
    if row["status"] != "done" or row["hold"] is None:
        return
    if await was_paid(connection, request, row):
        await connection.execute("UPDATE visits SET status = 'paid' WHERE number = $1", visit)
        return
    await connection.execute("UPDATE visits SET hold = NULL WHERE number = $1", visit)
    await _tell_unpaid(connection, request, row, now)


async def was_paid(connection: Reader, request: asyncpg.Record, row: asyncpg.Record) -> bool:
    """Whether what was set aside for a visit, and is so no longer, was paid to its helper."""
    settle = await _find_settle(connection, request["account"], row["hold"])
    return settle is not None and await _is_theirs(connection, row, settle.payee)


async def _find_settle(connection: Reader, account: int, hold: int) -> Settle | None:
    """The order that settled a hold of an account; None where it was released."""
    before = None
    while True:
        rows = await connection.fetch(
            """
            SELECT seq, entry, wire, authority FROM postings JOIN entries ON entries.index = entry
            WHERE account = $1 AND ($2::bigint IS NULL OR seq < $2) ORDER BY seq DESC LIMIT $3
            """,
            *(account, before, LOOKED_AT),
        )
        for row in rows:
            if row["entry"] <= hold:
                return None
            if not row["wire"] or row["authority"] in PEER_AUTHORITIES:
                continue
            match orders.parse(row["wire"]).order.act:
                case Settle(hold=found) as settle if found == hold:
                    return settle
                case Release(hold=found) if found == hold:
                    return None
        if not rows:
            return None
        before = rows[-1]["seq"]


async def _is_theirs(connection: Reader, row: asyncpg.Record, payee: int) -> bool:
    """Whether the helper of a visit was paid, on the account that was agreed or another one."""
    return payee == row["account"] or bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM holders WHERE account = $1 AND person = $2)",
            *(payee, row["helper"]),
        )
    )


async def _tell_unpaid(
    connection: Reader, request: asyncpg.Record, row: asyncpg.Record, now: int
) -> None:
    names = await connection.fetch(
        "SELECT person, handle, name FROM people WHERE person = ANY($1::bigint[])",
        [person for person in (request["asker"], row["helper"]) if person is not None],
    )
    people = {each["person"]: each for each in names}
    asker, helper = people.get(request["asker"]), people.get(row["helper"])
    what = f"{request['title']}, {tell_time(time_of(row['begins']))}"
    gone = "is done and was not paid, as nothing is set aside for it any more."
    about = f"help/{request['number']}"
    if asker is not None:
        who, handle = (helper["name"], helper["handle"]) if helper else ("the helper", "WHO")
        pay = "tell a coordinator" if request["phones"] else f"say tally pay {handle} AMOUNT"
        words = f"{what}, {gone} To pay {who}, {pay}; if they wanted nothing, all is well."
        await notify(connection, asker["person"], Notice("unpaid", about, words), now)
    if helper is not None:
        who = asker["name"] if asker else "who asked"
        words = (
            f"{what}, {gone} If you expected to be paid, speak to {who}, who can still pay you"
            " directly, or to a coordinator."
        )
        await notify(connection, helper["person"], Notice("unpaid", about, words), now)
