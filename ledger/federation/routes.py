"""Ways from one circle to another, cheapest first (protocol.md, "Routes").

What is to arrive is fixed, so amounts are worked out from the end: what the last link must carry to
be worth it to the payee's circle, what that is worth to the circle before, and so on. Each rounding
is for the circle that counts, so that no circle on the way would refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import NamedTuple

from ledger.federation.agreement import Party, link_amount, worth_at_most
from ledger.federation.link import Way
from ledger.federation.payment import HOPS_MAX
from ledger.federation.route import WAYS_MAX

LOOKED_AT_MAX = 100_000
"""Links that are followed for one payment."""


class Edge(NamedTuple):
    """One direction of a link: ``start`` may come to owe ``end`` at most ``room`` more, in the
    link's unit. Of a party only the rate and the circle are looked at."""

    start: Party
    end: Party
    room: int


class Quote(NamedTuple):
    """A way, and what it costs in the minor units of the circle that it begins at."""

    cost: int
    way: Way


def find_ways(
    edges: Callable[[bytes], Iterable[Edge]], payer: bytes, decider: bytes, arrive: int
) -> list[Quote]:
    """At most WAYS_MAX ways for ``arrive`` of the decider's minor units, cheapest first, those of
    fewer links before others that cost as much.

    ``edges`` gives the links that lead out of a circle.
    """
    found: list[Quote] = []
    looked_at = 0
    paths: list[tuple[Edge, ...]] = [()]
    for _ in range(HOPS_MAX):
        longer = []
        for path in paths:
            here = path[-1].end.circle if path else payer
            passed = {payer, *(edge.end.circle for edge in path)}
            for edge in edges(here):
                looked_at += 1
                if edge.end.circle in passed or looked_at > LOOKED_AT_MAX:
                    continue
                if edge.end.circle == decider:
                    quote = price((*path, edge), arrive)
                    if quote is not None:
                        found.append(quote)
                else:
                    longer.append((*path, edge))
        paths = longer
    found.sort(key=lambda quote: (quote.cost, len(quote.way), quote.way))
    return found[:WAYS_MAX]


def price(path: tuple[Edge, ...], arrive: int) -> Quote | None:
    """What a path costs for ``arrive``; None where one of its links has no room for it."""
    value = arrive
    way: list[tuple[bytes, int]] = []
    for edge in reversed(path):
        amount = link_amount(edge.end, value)
        if amount > edge.room:
            return None
        way.append((edge.end.circle, amount))
        value = worth_at_most(edge.start, amount)
    return Quote(value, tuple(reversed(way)))


def lost_by_rounding(path: tuple[Edge, ...], cost: int, arrive: int) -> int:
    """What of ``cost`` is more than ``arrive`` is worth at the rates: millionths of the first
    circle's minor unit, rounded up."""
    worth = Fraction(arrive)
    for edge in path:
        worth *= Fraction(edge.end.linked * edge.start.own, edge.end.own * edge.start.linked)
    return -int(-(cost - worth) * 10**6 // 1)


def most_that_arrives(path: tuple[Edge, ...], cost: int) -> int:
    """The most that arrives for at most ``cost`` of the first circle's minor units, perhaps 0."""
    low, high = 0, cost
    while (quote := price(path, max(1, high))) is not None and quote.cost <= cost and high:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high + 1) // 2
        quote = price(path, middle)
        if quote is not None and quote.cost <= cost:
            low = middle
        else:
            high = middle - 1
    return low
