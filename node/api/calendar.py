"""The calendar as a whole: the circle's time zone, feeds for other calendars, a week on paper."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import asyncpg
from pydantic import Field

from ledger.amount import Unit, UnitKind
from ledger.codec import from_base64url, to_base64url
from ledger.errors import MalformedObject
from node.api.events import TAKE_PART
from node.api.orders import Model
from node.api.sessions import Session
from node.calendar.events import (
    read_between,
    read_circle_zone,
    read_for_feed,
    set_circle_zone,
)
from node.calendar.feed import PRODUCT, render_feed
from node.calendar.held import has_feed
from node.calendar.local_time import ZONE_CHARACTERS_MAX, read_zone, today, week_of
from node.calendar.sheet import render_week
from node.circle import Circle
from node.connections import Reader
from node.errors import CalendarZoneUnset, NotFound, RequestInvalid
from node.http.page import render_page
from node.http.reply import Context, Reply
from node.people.standing import check_coordinator, check_member, member_condition

FEED_EVENTS_MAX = 500
FEED_PARTS_MAX = 1000
"""VEVENTs: one for each event, and one for each of its occurrences that is told apart."""
SHEET_OCCURRENCES_MAX = 500
FEED_PAST_MS = 90 * 24 * 3600 * 1000
"""Feeds keep what was on for so long."""
FEED_SECONDS = 900
NOBODY = 0

_Token = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{43}$", description="A private feed's secret")]


class CalendarItem(Model):
    """The circle's time zone, by its IANA name."""

    zone: Annotated[str, Field(min_length=1, max_length=ZONE_CHARACTERS_MAX)]


class CalendarView(Model):
    """The circle's time zone, null until it is said, and whether one has a private feed."""

    zone: str | None
    feed: bool


class FeedView(Model):
    """Where one's own feed is, and one's own weekly sheet. Whoever knows these may read them."""

    feed: str
    week: str


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a feed is made of, and the tag of just that."""

    name: str
    rows: Sequence[asyncpg.Record]
    zone: ZoneInfo | None
    unit: Unit

    @property
    def tag(self) -> str:
        parts = [PRODUCT, self.name, self.unit, None if self.zone is None else self.zone.key]
        columns = ("key", "original", "sequence", "changed", "answer", "guests")
        rows = [[row[name] for name in columns] for row in self.rows]
        return f'"{hashlib.sha256(repr([parts, rows]).encode()).hexdigest()[:32]}"'


async def get_calendar(state: Circle, session: Session) -> CalendarView:
    """Which time zone the calendar is in, and whether one has a feed of one's own."""
    async with state.pool.acquire() as connection:
        zone = await connection.fetchval("SELECT zone FROM calendar")
        return CalendarView(zone=zone, feed=await has_feed(connection, session.person))


async def set_calendar(state: Circle, session: Session, body: CalendarItem) -> CalendarView:
    """Say which time zone the circle is in. Events keep their time on the wall."""
    check_coordinator(session, "say which time zone the circle is in")
    zone = await asyncio.to_thread(read_zone, body.zone)
    async with state.pool.acquire() as connection, connection.transaction():
        await set_circle_zone(connection, zone, state.clock())
    return await get_calendar(state, session)


async def make_feed(state: Circle, session: Session) -> FeedView:
    """Make a private feed, whose address nobody can guess; an earlier one ends.

    Only a hash is stored, so that the address is told this once.
    """
    token = secrets.token_bytes(32)
    async with state.pool.acquire() as connection:
        await check_member(connection, session.person, TAKE_PART)
        await connection.execute(
            """
            INSERT INTO calendar_feeds (person, token_hash, made) VALUES ($1, $2, $3)
            ON CONFLICT (person) DO UPDATE SET token_hash = $2, made = $3
            """,
            *(session.person, hashlib.sha256(token).digest(), state.clock()),
        )
    base = state.config.public_url or f"https://{state.writer.loaded.state.rules.address}"
    own = f"{base.rstrip('/')}/calendar/{to_base64url(token)}"
    return FeedView(feed=f"{own}/events.ics", week=f"{own}/week")


async def end_feed(state: Circle, session: Session) -> None:
    """End one's private feed: its address leads nowhere from now on."""
    await state.pool.execute("DELETE FROM calendar_feeds WHERE person = $1", session.person)


async def get_public_feed(state: Circle, context: Context) -> Reply:
    """What is public in the circle's calendar, as iCalendar (RFC 5545)."""
    async with state.pool.acquire() as connection:
        shown = await _read_feed(state, connection, NOBODY)
    return await _reply(shown, context, "public")


async def get_private_feed(state: Circle, context: Context, token: _Token) -> Reply:
    """All that a member may see, with what they answered, as iCalendar (RFC 5545)."""
    async with state.pool.acquire() as connection:
        person = await _find_reader(connection, token)
        shown = await _read_feed(state, connection, person)
    return await _reply(shown, context, "private")


async def _find_reader(connection: Reader, token: str) -> int:
    """Whose feed it is. Raises NotFound, also when they are no member any more."""
    try:
        token_hash = hashlib.sha256(from_base64url(token, "token")).digest()
    except MalformedObject:
        raise NotFound("feed at that address") from None
    person: int | None = await connection.fetchval(
        f"""
        SELECT person FROM calendar_feeds
        WHERE token_hash = $1 AND {member_condition("calendar_feeds.person")}
        """,
        token_hash,
    )
    if person is None:
        raise NotFound("feed at that address")
    return person


async def _read_feed(state: Circle, connection: Reader, viewer: int) -> _Shown:
    now = state.clock()
    rows = await read_for_feed(
        *(connection, viewer, now - FEED_PAST_MS, now),
        events_max=FEED_EVENTS_MAX,
        parts_max=FEED_PARTS_MAX,
        public_only=viewer == NOBODY,
    )
    zone = await read_circle_zone(connection) if rows else None
    return _Shown(state.writer.loaded.state.rules.name.decode(), rows, zone, _unit(state))


def _unit(state: Circle) -> Unit:
    rules = state.writer.loaded.state.rules
    return Unit(
        rules.unit_name.decode(),
        rules.unit_plural.decode(),
        UnitKind(rules.unit_kind),
        rules.unit_scale,
    )


async def _reply(shown: _Shown, context: Context, scope: str) -> Reply:
    """The feed, on a thread, since it takes a while; or that it is still the one they have."""
    headers = {"ETag": shown.tag, "Cache-Control": f"{scope}, max-age={FEED_SECONDS}"}
    known = context.request.headers.get("If-None-Match", "")
    if shown.tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
        return Reply(b"", status=304, headers=headers)
    content = await asyncio.to_thread(render_feed, shown.name, shown.rows, shown.zone, shown.unit)
    return Reply(content, headers=headers)


async def get_week_page(state: Circle, day: date | None = None) -> Reply:
    """What is public this week, to print in large type: a page for people."""
    async with state.pool.acquire() as connection:
        return await _week(state, connection, NOBODY, day, "/calendar/week")


async def get_own_week_page(state: Circle, token: _Token, day: date | None = None) -> Reply:
    """The same for a member, who sees all of it."""
    async with state.pool.acquire() as connection:
        person = await _find_reader(connection, token)
        return await _week(state, connection, person, day, f"/calendar/{token}/week")


async def _week(
    state: Circle, connection: Reader, viewer: int, day: date | None, path: str
) -> Reply:
    name = state.writer.loaded.state.rules.name.decode()
    if day is not None and not 1900 <= day.year <= 9000:
        raise RequestInvalid([f"query.day: {day} is not in any calendar here"])
    try:
        zone = await read_circle_zone(connection)
    except CalendarZoneUnset:
        return Reply(render_page(f"This week in {name}", "<p>The calendar is empty.</p>"))
    monday, sunday = week_of(day or today(state.clock(), zone))
    rows = await read_between(
        connection,
        viewer,
        datetime.combine(monday, time.min),
        datetime.combine(sunday + timedelta(days=1), time.min),
        limit=SHEET_OCCURRENCES_MAX,
        public_only=viewer == NOBODY,
    )
    body = render_week(rows, monday, zone, _unit(state), path, with_names=viewer != NOBODY)
    scope = "public" if viewer == NOBODY else "private"
    headers = {"Cache-Control": f"{scope}, max-age=60"}
    return Reply(render_page(f"The week in {name}", body), headers=headers)
