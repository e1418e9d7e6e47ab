"""Clearing cancels the most that any circulation can, exactly, whatever the amounts are."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.circulation import Cycle, Debt, InvalidDebt, sum_debts, verify_optimal, verify_plan
from ledger.codec import AMOUNT_MAX
from node.clearing import Graph, Guess, Plan, balance, clear, relax, solve
from tests.sarafu import read_movements

PARTIES = "abcde"
AMOUNTS = st.one_of(
    st.integers(1, 9), st.integers(1, AMOUNT_MAX), st.integers(AMOUNT_MAX - 9, AMOUNT_MAX)
)


def debts_of(amounts: st.SearchStrategy[int], debts_max: int) -> st.SearchStrategy[list[Debt]]:
    """Debts with each ordered pair of parties at most once."""
    pairs = [pair for pair in product(PARTIES, repeat=2) if pair[0] != pair[1]]
    return st.dictionaries(st.sampled_from(pairs), amounts, max_size=debts_max).map(
        lambda owed: [(debtor, creditor, amount) for (debtor, creditor), amount in owed.items()]
    )


def proven(debts: list[Debt]) -> Plan:
    """The plan, after its certificate was checked."""
    plan = solve(debts)
    assert verify_optimal(debts, plan.cycles, plan.potentials) == plan.total
    assert clear(debts) == list(plan.cycles)
    return plan


def most_by_trying_all(debts: list[Debt]) -> int:
    """What the best circulation cancels, of all that there are."""
    best = 0
    for flow in product(*(range(amount + 1) for *_, amount in debts)):
        net: Counter[str] = Counter()
        for (debtor, creditor, _), carried in zip(debts, flow, strict=True):
            net[debtor] -= carried
            net[creditor] += carried
        if not any(net.values()):
            best = max(best, sum(flow))
    return best


def total_without_solver(debts: list[Debt], guess: Guess | None = None) -> int:
    """What our own method finds from a guess or none, over the whole graph."""
    return sum(balance(graph_of(debts), guess)[1])


def graph_of(debts: list[Debt]) -> Graph:
    """The debts by numbers, in the order of the names."""
    owed = sum_debts(debts)
    names = sorted({party for pair in owed for party in pair})
    return Graph(
        len(names),
        [names.index(debtor) for debtor, _ in owed],
        [names.index(creditor) for _, creditor in owed],
        list(owed.values()),
    )


@pytest.mark.parametrize(
    ("debts", "cycles"),
    [
        ([], []),
        ([("a", "b", 5)], []),
        ([("a", "b", 5), ("b", "c", 5), ("a", "c", 1)], []),
        ([("a", "b", 5), ("b", "a", 3)], [(("a", "b"), 3)]),
        ([("b", "a", 3), ("a", "b", 2), ("a", "b", 3)], [(("a", "b"), 3)]),
        ([("c", "a", 4), ("a", "b", 2), ("b", "c", 3)], [(("a", "b", "c"), 2)]),
        (
            [("a", "b", 1), ("b", "a", 1), ("x", "y", 2), ("y", "x", 2), ("b", "x", 9)],
            [(("a", "b"), 1), (("x", "y"), 2)],
        ),
        (
            [("a", "b", AMOUNT_MAX), ("b", "a", AMOUNT_MAX - 1)],
            [(("a", "b"), AMOUNT_MAX - 1)],
        ),
        (
            [("", "\0", 1), ("\0", "\U0001f41d", 1), ("\U0001f41d", "", 1)],
            [(("", "\0", "\U0001f41d"), 1)],
        ),
    ],
)
def test_what_cancels_is_found(debts: list[Debt], cycles: list[Cycle]) -> None:
    assert list(proven(debts).cycles) == cycles


def test_a_longer_way_round_is_preferred_where_it_cancels_more() -> None:
    """The debt from a to b can go in a cycle of two or in one of four, not in both."""
    debts = [("a", "b", 1), ("b", "a", 1), ("b", "c", 1), ("c", "d", 1), ("d", "a", 1)]
    assert clear(debts) == [(("a", "b", "c", "d"), 1)]


@pytest.mark.parametrize(
    "debt",
    [
        *[("x", "y", amount) for amount in (0, -1, True, 1.0, "1", None, AMOUNT_MAX + 1)],
        *[("x", "x", 1), ("x", 1, 1), (b"x", "y", 1), ("x", "y"), "xyz", None],
        ("a", "b", AMOUNT_MAX),
    ],
)
def test_what_is_no_debt_is_refused(debt: Any) -> None:
    for function in (clear, solve):
        with pytest.raises(InvalidDebt) as caught:
            function([("a", "b", 1), debt])
        assert caught.value.position == 1


@settings(max_examples=150)
@given(debts_of(st.integers(1, 3), 6))
def test_nothing_that_can_be_tried_cancels_more(debts: list[Debt]) -> None:
    assert proven(debts).total == most_by_trying_all(debts)


@settings(max_examples=150)
@given(debts_of(AMOUNTS, 20))
@example([("a", "b", AMOUNT_MAX), ("b", "c", AMOUNT_MAX), ("c", "a", AMOUNT_MAX), ("b", "a", 1)])
def test_amounts_beyond_doubles_are_cleared_to_the_last_unit(debts: list[Debt]) -> None:
    """Both plans are optimal by certificate, so the solver had no part in what they cancel."""
    assert proven(debts).total == total_without_solver(debts)


@settings(max_examples=150)
@given(data=st.data(), debts=debts_of(AMOUNTS, 20))
def test_any_guess_leads_to_the_optimum(data: st.DataObject, debts: list[Debt]) -> None:
    """So whatever a solver answers, the result is exact."""
    graph = graph_of(debts)
    parties, count = graph.parties, len(graph.amounts)
    guess = Guess(
        data.draw(st.lists(st.integers(-parties, parties), min_size=parties, max_size=parties)),
        data.draw(st.lists(st.integers(-1, AMOUNT_MAX + 1), min_size=count, max_size=count)),
    )
    assert total_without_solver(debts, guess) == proven(debts).total


@settings(max_examples=60)
@given(debts=debts_of(AMOUNTS, 20), seed=st.integers(0, 99))
def test_the_order_of_debts_does_not_matter(debts: list[Debt], seed: int) -> None:
    """Nor does it matter that one is told in two parts."""
    parts = [
        (debtor, creditor, part)
        for debtor, creditor, amount in debts
        for part in (amount // 2, amount - amount // 2)
        if part
    ]
    random.Random(seed).shuffle(parts)
    assert solve(iter(parts)) == solve(debts)


def many_debts(seed: int, parties: int, count: int, amounts: list[int]) -> list[Debt]:
    """So many debts between so many parties, of these amounts."""
    rng = random.Random(seed)
    pairs = {tuple(rng.sample(range(parties), 2)) for _ in range(count)}
    return [(f"p{one}", f"p{two}", rng.choice(amounts)) for one, two in sorted(pairs)]


@pytest.mark.parametrize(
    "amounts",
    [[1], [1, 2**30], [1, AMOUNT_MAX], [AMOUNT_MAX - odd for odd in range(9)]],
    ids=["all equal", "apart", "as far apart as can be", "all but too large"],
)
def test_hundreds_of_parties_are_cleared_exactly(amounts: list[int]) -> None:
    debts = many_debts(7, 300, 1_200, amounts)
    plan = proven(debts)
    assert len(plan.cycles) <= len(debts)
    assert plan.total == total_without_solver(debts)


def test_the_solver_needs_no_repair_while_amounts_are_of_everyday_size() -> None:
    """Its potentials are integers and its flow is a circulation that fits them."""
    graph = graph_of(many_debts(11, 200, 900, list(range(1, 10**6, 997))))
    guess = relax(graph)
    assert guess is not None
    assert balance(graph, guess) == (guess.potentials, guess.flow)


def test_a_hub_that_everybody_owes_is_cleared_where_sums_pass_doubles() -> None:
    debts = [
        debt
        for number in range(50)
        for debt in (
            ("hub", f"p{number}", AMOUNT_MAX),
            (f"p{number}", f"p{(number + 1) % 50}", AMOUNT_MAX - number),
            (f"p{number}", "hub", AMOUNT_MAX - 3 * number),
        )
    ]
    plan = proven(debts)
    assert plan.total > 100 * (AMOUNT_MAX - 150)
    assert plan.total == total_without_solver(debts)


def test_a_ring_of_thousands_and_a_chain_to_it_are_cleared() -> None:
    """Nothing recurses, and potentials rise along the chain."""
    ring: list[Debt] = [(f"r{n:04}", f"r{(n + 1) % 3_000:04}", 2) for n in range(3_000)]
    chain: list[Debt] = [(f"c{n:04}", f"c{n + 1:04}", AMOUNT_MAX) for n in range(3_000)]
    plan = proven([*chain, ("c3000", "r0000", 1), *ring])
    assert [(len(members), amount) for members, amount in plan.cycles] == [(3_000, 2)]
    assert plan.potentials["c0000"] == plan.potentials["c3000"] + 3_000


def test_real_debts_of_a_community_clear_what_is_published(shared_data: Path) -> None:
    """30.0 of 44,593.0, as the file's description has it; here in tenths."""
    debts = []
    for line in (shared_data / "debt-300.csv").read_text().splitlines():
        debtor, creditor, amount = line.split()
        debts.append((debtor, creditor, int(Decimal(amount) * 10)))
    assert sum(amount for *_, amount in debts) == 445_930
    assert proven(debts).total == 300


def test_a_week_of_real_trades_is_cleared_exactly(shared_data: Path) -> None:
    """Each trade is taken as a debt of its payer, in millionths of the unit."""
    movements = read_movements(shared_data / "sarafu-10k.csv")
    debts = [
        (each.source, each.target, each.amount)
        for each in movements
        if each.kind == "STANDARD" and each.amount and each.source != each.target
    ]
    plan = proven(debts)
    assert len(debts) > 1_300
    assert plan.total == total_without_solver(debts) > 0
    assert verify_plan(debts, plan.cycles) == plan.total


def test_the_plan_is_the_same_in_every_process() -> None:
    """Names are hashed differently in each."""
    program = (
        "from node.clearing import solve; from tests.test_clearing import many_debts;"
        "print(solve(many_debts(3, 90, 400, [1, 5, 2**53 - 1])))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=Path(__file__).resolve().parents[1],
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert b"cycles" in told.pop()
