"""How requests for help are shown: to who asked, to who was asked, and to coordinators."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from node.api.help_models import Ask, Between, HelpRequest, Visit
from node.api.names import PersonName, names_of_persons
from node.api.referral_models import NOT_PASSED, Passed, read_passed
from node.api.sessions import Session
from node.calendar.local_time import write_local
from node.care.safeguarding import read_household
from node.connections import Reader
from node.help.minutes import time_of
from node.help.reasons import Reasons, tell_asker, tell_coordinator, tell_helper
from node.help.request import PROMISE_DAYS
from node.help.requests import WEEK_MS, is_match
from node.people.blocks import read_hidden
from node.people.places import read_placed

DAY_MS = 24 * 3600 * 1000
_DAY = 24 * 60
NEEDY = ("open", "held", "booked")
"""Visits for which something has to be set aside stand so."""
KNOWS_MS = 7 * DAY_MS
"""So long after a visit its helper may still look up where it was."""


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
    passed: dict[int, Passed]


async def render_requests(
    connection: Reader, rows: Sequence[asyncpg.Record], session: Session, own: Collection[int]
) -> list[HelpRequest]:
    """Requests as the caller may see them; they asked, or act for who did, for those in ``own``.

    A coordinator sees what their household asks for as who asked does, and no more of the helpers.
    """
    if session.is_coordinator:
        household = await read_household(connection, session.person)
        own = {*own, *(row["number"] for row in rows if row["asker"] in household)}
    around = await _read_around(connection, rows)
    return [await _render(connection, row, around, session, row["number"] in own) for row in rows]


async def _read_around(connection: Reader, rows: Sequence[asyncpg.Record]) -> _Around:
    numbers = [row["number"] for row in rows]
    visits = await connection.fetch(
        """
        SELECT visits.*, (
            SELECT payment FROM transits
            WHERE transits.payment = visits.payment AND transits.status <> 'released'
        ) AS paying
        FROM visits WHERE request = ANY($1::bigint[]) ORDER BY place, week
        """,
        numbers,
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
        passed=await read_passed(connection, numbers, await _read_zone(connection)),
    )


async def _read_zone(connection: Reader) -> ZoneInfo | None:
    name = await connection.fetchval("SELECT zone FROM calendar")
    return None if name is None else ZoneInfo(name)


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
    theirs = [
        visit
        for visit in visits
        if sees_all or person in (visit["helper"], *_holders(promised.get(visit["hold"])))
    ]
    is_asked_only = mine is not None and not sees_all and not theirs
    if mine is not None and is_asked_only and not await _may_come(connection, row, mine):
        return _render_former(row, mine, names)
    passed = around.passed.get(number, NOT_PASSED)
    who = passed.who if comes or session.is_coordinator else None
    return HelpRequest(
        **{name: row[name] for name in _PLAIN},
        windows=[
            Between(begins=local_time(each["begins"]), ends=local_time(each["ends"]))
            for each in around.windows[number]
        ],
        asker=names.get(row["asker"]),
        address=who.address.decode() if who else row["address"] if sees_all or comes else None,
        private=who.private.decode() if who else row["private"] if sees_all or comes else None,
        reach=who.reach.decode()
        if who
        else await _read_reach(connection, row["asker"])
        if comes
        else None,
        visits=[_render_visit(row, visit, names, promised.get(visit["hold"])) for visit in theirs],
        offers=_render_offers(row, asks, names, session, own, placed) if sees_all else None,
        loose=await _read_loose(connection, row, visits)
        if own and any(each["hold"] is None and each["status"] in NEEDY for each in visits)
        else None,
        own=None
        if mine is None
        else _render_ask(row, mine, names, tell_helper, placed=row["asker"] in placed),
        referred=list(passed.referred) if sees_all else None,
        neighbours=list(passed.offers) if sees_all else None,
        asks_for=passed.named(show=who is not None),
    )


async def _may_come(connection: Reader, row: asyncpg.Record, mine: asyncpg.Record) -> bool:
    """Whether somebody who was asked is still wanted: so they see what for, by whom, and when.

    Not where a block or a suspension keeps the two apart since; it looks as if it were settled.
    """
    if row["status"] not in ("draft", "open") or mine["answer"] not in (None, "no-reply", "yes"):
        return False
    return await is_match(connection, row, mine["helper"], await _read_now(connection))


async def _read_now(connection: Reader) -> int:
    """The log's own clock."""
    now: int = await connection.fetchval("SELECT log_time FROM head")
    return now


def _render_former(
    row: asyncpg.Record, mine: asyncpg.Record, names: dict[int, PersonName]
) -> HelpRequest:
    """For somebody who is not to come: that they were asked, for what and for which day, and what
    they said."""
    asked = _render_ask(row, mine, names, lambda _: "", placed=False)
    own = asked.model_copy(update={"begins": local_time(mine["begins"] // _DAY * _DAY)})
    number, category = row["number"], row["category"]
    lists: dict[str, Any] = {"windows": [], "traits": [], "visits": []}
    return HelpRequest(
        **_NOTHING, **lists, number=number, category=category, status="over", own=own
    )


_NOTHING: dict[str, Any] = {
    **dict.fromkeys(("title", "words", "language", "area"), ""),
    **dict.fromkeys(("minutes", "helpers", "weeks", "most", "made", "ends"), 0),
    **dict.fromkeys(("familiar", "picks", "phones", "wider"), False),
    **dict.fromkeys(("vetting", "asker", "account", "address", "private", "reach"), None),
    **dict.fromkeys(("offers", "loose", "referred", "neighbours", "asks_for"), None),
}


async def _comes(
    connection: Reader, row: asyncpg.Record, visits: list[asyncpg.Record], person: int
) -> bool:
    """Whether somebody was accepted, and comes or came lately: so they may know where, and how to
    reach the asker. Not through a block."""
    if all(each["helper"] != person for each in visits):
        return False
    now = await _read_now(connection)
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
    *("ends", "wider"),
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
        payment=visit["paying"].hex() if visit["paying"] is not None else None,
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
    week = next(
        (each["week"] for each in visits if each["hold"] is None and each["status"] in NEEDY), 0
    )
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
