"""Gossip between circles: how what one circle says of itself reaches all (protocol.md, "Gossip").

Every so often a circle picks a partner at random and each gives the other what it lacks: push-pull
anti-entropy (Demers et al., Epidemic algorithms for replicated database maintenance, PODC 1987).
With uniform partners an update reaches all of n circles in log3 n + O(log log n) rounds (Karp,
Schindelhauer, Shenker and Voecking, Randomized rumor spreading, FOCS 2000).

**The caller's duties.** Effects come in order: nothing is sent or answered before every Persist and
Forget before it is durable; if that fails, the store is to be thrown away and restored. ``step``
either raises and has changed nothing, or returns and has changed the store. Signatures are verified
before anything is kept, and each envelope once, however often it comes. An exchange ends when a
message has no Reply. A full message carries less than all: the next exchange carries on, and who
has just joined through one known circle may begin it at once. How often anyone may begin an
exchange is for the caller to limit. No partner is to be condemned for one bad signature: while
a circle's two certificates for one epoch are still unknown to one side, an honest partner can pass
on what the other cannot verify.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ledger.federation.gossip_envelope import (
    Conflict,
    Envelope,
    parse_conflict,
    parse_envelope,
    period_of,
)
from ledger.federation.gossip_exchange import answer, encode_message, first_message, parse_message
from ledger.federation.gossip_items import Kind
from ledger.federation.gossip_store import (
    Known,
    Reason,
    Room,
    Store,
    Verdict,
    take_announcement,
    take_bulletin,
    take_conflict,
)


@dataclass(frozen=True, slots=True)
class Meet:
    """Begin an exchange with a partner."""

    partner: bytes


@dataclass(frozen=True, slots=True)
class Receive:
    """A message of an exchange came in, whoever began it."""

    message: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Publish:
    """Keep envelopes of our own, or such as came by another way: their bytes."""

    envelopes: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pin:
    """The circles that we have agreements with, all of them."""

    circles: frozenset[bytes]


Event = Meet | Receive | Publish | Pin


@dataclass(frozen=True, slots=True)
class Persist:
    """Store these bytes as the one record of this kind and circle."""

    kind: Kind
    circle: bytes
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete the record of this kind and circle."""

    kind: Kind
    circle: bytes


@dataclass(frozen=True, slots=True)
class Refuse:
    """Something genuine was not taken. For the log; nobody is told."""

    circle: bytes
    reason: Reason


@dataclass(frozen=True, slots=True)
class Send:
    """Send the first message of an exchange."""

    partner: bytes
    message: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the message with this one."""

    message: bytes = field(repr=False)


Effect = Persist | Forget | Refuse | Send | Reply


def choose_partner(circles: Sequence[bytes], draw: int) -> bytes:
    """One of the circles, uniformly; ``draw`` is a random number from 0 to 2^64 - 1.

    Anyone can invent circles: a caller who draws from all those known should draw at least every
    other time from those it has agreements with.
    """
    return circles[draw % len(circles)]


def due_number(store: Store, epoch: int, now: int) -> int | None:
    """The number of a bulletin of our own that may be issued now, or None until the next period."""
    number = period_of(now)
    held = store[store.own].bulletin
    return number if held is None or held.version < (epoch, number) else None


def step(store: Store, event: Event, now: int) -> list[Effect]:
    """Take one event; ``now`` is Unix milliseconds. Effects are to be done in order.

    Raises MalformedObject or InvalidSignature, and then nothing has changed.
    """
    match event:
        case Meet(partner):
            return [Send(partner, encode_message(first_message(store)))]
        case Receive(data):
            message = parse_message(data)
            effects = _absorb(store, message.envelopes, message.conflicts, now)
            reply = answer(store, message, now)
            return effects if reply.is_empty() else [*effects, Reply(encode_message(reply))]
        case Publish(envelopes):
            return _absorb(store, envelopes, (), now)
        case Pin(circles):
            store.pin(circles)
            return []


def _absorb(
    store: Store, envelopes: Iterable[bytes], conflicts: Iterable[bytes], now: int
) -> list[Effect]:
    """Judge and verify all of it, and only then keep any of it."""
    staged: dict[bytes, Known] = {}
    effects: list[Effect] = []
    records: list[Envelope | Conflict] = list(map(parse_envelope, envelopes))
    records += map(parse_conflict, conflicts)
    for record in sorted(records, key=_kind_of):
        circle = record.first.issuer if isinstance(record, Conflict) else record.issuer
        match _take(staged.get(circle, store[circle]), record, now):
            case Known() as known:
                staged[circle] = known
            case Reason() as reason:
                effects.append(Refuse(circle, reason))
    room = Room(store, now)
    for circle in sorted(staged, key=store.distance):
        effects += _keep(store, room, circle, staged[circle])
    return effects


def _kind_of(record: Envelope | Conflict) -> Kind:
    if isinstance(record, Conflict):
        return Kind.CONFLICT
    return Kind.ANNOUNCEMENT if record.is_announcement else Kind.BULLETIN


def _take(known: Known, record: Envelope | Conflict, now: int) -> Verdict:
    if isinstance(record, Conflict):
        return take_conflict(known, record)
    if record.is_announcement:
        return take_announcement(known, record, now)
    return take_bulletin(known, record, now)


def _keep(store: Store, room: Room, circle: bytes, known: Known) -> list[Effect]:
    going = room.make(circle, known)
    if going is None:
        return [Refuse(circle, Reason.FULL)]
    effects: list[Effect] = []
    for each in going:
        effects += (Forget(kind, each) for kind, _, _ in store[each].records())
        store.put(each, Known())
    before = {kind: data for kind, _, data in store[circle].records()}
    after = {kind: data for kind, _, data in known.records()}
    effects += (Forget(kind, circle) for kind in before if kind not in after)
    effects += (
        Persist(kind, circle, data) for kind, data in after.items() if before.get(kind) != data
    )
    store.put(circle, known)
    return effects
