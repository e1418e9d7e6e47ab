"""Clearing a large graph of debts: how long it takes over the solver's own time, and its proof.

The solver is given the whole graph as one linear program, with the options that the node sets, and
only its ``run`` is timed. The graph is seeded: a few parties deal with very many and most with one
or two, a good part of the debts is answered by one the other way, and amounts are log-normal.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from itertools import accumulate
from statistics import median

import highspy

from ledger.circulation import Debt, verify_optimal
from node.clearing import clear, solve
from tests.bench.run import Report
from tests.bench.windows import say

SEED = 20_200_131
PARTIES = 37_000
DEBTS = 94_000
ROUNDS = 3
ANSWERED = 0.3
"""How often two debts are drawn at once, one each way."""


class NotTheOptimum(Exception):
    """The plan cancels another sum than the solver's own optimum."""


def measure(report: Report, parties: int = PARTIES, debts: int = DEBTS) -> None:
    """Clear the graph and time it. Raises UnprovenPlan or NotTheOptimum when it is not right."""
    say("Clearing: the most that cycles cancel")
    owed = draw_debts(random.Random(SEED), parties, debts)
    ratios, own, ours = [], 0.0, 0.0
    optimum = 0
    for _ in range(ROUNDS):
        own, optimum = run_solver(owed)
        began = time.perf_counter()
        clear(owed)
        ours = time.perf_counter() - began
        ratios.append(ours / own)
        say(f"  {ours:.2f} s, of which the solver on its own takes {own:.2f} s")
    plan = solve(owed)
    total = verify_optimal(owed, plan.cycles, plan.potentials)
    if total != optimum:
        raise NotTheOptimum(f"the plan cancels {total}, the solver's optimum {optimum}")
    report.figures["clearing_over_solver"] = median(ratios)
    report.facts |= {
        "clearing_certificate": "holds",
        "clearing_cycles": len(plan.cycles),
        "clearing_seconds": round(ours, 2),
        "clearing_share": round(total / sum(amount for *_, amount in owed), 4),
    }
    lengths = sorted(len(members) for members, _ in plan.cycles)
    report.notes.append(
        f"Clearing: {len(owed):,} debts of {parties:,} parties in {ours:.1f} s; the certificate "
        f"holds; {len(lengths):,} cycles of {lengths[len(lengths) // 2]} members in the median and "
        f"{lengths[-1]} at most."
    )


def draw_debts(rng: random.Random, parties: int, count: int) -> list[Debt]:
    """So many debts, each pair at most once each way, every party in one at least."""
    names = [f"p{number}" for number in range(parties)]
    rng.shuffle(names)
    weights = list(accumulate((rank + 10) ** -0.7 for rank in range(parties)))

    def draw() -> str:
        return rng.choices(names, cum_weights=weights)[0]

    owed: dict[tuple[str, str], int] = {}
    firsts = iter(names)
    while len(owed) < count:
        one, other = next(firsts, None) or draw(), draw()
        while one == other:
            other = draw()
        ways = [(one, other), (other, one)]
        rng.shuffle(ways)
        for way in ways if rng.random() < ANSWERED else ways[:1]:
            if len(owed) < count:
                owed.setdefault(way, max(1, round(rng.lognormvariate(6, 1.6))))
    return [(debtor, creditor, amount) for (debtor, creditor), amount in owed.items()]


def run_solver(debts: Sequence[Debt]) -> tuple[float, int]:
    """The seconds of the solver's ``run`` on the whole graph, and the optimum that it found."""
    names = dict.fromkeys(name for debt in debts for name in debt[:2])
    numbers = {name: index for index, name in enumerate(names)}
    count, parties = len(debts), len(names)
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("solver", "simplex")
    solver.setOptionValue("presolve", "off")
    solver.passModel(
        *(count, parties, 2 * count),
        int(highspy.MatrixFormat.kColwise),
        int(highspy.ObjSense.kMaximize),
        0.0,
        *([1.0] * count, [0.0] * count, [float(amount) for *_, amount in debts]),
        *([0.0] * parties, [0.0] * parties),
        list(range(0, 2 * count, 2)),
        [numbers[end] for debt in debts for end in debt[:2]],
        [1.0, -1.0] * count,
        [0] * count,
    )
    began = time.perf_counter()
    solver.run()
    seconds = time.perf_counter() - began
    return seconds, round(solver.getInfo().objective_function_value)
