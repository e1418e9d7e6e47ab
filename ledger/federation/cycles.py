"""Debts that go round among circles, and the payments that cancel them (protocol.md, "Clearing").

Where each of several circles owes the next and the last the first, a payment once around, against
the debts, cancels as much of each: no circle's net position changes, and every limit on the way
has more room. One of them, that with the lowest id, proposes it: a payment from itself to itself.

What circles owe each other is taken from their bulletins, and counts where both show it alike and
have signed it. So all who heard the same find the same cycles, and each is proposed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from math import gcd, lcm
from typing import NamedTuple

from ledger import circulation
from ledger.circulation import Debt
from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation.agreement import Agreement, Party, link_id
from ledger.federation.gossip_envelope import LinkPosition, open_joined, read_joined
from ledger.federation.link import Link, Way
from ledger.federation.message import Statement
from ledger.federation.payment import CYCLE_MAX

WAYS_MAX = 64
"""Payments that a circle proposes at a time."""

Cycle = tuple[tuple[bytes, ...], int]
"""Circles of which each owes the next, and the last the first, and how much of it goes round."""

Rate = tuple[int, int]
"""So many of a circle's minor units are worth so many of a link's unit, in lowest terms."""


class Shown(NamedTuple):
    """A circle's links by their peers, out of its newest bulletin, and its announced link key."""

    link_key: bytes
    links: Mapping[bytes, LinkPosition]


class Position(NamedTuple):
    """What one circle owes another in their link's ``unit``, less what is being paid of it.

    ``most`` is the largest payment that the link takes from creditor to debtor.
    """

    unit: bytes
    debtor: bytes
    creditor: bytes
    amount: int
    most: int
    debtor_rate: Rate
    creditor_rate: Rate

    @property
    def step(self) -> int:
        """Only its multiples are worth whole minor units to both."""
        return step_of(self.debtor_rate, self.creditor_rate)


def step_of(*rates: Rate) -> int:
    """The least amount in a link's unit that rounds nothing away at any of these rates."""
    return lcm(*(linked // gcd(own, linked) for own, linked in rates))


# --- what is owed ---------------------------------------------------------------------------------


def find_positions(shown: Mapping[bytes, Shown]) -> Iterator[Position]:
    """What circles owe each other, as far as both ends of a link show the same and signed it."""
    for low, said in shown.items():
        for high, one in said.links.items():
            other = shown.get(high) if low < high else None
            back = other.links.get(low) if other is not None else None
            if other is None or back is None or one.unit != back.unit:
                continue
            statement = _read_statement(one, back, (said.link_key, other.link_key))
            if statement is not None and statement.link == link_id(low, high):
                position = _position_of(statement, (low, one), (high, back))
                if position is not None:
                    yield position


def _read_statement(
    one: LinkPosition, back: LinkPosition, link_keys: tuple[bytes, bytes]
) -> Statement | None:
    """What both show and both signed, or None."""
    try:
        if read_joined(one.statement).body != read_joined(back.statement).body:
            return None
        return open_joined(one.statement, *link_keys)
    except (MalformedObject, InvalidSignature):
        return None


def _position_of(
    statement: Statement, low: tuple[bytes, LinkPosition], high: tuple[bytes, LinkPosition]
) -> Position | None:
    (debtor, its), (creditor, their) = (high, low) if statement.tally > 0 else (low, high)
    under_way = statement.low_held if statement.tally > 0 else statement.high_held
    amount, most = abs(statement.tally) - under_way, min(their.outward, its.inward)
    rates = (_lowest(its.numerator, its.denominator), _lowest(their.numerator, their.denominator))
    position = Position(its.unit, debtor, creditor, amount, most, *rates)
    return position if amount > 0 and most > 0 else None


def told_position(
    statement: Statement, agreement: Agreement, circle: bytes, inward: int, outward: int
) -> Position | None:
    """The same by the word of one end alone: ``inward`` is what ``circle`` takes of the other at
    most, ``outward`` what it sends. None where there is nothing to clear."""
    ours, theirs, unit = agreement.party(circle), agreement.other(circle), agreement.unit
    ends = (
        (ours.circle, LinkPosition(b"", unit, b"", ours.own, ours.linked, inward, outward)),
        (theirs.circle, LinkPosition(b"", unit, b"", theirs.own, theirs.linked, outward, inward)),
    )
    return _position_of(statement, *sorted(ends))


def own_position(link: Link) -> Position | None:
    """The same of a link of ours, by our own books; None where there is nothing to clear."""
    if not link.takes_payments:
        return None
    ours, theirs = (link.circle, _rate_of(link.ours)), (link.peer, _rate_of(link.theirs))
    if link.owed > 0:
        amount, room = link.owed - link.outgoing, link.room_out
        (debtor, its_rate), (creditor, their_rate) = theirs, ours
    else:
        amount, room = -link.owed - link.incoming, link.room_in
        (debtor, its_rate), (creditor, their_rate) = ours, theirs
    most = min(room, link.terms.hold_max)
    if amount <= 0 or most <= 0:
        return None
    return Position(link.terms.unit, debtor, creditor, amount, most, its_rate, their_rate)


def trust_own(
    circle: bytes, positions: Iterable[Position], own: Iterable[Position]
) -> Iterator[Position]:
    """The positions, but of ``circle``'s own links none that its books do not bear out.

    What was paid since the bulletins counts no more; what the agreement has otherwise, not at all.
    """
    known = {(position.debtor, position.creditor): position for position in own}
    for position in positions:
        if circle not in (position.debtor, position.creditor):
            yield position
            continue
        ours = known.get((position.debtor, position.creditor))
        if ours is not None and _terms(ours) == _terms(position):
            least = min(position.amount, ours.amount), min(position.most, ours.most)
            yield position._replace(amount=least[0], most=least[1])


def _terms(position: Position) -> tuple[bytes, Rate, Rate]:
    return position.unit, position.debtor_rate, position.creditor_rate


def _rate_of(party: Party) -> Rate:
    return _lowest(party.own, party.linked)


def _lowest(own: int, linked: int) -> Rate:
    common = gcd(own, linked)
    return own // common, linked // common


# --- what goes round ------------------------------------------------------------------------------


def debts_by_unit(positions: Iterable[Position]) -> dict[bytes, list[Debt]]:
    """The debts in each link unit, for :mod:`ledger.circulation`.

    A circle that counts otherwise with one neighbour than with another is a party for each rate:
    what goes on at another rate than it came in at would change its position.
    """
    found: dict[bytes, list[Debt]] = {}
    for position in positions:
        debtor = _party(position.debtor, position.debtor_rate)
        creditor = _party(position.creditor, position.creditor_rate)
        found.setdefault(position.unit, []).append((debtor, creditor, position.amount))
    return found


def _party(circle: bytes, rate: Rate) -> str:
    return f"{circle.hex()} {rate[0]}:{rate[1]}"


def circles_of(plan: Iterable[circulation.Cycle]) -> Iterator[Cycle]:
    """The cycles of a plan by the circles in them, beginning with the lowest.

    One in which a circle is twice, at two rates, is left out: it would pass a payment but once.
    """
    for members, amount in plan:
        circles = tuple(bytes.fromhex(member.partition(" ")[0]) for member in members)
        if len(set(circles)) == len(circles):
            start = circles.index(min(circles))
            yield (*circles[start:], *circles[:start]), amount


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
