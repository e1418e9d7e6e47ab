"""What somebody could fill who knows the hidden truth and all that will be asked, at the very most.

A linear program: each helper who would come, in each window that suits, is a variable; a request
counts once all its places have somebody. Helpers keep to their weekly most, to the hours that they
have on a day, and to one of two visits of which neither can be first. That variables may be
fractions, and that three visits are not looked at together, makes the bound higher, never lower.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import highspy

from node.help.asking import LEAD_MINUTES
from node.help.minutes import DAY, WEEK
from tests.bench.matching_circle import Circle, MadeHelper, MadeRequest
from tests.bench.matching_rules import broken_rule, days_of, starts
from tests.bench.matching_time import AGAIN, CALL, DESK, awake_after, when_open

INFINITE = float("inf")


@dataclass(frozen=True, slots=True)
class Option:
    """A helper could come to a request, and begin from ``first`` to ``last``; they would have said
    so by minute ``soonest``, asked at once by whichever way they answer first."""

    request: MadeRequest
    person: int
    first: int
    last: int
    soonest: int


@dataclass(frozen=True, slots=True)
class Possible:
    """Who is eligible for each request when it is asked, and who of them could come."""

    eligible: dict[int, list[int]]
    options: list[Option]


def find_possible(circle: Circle) -> Possible:
    """By the rules in Python, with nothing booked yet."""
    eligible: dict[int, list[int]] = {}
    options: list[Option] = []
    by_skill: dict[str, list[MadeHelper]] = defaultdict(list)
    for helper in circle.helpers.values():
        for skill in helper.skills:
            by_skill[skill].append(helper)
    for request in circle.requests:
        eligible[request.index] = []
        for helper in by_skill[request.category]:
            if broken_rule(circle, helper, request) is None:
                if any(starts(helper, request, (), request.made + LEAD_MINUTES)):
                    eligible[request.index].append(helper.person)
                options += _options(circle, helper, request)
    return Possible(eligible, options)


def _options(circle: Circle, helper: MadeHelper, request: MadeRequest) -> Iterator[Option]:
    truth = circle.truth(helper.person, request)
    if not truth.comes:
        return
    desk = when_open(request.made, DESK) + CALL
    if truth.picks_up[0]:
        rung: int | None = desk
    else:
        rung = when_open(desk + AGAIN, DESK) if truth.picks_up[1] else None
    told = None if truth.takes is None else awake_after(request.made, truth.takes)
    known = [minute for minute in (rung, None if helper.by_call else told) if minute is not None]
    if not known:
        return
    soonest = min(known)
    for first, last in starts(helper, request, (), max(soonest, request.made + LEAD_MINUTES)):
        yield Option(request, helper.person, first, last, soonest)


def is_in_time(option: Option) -> bool:
    """Whether they would have agreed within half the notice that was given."""
    request = option.request
    return 2 * option.soonest <= request.made + request.ends


def most_filled(circle: Circle, options: Collection[Option]) -> float:
    """How many requests can be filled by these options, at most."""
    by_request: dict[int, list[int]] = defaultdict(list)
    by_pair: dict[tuple[int, int], list[int]] = defaultdict(list)
    by_helper: dict[int, list[int]] = defaultdict(list)
    kept = list(_worth_it(options))
    for number, option in enumerate(kept):
        by_request[option.request.index].append(number)
        by_pair[option.request.index, option.person].append(number)
        by_helper[option.person].append(number)
    rows: list[tuple[float, float, dict[int, float]]] = []
    for whole, index in enumerate(by_request, len(kept)):
        helpers = circle.requests[index].helpers
        rows.append((0, 0, {**dict.fromkeys(by_request[index], 1.0), whole: -float(helpers)}))
    rows += [(0, 1, dict.fromkeys(one, 1.0)) for one in by_pair.values() if len(one) > 1]
    for person, numbers in by_helper.items():
        rows += _limits(circle.helpers[person], {number: kept[number] for number in numbers})
    return _solve([0.0] * len(kept) + [1.0] * len(by_request), rows)


def _worth_it(options: Collection[Option]) -> Iterator[Option]:
    """Those of requests for which there are enough helpers at all."""
    persons: dict[int, set[int]] = defaultdict(set)
    for option in options:
        persons[option.request.index].add(option.person)
    for option in options:
        if len(persons[option.request.index]) >= option.request.helpers:
            yield option


def _limits(
    helper: MadeHelper, options: Mapping[int, Option]
) -> Iterator[tuple[float, float, dict[int, float]]]:
    weeks: dict[int, dict[int, float]] = defaultdict(dict)
    days: dict[int, dict[int, float]] = defaultdict(dict)
    for number, option in options.items():
        for day in days_of(option.request, option.first):
            weeks[day * DAY // WEEK][number] = days[day][number] = float(option.request.minutes)
    for taking in weeks.values():
        yield 0, helper.weekly, taking
    for day, taking in days.items():
        free = sum(hi - lo for lo, hi in helper.free if lo // DAY == day % 7)
        if sum(taking.values()) > free:
            yield 0, free, taking
        for one, other in combinations(taking, 2):
            if options[one].request is not options[other].request and _exclude(
                options[one], options[other], day
            ):
                yield 0, 1, {one: 1.0, other: 1.0}


def _exclude(one: Option, other: Option, day: int) -> bool:
    """Whether, on that day, neither can be before the other."""
    (first, last, minutes), (first_, last_, minutes_) = (
        (each.first % DAY, each.last % DAY, each.request.minutes) for each in (one, other)
    )
    return first + minutes > last_ and first_ + minutes_ > last


def _solve(gains: list[float], rows: list[tuple[float, float, dict[int, float]]]) -> float:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    at = [0]
    for row in rows:
        at.append(at[-1] + len(row[2]))
    count = len(gains)
    solver.passModel(
        *(count, len(rows), at[-1]),
        int(highspy.MatrixFormat.kRowwise),
        int(highspy.ObjSense.kMaximize),
        0.0,
        *(gains, [0.0] * count, [1.0] * count),
        *([low for low, *_ in rows], [high for _, high, _ in rows]),
        at[:-1],
        [column for *_, row in rows for column in row],
        [value for *_, row in rows for value in row.values()],
        [0] * count,
    )
    solver.run()
    return float(solver.getInfo().objective_function_value)
