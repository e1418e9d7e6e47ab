"""The tables that say what a circle is now, compared with the model after its last entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node.check.book import Book
from node.check.findings import PROBLEMS_MAX, Findings
from node.check.rows import Connection, Table, compare

Rows = Iterator[tuple[Any, ...]]

ACCOUNTS = Table(
    "accounts",
    tuple(
        "number kind floor ceiling lowest highest balance held seq last deviceless closed".split()
    ),
    1,
)
DEVICES = Table(
    "devices", tuple("key person role label status active_from capped_until spent".split()), 1
)
HOLDS = Table(
    "holds",
    tuple(
        "index account payee amount until claim_window coordinator evidence claimed_at "
        "claimed".split()
    ),
    1,
)
MANDATES = Table(
    "mandates",
    tuple("index account person scope cap window until window_began used".split()),
    1,
)
INVITATIONS = Table(
    "invitations", tuple("key index floor ceiling starter office until".split()), 1
)
HOLDERS = Table("holders", ("account", "person"), 2)
OFFICES = Table("offices", ("person", "office"), 2)
RULES = Table("rules", ("encoded",), 0)


async def check_tables(connection: Connection, book: Book, findings: Findings) -> None:
    """Note every row of these tables that is not as the log makes it."""
    for table, expected in (
        (ACCOUNTS, _accounts(book)),
        (HOLDERS, _holders(book)),
        (DEVICES, _devices(book)),
        (HOLDS, _holds(book)),
        (MANDATES, _mandates(book)),
        (INVITATIONS, _invitations(book)),
        (OFFICES, iter(sorted(book.offices))),
        (RULES, iter([(book.encoded_rules,)])),
    ):
        rows = list(expected)
        columns = ", ".join(f'"{column}"' for column in table.columns)
        # No more rows than needed to tell that there are too many.
        found = await connection.fetch(
            f"SELECT {columns} FROM {table.name} ORDER BY {_order(table)} LIMIT $1",
            len(rows) + PROBLEMS_MAX,
        )
        compare(table, rows, found, findings)


def _order(table: Table) -> str:
    """The order of Python: text by its code points."""
    order = [
        f'"{column}" COLLATE "C"' if column == "office" else f'"{column}"'
        for column in table.columns[: table.key]
    ]
    return ", ".join(order) or "1"


def _accounts(book: Book) -> Rows:
    """The effective limits are the set ones, or where the account is beyond them: no order widened
    them, and every order that could narrow them did (protocol.md, "Limits")."""
    for number, row in sorted(book.accounts.items()):
        yield (
            number,
            row.kind,
            row.floor,
            row.ceiling,
            min(row.floor, row.balance - row.held),
            max(row.ceiling, row.balance),
            row.balance,
            row.held,
            row.seq,
            row.last,
            row.deviceless,
            row.closed,
        )


def _holders(book: Book) -> Rows:
    for number, row in sorted(book.accounts.items()):
        for person in sorted(row.holders):
            yield number, person


def _devices(book: Book) -> Rows:
    for key, row in sorted(book.devices.items(), key=lambda item: item[0]):
        yield (
            key,
            row.person,
            row.role,
            row.label,
            row.status,
            row.active_from,
            row.capped_until,
            row.spent,
        )


def _holds(book: Book) -> Rows:
    for index, row in sorted(book.holds.items()):
        claimed_at, claimed = row.claim or (None, None)
        yield (
            index,
            row.account,
            row.payee[0] if row.payee else None,
            row.amount,
            row.until,
            row.window[0] if row.window else None,
            row.coordinator,
            None,
            claimed_at,
            claimed,
        )


def _mandates(book: Book) -> Rows:
    for index, row in sorted(book.mandates.items()):
        yield (
            index,
            row.account,
            row.person,
            list(row.scope),
            row.cap,
            row.window,
            row.until,
            row.began,
            row.used,
        )


def _invitations(book: Book) -> Rows:
    for key, row in sorted(book.invitations.items()):
        yield (key, *row)
