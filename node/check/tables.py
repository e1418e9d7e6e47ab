"""The tables that say what a circle is now, compared with the model after its last entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node.check.book import PAPER_PERSON, Book
from node.check.findings import PROBLEMS_MAX, Findings
from node.check.rows import Table, compare
from node.connections import Connection

Rows = Iterator[tuple[Any, ...]]

# No more rows are read than tell that there are too many.
ACCOUNTS = Table(
    "accounts",
    """
    SELECT number, kind, floor, ceiling, lowest, highest, balance, held, seq, last, deviceless,
        closed
    FROM accounts ORDER BY number LIMIT $1
    """,
    1,
)
HOLDERS = Table(
    "holders", "SELECT account, person FROM holders ORDER BY account, person LIMIT $1", 2
)
PERSONS = Table("persons", "SELECT person FROM persons ORDER BY person LIMIT $1", 1)
DEVICES = Table(
    "devices",
    """
    SELECT key, person, role, label, status, active_from, capped_until, spent
    FROM devices ORDER BY key LIMIT $1
    """,
    1,
)
HOLDS = Table(
    "holds",
    """
    SELECT index, account, payee, amount, until, claim_window, coordinator, evidence, claimed_at,
        claimed, counted
    FROM holds ORDER BY index LIMIT $1
    """,
    1,
)
MANDATES = Table(
    "mandates",
    """
    SELECT index, account, person, scope, cap, "window", until, window_began, used
    FROM mandates ORDER BY index LIMIT $1
    """,
    1,
)
INVITATIONS = Table(
    "invitations",
    """
    SELECT key, index, floor, ceiling, starter, office, until
    FROM invitations ORDER BY key LIMIT $1
    """,
    1,
)
OFFICES = Table(
    "offices",
    'SELECT person, office FROM offices ORDER BY person, office COLLATE "C" LIMIT $1',
    2,
)
RULES = Table("rules", "SELECT encoded FROM rules LIMIT $1", 0)


async def check_tables(connection: Connection, book: Book, findings: Findings) -> None:
    """Note every row of these tables that is not as the log makes it."""
    for table, rows in (
        (ACCOUNTS, _accounts(book)),
        (HOLDERS, _holders(book)),
        (PERSONS, ((person,) for person in sorted(book.persons) if person != PAPER_PERSON)),
        (DEVICES, _devices(book)),
        (HOLDS, _holds(book)),
        (MANDATES, _mandates(book)),
        (INVITATIONS, _invitations(book)),
        (OFFICES, iter(sorted(book.offices))),
        (RULES, iter([(book.encoded_rules,)])),
    ):
        expected = list(rows)
        found = await connection.fetch(table.query, len(expected) + PROBLEMS_MAX)
        compare(table, expected, found, findings)


def _accounts(book: Book) -> Rows:
    """The effective limits are the set ones, or where the account is beyond them: no order widened
    them, and every order that could narrow them did (protocol.md, "Limits")."""
    for number, row in sorted(book.accounts.items()):
        lowest = min(row.floor, row.balance - row.held)
        highest = max(row.ceiling, row.balance)
        limits = (row.floor, row.ceiling, lowest, highest)
        flags = (row.deviceless, row.closed)
        yield (number, row.kind, *limits, row.balance, row.held, row.seq, row.last, *flags)


def _holders(book: Book) -> Rows:
    for number, row in sorted(book.accounts.items()):
        for person in sorted(row.holders):
            yield number, person


def _devices(book: Book) -> Rows:
    for key, row in sorted(book.devices.items()):
        times = (row.active_from, row.capped_until)
        yield (key, row.person, row.role, row.label, row.status, *times, row.spent)


def _holds(book: Book) -> Rows:
    for index, row in sorted(book.holds.items()):
        payee, window = (*row.payee, None)[0], (*row.window, None)[0]
        evidence = (*row.evidence, None)[0]
        terms = (row.amount, row.until, window, row.coordinator, evidence)
        yield (index, row.account, payee, *terms, *(row.claim or (None, None)), row.counted)


def _mandates(book: Book) -> Rows:
    for index, row in sorted(book.mandates.items()):
        terms = (list(row.scope), row.cap, row.window, row.until)
        yield (index, row.account, row.person, *terms, row.began, row.used)


def _invitations(book: Book) -> Rows:
    for key, row in sorted(book.invitations.items()):
        yield (key, *row)
