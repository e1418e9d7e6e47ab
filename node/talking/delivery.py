"""Has notices go out: by email and text message, or onto the list of calls and letters.

At least once: an attempt is written down, with when the next one is due, before anything is sent,
and a notice is told only when somebody has taken it. So a node that is killed in between sends it
again, with the same number.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import asyncpg
import structlog
from prometheus_client import CollectorRegistry, Counter

from node.connections import Pool, Reader
from node.talking.event_notices import tell_of_events
from node.talking.mail import Parcel, Sender, Trouble, send_emails
from node.talking.settings import EmailSettings, SmsSettings
from node.talking.texting import open_gateway, send_text
from node.talking.timing import (
    APP_URGENT_MS,
    QUIET_USUAL,
    Pending,
    Reach,
    Route,
    Ways,
    back_off,
    choose_moment,
    choose_route,
)
from node.writer import DATABASE_AWAY, Writer

TICK_SECONDS = 2.0
BATCH = 100
"""Notices that are looked at together."""
TEXTS_AT_ONCE = 4

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Claim:
    """What is decided of one notice: where it stands, and when it is looked at next."""

    pending: Pending
    route: Route | None
    due: int | None
    attempts: int
    trouble: str
    parcel: Parcel | None = None
    person: int = 0


@dataclass(slots=True)
class Delivery:
    """What goes out of one circle. :meth:`run` is its one task; ``clock`` is Unix milliseconds."""

    pool: Pool
    writer: Writer
    clock: Callable[[], int]
    email: EmailSettings | None
    sms: SmsSettings | None
    gateway: aiohttp.ClientSession | None
    outcomes: Counter
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Have everything go out in its time, until cancelled."""
        while True:
            try:
                looked_at = await self.turn()
            except DATABASE_AWAY as error:
                log.warning("delivery_waits", error=type(error).__name__)
                looked_at = 0
            if looked_at < BATCH:
                await asyncio.sleep(TICK_SECONDS)

    async def turn(self) -> int:
        """Look once at what is due, send it, and return how many notices that were."""
        async with self._turn:
            return await self._look()

    async def _look(self) -> int:
        now = self.clock()
        async with self.pool.acquire() as connection, connection.transaction():
            zone = await _read_zone(connection)
            if zone is not None:
                await tell_of_events(connection, zone, now)
            rows = await _read_due(connection, now)
            claims = [self._decide(row, zone, now) for row in rows]
            await _write_claims(connection, claims)
        emails, texts = _pack(claims)
        await asyncio.gather(self._send_emails(emails, now), self._send_texts(texts))
        return len(rows)

    @property
    def ways(self) -> Ways:
        """The ways out that there are."""
        return Ways(email=self.email is not None, sms=self.sms is not None)

    def _decide(self, row: asyncpg.Record, zone: ZoneInfo | None, now: int) -> _Claim:
        pending, reach = _pending_of(row), _reach_of(row)
        attempts, trouble = pending.attempts, row["trouble"]
        if pending.expires is not None and pending.expires <= now:
            over = "it was too late before it could be told"
            return _Claim(pending, None, None, attempts, trouble or over)
        route = choose_route(reach, pending, self.ways, now)
        moment = choose_moment(reach, pending, route, zone, now)
        if moment > now:
            return _Claim(pending, route, moment, attempts, trouble)
        match route:
            case "app":
                return _Claim(pending, route, pending.unread, attempts, trouble)
            case "call" | "letter":
                return _Claim(
                    pending, route, None, attempts, trouble or _why(reach, pending, self.ways)
                )
        waits = back_off(attempts + 1, urgent=pending.urgent) or APP_URGENT_MS
        told = ((pending.number, row["words"]),)
        parcel = Parcel(row["name"], reach.contact, told, pending.urgent, attempts + 1)
        return _Claim(pending, route, now + waits, attempts + 1, trouble, parcel, row["person"])

    async def _send_emails(self, parcels: Sequence[Parcel], now: int) -> None:
        if self.email is None or not parcels:
            return

        async def report(parcel: Parcel, trouble: Trouble | None) -> None:
            await self._report("email", parcel, trouble)

        await send_emails(self._sender(), self.email, parcels, report, now)

    async def _send_texts(self, parcels: Sequence[Parcel]) -> None:
        gateway, settings, turn = self.gateway, self.sms, asyncio.Semaphore(TEXTS_AT_ONCE)
        if gateway is None or settings is None:
            return
        sender = self._sender()

        async def send(parcel: Parcel) -> None:
            async with turn:
                trouble = await send_text(gateway, sender, settings, parcel)
            await self._report("sms", parcel, trouble)

        await asyncio.gather(*map(send, parcels))

    def _sender(self) -> Sender:
        rules = self.writer.loaded.state.rules
        return Sender(rules.name.decode(), rules.address.partition(":")[0])

    async def _report(self, route: Route, parcel: Parcel, trouble: Trouble | None) -> None:
        """Write down what became of an attempt. If that fails, there will be another one."""
        now, numbers = self.clock(), parcel.numbers
        self.outcomes.labels(route, "taken" if trouble is None else "refused").inc(len(numbers))
        try:
            if trouble is None:
                await self.pool.execute(_TOLD, numbers, now)
                return
            log.info("notice_not_taken", route=route, attempts=parcel.attempts)
            is_last = back_off(parcel.attempts, urgent=parcel.urgent) is None
            await self.pool.execute(
                _NOT_TAKEN, numbers, trouble.reason, trouble.is_final or is_last, now
            )
        except DATABASE_AWAY as error:
            log.warning("delivery_unnoted", error=type(error).__name__)


_TOLD = """
    UPDATE notices SET told = coalesce(told, $2), due = NULL, trouble = ''
    WHERE number IN (
        SELECT number FROM notices WHERE number = ANY($1::bigint[]) ORDER BY number FOR UPDATE)
"""
_NOT_TAKEN = """
    UPDATE notices SET trouble = $2, given_up = $3, due = CASE WHEN $3 THEN $4 ELSE due END
    WHERE number = ANY($1::bigint[]) AND told IS NULL
"""


async def _read_zone(connection: Reader) -> ZoneInfo | None:
    name = await connection.fetchval("SELECT zone FROM calendar")
    return None if name is None else ZoneInfo(name)


async def _read_due(connection: Reader, now: int) -> list[asyncpg.Record]:
    """What is to be looked at, with who it is for; nobody else looks at it meanwhile."""
    return await connection.fetch(
        """
        SELECT number, kind, notices.person, words, urgent, made, expires, begins, attempts,
            given_up, trouble, people.name, coalesce(channel, 'app') AS channel,
            coalesce(contact, '') AS contact,
            EXISTS (SELECT FROM devices WHERE devices.person = notices.person
                AND role = 'device' AND status = 'active') AS has_device,
            notice_wishes.person IS NOT NULL AS has_wishes, quiet_from, quiet_until, digest
        FROM notices JOIN people ON people.person = notices.person
            LEFT JOIN profiles ON profiles.person = notices.person
            LEFT JOIN notice_wishes ON notice_wishes.person = notices.person
        WHERE due <= $1 ORDER BY due, number LIMIT $2 FOR UPDATE OF notices SKIP LOCKED
        """,
        *(now, BATCH),
    )


def _pending_of(row: asyncpg.Record) -> Pending:
    names = ("number", "kind", "made", "urgent", "expires", "begins", "attempts", "given_up")
    return Pending(**{name: row[name] for name in names})


def _reach_of(row: asyncpg.Record) -> Reach:
    quiet: Any = QUIET_USUAL
    if row["has_wishes"]:
        quiet = None if row["quiet_from"] is None else (row["quiet_from"], row["quiet_until"])
    return Reach(row["channel"], row["contact"], row["has_device"], quiet, row["digest"])


def _why(reach: Reach, pending: Pending, ways: Ways) -> str:
    """Why somebody has to call, in a few words; nothing where that is what they want."""
    match reach.channel:
        case "call" | "letter" if reach.contact:
            return ""
        case "email" | "sms" if reach.contact:
            is_way = ways.email if reach.channel == "email" else ways.sms
            return "what they gave cannot be used" if is_way else "nothing goes out that way here"
        case "app" if reach.has_device:
            waited = "an hour" if pending.urgent else "a day"
            return f"it was not read on a device within {waited}"
        case "app":
            return "they have no device"
        case _:
            return "they gave no number or address"


async def _write_claims(connection: Reader, claims: Sequence[_Claim]) -> None:
    await connection.execute(
        """
        UPDATE notices SET route = claimed.route, due = claimed.due, attempts = claimed.attempts,
            trouble = claimed.trouble
        FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::integer[], $5::text[])
            AS claimed (number, route, due, attempts, trouble)
        WHERE notices.number = claimed.number
        """,
        [each.pending.number for each in claims],
        [each.route for each in claims],
        [each.due for each in claims],
        [each.attempts for each in claims],
        [each.trouble for each in claims],
    )


def _pack(claims: Sequence[_Claim]) -> tuple[list[Parcel], list[Parcel]]:
    """What is to be sent: one email a member, and a text message for each notice."""
    emails: defaultdict[tuple[int, str], list[Parcel]] = defaultdict(list)
    texts = []
    for claim in claims:
        if claim.parcel is None:
            continue
        if claim.route == "sms":
            texts.append(claim.parcel)
        else:
            emails[claim.person, claim.parcel.contact].append(claim.parcel)
    return [_join(parcels) for parcels in emails.values()], texts


def _join(parcels: Sequence[Parcel]) -> Parcel:
    return Parcel(
        parcels[0].name,
        parcels[0].contact,
        tuple(notice for parcel in parcels for notice in parcel.notices),
        any(parcel.urgent for parcel in parcels),
        max(parcel.attempts for parcel in parcels),
    )


@asynccontextmanager
async def open_delivery(
    pool: Pool,
    writer: Writer,
    clock: Callable[[], int],
    settings: tuple[EmailSettings | None, SmsSettings | None],
    registry: CollectorRegistry,
) -> AsyncIterator[Delivery]:
    """Delivery for the circle of this writer, with the ways out that its operator set up."""
    outcomes = Counter(
        "tallystick_notices",
        "Notices given to a mail server or a gateway, by way and outcome.",
        ["route", "outcome"],
        registry=registry,
    )
    email, sms = settings
    async with open_gateway(sms) as gateway:
        yield Delivery(pool, writer, clock, email, sms, gateway, outcomes)
