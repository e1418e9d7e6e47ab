"""One seed: circles are drawn, things happen, the weather clears, and the books are read."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from random import Random
from typing import NamedTuple

from ledger.errors import TallystickError
from ledger.federation.terms import open_link
from ledger.state import State
from tests.circle import MINUTE, NOON
from tests.simulator import members
from tests.simulator.circle import Book, Circle
from tests.simulator.dishonest import Dishonesty
from tests.simulator.founding import agree, copy_state, found
from tests.simulator.invariants import check_all
from tests.simulator.world import LATER, SECOND, World, draw_weather

RESTORING = 20 * MINUTE
LENGTH = 40 * MINUTE
"""How long the weather and the dishonest have, before the days of waiting."""


BROKEN = (TallystickError, LookupError, AssertionError, ValueError, TypeError, AttributeError)
"""What the core raises only when it is wrong: whatever a peer sends, it answers or refuses."""


class Outcome(NamedTuple):
    """What came of one seed."""

    seed: int
    events: int
    faults: Counter[str]
    violations: list[str]
    digest: bytes


def run(
    seed: int, size: int | None = None, make: Callable[[int, Book, State], Circle] = Circle
) -> Outcome:
    """Run one seed, with ``size`` circles or as many as it draws; ``make`` makes each."""
    random = Random(seed)
    world = World(random, draw_weather(random))
    _found(world, size or random.choice((2, 3, 3, 4, 4, 5)), make)
    dishonesty = Dishonesty(world)
    _plan(world, dishonesty)
    _plan_rates(world, Random(f"{seed} rates"))
    world.at(LENGTH, lambda: _clear_up(world))
    world.at(LENGTH + LATER, lambda: _wait_for_days(world, dishonesty))
    world.at(LENGTH + LATER + LENGTH, lambda: _end(world))
    try:
        world.run()
        world.violations += check_all(world.circles)
        world.violations += dishonesty.unproven()
    except BROKEN as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__} in {where.name}, line {where.lineno}: {error}"
        world.violations.append(what)
    for circle in world.circles.values():
        world.note(members.digest_of(circle))
    world.faults += dishonesty.done
    return Outcome(seed, world.events, world.faults, world.violations, world.digest)


# --- the beginning --------------------------------------------------------------------------------


def _found(world: World, size: int, make: Callable[[int, Book, State], Circle]) -> None:
    random = world.random
    for number in range(size):
        state = copy_state(found(number))
        circle = make(number, Book(copy_state(state)), state)
        circle.payees = members.payees()
        world.circles[circle.id] = circle
    circles = list(world.circles.values())
    # Every circle has a neighbour before it, and some have more.
    joined = {(random.randrange(number), number) for number in range(1, size)}
    for pair in combinations(range(size), 2):
        if random.random() < 0.4:
            joined.add(pair)
    for one, other in sorted(joined):
        rates = random.choice(members.RATES), random.choice(members.RATES)
        limits = random.choice((50, 400, 3_000)), random.choice((50, 400, 3_000))
        wire = agree(one, other, rates, limits, random.choice((100, 5_000)), 4)
        for circle in (circles[one], circles[other]):
            circle.take(open_link(circle.state, wire), NOON)
            circle.write()


def _plan(world: World, dishonesty: Dishonesty) -> None:
    """Draw when what happens."""
    random = world.random

    def some(most: int, act: Callable[[], None]) -> None:
        for _ in range(random.randrange(most + 1)):
            world.at(random.randrange(LENGTH), act)

    some(8, lambda: members.take_back(world))
    for _ in range(random.randrange(3, 25)):
        world.at(random.randrange(LENGTH), lambda: members.pay(world))
    some(4, lambda: members.clear(world))
    some(60 if random.random() < 0.4 else 0, lambda: members.see_to_link(world))
    if random.random() < 0.6:
        some(10, lambda: _crash(world, False))
    if random.random() < 0.25:
        some(8, lambda: _back_up(world))
        some(6, lambda: _crash(world, True))
        some(10, lambda: _relapse(world))
    if random.random() < 0.4:
        some(6, lambda: _part(world))
        some(10, lambda: _cut_off(world))
    if random.random() < 0.5:
        some(4, lambda: _turn_clock(world))
    dishonesty.plan()


def _plan_rates(world: World, random: Random) -> None:
    """In some seeds rates change again and again while payments pass, by chances of their own."""
    if random.random() < 0.4:
        for _ in range(12):
            world.at(random.randrange(LENGTH), lambda: members.change_rates(world, random))


def _any(world: World) -> Circle:
    return world.random.choice(list(world.circles.values()))


def _crash(world: World, restore: bool) -> None:
    circle = _any(world)
    busy = [each for each in world.circles.values() if each.pending]
    if busy and not restore:
        circle = world.random.choice(busy)
    # A backup is brought back when whatever was under way has long arrived or is too old.
    down = RESTORING if restore else world.random.choice((1, 10 * SECOND, 5 * MINUTE))
    if circle.honest or not restore:
        world.crash(circle, restore, down)


def _back_up(world: World) -> None:
    circle = _any(world)
    circle.backup = circle.book.copy()


def _part(world: World) -> None:
    link = world.random.choice([link for c in world.circles.values() for link in c.state.links])
    ends = [c.id for c in world.circles.values() if link in c.state.links]
    world.part(ends[0], ends[1], world.random.choice((10 * SECOND, 5 * MINUTE)))


def _relapse(world: World) -> None:
    """A circle with a payment passing through comes back, soon after, as it is now."""
    passing = [
        circle
        for circle in world.circles.values()
        if circle.honest
        and any(each.incoming and each.outgoing for each in circle.state.transits.values())
    ]
    if passing:
        chosen = world.random.choice(passing)
        chosen.backup = chosen.book.copy()
        before = next(
            each.incoming
            for each in chosen.state.transits.values()
            if each.incoming and each.outgoing
        )
        soon = world.random.choice((SECOND, 10 * SECOND, 3 * MINUTE))
        world.at(soon, lambda: _come_back(world, chosen, before))


def _come_back(world: World, circle: Circle, before: bytes) -> None:
    """The circle before heard more since the backup, and cannot say so at once."""
    members.raise_limit(world, circle, before)
    peer = circle.state.links[before].peer
    world.at(SECOND, lambda: world.crash(circle, True, RESTORING))
    world.at(2 * SECOND, lambda: world.part(circle.id, peer, RESTORING + 10 * MINUTE))


def _cut_off(world: World) -> None:
    """A circle with a payment passing through starts again, and cannot reach the one before."""
    for circle in world.circles.values():
        for transit in circle.state.transits.values():
            if transit.incoming and transit.outgoing and circle.honest:
                before = circle.state.links[transit.incoming].peer
                world.crash(circle, False, 1)
                world.part(circle.id, before, world.random.choice((MINUTE, 10 * MINUTE)))
                return


def _turn_clock(world: World) -> None:
    world.faults["clock"] += 1
    _any(world).clock = world.random.randrange(-5 * MINUTE, 5 * MINUTE)


# --- the end --------------------------------------------------------------------------------------


def _clear_up(world: World) -> None:
    if world.random.random() < 0.7:
        world.quiet()


def _wait_for_days(world: World, dishonesty: Dishonesty) -> None:
    """After days, coordinators free payers and let go; and then the late answers come."""
    world.quiet()
    if world.random.random() < 0.5:
        members.defer(world)
    if world.random.random() < 0.2:
        members.let_go(world)
    members.take_back(world)
    dishonesty.late()


def _end(world: World) -> None:
    members.reopen(world)
    world.quiet()
