"""The table of names: each is in the text with which its person came into the circle.

The text is committed to by the leaf of the person's ``join`` or ``open``. Whoever was erased has
neither that text nor a row. What is found is told without the names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import asyncpg

from node.check.book import FIRST_MEMBER
from node.check.findings import Findings
from node.check.opening import Opened
from node.check.rows import Beside, Table
from node.connections import Connection

PEOPLE = Table("people", "SELECT person, handle, name FROM people ORDER BY person", 1)


class Names:
    """The rows of ``people``, read beside the entries that numbered their persons."""

    def __init__(self) -> None:
        self._next = FIRST_MEMBER
        self._people = Beside(PEOPLE, 500)

    async def compare(
        self,
        connection: Connection,
        entries: Sequence[Opened],
        texts: Mapping[int, bytes],
        findings: Findings,
    ) -> None:
        """Note every name that is not the one given. ``texts`` are those beside the entries."""
        came = {}
        for entry in entries:
            if _is_naming(entry):
                came[self._next] = entry.number
                self._next += 1
        for row in await self._people.until(connection, self._next - 1):
            entry_number = came.pop(row["person"], None)
            if entry_number is None:
                _note_unnamed(row, findings)
            else:
                _compare(row, entry_number, texts.get(entry_number), findings)
        for person, number in came.items():
            if number in texts:
                findings.note(number, f"people ({person})", "it is missing")

    async def rest(self, connection: Connection, findings: Findings) -> None:
        """Note rows of persons who never came, and handles that lead to several persons."""
        for row in await self._people.rest(connection):
            _note_unnamed(row, findings)
        for row in await connection.fetch(
            """
            SELECT max(person) AS person FROM people
            GROUP BY handle HAVING count(*) > 1 ORDER BY 1 LIMIT 20
            """
        ):
            findings.note(None, f"people ({row['person']})", "somebody else has the same handle")


def _is_naming(entry: Opened) -> bool:
    """Whether its text is the handle and name of a new person."""
    return entry.order == "join" or (entry.order == "open" and not entry.act[0])


def _note_unnamed(row: asyncpg.Record, findings: Findings) -> None:
    findings.note(None, f"people ({row['person']})", "nothing in the log makes it, or not twice")


def _compare(row: asyncpg.Record, entry: int, text: bytes | None, findings: Findings) -> None:
    name = f"people ({row['person']})"
    if text is None:
        findings.note(entry, name, "the text that gave the name is not there")
    elif text.partition(b"\n")[0] != row["handle"].encode():
        findings.note(entry, name, "its handle is not the one that the person came with")
    elif text.partition(b"\n")[2] != row["name"].encode():
        findings.note(entry, name, "its name is not the one that the person came with")
