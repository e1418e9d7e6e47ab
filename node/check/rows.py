"""Comparing rows of tables with those that the model expects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import asyncpg

from node.check.findings import Findings

Connection = asyncpg.Connection[asyncpg.Record]


class Table(NamedTuple):
    """A table to compare: its columns in the order of the rows, of which the first ``key`` tell
    rows apart and order them. ``entry`` is the place of the column that names an entry, or None."""

    name: str
    columns: tuple[str, ...]
    key: int
    entry: int | None = None


class Beside:
    """The rows of a table made from the log, read in the order of entries beside it.

    The query's first column is the entry that a row belongs to, and orders them. They are read
    ``at_once`` and no more, whatever else is in the table.
    """

    def __init__(self, table: Table, query: str, at_once: int = 4000) -> None:
        self.table = table
        self.query = query
        self.at_once = at_once
        self._rows: list[asyncpg.Record] = []
        self._cursor: asyncpg.cursor.Cursor[asyncpg.Record] | None = None
        self._ended = False

    async def until(self, connection: Connection, entry: int) -> list[asyncpg.Record]:
        """The rows of entries up to this one that were not taken yet."""
        if self._cursor is None:
            self._cursor = await connection.cursor(self.query)
        while not self._ended and (not self._rows or self._rows[-1][0] <= entry):
            more = await self._cursor.fetch(self.at_once)
            self._rows += more
            self._ended = len(more) < self.at_once
        end = len(self._rows)
        while end and self._rows[end - 1][0] > entry:
            end -= 1
        taken, self._rows = self._rows[:end], self._rows[end:]
        return taken

    async def rest(self, connection: Connection, findings: Findings) -> None:
        """Note the first of the rows that belong to no entry of the log."""
        for row in (await self.until(connection, 2**63 - 1))[:1]:
            compare(self.table, [], [row], findings)


def compare(
    table: Table,
    expected: Sequence[tuple[Any, ...]],
    found: Sequence[Sequence[Any]],
    findings: Findings,
) -> None:
    """Note every row that is missing, too many, or different; both are in the order of their key."""
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
            for name, value, right_value in zip(table.columns, row, wanted, strict=True):
                if value != right_value:
                    _note(table, wanted, _unequal(name, value, right_value), findings)
                    break
            left, right = left + 1, right + 1


def _unequal(name: str, value: object, expected: object) -> str:
    if isinstance(value, bytes):
        return f"its {name} is not the one that the log makes"
    return f"its {name} is {value}, and the log makes it {expected}"


def _note(table: Table, row: Sequence[Any], reason: str, findings: Findings) -> None:
    shown = ", ".join(
        value.hex() if isinstance(value, bytes) else str(value) for value in row[: table.key]
    )
    entry = None if table.entry is None else row[table.entry]
    findings.note(entry, f"{table.name} ({shown})", reason)
