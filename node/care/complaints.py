"""Complaints about what members do here: for coordinators, but never for those whom they are about.

Nor for those of their household: all who hold an account together with them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from node.api.bounds import Number
from node.api.sessions import Session
from node.care.lots import draw_number
from node.connections import Reader
from node.directory.search import read_listing, read_viewer
from node.errors import NoCoordinator, NotFound, RequestInvalid, TooMany
from node.http.fields import Model
from node.people.standing import check_reader, hold_person
from node.people.writing import Prose
from node.talking.by_hand import Named
from node.talking.subjects import Subject, find_subject

OPEN_MAX = 20
"""Complaints of one member that are not dealt with yet."""

About = Annotated[str, Field(pattern="^(listings|events|help|messages)/[1-9][0-9]{0,14}$")]
_NOTHING = "listing, event, help or message of that number, and of that member,"


class ComplaintItem(Model):
    """What is wrong with something: ``listings/12``, for one.

    ``person`` is whom it is about, where that could be several: those who come to one's event, say.
    """

    about: About
    text: Prose = Field(min_length=1)
    person: Number | None = None


class Outcome(Model):
    """What came of a complaint."""

    outcome: Prose = Field(min_length=1)


class Complaint(Model):
    """A complaint ``by`` somebody about what ``person`` did; ``closed`` when it was dealt with.

    ``title`` is what that was called then, or the words of a message.
    """

    number: int
    about: str
    title: str
    person: Named
    by: Named
    text: str
    made: int
    closed: int | None
    outcome: str


async def add_complaint(connection: Reader, session: Session, item: ComplaintItem, now: int) -> int:
    """Keep a complaint and return its number, inside a transaction.

    The same words while nobody has dealt with them are the same complaint. Raises NotPermitted,
    NotFound, RequestInvalid, TooMany, PersonUnknown; NoCoordinator where nobody may read it.
    """
    await hold_person(connection, session.person)  # their complaints are counted one by one
    subject = await _find(connection, session, item.about, now)
    person = _choose(subject, item.person)
    waiting = await connection.fetch(
        "SELECT number, about, person, body FROM complaints WHERE by = $1 AND closed IS NULL",
        session.person,
    )
    for row in waiting:
        if (row["about"], row["person"], row["body"]) == (item.about, person, item.text):
            repeated: int = row["number"]
            return repeated
    if len(waiting) >= OPEN_MAX:
        raise TooMany("complaints of yours that nobody dealt with", OPEN_MAX)
    await _check_readers(connection, person)

    async def insert(number: int) -> bool:
        inserted = await connection.fetchval(
            """
            INSERT INTO complaints (number, about, title, person, by, body, made)
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (number) DO NOTHING RETURNING true
            """,
            *(number, item.about, subject.title, person, session.person, item.text, now),
        )
        return bool(inserted)

    return await draw_number(insert, "complaints")


async def _check_readers(connection: Reader, person: int) -> None:
    """Raise NoCoordinator where a complaint about somebody would be read by nobody.

    They stay until the transaction ends; raises NotFound where they were erased meanwhile.
    """
    known = "SELECT true FROM people WHERE person = $1 FOR KEY SHARE"
    if not await connection.fetchval(known, person):
        raise NotFound(_NOTHING)
    is_read = await connection.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM offices WHERE office = 'coordinator'
                AND person NOT IN (SELECT household($1))
        )
        """,
        person,
    )
    if not is_read:
        raise NoCoordinator


async def _find(connection: Reader, session: Session, about: str, now: int) -> Subject:
    """What somebody complains of, and who of others it may be about.

    A message may be complained of by whom it is to, also when they left or have blocked its author.
    """
    kind, _, number = about.partition("/")
    if kind in ("listings", "events"):
        await check_reader(connection, session, "complain of what members offer and what is on")
    match kind:
        case "listings":
            viewer = await read_viewer(connection, session, now)
            listing = await read_listing(connection, viewer, int(number))
            return Subject(listing.title, frozenset({listing.person} - {session.person}))
        case "messages":
            found = await _find_message(connection, session.person, int(number))
        case _:
            found = await find_subject(connection, session.person, about, now)
    if found is None:
        raise NotFound(_NOTHING)
    return found


async def _find_message(connection: Reader, person: int, number: int) -> Subject | None:
    row = await connection.fetchrow(
        """
        SELECT words, author FROM messages JOIN threads ON threads.number = thread
        WHERE messages.number = $1 AND author <> $2 AND $2::bigint IN (low, high)
        """,
        *(number, person),
    )
    return None if row is None else Subject(row["words"], frozenset({row["author"]}))


def _choose(subject: Subject, person: int | None) -> int:
    """Whom a complaint is about. Raises NotFound; RequestInvalid where it could be several."""
    if person is None and len(subject.people) > 1:
        raise RequestInvalid(["body.person: several took part, so say whom it is about"])
    if not subject.people or person not in (None, *subject.people):
        raise NotFound(_NOTHING)
    return next(iter(subject.people)) if person is None else person


async def read_complaints(
    connection: Reader, session: Session, cursor: int | None, limit: int
) -> list[Complaint]:
    """Complaints after number ``cursor``, newest first.

    Not those about the one who reads, or about whom they live with.
    """
    rows = await connection.fetch(
        """
        WITH readable AS (
            SELECT * FROM complaints WHERE person NOT IN (SELECT household($2))
        )
        SELECT number, about, title, readable.person, concerned.handle, concerned.name,
            by, authors.handle AS by_handle, authors.name AS by_name, body AS text, made, closed,
            outcome
        FROM readable JOIN people AS concerned ON concerned.person = readable.person
            JOIN people AS authors ON authors.person = by
        WHERE $1::bigint IS NULL
            OR (made, number) < (SELECT made, number FROM readable WHERE number = $1)
        ORDER BY made DESC, number DESC LIMIT $3
        """,
        *(cursor, session.person, limit),
    )
    return [
        Complaint(
            person=Named(person=row["person"], handle=row["handle"], name=row["name"]),
            by=Named(person=row["by"], handle=row["by_handle"], name=row["by_name"]),
            **{
                name: row[name]
                for name in ("number", "about", "title", "text", "made", "closed", "outcome")
            },
        )
        for row in rows
    ]


async def close_complaint(
    connection: Reader, session: Session, number: int, outcome: str, now: int
) -> None:
    """Note what came of a complaint. Raises NotFound, also for one about the caller's household."""
    done = await connection.fetchval(
        """
        UPDATE complaints SET closed = $2, outcome = $3 WHERE number = $1
            AND person NOT IN (SELECT household($4))
        RETURNING true
        """,
        *(number, now, outcome, session.person),
    )
    if not done:
        raise NotFound("complaint of that number")
