"""Circles that gossip, in memory: their keys, what they say, and the exchanges of their stores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from ledger import charter, keys
from ledger.charter import Certificate
from ledger.federation import gossip
from ledger.federation.gossip import Effect, Forget, Meet, Persist, Publish, Receive, Reply, Send
from ledger.federation.gossip_envelope import (
    PERIOD_MS,
    Bulletin,
    Envelope,
    LinkPosition,
    Totals,
    Unit,
    announce,
    encode_bulletin,
    period_of,
    seal,
)
from ledger.federation.gossip_items import Kind
from ledger.federation.gossip_store import Limits, Store, restore

NOW = 3_000_000 * PERIOD_MS
CHECKPOINT = (
    "southwark.example/tallystick/4e17b9b7e6a040d0/1\n6\n"
    "LaexzrBr6votdb+5BpuyF3ydXxuKwykCw3lCUYQD99E=\n\n"
    "— southwark.example/tallystick/4e17b9b7e6a040d0/1 9gG5ZcetusyhbEn7qvkTiCXGQnEw6tCvJjuEkuZ3W7"
    "mAXUA7IFNIVsDumMc5Y04/Ow6LI28QH56eiZ4z6X2g4e+SZg4=\n"
).encode()


@dataclass(frozen=True, slots=True)
class Speaker:
    """A circle's keys, all from its name: ``fork`` makes another set for the same epoch."""

    name: str

    def seed(self, role: str) -> bytes:
        return sha256(f"{self.name} {role}".encode()).digest()

    @property
    def id(self) -> bytes:
        return keys.circle_id(keys.public_key(self.seed("identity")))

    def announcement(self, epoch: int = 1, fork: str = "") -> Envelope:
        identity = keys.public_key(self.seed("identity"))
        roles = (f"{role} {epoch}{fork}" for role in ("log", "witness", "link", "decision"))
        working = (keys.public_key(self.seed(role)) for role in roles)
        origin = charter.origin_of("circle.example", self.id, epoch)
        certificate = Certificate._make((self.id, epoch, origin, *working, bytes(32)))
        signed = charter.certify(certificate, self.seed("identity"))
        return announce(identity, *signed, self.seed(f"link {epoch}{fork}"))

    def bulletin(
        self,
        time: int = NOW,
        epoch: int = 1,
        peers: Iterable[bytes] = (),
        accounts: int = 40,
        fork: str = "",
    ) -> Envelope:
        """``accounts`` is something that two versions may differ in."""
        links = [
            LinkPosition(peer, b"minutes", bytes(230), 1, 1, 6000, 6000) for peer in sorted(peers)
        ]
        said = Bulletin(
            CHECKPOINT,
            Totals(accounts, 123_456, 500_000),
            "https://circle.example/federation",
            Unit(b"token", b"tokens", "decimal", 2),
            tuple(links),
        )
        seed = self.seed(f"link {epoch}{fork}")
        return seal(self.id, epoch, period_of(time), encode_bulletin(said), seed)


@dataclass(slots=True)
class Member:
    """A circle with its store, and the rows that it persisted."""

    speaker: Speaker
    store: Store
    rows: dict[tuple[Kind, bytes], bytes]

    @property
    def digest(self) -> bytes:
        return self.store.items.fingerprint("")

    def step(self, event: gossip.Event, now: int = NOW) -> list[Effect]:
        effects = gossip.step(self.store, event, now)
        for effect in effects:
            match effect:
                case Persist(kind, circle, data):
                    self.rows[kind, circle] = data
                case Forget(kind, circle):
                    del self.rows[kind, circle]
                case _:
                    pass
        return effects

    def publish(self, *envelopes: Envelope, now: int = NOW) -> list[Effect]:
        return self.step(Publish(tuple(envelope.data for envelope in envelopes)), now)

    def restored(self) -> Member:
        """The same circle after a crash."""
        rows = [(kind, data) for (kind, _), data in self.rows.items()]
        store = restore(self.store.own, self.store.pinned, self.store.limits, rows)
        return Member(self.speaker, store, dict(self.rows))


def member(name: str, pinned: Iterable[bytes] = (), limits: Limits | None = None) -> Member:
    """A circle that knows of nobody yet."""
    speaker = Speaker(name)
    return Member(speaker, Store(speaker.id, pinned, limits or Limits()), {})


def talkative(name: str, time: int = NOW) -> Member:
    """A circle that has announced itself and issued a bulletin."""
    one = member(name)
    one.publish(one.speaker.announcement(), one.speaker.bulletin(time), now=time)
    return one


def replies(effects: Iterable[Effect]) -> list[bytes]:
    return [effect.message for effect in effects if isinstance(effect, Reply | Send)]


def exchange(one: Member, other: Member, now: int = NOW) -> list[bytes]:
    """A whole exchange, nothing lost; returns its messages."""
    messages: list[bytes] = []
    going = replies(one.step(Meet(other.speaker.id), now))
    receiver, sender = other, one
    while going:
        messages += going
        [message] = going
        going = replies(receiver.step(Receive(message), now))
        receiver, sender = sender, receiver
    return messages


def settle(members: list[Member], now: int = NOW) -> None:
    """Exchanges between all pairs until all hold the same. AssertionError if that takes long."""
    for _ in range(10):
        for one in members:
            for other in members:
                if one is not other:
                    exchange(one, other, now)
        if len({each.digest for each in members}) == 1:
            return
    raise AssertionError("the stores keep apart")
