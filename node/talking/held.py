"""What is held on one person of what they were told and wrote: given out to them, and erased."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from node.connections import Acquire, Reader

ROWS = 200
_MESSAGES = """
    SELECT messages.number, thread, about, title, author, entered_by, words, made, read
    FROM messages JOIN threads ON threads.number = thread
    WHERE (low = $1 OR high = $1) AND messages.number > $2 ORDER BY messages.number LIMIT $3
"""
_NOTICES = """
    SELECT number, kind, about, words, urgent, made, expires, told, seen, route, attempts, trouble
    FROM notices WHERE person = $1 AND number > $2 ORDER BY number LIMIT $3
"""

Rows = list[dict[str, Any]]


async def read_talked(connection: Reader, person: int) -> dict[str, Rows]:
    """Their hours, and what they announced; bounded."""
    return {
        "hours": await _read(
            connection,
            "SELECT quiet_from, quiet_until, digest FROM notice_wishes WHERE person = $1",
            person,
        ),
        "announcements": await _read(
            connection,
            """
            SELECT number, words, event, made, people FROM announcements WHERE by = $1
            ORDER BY number DESC LIMIT 1000
            """,
            person,
        ),
    }


async def _read(connection: Reader, statement: str, person: int) -> Rows:
    return [dict(row) for row in await connection.fetch(statement, person)]


def written_messages(acquire: Acquire, person: int) -> AsyncGenerator[Rows, None]:
    """What they wrote and what was written to them, page by page."""
    return _pages(acquire, _MESSAGES, person)


def left_notices(acquire: Acquire, person: int) -> AsyncGenerator[Rows, None]:
    """What they were told or are to be told, page by page."""
    return _pages(acquire, _NOTICES, person)


async def _pages(acquire: Acquire, statement: str, person: int) -> AsyncGenerator[Rows, None]:
    last = 0
    while True:
        async with acquire() as connection:
            rows = await connection.fetch(statement, person, last, ROWS)
        yield [dict(row) for row in rows]
        if len(rows) < ROWS:
            return
        last = rows[-1]["number"]


async def erase_messages(connection: Reader, person: int) -> int:
    """Delete what they wrote and what was written to them, and return how many messages went.

    Their notices and hours go with their row in people; here go those by which others
    were told of them.
    """
    await connection.execute(
        """
        DELETE FROM notices WHERE about = $2 OR about IN (
            SELECT 'threads/' || number FROM threads WHERE low = $1 OR high = $1)
        """,
        *(person, f"people/{person}/suspension"),
    )
    done = await connection.execute(
        """
        DELETE FROM messages WHERE thread IN (
            SELECT number FROM threads WHERE low = $1 OR high = $1)
        """,
        person,
    )
    return int(done.removeprefix("DELETE "))
