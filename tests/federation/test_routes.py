"""Ways to another circle: what they cost, in which order, and what has no room."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ledger.federation.agreement import Party, worth_at_least, worth_at_most
from ledger.federation.routes import Edge, find_ways, lost_by_rounding, most_that_arrives, price

A, B, C, D = (bytes([place]) * 32 for place in range(1, 5))


def party(circle: bytes, own: int = 1, linked: int = 1) -> Party:
    return Party(circle, "", b"", b"", "", own, linked, 0)


def edge(start: bytes, end: bytes, room: int = 1000, rate: tuple[int, int] = (1, 1)) -> Edge:
    return Edge(party(start), party(end, *rate), room)


def graph(*edges: Edge) -> object:
    def leading_out(circle: bytes) -> Iterable[Edge]:
        return [each for each in edges if each.start.circle == circle]

    return leading_out


def test_cheapest_way_comes_first_and_of_equal_ones_the_shortest() -> None:
    edges = graph(
        edge(A, D, rate=(1, 2)), edge(A, B), edge(B, D), edge(A, C), edge(C, B), edge(B, C)
    )
    ways = find_ways(edges, A, D, 10)  # type: ignore[arg-type]
    assert [(quote.cost, len(quote.way)) for quote in ways] == [(10, 2), (10, 3), (20, 1)]
    assert ways[0].way == ((B, 10), (D, 10))


def test_way_without_room_is_left_out() -> None:
    edges = graph(edge(A, B, room=9), edge(B, D), edge(A, D, room=10))
    [quote] = find_ways(edges, A, D, 10)  # type: ignore[arg-type]
    assert quote.way == ((D, 10),)


def test_way_of_four_links_is_none() -> None:
    far = bytes([9]) * 32
    edges = graph(edge(A, B), edge(B, C), edge(C, D), edge(D, far))
    assert not find_ways(edges, A, far, 1)  # type: ignore[arg-type]
    assert find_ways(edges, A, D, 1)  # type: ignore[arg-type]


def test_way_never_comes_by_a_circle_twice() -> None:
    edges = graph(edge(A, B), edge(B, A), edge(B, C), edge(C, B), edge(B, D))
    ways = find_ways(edges, A, D, 5)  # type: ignore[arg-type]
    assert [quote.way for quote in ways] == [((B, 5), (D, 5))]


rates = st.tuples(st.integers(1, 1000), st.integers(1, 1000))


@given(rates, rates, rates, rates, st.integers(1, 10**6))
def test_no_circle_on_the_way_would_refuse_what_was_quoted(
    payer: tuple[int, int],
    between_in: tuple[int, int],
    between_out: tuple[int, int],
    decider: tuple[int, int],
    arrive: int,
) -> None:
    """What comes in is worth, rounded down, what goes out is worth, rounded up; at the end it is
    worth what arrives; and one less on any link would not do."""
    first = Edge(party(A, *payer), party(B, *between_in), 2**53)
    second = Edge(party(B, *between_out), party(C, *decider), 2**53)
    quote = price((first, second), arrive)
    assert quote is not None
    (_, amount_in), (_, amount_out) = quote.way
    assert worth_at_least(second.end, amount_out) >= arrive
    assert worth_at_least(second.end, amount_out - 1) < arrive
    assert worth_at_least(first.end, amount_in) >= worth_at_most(second.start, amount_out)
    assert worth_at_least(first.end, amount_in - 1) < worth_at_most(second.start, amount_out)
    assert quote.cost == worth_at_most(first.start, amount_in)
    exact = Fraction(arrive) * decider[1] / decider[0] * between_out[0] / between_out[1]
    exact = exact * between_in[1] / between_in[0] * payer[0] / payer[1]
    assert quote.cost >= exact
    lost = lost_by_rounding((first, second), quote.cost, arrive)
    assert 0 <= lost - (quote.cost - exact) * 10**6 < 1


@given(rates, rates, st.integers(0, 10**6), st.integers(0, 10**5))
def test_most_that_arrives_is_affordable_and_one_more_is_not(
    payer: tuple[int, int], decider: tuple[int, int], cost: int, room: int
) -> None:
    path = (Edge(party(A, *payer), party(B, *decider), room),)
    most = most_that_arrives(path, cost)
    if most:
        quote = price(path, most)
        assert quote is not None
        assert quote.cost <= cost
    more = price(path, most + 1)
    assert more is None or more.cost > cost
