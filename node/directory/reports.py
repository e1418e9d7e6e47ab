"""Complaints about listings: listed for coordinators, but never for whom they are about."""

from __future__ import annotations

from pydantic import Field

from node.api.sessions import Session
from node.connections import Reader
from node.errors import NotFound, TooMany
from node.http.fields import Model
from node.people.standing import hold_person
from node.people.writing import Prose

OPEN_MAX = 20
"""Complaints of one member that are not dealt with yet."""


class ReportItem(Model):
    """What is wrong with a listing."""

    text: Prose = Field(min_length=1)


class Outcome(Model):
    """What came of a complaint."""

    outcome: Prose = Field(min_length=1)


class Report(Model):
    """A complaint by ``by`` about a listing of ``about``; ``closed`` when it was dealt with."""

    number: int
    listing: int
    title: str
    about: int
    about_handle: str
    by: int
    by_handle: str
    text: str
    made: int
    closed: int | None
    outcome: str


async def add_report(
    connection: Reader, session: Session, listing: int, title: str, about: int, text: str, now: int
) -> int:
    """Keep a complaint and return its number, inside a transaction.

    Raises TooMany, PersonUnknown.
    """
    await hold_person(connection, session.person)  # their complaints are counted one by one
    waiting = await connection.fetchval(
        "SELECT count(*) FROM reports WHERE by = $1 AND closed IS NULL", session.person
    )
    if waiting >= OPEN_MAX:
        raise TooMany("complaints of yours that nobody dealt with", OPEN_MAX)
    number: int = await connection.fetchval(
        """
        INSERT INTO reports (listing, title, about, by, body, made, outcome)
        VALUES ($1, $2, $3, $4, $5, $6, '') RETURNING number
        """,
        *(listing, title, about, session.person, text, now),
    )
    return number


async def read_reports(
    connection: Reader, session: Session, cursor: int, limit: int
) -> list[Report]:
    """Complaints before number ``cursor``, newest first, but for those about the one who reads."""
    rows = await connection.fetch(
        """
        SELECT number, listing, title, about, concerned.handle AS about_handle, by,
            authors.handle AS by_handle, body AS text, made, closed, outcome
        FROM reports JOIN people AS concerned ON concerned.person = about
            JOIN people AS authors ON authors.person = by
        WHERE number < $1 AND about <> $2 ORDER BY number DESC LIMIT $3
        """,
        cursor,
        session.person,
        limit,
    )
    return [Report(**row) for row in rows]


async def close_report(
    connection: Reader, session: Session, number: int, outcome: str, now: int
) -> None:
    """Note what came of a complaint. Raises NotFound, also for one about the one who asks."""
    done = await connection.fetchval(
        """
        UPDATE reports SET closed = $2, outcome = $3 WHERE number = $1 AND about <> $4
        RETURNING true
        """,
        *(number, now, outcome, session.person),
    )
    if not done:
        raise NotFound("complaint of that number")
