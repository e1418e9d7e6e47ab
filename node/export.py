"""Everything out: a circle's whole log as lines of JSON, and all that is held on one person.

Both are streamed, a page at a time, so that neither depends on the memory there is.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from pydantic import BaseModel

from ledger.codec import to_base64url
from ledger.errors import PersonUnknown
from node.api.accounts import Account, Sight, read_accounts, read_holds
from node.api.me import read_devices, read_holdings, read_mandates
from node.api.names import names_of_persons
from node.api.requests import read_requests
from node.api.statement import Span, find_span, read_page
from node.calendar.held import given_answers, has_feed, hosted_events
from node.care.held import read_cared
from node.connections import Acquire, Connection, Reader
from node.help.held import read_help_held
from node.people.held import read_held
from node.talking.held import left_notices, read_talked, written_messages

ROWS = 1000
"""Entries read at once."""
LINES = 200


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of the log's entries are written."""

    done: int
    total: int


async def export_log(
    connection: Connection, out: BinaryIO, progress: Callable[[Progress], None] = lambda _: None
) -> int:
    """Write the circle as of now, one JSON object a line, and return the number of entries.

    First ``head`` (the signed checkpoint), then every ``entry`` with its openings and text, then
    each ``person`` and payment ``request``. Bytes are base64url; an entry's salts derive from its
    ``secret``. A node may serve meanwhile.
    """

    def write(kind: str, fields: dict[str, Any]) -> None:
        out.write(json.dumps({"type": kind, **fields}, ensure_ascii=False).encode() + b"\n")

    async with connection.transaction(isolation="repeatable_read", readonly=True):
        head = await connection.fetchrow("SELECT size, root, log_time, checkpoint FROM head")
        assert head is not None, "a circle's schema has a head"
        write("head", _plain(head))
        done = 0
        async for row in connection.cursor(
            """
            SELECT index, log_time, leaf, authority, wire AS order, postings, secret,
                body AS text, salt AS text_salt
            FROM entries LEFT JOIN personal ON entry = index ORDER BY index
            """,
            prefetch=ROWS,
        ):
            text = row["text"]
            write("entry", _plain(row) | {"text": None if text is None else text.decode()})
            done += 1
            if done % ROWS == 0:
                progress(Progress(done, head["size"]))
        async for row in connection.cursor(
            "SELECT person, handle, name FROM people ORDER BY person", prefetch=ROWS
        ):
            write("person", _plain(row))
        async for row in connection.cursor(
            """
            SELECT id, wire, paid_by, body AS text, salt AS text_salt
            FROM requests LEFT JOIN request_texts ON request = id ORDER BY id
            """,
            prefetch=ROWS,
        ):
            text = row["text"]
            write("request", _plain(row) | {"text": None if text is None else text.decode()})
    progress(Progress(done, head["size"]))
    return done


def _plain(row: Any) -> dict[str, Any]:
    """A row as JSON has it: bytes as base64url."""
    return {
        name: to_base64url(value) if isinstance(value, bytes) else value
        for name, value in row.items()
    }


async def export_person(
    acquire: Acquire, person: int, *, own: bool = True
) -> AsyncGenerator[bytes, None]:
    """All that is held on a person, as pieces of one JSON object. Raises PersonUnknown.

    Whom they blocked, of whom they complained and for whom they were worried is for themselves, who
    read their ``own``: others, who may be among those, are shown nothing there. Neither are they
    shown what was written, or what the member was told.
    """
    async with acquire() as connection:
        numbers = await read_holdings(connection, person)
        accounts = await read_accounts(connection, numbers)
        head = {
            **(await names_of_persons(connection, [person]))[person].model_dump(),
            "offices": await _read_offices(connection, person),
            "accounts": _dump(accounts),
            "devices": _dump(await read_devices(connection, person)),
            "mandates": _dump(await read_mandates(connection, person, numbers)),
            "holds": _dump(await read_holds(connection, numbers)),
            "sessions": await _read_sessions(connection, person),
            "verdicts": await _read_verdicts(connection, person),
            **await read_held(connection, person),
            **await read_talked(connection, person),
            **await read_cared(connection, person),
            **await read_help_held(connection, person),
            "calendar_feed": await has_feed(connection, person),
        }
    if not (head["handle"] or head["accounts"] or head["devices"]):
        raise PersonUnknown(person)
    if not own:
        head |= {"blocks": [], "complaints": [], "concerns": []}
    return _pieces(acquire, head, accounts, own=own)


async def _pieces(
    acquire: Acquire, head: dict[str, Any], accounts: list[Account], *, own: bool
) -> AsyncGenerator[bytes, None]:
    yield _json(head)[:-1]
    yield b', "texts": ['
    async for piece in _joined(_texts(acquire, head["person"])):
        yield piece
    yield b'], "requests": ['
    async for piece in _joined(_requests(acquire, accounts)):
        yield piece
    yield b'], "events": ['
    async for piece in _joined(hosted_events(acquire, head["person"])):
        yield piece
    yield b'], "rsvps": ['
    async for piece in _joined(given_answers(acquire, head["person"])):
        yield piece
    yield b'], "messages": ['
    if own:
        async for piece in _joined(written_messages(acquire, head["person"])):
            yield piece
    yield b'], "notices": ['
    if own:
        async for piece in _joined(left_notices(acquire, head["person"])):
            yield piece
    yield b'], "statements": ['
    for place, account in enumerate(accounts):
        yield b", " * bool(place) + f'{{"account": {account.number}, "lines": ['.encode()
        async for piece in _joined(_lines(acquire, Sight(account, texts=True))):
            yield piece
        yield b"]}"
    yield b"]}\n"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _dump(models: Sequence[BaseModel]) -> list[dict[str, Any]]:
    return [model.model_dump(mode="json") for model in models]


Page = list[dict[str, Any]]


async def _joined(pages: AsyncGenerator[Page, None]) -> AsyncGenerator[bytes, None]:
    """The items of all pages, with commas between them."""
    separator = b""
    async for page in pages:
        for item in page:
            yield separator + _json(item)
            separator = b", "


async def _read_offices(connection: Reader, person: int) -> list[str]:
    rows = await connection.fetch(
        "SELECT office FROM offices WHERE person = $1 ORDER BY office", person
    )
    return [row["office"] for row in rows]


async def _read_sessions(connection: Reader, person: int) -> Page:
    rows = await connection.fetch(
        """
        SELECT encode(device, 'hex') AS device, expires
        FROM sessions WHERE person = $1 ORDER BY expires
        """,
        person,
    )
    return [dict(row) for row in rows]


async def _read_verdicts(connection: Reader, person: int) -> Page:
    """What is remembered, for a day at most, of the orders that the person's devices sent."""
    rows = await connection.fetch(
        """
        SELECT encode(order_id, 'hex') AS order_id, entry, refusal, expires
        FROM verdicts WHERE device IN (SELECT key FROM devices WHERE person = $1)
        ORDER BY expires, order_id LIMIT $2
        """,
        person,
        ROWS,
    )
    return [dict(row) for row in rows]


async def _texts(acquire: Acquire, person: int) -> AsyncGenerator[Page, None]:
    """What the person wrote, in the order of the log."""
    last = -1
    while True:
        async with acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT entry, body, salt FROM personal
                WHERE person = $1 AND entry > $2 ORDER BY entry LIMIT $3
                """,
                person,
                last,
                LINES,
            )
        yield [
            {
                "entry": row["entry"],
                "text": row["body"].decode(),
                "salt": to_base64url(row["salt"]),
            }
            for row in rows
        ]
        if len(rows) < LINES:
            return
        last = rows[-1]["entry"]


async def _requests(acquire: Acquire, accounts: list[Account]) -> AsyncGenerator[Page, None]:
    for account in accounts:
        cursor: str | None = None
        while True:
            async with acquire() as connection:
                requests, cursor = await read_requests(connection, account.number, cursor, LINES)
            yield _dump(requests)
            if cursor is None:
                break


async def _lines(acquire: Acquire, sight: Sight) -> AsyncGenerator[Page, None]:
    async with acquire() as connection:
        span = await find_span(connection, sight)
    cursor: int | None = span.high + 1
    while cursor is not None:
        async with acquire() as connection:
            lines, cursor = await read_page(connection, sight, Span(span.low, cursor - 1), LINES)
        yield _dump(lines)
