"""Payments into other circles, as their payers follow them."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import asyncpg
from pydantic import Field

from ledger.codec import to_base64url
from ledger.federation.payment import decode_header
from node.api.accounts import Sight, see_account
from node.api.bounds import Number
from node.api.elsewhere import split_said
from node.api.orders import Base64, Model
from node.api.quotes import describe_unit, find_circle
from node.api.sessions import Session
from node.api.statement import first_since
from node.api.wellknown import UnitDescription
from node.circle import Circle
from node.connections import Reader
from node.errors import NotFound

Hexadecimal = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
PAYMENTS_MAX = 50
"""On one page."""


class PaymentView(Model):
    """A payment from this circle into another. Times are Unix milliseconds.

    It is "open" until the other circle's answer is here; then "committed", which the decider's
    signature ``commit`` proves, or "released", for the ``reason`` of the last circle that let it
    go. ``hold`` is the entry that set ``most`` aside in ``account``; ``cost`` is what left the
    account; both are this circle's minor units. ``arrive`` is the other circle's, which counts in
    ``unit``, null while its node does not say. ``waits_for`` is the neighbour that has the word.
    ``who`` and ``text`` are whom it is to and what for, where the payer said so here.
    """

    payment: str
    header: Base64
    state: Literal["open", "committed", "released"]
    account: int
    hold: int
    since: int
    deadline: int
    circle: str
    name: str | None
    address: str | None
    url: str | None
    most: int
    arrive: int
    unit: UnitDescription | None
    cost: int | None
    commit: Base64 | None
    reason: str | None
    waits_for: str | None
    who: str | None
    text: str | None


class PaymentList(Model):
    """Payments of an account, newest first; ``next`` is the cursor of what follows."""

    payments: list[PaymentView]
    next: str | None


async def get_payment(state: Circle, session: Session, payment: Hexadecimal) -> PaymentView:
    """How a payment into another circle stands, for those who see the payer's account."""
    async with state.pool.acquire() as connection:
        row = await connection.fetchrow(
            "SELECT * FROM transits WHERE payment = $1 AND hold <> 0", bytes.fromhex(payment)
        )
        if row is None:
            raise NotFound("payment of that id that was sent from here")
        sight = await see_account(connection, session, row["account"], state.clock())
        names = await _names(connection)
        found = await _read(connection, row, sight)
    return await _view(state, found, names)


async def list_payments(
    state: Circle, session: Session, account: Number, cursor: Number | None = None
) -> PaymentList:
    """The payments of an account into other circles, newest first."""
    async with state.pool.acquire() as connection:
        sight = await see_account(connection, session, account, state.clock())
        rows = await connection.fetch(
            """
            SELECT * FROM transits
            WHERE account = $1 AND account <> 0 AND hold <> 0 AND ($2::bigint IS NULL OR hold < $2)
            ORDER BY since DESC, hold DESC LIMIT $3
            """,
            account,
            cursor,
            PAYMENTS_MAX,
        )
        names = await _names(connection)
        found = [await _read(connection, row, sight) for row in rows]
    views = [await _view(state, each, names) for each in found]
    more = len(rows) == PAYMENTS_MAX
    return PaymentList(payments=views, next=str(rows[-1]["hold"]) if more else None)


async def _names(connection: Reader) -> dict[bytes, str]:
    rows = await connection.fetch("SELECT link, title FROM peers")
    return {row["link"]: row["title"] for row in rows}


class _Found(NamedTuple):
    """What the database has of a payment; ``said`` where the reader may see it."""

    row: asyncpg.Record
    said: bytes | None
    cost: int | None


async def _read(connection: Reader, row: asyncpg.Record, sight: Sight) -> _Found:
    said = None
    if sight.texts:
        said = await connection.fetchval("SELECT body FROM personal WHERE entry = $1", row["hold"])
    committed = row["status"] == "committed"
    return _Found(row, said, await _cost(connection, row, sight) if committed else None)


async def _view(state: Circle, found: _Found, names: dict[bytes, str]) -> PaymentView:
    """Not while a connection of the pool is held: it takes one, and may ask the other circle."""
    row = found.row
    header = decode_header(row["header"])
    try:
        there = await find_circle(state, header.decider.hex())
    except NotFound:
        there = None
    who, text = split_said(found.said.decode()) if found.said else (None, None)
    committed = row["status"] == "committed"
    return PaymentView(
        payment=row["payment"].hex(),
        header=to_base64url(row["header"]),
        state=row["status"],
        account=row["account"],
        hold=row["hold"],
        since=row["since"],
        deadline=header.deadline,
        circle=header.decider.hex(),
        name=there.who.name if there else None,
        address=there.address if there else None,
        url=there.url or None if there else None,
        most=row["most"],
        arrive=header.arrive,
        unit=describe_unit(there.unit) if there else None,
        cost=found.cost,
        commit=to_base64url(row["commit"]) if committed else None,
        reason=row["reason"] if row["status"] == "released" else None,
        waits_for=names.get(row["outgoing"]) if row["status"] == "open" else None,
        who=who,
        text=text,
    )


async def _cost(connection: Reader, row: asyncpg.Record, sight: Sight) -> int:
    """What left the payer's account: the change by the entry that stands on this COMMIT.

    It is the account's first such line since the payment began, found in the order of its numbers.
    """
    delta: int | None = await connection.fetchval(
        """
        SELECT delta FROM postings JOIN entries ON index = entry
        WHERE account = $1 AND seq >= $2 AND authority = 'peer'
            AND position($3::bytea IN wire) > 0 AND delta < 0
        ORDER BY seq LIMIT 1
        """,
        row["account"],
        await first_since(connection, sight, row["since"]),
        row["payment"],
    )
    return -(delta or 0)
