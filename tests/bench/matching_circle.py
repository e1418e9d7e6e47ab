"""Circles that are made up: members on a map, helpers, what is asked of them in four weeks, and a
hidden truth of who would come.

A quarter of the members help, each with two to five of eight skills, a few pieces of the week and
one to six hours of it at most, as far as 0.8 to 5 kilometres; one in twelve keeps their place to
themselves. A quarter of the helpers can only be rung up. A member asks every three months or so, in
the smallest circle every two: that takes a seventh of the hours that helpers offer, but not evenly,
as there are many who sit and talk and few who drive. A fifth is for the same day, and three in ten
of those who ask have no device; a fifth has to be done by somebody who was vetted.

The truth is drawn once for each pair of a helper and a request, whoever asks, in whatever order:
three in four helpers would come two times in three, and mostly answer within the hour; one in ten
is always late, one in ten refuses nearly always, one in twenty never answers, and now and then
anybody overlooks it. Who is rung up picks up two times in three.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import get_args

from node.help.helping import Trait
from node.help.minutes import DAY, WEEK, minute_of, time_of

SPAN_DAYS = 28
FIRST_MINUTE = minute_of(time_of(0).replace(year=2026, month=3, day=2))
"""A Monday at midnight; the clocks change on the last Sunday of the four weeks."""
FIRST_PERSON = 1000

SKILLS = {
    "company": 0.24,
    "garden": 0.17,
    "lifts": 0.16,
    "home": 0.14,
    "computers": 0.11,
    "repairs": 0.08,
    "food": 0.06,
    "forms": 0.04,
}
"""How much is asked of each; what helpers can do follows it, but less so."""
TRAITS: dict[Trait, float] = dict(zip(get_args(Trait), (0.45, 0.25, 0.6, 0.5), strict=True))
LEVELS = {"checked": 0.6, "enhanced": 0.25}
LANGUAGES = ("Español", "Polski", "Türkçe", "বাংলা")
PIECES = ((540, 720), (600, 780), (780, 1020), (840, 1080), (1020, 1200), (540, 1020))
"""Of a day: mornings, afternoons, evenings, and all of it."""

Span = tuple[int, int]
"""From one minute to another."""
Spot = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Habit:
    """How somebody answers: how likely they would come, how long they take over it in the middle
    of all, in minutes, and how often they overlook what they are asked."""

    name: str
    share: float
    comes: float
    takes: int
    overlooks: float


HABITS = (
    Habit("keen", 0.25, 0.8, 15, 0.05),
    Habit("usual", 0.50, 0.65, 40, 0.10),
    Habit("late", 0.10, 0.6, 600, 0.15),
    Habit("refusing", 0.10, 0.15, 60, 0.10),
    Habit("silent", 0.05, 0.0, 0, 1.0),
)


@dataclass(frozen=True, slots=True)
class MadeHelper:
    """A helper as node.help has them, and how they answer. ``free`` are minutes of a usual week."""

    person: int
    spot: Spot | None
    weekly: int
    reach: int
    skills: frozenset[str]
    traits: frozenset[Trait]
    free: tuple[Span, ...]
    away: Span | None
    languages: tuple[str, ...]
    vetted: dict[str, date]
    by_call: bool
    kept: int
    asked_days_ago: int | None
    habit: Habit


@dataclass(frozen=True, slots=True)
class MadeRequest:
    """What is asked at minute ``made``; windows are minutes on the clock."""

    index: int
    made: int
    asker: int
    phones: bool
    category: str
    minutes: int
    helpers: int
    weeks: int
    windows: tuple[Span, ...]
    traits: frozenset[Trait]
    language: str
    vetting: str | None
    familiar: bool

    @property
    def ends(self) -> int:
        """The last minute at which a visit can begin, of the first week."""
        return self.windows[-1][1] - self.minutes


@dataclass(frozen=True, slots=True)
class Truth:
    """Would they come; after how many minutes awake do they answer, or never; do they pick up."""

    comes: bool
    takes: int | None
    picks_up: tuple[bool, bool]


@dataclass(frozen=True)
class Circle:
    """All of it. ``lines`` are the telephones of the desk."""

    seed: int
    spots: dict[int, Spot | None]
    helpers: dict[int, MadeHelper]
    requests: tuple[MadeRequest, ...]
    blocks: frozenset[tuple[int, int]]
    lines: int

    @cached_property
    def _known(self) -> dict[tuple[int, int], Truth]:
        return {}

    def truth(self, person: int, request: MadeRequest) -> Truth:
        """What that helper makes of that request, whenever and however often they are asked."""
        pair = (person, request.index)
        if pair not in self._known:
            self._known[pair] = _draw_truth(
                random.Random(f"{self.seed}/{person}/{request.index}"), self.helpers[person].habit
            )
        return self._known[pair]

    def is_blocked(self, one: int, other: int) -> bool:
        return (one, other) in self.blocks or (other, one) in self.blocks


def _draw_truth(chance: random.Random, habit: Habit) -> Truth:
    comes = chance.random() < habit.comes
    takes = round(chance.lognormvariate(0, 1.1) * habit.takes) + 2
    overlooked = chance.random() < habit.overlooks
    reachable = habit.overlooks < 1
    picks_up = (reachable and chance.random() < 0.65, reachable and chance.random() < 0.65)
    return Truth(comes, None if overlooked else takes, picks_up)


@dataclass(frozen=True, slots=True)
class Size:
    """How many members, of whom how many help, in a square of ``side`` metres; how many requests in
    the four weeks; how many telephones at the desk."""

    members: int
    helpers: int
    side: int
    requests: int
    lines: int


SMALL = Size(40, 12, 1_200, 20, 1)
MIDDLE = Size(500, 125, 4_000, 150, 1)
LARGE = Size(5_000, 1_250, 12_000, 1_500, 3)


def make_circle(size: Size, seed: int) -> Circle:
    """A circle, always the same for a seed."""
    chance = random.Random(seed)
    people = range(FIRST_PERSON, FIRST_PERSON + size.members)
    spots = {person: _draw_spot(chance, size.side) for person in people}
    helping = chance.sample(people, size.helpers)
    return Circle(
        seed=seed,
        spots=spots,
        helpers={person: draw_helper(chance, person, spots[person]) for person in helping},
        requests=_draw_requests(chance, people, size.requests),
        blocks=frozenset(
            tuple(chance.sample(people, 2))  # type: ignore[misc]
            for _ in range(size.members // 4)
        ),
        lines=size.lines,
    )


def _draw_spot(chance: random.Random, side: int) -> Spot | None:
    spot = (chance.randrange(side) // 100 * 100 + 50, chance.randrange(side) // 100 * 100 + 50)
    return None if chance.random() < 1 / 12 else spot


def draw_helper(chance: random.Random, person: int, spot: Spot | None) -> MadeHelper:
    """Somebody who helps, and lives there."""
    weights = [share + 0.05 for share in SKILLS.values()]
    skills = set(chance.choices(list(SKILLS), weights, k=chance.randint(2, 6)))
    days = chance.sample(range(7), chance.randint(2, 5))
    free = sorted(
        (day * DAY + begins, day * DAY + ends)
        for day in days
        for begins, ends in [chance.choice(PIECES)]
    )
    gone = FIRST_MINUTE + chance.randrange(5 * WEEK)
    day = time_of(FIRST_MINUTE).date()
    newcomer = chance.random() < 0.2
    return MadeHelper(
        person=person,
        spot=spot,
        weekly=chance.choice((60, 120, 120, 180, 240, 360)),
        reach=chance.choice((800, 1500, 2000, 3000, 5000)),
        skills=frozenset(skills),
        traits=frozenset(name for name, share in TRAITS.items() if chance.random() < share),
        free=tuple(free),
        away=(gone, gone + chance.randint(2, 10) * DAY) if chance.random() < 0.1 else None,
        languages=("English", *chance.sample(LANGUAGES, chance.random() < 0.2)),
        vetted={
            level: day + timedelta(chance.choice((-20, 9, 200, 300, 400, 500, 600, 700)))
            for level, share in LEVELS.items()
            if chance.random() < share
        },
        by_call=chance.random() < 0.25,
        kept=0 if newcomer else chance.randint(1, 25),
        asked_days_ago=None if newcomer else chance.randint(0, 60),
        habit=chance.choices(HABITS, [habit.share for habit in HABITS])[0],
    )


def _draw_requests(
    chance: random.Random, people: Sequence[int], count: int
) -> tuple[MadeRequest, ...]:
    made = sorted(
        FIRST_MINUTE + chance.randrange(SPAN_DAYS) * DAY + chance.randint(8 * 60, 18 * 60)
        for _ in range(count)
    )
    phoning = {person: chance.random() < 0.3 for person in people}
    found = []
    for index, minute in enumerate(made):
        asker = chance.choice(people)
        found.append(draw_request(chance, index, minute, asker, phones=phoning[asker]))
    return tuple(found)


def draw_request(
    chance: random.Random, index: int, made: int, asker: int, *, phones: bool
) -> MadeRequest:
    """What somebody asks for at that minute."""
    category = chance.choices(list(SKILLS), list(SKILLS.values()))[0]
    minutes = chance.choice((30, 60, 60, 60, 90, 120))
    windows = _draw_windows(chance, made, minutes)
    weekly = windows[-1][1] - windows[0][0] <= WEEK and windows[0][0] - made > DAY
    needs: set[Trait] = {"car"} if category == "lifts" and chance.random() < 0.6 else set()
    needs |= {name for name in TRAITS if name != "car" and chance.random() < 0.05}
    return MadeRequest(
        index=index,
        made=made,
        asker=asker,
        phones=phones,
        category=category,
        minutes=minutes,
        helpers=2 if chance.random() < 0.08 else 1,
        weeks=chance.randint(2, 4) if weekly and chance.random() < 0.15 else 1,
        windows=windows,
        traits=frozenset(needs),
        language=chance.choice(LANGUAGES) if chance.random() < 0.03 else "",
        vetting=chance.choices((None, "checked", "enhanced"), (0.8, 0.15, 0.05))[0],
        familiar=chance.random() < 0.15,
    )


def _draw_windows(chance: random.Random, made: int, minutes: int) -> tuple[Span, ...]:
    """Of the same day, while it is long enough; of the week; or of the next three weeks."""
    today, clock = made - made % DAY, made % DAY
    kind = chance.choices(("today", "week", "flexible"), (0.2, 0.45, 0.35))[0]
    if kind == "today" and clock <= 15 * 60:
        begins = clock + chance.randint(120, 240)
        ends = min(21 * 60, begins + minutes + chance.choice((60, 120, 240)))
        return ((today + begins, today + ends),)
    last, most = (6, 3) if kind == "week" else (20, 8)
    first = 1 if kind == "week" else 2
    days = chance.sample(range(first, last + 1), chance.randint(1 if last == 6 else 3, most))
    if kind == "flexible" and max(days) < 9:
        days.append(chance.randint(9, last))
    spans = []
    for day in sorted(days):
        begins = chance.choice((9, 10, 13, 14, 16)) * 60
        spans.append((today + day * DAY + begins, today + day * DAY + begins + minutes + 120))
    return tuple(spans)
