"""What is told of a month picks nobody out: every world that could be behind it is gone through."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from node.numbers.figures import FEW, Group, Outcome, Told, tell_help, tell_ledger

World = dict[str, int]
Shown = tuple[tuple[tuple[str, int], ...], frozenset[str], frozenset[str]]
REQUESTS_MAX = 22


def shown(*parts: Told) -> Shown:
    """All that anybody can see of a month."""
    values = sorted(pair for told in parts for pair in told.values.items())
    few = frozenset(name for told in parts for name in told.few)
    return tuple(values), few, frozenset(name for told in parts for name in told.hidden)


def outcome(filled: int, unfilled: int, neither: int, matched: int) -> Outcome:
    """Requests for one helper each, all by different people; times as long as they are."""
    return Outcome(
        filled=Group(filled, filled),
        unfilled=Group(unfilled, unfilled),
        others=Group(filled + neither, filled + neither),
        matched=Group(matched, matched),
        visits=Group(0, 0),
        places_filled=filled,
        places_unfilled=unfilled,
        half=30 if matched else None,
        most=90 if matched else None,
        helped=0,
    )


def worlds() -> Iterator[tuple[Shown, World]]:
    """Every way in which requests can be filled, be unfilled, or be neither."""
    for asked in range(REQUESTS_MAX + 1):
        ledger = tell_ledger(0, 0, Group(asked, asked))
        for unfilled in range(asked + 1):
            for filled in range(asked - unfilled + 1):
                world = {"asked": asked, "unfilled": unfilled, "filled": filled}
                made = outcome(filled, unfilled, asked - unfilled - filled, matched=filled)
                told = tell_help(made, requests_told="requests" in ledger.values)
                yield shown(ledger, told), world | {"others": asked - unfilled}


def test_no_number_of_requests_from_one_to_four_follows_from_what_is_shown() -> None:
    """Neither from one figure nor from several: at least three others would look the same."""
    alike: dict[Shown, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for seen, world in worlds():
        for name, number in world.items():
            alike[seen][name].add(number)
    given_away = [
        (seen, name, numbers)
        for seen, of in alike.items()
        for name, numbers in of.items()
        if numbers & {1, 2, 3, 4} and len(numbers) < FEW - 1
    ]
    assert given_away == []


def test_no_number_of_members_or_trades_from_one_to_four_follows_from_the_other() -> None:
    alike: dict[Shown, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    for trades in range(30):
        for members in range(2 if trades else 0, 2 * trades + 1):
            seen = alike[shown(tell_ledger(trades, members, Group(0, 0)))]
            seen[0].add(trades)
            seen[1].add(members)
    for numbers in (numbers for pair in alike.values() for numbers in pair):
        assert not numbers & {1, 2, 3, 4} or len(numbers) > 2


def test_what_many_have_done_is_told() -> None:
    told = tell_ledger(30, 12, Group(20, 9))
    assert told == Told({"trades": 30, "members": 12, "requests": 20})
    made = replace(outcome(14, 6, 0, 14), visits=Group(7, 5), helped=615)
    assert tell_help(made, requests_told=True) == Told(
        {
            "helped_minutes": 615,
            "unfilled": 6,
            "filled_percent": 70,
            "half_minutes": 30,
            "most_minutes": 90,
        }
    )


def test_where_nothing_happened_it_says_so() -> None:
    assert tell_ledger(0, 0, Group(0, 0)).values == {"trades": 0, "members": 0, "requests": 0}
    told = tell_help(outcome(0, 0, 0, 0), requests_told=True)
    assert told == Told({"helped_minutes": 0, "unfilled": 0})


def test_much_by_few_people_is_not_told() -> None:
    """Seven requests of two askers, twenty trades of four members, 30 hours of three helpers."""
    told = tell_ledger(20, 4, Group(7, 2))
    assert (told.values, told.few, told.hidden) == ({}, ["members"], ["trades", "requests"])
    made = replace(outcome(12, 0, 0, 12), visits=Group(12, 3), helped=1800)
    assert "helped_minutes" in tell_help(made, requests_told=True).hidden
    by_two = replace(made, matched=Group(12, 2), filled=Group(12, 2), others=Group(12, 2))
    assert tell_help(by_two, requests_told=True).values == {}


def test_where_it_is_not_told_how_many_asked_nothing_of_it_is_told() -> None:
    told = tell_help(outcome(4, 0, 0, 4), requests_told=False)
    assert told.values == {"helped_minutes": 0}
    assert told.few == []
