"""Concerns for somebody's safety: read by the lead and never by whom they are about.

Who reads one is worked out each time it is asked for (``concern_readers`` in the schema), since
people leave, and households and coordinators change; but lead and deputy are those of when it was
raised, so that nobody comes to read what there is by being named. Blocks play no part: they must
not stop anybody.
"""

from __future__ import annotations

from typing import Annotated, Literal

import asyncpg
from pydantic import Field

from ledger.errors import PersonUnknown
from node.api.bounds import Number
from node.api.names import PersonName, names_of_persons
from node.api.sessions import Session
from node.care.lots import Lot, draw_number
from node.care.readers import READERS, tell_readers
from node.care.safeguarding import is_close
from node.connections import Reader
from node.errors import NoSafeguarder, NotFound, NotPermitted, TooMany
from node.http.fields import Model
from node.people.standing import check_owner, check_reader, hold_person
from node.people.writing import Prose

OPEN_MAX = 20
"""Concerns of one member that nobody has closed yet."""
NOTES_MAX = 200
READINGS_SHOWN = 200
_MINUTE_MS = 60_000

ConcernNumber = Lot
About = Annotated[str, Field(pattern="^(help|listings|events)/[1-9][0-9]{0,14}$")]


class ConcernItem(Model):
    """What somebody is worried about, for whom, and about what: ``help/17``, for one.

    ``by`` is a member without a device, for whom a coordinator writes it down.
    """

    person: Number
    text: Prose = Field(min_length=1)
    about: About | None = None
    urgent: bool = False
    by: Number | None = None


class Raised(Model):
    """The number of a concern, and who reads it: as what, and not who they are.

    By a name that is missing, somebody could tell who lives with whom.
    """

    number: int
    readers: Literal["lead", "deputy", "coordinators"]


class ConcernLine(Model):
    """That there is a concern; about whom, and what, is told to who opens it, which is noted."""

    number: int
    urgent: bool
    made: int
    closed: int | None
    pinned: bool
    notes: int


class Note(Model):
    """What one of the readers wrote, and when."""

    by: PersonName
    made: int
    text: str


class NoteItem(Model):
    """A note to be added."""

    text: Prose = Field(min_length=1)


class Closing(Model):
    """What came of a concern."""

    outcome: Prose = Field(min_length=1)


class Reading(Model):
    """Who looked at a concern, and when, to the minute."""

    by: PersonName
    made: int


class Concern(Model):
    """A concern as its readers see it; ``readings`` are the newest."""

    number: int
    person: PersonName
    reporter: PersonName
    entered_by: PersonName | None
    about: str | None
    text: str
    urgent: bool
    made: int
    closed: int | None
    closed_by: PersonName | None
    outcome: str
    pinned: bool
    notes: list[Note]
    readings: list[Reading]


async def raise_concern(
    connection: Reader, session: Session, item: ConcernItem, now: int
) -> Raised:
    """Keep a concern and tell its readers that there is one, inside a transaction.

    Raises NotPermitted, PersonUnknown, TooMany; NoSafeguarder where nobody may read it.
    """
    reporter = await _check_reporter(connection, session, item)
    await hold_person(connection, reporter)  # their concerns are counted one by one
    if not await connection.fetchval("SELECT true FROM people WHERE person = $1", item.person):
        raise PersonUnknown(item.person)
    waiting = await connection.fetchval(
        "SELECT count(*) FROM concerns WHERE reporter = $1 AND closed IS NULL", reporter
    )
    if waiting >= OPEN_MAX:
        raise TooMany("concerns of yours that are still open", OPEN_MAX)
    readers = await _choose_readers(connection, item.person)
    entered_by = session.person if reporter != session.person else None
    number = await _insert(connection, item, reporter, entered_by, now)
    await tell_readers(connection, now, number)
    return Raised(number=number, readers=readers)


async def _choose_readers(
    connection: Reader, subject: int
) -> Literal["lead", "deputy", "coordinators"]:
    """As what they read a concern that is raised now. Raises NoSafeguarder."""
    row = await connection.fetchrow(
        """
        SELECT ARRAY(SELECT concern_readers($1)) AS readers, lead, deputy
        FROM safeguarding FOR SHARE OF safeguarding
        """,
        subject,
    )
    assert row is not None, "a circle's schema has this row"
    if not row["readers"]:
        raise NoSafeguarder
    match row["readers"]:
        case [reader] if reader == row["lead"]:
            return "lead"
        case [reader] if reader == row["deputy"]:
            return "deputy"
    return "coordinators"


async def _check_reporter(connection: Reader, session: Session, item: ConcernItem) -> int:
    """Who raises it. Somebody whom it is about, or of their household, writes it for nobody."""
    if item.by is None or item.by == session.person:
        await check_reader(connection, session, "raise a concern")
        return session.person
    await check_owner(connection, session, item.by, "raise a concern")
    if await is_close(connection, session.person, item.person):
        raise NotPermitted(
            "a coordinator whom it is not about, and who does not share an account with them,",
            "write down a concern for a member",
        )
    return item.by


async def _insert(
    connection: Reader, item: ConcernItem, reporter: int, entered_by: int | None, now: int
) -> int:
    async def insert(number: int) -> bool:
        inserted = await connection.fetchval(
            """
            INSERT INTO concerns (number, subject, household, reporter, entered_by, about, body,
                urgent, made, named)
            SELECT $1, $2, ARRAY(SELECT household($2)), $3, $4, $5, $6, $7, $8, ARRAY(
                SELECT person FROM (VALUES (lead, 1), (deputy, 2)) AS chosen (person, turn)
                WHERE may_read(person, $2, '{}') ORDER BY turn)
            FROM safeguarding
            ON CONFLICT (number) DO NOTHING RETURNING true
            """,
            *(number, item.person, reporter, entered_by),
            *(item.about, item.text, item.urgent, now),
        )
        return bool(inserted)

    return await draw_number(insert, "concerns")


async def read_lines(
    connection: Reader, reader: int, cursor: int | None, limit: int
) -> list[ConcernLine]:
    """The concerns that are for this reader, newest first, after number ``cursor``."""
    rows = await connection.fetch(
        f"""
        WITH readable AS (
            SELECT * FROM concerns WHERE $1 IN (SELECT {READERS})
        )
        SELECT number, urgent, made, closed, pinned,
            (SELECT count(*) FROM concern_notes WHERE concern = number) AS notes
        FROM readable
        WHERE $2::integer IS NULL
            OR (made, number) < (SELECT made, number FROM readable WHERE number = $2)
        ORDER BY made DESC, number DESC LIMIT $3
        """,
        *(reader, cursor, limit),
    )
    return [ConcernLine(**row) for row in rows]


async def open_concern(connection: Reader, reader: int, number: int, now: int) -> Concern:
    """A concern with its notes, inside a transaction: that it was read is noted first.

    Raises NotFound, also for one that is not for this reader.
    """
    row = await _find(connection, reader, number)
    await connection.execute(
        "INSERT INTO concern_readings VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        *(number, reader, now // _MINUTE_MS * _MINUTE_MS),
    )
    notes = await connection.fetch(
        """
        SELECT author AS by, made, body AS text FROM concern_notes
        WHERE concern = $1 ORDER BY note
        """,
        number,
    )
    readings = await connection.fetch(
        """
        SELECT reader AS by, made FROM concern_readings WHERE concern = $1
        ORDER BY made DESC, reader LIMIT $2
        """,
        *(number, READINGS_SHOWN),
    )
    people = {row["subject"], row["reporter"], row["entered_by"], row["closed_by"]} - {None}
    people |= {each["by"] for each in (*notes, *readings)}
    names = await names_of_persons(connection, people)
    return Concern(
        number=row["number"],
        person=names[row["subject"]],
        reporter=names[row["reporter"]],
        entered_by=names.get(row["entered_by"]),
        about=row["about"],
        text=row["body"],
        urgent=row["urgent"],
        made=row["made"],
        closed=row["closed"],
        closed_by=names.get(row["closed_by"]),
        outcome=row["outcome"],
        pinned=row["pinned"],
        notes=[Note(**{**each, "by": names[each["by"]]}) for each in notes],
        readings=[Reading(**{**each, "by": names[each["by"]]}) for each in readings],
    )


async def _find(connection: Reader, reader: int, number: int) -> asyncpg.Record:
    row = await connection.fetchrow(
        f"""
        SELECT * FROM concerns
        WHERE number = $1 AND $2 IN (SELECT {READERS})
        FOR NO KEY UPDATE
        """,
        *(number, reader),
    )
    if row is None:
        raise NotFound("concern of that number")
    return row


async def add_note(connection: Reader, reader: int, number: int, text: str, now: int) -> None:
    """Add a note, inside a transaction; it stays as it is. Raises NotFound, TooMany."""
    await _find(connection, reader, number)
    count = await connection.fetchval(
        "SELECT count(*) FROM concern_notes WHERE concern = $1", number
    )
    if count >= NOTES_MAX:
        raise TooMany("notes on this concern", NOTES_MAX)
    await connection.execute(
        "INSERT INTO concern_notes (concern, author, made, body) VALUES ($1, $2, $3, $4)",
        *(number, reader, now, text),
    )


async def close_concern(connection: Reader, reader: int, number: int, text: str, now: int) -> None:
    """Say what came of it, once, inside a transaction. Raises NotFound."""
    if (await _find(connection, reader, number))["closed"] is not None:
        raise NotFound("open concern of that number")
    await connection.execute(
        "UPDATE concerns SET closed = $2, closed_by = $3, outcome = $4 WHERE number = $1",
        *(number, now, reader, text),
    )


async def pin_concern(connection: Reader, reader: int, number: int, *, pinned: bool) -> None:
    """Keep it for longer than others are kept, or no longer, inside a transaction.

    Raises NotFound.
    """
    await _find(connection, reader, number)
    await connection.execute("UPDATE concerns SET pinned = $2 WHERE number = $1", number, pinned)


async def hand_on(connection: Reader, reader: int, number: int, now: int) -> None:
    """Let those read it, too, to whom it would go if it were raised now; they are told.

    Inside a transaction; again it changes nothing. Raises NotFound.
    """
    await _find(connection, reader, number)
    await connection.execute(
        """
        UPDATE concerns SET handed = handed || ARRAY(
            SELECT other FROM concern_readers(subject, household) AS other
            WHERE other <> ALL(handed))
        WHERE number = $1
        """,
        number,
    )
    await tell_readers(connection, now, number)
