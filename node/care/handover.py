"""The handover note: short words from one who was on duty to the next, only ever added to."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import StringConstraints

from node.api.names import PersonName
from node.connections import Reader
from node.errors import TooMany
from node.http.fields import Model
from node.people.standing import hold_person
from node.people.writing import Prose

NOTE_CHARACTERS_MAX = 500
NOTES_SHOWN = 50
NOTES_A_DAY_MAX = 200
"""By one person."""
_DAY_MS = 24 * 3600 * 1000
_Short = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=NOTE_CHARACTERS_MAX,
        pattern=get_args(Prose)[1].pattern,  # as other prose, but for its length
    ),
]


class HandoverItem(Model):
    """What whoever is on duty next should know."""

    text: _Short


class HandoverNote(Model):
    """A note; ``by`` is null for a former member."""

    number: int
    by: PersonName | None
    made: int
    text: str


async def add_handover(connection: Reader, author: int, text: str, now: int) -> int:
    """Keep a note and return its number, inside a transaction. Raises PersonUnknown, TooMany."""
    await hold_person(connection, author)
    count = await connection.fetchval(
        "SELECT count(*) FROM handover_notes WHERE author = $1 AND made > $2",
        *(author, now - _DAY_MS),
    )
    if count >= NOTES_A_DAY_MAX:
        raise TooMany("notes of yours since yesterday", NOTES_A_DAY_MAX)
    number: int = await connection.fetchval(
        "INSERT INTO handover_notes (author, made, body) VALUES ($1, $2, $3) RETURNING number",
        *(author, now, text),
    )
    return number


async def read_handover(connection: Reader, cursor: int, limit: int) -> list[HandoverNote]:
    """Notes before number ``cursor``, newest first."""
    rows = await connection.fetch(
        """
        SELECT number, author, handle, name, made, body
        FROM handover_notes LEFT JOIN people ON person = author
        WHERE number < $1 ORDER BY number DESC LIMIT $2
        """,
        *(cursor, limit),
    )
    return [
        HandoverNote(
            number=row["number"],
            by=None
            if row["author"] is None
            else PersonName(person=row["author"], handle=row["handle"], name=row["name"]),
            made=row["made"],
            text=row["body"],
        )
        for row in rows
    ]
