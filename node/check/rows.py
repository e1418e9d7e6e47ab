"""Comparing rows of tables with those that the model expects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import asyncpg

from node.check.findings import Findings
from node.connections import Connection


class Table(NamedTuple):
    """A table to compare. ``query`` gives its rows in the order of the first ``key`` columns, which
    tell them apart; ``entry`` is the place of the column that names an entry, or None."""

    name: str
    query: str
    key: int
    entry: int | None = None


class Beside:
    """The rows of a table that the log makes, read beside it.

    The first column is the entry that a row belongs to, and orders them. They are read ``at_once``
    and no more, whatever else is in the table.
    """

    def __init__(self, table: Table, at_once: int = 4000) -> None:
        self.table = table
        self.at_once = at_once
        self._rows: list[asyncpg.Record] = []
        self._cursor: asyncpg.cursor.Cursor[asyncpg.Record] | None = None
        self._ended = False

    async def until(self, connection: Connection, entry: int) -> list[asyncpg.Record]:
        """The rows of entries up to this one that were not taken yet."""
        if self._cursor is None:
            self._cursor = await connection.cursor(self.table.query)
        while not self._ended and (not self._rows or self._rows[-1][0] <= entry):
            more = await self._cursor.fetch(self.at_once)
            self._rows += more
            self._ended = len(more) < self.at_once
        end = len(self._rows)
        while end and self._rows[end - 1][0] > entry:
            end -= 1
        taken, self._rows = self._rows[:end], self._rows[end:]
        return taken

    async def rest(self, connection: Connection) -> list[asyncpg.Record]:
        """The next of the rows that were not taken, which belong to no entry of the log."""
        if not self._rows and not self._ended:
            await self.until(connection, -1)
        return self._rows[: self.at_once]


def compare(
    table: Table,
    expected: Sequence[Any],
    found: Sequence[asyncpg.Record],
    findings: Findings,
) -> None:
    """Note every row that is missing, too many, or different; both are in order of their key."""
    if found == expected:
        return
    key = table.key
    left, right = 0, 0
    while (left < len(expected) or right < len(found)) and not findings.full:
        wanted = expected[left] if left < len(expected) else None
        row = tuple(found[right]) if right < len(found) else None
        if row is None or (wanted is not None and wanted[:key] < row[:key]):
            assert wanted is not None
            _note(table, wanted, "it is missing", findings)
            left += 1
        elif wanted is None or row[:key] < wanted[:key]:
            _note(table, row, "nothing in the log makes it", findings)
            right += 1
        else:
            reason = _difference(found[right].keys(), row, wanted)
            if reason:
                _note(table, wanted, reason, findings)
            left, right = left + 1, right + 1


def _difference(columns: Iterable[str], row: Sequence[Any], wanted: Sequence[Any]) -> str:
    for column, value, right in zip(columns, row, wanted, strict=True):
        if value != right:
            if isinstance(value, bytes):
                return f"its {column} is not the one that the log makes"
            return f"its {column} is {value}, and the log makes it {right}"
    return ""


def _note(table: Table, row: Sequence[Any], reason: str, findings: Findings) -> None:
    shown = ", ".join(
        value.hex() if isinstance(value, bytes) else str(value) for value in row[: table.key]
    )
    entry = None if table.entry is None else row[table.entry]
    findings.note(entry, f"{table.name} ({shown})", reason)
