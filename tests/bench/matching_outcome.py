"""What came of runs, over what could have come of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from node.help.waves import MINUTE_MS, urgency_of
from tests.bench.matching_best import Possible, is_in_time, most_filled
from tests.bench.matching_circle import Circle, MadeRequest
from tests.bench.matching_run import Course, Simulation

CLASSES = ("today", "week", "flexible")


def class_of(request: MadeRequest) -> str:
    """By the notice that was given."""
    return urgency_of((request.ends - request.made) * MINUTE_MS).name


@dataclass(slots=True)
class Best:
    """What somebody who knows everything could do, summed over circles."""

    filled: float = 0
    in_time: Counter[str] = field(default_factory=Counter)

    def add(self, circle: Circle, possible: Possible) -> None:
        self.filled += most_filled(circle, possible.options)
        for name in CLASSES:
            options = [
                option
                for option in possible.options
                if class_of(option.request) == name and is_in_time(option)
            ]
            self.in_time[name] += most_filled(circle, options)  # type: ignore[assignment]


@dataclass(slots=True)
class Outcome:
    """What one policy did, summed over circles of one size."""

    requests: int = 0
    filled: int = 0
    asked: int = 0
    in_time: Counter[str] = field(default_factory=Counter)
    ginis: list[float] = field(default_factory=list)
    eligible: int = 0
    unasked: int = 0
    fillable: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)

    def add(self, run: Simulation, possible: Possible) -> None:
        """What came of a run that is over, in which no rule may have been broken."""
        assert not run.broken, run.broken[0]
        eligible = {person for persons in possible.eligible.values() for person in persons}
        helped = [
            sum(each.minutes for each in run.bookings[person])
            / (4 * run.circle.helpers[person].weekly)
            for person in eligible
        ]
        self.ginis += [gini(helped)] if any(helped) else []
        self.eligible += len(eligible)
        self.unasked += len(eligible - run.asked_in_span)
        could = {option.request.index: set[int]() for option in possible.options}
        for option in possible.options:
            could[option.request.index].add(option.person)
        for course in run.courses.values():
            enough = len(could.get(course.request.index, ())) >= course.request.helpers
            self._add_course(course, is_fillable=enough)

    def _add_course(self, course: Course, *, is_fillable: bool) -> None:
        request = course.request
        self.requests += 1
        self.asked += len(course.asked)
        groups = ("phone" if request.phones else "app", "vetted" if request.vetting else "others")
        self.fillable.update(groups if is_fillable else ())
        if course.filled is not None:
            self.filled += 1
            self.done.update(groups)
            if 2 * course.filled <= request.made + request.ends:
                self.in_time[class_of(request)] += 1

    def ratio(self, one: str, other: str) -> float:
        """The share filled of those of one group that could be, over that of the other's."""
        filled, others = (self.done[group] / max(1, self.fillable[group]) for group in (one, other))
        return filled / others if others else 1.0


def gini(shares: Iterable[float]) -> float:
    """How unevenly shares are spread: 0 if all are the same, towards 1 if one has it all."""
    ordered: Sequence[float] = sorted(shares)
    count, total = len(ordered), sum(ordered)
    ranked = sum(place * share for place, share in enumerate(ordered, 1))
    return (2 * ranked / total - count - 1) / count
