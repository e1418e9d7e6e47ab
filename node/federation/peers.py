"""Exchanges with the circles that there is an agreement with: asking them, and answering them.

What a peer sends goes through the one writer, in its order; what it is answered is read from what
was committed. A link is asked when there is something that its peer has not acknowledged, when it
has to be heard first where the link stands, and now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import structlog

from ledger import keys
from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation.confirm import confirm
from ledger.federation.exchange import (
    EXCHANGE_BYTES_MAX,
    NONCE_BYTES,
    PATH,
    Exchange,
    read_exchange,
    sign_exchange,
    verify_exchange,
)
from ledger.federation.link import Link, statement_of
from ledger.federation.message import (
    RUN_MAX,
    Prepare,
    body_of,
    open_statement,
    read_message,
    sign_run,
    sign_statement,
)
from ledger.federation.payment import (
    payment_id,
)
from ledger.federation.resume import resume
from ledger.federation.step import Step
from ledger.state import State
from node import crash_points
from node.connections import Pool
from node.errors import Frozen, NotFound, Overloaded
from node.federation.messages import MessageReader
from node.federation.post import PeerFault, post
from node.federation.units import NeighbourUnits
from node.keyring import Keyring
from node.outbound import outbound
from node.work import PeerEvent, Stepped
from node.writer import DATABASE_AWAY, Writer

CONNECT_SECONDS_MAX = 5
ANSWER_SECONDS_MAX = 20
RETRY_SECONDS = 0.5
RETRY_SECONDS_MAX = 60.0
IDLE_SECONDS = 60.0
"""After which a peer is asked although there is nothing to say."""

ACKNOWLEDGE_SECONDS = 0.5
"""How long an acknowledgement may wait to go with something else."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Told:
    """What a peer was told last: our messages up to ``sent`` and that we have its up to
    ``received``, at a time of the loop's clock."""

    sent: int
    received: int
    at: float


NOTHING_TOLD = _Told(0, 0, 0.0)


@dataclass(frozen=True, slots=True)
class _Calls:
    """What ends the wait between two exchanges: the link ``changed`` here; or, for one that could
    not be reached, its peer was ``heard``."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Peers:
    """All exchanges of a circle. :meth:`run` is its one task; ``entropy`` gives random bytes."""

    writer: Writer
    pool: Pool
    clock: Callable[[], int]
    keyring: Keyring
    session: aiohttp.ClientSession
    entropy: Callable[[int], bytes]
    reached: dict[bytes, int] = field(default_factory=dict)
    units: NeighbourUnits = field(init=False)
    reader: MessageReader = field(init=False)
    _secret: bytes = field(init=False, repr=False)
    _told: dict[bytes, _Told] = field(default_factory=dict)
    _calls: dict[bytes, _Calls] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reader = MessageReader(self.pool, self.keyring.decision)
        self._secret = keys.expand(self.keyring.link)
        self.units = NeighbourUnits(self.session, self.clock)

    # --- asking -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Ask every peer whenever there is reason to, until cancelled."""
        asking: dict[bytes, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                self.writer.outbox.clear()
                for link_id in self.writer.loaded.links:
                    if link_id not in asking:
                        calls = self._calls[link_id] = _Calls()
                        asking[link_id] = group.create_task(self._keep_asking(link_id, calls))
                    self._calls[link_id].changed.set()
                await self.writer.outbox.wait()

    async def _keep_asking(self, link_id: bytes, calls: _Calls) -> None:
        delay = RETRY_SECONDS
        while True:
            calls.changed.clear()
            calls.heard.clear()
            call, wait = calls.changed, self._patience(link_id)
            try:
                if self._has_reason(link_id):
                    wanted = self._wanted(link_id)
                    await self.ask(link_id)
                    if wanted is not None and wanted == self._wanted(link_id):
                        # Its books differ: nothing comes of it, however often it is asked.
                        await asyncio.sleep(delay)
                        delay = min(2 * delay, RETRY_SECONDS_MAX)
                        continue
                    delay = RETRY_SECONDS
                    if self._has_reason(link_id):
                        continue
                    wait = self._patience(link_id)
            except PeerFault as fault:
                self._told.pop(link_id, None)
                log.info("peer_not_reached", peer=link_id.hex()[:16], reason=str(fault))
                call, wait = calls.heard, delay
                delay = min(2 * delay, RETRY_SECONDS_MAX)
            try:
                await asyncio.wait_for(call.wait(), wait)
                if call is calls.heard:  # it is there again, though it may not listen yet
                    delay = RETRY_SECONDS
                    await asyncio.sleep(delay)
            except TimeoutError:
                if wait == IDLE_SECONDS:
                    self.reached.pop(link_id, None)  # time to be heard of again

    def _wanted(self, link_id: bytes) -> tuple[bool, int] | None:
        """What a peer has to say: whether it is where the link stands, and from which message on
        that it has ours; None for nothing."""
        link = self.writer.loaded.links[link_id]
        is_unheard = link_id in self.writer.loaded.state.unconfirmed
        return (is_unheard, link.acked) if is_unheard or link.acked < link.sent.seq else None

    def _has_reason(self, link_id: bytes) -> bool:
        """Whether to ask a peer now."""
        link = self.writer.loaded.links.get(link_id)
        if link is None or link.status == "lost":
            return False
        if link_id in self.writer.loaded.state.unconfirmed or link_id not in self.reached:
            return True
        told = self._told.get(link_id, NOTHING_TOLD)
        if link.sent.seq > max(link.acked, told.sent):
            return True
        owing = link.acked < link.sent.seq or told.received < link.received.seq
        return owing and asyncio.get_running_loop().time() >= told.at + ACKNOWLEDGE_SECONDS

    def _patience(self, link_id: bytes) -> float:
        """How long to wait for something new: what was just told may be acknowledged beside the
        next payment, and so may what we were told."""
        link = self.writer.loaded.links.get(link_id)
        if link is None:
            return IDLE_SECONDS
        told = self._told.get(link_id, NOTHING_TOLD)
        owing = link.acked < link.sent.seq or told.received < link.received.seq
        return ACKNOWLEDGE_SECONDS if owing else IDLE_SECONDS

    async def ask(self, link_id: bytes) -> None:
        """One exchange with a peer, to its end. Raises PeerFault."""
        try:
            await self._ask(link_id)
        except (InvalidSignature, MalformedObject) as error:
            raise PeerFault(f"its answer is not valid: {error}") from None
        except (Frozen, Overloaded, *DATABASE_AWAY) as error:
            raise PeerFault(f"this node takes nothing now: {error}") from None
        self.reached[link_id] = self.clock()

    async def _ask(self, link_id: bytes) -> None:
        link = self.writer.loaded.links[link_id]
        nonce = self.entropy(NONCE_BYTES)
        if link_id in self.writer.loaded.state.unconfirmed:
            messages: tuple[tuple[bytes, bytes], ...] = ()  # first where the link stands
        else:
            messages = await self._unacknowledged(link)
        request = self._exchange("request", link, nonce, messages)
        crash_points.reach("ask-before")
        wire = sign_exchange(request, self._secret)
        url = link.theirs.url.rstrip("/") + PATH
        body = await post(self.session, url, wire, EXCHANGE_BYTES_MAX)
        crash_points.reach("ask-answered")
        answer, signed, signature = read_exchange(body)
        expected = request._replace(
            part="answer", sender=link.peer, receiver=link.circle, at=self.clock()
        )
        verify_exchange(answer, signed, signature, expected, link.theirs.link)
        await self._take(link, answer, is_answer=True)
        crash_points.reach("ask-taken")

    # --- answering ----------------------------------------------------------------------------

    async def answer(self, body: bytes) -> bytes:
        """Answer a peer's request, after all that it brought is committed.

        Raises NotFound for a link that is not, MalformedObject, InvalidSignature, Frozen,
        Overloaded.
        """
        request, signed, signature = read_exchange(body)
        link = self.writer.loaded.links.get(request.link)
        if link is None:
            raise NotFound("link of that id; is there an agreement?")
        expected = Exchange(
            *("request", link.id, link.peer, link.circle, request.nonce, self.clock(), b"", ())
        )
        verify_exchange(request, signed, signature, expected, link.theirs.link)
        crash_points.reach("asked-before")
        await self._take(link, request, is_answer=False)
        crash_points.reach("asked-taken")
        if link.id in self._calls:
            self._calls[link.id].heard.set()
        link = self.writer.loaded.links[link.id]
        silent = link.status == "lost" or link.id in self.writer.loaded.state.unconfirmed
        messages = () if silent else await self._unacknowledged(link)
        answer = self._exchange("answer", link, request.nonce, messages)
        crash_points.reach("asked-answered")
        return sign_exchange(answer, self._secret)

    # --- both ---------------------------------------------------------------------------------

    def _exchange(
        self, part: str, link: Link, nonce: bytes, messages: tuple[tuple[bytes, bytes], ...]
    ) -> Exchange:
        statement = sign_statement(statement_of(link), self._secret)
        told = self._told.get(link.id, NOTHING_TOLD)
        sent = max(told.sent, link.acked + len(messages))
        now = asyncio.get_running_loop().time()
        self._told[link.id] = _Told(sent, link.received.seq, now)
        return Exchange(
            part, link.id, link.circle, link.peer, nonce, self.clock(), statement, messages
        )

    async def _unacknowledged(self, link: Link) -> tuple[tuple[bytes, bytes], ...]:
        """Our committed messages that the peer is not known to have, each with what is sealed."""
        if link.acked >= link.sent.seq:
            return ()
        rows = await self.pool.fetch(
            """
            SELECT wire FROM link_messages
            WHERE link = $1 AND sent AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4
            """,
            link.id,
            link.acked,
            link.sent.seq,
            RUN_MAX,
        )
        wires = [row["wire"] for row in rows]
        contents = [read_message(body_of(wire))[1] for wire in wires]
        payments = [
            payment_id(content.header) if isinstance(content, Prepare) else None
            for content in contents
        ]
        sealed = await self._sealed([payment for payment in payments if payment])
        return tuple(
            (wire, sealed.get(payment, b"") if payment else b"")
            for wire, payment in zip(sign_run(wires, self._secret), payments, strict=True)
        )

    async def _sealed(self, payments: list[bytes]) -> dict[bytes, bytes]:
        if not payments:
            return {}
        rows = await self.pool.fetch(
            "SELECT payment, sealed FROM transits WHERE payment = ANY($1)", payments
        )
        return {row["payment"]: row["sealed"] for row in rows}

    async def _take(self, link: Link, exchange: Exchange, *, is_answer: bool) -> None:
        """Have the writer take what a peer sent: its statement, before and after its messages."""
        theirs = open_statement(exchange.statement, link.theirs.link)
        was_unheard = False  # which the writer may come to be only when it decides this

        def state_position(state: State, now: int) -> Step:
            nonlocal was_unheard
            was_unheard = link.id in state.unconfirmed
            return confirm(state, link.id, theirs, exchange.statement, now)

        def go_on(state: State, now: int) -> Step:
            if not was_unheard or link.id in state.unconfirmed:
                return Step()
            return resume(state, link.id, exchange.statement, now)

        events = [PeerEvent(state_position, confirms=link.id if is_answer else b"")]
        if is_answer:
            events.append(PeerEvent(go_on))
        events += await self.reader.read(link, exchange.messages, exchange.statement)
        if exchange.messages:
            events.append(PeerEvent(state_position))
        outcomes = await self.writer.submit(events)
        for outcome in outcomes:
            if isinstance(outcome, Stepped) and outcome.fault:
                log.warning("peer_contradicted", peer=link.id.hex()[:16], reason=outcome.fault)
            elif isinstance(outcome, MalformedObject | Frozen):
                raise outcome
        if self.writer.loaded.links[link.id].status == "frozen" != link.status:
            log.error("peer_frozen", circle=link.peer.hex(), proof="tallyd peer evidence")


@asynccontextmanager
async def open_peers(
    writer: Writer,
    pool: Pool,
    clock: Callable[[], int],
    keyring: Keyring,
    entropy: Callable[[int], bytes],
    own_url: str,
) -> AsyncIterator[Peers]:
    """The exchanges of a circle that is reached at ``own_url``, for as long as the body."""
    async with outbound(
        own_url, seconds=ANSWER_SECONDS_MAX, connect_seconds=CONNECT_SECONDS_MAX
    ) as session:
        yield Peers(writer, pool, clock, keyring, session, entropy)
