"""Gossip with the circles that there is an agreement with (protocol.md, "Gossip").

The core, ``ledger.federation.gossip``, decides; here its effects are done in their order: nothing
is sent or answered before all that it came from is durable, one step after the other. A neighbour
is met at random now and then, and soon when there is something that it may not know.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import prometheus_client
import structlog
from prometheus_client import CollectorRegistry, Gauge

from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation import gossip
from ledger.federation.exchange import NONCE_BYTES
from ledger.federation.gossip import (
    Effect,
    Event,
    Meet,
    Persist,
    Pin,
    Publish,
    Receive,
    Refuse,
    Reply,
    Send,
)
from ledger.federation.gossip_envelope import announce
from ledger.federation.gossip_items import Kind
from ledger.federation.gossip_meeting import (
    MEETING_BYTES_MAX,
    PATH,
    Said,
    read_said,
    sign_said,
    verify_said,
)
from ledger.federation.gossip_store import Store
from ledger.federation.link import Link
from node import crash_points
from node.connections import Pool
from node.errors import Frozen, NotFound, Overloaded
from node.federation.peers import Peers
from node.federation.post import PeerFault, post
from node.gossip.allowances import Allowances
from node.gossip.neighbours import NeighbourLinks
from node.gossip.records import restore_store, save
from node.gossip.routes import Directory
from node.gossip.speaker import Speaker
from node.witness.cosigning import Cosigner
from node.writer import DATABASE_AWAY, Writer

TICK_SECONDS = 0.5
MEET_SECONDS = 30.0
"""Between two meetings with neighbours drawn at random, give or take a quarter."""
WAIT_SECONDS = 5.0
"""While the database is away."""
PAUSE_SECONDS = 1.0
"""Between two meetings with the same neighbour, whatever there is to tell."""
RETRY_SECONDS_MAX = 300.0
ROUNDS_MAX = 16
"""Messages of ours in one exchange: prefixes of items have as many digits."""
EXCHANGES_MAX = 32
"""In one meeting: a neighbour that always has more has to wait for the next."""

UNAVAILABLE = (Frozen, Overloaded, *DATABASE_AWAY)

log = structlog.get_logger()


@dataclass(slots=True)
class Gossip:
    """What is known of all circles. :meth:`run` is its one task; made by :func:`open_gossip`."""

    writer: Writer
    pool: Pool
    peers: Peers
    speaker: Speaker
    store: Store
    clock: Callable[[], int]
    meetings: prometheus_client.Counter
    neighbours: NeighbourLinks
    directory: Directory = field(default_factory=Directory)
    allowances: Allowances = field(default_factory=Allowances)
    _step: asyncio.Lock = field(default_factory=asyncio.Lock)
    _in_doubt: bool = False
    _links: object = None
    _untold: set[bytes] = field(default_factory=set)
    _busy: set[bytes] = field(default_factory=set)
    _unmet: set[bytes] = field(default_factory=set)
    _may_speak: bool = False
    _failures: dict[bytes, int] = field(default_factory=dict)
    _again: dict[bytes, float] = field(default_factory=dict)
    _next_meeting: float = 0.0

    # --- one step after the other -----------------------------------------------------------------

    async def take(self, event: Event) -> list[Effect]:
        """Have the core take an event, and make durable what came of it.

        Raises MalformedObject and InvalidSignature, and then nothing has changed; and the
        database's errors, after which the store is read afresh.
        """
        async with self._step:
            if self._in_doubt:
                self.store = await restore_store(self.pool, self.store.own, self.store.pinned)
                self._in_doubt = False
            effects = gossip.step(self.store, event, self.clock())
            try:
                await save(self.pool, effects)
            except BaseException:
                self._in_doubt = True
                raise
        self._tell(effects)
        return effects

    def _tell(self, effects: Iterable[Effect]) -> None:
        refused = Counter[str]()
        for effect in effects:
            match effect:
                case Persist(Kind.CONFLICT, circle):
                    log.error("circle_contradicts_itself", circle=circle.hex())
                case Persist(Kind.BULLETIN, circle) if circle in self.store.pinned:
                    self.speaker.unchecked.add(circle)
                case Refuse(_, reason):
                    refused[str(reason)] += 1
                case _:
                    pass
        for why, count in refused.items():
            log.info("gossip_not_taken", reason=why, count=count)

    def _spread(self, effects: Iterable[Effect], source: bytes) -> bool:
        """Tell the other neighbours soon of what is new. Whether anything is."""
        if not any(isinstance(effect, Persist) for effect in effects):
            return False
        self._untold |= self._neighbours().keys() - {source}
        return True

    def _neighbours(self) -> dict[bytes, Link]:
        links = self.writer.loaded.links.values()
        return {link.peer: link for link in links if not link.left}

    # --- answering --------------------------------------------------------------------------------

    async def answer(self, body: bytes) -> bytes:
        """Answer a neighbour's message, after all that it brought is durable; b"" says nothing.

        Raises NotFound for a circle without an agreement, MalformedObject, InvalidSignature,
        Overloaded.
        """
        said, signed, signature = read_said(body)
        link = self._neighbours().get(said.sender)
        if link is None:
            raise NotFound("agreement with the circle that sends this")
        now = self.clock()
        expected = Said("gossip-request", link.peer, said.nonce, now, b"")
        verify_said(said, signed, signature, expected, link.circle, link.theirs.link)
        self.allowances.take(link.peer, len(body), _now())
        crash_points.reach("met-before")
        effects = await self.take(Receive(said.message))
        crash_points.reach("met-taken")
        if self._failures.pop(link.peer, 0):  # it is there again, though it may not listen yet
            self._again[link.peer] = _now() + PAUSE_SECONDS
        self._spread(effects, link.peer)
        message, wire = _message_of(effects), b""
        if message:
            answer = Said("gossip-answer", link.circle, said.nonce, now, message)
            wire = sign_said(answer, link.peer, self.peers.keyring.link)
        crash_points.reach("met-answered")
        return wire

    # --- meeting ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Meet neighbours and say what is new of this circle, until cancelled."""
        self._unmet = set(self._neighbours())
        self._untold |= self._unmet
        self._may_speak = not self._unmet
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    await self._look_around()
                except UNAVAILABLE as error:
                    log.warning("gossip_waits", error=type(error).__name__)
                    await asyncio.sleep(WAIT_SECONDS)
                partner = self._choose()
                if partner is not None:
                    self._busy.add(partner.peer)
                    group.create_task(self._meet(partner))
                await asyncio.sleep(TICK_SECONDS)

    async def _look_around(self) -> None:
        """Notice new neighbours, issue a bulletin if there is one due, check theirs about us."""
        links = self.writer.loaded.links
        if links is not self._links:
            neighbours = self._neighbours().keys()
            if neighbours != self.store.pinned - {self.store.own}:
                self._untold |= neighbours - self.store.pinned
                await self.take(Pin(frozenset(neighbours)))
            self._links = links
        # Who was restored from a backup may have said something else in this very period; whom
        # nobody answers does not know, and would not be heard either; nor who has left since.
        if self._may_speak and not self._unmet & self._neighbours().keys():
            await self._speak()
        if self.writer.frozen is None:
            await self.speaker.check_mirrors(self.store)

    async def _speak(self) -> None:
        """Issue a bulletin if one is due, and make it durable before it is told."""
        envelope = await self.speaker.next_bulletin(self.store, self.clock())
        if envelope is None:
            return
        crash_points.reach("bulletin-before")
        try:
            effects = await self.take(Publish((envelope.data,)))
            crash_points.reach("bulletin-after")
            self._spread(effects, b"")
        except InvalidSignature:
            log.error("own_keys_disputed", reason="another certificate of this circle is known")
        self.speaker.issued(envelope.seq)

    def _choose(self) -> Link | None:
        """Whom to meet now: who may not know what we know, else now and then anybody."""
        now = _now()
        free = {
            peer: link
            for peer, link in sorted(self._neighbours().items())
            if peer not in self._busy and self._again.get(peer, 0.0) <= now
        }
        circles = [peer for peer in free if peer in self._untold]
        if not circles and now >= self._next_meeting:
            circles = list(free)
        if not circles:
            return None
        self._next_meeting = now + MEET_SECONDS * (0.75 + self._draw() / 2**65)
        partner = gossip.choose_partner(circles, self._draw())
        return free[partner]

    def _draw(self) -> int:
        return int.from_bytes(self.peers.entropy(8), "big")

    async def _meet(self, link: Link) -> None:
        """Exchange with a neighbour until that brings nothing new. Failures are told."""
        peer = link.peer
        self._untold.discard(peer)
        pause = PAUSE_SECONDS
        try:
            for _ in range(EXCHANGES_MAX):
                if not await self._exchange(link):
                    break
            self._failures.pop(peer, None)
            self._may_speak = True
            self.meetings.labels("well").inc()
        except (PeerFault, InvalidSignature, MalformedObject, *UNAVAILABLE) as error:
            failures = self._failures[peer] = self._failures.get(peer, 0) + 1
            pause = min(RETRY_SECONDS_MAX, 2.0 ** min(failures, 20)) * (0.5 + self._draw() / 2**64)
            self._untold.add(peer)
            self.meetings.labels("failed").inc()
            log.info("gossip_failed", peer=peer.hex()[:16], reason=str(error), failures=failures)
        finally:
            self._again[peer] = _now() + pause
            self._busy.discard(peer)
            self._unmet.discard(peer)

    async def _exchange(self, link: Link) -> bool:
        """One exchange to its end; whether it brought something, so that there may be more."""
        message = _message_of(await self.take(Meet(link.peer)))
        brought = False
        for _ in range(ROUNDS_MAX):
            answer = await self._ask(link, message)
            if not answer:
                break
            effects = await self.take(Receive(answer))
            crash_points.reach("meet-taken")
            brought |= self._spread(effects, link.peer)
            message = _message_of(effects)
            if not message:
                break
        return brought

    async def _ask(self, link: Link, message: bytes) -> bytes:
        """The message with which a neighbour answers ours, or b"". Raises PeerFault."""
        nonce = self.peers.entropy(NONCE_BYTES)
        request = Said("gossip-request", link.circle, nonce, self.clock(), message)
        wire = sign_said(request, link.peer, self.peers.keyring.link)
        url = link.theirs.url.rstrip("/") + PATH
        crash_points.reach("meet-before")
        body = await post(self.peers.session, url, wire, MEETING_BYTES_MAX)
        crash_points.reach("meet-answered")
        if not body:
            return b""
        answer, signed, signature = read_said(body)
        expected = Said("gossip-answer", link.peer, nonce, self.clock(), b"")
        verify_said(answer, signed, signature, expected, link.circle, link.theirs.link)
        return answer.message


def _message_of(effects: Iterable[Effect]) -> bytes:
    """What is to be sent, or b""."""
    for effect in effects:
        if isinstance(effect, Send | Reply):
            return effect.message
    return b""


def _now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def open_gossip(
    peers: Peers, cosigner: Cosigner, address: str, registry: CollectorRegistry
) -> AsyncIterator[Gossip]:
    """What a circle knows of others, restored, with its own announcement in it.

    ``address`` is where others reach its node.
    """
    writer, pool, keyring = peers.writer, peers.pool, peers.keyring
    loaded = writer.loaded
    speaker = Speaker(writer, pool, cosigner, keyring, address)
    pinned = [link.peer for link in loaded.links.values() if not link.left]
    store = await restore_store(pool, loaded.state.circle, pinned)
    meetings = prometheus_client.Counter(
        "tallystick_gossip_meetings", "Meetings begun, by outcome.", ["outcome"], registry=registry
    )
    neighbours = NeighbourLinks(peers.session, peers.clock)
    found = Gossip(writer, pool, peers, speaker, store, peers.clock, meetings, neighbours)
    known = Gauge("tallystick_gossip_circles", "Circles that are known.", registry=registry)
    known.set_function(lambda: len(found.store))
    conflicts = Gauge(
        "tallystick_gossip_conflicts",
        "Circles that signed two versions of one statement.",
        registry=registry,
    )
    conflicts.set_function(lambda: sum(1 for _ in found.store.conflicts()))
    charter = loaded.charter
    own = announce(charter.identity, charter.certificate, charter.signature, keyring.link)
    await found.take(Publish((own.data,)))
    yield found
