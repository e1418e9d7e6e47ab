"""Checking plans of clearing and their certificates, and cutting circulations into cycles."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.circulation import (
    DEBTS_MAX,
    POTENTIAL_MAX,
    Cycle,
    Debt,
    InvalidDebt,
    InvalidPlan,
    UnprovenPlan,
    cut,
    sum_debts,
    verify_optimal,
    verify_plan,
)
from ledger.codec import AMOUNT_MAX

PAIR: list[Debt] = [("ann", "bob", 5), ("bob", "ann", 3)]
RING: list[Debt] = [("ann", "bob", 5), ("bob", "cat", 7), ("cat", "ann", 6), ("cat", "bob", 1)]
RING_PLAN: list[Cycle] = [(("ann", "bob", "cat"), 5), (("bob", "cat"), 1)]
RING_PROOF = {"ann": 0, "bob": 2, "cat": 1}

PARTIES = st.sampled_from("abcdef")
DEBTS = st.lists(
    st.tuples(PARTIES, PARTIES, st.integers(1, 9)).filter(lambda debt: debt[0] != debt[1]),
    max_size=12,
)


def ends(members: tuple[str, ...]) -> list[tuple[str, str]]:
    """The debts along a cycle."""
    return list(pairwise((*members, members[0])))


@pytest.mark.parametrize(
    ("debt", "reason"),
    [
        (("ann", "ann", 1), "'ann' cannot owe itself"),
        (("ann", 7, 1), "its debtor and creditor have to be strings"),
        ((None, "bob", 1), "its debtor and creditor have to be strings"),
        ((b"ann", b"bob", 1), "its debtor and creditor have to be strings"),
        (("ann", "bob"), "it is not a debtor, a creditor and an amount"),
        ("abc", "it is not a debtor, a creditor and an amount"),
        (("ann", "bob", 0), "and it is 0"),
        (("ann", "bob", -5), "and it is -5"),
        (("ann", "bob", True), "and it is True"),
        (("ann", "bob", 5.0), "and it is 5.0"),
        (("ann", "bob", float("nan")), "and it is nan"),
        (("ann", "bob", "5"), "and it is '5'"),
        (("ann", "bob", "5" * 99), f"and it is '{'5' * 40}...'"),
        (("ann", "bob", [10**9999]), "and it is a list"),
        (("ann", "bob", None), "and it is None"),
        (("ann", "bob", AMOUNT_MAX + 1), "and it is beyond that"),
        (("ann", "bob", 10**9999), "and it is beyond that"),
        (("bob", "ann", AMOUNT_MAX - 2), f"'bob' owes 'ann' more than {AMOUNT_MAX}"),
    ],
)
def test_what_is_no_debt_is_refused_with_its_place(debt: Any, reason: str) -> None:
    for check in (sum_debts, lambda debts: verify_plan(debts, [])):
        with pytest.raises(InvalidDebt) as caught:
            check([*PAIR, debt])
        assert caught.value.position == 2
        assert str(caught.value).endswith(f"{reason}.")


def test_debts_of_one_pair_are_summed_up_to_the_largest_amount() -> None:
    assert sum_debts([*PAIR, ("bob", "ann", AMOUNT_MAX - 3)]) == {
        ("ann", "bob"): 5,
        ("bob", "ann"): AMOUNT_MAX,
    }


def test_debts_without_end_are_refused() -> None:
    endless: Any = iter(lambda: ("ann", "bob", 1), None)
    with pytest.raises(InvalidDebt, match=f"at most {DEBTS_MAX}"):
        sum_debts(endless)


@pytest.mark.parametrize(
    ("cycle", "reason"),
    [
        ((("bob", "ann"), 5), "2 more is taken off than 'bob' owes 'ann'"),
        ((("ann", "cat"), 1), "1 more is taken off than 'ann' owes 'cat'"),
        ((("ann",), 1), "fewer than two"),
        (((), 1), "fewer than two"),
        ((("ann", "bob", "ann", "bob"), 1), "in it twice"),
        ((("ann", 7), 1), "have to be strings"),
        (("ann", 1), "have to be strings"),
        ((("ann", "bob"), 0), "an integer from 1"),
        ((("ann", "bob"), True), "an integer from 1"),
        ((("ann", "bob"), 1.0), "an integer from 1"),
        ((("ann", "bob"),), "not members and an amount"),
        (None, "not members and an amount"),
    ],
)
def test_a_cycle_that_the_debts_do_not_allow_is_refused(cycle: Any, reason: str) -> None:
    with pytest.raises(InvalidPlan, match=reason) as caught:
        verify_plan(PAIR, [cycle])
    assert caught.value.position == 0


def test_cycles_that_are_too_much_only_together_are_refused() -> None:
    assert verify_plan(PAIR, [(("ann", "bob"), 2)]) == 4
    with pytest.raises(InvalidPlan, match="1 more is taken off") as caught:
        verify_plan(PAIR, [(("ann", "bob"), 2), (("bob", "ann"), 2)])
    assert caught.value.position == 1


def test_a_plan_of_more_cycles_than_debts_is_refused() -> None:
    with pytest.raises(InvalidPlan, match="there are only 2 debts"):
        verify_plan(PAIR, [(("ann", "bob"), 1)] * 3)


def test_the_best_plan_is_accepted_with_its_certificate() -> None:
    assert verify_optimal(RING, RING_PLAN, RING_PROOF) == 17
    shifted = {party: potential - 9 for party, potential in RING_PROOF.items()}
    assert verify_optimal(RING, RING_PLAN, shifted | {"dan": 0}) == 17
    assert verify_optimal([], [], {}) == 0


@pytest.mark.parametrize("plan", [[], RING_PLAN[:1], [(("ann", "bob", "cat"), 4), RING_PLAN[1]]])
def test_a_plan_that_cancels_less_is_not_proven(plan: list[Cycle]) -> None:
    with pytest.raises(UnprovenPlan, match="that 17 is a bound"):
        verify_optimal(RING, plan, RING_PROOF)


@pytest.mark.parametrize(
    ("potentials", "reason"),
    [
        ({"ann": 0, "bob": 0, "cat": 0}, "that 19 is a bound"),
        ({"ann": 0, "bob": 2}, "'cat' has to have an integer"),
        ({"ann": 0, "bob": 2, "cat": True}, "'cat' has to have an integer"),
        ({"ann": 0, "bob": 2, "cat": 1.0}, "'cat' has to have an integer"),
        ({"ann": 0, "bob": 2, "cat": POTENTIAL_MAX + 1}, "'cat' has to have an integer"),
    ],
)
def test_potentials_that_prove_nothing_are_refused(potentials: Any, reason: str) -> None:
    with pytest.raises(UnprovenPlan, match=reason):
        verify_optimal(RING, RING_PLAN, potentials)


def test_a_certificate_does_not_make_up_for_a_plan_that_cannot_be_settled() -> None:
    with pytest.raises(InvalidPlan):
        verify_optimal(RING, [*RING_PLAN, (("bob", "cat"), 1)], RING_PROOF)


@given(
    debts=DEBTS, potentials=st.fixed_dictionaries({each: st.integers(-4, 4) for each in "abcdef"})
)
def test_no_potentials_prove_a_bound_below_what_a_plan_cancels(
    debts: list[Debt], potentials: dict[str, int]
) -> None:
    """The inequality that the certificate rests on, for all pairs at least."""
    owed = sum_debts(debts)
    plan = [
        ((debtor, creditor), min(amount, owed[creditor, debtor]))
        for (debtor, creditor), amount in owed.items()
        if debtor < creditor and (creditor, debtor) in owed
    ]
    cancelled = verify_plan(debts, plan)
    try:
        assert verify_optimal(debts, plan, potentials) == cancelled
    except UnprovenPlan as error:
        bound = int(error.reason.split()[-4])
        assert bound > cancelled


CYCLES = st.lists(
    st.tuples(
        st.lists(st.sampled_from("abcdefgh"), min_size=2, unique=True).map(tuple),
        st.integers(1, AMOUNT_MAX),
    ),
    max_size=10,
)


@pytest.mark.parametrize("looks", [0, 5, 1_000])
@given(drawn=CYCLES)
def test_a_circulation_is_cut_into_no_more_cycles_than_debts(
    looks: int, drawn: list[Cycle]
) -> None:
    """Whether they are searched or walked, each is simple, and together they are what was given."""
    flow: Counter[tuple[str, str]] = Counter()
    for members, amount in drawn:
        flow.update(dict.fromkeys(ends(members), amount))
    cycles = cut(flow, looks)
    assert len(cycles) <= len(flow)
    assert cycles == sorted(set(cycles))
    summed: Counter[tuple[str, str]] = Counter()
    for members, amount in cycles:
        assert members[0] == min(members)
        assert len(set(members)) == len(members) >= 2
        assert amount > 0
        summed.update(dict.fromkeys(ends(members), amount))
    assert summed == flow


def test_short_cycles_are_found_where_a_walk_would_go_all_the_way_around() -> None:
    ring = [f"p{number:02}" for number in range(60)]
    triangles = {
        pair: 1
        for first, second in pairwise(ring)
        for pair in ends((first, second, f"{first}-{second}"))
    }
    around = dict.fromkeys(ends(tuple(ring)), 1)
    flow = Counter(triangles) + Counter(around)
    lengths = Counter(len(members) for members, _ in cut(flow))
    assert lengths == {3: 59, 60: 1}
