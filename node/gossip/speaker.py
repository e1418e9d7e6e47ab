"""What this circle says of itself, and when; and whether its neighbours say the same about their
links with it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial

import structlog

from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation.agreement import link_id
from ledger.federation.gossip import due_number
from ledger.federation.gossip_envelope import PERIOD_MS, Bulletin, Envelope, parse_bulletin, seal
from ledger.federation.gossip_store import Store
from ledger.federation.link import Link
from node.connections import Pool
from node.gossip.bulletin import make_body, peers_statement
from node.gossip.mirror import check_mirror
from node.keyring import Keyring
from node.witness.cosigning import Cosigner
from node.work import PeerEvent, Stepped
from node.writer import Writer

QUIET_SECONDS = 3.0
"""A bulletin waits so long for another agreement: after it there is none for ten minutes."""
REPEAT_MS = 6 * 3600 * 1000
"""After which it is issued although nothing has changed: no ways are looked for in old ones."""

Shape = tuple[tuple[bytes, int, int, int, int, bool], ...]
"""What others have to know soon of the links: all but how much room is left on them."""

log = structlog.get_logger()


@dataclass(slots=True)
class Speaker:
    """Makes a circle's bulletins. ``address`` is where others reach its node.

    ``unchecked`` are neighbours whose newest bulletin has not yet been compared with our books.
    """

    writer: Writer
    pool: Pool
    cosigner: Cosigner
    keyring: Keyring
    address: str
    unchecked: set[bytes] = field(default_factory=set)
    _shape: Shape = ()
    _since: float = 0.0
    _issued: Shape | None = None
    _number: int = 0
    _agreed: tuple[bytes, ...] = ()
    _said: tuple[bytes, ...] = ()

    async def next_bulletin(self, store: Store, now: int) -> Envelope | None:
        """A bulletin that is due at ``now`` (Unix milliseconds) and has something to say, or None.

        A circle without a link has nobody to say it to, and needs its bulletin once it has one.
        """
        loaded = self.writer.loaded
        self._look(loaded.links.values())
        epoch = loaded.certificate.epoch
        number = due_number(store, epoch, now)
        if number is None or number <= self._number or not self._shape:
            return None
        if not self._has_reason(store[store.own].bulletin, now):
            return None
        if not self.writer.clock.is_believed(loaded.state.log_time):
            return None
        link_seed = self.keyring.link
        try:
            body = await make_body(self.pool, loaded, self.cosigner, self.address, link_seed)
            return seal(store.own, epoch, number, body, link_seed)
        except MalformedObject as error:
            log.error("bulletin_not_issued", reason=str(error))
            self.issued(number)
            return None

    def issued(self, number: int) -> None:
        """The bulletin of that period is durable; or there can be none."""
        self._issued, self._number, self._said = self._shape, number, self._agreed

    def _look(self, links: Collection[Link]) -> None:
        shape = tuple(sorted(_shape_of(link) for link in links if not link.left))
        if shape != self._shape:
            self._shape, self._since = shape, _now()
        self._agreed = tuple(sorted(link.agreed for link in links if not link.left))

    def _has_reason(self, held: Envelope | None, now: int) -> bool:
        if self._shape != self._issued:
            return _now() - self._since >= QUIET_SECONDS
        if held is None or now - held.issued >= REPEAT_MS:
            return True
        # All circles' periods begin together; what can wait is said by each at a time of its own.
        offset = int.from_bytes(held.issuer[:4], "big") % (PERIOD_MS // 2)
        if now % PERIOD_MS < offset:
            return False
        if self._agreed != self._said:  # a peer confirmed where a link stands after we had spoken
            return True
        bulletin = read_bulletin(held)
        return bulletin is None or _head(bulletin.checkpoint) != _head(
            self.writer.loaded.head.checkpoint.encode()
        )

    async def check_mirrors(self, store: Store) -> None:
        """Compare what neighbours say about our links with our books, in the writer's turn.

        Raises Frozen, Overloaded.
        """
        own = store.own
        while self.unchecked:
            circle = min(self.unchecked)
            link = self.writer.loaded.links.get(link_id(own, circle))
            wire = _statement_about(store[circle].bulletin, link)
            if link is not None and wire:
                step = partial(check_mirror, link.id, wire)
                [outcome] = await self.writer.submit([PeerEvent(step)])
                match outcome:
                    case Stepped(_, ""):
                        pass
                    case Stepped(_, fault):
                        log.error("peer_contradicted", peer=circle.hex()[:16], reason=fault)
                    case InvalidSignature() | MalformedObject() as error:
                        log.warning("statement_invalid", peer=circle.hex()[:16], reason=str(error))
            self.unchecked.discard(circle)


def _shape_of(link: Link) -> tuple[bytes, int, int, int, int, bool]:
    ours = link.ours
    limits = link.may_owe, link.may_be_owed
    return link.peer, ours.own, ours.linked, *limits, link.takes_payments


def _head(note: bytes) -> bytes:
    """A signed note without its signatures."""
    return note.partition(b"\n\n")[0]


def read_bulletin(envelope: Envelope) -> Bulletin | None:
    """What a bulletin says; None for one that is of no form known here."""
    try:
        return parse_bulletin(envelope.body)
    except MalformedObject:
        return None


def _statement_about(envelope: Envelope | None, link: Link | None) -> bytes:
    """What the peer signed about our link, out of its bulletin: [body, signature], or b""."""
    bulletin = read_bulletin(envelope) if envelope is not None else None
    if bulletin is None or link is None:
        return b""
    for position in bulletin.links:
        if position.peer == link.circle and position.statement:
            try:
                return peers_statement(link, position.statement)
            except MalformedObject as error:
                log.warning("statement_invalid", peer=link.peer.hex()[:16], reason=str(error))
    return b""


def _now() -> float:
    return asyncio.get_running_loop().time()
