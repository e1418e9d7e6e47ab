"""Debts that go round among circles, and the payments that cancel them (protocol.md, "Clearing").

Where each of several circles owes the next and the last the first, a payment once around, against
the debts, cancels as much of each: no circle's net position changes, and every limit on the way
has more room. One of them, that with the lowest id, proposes it: a payment from itself to itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import gcd, lcm
from typing import NamedTuple

from ledger.federation.agreement import Party
from ledger.federation.link import Way
from ledger.federation.payment import CYCLE_MAX

WAYS_MAX = 64
"""Payments that a circle proposes at a time."""

Cycle = tuple[tuple[bytes, ...], int]
"""Circles of which each owes the next, and the last the first, and how much of it goes round."""


class Position(NamedTuple):
    """What one circle owes another in their link's ``unit``.

    ``step``: only its multiples are worth whole minor units to both. ``most`` is the largest
    payment that the link takes.
    """

    unit: bytes
    debtor: bytes
    creditor: bytes
    amount: int
    step: int
    most: int


def step_of(one: Party, other: Party) -> int:
    """The least amount in the link's unit that rounds nothing away for either party."""
    return lcm(*(party.linked // gcd(party.own, party.linked) for party in (one, other)))


def ways_to_clear(
    circle: bytes, cycles: Iterable[Cycle], positions: Mapping[tuple[bytes, bytes], Position]
) -> list[Way]:
    """The payments to itself that ``circle`` is to propose, each at most what every link takes.

    ``positions`` are those that the cycles were found in, by debtor and creditor.
    """
    ways: list[Way] = []
    for members, amount in cycles:
        if min(members) != circle or len(members) > CYCLE_MAX:
            continue
        start = members.index(circle)
        owing = (*members[start:], *members[:start], circle)
        owed = [positions[pair] for pair in pairwise(owing)]
        step = lcm(*(position.step for position in owed))
        most = min(position.most for position in owed) // step * step
        left = amount // step * step
        against = owing[::-1][1:]
        while left and most and len(ways) < WAYS_MAX:
            ways.append(tuple((each, min(left, most)) for each in against))
            left -= min(left, most)
    return ways
