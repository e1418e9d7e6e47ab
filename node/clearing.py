"""Clearing: the cycles of debts that cancel the most, exactly, with the proof that they do.

This is a linear program over a network: one variable for each debt, from nothing to what is owed,
as much into each party as out of it, and the sum to be as large as it gets. HiGHS solves it in
doubles, which hold neither every amount nor every sum of amounts. What is exact in its answer
whatever the amounts are is the potentials, small integers; so they are what is taken from it, and
the flow only as a first guess. From there on all is in Python's integers (``_Residual``): where the
guess is a circulation that fits the potentials, as it is while amounts are of everyday size,
nothing is left to do; where rounding has left a party with more in than out, the difference is
moved by the cheapest paths until none is left, which changes potentials and flow together. That
method needs no guess at all, so it also finishes alone should the solver give up. Every plan is
checked against its certificate before it is returned (``ledger.circulation``).

The result depends on the debts alone, not on their order. It takes seconds of one processor for
100,000 debts: not for the thread of an event loop.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite, ldexp

import highspy

from ledger.circulation import Cycle, Debt, cut, sum_debts, verify_optimal

_DOUBLE_BITS = 40
"""Amounts of so many bits go to the solver as they are; 2**13 of them still add up exactly."""

_ITERATIONS_EACH = 50
"""How many steps the solver may take for a debt before it is stopped; 1 is usual."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to settle, and the certificate that ``ledger.circulation.verify_optimal`` checks.

    ``cycles`` begin with their least member and are sorted; ``potentials`` has every party to a
    debt; ``total`` is what the cycles cancel, in minor units.
    """

    cycles: tuple[Cycle, ...]
    potentials: Mapping[str, int]
    total: int


@dataclass(frozen=True, slots=True)
class Graph:
    """Parties by number; debt i is of ``amounts[i]``, from ``debtors[i]`` to ``creditors[i]``."""

    parties: int
    debtors: Sequence[int]
    creditors: Sequence[int]
    amounts: Sequence[int]


@dataclass(frozen=True, slots=True)
class Guess:
    """A potential for each party and a flow for each debt, which need not fit each other."""

    potentials: list[int]
    flow: list[int]


def clear(debts: Iterable[Debt]) -> list[Cycle]:
    """The cycles that together cancel the most debt that any circulation in these can.

    Nothing is netted beforehand: A owing B 5 and B owing A 3 is a cycle of two that cancels 6.
    There are no more cycles than debts. Raises InvalidDebt.
    """
    return list(solve(debts).cycles)


def solve(debts: Iterable[Debt]) -> Plan:
    """The same, with the certificate that nothing cancels more. Raises InvalidDebt."""
    owed = sorted(sum_debts(debts).items())
    names = sorted({party for pair, _ in owed for party in pair})
    number = {name: index for index, name in enumerate(names)}
    whole = Graph(
        len(names),
        [number[debtor] for (debtor, _), _ in owed],
        [number[creditor] for (_, creditor), _ in owed],
        [amount for _, amount in owed],
    )
    component = _components(whole)
    inner = _inner(whole, component)
    potentials, flow = balance(inner, relax(inner))
    _lift(whole, component, potentials)
    ends = zip(inner.debtors, inner.creditors, strict=True)
    cycles = cut(
        {
            (names[debtor], names[creditor]): amount
            for (debtor, creditor), amount in zip(ends, flow, strict=True)
            if amount
        }
    )
    proof = dict(zip(names, potentials, strict=True))
    total = verify_optimal(((*pair, amount) for pair, amount in owed), cycles, proof)
    return Plan(tuple(cycles), proof, total)


# --- components: a debt that is on no cycle can carry nothing ------------------------------------


def _components(graph: Graph) -> list[int]:
    """Each party's strongly connected component, numbered so that no debt leads to a later one.

    Tarjan's algorithm (Depth-first search and linear graph algorithms, 1972), without recursion.
    """
    reach: list[list[int]] = [[] for _ in range(graph.parties)]
    for debtor, creditor in zip(graph.debtors, graph.creditors, strict=True):
        reach[debtor].append(creditor)
    component = [-1] * graph.parties
    found = [0] * graph.parties
    low = [0] * graph.parties
    waiting: list[int] = []
    clock = count = 0
    for root in range(graph.parties):
        path = [] if found[root] else [root]
        while path:
            party = path[-1]
            if not found[party]:
                clock += 1
                found[party] = low[party] = clock
                waiting.append(party)
            if reach[party]:
                creditor = reach[party].pop()
                if not found[creditor]:
                    path.append(creditor)
                elif component[creditor] < 0:
                    low[party] = min(low[party], found[creditor])
                continue
            path.pop()
            if path:
                low[path[-1]] = min(low[path[-1]], low[party])
            if low[party] == found[party]:
                while component[party] < 0:
                    component[waiting.pop()] = count
                count += 1
    return component


def _inner(graph: Graph, component: Sequence[int]) -> Graph:
    """The debts within components, which are independent parts of one linear program."""
    kept = [
        debt
        for debt in zip(graph.debtors, graph.creditors, graph.amounts, strict=True)
        if component[debt[0]] == component[debt[1]]
    ]
    debtors, creditors, amounts = zip(*kept, strict=True) if kept else ((), (), ())
    return Graph(graph.parties, debtors, creditors, amounts)


def _lift(graph: Graph, component: Sequence[int], potentials: list[int]) -> None:
    """Raise each component's potentials until none of its debts to others has a gain.

    Debts lead to earlier components only, so in their order each is raised once.
    """
    members: list[list[int]] = [[] for _ in range(max(component, default=-1) + 1)]
    for party in range(graph.parties):
        members[component[party]].append(party)
    onward: dict[int, list[int]] = {}
    for debtor, creditor in zip(graph.debtors, graph.creditors, strict=True):
        if component[debtor] != component[creditor]:
            onward.setdefault(debtor, []).append(creditor)
    for parties in members:
        least = min(potentials[party] for party in parties)
        gains = (
            potentials[creditor] + 1 - potentials[party]
            for party in parties
            for creditor in onward.get(party, ())
        )
        rise = max(chain((-least,), gains))
        for party in parties:
            potentials[party] += rise


# --- the solver ----------------------------------------------------------------------------------


def relax(graph: Graph) -> Guess | None:
    """What HiGHS makes of it in doubles, rounded; None when that is not worth starting from.

    Whether it calls that optimal says little where amounts pass its tolerances, and nothing depends
    on it. Without presolve, which takes longer here than it saves.
    """
    count = len(graph.amounts)
    if not count:
        return None
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("solver", "simplex")
    solver.setOptionValue("presolve", "off")
    solver.setOptionValue("simplex_iteration_limit", _ITERATIONS_EACH * count)
    shift = max(0, max(graph.amounts).bit_length() - _DOUBLE_BITS)
    zeros = [0.0] * graph.parties
    solver.passModel(
        *(count, graph.parties, 2 * count),
        int(highspy.MatrixFormat.kColwise),
        int(highspy.ObjSense.kMaximize),
        0.0,
        *([1.0] * count, [0.0] * count, [ldexp(amount, -shift) for amount in graph.amounts]),
        *(zeros, zeros),
        list(range(0, 2 * count, 2)),
        [end for ends in zip(graph.debtors, graph.creditors, strict=True) for end in ends],
        [1.0, -1.0] * count,
        [0] * count,
    )
    solver.run()
    found = solver.getSolution()
    duals, values = list(found.row_dual), list(found.col_value)
    # No potential of a vertex is beyond the number of parties; nothing compares to a NaN.
    if not (found.dual_valid and all(abs(dual) <= graph.parties for dual in duals)):
        return None
    if not (found.value_valid and all(map(isfinite, values))):
        return None
    return Guess([round(dual) for dual in duals], [round(ldexp(each, shift)) for each in values])


# --- exact flow and potentials -------------------------------------------------------------------


def balance(graph: Graph, guess: Guess | None = None) -> tuple[list[int], list[int]]:
    """The potentials and the flow of an optimum, from any guess or none.

    The primal-dual algorithm (Ahuja, Magnanti and Orlin, Network Flows, 1993, section 9.8). A flow
    that fits the potentials is optimal but for its imbalances; each round moves as much as goes
    from parties with too much to parties with too little along edges without a gain or loss, after
    the potentials have been raised by how far away each party is. Distances are integers that grow
    with each round, so the number of rounds depends on the graph and not on amounts.
    """
    guess = guess or Guess([0] * graph.parties, [0] * len(graph.amounts))
    residual = _Residual(graph, guess)
    while residual.approach():
        while residual.find_levels():
            residual.move()
    return residual.potentials, residual.room[1::2]


class _Residual:
    """The residual network: arc 2i lets debt i carry more, arc 2i+1 less."""

    def __init__(self, graph: Graph, guess: Guess) -> None:
        """Start from the guess, with the flow made to fit the potentials."""
        self.potentials = list(guess.potentials)
        self.excess = [0] * graph.parties
        self.room: list[int] = []
        self.head: list[int] = []
        self.level: list[int] = []
        self._arcs: list[list[int]] = []
        for debtor, creditor, amount, guessed in zip(
            graph.debtors, graph.creditors, graph.amounts, guess.flow, strict=True
        ):
            gain = 1 - self.potentials[debtor] + self.potentials[creditor]
            carried = min(max(guessed, 0), amount) if gain == 0 else amount if gain > 0 else 0
            self.room += (amount - carried, carried)
            self.head += (creditor, debtor)
            self.excess[creditor] += carried
            self.excess[debtor] -= carried

    def approach(self) -> bool:
        """Raise the potentials until a party in excess has a way to one in need; False if none is.

        Dijkstra's algorithm: lengths, ``_length``, are what moving one unit loses, never negative.
        """
        queue = [(0, party) for party, excess in enumerate(self.excess) if excess > 0]
        if not queue:
            return False
        distance = dict.fromkeys((party for _, party in queue), 0)
        while True:  # there is a way: to take back all that is carried is one
            nearest, party = heapq.heappop(queue)
            if distance[party] < nearest:
                continue
            if self.excess[party] < 0:
                break
            for arc in self.arcs[party]:
                if self.room[arc]:
                    end, far = self.head[arc], nearest + self._length(arc)
                    if end not in distance or far < distance[end]:
                        distance[end] = far
                        heapq.heappush(queue, (far, end))
        self.potentials = [
            potential + min(distance.get(party, nearest), nearest)
            for party, potential in enumerate(self.potentials)
        ]
        return True

    @property
    def arcs(self) -> list[list[int]]:
        """The arcs out of each party, listed when they are first needed: mostly they are not."""
        if not self._arcs:
            self._arcs = [[] for _ in self.excess]
            for arc in range(len(self.head)):
                self._arcs[self.head[arc ^ 1]].append(arc)
        return self._arcs

    def _length(self, arc: int) -> int:
        apart = self.potentials[self.head[arc ^ 1]] - self.potentials[self.head[arc]]
        return apart + 1 if arc & 1 else apart - 1

    def find_levels(self) -> bool:
        """Number the parties by arcs of length zero from one in excess; False if none is in need.

        This and ``move`` are Dinic's algorithm for maximum flow (1970).
        """
        self.level = [0 if excess > 0 else -1 for excess in self.excess]
        reached = [party for party, excess in enumerate(self.excess) if excess > 0]
        found = False
        for party in reached:  # which grows meanwhile
            for arc in self.arcs[party]:
                end = self.head[arc]
                if self.room[arc] and self.level[end] < 0 and not self._length(arc):
                    self.level[end] = self.level[party] + 1
                    found = found or self.excess[end] < 0
                    reached.append(end)
        return found

    def move(self) -> None:
        """Move what can be moved along arcs of length zero that go up one level each."""
        tried = [0] * len(self.excess)
        for source, excess in enumerate(self.excess):
            if excess <= 0:
                continue
            path: list[int] = []
            while self.excess[source] > 0:
                party = self.head[path[-1]] if path else source
                if self.excess[party] < 0:
                    self._push(source, party, path)
                    path = []
                elif (arc := self._climb(party, tried)) is not None:
                    path.append(arc)
                elif path:
                    tried[self.head[path.pop() ^ 1]] += 1
                else:
                    break

    def _climb(self, party: int, tried: list[int]) -> int | None:
        """The next arc up from here that has not been found a dead end."""
        arcs = self.arcs[party]
        while tried[party] < len(arcs):
            arc = arcs[tried[party]]
            up = self.level[self.head[arc]] == self.level[party] + 1
            if up and self.room[arc] and not self._length(arc):
                return arc
            tried[party] += 1
        return None

    def _push(self, source: int, party: int, path: Sequence[int]) -> None:
        amount = min(self.excess[source], -self.excess[party], *(self.room[arc] for arc in path))
        for arc in path:
            self.room[arc] -= amount
            self.room[arc ^ 1] += amount
        self.excess[source] -= amount
        self.excess[party] += amount
