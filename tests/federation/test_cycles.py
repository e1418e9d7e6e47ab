"""Debts that go round among circles: which are believed, and the payments that clear them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from ledger import codec, keys
from ledger.federation.agreement import Agreement, Party, link_id, make_agreement
from ledger.federation.cycles import (
    Position,
    Rate,
    Shown,
    circles_of,
    debts_by_unit,
    find_positions,
    own_position,
    step_of,
    trust_own,
    ways_to_clear,
)
from ledger.federation.gossip_envelope import LinkPosition
from ledger.federation.link import Link
from ledger.federation.message import FIRST, Statement, encode_statement
from tests.circle import key, seed

A, B, C, D = (bytes([place]) * 32 for place in range(1, 5))
NAMES = {A: "a", B: "b", C: "c", D: "d"}


def link_seed(circle: bytes) -> bytes:
    return seed(f"{NAMES[circle]} link")


# --- what is owed ---------------------------------------------------------------------------------


def statement(low: bytes, high: bytes, tally: int, **fields: Any) -> bytes:
    """Where a link stands, signed by both; ``signers`` may be others."""
    signers = fields.pop("signers", (low, high))
    said = Statement(link_id(low, high), 1, 3, FIRST, 4, FIRST, tally, 0, 0)._replace(**fields)
    body = encode_statement(said)
    return codec.encode(
        (body, *(keys.sign(keys.STATEMENT, body, link_seed(circle)) for circle in signers))
    )


def shown(*links: tuple[bytes, LinkPosition]) -> dict[bytes, Shown]:
    """What A to D show: each of ``links`` is by the circle before it."""
    return {
        circle: Shown(
            keys.public_key(link_seed(circle)),
            {link.peer: link for owner, link in links if owner == circle},
        )
        for circle in NAMES
    }


def ends(signed: bytes, **fields: Any) -> list[tuple[bytes, LinkPosition]]:
    """The link of A and B as both show it; A's own side has other ``fields``."""
    usual = LinkPosition(B, b"minutes", signed, 1, 1, 500, 400)
    return [(A, usual._replace(**fields)), (B, usual._replace(peer=A, inward=300, outward=200))]


def test_debt_that_both_show_and_signed_counts() -> None:
    [position] = find_positions(shown(*ends(statement(A, B, 30))))
    assert position == Position(b"minutes", B, A, 30, 300, (1, 1), (1, 1))
    [position] = find_positions(shown(*ends(statement(A, B, -30), numerator=20, denominator=12)))
    assert position == Position(b"minutes", A, B, 30, 200, (5, 3), (1, 1))
    assert position.step == 3


def test_what_is_being_paid_of_a_debt_is_left_out() -> None:
    [position] = find_positions(shown(*ends(statement(A, B, 30, low_held=10, high_held=7))))
    assert position.amount == 20
    [position] = find_positions(shown(*ends(statement(A, B, -30, low_held=10, high_held=7))))
    assert position.amount == 23
    assert not list(find_positions(shown(*ends(statement(A, B, 30, low_held=30)))))


def test_no_debt_is_none() -> None:
    assert not list(find_positions(shown(*ends(statement(A, B, 0)))))


SIGNED = statement(A, B, 30)


@pytest.mark.parametrize(
    "links",
    [
        ends(SIGNED)[:1],
        ends(SIGNED)[1:],
        ends(SIGNED, unit=b"hours"),
        ends(SIGNED, outward=0),
        ends(SIGNED, statement=b""),
        ends(SIGNED, statement=statement(A, B, 31)),
        ends(SIGNED, statement=statement(A, B, 30, low_seq=4)),
        ends(b""),
        ends(b"no statement"),
        ends(statement(A, B, 30, signers=(A, A))),
        ends(statement(A, B, 30, signers=(C, B))),
        ends(statement(A, B, 30, link=link_id(A, C))),
        ends(codec.encode((b"no statement", bytes(64), bytes(64)))),
    ],
    ids=[
        *("B does not show it", "A does not show it", "another unit", "A takes no payments"),
        *("A shows no statement", "another tally", "another pair of numbers"),
        *("none yet", "none", "B did not sign", "A did not sign", "of another link", "no form"),
    ],
)
def test_debt_that_one_end_shows_otherwise_does_not_count(
    links: list[tuple[bytes, LinkPosition]],
) -> None:
    assert not list(find_positions(shown(*links)))


def test_positions_of_circles_that_nobody_heard_of_do_not_count() -> None:
    said = shown(*ends(SIGNED))
    del said[B]
    assert not list(find_positions(said))


# --- our own links --------------------------------------------------------------------------------


def agreement(ours: Rate = (1, 1), theirs: Rate = (1, 1)) -> Agreement:
    """Of A and B, on payments of up to 100."""
    one, other = (
        Party(circle, "", key("x"), key("y"), "", *rate, 500)
        for circle, rate in ((A, ours), (B, theirs))
    )
    return make_agreement(1, b"minutes", 100, 10, one, other)


def link(owed: int, **fields: Any) -> Link:
    """A's with B."""
    usual = Link(link_id(A, B), A, B, 4, b"", agreement(), may_owe=500, may_be_owed=500)
    return usual._replace(owed=owed, **fields)


def test_own_books_say_what_is_owed_and_not_yet_being_paid() -> None:
    assert own_position(link(30, outgoing=10, incoming=5)) == Position(
        b"minutes", B, A, 20, 100, (1, 1), (1, 1)
    )
    assert own_position(link(-30, outgoing=10, incoming=5)) == Position(
        b"minutes", A, B, 25, 100, (1, 1), (1, 1)
    )
    small = own_position(link(30, may_owe=0, terms=agreement(theirs=(20, 12))))
    assert small == Position(b"minutes", B, A, 30, 30, (5, 3), (1, 1))


@pytest.mark.parametrize(
    "nothing",
    [
        link(0),
        link(30, outgoing=30),
        link(30, status="suspended"),
        link(30, status="frozen"),
        link(30, peer_suspended=True),
    ],
)
def test_own_link_that_takes_no_payment_or_has_no_debt_is_not_cleared(nothing: Link) -> None:
    assert own_position(nothing) is None


def believed(own: Link, **said: Any) -> list[Position]:
    position = Position(b"minutes", B, A, 30, 80, (1, 1), (1, 1))._replace(**said)
    known = own_position(own)
    return list(trust_own(A, [position], [known] if known else []))


def test_own_books_bound_what_bulletins_say_of_own_links() -> None:
    [same] = believed(link(30))
    assert (same.amount, same.most) == (30, 80)
    [paid_since] = believed(link(20))
    assert paid_since.amount == 20
    [owed_since] = believed(link(90))
    assert owed_since.amount == 30
    assert not believed(link(0))
    assert not believed(link(-30)), "it is the other that owes now"


def test_bulletin_with_another_unit_or_rate_than_the_agreement_is_not_used() -> None:
    assert not believed(link(30), unit=b"hours")
    assert not believed(link(30), creditor_rate=(2, 1))
    assert not believed(link(30), debtor_rate=(1, 60))


def test_links_of_others_are_left_as_they_are() -> None:
    far = Position(b"minutes", C, D, 30, 80, (1, 1), (1, 1))
    assert list(trust_own(A, [far], [])) == [far]


# --- what goes round ------------------------------------------------------------------------------


def owes(debtor: bytes, creditor: bytes, amount: int, *rates: Rate, unit: bytes = b"m") -> Position:
    return Position(unit, debtor, creditor, amount, 1000, *(rates or ((1, 1), (1, 1))))


def test_each_unit_is_cleared_by_itself() -> None:
    found = debts_by_unit([owes(A, B, 3), owes(B, C, 4, unit=b"h"), owes(C, A, 5)])
    assert {unit: len(debts) for unit, debts in found.items()} == {b"m": 2, b"h": 1}


def test_circle_with_two_rates_is_two_parties() -> None:
    """Else what it passes on would not be worth what came in."""
    found = debts_by_unit([owes(A, B, 3, (1, 1), (2, 1)), owes(B, C, 4, (3, 1), (1, 1))])
    (_, came, _), (left, _, _) = found[b"m"]
    assert came != left
    together = debts_by_unit([owes(A, B, 3, (1, 1), (2, 1)), owes(B, C, 4, (2, 1), (1, 1))])
    (_, came, _), (left, _, _) = together[b"m"]
    assert came == left


def test_cycle_begins_with_its_lowest_circle_and_has_each_once() -> None:
    def names(*circles: bytes) -> Iterator[str]:
        return (f"{circle.hex()} {place}:1" for place, circle in enumerate(circles, 1))

    assert list(circles_of([(tuple(names(C, A, B)), 7)])) == [((A, B, C), 7)]
    assert not list(circles_of([(tuple(names(C, A, B, A)), 7)]))


# --- payments -------------------------------------------------------------------------------------


def positions(
    *amounts: int, rate: Rate = (1, 1), most: int = 1000
) -> dict[tuple[bytes, bytes], Position]:
    """A owes B, B owes C and C owes A these amounts."""
    pairs = zip(((A, B), (B, C), (C, A)), amounts, strict=True)
    return {pair: Position(b"minutes", *pair, amount, most, (1, 1), rate) for pair, amount in pairs}


def test_payment_goes_round_against_the_debts_from_the_lowest_circle() -> None:
    """A pays C, to which C's debt shrinks, C pays B, B pays A."""
    [way] = ways_to_clear(A, [((B, C, A), 30)], positions(30, 40, 50))
    assert way == ((C, 30), (B, 30), (A, 30))


def test_only_the_lowest_circle_proposes() -> None:
    assert not ways_to_clear(B, [((A, B, C), 30)], positions(30, 40, 50))


def test_amount_is_cut_to_what_no_rate_rounds() -> None:
    [way] = ways_to_clear(A, [((A, B, C), 31)], positions(31, 40, 50, rate=(3, 10)))
    assert {amount for _, amount in way} == {30}


def test_amount_over_the_largest_payment_goes_in_several() -> None:
    ways = ways_to_clear(A, [((A, B, C), 25)], positions(30, 40, 50, most=10))
    assert [way[0][1] for way in ways] == [10, 10, 5]


def test_cycle_below_the_least_step_is_left() -> None:
    assert not ways_to_clear(A, [((A, B, C), 9)], positions(9, 40, 50, rate=(7, 10)))
    assert not ways_to_clear(A, [((A, B, C), 30)], positions(30, 40, 50, rate=(7, 10), most=9)), (
        "what the links take is less than the least that rounds nothing"
    )


def test_no_more_payments_are_proposed_than_a_night_is_for() -> None:
    assert len(ways_to_clear(A, [((A, B, C), 999)], positions(999, 999, 999, most=1))) == 64


def test_step_is_the_least_that_rounds_nothing_at_any_rate() -> None:
    assert step_of((6, 60), (1, 1)) == 10
    assert step_of((7, 3), (1, 4)) == 12


def test_longest_cycle_that_a_payment_goes_round() -> None:
    for count, ways in ((16, 1), (17, 0)):
        ring = tuple(bytes([place]) * 32 for place in range(count))
        around = {pair: owes(*pair, 5) for pair in pairwise((*ring, ring[0]))}
        assert len(ways_to_clear(ring[0], [(ring, 5)], around)) == ways
