"""Halves of referrals, carried to neighbours and taken from them (protocol.md, "Referrals").

What is to be told is in the tables, and is sent until it is acknowledged: a node that is killed
goes on where it was. A half is taken in a transaction of its own, and acknowledged after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from zoneinfo import ZoneInfo

import aiohttp
import asyncpg
import structlog

from ledger import keys
from ledger.errors import InvalidSignature, MalformedObject, TallystickError
from ledger.federation.exchange import NONCE_BYTES
from ledger.federation.link import Link
from ledger.federation.referral import (
    HALVES_MAX,
    PATH,
    REFERRALS_BYTES_MAX,
    Referrals,
    read_referrals,
    sign_referrals,
    verify_referrals,
)
from node.calendar.events import hold_circle_zone
from node.connections import Pool, Reader
from node.errors import NotFound
from node.federation.post import PeerFault, post
from node.keyring import Keyring
from node.referrals.offers import hear
from node.referrals.paid import mark_paid
from node.referrals.replies import number_offers, write_replies
from node.referrals.taking import settle_untaken, take
from node.referrals.wants import refer, write_wants
from node.writer import DATABASE_AWAY, Writer

REQUEST, ANSWER = "referrals-request", "referrals-answer"
ROUND_SECONDS = 5.0
IDLE_SECONDS = 60.0
"""After which a neighbour is asked what it offers, though there is nothing to say: it may be one
that others cannot reach."""
RETRY_SECONDS_MAX = 300.0
LOST_MAX = 1000
"""So many of our halves we can have lost and hear of at once."""
EXCHANGES_MAX = 32
"""In one round with one neighbour: who always has more has to wait for the next."""

log = structlog.get_logger()

Heard = tuple[tuple[bytes, int, int], ...]
_Act = Callable[[Reader, Link, bytes, ZoneInfo, int], Awaitable[tuple[bytes, int]]]
_CAME_BETWEEN = (
    *(TallystickError, ValueError, asyncpg.IntegrityConstraintViolationError),
    *(asyncpg.TransactionRollbackError, asyncpg.DataError),
)


@dataclass(slots=True)
class _Turn:
    """When a neighbour is asked next, and how long it is waited if that fails; in seconds of the
    loop's clock."""

    due: float = 0.0
    delay: float = ROUND_SECONDS
    meeting: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Referring:
    """What passes between a circle and its neighbours. :meth:`run` is its one task."""

    writer: Writer
    pool: Pool
    clock: Callable[[], int]
    keyring: Keyring
    session: aiohttp.ClientSession
    entropy: Callable[[int], bytes]
    _secret: bytes = field(init=False, repr=False)
    _turns: dict[bytes, _Turn] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._secret = keys.expand(self.keyring.link)

    async def run(self, seconds: float | None = None) -> None:
        """Go on for ever, so many ``seconds`` after one another if that is said.

        A neighbour that takes its time keeps nobody else waiting.
        """
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    for link in await self._find_due():
                        group.create_task(self._meet(link))
                except DATABASE_AWAY as error:
                    log.warning("referrals_wait", error=type(error).__name__)
                await asyncio.sleep(ROUND_SECONDS if seconds is None else seconds)

    async def one_round(self) -> None:
        """Pass on what is to be, say what is new, and tell it to whom it concerns."""
        await asyncio.gather(*map(self._meet, await self._find_due()))

    async def _find_due(self) -> list[Link]:
        """Write our halves; whom to tell something, or to ask whether there is anything."""
        links = self.writer.loaded.links
        if not links or not await self._write_halves():
            return []
        waiting = await self._find_waiting()
        now = asyncio.get_running_loop().time()
        due = []
        for link in links.values():
            turn = self._turns.setdefault(link.id, _Turn())
            if link.status == "lost" or link.id not in waiting or turn.meeting.locked():
                continue
            if now >= turn.due or (waiting[link.id] and turn.delay == ROUND_SECONDS):
                due.append(link)
        return due

    async def _meet(self, link: Link) -> None:
        turn, loop = self._turns[link.id], asyncio.get_running_loop()
        async with turn.meeting:
            try:
                await self.ask(link)
            except (PeerFault, *DATABASE_AWAY) as fault:
                log.info("neighbour_not_reached", peer=link.id.hex()[:16], reason=str(fault))
                turn.delay = min(2 * turn.delay, RETRY_SECONDS_MAX)
                turn.due = loop.time() + turn.delay
            else:
                turn.delay, turn.due = ROUND_SECONDS, loop.time() + IDLE_SECONDS

    async def _write_halves(self) -> bool:
        """Our halves as they are now; False while the circle has no time zone.

        Each part is a transaction of its own, since members change the same rows in another order.
        """
        now, links = self.clock(), self.writer.loaded.links
        async with self._turn, self.pool.acquire() as connection:
            name = await connection.fetchval("SELECT zone FROM calendar")
            if name is None:
                return False
            zone = ZoneInfo(name)
            takes = [each.id for each in links.values() if each.takes_payments]
            for step in (
                partial(mark_paid, connection),
                partial(settle_untaken, connection, takes, now),
                partial(refer, connection, links, self.entropy, now),
                partial(write_wants, connection, links, zone, now),
                partial(number_offers, connection),
                partial(write_replies, connection, zone, now),
            ):
                try:
                    async with connection.transaction():
                        await step()
                except asyncpg.TransactionRollbackError as error:
                    log.info("halves_put_off", error=type(error).__name__)
        return True

    async def _find_waiting(self) -> dict[bytes, bool]:
        """The links that something passes over, and whether we have something to tell there."""
        rows = await self.pool.fetch(
            """
            SELECT referrals.link, bool_or(acked < seq) AS is_telling
            FROM referrals LEFT JOIN help_requests ON help_requests.number = request
            WHERE acked < seq OR outward AND status IN ('open', 'filled') GROUP BY referrals.link
            """
        )
        return {row["link"]: row["is_telling"] for row in rows}

    async def ask(self, link: Link) -> None:
        """Tell a neighbour what it does not know, and hear what it has to say. Raises PeerFault."""
        heard: Heard = ()
        halves = await self._unheard(link)
        for _ in range(EXCHANGES_MAX):
            nonce = self.entropy(NONCE_BYTES)
            answer = await self._post(link, self._make(REQUEST, link, nonce, heard, halves))
            heard = await self._take(link, answer)
            halves = await self._unheard(link)
            if not heard and not (answer.heard and any(halves)):
                return

    async def _post(self, link: Link, request: Referrals) -> Referrals:
        url = link.theirs.url.rstrip("/") + PATH
        wire = sign_referrals(request, self._secret)
        body = await post(self.session, url, wire, REFERRALS_BYTES_MAX)
        try:
            answer, signed, signature = read_referrals(body)
            expected = request._replace(
                part=ANSWER, sender=link.peer, receiver=link.circle, at=self.clock()
            )
            verify_referrals(answer, signed, signature, expected, link.theirs.link)
        except (InvalidSignature, MalformedObject) as error:
            raise PeerFault(f"its answer is not valid: {error}") from None
        return answer

    async def answer(self, body: bytes) -> bytes:
        """Answer a neighbour's request, after all that it brought is committed.

        Raises NotFound for a link that is not, MalformedObject, InvalidSignature.
        """
        request, signed, signature = read_referrals(body)
        link = self.writer.loaded.links.get(request.link)
        if link is None:
            raise NotFound("link of that id; is there an agreement?")
        expected = self._make(REQUEST, link, request.nonce, (), ((), ()))._replace(
            sender=link.peer, receiver=link.circle
        )
        verify_referrals(request, signed, signature, expected, link.theirs.link)
        heard = await self._take(link, request)
        turn = self._turns.setdefault(link.id, _Turn())
        turn.due, turn.delay = 0.0, ROUND_SECONDS  # it can be reached again
        halves = await self._unheard(link)
        answer = self._make(ANSWER, link, request.nonce, heard, halves)
        return sign_referrals(answer, self._secret)

    def _make(
        self,
        part: str,
        link: Link,
        nonce: bytes,
        heard: Heard,
        halves: tuple[tuple[bytes, ...], tuple[bytes, ...]],
    ) -> Referrals:
        return Referrals(part, link.id, link.circle, link.peer, nonce, self.clock(), heard, *halves)

    async def _unheard(self, link: Link) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """Our halves that the neighbour is not known to have: what we want, what we offer."""
        rows = await self.pool.fetch(
            """
            SELECT outward, half FROM (
                SELECT *, row_number() OVER (PARTITION BY outward ORDER BY random()) AS place
                FROM referrals WHERE link = $1 AND acked < seq AND half <> ''
            ) AS unheard WHERE place <= $2 ORDER BY number
            """,
            *(link.id, HALVES_MAX),
        )
        wants = tuple(row["half"] for row in rows if row["outward"])
        return wants, tuple(row["half"] for row in rows if not row["outward"])

    async def _take(self, link: Link, said: Referrals) -> Heard:
        """Take what a neighbour sent, and what it says it has; returns what was taken."""
        await self.pool.executemany(
            _HEARD,
            [
                (link.id, identity, is_want == 1, seq)
                for identity, is_want, seq in sorted(said.heard)
            ],
        )
        taken = [await self._apply(link, half, take, is_want=1) for half in said.wants]
        taken += [await self._apply(link, half, hear, is_want=0) for half in said.replies]
        return tuple(each for each in taken if each is not None)

    async def _apply(
        self, link: Link, half: bytes, act: _Act, *, is_want: int
    ) -> tuple[bytes, int, int] | None:
        """Act on one half; None where it has to come again. One that is none stops no other."""
        try:
            async with self.pool.acquire() as connection, connection.transaction():
                zone = await hold_circle_zone(connection)
                identity, newest = await act(connection, link, half, zone, self.clock())
        except _CAME_BETWEEN as error:
            log.info("referral_put_off", peer=link.id.hex()[:16], error=str(error))
            return None
        return identity, is_want, newest


# A neighbour that has a later half than we remember has it from before our records were lost: the
# next one that is written is later still.
_HEARD = f"""
    UPDATE referrals SET acked = greatest(acked, least($4, seq)),
        seq = greatest(seq, least($4, seq + {LOST_MAX})),
        half = CASE WHEN $4 > seq THEN '' ELSE half END
    WHERE link = $1 AND id = $2 AND outward = $3
"""
