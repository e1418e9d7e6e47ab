"""What a circle keeps of other circles' gossip, and what it lets go when there is too much.

Of each circle it keeps the announcement with the greatest epoch, of that epoch the bulletin with
the greatest number, and a conflict if there is one. So two stores that were shown the same
envelopes, in whatever order and however often, come to hold the same: each kind is a join of
versions. Time decides about three things only, and each for a while: a bulletin of a period that
begins more than 15 minutes from now is not taken yet; a circle changes its epoch at most once in
ten minutes; and a full store weighs who has been silent.

**Who has a place.** Anyone can make thousands of circles in a second, so a place is worth what
stands behind it. The circles that we have agreements with (and we ourselves) come first; then
those that have a link with one of these, by its own newest bulletin; then strangers. Someone who
comes to a full store takes the place of one further away, never of one as near; only a stranger who
has been silent for a week gives way to a stranger who has not. So thousands of invented circles
push out none but strangers gone silent, and a dishonest neighbour can vouch for no more of them
than its bulletin has links.

An announcement with another certificate for the same epoch leaves nobody knowing which keys are
the circle's: the epoch is over, its bulletins are dropped, and the next epoch begins anew. A
conflict of a later epoch than the one known proves that the known one is over too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from ledger.errors import MalformedObject
from ledger.federation import gossip_envelope as envelopes
from ledger.federation.gossip_envelope import (
    ENVELOPE_BYTES_MAX,
    PERIOD_MS,
    Conflict,
    Envelope,
    encode_conflict,
    period_of,
)
from ledger.federation.gossip_items import ItemSet, Kind, Name, key_of, make_item

AHEAD_MS_MAX = 15 * 60 * 1000
SILENT_PERIODS = 7 * 24 * 6
"""After a week a stranger's place is free for another."""


class Reason(StrEnum):
    """Why something genuine was not taken. The partner who passed it on is not to blame."""

    EARLY = "its period begins more than 15 minutes from now"
    HASTY = "its circle began another epoch less than ten minutes ago"
    KEYLESS = "no announcement of its epoch is known here"
    OVER = "two certificates exist for its epoch, or a conflict in a later one"
    FULL = "there is no room for a circle so far away"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many circles a store holds, and how many bytes of envelopes."""

    circles: int = 10_000
    octets: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of one circle.

    ``link_key`` is the announcement's, or b"". ``since`` is when the announcement's epoch was first
    heard of, by our own clock (Unix milliseconds).
    """

    announcement: Envelope | None = None
    bulletin: Envelope | None = None
    conflict: Conflict | None = None
    link_key: bytes = b""
    since: int = 0

    def records(self) -> Iterator[tuple[Kind, tuple[int, int], bytes]]:
        """Kind, version and bytes of each record."""
        if self.announcement:
            yield Kind.ANNOUNCEMENT, self.announcement.version, self.announcement.data
        if self.bulletin:
            yield Kind.BULLETIN, self.bulletin.version, self.bulletin.data
        if self.conflict:
            yield Kind.CONFLICT, self.conflict.version, encode_conflict(self.conflict)

    def record(self, kind: Kind) -> bytes:
        """The bytes of a record that there is."""
        return next(data for each, _, data in self.records() if each is kind)

    @property
    def number(self) -> int:
        """The newest bulletin's, 0 without one."""
        return self.bulletin.seq if self.bulletin else 0

    def is_convicted(self, epoch: int) -> bool:
        """Whether it signed two versions of one statement in that epoch or a later one."""
        return self.conflict is not None and self.conflict.version >= (epoch, 0)

    def is_over(self, epoch: int) -> bool:
        """Whether there are two certificates for that epoch, or proof of a later one."""
        return self.conflict is not None and self.conflict.version >= (epoch, 1)

    def is_hasty(self, epoch: int, now: int) -> bool:
        """Whether a beginning of that epoch comes too soon after that of another."""
        held = self.announcement
        return held is not None and epoch > held.epoch and now - self.since < PERIOD_MS

    def is_open_to(self, kind: int, epoch: int, now: int) -> bool:
        """Whether a newer record of that kind and epoch could be taken."""
        if kind == Kind.CONFLICT:
            return True
        return not self.is_hasty(epoch, now) and not (kind == Kind.BULLETIN and self.is_over(epoch))


Verdict = Known | Reason | None
"""What is kept from now on, why something was not taken, or nothing new."""


class Store:
    """All that is known, of bounded size. Everything in it has been verified.

    ``own`` is our circle's id, ``pinned`` are the ids of the circles that we have agreements with.
    """

    def __init__(self, own: bytes, pinned: Iterable[bytes], limits: Limits) -> None:
        self.own = own
        self.limits = limits
        self.items = ItemSet()
        self.octets = 0
        self._circles: dict[bytes, Known] = {}
        self._nearest: frozenset[bytes] = frozenset()
        self._acquaintances: dict[bytes, frozenset[bytes]] = {}
        self._near: frozenset[bytes] = frozenset()
        self._near_keys: frozenset[bytes] | None = None
        self.pin(pinned)

    def __len__(self) -> int:
        return len(self._circles)

    def __getitem__(self, circle: bytes) -> Known:
        """What is known of a circle: nothing, of one never heard of."""
        return self._circles.get(circle, _NOTHING)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._circles)

    def __contains__(self, circle: bytes) -> bool:
        return circle in self._circles

    @property
    def pinned(self) -> frozenset[bytes]:
        """We ourselves, and whom we have an agreement with."""
        return self._nearest

    def conflicts(self) -> Iterator[Conflict]:
        """The proofs against circles that signed two versions of one statement."""
        return (known.conflict for known in self._circles.values() if known.conflict)

    def pin(self, pinned: Iterable[bytes]) -> None:
        """From now on these are the circles that we have agreements with."""
        self._nearest = frozenset((self.own, *pinned))
        self._acquaintances = {circle: _peers(self[circle].bulletin) for circle in self._nearest}
        self._find_near()

    def distance(self, circle: bytes) -> int:
        """0: ourselves and whom we have an agreement with; 1: whom these have a link with; 2."""
        return 2 - (circle in self._near) - (circle in self._nearest)

    def near_keys(self) -> frozenset[bytes]:
        """The keys of the items of circles at a distance of 0 or 1."""
        if self._near_keys is None:
            self._near_keys = frozenset(
                key_of(kind, circle) for circle in self._near for kind in Kind
            )
        return self._near_keys

    def put(self, circle: bytes, known: Known) -> None:
        """Keep this of the circle in place of what was kept."""
        before = self[circle]
        gone, come = items_of(circle, before), items_of(circle, known)
        self.items.exchange(
            [item for item in gone if item not in come],
            [pair for pair in come.items() if pair[0] not in gone],
        )
        self.octets += size_of(known) - size_of(before)
        if known == _NOTHING:
            self._circles.pop(circle, None)
        else:
            self._circles[circle] = known
        if circle in self._nearest and known.bulletin is not before.bulletin:
            self._acquaintances[circle] = _peers(known.bulletin)
            self._find_near()

    def _find_near(self) -> None:
        self._near = self._nearest.union(*self._acquaintances.values())
        self._near_keys = None


_NOTHING = Known()


def restore(
    own: bytes, pinned: Iterable[bytes], limits: Limits, rows: Iterable[tuple[Kind, bytes]]
) -> Store:
    """The store as it was persisted: the bytes of every record, in any order.

    They were verified before they were kept. Raises MalformedObject when they are damaged.
    """
    found: dict[bytes, Known] = {}
    for kind, data in rows:
        if kind is Kind.CONFLICT:
            conflict = envelopes.parse_conflict(data)
            circle = conflict.first.issuer
            found[circle] = replace(found.get(circle, _NOTHING), conflict=conflict)
            continue
        envelope = envelopes.parse_envelope(data)
        known = found.get(envelope.issuer, _NOTHING)
        if kind is Kind.BULLETIN:
            known = replace(known, bulletin=envelope)
        else:
            link_key = envelopes.open_announcement(envelope).link
            known = replace(known, announcement=envelope, link_key=link_key)
        found[envelope.issuer] = known
    store = Store(own, pinned, limits)
    for circle, known in found.items():
        store.put(circle, known)
    return store


def _peers(bulletin: Envelope | None) -> frozenset[bytes]:
    try:
        return frozenset(
            link.peer
            for link in (envelopes.parse_bulletin(bulletin.body).links if bulletin else ())
        )
    except MalformedObject:
        # A bulletin is passed on whatever is in it: it may be of a later version of this protocol.
        return frozenset()


def size_of(known: Known) -> int:
    return sum(len(data) for _, _, data in known.records())


def items_of(circle: bytes, known: Known) -> dict[bytes, Name]:
    """The items by which others learn what is known here."""
    items = {}

    def add(kind: Kind, version: tuple[int, int], envelope_id: bytes) -> None:
        items[make_item(kind, circle, version, envelope_id)] = (kind, circle)

    if held := known.announcement:
        add(Kind.ANNOUNCEMENT, held.version, b"" if known.is_over(held.epoch) else held.id)
    if held := known.bulletin:
        add(Kind.BULLETIN, held.version, b"" if known.is_convicted(held.epoch) else held.id)
    if known.conflict:
        add(Kind.CONFLICT, known.conflict.version, b"")
    return items


# --- what one more record makes of a circle -------------------------------------------------------


def is_early(kind: int, version: tuple[int, int], now: int) -> bool:
    """Whether it is a bulletin of a period that begins too far ahead of our clock."""
    return kind == Kind.BULLETIN and version[1] * PERIOD_MS > now + AHEAD_MS_MAX


def take_announcement(known: Known, envelope: Envelope, now: int) -> Verdict:
    """Judge and verify; one held already, or older, is not verified again.

    Raises MalformedObject, InvalidSignature when it does not prove itself.
    """
    held = known.announcement
    if held is None:
        link_key = envelopes.open_announcement(envelope).link
        return replace(known, announcement=envelope, link_key=link_key, since=now)
    if envelope.epoch < held.epoch or envelope.id == held.id:
        return None
    if envelope.epoch == held.epoch:
        if known.is_over(envelope.epoch):
            return None
        envelopes.open_announcement(envelope)
        return replace(known, bulletin=None, conflict=_conflict(None, held, envelope))
    if known.is_hasty(envelope.epoch, now):
        return Reason.HASTY
    link_key = envelopes.open_announcement(envelope).link
    return replace(known, announcement=envelope, bulletin=None, link_key=link_key, since=now)


def take_bulletin(known: Known, envelope: Envelope, now: int) -> Verdict:
    """Judge and verify; one held already, or older, is not verified again.

    Raises InvalidSignature.
    """
    announcement, held = known.announcement, known.bulletin
    if held and (envelope.version < held.version or envelope.id == held.id):
        return None
    if announcement and envelope.epoch < announcement.epoch:
        return None
    if is_early(Kind.BULLETIN, envelope.version, now):
        return Reason.EARLY
    if known.is_over(envelope.epoch):
        return Reason.OVER
    if announcement is None or announcement.epoch != envelope.epoch:
        return Reason.KEYLESS
    is_other = held is not None and held.version == envelope.version
    if is_other and known.is_convicted(envelope.epoch):
        return None
    envelopes.verify_envelope(envelope, known.link_key)
    if held and is_other:
        return replace(known, conflict=_conflict(announcement, held, envelope))
    return replace(known, bulletin=envelope)


def _conflict(announcement: Envelope | None, one: Envelope, other: Envelope) -> Conflict:
    first, second = sorted((one, other), key=lambda envelope: envelope.id)
    return Conflict(announcement, first, second)


def take_conflict(known: Known, conflict: Conflict) -> Verdict:
    """Judge and verify: one is enough for an epoch, and the newest epoch's is kept.

    Raises MalformedObject, InvalidSignature.
    """
    if known.conflict and known.conflict.version >= conflict.version:
        return None
    envelopes.verify_conflict(conflict)
    known = replace(known, conflict=conflict)
    over = known.bulletin is not None and known.is_over(known.bulletin.epoch)
    return replace(known, bulletin=None) if over else known


# --- room -----------------------------------------------------------------------------------------


class Room:
    """Makes room in a store for a number of circles at a time: whom it asks to go, it asks once."""

    def __init__(self, store: Store, now: int) -> None:
        self._store = store
        self._silent_before = period_of(now) - SILENT_PERIODS

    def for_stranger(self) -> bool:
        """Whether a stranger who is not silent would get a place."""
        store = self._store
        if len(store) < store.limits.circles and (
            store.octets + ENVELOPE_BYTES_MAX <= store.limits.octets
        ):
            return True
        return bool(self._order) and self._yields(self._order[-1], b"", self._silent_before)

    def make(self, circle: bytes, known: Known) -> list[bytes] | None:
        """Whom to forget so that this fits, or None when that may not be."""
        store = self._store
        circles = len(store) + (circle not in store)
        octets = store.octets + size_of(known) - size_of(store[circle])
        going: list[bytes] = []
        while circles > store.limits.circles or octets > store.limits.octets:
            place = len(self._order) - 1 - len(going)
            if place < 0 or not self._yields(self._order[place], circle, known.number):
                return None
            last = self._order[place][2]
            going.append(last)
            circles -= 1
            octets -= size_of(store[last])
        if going:
            del self._order[-len(going) :]
        return going

    def _yields(self, last: tuple[int, int, bytes], circle: bytes, number: int) -> bool:
        its_distance, silence, its_id = last
        distance = self._store.distance(circle)
        if its_id == circle or its_distance != distance or distance < 2:
            return its_distance > distance
        return -silence < self._silent_before <= number

    @cached_property
    def _order(self) -> list[tuple[int, int, bytes]]:
        """Distance, minus the newest number, and id: who goes first stands last."""
        store = self._store
        return sorted((store.distance(circle), -store[circle].number, circle) for circle in store)
