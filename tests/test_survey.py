"""From many circles' bulletins to the payments that each is to propose."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import codec, keys
from ledger.federation.agreement import link_id
from ledger.federation.cycles import Position
from ledger.federation.gossip_envelope import (
    PERIOD_MS,
    Bulletin,
    LinkPosition,
    Totals,
    Unit,
    encode_bulletin,
)
from ledger.federation.message import FIRST, Statement, encode_statement
from node.federation import survey as survey_module
from node.federation.survey import Record, SurveyFailed, Task, gather, survey, survey_apart
from node.gossip.routes import AGE_MS_MAX
from tests.federation.gossip_circles import CHECKPOINT, NOW, member, settle, talkative

CIRCLES = [keys.public_key(bytes([number]) * 32) for number in range(6)]


class Debt(NamedTuple):
    """What one circle owes another, by their numbers, and at which rates."""

    debtor: int
    creditor: int
    amount: int
    debtor_rate: int = 1
    creditor_rate: int = 1


def records(debts: list[Debt]) -> tuple[Record, ...]:
    """What all circles say that have these debts, at most one between two."""
    links: dict[int, list[LinkPosition]] = {number: [] for number in range(len(CIRCLES))}
    for debt in debts:
        pair = sorted((debt.debtor, debt.creditor), key=CIRCLES.__getitem__)
        low, high = (CIRCLES[number] for number in pair)
        tally = debt.amount if CIRCLES[debt.creditor] == low else -debt.amount
        said = Statement(link_id(low, high), 1, 1, FIRST, 1, FIRST, tally, 0, 0)
        body = encode_statement(said)
        both = (keys.sign(keys.STATEMENT, body, bytes([number]) * 32) for number in pair)
        joined = codec.encode((body, *both))
        for owner, peer, rate in (
            (debt.debtor, debt.creditor, debt.debtor_rate),
            (debt.creditor, debt.debtor, debt.creditor_rate),
        ):
            links[owner].append(LinkPosition(CIRCLES[peer], b"m", joined, 1, rate, 900, 900))
    totals, unit = Totals(1, 1, 1), Unit(b"token", b"tokens", "decimal", 2)
    return tuple(
        Record(
            circle,
            circle,
            encode_bulletin(
                Bulletin(CHECKPOINT, totals, "http://x", unit, tuple(sorted(links[number])))
            ),
        )
        for number, circle in enumerate(CIRCLES)
    )


def task(circle: int, debts: list[Debt], told: tuple[Record, ...]) -> Task:
    """What a circle has to go by whose books are as it says."""
    own = [
        Position(
            b"m",
            CIRCLES[debt.debtor],
            CIRCLES[debt.creditor],
            debt.amount,
            900,
            (1, debt.debtor_rate),
            (1, debt.creditor_rate),
        )
        for debt in debts
        if circle in (debt.debtor, debt.creditor)
    ]
    return Task(CIRCLES[circle], told, tuple(own))


numbers = st.integers(0, len(CIRCLES) - 1)
some_debts = st.lists(
    st.builds(
        Debt, numbers, numbers, st.integers(1, 200), st.sampled_from([1, 1, 1, 2]), st.just(1)
    ).filter(lambda debt: debt.debtor != debt.creditor),
    unique_by=lambda debt: frozenset(debt[:2]),
    max_size=12,
)


@settings(max_examples=60)
@given(some_debts)
def test_all_circles_together_clear_every_cycle_once(debts: list[Debt]) -> None:
    """Nobody is paid more than they are owed; nothing is rounded anywhere; what can go does."""
    told = records(debts)
    surveys = [survey(task(number, debts, told)) for number in range(len(CIRCLES))]
    assert len({each.cycles for each in surveys}) == 1
    owed = {(CIRCLES[debt.debtor], CIRCLES[debt.creditor]): debt for debt in debts}
    paid: Counter[tuple[bytes, bytes]] = Counter()
    by_cycle: Counter[tuple[bytes, ...]] = Counter()
    for circle, each in zip(CIRCLES, surveys, strict=True):
        for proposal in each.proposals:
            assert proposal.circles[-1] == circle
            by_cycle[circle, *proposal.circles[-2::-1]] += proposal.amount
            for creditor, debtor in pairwise((circle, *proposal.circles)):
                paid[debtor, creditor] += proposal.amount
                debt = owed[debtor, creditor]
                assert proposal.amount % debt.debtor_rate == 0
    assert all(amount <= owed[pair].amount for pair, amount in paid.items())
    for unit, circles, amount in surveys[0].cycles:
        assert unit == b"m"
        assert amount - by_cycle[circles] in (0, 1)


def test_of_a_cycle_all_but_the_remainder_is_proposed_by_one() -> None:
    debts = [Debt(0, 1, 31, 2), Debt(1, 2, 40), Debt(2, 0, 50, 1, 2)]
    told = records(debts)
    found = [survey(task(number, debts, told)) for number in range(3)]
    assert [cycle.amount for cycle in found[0].cycles] == [31]
    [proposal] = [proposal for each in found for proposal in each.proposals]
    assert (proposal.amount, proposal.freed, proposal.unit) == (30, 90, b"m")
    assert proposal.circles[-1] == min(CIRCLES[:3])


def test_own_books_go_before_bulletins() -> None:
    """What was paid since is no debt any more."""
    debts = [Debt(0, 1, 30), Debt(1, 2, 40), Debt(2, 0, 50)]
    told = records(debts)
    paid = [Debt(0, 1, 5), Debt(1, 2, 40), Debt(2, 0, 50)]
    assert survey(task(0, paid, told)).cycles[0].amount == 5
    assert survey(Task(CIRCLES[0], told, ())).debts == 1
    assert survey(task(3, [], told)).cycles[0].amount == 30


def test_bulletin_of_no_known_form_is_passed_over() -> None:
    debts = [Debt(0, 1, 30), Debt(1, 2, 40), Debt(2, 0, 50)]
    told = [*records(debts), Record(bytes(32), bytes(32), b"of another version")]
    assert survey(task(5, [], tuple(told))).debts == 3
    told[2] = told[2]._replace(bulletin=b"")
    assert survey(task(5, [], tuple(told))).debts == 1


def test_key_that_is_not_the_announced_one_proves_nothing() -> None:
    debts = [Debt(0, 1, 30)]
    told = records(debts)
    other = told[0]._replace(link_key=CIRCLES[5])
    assert survey(task(4, [], (other, *told[1:]))).debts == 0


async def test_process_finds_the_same() -> None:
    debts = [Debt(0, 1, 31, 2), Debt(1, 2, 40), Debt(2, 0, 50, 1, 2), Debt(3, 2, 4)]
    told = records(debts)
    for number in range(4):
        work = task(number, debts, told)
        assert await survey_apart(work) == survey(work)


async def test_process_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "SECONDS_MAX", 0.01)
    with pytest.raises(SurveyFailed):
        await survey_apart(task(0, [], records([])))


def test_what_counts_is_new_and_of_circles_that_never_contradicted_themselves() -> None:
    ann, ben = talkative("ann"), talkative("ben")
    liar = talkative("liar")
    liar.publish(liar.speaker.bulletin(accounts=41))
    settle([ann, ben, liar])

    def circles(now: int, heard: dict[bytes, int]) -> set[bytes]:
        return {record.circle for record in gather(ann.store, (), now, heard).records}

    both = {ann.speaker.id, ben.speaker.id}
    assert circles(NOW, {}) == both
    assert circles(NOW + AGE_MS_MAX, {}) == both
    assert circles(NOW + AGE_MS_MAX + PERIOD_MS, {}) == set()
    assert circles(NOW, {ben.speaker.id: NOW // PERIOD_MS}) == {ann.speaker.id}
    assert circles(NOW, {ben.speaker.id: NOW // PERIOD_MS - 1}) == both
    assert gather(member("nobody").store, (), NOW, {}).records == ()
