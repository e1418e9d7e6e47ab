"""What a clearing of debts may do, and how anyone checks that none could cancel more.

Debts are a directed graph: an edge from debtor to creditor, with what is owed as its capacity. A
*plan* is a list of cycles ``(members, amount)`` in which each member owes the next and the last
owes the first; settling it takes ``amount`` off each debt along the cycle, and nobody's net
position changes. What a plan cancels is the sum of amount times members. Together its cycles are a
circulation in the graph, and every circulation is such a sum of cycles.

The certificate is one integer for each party, its *potential* p. Let d(u, v) be what u owes v, and
f(u, v) what a circulation takes off that. As much enters each party as leaves it, so the potentials
cancel out, and ::

    sum f(u, v)  =  sum f(u, v) (1 - p(u) + p(v))  <=  sum d(u, v) max(0, 1 - p(u) + p(v))

for any potentials whatever. So a plan that cancels as much as the right side is the best there is;
and the best one always has integers for which both sides are equal (Ahuja, Magnanti and Orlin,
Network Flows, 1993, section 9.4: the duality of minimum cost flows, here with every cost -1).
Then a debt with 1 - p(u) + p(v) > 0 is cancelled wholly, and one with less than 0 not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from ledger.codec import AMOUNT_MAX
from ledger.errors import TallystickError

DEBTS_MAX = 1_000_000
"""How many debts are cleared together at most."""

POTENTIAL_MAX = AMOUNT_MAX
"""How far a potential may be from zero."""

Debt = tuple[str, str, int]
"""Debtor, creditor, and what is owed, in minor units."""

Cycle = tuple[tuple[str, ...], int]
"""Members, each of whom owes the next and the last the first, and what each debt is lowered by."""


class InvalidDebt(TallystickError):
    """Something among the debts that is no debt, or too much. ``position`` counts from 0.

    ``reason`` completes "Debt <position> cannot be cleared: ...".
    """

    code = "debt-invalid"

    def __init__(self, position: int, reason: str) -> None:
        self.position, self.reason = position, reason
        super().__init__(f"Debt {position} cannot be cleared: {reason}.")


class InvalidPlan(TallystickError):
    """A cycle that these debts do not allow. ``position`` is its place in the plan, from 0."""

    code = "clearing-plan-invalid"

    def __init__(self, position: int, reason: str) -> None:
        self.position, self.reason = position, reason
        super().__init__(f"Cycle {position} of the plan cannot be settled: {reason}.")


class UnprovenPlan(TallystickError):
    """Potentials that do not prove that nothing could cancel more than the plan does."""

    code = "clearing-plan-unproven"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The potentials do not prove the plan the best there is: {reason}.")


def sum_debts(debts: Iterable[Debt]) -> dict[tuple[str, str], int]:
    """What each debtor owes each creditor in all, in the order of their first debt.

    Raises InvalidDebt unless there are at most ``DEBTS_MAX`` debts, each between two different
    names and of an integer from 1 to ``AMOUNT_MAX``, which no sum passes either.
    """
    owed: dict[tuple[str, str], int] = {}
    for position, debt in enumerate(debts):
        if position == DEBTS_MAX:
            raise InvalidDebt(position, f"at most {DEBTS_MAX} are cleared together")
        debtor, creditor, amount = _parse_debt(position, debt)
        pair = debtor, creditor
        owed[pair] = total = owed.get(pair, 0) + amount
        if total > AMOUNT_MAX:
            raise InvalidDebt(
                position,
                f"with it {_shown(debtor)} owes {_shown(creditor)} more than {AMOUNT_MAX}",
            )
    return owed


def _parse_debt(position: int, debt: object) -> Debt:
    if not isinstance(debt, tuple | list) or len(debt) != 3:
        raise InvalidDebt(position, "it is not a debtor, a creditor and an amount")
    debtor, creditor, amount = debt
    if type(debtor) is not str or type(creditor) is not str:
        raise InvalidDebt(position, "its debtor and creditor have to be strings")
    if debtor == creditor:
        raise InvalidDebt(position, f"{_shown(debtor)} cannot owe itself")
    if not _is_amount(amount):
        raise InvalidDebt(
            position,
            f"its amount has to be an integer from 1 to {AMOUNT_MAX}, and it is {_shown(amount)}",
        )
    return debtor, creditor, amount


def verify_plan(debts: Iterable[Debt], plan: Iterable[Cycle]) -> int:
    """Check that every cycle can be settled, all of them together; returns what they cancel.

    Each cycle is of two or more different members, along given debts; no debt is lowered by more
    than is owed; and there are no more cycles than debts. Raises InvalidPlan, or InvalidDebt.
    """
    return _verify(sum_debts(debts), plan)


def verify_optimal(
    debts: Iterable[Debt], plan: Iterable[Cycle], potentials: Mapping[str, int]
) -> int:
    """Check a plan, and by its certificate that no circulation in the debts cancels more.

    ``potentials`` has an integer for each party to a debt; the module says what they prove. Returns
    what the plan cancels. Raises UnprovenPlan, InvalidPlan or InvalidDebt.
    """
    owed = sum_debts(debts)
    cancelled = _verify(owed, plan)
    most = _bound(owed, potentials)
    if cancelled != most:
        raise UnprovenPlan(f"it cancels {cancelled}, and they only show that {most} is a bound")
    return cancelled


def _verify(owed: Mapping[tuple[str, str], int], plan: Iterable[Cycle]) -> int:
    left = dict(owed)
    cancelled = 0
    for position, cycle in enumerate(plan):
        if position == len(owed):
            raise InvalidPlan(position, f"there are only {len(owed)} debts")
        members, amount = _parse_cycle(position, cycle)
        for pair in zip(members, (*members[1:], members[0]), strict=True):
            rest = left.get(pair, 0) - amount
            if rest < 0:
                raise InvalidPlan(
                    position,
                    f"with it, {-rest} more is taken off than "
                    f"{_shown(pair[0])} owes {_shown(pair[1])}",
                )
            left[pair] = rest
        cancelled += amount * len(members)
    return cancelled


def _parse_cycle(position: int, cycle: object) -> Cycle:
    if not isinstance(cycle, tuple | list) or len(cycle) != 2:
        raise InvalidPlan(position, "it is not members and an amount")
    members, amount = cycle
    if not isinstance(members, tuple | list) or not {str}.issuperset(map(type, members)):
        raise InvalidPlan(position, "its members have to be strings")
    if len(members) < 2:
        raise InvalidPlan(position, "it has fewer than two members")
    if len(set(members)) < len(members):
        raise InvalidPlan(position, "a member is in it twice")
    if not _is_amount(amount):
        raise InvalidPlan(position, f"its amount has to be an integer from 1 to {AMOUNT_MAX}")
    return tuple(members), amount


def _bound(owed: Mapping[tuple[str, str], int], potentials: Mapping[str, int]) -> int:
    """The right side of the inequality above."""
    for party in dict.fromkeys(party for pair in owed for party in pair):
        potential = potentials.get(party)
        if type(potential) is not int or abs(potential) > POTENTIAL_MAX:
            raise UnprovenPlan(
                f"{_shown(party)} has to have an integer of at most {POTENTIAL_MAX} either way"
            )
    return sum(
        amount * gain
        for (debtor, creditor), amount in owed.items()
        if (gain := 1 - potentials[debtor] + potentials[creditor]) > 0
    )


def _is_amount(amount: object) -> bool:
    """Neither a bool nor a float is one."""
    return type(amount) is int and 1 <= amount <= AMOUNT_MAX


def _shown(value: object) -> str:
    """As it would be written if that is short, or else what kind of thing it is."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:40] + "...")
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int):
        return repr(value) if abs(value) <= AMOUNT_MAX else "beyond that"
    return f"a {type(value).__name__}"


# --- cutting a circulation into cycles -----------------------------------------------------------

LOOKS_MAX = 1_000_000
"""How many debts are looked at in all in search of short cycles: enough for thousands of debts."""


def cut(flow: Mapping[tuple[str, str], int], looks: int = LOOKS_MAX) -> list[Cycle]:
    """Cut a circulation, ``{(debtor, creditor): amount}``, into at most as many cycles as debts.

    They begin with their least member and are sorted. A cycle needs all its members to be settled,
    so short ones are looked for: pairs first, then for each debt a shortest cycle with it, until
    ``looks`` debts were looked at. What is left then is cut by walking along it, which takes about
    as long as writing the cycles down. All amounts are positive, and as much leaves each party as
    enters it: anything else is the caller's mistake.
    """
    rest = _Rest(flow, looks)
    parties = sorted(rest.out)
    for party in parties:
        for creditor in list(rest.out[party]):
            if party < creditor and party in rest.out[creditor]:
                rest.take([party, creditor])
    for party in sorted(parties, key=lambda party: len(rest.out[party])):
        for creditor in list(rest.out[party]):
            while creditor in rest.out[party] and (way := rest.find_way(creditor, party)):
                rest.take(way)
    for party in parties:
        rest.walk(party)
    return sorted(rest.cycles)


class _Rest:
    """What is left of a circulation, ``out[debtor][creditor]``, and the cycles cut from it."""

    def __init__(self, flow: Mapping[tuple[str, str], int], looks: int) -> None:
        self.out: dict[str, dict[str, int]] = {party: {} for pair in flow for party in pair}
        self.into: dict[str, set[str]] = {party: set() for party in self.out}
        self.cycles: list[Cycle] = []
        self._looks = looks
        for (debtor, creditor), amount in sorted(flow.items()):
            self.out[debtor][creditor] = amount
            self.into[creditor].add(debtor)

    def take(self, members: list[str]) -> int:
        """Cut as much as goes around this cycle; returns the place of the first debt used up."""
        pairs = list(zip(members, (*members[1:], members[0]), strict=True))
        amount = min([self.out[debtor][creditor] for debtor, creditor in pairs])
        used_up = []
        for place, (debtor, creditor) in enumerate(pairs):
            self.out[debtor][creditor] -= amount
            if not self.out[debtor][creditor]:
                del self.out[debtor][creditor]
                self.into[creditor].remove(debtor)
                used_up.append(place)
        first = members.index(min(members))
        self.cycles.append(((*members[first:], *members[:first]), amount))
        return used_up[0]

    def find_way(self, start: str, end: str) -> list[str] | None:
        """A shortest way along debts, searched from both ends; None when enough was looked at."""
        ahead, behind = _Search(self.out, start), _Search(self.into, end)
        while not (meeting := ahead.levels[-1] & behind.levels[-1]):
            side = min(ahead, behind, key=lambda search: search.width)
            self._looks -= side.width
            if self._looks < 0:
                return None
            side.widen()
        middle = min(meeting)
        before = list(ahead.trace(middle, self.into))
        return [*reversed(before), middle, *behind.trace(middle, self.out)]

    def walk(self, start: str) -> None:
        """Take the cycles met on walks from one party, until it has nothing left.

        Where it can end a cycle it ends the shortest, and goes on where that was first used up.
        """
        path, places = [start], {start: 0}
        while left := self.out[path[-1]]:
            met = max([places.get(party, -1) for party in left])
            if met < 0:
                path.append(next(iter(left)))
                places[path[-1]] = len(path) - 1
                continue
            kept = met + self.take(path[met:])
            for passed in path[kept + 1 :]:
                del places[passed]
            del path[kept + 1 :]


class _Search:
    """Parties by their distance from one, along ``links``; ``width`` is the next level's cost."""

    def __init__(self, links: Mapping[str, Collection[str]], party: str) -> None:
        self.levels = [{party}]
        self._seen = {party}
        self._next = [links[party]]
        self._links = links
        self.width = len(links[party])

    def widen(self) -> None:
        """Add the parties that are one further away."""
        level = set[str]().union(*self._next) - self._seen
        self._seen |= level
        self.levels.append(level)
        self._next = [self._links[party] for party in level]
        self.width = sum(map(len, self._next))

    def trace(self, party: str, links: Mapping[str, Collection[str]]) -> Iterator[str]:
        """The way back from a party of the last level, without it; ``links`` are the other way."""
        for level in reversed(self.levels[:-1]):
            party = min(level.intersection(links[party]))
            yield party
