"""Four weeks of small circles: who is asked, held against rules that are written down once more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.help.asking import LEAD_MINUTES
from node.help.minutes import DAY, WEEK, minute_at
from node.help.ranking import NEW_ASKS, Ranked
from node.help.waves import DAY_MS, MINUTE_MS, TO_BED, UP, WAVES_MAX, plan_wave, urgency_of
from tests.bench.matching_best import find_possible, most_filled
from tests.bench.matching_circle import Circle, Size, make_circle
from tests.bench.matching_rules import broken_rule, starts
from tests.bench.matching_run import Course, Simulation
from tests.bench.matching_store import circle_schema, store_circle

WIDE = Size(members=40, helpers=12, side=2_000, requests=36, lines=1)
"""So wide that many are out of reach, and so busy that some have no hours left."""
SEEDS = range(3)
ZONE = ZoneInfo("Europe/London")
NOW = 1_774_000_000_000
"""Nine days before the clocks change."""


@dataclass(slots=True)
class Onlooker:
    """Counts waves, and notes those without a newcomer who could have been asked, and silence."""

    waves: int = 0
    without_newcomer: list[tuple[Course, Sequence[Ranked]]] = field(default_factory=list)
    silent: set[int] = field(default_factory=set)

    def see_asked(self, run: Simulation, course: Course, chosen: Sequence[Ranked]) -> None:
        if len(chosen) < 2:
            return
        self.waves += 1
        new = could_be_asked_for_the_first_time(run, course)
        if new and not new & {each.helper for each in chosen}:
            self.without_newcomer.append((course, chosen))

    async def see_all(self, run: Simulation) -> None:
        rows = await run.connection.fetch(
            """
            SELECT number FROM help_requests
            WHERE status = 'open' AND ends > $1 AND next_wave IS NULL AND desk_since IS NULL
            """,
            run.now,
        )
        self.silent |= {row["number"] for row in rows}


def could_be_asked_for_the_first_time(run: Simulation, course: Course) -> set[int]:
    """Newcomers whom no rule keeps from being asked about a request, and who were not yet."""
    return {
        person
        for person, helper in run.circle.helpers.items()
        if helper.kept == 0
        and not run.bookings[person]
        and run.asked[person] < NEW_ASKS
        and person not in course.asked
        and broken_rule(run.circle, helper, course.request) is None
        and any(starts(helper, course.request, (), run.minute + LEAD_MINUTES))
    }


def made_harder(circle: Circle) -> Circle:
    """The same, where each helper has a block with one in nine members, one way or the other, and
    much of what is asked within a week is for three of them."""
    blocks = {
        (person, helper) if person % 2 else (helper, person)
        for helper in circle.helpers
        for person in circle.spots
        if (helper * 7 + person) % 9 == 0 and person != helper
    }
    requests = tuple(
        replace(request, weeks=3)
        if request.windows[-1][1] - request.windows[0][0] <= WEEK and request.index % 3
        else request
        for request in circle.requests
    )
    return replace(circle, requests=requests, blocks=frozenset(blocks))


@dataclass(frozen=True, slots=True)
class Told:
    circle: Circle
    run: Simulation
    onlooker: Onlooker


@pytest.fixture(scope="module")
def told(postgres_dsn: str) -> list[Told]:
    """What came of some circles of 40 members and 12 helpers."""

    async def simulate(seed: int) -> Told:
        circle, onlooker = made_harder(make_circle(WIDE, seed)), Onlooker()
        async with circle_schema(postgres_dsn, f"matching_{seed}") as connection:
            await store_circle(connection, circle)
            run = Simulation(connection, circle, watcher=onlooker)
            await run.run()
        return Told(circle, run, onlooker)

    async def simulate_all() -> list[Told]:
        return [await simulate(seed) for seed in SEEDS]

    return asyncio.run(simulate_all())


def test_nobody_is_asked_against_a_hard_rule(told: list[Told]) -> None:
    """Skill, needs, reach, vetting, blocks, hours, weekly most: said again in Python, per ask."""
    assert sum(sum(each.run.asked.values()) for each in told) > 50
    assert [broken for each in told for broken in each.run.broken] == []


def test_every_wave_of_two_keeps_a_place_for_a_newcomer(told: list[Told]) -> None:
    assert sum(each.onlooker.waves for each in told) > 20
    assert [waves for each in told for waves in each.onlooker.without_newcomer] == []


def test_nothing_waits_silently(told: list[Told]) -> None:
    """Whatever is open has a next wave, or is on the desk."""
    assert [each.onlooker.silent for each in told] == [set()] * len(told)


def test_nine_in_ten_of_what_can_be_filled_are(told: list[Told]) -> None:
    filled = sum(course.filled is not None for each in told for course in each.run.courses.values())
    best = sum(most_filled(each.circle, find_possible(each.circle).options) for each in told)
    assert best > 15
    assert filled >= 0.9 * best


LEFT = st.integers(1, 366 * DAY_MS)
MOMENTS = st.integers(NOW, NOW + 365 * DAY_MS)
WAVES, PLACES = st.integers(1, WAVES_MAX), st.integers(1, 10)


@given(MOMENTS, LEFT, WAVES, PLACES)
def test_a_wave_is_larger_than_there_are_places_and_has_one_for_a_newcomer(
    now: int, left: int, wave: int, places: int
) -> None:
    plan = plan_wave(now, now + left, wave, places, ZONE)
    assert plan.size > places
    assert 1 <= plan.newcomers < plan.size


@given(MOMENTS, LEFT, WAVES)
def test_the_next_wave_is_later_and_in_time_and_by_day(now: int, left: int, wave: int) -> None:
    following = plan_wave(now, now + left, wave, 1, ZONE).following
    if following is not None:
        assert now < following < now + left
        assert UP <= minute_at(following, ZONE) % DAY <= TO_BED


@given(MOMENTS, LEFT)
def test_waves_come_to_an_end(now: int, left: int) -> None:
    ends, wave = now + left, 1
    while (following := plan_wave(now, ends, wave, 1, ZONE).following) is not None:
        now, wave = following, wave + 1
    assert wave <= WAVES_MAX


@given(MOMENTS, LEFT, LEFT)
def test_with_less_time_left_nobody_waits_longer(now: int, one: int, other: int) -> None:
    less, more = sorted((one, other))
    sooner, later = (plan_wave(now, now + left, 1, 1, ZONE).following for left in (less, more))
    if sooner is not None and later is not None:
        assert sooner <= later + MINUTE_MS


@given(LEFT)
def test_urgency_is_by_the_notice_that_is_left(left: int) -> None:
    name = urgency_of(left).name
    assert name == ("today" if left < DAY_MS else "week" if left < 7 * DAY_MS else "flexible")


def test_an_evening_wave_waits_for_the_morning() -> None:
    """Asked at 21:30 for the next afternoon, people have half an hour before the night."""
    evening = NOW - NOW % DAY_MS + 21 * 60 * MINUTE_MS + 30 * MINUTE_MS
    following = plan_wave(evening, evening + 18 * 60 * MINUTE_MS, 1, 1, ZONE).following
    assert following is not None
    assert minute_at(following, ZONE) % DAY == UP + 60
