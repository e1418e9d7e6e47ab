"""Accounts, and what is set aside on them, for those who may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
from pydantic import Field

from node.api.bounds import Number
from node.api.names import Party, parties_of
from node.api.orders import Model
from node.api.sessions import Session
from node.circle import Circle
from node.connections import Reader
from node.errors import NotFound

HOLDS_MAX = 1000
"""In one answer."""


class Account(Model):
    """An account as of ``log_time`` (Unix milliseconds), when the log had ``size`` entries.

    Amounts are minor units. ``available`` is the balance without what is set aside; it may go down
    to ``floor``, the balance up to ``ceiling``. ``seq`` is the number of its newest posting.
    """

    number: int
    kind: str
    balance: int
    held: int
    available: int
    floor: int
    ceiling: int
    seq: int
    closed: bool
    deviceless: bool
    holders: list[int] = Field(description="The persons who hold it")
    log_time: int
    size: int


class OpenHold(Model):
    """Tokens set aside by the entry ``index``, from ``account`` for ``payee`` if one is named.

    The names are the payer's and the payee's, null for a former member. The payer may take the
    tokens back while nobody is named, and from ``until`` on. A claim, made at ``claimed_at`` for
    ``claimed`` minor units, is good after ``claim_window`` milliseconds; ``coordinator`` says
    whether one may resolve it. ``payment`` (hexadecimal) is there for one into another circle,
    whose answer alone resolves it. Times are Unix milliseconds.
    """

    index: int
    account: int
    payer_handle: str | None
    payer_name: str | None
    payee: int | None
    payee_handle: str | None
    payee_name: str | None
    amount: int
    until: int
    claim_window: int | None
    coordinator: bool
    claimed_at: int | None
    claimed: int | None
    payment: str | None


class OpenHolds(Model):
    """What is set aside, oldest first; ``next`` is the cursor of what follows."""

    holds: list[OpenHold]
    next: str | None


@dataclass(frozen=True, slots=True)
class Sight:
    """An account as somebody sees it; ``texts`` says whether also what people wrote there."""

    account: Account
    texts: bool


async def read_accounts(connection: Reader, numbers: Sequence[int]) -> list[Account]:
    """These accounts, in the order of their numbers; those that do not exist are left out."""
    rows = await connection.fetch(
        """
        SELECT number, kind, balance, held, balance - held AS available, floor, ceiling, seq,
            closed, deviceless, head.log_time, head.size,
            ARRAY(
                SELECT person FROM holders WHERE account = number ORDER BY person
            ) AS holders
        FROM accounts CROSS JOIN head
        WHERE number = ANY($1::bigint[]) ORDER BY number
        """,
        numbers,
    )
    return [Account(**row) for row in rows]


async def see_account(connection: Reader, session: Session, number: int, now: int) -> Sight:
    """The account, for its holders, whom they gave a mandate, coordinators and auditors.

    Auditors do not see texts. ``now`` is in Unix milliseconds. Raises NotFound, which says nothing
    about whether the account exists.
    """
    for account in await read_accounts(connection, [number]):
        if session.person in account.holders or session.is_coordinator:
            return Sight(account, texts=True)
        if await _acts_for(connection, session.person, number, now):
            return Sight(account, texts=True)
        if session.is_auditor:
            return Sight(account, texts=False)
    raise NotFound(f"account {number}")


async def _acts_for(connection: Reader, person: int, account: int, now: int) -> bool:
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (
                SELECT FROM mandates WHERE account = $1 AND person = $2 AND until > $3
            )
            """,
            account,
            person,
            now,
        )
    )


async def read_holds(
    connection: Reader, accounts: Sequence[int], cursor: int = -1, limit: int = HOLDS_MAX
) -> list[OpenHold]:
    """What is set aside from or for these accounts, by entries after ``cursor``."""
    rows = await connection.fetch(
        """
        SELECT index, account, payee, amount, until, claim_window, coordinator, claimed_at, claimed,
            encode(evidence, 'hex') AS payment
        FROM holds WHERE account = ANY($1::bigint[]) AND index > $2
        UNION
        SELECT index, account, payee, amount, until, claim_window, coordinator, claimed_at, claimed,
            encode(evidence, 'hex') AS payment
        FROM holds WHERE payee = ANY($1::bigint[]) AND index > $2
        ORDER BY index LIMIT $3
        """,
        accounts,
        cursor,
        limit,
    )
    sides = {row[side] for row in rows for side in ("account", "payee")} - {None}
    parties = await parties_of(connection, sides)
    return [_name_sides(row, parties[row["account"]], parties.get(row["payee"])) for row in rows]


def _name_sides(row: asyncpg.Record, payer: Party, payee: Party | None) -> OpenHold:
    return OpenHold(
        **row,
        payer_handle=payer.handle,
        payer_name=payer.name,
        payee_handle=payee.handle if payee else None,
        payee_name=payee.name if payee else None,
    )


async def get_account(state: Circle, session: Session, number: Number) -> Account:
    """One account, as its holders see it.

    So do the persons they gave a mandate to, coordinators and auditors.
    """
    async with state.pool.acquire() as connection:
        sight = await see_account(connection, session, number, state.clock())
    return sight.account


async def list_holds(
    state: Circle, session: Session, account: Number, cursor: Number = 0
) -> OpenHolds:
    """What is set aside from an account, and for it."""
    async with state.pool.acquire() as connection:
        sight = await see_account(connection, session, account, state.clock())
        holds = await read_holds(connection, [sight.account.number], cursor)
    return OpenHolds(holds=holds, next=str(holds[-1].index) if len(holds) == HOLDS_MAX else None)
