"""Announcements: what the coordinators tell all members, or those who come to an event."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from node.api.bounds import Number
from node.api.sessions import Session
from node.connections import Reader
from node.errors import NotFound, TooMany
from node.http.fields import Model
from node.people.standing import member_condition
from node.people.writing import Prose
from node.talking.expiry import DAY_MS
from node.talking.messages import REPEAT_MS
from node.talking.notices import Notice, notify_all

DAILY_MAX = 10
"""Of one circle."""
WORDS_CHARACTERS_MAX = 800


class NewAnnouncement(Model):
    """What is to be told, to all members or to those who come to an ``event`` that is to come.

    ``urgent`` is what is about the same day.
    """

    words: Annotated[Prose, StringConstraints(min_length=1, max_length=WORDS_CHARACTERS_MAX)]
    event: Number | None = None
    urgent: bool = False


class Announcement(Model):
    """What was told, by whom, and how many people were to be told."""

    number: int
    by: str | None
    words: str
    event: int | None
    made: int
    people: int


_SELECT = """
    SELECT number, handle AS by, words, event, made, people
    FROM announcements LEFT JOIN people ON person = by
"""


async def announce(
    connection: Reader, session: Session, new: NewAnnouncement, now: int
) -> Announcement:
    """Tell everybody, inside a transaction. The same words again at once are told once.

    Raises NotFound, TooMany.
    """
    await connection.execute("LOCK TABLE announcements IN SHARE ROW EXCLUSIVE MODE")
    repeated = await connection.fetchrow(
        f"""
        {_SELECT} WHERE by = $1 AND words = $2 AND event IS NOT DISTINCT FROM $3 AND made > $4
        """,
        *(session.person, new.words, new.event, now - REPEAT_MS),
    )
    if repeated is not None:
        return Announcement(**repeated)
    lately = await connection.fetchval(
        "SELECT count(*) FROM announcements WHERE made > $1", now - DAY_MS
    )
    if lately >= DAILY_MAX:
        raise TooMany("announcements within a day", DAILY_MAX)
    people = await _read_people(connection, new.event, now)
    number = await connection.fetchval(
        """
        INSERT INTO announcements (by, words, event, made, people) VALUES ($1, $2, $3, $4, $5)
        RETURNING number
        """,
        *(session.person, new.words, new.event, now, len(people)),
    )
    row = await connection.fetchrow(f"{_SELECT} WHERE number = $1", number)
    assert row is not None, "it was just written"
    about = "announcements" if new.event is None else f"events/{new.event}"
    words = f"{new.words}\n(From {row['by']}, for the circle)"
    await notify_all(connection, people, Notice("announcement", about, words, new.urgent), now)
    return Announcement(**row)


async def _read_people(connection: Reader, event: int | None, now: int) -> list[int]:
    """Who is to be told. Raises NotFound for an event that is not there."""
    if event is None:
        rows = await connection.fetch(
            f"SELECT person FROM people WHERE {member_condition('people.person')} ORDER BY person"
        )
    else:
        title = await connection.fetchval("SELECT title FROM events WHERE number = $1", event)
        if title is None:
            raise NotFound("event of that number")
        rows = await connection.fetch(
            """
            SELECT DISTINCT person FROM rsvps JOIN occurrences USING (event, original)
            WHERE event = $1 AND answer <> 'no' AND starts > $2 ORDER BY person
            """,
            *(event, now - DAY_MS),
        )
    return [row["person"] for row in rows]


async def read_announcements(
    connection: Reader, cursor: int, limit: int, *, all_of_them: bool
) -> list[Announcement]:
    """Before number ``cursor``, newest first; or those to all members only."""
    rows = await connection.fetch(
        f"{_SELECT} WHERE number < $1 AND ($3 OR event IS NULL) ORDER BY number DESC LIMIT $2",
        *(cursor, limit, all_of_them),
    )
    return [Announcement(**row) for row in rows]
