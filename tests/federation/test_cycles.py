"""Payments that clear cycles of debt between circles."""

from __future__ import annotations

from ledger.federation.agreement import Party
from ledger.federation.cycles import Position, step_of, ways_to_clear

A, B, C = (bytes([place]) * 32 for place in range(1, 4))


def positions(
    *amounts: int, step: int = 1, most: int = 1000
) -> dict[tuple[bytes, bytes], Position]:
    """A owes B, B owes C and C owes A these amounts."""
    pairs = zip(((A, B), (B, C), (C, A)), amounts, strict=True)
    return {pair: Position(b"minutes", *pair, amount, step, most) for pair, amount in pairs}


def test_payment_goes_round_against_the_debts_from_the_lowest_circle() -> None:
    """A pays C, to which C's debt shrinks, C pays B, B pays A."""
    [way] = ways_to_clear(A, [((B, C, A), 30)], positions(30, 40, 50))
    assert way == ((C, 30), (B, 30), (A, 30))


def test_only_the_lowest_circle_proposes() -> None:
    assert not ways_to_clear(B, [((A, B, C), 30)], positions(30, 40, 50))


def test_amount_is_cut_to_what_no_rate_rounds() -> None:
    [way] = ways_to_clear(A, [((A, B, C), 31)], positions(31, 40, 50, step=10))
    assert {amount for _, amount in way} == {30}


def test_amount_over_the_largest_payment_goes_in_several() -> None:
    ways = ways_to_clear(A, [((A, B, C), 25)], positions(30, 40, 50, most=10))
    assert [way[0][1] for way in ways] == [10, 10, 5]


def test_cycle_below_the_least_step_is_left() -> None:
    assert not ways_to_clear(A, [((A, B, C), 9)], positions(9, 40, 50, step=10))


def test_step_is_the_least_that_rounds_nothing_for_either() -> None:
    def party(own: int, linked: int) -> Party:
        return Party(A, "", b"", b"", "", own, linked, 0)

    assert step_of(party(6, 60), party(1, 1)) == 10
    assert step_of(party(7, 3), party(1, 4)) == 12
