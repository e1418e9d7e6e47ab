"""How well, how fairly and how fast requests find their helpers, in circles that are made up.

Twenty circles of 40 members, three of 500 and one of 5,000 go through four weeks each, under three
policies that meet the same hidden truth: ours; the nearest helper first, one after another; and all
who could come told at once. What is filled is held against the most that anybody could fill. Of the
three sizes, the worst figure counts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean

from node.postgres import embedded_postgres
from tests.bench import matching_speed
from tests.bench.matching_best import find_possible
from tests.bench.matching_circle import LARGE, MIDDLE, SMALL, Size, make_circle
from tests.bench.matching_outcome import CLASSES, Best, Outcome
from tests.bench.matching_run import EVERYONE, NEAREST, OURS, Policy, Simulation
from tests.bench.matching_store import circle_schema, forget_requests, store_circle
from tests.bench.run import Report
from tests.bench.windows import say

CIRCLES = ((SMALL, 20), (MIDDLE, 3), (LARGE, 1))
QUICK = ((SMALL, 3), (MIDDLE, 1))
POLICIES = (OURS, NEAREST, EVERYONE)


def measure(folder: Path, report: Report, *, quick: bool) -> None:
    """Put the figures under their keys, with a note on each size of circle."""
    found = asyncio.run(_simulate(folder / "matching", QUICK if quick else CIRCLES, report))

    def worst(key: str, of: Callable[[Best, dict[Policy, Outcome]], float], *, high: bool) -> None:
        report.figures[key] = (max if high else min)(of(*each) for each in found)

    worst("filled_over_best", lambda best, by: by[OURS].filled / best.filled, high=False)
    for name in CLASSES:
        worst(f"in_time_{name}", _in_time(name), high=False)
    worst("gini_over_others", _gini_ratio, high=True)
    worst("unasked_over_nearest", _unasked_ratio, high=True)
    worst("asks_a_filled", lambda best, by: by[OURS].asked / by[OURS].filled, high=True)
    worst("phone_over_app", lambda best, by: by[OURS].ratio("phone", "app"), high=False)
    worst("vetted_over_others", lambda best, by: by[OURS].ratio("vetted", "others"), high=False)
    report.notes.append(
        "Who tells everyone leaves nobody unasked, by what it is; so there the figure is held"
        " against the nearest first alone, and what telling everyone costs is the asks."
    )
    matching_speed.measure(folder, report, quick=quick)


def _in_time(name: str) -> Callable[[Best, dict[Policy, Outcome]], float]:
    def share(best: Best, by: dict[Policy, Outcome]) -> float:
        return by[OURS].in_time[name] / max(1.0, best.in_time[name])

    return share


def _gini_ratio(_: Best, by: dict[Policy, Outcome]) -> float:
    """Over the smaller of the other two."""
    return mean(by[OURS].ginis) / min(mean(by[other].ginis) for other in (NEAREST, EVERYONE))


def _unasked_ratio(_: Best, by: dict[Policy, Outcome]) -> float:
    return by[OURS].unasked / max(1, by[NEAREST].unasked)


async def _simulate(
    folder: Path, circles: tuple[tuple[Size, int], ...], report: Report
) -> list[tuple[Best, dict[Policy, Outcome]]]:
    found = []
    folder.mkdir()
    async with embedded_postgres(folder) as server:
        for size, count in circles:
            began = time.perf_counter()
            plural = "s" if count > 1 else ""
            say(f"Matching: {count} circle{plural} of {size.members:,} members")
            best, by = Best(), {policy: Outcome() for policy in POLICIES}
            for seed in range(count):
                await _run_circle(server.dsn, size, seed, best, by)
            found.append((best, by))
            report.notes += [_tell(size, policy, best, outcome) for policy, outcome in by.items()]
            say(f"  took {time.perf_counter() - began:.0f} s")
    return found


async def _run_circle(
    dsn: str, size: Size, seed: int, best: Best, by: dict[Policy, Outcome]
) -> None:
    circle = make_circle(size, seed)
    possible = find_possible(circle)
    best.add(circle, possible)
    async with circle_schema(dsn, "matching") as connection:
        await store_circle(connection, circle)
        for policy, outcome in by.items():
            if size is not SMALL:
                say(f"  {policy.name}, circle {seed + 1}")
            run = Simulation(connection, circle, policy)
            await run.run()
            outcome.add(run, possible)
            await forget_requests(connection, circle)


def _tell(size: Size, policy: Policy, best: Best, outcome: Outcome) -> str:
    in_time = ", ".join(
        f"{name} {outcome.in_time[name] / max(1.0, best.in_time[name]):.2f}" for name in CLASSES
    )
    return (
        f"{size.members:,} members, {policy.name}: {outcome.filled} of {outcome.requests} filled,"
        f" {outcome.filled / best.filled:.3f} of what can be; within half the notice: {in_time};"
        f" Gini {mean(outcome.ginis):.3f}; {outcome.unasked} of {outcome.eligible} eligible"
        f" helpers unasked; {outcome.asked / outcome.filled:.2f} asks a filled request; phone over"
        f" app {outcome.ratio('phone', 'app'):.3f}, vetted over others"
        f" {outcome.ratio('vetted', 'others'):.3f}."
    )
