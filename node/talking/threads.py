"""Threads: what two members wrote to each other about one thing, as one of them reads it."""

from __future__ import annotations

import asyncpg

from node.connections import Reader
from node.errors import NotFound
from node.http.fields import Model
from node.people.blocks import read_hidden
from node.people.standing import member_condition
from node.talking.by_hand import Named
from node.talking.messages import SELECT_MESSAGES, Message, render_message
from node.talking.shown import mark_shown


class Thread(Model):
    """A thread with its last message. ``about`` is below ``/api/v1``, ``title`` what it is called.

    ``unread`` counts what the other one wrote and this one has not read.
    """

    thread: int
    about: str
    title: str
    other: Named
    unread: int
    latest: Message


_THREADS = f"""
    SELECT mine.number AS thread, about, title, other, people.handle, people.name, latest,
        (SELECT count(*) FROM messages WHERE thread = mine.number AND read IS NULL
            AND author = other) AS unread
    FROM (
        SELECT number, about, title, latest,
            CASE low WHEN $1::bigint THEN high ELSE low END AS other
        FROM threads WHERE low = $1 OR high = $1
    ) AS mine JOIN people ON people.person = other
    WHERE NOT other = ANY($2::bigint[]) AND {member_condition("other")}
"""


async def read_threads(
    connection: Reader, person: int, cursor: int, limit: int, other: int | None
) -> list[Thread]:
    """Their threads whose last message is before number ``cursor``, the newest first.

    With ``other`` those with that member only.
    """
    hidden = await read_hidden(connection, person)
    rows = await connection.fetch(
        f"{_THREADS} AND latest < $3 AND coalesce(other = $5, true) ORDER BY latest DESC LIMIT $4",
        *(person, hidden, cursor, limit, other),
    )
    last = await connection.fetch(
        f"{SELECT_MESSAGES} WHERE messages.number = ANY($1::bigint[])",
        [row["latest"] for row in rows],
    )
    by_number = {row["number"]: render_message(row) for row in last}
    return [_render(row, by_number[row["latest"]]) for row in rows if row["latest"] in by_number]


def _render(row: asyncpg.Record, latest: Message) -> Thread:
    return Thread(
        other=Named(person=row["other"], handle=row["handle"], name=row["name"]),
        latest=latest,
        **{name: row[name] for name in ("thread", "about", "title", "unread")},
    )


async def read_thread(
    connection: Reader,
    person: int,
    thread: int,
    cursor: int,
    limit: int,
    *,
    reads_at: int | None,
) -> list[Message]:
    """Messages of a thread before number ``cursor``, newest first.

    What is shown is read at ``reads_at``, unless that is None, inside a transaction. Raises
    NotFound for a thread of others, and where the other one is not there for this one.
    """
    hidden = await read_hidden(connection, person)
    found = await connection.fetchrow(f"{_THREADS} AND mine.number = $3", *(person, hidden, thread))
    if found is None:
        raise NotFound("thread of that number")
    if reads_at is not None:
        await connection.execute(
            """
            UPDATE messages SET read = $4 WHERE number IN (
                SELECT number FROM messages WHERE thread = $1 AND number < $3
                ORDER BY number DESC LIMIT $5
            ) AND read IS NULL AND author <> $2
            """,
            *(thread, person, cursor, reads_at, limit),
        )
        await mark_shown(connection, person, f"threads/{thread}", reads_at)
    rows = await connection.fetch(
        f"{SELECT_MESSAGES} WHERE thread = $1 AND number < $2 ORDER BY number DESC LIMIT $3",
        *(thread, cursor, limit),
    )
    return [render_message(row) for row in rows]


async def count_unread(connection: Reader, person: int) -> int:
    """How many messages to them they have not read, of members who are there for them."""
    hidden = await read_hidden(connection, person)
    count: int = await connection.fetchval(
        f"SELECT coalesce(sum(unread), 0)::bigint FROM ({_THREADS}) AS mine", person, hidden
    )
    return count
