"""Messages: what one member writes to another about one thing.

Where one of the two blocked the other, or left, it is as if the other were not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import asyncpg
from pydantic import Field, StringConstraints

from node.api.bounds import Number
from node.api.sessions import Session
from node.connections import Reader
from node.errors import NotFound, TooMany
from node.http.fields import Model
from node.people.blocks import read_hidden
from node.people.standing import check_owner, hold_person, is_member
from node.people.writing import Prose
from node.talking.expiry import DAY_MS
from node.talking.notices import Notice, notify
from node.talking.subjects import SUBJECTS, find_subject

DAILY_MAX = 60
"""Messages that one member may write in a day."""
BEGUN_DAILY_MAX = 15
"""Of these, how many may be the first ones to somebody about something."""
REPEAT_MS = 10 * 60 * 1000
"""The same words again within this time are the same message, sent twice."""

About = Annotated[str, StringConstraints(pattern=rf"^({'|'.join(SUBJECTS)})/[1-9][0-9]{{0,14}}$")]
"""The path below ``/api/v1`` of what is written about."""
_NOBODY = "member to write to about this"


class NewMessage(Model):
    """A message to ``to``. ``person`` is who writes, where a coordinator does it for them."""

    about: About
    to: Number
    words: Prose = Field(min_length=1)
    person: Number | None = None


class Message(Model):
    """What somebody wrote; ``entered_by`` is the handle of who entered it for them."""

    number: int
    thread: int
    author: int
    entered_by: str | None
    words: str
    made: int
    read: int | None


@dataclass(frozen=True, slots=True)
class _Pair:
    writer: int
    other: int
    about: str

    @property
    def key(self) -> tuple[int, int, str]:
        return (min(self.writer, self.other), max(self.writer, self.other), self.about)


async def write_message(connection: Reader, session: Session, new: NewMessage, now: int) -> Message:
    """Send a message, inside a transaction; the other one is told.

    Raises NotPermitted, PersonUnknown, NotFound, TooMany.
    """
    writer = session.person if new.person is None else new.person
    await check_owner(connection, session, writer, "write for this member")
    await hold_person(connection, writer)  # their messages of the day are counted one by one
    pair = _Pair(writer, new.to, new.about)
    subject = await find_subject(connection, writer, new.about, now)
    thread = await connection.fetchval(
        "SELECT number FROM threads WHERE low = $1 AND high = $2 AND about = $3", *pair.key
    )
    is_open = thread is not None or (subject is not None and new.to in subject.people)
    if not is_open or not await _is_there(connection, writer, new.to):
        raise NotFound(_NOBODY)
    if thread is not None:
        repeated = await _find_repeat(connection, thread, writer, new.words, now)
        if repeated is not None:
            return repeated
    await _check_day(connection, writer, now, is_first=thread is None)
    title = "" if subject is None else subject.title
    message, title = await _insert(connection, pair, session, new.words, title, now)
    await _tell(connection, pair, message, title, now)
    return message


async def _is_there(connection: Reader, person: int, other: int) -> bool:
    """Whether somebody can be written to: nobody with a block, either way, and no one who left."""
    held = "SELECT true FROM people WHERE person = $1 FOR KEY SHARE"
    if other == person or not await connection.fetchval(held, other):
        return False
    return other not in await read_hidden(connection, person) and await is_member(connection, other)


async def _find_repeat(
    connection: Reader, thread: int, writer: int, words: str, now: int
) -> Message | None:
    row = await connection.fetchrow(
        f"""
        {SELECT_MESSAGES} WHERE messages.number = (SELECT latest FROM threads WHERE number = $1)
            AND author = $2 AND words = $3 AND made > $4
        """,
        *(thread, writer, words, now - REPEAT_MS),
    )
    return None if row is None else render_message(row)


async def _check_day(connection: Reader, writer: int, now: int, *, is_first: bool) -> None:
    row = await connection.fetchrow(
        """
        SELECT count(*) AS written, count(*) FILTER (WHERE number = (
            SELECT min(number) FROM messages AS first WHERE first.thread = messages.thread
        )) AS begun
        FROM messages WHERE author = $1 AND made > $2
        """,
        *(writer, now - DAY_MS),
    )
    assert row is not None, "an aggregate has one row"
    if row["written"] >= DAILY_MAX:
        raise TooMany("messages by this member within a day", DAILY_MAX)
    if is_first and row["begun"] >= BEGUN_DAILY_MAX:
        raise TooMany("first messages by this member within a day", BEGUN_DAILY_MAX)


async def _insert(
    connection: Reader, pair: _Pair, session: Session, words: str, title: str, now: int
) -> tuple[Message, str]:
    """The message, and what its subject is or was called."""
    row = await connection.fetchrow(
        """
        INSERT INTO threads (low, high, about, latest, title) VALUES ($1, $2, $3, 0, $4)
        ON CONFLICT (low, high, about) DO UPDATE
            SET title = CASE $4 WHEN '' THEN threads.title ELSE $4 END
        RETURNING number, title
        """,
        *(*pair.key, title),
    )
    assert row is not None, "it was there, or is now"
    thread = row["number"]
    number = await connection.fetchval(
        """
        INSERT INTO messages (thread, author, entered_by, words, made)
        VALUES ($1, $2, $3, $4, $5) RETURNING number
        """,
        *(thread, pair.writer, None if session.person == pair.writer else session.person),
        *(words, now),
    )
    await connection.execute("UPDATE threads SET latest = $2 WHERE number = $1", thread, number)
    written = await connection.fetchrow(f"{SELECT_MESSAGES} WHERE messages.number = $1", number)
    assert written is not None, "it was just written"
    return render_message(written), row["title"]


SELECT_MESSAGES = """
    SELECT messages.number, thread, author, handle AS entered_by, words, made, read
    FROM messages LEFT JOIN people ON person = entered_by
"""


def render_message(row: asyncpg.Record) -> Message:
    """A row of ``SELECT_MESSAGES``."""
    return Message(**row)


async def _tell(connection: Reader, pair: _Pair, message: Message, title: str, now: int) -> None:
    """Leave the other one a notice. It has the words for whoever has no device to read them on;
    for the others one is enough, until they were told.
    """
    row = await connection.fetchrow(
        """
        SELECT name, EXISTS (SELECT FROM devices WHERE devices.person = $2
            AND role = 'device' AND status = 'active') AS has_device,
            EXISTS (SELECT FROM notices WHERE notices.person = $2 AND about = $3
                AND kind = 'message' AND told IS NULL) AS is_waiting
        FROM people WHERE person = $1
        """,
        *(pair.writer, pair.other, f"threads/{message.thread}"),
    )
    assert row is not None, "the one who writes is held"
    if row["has_device"] and row["is_waiting"]:
        return
    words = f"{row['name']} wrote to you" + (f" about {title}" if title else "")
    words += ": it is among your messages." if row["has_device"] else f": {message.words}"
    notice = Notice("message", f"threads/{message.thread}", words)
    await notify(connection, pair.other, notice, now)
