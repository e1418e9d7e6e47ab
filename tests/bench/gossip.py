"""How fast and at what cost gossip spreads, with the very core, in memory and in virtual rounds.

In a round each circle begins one exchange with a partner drawn from all others. Rounds are strict:
all exchanges of a round are answered from the stores as they were at its beginning, and what they
brought is kept at its end. So nothing passes two circles in one round; and two partners of a circle
may both send it one update, which is counted. All circles issue a bulletin at once.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from statistics import quantiles
from unittest.mock import patch

from ledger import keys
from ledger.federation.exchange import NONCE_BYTES
from ledger.federation.gossip import Meet, Persist, Receive
from ledger.federation.gossip_envelope import PERIOD_MS, parse_envelope
from ledger.federation.gossip_exchange import Message, encode_message, parse_message
from ledger.federation.gossip_meeting import Said, sign_said
from tests.bench.windows import say
from tests.federation.gossip_circles import NOW, Member, member, replies

SEED = 1987
LINKS = 3
"""What each bulletin shows: few circles have more neighbours that they trade with."""

FULL = {10: 60, 100: 6, 1000: 1}
QUICK = {10: 20, 100: 1}
"""How many circles, and how often."""


@dataclass(slots=True)
class Spread:
    """What came of one size: rounds of each update, and bytes of all messages over needed ones."""

    rounds: list[int] = field(default_factory=list)
    sent: int = 0
    needed: int = 0
    idle: int = 0

    def p99(self) -> float:
        return quantiles(self.rounds, n=100, method="inclusive")[98]


def measure(quick: bool, figures: dict[str, float], notes: list[str]) -> None:
    """Fill in ``gossip_rounds_10 .. _1000``, ``gossip_idle_bytes``, ``gossip_update_bytes``.

    The rounds are those beyond which one update in a hundred is still under way, over
    1.3 (log3 n + log2 ln n) + 1: at most 1 is aimed at. An update's bytes are those of all
    messages over the update's own, for each circle that needs it, in the worst of the sizes. An
    idle exchange's are those of the signed request; the answer has none.
    """
    say("Gossip between circles")
    idle, overhead = 0, 0.0
    for circles, repetitions in (QUICK if quick else FULL).items():
        spread = Spread()
        with _verified_once():
            for repetition in range(repetitions):
                _run(circles, random.Random(f"{SEED} {circles} {repetition}"), spread)
        model = math.log(circles, 3) + math.log2(math.log(circles))
        figures[f"gossip_rounds_{circles}"] = spread.p99() / (1.3 * model + 1)
        idle, overhead = max(idle, spread.idle), max(overhead, spread.sent / spread.needed)
        notes.append(
            f"Gossip of {circles} circles: 99 of 100 updates reach all in {spread.p99():.0f} "
            f"rounds, {spread.p99() / model:.2f} x (log3 n + log2 ln n); "
            f"{spread.sent / spread.needed:.2f} times their bytes are sent."
        )
        say(f"  {notes[-1]}")
    figures["gossip_idle_bytes"], figures["gossip_update_bytes"] = idle, overhead


@contextmanager
def _verified_once() -> Iterator[None]:
    """All circles are in this process: what one has verified need not be verified for each."""
    with patch.object(keys, "verify", lru_cache(maxsize=100_000)(keys.verify)):
        yield


def _run(circles: int, chance: random.Random, spread: Spread) -> None:
    members = _settled(circles)
    now = NOW + PERIOD_MS
    updates = [
        each.speaker.bulletin(now, peers=_peers(members, place))
        for place, each in enumerate(members)
    ]
    spread.needed += sum(len(update.data) for update in updates) * (circles - 1)
    for each, update in zip(members, updates, strict=True):
        each.publish(update, now=now)
    waiting = {update.id: circles - 1 for update in updates}
    number = 0
    while waiting:
        number += 1
        for persisted in _round(members, chance, now, spread):
            waiting[persisted] -= 1
            if not waiting[persisted]:
                del waiting[persisted]
                spread.rounds.append(number)
    first, second, *_ = members
    [message] = replies(first.step(Meet(second.store.own), now))
    assert not replies(second.step(Receive(message), now)), "equal stores have nothing to say"
    request = Said("gossip-request", first.store.own, bytes(NONCE_BYTES), now, message)
    spread.idle = len(sign_said(request, second.store.own, bytes(32)))


def _settled(circles: int) -> list[Member]:
    """Circles that all know each other's bulletins of ten minutes ago."""
    members = [member(f"circle {place}") for place in range(circles)]
    for place, each in enumerate(members):
        each.publish(
            each.speaker.announcement(), each.speaker.bulletin(peers=_peers(members, place))
        )
    for each in members:
        for other in members:
            each.store.put(other.store.own, other.store[other.store.own])
    return members


def _peers(members: list[Member], place: int) -> Iterable[bytes]:
    return (members[(place + step) % len(members)].store.own for step in range(1, LINKS + 1))


def _round(
    members: list[Member], chance: random.Random, now: int, spread: Spread
) -> Iterator[bytes]:
    """Run one round; the ids of the updates, each time that a circle gets one."""
    brought: list[tuple[Member, Message]] = []
    for place, each in enumerate(members):
        partner = (place + chance.randrange(1, len(members))) % len(members)
        brought += _exchange(each, members[partner], now, spread)
    for receiver, message in brought:
        for effect in receiver.step(Receive(encode_message(message)), now):
            if isinstance(effect, Persist):
                yield parse_envelope(effect.data).id


def _exchange(one: Member, other: Member, now: int, spread: Spread) -> list[tuple[Member, Message]]:
    """Run one exchange, and keep apart what it brings to whom."""
    brought = []
    going = replies(one.step(Meet(other.store.own), now))
    receiver, sender = other, one
    while going:
        [data] = going
        spread.sent += len(data)
        message = parse_message(data)
        if message.envelopes:
            brought.append((receiver, Message(envelopes=message.envelopes)))
        question = replace(message, envelopes=[])
        going = replies(receiver.step(Receive(encode_message(question)), now))
        receiver, sender = sender, receiver
    return brought


if __name__ == "__main__":
    found: dict[str, float] = {}
    measure(quick=False, figures=found, notes=[])
    for key, figure in found.items():
        print(f"{key}  {figure:.3g}")
