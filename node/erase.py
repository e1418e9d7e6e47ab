"""Erasing a person: what is held on them beside the ledger goes; the ledger stays as it is.

Gone are the link from their number to a handle and a name, the texts written by them or on their
account with their salts, their sessions, and all that the circle knows of them beside the ledger:
profile, vetting, blocks, listings, complaints, what they hosted and whether they came. What the
log commits to stays: accounts, amounts, keys, and the labels of devices, which their enrolments
contain. So replay and proofs stay valid, and the other party's statement says "former member".

Concerns for somebody's safety stay too, without the name, until their time is over: what was
written down to keep people safe is not for one of them to remove.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import asyncpg

from ledger import orders
from ledger.entry import decode_postings
from ledger.errors import PersonUnknown
from ledger.federation.evidence import PEER_AUTHORITIES
from ledger.orders import FIRST_MEMBER, Order
from node.calendar.held import erase_from_calendar
from node.connections import Connection
from node.errors import NotErasable
from node.help.held import erase_help, hold_help
from node.talking.held import erase_messages

SCAN_ROWS = 500
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed; all zero when the person was erased before."""

    person: int
    names: int
    texts: int
    request_texts: int
    sessions: int
    listings: int = 0
    calendar: int = 0
    messages: int = 0
    help_requests: int = 0


@dataclass(frozen=True, slots=True)
class _Past:
    """What a former member left in the ledger: the accounts that were theirs alone, their keys, and
    the keys of the invitations by which they joined."""

    person: int
    accounts: frozenset[int]
    devices: frozenset[bytes]
    invitations: frozenset[bytes]


async def find_erasable(connection: Connection, person: int) -> str:
    """Who it is that would be erased. Raises PersonUnknown, NotErasable."""
    await _check_erasable(connection, person)
    row = await connection.fetchrow("SELECT handle, name FROM people WHERE person = $1", person)
    return f"person {person}" if row is None else f"{row['name']} ({row['handle']}, {person})"


async def erase(connection: Connection, person: int) -> Erased:
    """Erase a person, in one transaction; a node may serve meanwhile.

    Texts that they wrote for others, as an officer or with a mandate, are those others' and stay
    until they are erased. Raises PersonUnknown; NotErasable while they hold an open account or an
    office.
    """
    for _ in range(ATTEMPTS - 1):
        # Of two that wait for each other, such as this and who sends notices, PostgreSQL ends one.
        with suppress(asyncpg.exceptions.TransactionRollbackError):
            return await _erase(connection, person)
    return await _erase(connection, person)


async def _erase(connection: Connection, person: int) -> Erased:
    async with connection.transaction():
        await _check_erasable(connection, person)
        texts = await _delete_texts(connection, person)
        await hold_help(connection)
        calendar = await erase_from_calendar(connection, person)
        messages = await erase_messages(connection, person)
        help_requests = await erase_help(connection, person)
        listings = await _delete(connection, "DELETE FROM listings WHERE person = $1", person)
        return Erased(
            person,
            # With it go their profile, vetting, blocks, notices and threads, and complaints by them
            # or about them.
            names=await _delete(connection, "DELETE FROM people WHERE person = $1", person),
            texts=texts,
            request_texts=await _delete(
                connection, "DELETE FROM request_texts WHERE person = $1", person
            ),
            sessions=await _delete(connection, "DELETE FROM sessions WHERE person = $1", person),
            listings=listings,
            calendar=calendar,
            messages=messages,
            help_requests=help_requests,
        )


async def _delete(connection: Connection, statement: str, person: int) -> int:
    done = await connection.execute(statement, person)
    return int(done.removeprefix("DELETE "))


async def _check_erasable(connection: Connection, person: int) -> None:
    row = await connection.fetchrow(
        """
        SELECT
            EXISTS (SELECT FROM people WHERE person = $1)
                OR EXISTS (SELECT FROM devices WHERE person = $1)
                OR EXISTS (SELECT FROM holders WHERE person = $1) AS known,
            ARRAY(
                SELECT account FROM holders JOIN accounts ON number = account AND NOT closed
                WHERE person = $1 ORDER BY account
            ) AS accounts,
            ARRAY(SELECT office FROM offices WHERE person = $1 ORDER BY office) AS offices
        """,
        person,
    )
    assert row is not None, "a SELECT without FROM has one row"
    if not row["known"] or person < FIRST_MEMBER:
        raise PersonUnknown(person)
    if row["accounts"] or row["offices"]:
        raise NotErasable(person, row["accounts"], row["offices"])


async def _delete_texts(connection: Connection, person: int) -> int:
    """Delete what the person wrote for themselves, and what was written about them alone."""
    past = await _read_past(connection, person)
    doomed = []
    async for row in connection.cursor(
        """
        SELECT entry, person, authority, wire, postings
        FROM personal JOIN entries ON index = entry
        WHERE person = $1 OR authority IN ('officer', 'mandate')
        """,
        person,
        prefetch=SCAN_ROWS,
    ):
        if row["authority"] in PEER_AUTHORITIES:
            doomed.append(row["entry"])  # what came with a payment to them from another circle
            continue
        order = orders.parse(row["wire"]).order
        own = row["person"] == person and (
            row["authority"] not in ("officer", "mandate") or _is_naming(order)
        )
        accounts = {posting.account for posting in decode_postings(row["postings"])}
        if own or _is_about(order, accounts, past):
            doomed.append(row["entry"])
    await connection.execute("DELETE FROM personal WHERE entry = ANY($1::bigint[])", doomed)
    return len(doomed)


async def _read_past(connection: Connection, person: int) -> _Past:
    accounts = await connection.fetch(
        """
        SELECT account FROM holders AS mine WHERE person = $1
            AND NOT EXISTS (
                SELECT FROM holders WHERE account = mine.account AND person <> $1
            )
        """,
        person,
    )
    devices = await connection.fetch("SELECT key FROM devices WHERE person = $1", person)
    joined = await connection.fetch(
        """
        SELECT wire FROM personal JOIN entries ON index = entry
        WHERE person = $1 AND authority = 'officer'
        """,
        person,
    )
    acts = [orders.parse(row["wire"]).order.act for row in joined]
    return _Past(
        person,
        frozenset(row["account"] for row in accounts),
        frozenset(row["key"] for row in devices),
        frozenset(act.invitation for act in acts if isinstance(act, orders.Join)),
    )


def _is_naming(order: Order) -> bool:
    """Whether the text is a new member's handle and name."""
    act = order.act
    return isinstance(act, orders.Join) or (isinstance(act, orders.Open) and not act.holder)


def _is_about(order: Order, accounts: set[int], past: _Past) -> bool:
    """Whether what somebody else ordered was done for this person, or to them alone."""
    members = {number for number in accounts if number >= FIRST_MEMBER}
    if order.header.account in past.accounts or (members and members <= past.accounts):
        return True
    match order.act:
        case orders.Invite(key=key):
            return key in past.invitations
        case orders.Revoke(device=key) | orders.Freeze(device=key) | orders.Thaw(device=key):
            return key in past.devices
        case orders.Enrol() | orders.Appoint() | orders.Dismiss() | orders.Holder() as act:
            return act.person == past.person
        case _:
            return False
