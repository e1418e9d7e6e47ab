"""An account's statement: what happened on it, newest first.

The postings of an account are numbered without gaps, and their log times never run backward. So a
page is a range of numbers, a day is found by bisection, and nothing depends on the log's length.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal

import asyncpg
import structlog
from pydantic import Field

from ledger import orders
from ledger.charter import Rules
from ledger.entry import decode_leaf
from ledger.federation.evidence import Evidence
from ledger.orders import SignedOrder
from node.api.accounts import Sight, see_account
from node.api.bounds import Limit, Number
from node.api.elsewhere import Elsewhere, find_evidence, parse_wire, read_elsewhere
from node.api.names import Party, PersonName, names_of_persons, parties_of
from node.api.orders import Model
from node.api.sessions import Session
from node.api.statement_csv import csv_header, csv_row
from node.api.statement_line import Line, Slip
from node.api.wellknown import UnitDescription
from node.circle import Circle
from node.connections import Pool, Reader
from node.errors import RecordsDamaged
from node.http.fields import Day
from node.http.reply import Reply

JSON, CSV = "application/json", "text/csv"
SEARCHED_MAX = 5000
"""Postings looked through for one counterparty's, for one page."""
CSV_LINES = 500
"""Lines of a CSV file that are in memory at once."""
DAY_MS = 24 * 3600 * 1000
EPOCH = date(1970, 1, 1)

log = structlog.get_logger()


class Statement(Model):
    """Lines of an account, newest first; ``next`` is the cursor of what follows.

    A page looks through a bounded part of the account's past: with a counterparty given, it may
    have fewer lines than asked for, or none, while there is more.
    """

    account: int
    unit: UnitDescription
    lines: list[Line]
    next: str | None


@dataclass(frozen=True, slots=True)
class Span:
    """The postings ``low`` to ``high`` of an account, both included; empty when low > high."""

    low: int
    high: int


async def get_statement(
    state: Circle,
    session: Session,
    number: Number,
    cursor: Number | None = None,
    limit: Limit = 50,
    from_: Annotated[Day | None, Field(description="First day, UTC, included")] = None,
    to: Annotated[Day | None, Field(description="Last day, UTC, included")] = None,
    counterparty: Number | None = None,
    format_: Annotated[
        Literal["json", "csv"], Field(description="csv has all lines, not a page")
    ] = "json",
) -> Reply:
    """What happened on an account, newest first.

    As CSV it is one file with every line of the days asked for.
    """
    async with state.pool.acquire() as connection:
        sight = await see_account(connection, session, number, state.clock())
        span = await find_span(connection, sight, from_, to)
        if cursor is not None:
            span = Span(span.low, min(span.high, cursor - 1))
        rules = state.writer.loaded.state.rules
        if format_ == "json":
            lines, following = await read_page(connection, sight, span, limit, counterparty)
            return Reply(_render_page(number, rules, lines, following), content_type=JSON)
    return Reply(
        _stream_csv(state.pool, sight, span, counterparty, rules),
        content_type=CSV,
        headers={"Content-Disposition": f'attachment; filename="statement-{number}.csv"'},
    )


def _render_page(account: int, rules: Rules, lines: list[Line], following: int | None) -> str:
    unit = UnitDescription(
        name=rules.unit_name.decode(),
        plural=rules.unit_plural.decode(),
        kind=rules.unit_kind,
        scale=rules.unit_scale,
    )
    cursor = None if following is None else str(following)
    return Statement(account=account, unit=unit, lines=lines, next=cursor).model_dump_json()


async def find_span(
    connection: Reader, sight: Sight, first: date | None = None, last: date | None = None
) -> Span:
    """The account's postings of these days (UTC, both included)."""
    low, high = 1, sight.account.seq
    if first is not None:
        low = await first_since(connection, sight, _midnight(first))
    if last is not None:
        high = await first_since(connection, sight, _midnight(last) + DAY_MS) - 1
    return Span(low, high)


def _midnight(day: date) -> int:
    return (day - EPOCH) // timedelta(days=1) * DAY_MS


async def first_since(connection: Reader, sight: Sight, log_time: int) -> int:
    """The number of the first posting at or after a log time; one more than the last if none is."""
    found: int | None = await connection.fetchval(
        """
        WITH RECURSIVE search (low, high) AS (
            VALUES (1::bigint, $2::bigint + 1)
            UNION ALL
            SELECT CASE WHEN log_time < $3 THEN seq + 1 ELSE low END,
                CASE WHEN log_time < $3 THEN high ELSE seq END
            FROM search JOIN postings ON account = $1 AND seq = (low + high) / 2
            WHERE low < high
        )
        SELECT low FROM search WHERE low = high
        """,
        sight.account.number,
        sight.account.seq,
        log_time,
    )
    if found is None:
        raise _damaged(f"a line of account {sight.account.number}")
    return found


def _damaged(missing: str) -> RecordsDamaged:
    """The error for a row that the log or the account says is there; the operator is told."""
    log.error("records_damaged", missing=missing, mend="run: tallyd check DIRECTORY")
    return RecordsDamaged(missing)


async def read_page(
    connection: Reader, sight: Sight, span: Span, limit: int, counterparty: int | None = None
) -> tuple[list[Line], int | None]:
    """At most ``limit`` lines of a span, newest first, and the cursor of what follows, or None."""
    width = limit if counterparty is None else SEARCHED_MAX
    low = max(span.low, span.high - width + 1)
    postings = await connection.fetch(
        """
        SELECT seq, entry, log_time, delta, balance, held, counterparty
        FROM postings
        WHERE account = $1 AND seq BETWEEN $2 AND $3
            AND ($4::bigint IS NULL OR counterparty = $4)
        ORDER BY seq DESC
        """,
        sight.account.number,
        low,
        span.high,
        counterparty,
    )
    if len(postings) > limit:
        postings = postings[:limit]
        low = postings[-1]["seq"]
    lines = await _read_lines(connection, sight, postings)
    return lines, low if span.low < low <= span.high else None


async def _read_lines(
    connection: Reader, sight: Sight, postings: list[asyncpg.Record]
) -> list[Line]:
    entries = await _read_entries(connection, [posting["entry"] for posting in postings])
    texts = await _read_texts(connection, entries) if sight.texts else {}
    elsewhere = await read_elsewhere(
        connection,
        {index: each.evidence for index, each in entries.items() if each.evidence},
        {index: each.signed for index, each in entries.items()},
        texts=sight.texts,
    )
    account = sight.account.number
    events = [_make_event(account, posting, entries[posting["entry"]]) for posting in postings]
    parties = await parties_of(connection, {event.other for event in events if event.other})
    names = await names_of_persons(connection, {event.by for event in events if event.by})
    return [_make_line(event, parties, names, texts, elsewhere) for event in events]


@dataclass(frozen=True, slots=True)
class _Written:
    """An entry: its kind and authority, and the order or the peer's word that it stands on."""

    kind: str
    authority: str
    signed: SignedOrder | None
    evidence: Evidence | None


async def _read_entries(connection: Reader, indexes: list[int]) -> dict[int, _Written]:
    rows = await connection.fetch(
        "SELECT index, leaf, authority, wire FROM entries WHERE index = ANY($1::bigint[])", indexes
    )
    gone = set(indexes) - {row["index"] for row in rows}
    if gone:
        raise _damaged(f"entry {min(gone)}")
    return {row["index"]: _read_written(row) for row in rows}


def _read_written(row: asyncpg.Record) -> _Written:
    kind, authority, wire = decode_leaf(row["leaf"]).kind, row["authority"], row["wire"]
    evidence = find_evidence(kind, authority, wire)
    return _Written(kind, authority, parse_wire(authority, wire), evidence)


async def _read_texts(connection: Reader, entries: dict[int, _Written]) -> dict[int, str]:
    """The texts beside these entries, but those that only said a new member's name."""
    wanted = [index for index, written in entries.items() if not _is_naming(written.signed)]
    rows = await connection.fetch(
        "SELECT entry, body FROM personal WHERE entry = ANY($1::bigint[])", wanted
    )
    return {row["entry"]: row["body"].decode() for row in rows}


def _is_naming(signed: SignedOrder | None) -> bool:
    act = None if signed is None else signed.order.act
    return isinstance(act, orders.Join) or (isinstance(act, orders.Open) and not act.holder)


@dataclass(frozen=True, slots=True)
class _Event:
    """A posting and its entry; ``other`` and ``by`` are 0 where there is no such."""

    posting: asyncpg.Record
    written: _Written
    other: int
    by: int


def _make_event(account: int, posting: asyncpg.Record, written: _Written) -> _Event:
    by = 0
    if written.signed is not None and written.authority in ("officer", "mandate"):
        by = written.signed.order.header.person
    return _Event(posting, written, _other_account(account, posting, written), by)


def _make_line(
    event: _Event,
    parties: dict[int, Party],
    names: dict[int, PersonName],
    texts: dict[int, str],
    elsewhere: dict[int, Elsewhere],
) -> Line:
    posting, signed = event.posting, event.written.signed
    act = None if signed is None else signed.order.act
    happened_on = act.happened_on if isinstance(act, orders.Pay) else ()
    slip = () if signed is None else signed.order.header.slip
    return Line(
        seq=posting["seq"],
        entry=posting["entry"],
        log_time=posting["log_time"],
        kind=event.written.kind,
        authority=event.written.authority,
        delta=posting["delta"],
        balance=posting["balance"],
        held=posting["held"],
        counterparty=parties.get(event.other),
        text=texts.get(posting["entry"]),
        happened_on=EPOCH + timedelta(days=happened_on[0]) if happened_on else None,
        reference=act.reference if isinstance(act, orders.Sell | orders.Redeem) else None,
        slip=Slip(channel=slip[0][0], number=slip[0][1]) if slip else None,
        by=names.get(event.by),
        order_id=None if signed is None else signed.id.hex(),
        elsewhere=elsewhere.get(posting["entry"]),
    )


def _other_account(account: int, posting: asyncpg.Record, written: _Written) -> int:
    """The one other account that the line is about, or 0.

    That of one leg of many is the account that paid or collected. Where nothing moved, two accounts
    may only have the same holder.
    """
    signed = written.signed
    if signed is None:
        return posting["counterparty"] or 0 if posting["delta"] else 0
    match signed.order.act:
        case orders.Hold(payee=(payee,)):
            return payee
        case orders.Pay() | orders.Levy() | orders.Payout() if posting["counterparty"] is None:
            payer = signed.order.header.account
            return 0 if payer == account else payer
        case orders.Claim() | orders.Object() | orders.Assign():
            return posting["counterparty"] or 0
        case _:
            return posting["counterparty"] or 0 if posting["delta"] else 0


async def _stream_csv(
    pool: Pool, sight: Sight, span: Span, counterparty: int | None, rules: Rules
) -> AsyncGenerator[bytes, None]:
    """Every line of a span. No connection is kept while the client reads."""
    yield csv_header()
    cursor: int | None = span.high + 1
    while cursor is not None:
        async with pool.acquire() as connection:
            lines, cursor = await read_page(
                connection, sight, Span(span.low, cursor - 1), CSV_LINES, counterparty
            )
        if lines:
            yield b"".join(csv_row(line, rules) for line in lines)
