"""What members write to each other about an offer, a want or an event."""

from __future__ import annotations

from node.api.bounds import NEWEST, Limit, Number
from node.api.sessions import Session
from node.circle import Circle
from node.connections import Reader
from node.http.fields import Model
from node.people.standing import check_owner
from node.talking.messages import Message, NewMessage, write_message
from node.talking.shown import count_new
from node.talking.threads import Thread, count_unread, read_thread, read_threads

READ = "read the messages of this member"


class Threads(Model):
    """Threads, the newest first. ``unread`` counts all messages, ``new_notices`` all notices."""

    threads: list[Thread]
    unread: int
    new_notices: int
    next: str | None


class Messages(Model):
    """Messages of a thread, newest first."""

    messages: list[Message]
    next: str | None


async def send_message(state: Circle, session: Session, body: NewMessage) -> Message:
    """Write to a member about something: its owner or host, or whoever wrote about it before.

    Coordinators do so for members without a device. The same words again at once are sent once.
    """
    async with state.pool.acquire() as connection, connection.transaction():
        return await write_message(connection, session, body, state.clock())


async def list_threads(
    state: Circle,
    session: Session,
    cursor: Number = NEWEST,
    limit: Limit = 50,
    person: Number | None = None,
    with_: Number | None = None,
) -> Threads:
    """With whom one wrote about what; with ``with``, what is with that member.

    Coordinators read for a member without a device, the ``person``.
    """
    async with state.pool.acquire() as connection:
        reader = await _check_reader(connection, session, person)
        threads = await read_threads(connection, reader, cursor, limit, with_)
        unread = await count_unread(connection, reader)
        new = await count_new(connection, reader, state.clock())
    following = str(threads[-1].latest.number) if len(threads) == limit else None
    return Threads(threads=threads, unread=unread, new_notices=new, next=following)


async def get_thread(
    state: Circle,
    session: Session,
    thread: Number,
    cursor: Number = NEWEST,
    limit: Limit = 50,
    person: Number | None = None,
) -> Messages:
    """What was written in a thread, newest first. What a member is shown they have read.

    A coordinator who reads for a member without a device, the ``person``, changes nothing.
    """
    async with state.pool.acquire() as connection, connection.transaction():
        reader = await _check_reader(connection, session, person)
        messages = await read_thread(
            connection,
            *(reader, thread, cursor, limit),
            reads_at=state.clock() if reader == session.person else None,
        )
    following = str(messages[-1].number) if len(messages) == limit else None
    return Messages(messages=messages, next=following)


async def _check_reader(connection: Reader, session: Session, person: int | None) -> int:
    reader = session.person if person is None else person
    await check_owner(connection, session, reader, READ)
    return reader
