"""Complaints about messages: for the coordinators, but never for whom they are about."""

from __future__ import annotations

from node.api.sessions import Session
from node.connections import Reader
from node.directory.reports import OPEN_MAX
from node.errors import NotFound, TooMany
from node.http.fields import Model
from node.people.standing import hold_person


class MessageReport(Model):
    """A complaint by ``by`` about a message of ``about``; ``closed`` when it was dealt with."""

    number: int
    message: int
    words: str
    about: int
    about_handle: str
    by: int
    by_handle: str
    text: str
    made: int
    closed: int | None
    outcome: str


async def add_message_report(
    connection: Reader, session: Session, message: int, text: str, now: int
) -> int:
    """Keep a complaint of whom a message is to, and return its number; again it is the same one.

    Also of somebody whom they have blocked since. Inside a transaction. Raises NotFound, TooMany,
    PersonUnknown.
    """
    person = session.person
    await hold_person(connection, person)  # their complaints are counted one by one
    row = await connection.fetchrow(
        """
        SELECT words, author FROM messages JOIN threads ON threads.number = thread
        WHERE messages.number = $1 AND author <> $2 AND $2::bigint IN (low, high)
        """,
        *(message, person),
    )
    if row is None:
        raise NotFound("message to you of that number")
    made: int | None = await connection.fetchval(
        "SELECT number FROM message_reports WHERE message = $1 AND by = $2", message, person
    )
    if made is not None:
        return made
    waiting = await connection.fetchval(
        "SELECT count(*) FROM message_reports WHERE by = $1 AND closed IS NULL", person
    )
    if waiting >= OPEN_MAX:
        raise TooMany("complaints of yours that nobody dealt with", OPEN_MAX)
    number: int = await connection.fetchval(
        """
        INSERT INTO message_reports (message, words, about, by, body, made)
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING number
        """,
        *(message, row["words"], row["author"], person, text, now),
    )
    return number


async def read_message_reports(
    connection: Reader, session: Session, cursor: int, limit: int
) -> list[MessageReport]:
    """Complaints before number ``cursor``, newest first, but for those about the one who reads."""
    rows = await connection.fetch(
        """
        SELECT number, message, words, about, concerned.handle AS about_handle, by,
            authors.handle AS by_handle, body AS text, made, closed, outcome
        FROM message_reports JOIN people AS concerned ON concerned.person = about
            JOIN people AS authors ON authors.person = by
        WHERE number < $1 AND about <> $2 ORDER BY number DESC LIMIT $3
        """,
        *(cursor, session.person, limit),
    )
    return [MessageReport(**row) for row in rows]


async def close_message_report(
    connection: Reader, session: Session, number: int, outcome: str, now: int
) -> None:
    """Note what came of a complaint. Raises NotFound, also for one about the one who asks."""
    done = await connection.fetchval(
        """
        UPDATE message_reports SET closed = $2, outcome = $3 WHERE number = $1 AND about <> $4
        RETURNING true
        """,
        *(number, now, outcome, session.person),
    )
    if not done:
        raise NotFound("complaint of that number")
