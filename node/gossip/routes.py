"""The links that payments can go over: our own as they are, others' as both sides show them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ledger import codec
from ledger.amount import Unit, UnitKind
from ledger.charter import origin_of
from ledger.errors import InvalidAmount, MalformedObject
from ledger.federation.agreement import Party
from ledger.federation.gossip_envelope import (
    Bulletin,
    Envelope,
    LinkPosition,
    open_announcement,
    parse_announcement,
)
from ledger.federation.gossip_store import Known, Store
from ledger.federation.link import Link
from ledger.federation.routes import Edge
from node.errors import WitnessUnusable
from node.federation.agreements import Identity
from node.gossip.speaker import read_bulletin
from node.witness.client import check_url

AGE_MS_MAX = 24 * 3600 * 1000
"""No way is looked for over a link of which the newest that is known is older."""
REMEMBERED_MAX = 4096
_CERTIFICATE_BYTES_MAX = 1024

Edges = Callable[[bytes], Iterable[Edge]]


@dataclass(frozen=True, slots=True)
class KnownCircle:
    """A circle that is no neighbour: its keys, and what proves them.

    ``url`` and ``unit`` are its own word; "" and None where it gives none.
    """

    circle: bytes
    address: str
    url: str
    who: Identity
    decision: bytes
    unit: Unit | None


@dataclass(slots=True)
class Directory:
    """What the envelopes of a store say, taken apart once."""

    _addresses: dict[bytes, tuple[bytes, str]] = field(default_factory=dict)
    _bulletins: dict[bytes, Bulletin | None] = field(default_factory=dict)

    def address(self, circle: bytes, known: Known) -> str:
        """The address that a circle announces, or "". It is its own word alone."""
        announcement = known.announcement
        if announcement is None:
            return ""
        remembered = self._addresses.get(circle)
        if remembered is None or remembered[0] != announcement.id:
            remembered = announcement.id, _read_address(announcement)
            self._addresses[circle] = remembered
        return remembered[1]

    def bulletin(self, known: Known) -> Bulletin | None:
        """A circle's newest bulletin, if it is of a form that is known here."""
        envelope = known.bulletin
        if envelope is None:
            return None
        if envelope.id not in self._bulletins:
            if len(self._bulletins) >= REMEMBERED_MAX:
                self._bulletins.clear()
            self._bulletins[envelope.id] = read_bulletin(envelope)
        return self._bulletins[envelope.id]

    def find(self, store: Store, to: str) -> KnownCircle | None:
        """The circle at the address ``to``, or of that id (hexadecimal), if its keys are certain.

        Of several that claim an address the one nearest to us is meant, and none where two are as
        near: anybody can claim one.
        """
        for circle in self._addresses.keys() - store:
            del self._addresses[circle]
        claiming = [
            circle
            for circle in store
            if circle != store.own
            and (circle.hex() == to or self.address(circle, store[circle]) == to)
            and not _is_over(store[circle])
        ]
        nearest = min(map(store.distance, claiming), default=0)
        near = [circle for circle in claiming if store.distance(circle) == nearest]
        return self._describe(near[0], store[near[0]]) if len(near) == 1 else None

    def _describe(self, circle: bytes, known: Known) -> KnownCircle | None:
        if known.announcement is None:
            return None
        identity, certificate, signature = parse_announcement(known.announcement)
        address = self.address(circle, known)
        who = Identity(identity, certificate, signature, address or circle.hex())
        decision = open_announcement(known.announcement).decision
        said = self.bulletin(known)
        url, unit = (_read_url(said), _read_unit(said)) if said else ("", None)
        return KnownCircle(circle, address, url, who, decision, unit)

    def edges(
        self,
        store: Store,
        links: Iterable[Link],
        now: int,
        fresh: Mapping[bytes, Iterable[Edge]] | None = None,
    ) -> Edges:
        """The links that lead out of a circle, for :func:`ledger.federation.routes.find_ways`.

        ``links`` are our own. Those between others count as far as both say so, in bulletins of the
        last day; but those of a circle in ``fresh`` are as they are there.
        """
        shown: dict[bytes, dict[bytes, LinkPosition]] = {}

        def positions(circle: bytes) -> dict[bytes, LinkPosition]:
            if circle not in shown:
                shown[circle] = self._positions(store[circle], now)
            return shown[circle]

        def edges(here: bytes) -> Iterator[Edge]:
            if here == store.own:
                yield from map(own_edge, links)
                return
            if fresh is not None and here in fresh:
                yield from fresh[here]
                return
            for there, position in positions(here).items():
                back = positions(there).get(here) if there != store.own else None
                if back is not None and (room := min(position.outward, back.inward)):
                    yield Edge(_party(here, position), _party(there, back), room)

        return edges

    def _positions(self, known: Known, now: int) -> dict[bytes, LinkPosition]:
        envelope = known.bulletin
        if envelope is None or now - envelope.issued > AGE_MS_MAX:
            return {}
        if known.is_convicted(envelope.epoch):
            return {}
        bulletin = self.bulletin(known)
        return {position.peer: position for position in bulletin.links} if bulletin else {}


def own_edge(link: Link) -> Edge:
    """A link of ours, in the direction away from us."""
    room = min(link.room_out, link.terms.hold_max) if link.takes_payments else 0
    return Edge(link.ours, link.theirs, room)


def _party(circle: bytes, position: LinkPosition) -> Party:
    own, linked = position.numerator, position.denominator
    return Party(circle, "", b"", b"", "", own, linked, 0)


def _read_url(said: Bulletin) -> str:
    try:
        return check_url(said.endpoint)
    except WitnessUnusable:
        return ""


def _read_unit(said: Bulletin) -> Unit | None:
    name, plural = said.unit.name.decode(), said.unit.plural.decode()
    try:
        return Unit(name, plural, UnitKind(said.unit.kind), said.unit.scale)
    except InvalidAmount:
        return None


def _is_over(known: Known) -> bool:
    return known.announcement is None or known.is_over(known.announcement.epoch)


def _read_address(announcement: Envelope) -> str:
    """Out of the certificate, which was verified when the announcement was taken."""
    try:
        _, certificate, _ = parse_announcement(announcement)
        fields = codec.unpack(certificate, _CERTIFICATE_BYTES_MAX, "certificate")
    except MalformedObject:
        return ""
    address = str(fields[2]).partition("/")[0]
    return address if fields[2] == origin_of(address, fields[0], fields[1]) else ""
