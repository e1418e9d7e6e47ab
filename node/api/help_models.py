"""Requests for help as they are shown: to who asked, to who was asked, and to coordinators."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import asyncpg

from node.api.names import PersonName, names_of_persons
from node.api.sessions import Session
from node.calendar.local_time import write_local
from node.connections import Reader
from node.help.minutes import time_of
from node.help.reasons import Reasons, tell_asker, tell_coordinator, tell_helper
from node.help.request import PROMISE_DAYS
from node.help.requests import WEEK_MS
from node.http.fields import Model
from node.people.blocks import read_hidden
from node.people.places import read_placed

DAY_MS = 24 * 3600 * 1000
KNOWS_MS = 7 * DAY_MS
"""So long after a visit its helper may still look up where it was."""
VisitStatus = Literal["open", "held", "booked", "done", "paid", "cancelled", "missed", "dropped"]
RequestStatus = Literal["draft", "open", "filled", "over", "cancelled"]
Answered = Literal["yes", "no", "no-reply", "late", "left", "declined"]


class Between(Model):
    """Two local times."""

    begins: str
    ends: str


class Visit(Model):
    """One time that somebody comes, or is to come.

    ``held`` is said yes to, and waits for the asker; ``begins`` is a local time. ``hold`` is the
    entry that sets tokens aside for it, ``promised`` whether it still does, and ``payee`` for which
    account; ``until`` (Unix milliseconds) is how long it has to. The helper's ``account`` is who is
    paid. Somebody for whom tokens are set aside sees the visit, too, though they do not come.
    """

    number: int
    place: int
    week: int
    status: VisitStatus
    helper: PersonName | None
    account: int | None
    begins: str | None
    minutes: int
    hold: int | None
    promised: bool
    payee: int | None
    until: int
    late: bool
    confirmed: bool
    thanks: str


class Ask(Model):
    """That somebody was asked: when (Unix milliseconds), why, and what they said.

    ``entered_by`` is the coordinator who said it for them, for themselves and coordinators.
    """

    helper: PersonName
    asked: int
    by_call: bool
    begins: str
    answer: Answered | None
    entered_by: PersonName | None
    why: str


class HelpRequest(Model):
    """A request for help.

    ``address``, ``private`` and ``reach``, how to reach the other, are shown to the asker, to
    coordinators, and to a helper whom the asker accepted; ``offers`` to the asker and coordinators;
    ``loose`` to who may set tokens aside for it: entries that do so already, for nothing yet, and
    suit the first visit that has none.
    ``own`` is that the reader was asked.
    """

    number: int
    category: str
    title: str
    words: str
    minutes: int
    helpers: int
    weeks: int
    windows: list[Between]
    traits: list[str]
    language: str
    vetting: str | None
    familiar: bool
    picks: bool
    area: str
    asker: PersonName | None
    account: int
    most: int
    status: RequestStatus
    phones: bool
    made: int
    ends: int
    address: str | None
    private: str | None
    reach: str | None
    visits: list[Visit]
    offers: list[Ask] | None
    loose: list[int] | None
    own: Ask | None


class HelpRequests(Model):
    """Requests, newest first; ``next`` is the cursor of what follows."""

    requests: list[HelpRequest]
    next: int | None


async def render_request(
    connection: Reader, row: asyncpg.Record, session: Session, own: bool
) -> HelpRequest:
    """A request as the caller may see it; ``own`` says that they are who asked, or act for them."""
    [shown] = await render_requests(connection, [row], session, {row["number"]} if own else ())
    return shown


@dataclass(frozen=True, slots=True)
class _Around:
    """What belongs to several requests, read at once: rows by request, promises by entry."""

    visits: dict[int, list[asyncpg.Record]]
    asks: dict[int, list[asyncpg.Record]]
    windows: dict[int, list[asyncpg.Record]]
    promised: dict[int, asyncpg.Record]
    names: dict[int, PersonName]
    placed: frozenset[int]


async def render_requests(
    connection: Reader, rows: Sequence[asyncpg.Record], session: Session, own: Collection[int]
) -> list[HelpRequest]:
    """Requests as the caller may see them; they asked, or act for who did, for those in ``own``."""
    around = await _read_around(connection, rows)
    return [await _render(connection, row, around, session, row["number"] in own) for row in rows]


async def _read_around(connection: Reader, rows: Sequence[asyncpg.Record]) -> _Around:
    numbers = [row["number"] for row in rows]
    visits = await connection.fetch(
        "SELECT * FROM visits WHERE request = ANY($1::bigint[]) ORDER BY place, week", numbers
    )
    asks = await connection.fetch(
        "SELECT * FROM asks WHERE request = ANY($1::bigint[]) ORDER BY asked, helper", numbers
    )
    windows = await connection.fetch(
        "SELECT * FROM help_windows WHERE request = ANY($1::bigint[]) ORDER BY begins", numbers
    )
    people = {each["helper"] for each in (*visits, *asks)} | {row["asker"] for row in rows}
    people |= {each["answered_by"] for each in asks}
    return _Around(
        visits=_by_request(numbers, visits),
        asks=_by_request(numbers, asks),
        windows=_by_request(numbers, windows),
        promised=await _read_promised(connection, visits),
        names=await names_of_persons(connection, people - {None}),
        placed=await read_placed(connection, people - {None}),
    )


def _by_request(
    numbers: Sequence[int], rows: Sequence[asyncpg.Record]
) -> dict[int, list[asyncpg.Record]]:
    found: dict[int, list[asyncpg.Record]] = {number: [] for number in numbers}
    for row in rows:
        found[row["request"]].append(row)
    return found


async def _render(
    connection: Reader, row: asyncpg.Record, around: _Around, session: Session, own: bool
) -> HelpRequest:
    number, person = row["number"], session.person
    names, promised, placed = around.names, around.promised, around.placed
    visits, asks = around.visits[number], around.asks[number]
    sees_all = own or session.is_coordinator
    comes = await _comes(connection, row, visits, person)
    mine = next((each for each in asks if each["helper"] == person), None)
    return HelpRequest(
        **{name: row[name] for name in _PLAIN},
        windows=[
            Between(begins=local_time(each["begins"]), ends=local_time(each["ends"]))
            for each in around.windows[number]
        ],
        asker=names.get(row["asker"]),
        address=row["address"] if sees_all or comes else None,
        private=row["private"] if sees_all or comes else None,
        reach=await _read_reach(connection, row["asker"]) if comes else None,
        visits=[
            _render_visit(row, visit, names, promised.get(visit["hold"]))
            for visit in visits
            if sees_all or person in (visit["helper"], *_holders(promised.get(visit["hold"])))
        ],
        offers=_render_offers(row, asks, names, session, own, placed) if sees_all else None,
        loose=await _read_loose(connection, row, visits)
        if own and row["status"] == "draft"
        else None,
        own=None
        if mine is None
        else _render_ask(row, mine, names, tell_helper, placed=row["asker"] in placed),
    )


async def _comes(
    connection: Reader, row: asyncpg.Record, visits: list[asyncpg.Record], person: int
) -> bool:
    """Whether somebody was accepted, and comes or came lately: so they may know where, and how to
    reach the asker. Not through a block."""
    if all(each["helper"] != person for each in visits):
        return False
    now = await connection.fetchval("SELECT log_time FROM head")
    comes = any(
        each["helper"] == person
        and each["status"] in ("booked", "done", "missed")
        and now < each["starts"] + KNOWS_MS
        for each in visits
    )
    return comes and row["asker"] not in await read_hidden(connection, person)


_PLAIN = (
    *("number", "category", "title", "words", "minutes", "helpers", "weeks", "traits", "language"),
    *("vetting", "familiar", "picks", "area", "account", "most", "status", "phones", "made"),
    "ends",
)


def local_time(minute: int) -> str:
    """A minute on the clock as a local time."""
    return write_local(time_of(minute))


async def _read_promised(
    connection: Reader, visits: list[asyncpg.Record]
) -> dict[int, asyncpg.Record]:
    """Of the promises that stand: for which account, and who holds that."""
    rows = await connection.fetch(
        """
        SELECT index, payee,
            ARRAY(SELECT person FROM holders WHERE holders.account = payee) AS holders
        FROM holds WHERE index = ANY($1::bigint[])
        """,
        [visit["hold"] for visit in visits],
    )
    return {row["index"]: row for row in rows}


def _holders(promised: asyncpg.Record | None) -> list[int]:
    return [] if promised is None else promised["holders"]


def _render_visit(
    row: asyncpg.Record,
    visit: asyncpg.Record,
    names: dict[int, PersonName],
    promised: asyncpg.Record | None,
) -> Visit:
    return Visit(
        **{
            name: visit[name]
            for name in (
                *("number", "place", "week", "status", "account", "minutes", "hold", "late"),
                *("confirmed", "thanks"),
            )
        },
        helper=names.get(visit["helper"]),
        begins=None if visit["begins"] is None else local_time(visit["begins"]),
        promised=promised is not None,
        payee=None if promised is None else promised["payee"],
        until=promised_until(row["ends"], visit["week"]),
    )


def promised_until(ends: int, week: int) -> int:
    """Until when tokens have to be set aside for the visit of a week, in Unix milliseconds."""
    last = ends + week * WEEK_MS + PROMISE_DAYS * DAY_MS
    return (last // DAY_MS + 1) * DAY_MS


def _render_offers(
    row: asyncpg.Record,
    asks: list[asyncpg.Record],
    names: dict[int, PersonName],
    session: Session,
    own: bool,
    placed: frozenset[int],
) -> list[Ask]:
    """Who said yes, for who asked; for coordinators, who do not ask for themselves, all."""
    if session.is_coordinator and not own:
        return [_render_ask(row, each, names, tell_coordinator, placed=True) for each in asks]
    return [
        _render_ask(row, each, names, tell_asker, placed=each["helper"] in placed)
        for each in asks
        if each["answer"] == "yes"
    ]


def _render_ask(
    row: asyncpg.Record,
    ask: asyncpg.Record,
    names: dict[int, PersonName],
    tell: Callable[[Reasons], str],
    *,
    placed: bool,
) -> Ask:
    return Ask(
        helper=names[ask["helper"]],
        asked=ask["asked"],
        by_call=ask["by_call"],
        begins=local_time(ask["begins"]),
        answer=ask["answer"],
        entered_by=None if tell is tell_asker else names.get(ask["answered_by"]),
        why=tell(Reasons.of(row["category"], ask, placed=placed)),
    )


async def _read_reach(connection: Reader, person: int | None) -> str | None:
    """How to reach who asked, for the helper whom they accepted."""
    contact: str | None = await connection.fetchval(
        "SELECT contact FROM profiles WHERE person = $1", person
    )
    return contact or None


async def _read_loose(
    connection: Reader, row: asyncpg.Record, visits: list[asyncpg.Record]
) -> list[int]:
    """Entries that set aside what one visit needs, and are for none yet: of an earlier attempt."""
    week = next((visit["week"] for visit in visits if visit["hold"] is None), 0)
    rows = await connection.fetch(
        """
        SELECT index FROM holds WHERE account = $1 AND amount = $2 AND until >= $3
            AND payee IS NULL AND coordinator AND evidence IS NULL
            AND NOT EXISTS (SELECT FROM visits WHERE hold = index)
        ORDER BY index LIMIT 100
        """,
        *(row["account"], row["most"], promised_until(row["ends"], week)),
    )
    return [each["index"] for each in rows]
