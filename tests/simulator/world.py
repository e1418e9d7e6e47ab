"""The network between circles: one heap of events in virtual time, and the weather's faults."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random

from tests.circle import DAY, HOUR, MINUTE, NOON
from tests.simulator.circle import Answer, Circle, Request
from tests.simulator.invariants import check_state

SECOND = 1_000
RETRY_FIRST, RETRY_MOST = 2 * SECOND, 2 * HOUR
EVENTS_MAX = 100_000
"""More than this in one seed is a storm: something talks without end."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How likely each fault is in one seed, from 0 to 1."""

    loss: float = 0.0
    duplication: float = 0.0
    delay: float = 0.0
    slow_disk: float = 0.0
    crash: float = 0.0


def draw_weather(random: Random) -> Weather:
    """Each seed has some of the faults: with all of them always, some bugs would hide."""

    def chance(most: float) -> float:
        return random.random() * most if random.random() < 0.6 else 0.0

    return Weather(chance(0.4), chance(0.4), chance(0.3), chance(0.8), chance(0.1))


@dataclass(slots=True)
class World:
    """All circles of a seed, and what is between them."""

    random: Random
    weather: Weather
    circles: dict[bytes, Circle] = field(default_factory=dict)
    now: int = NOON
    heap: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    events: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    apart: set[frozenset[bytes]] = field(default_factory=set)
    calm: bool = False
    violations: list[str] = field(default_factory=list)
    digest: bytes = bytes(32)
    timers: dict[tuple[bytes, bytes], tuple[int, int]] = field(default_factory=dict)
    arrived: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    tamper: Callable[[Circle, Request | Answer], Request | Answer | None] | None = None
    order: int = 0

    # --- time -------------------------------------------------------------------------------------

    def at(self, delay: int, act: Callable[[], None]) -> None:
        self.order += 1
        heapq.heappush(self.heap, (self.now + delay, self.order, act))

    def run(self) -> None:
        """Until nothing is left to happen."""
        while self.heap:
            self.now, _, act = heapq.heappop(self.heap)
            self.events += 1
            if self.events > EVENTS_MAX:
                self.violations.append("the circles never come to rest")
                return
            act()

    def note(self, what: bytes) -> None:
        """What two runs of one seed have to have in common."""
        self.digest = sha256(self.digest + self.now.to_bytes(8, "big") + what).digest()

    def log_time(self, circle: Circle) -> int:
        return max(self.now + circle.clock, circle.state.log_time)

    # --- writing ----------------------------------------------------------------------------------

    def settle(self, circle: Circle, then: Callable[[], None] | None = None) -> None:
        """Write what the circle has pending, at once or a little later, and then do something."""
        if then is not None:
            circle.after.append((circle.count, then))
        if not self.calm and self.random.random() < self.weather.slow_disk:
            self.faults["slow disk"] += 1
            life = circle.life
            delay = self.random.choice((5, 50, 3 * SECOND))
            if self.random.random() < self.weather.crash:
                self.at(delay - 1, lambda: self.crash(circle, False, 10 * SECOND))
            self.at(delay, lambda: self.write(circle, life))
        else:
            self.write(circle, circle.life)

    def write(self, circle: Circle, life: int) -> None:
        if not circle.up or circle.life != life:
            return
        if circle.pending:
            links = circle.write()
            self.check(circle)
            for link in links:
                self.wake(circle, link)
        for act in circle.due():
            act()

    def check(self, circle: Circle) -> None:
        if circle.sound:
            for wrong in check_state(circle.book.state):
                self.violations.append(f"{circle.name}: {wrong}")

    # --- exchanges --------------------------------------------------------------------------------

    def wake(self, circle: Circle, link: bytes, delay: int = 0) -> None:
        """Begin an exchange soon, unless one is due already."""
        self._timer(circle, link, delay or self.random.randrange(1, 50), RETRY_FIRST)

    def _timer(self, circle: Circle, link: bytes, delay: int, wait: int) -> None:
        key = circle.id, link
        due, _ = self.timers.get(key, (0, 0))
        if due > self.now and due <= self.now + delay:
            return
        self.timers[key] = self.now + delay, wait
        self.at(delay, lambda: self._tick(circle, link, self.now))

    def _tick(self, circle: Circle, link: bytes, due: int) -> None:
        key = circle.id, link
        found, wait = self.timers.get(key, (0, 0))
        if found != due:
            return
        del self.timers[key]
        if not circle.up or not circle.wants(link):
            return
        self.post(circle, circle.state.links[link].peer, circle.ask(link))
        if wait < RETRY_MOST:
            spread = self.random.randrange(wait // 4 + 1)
            self._timer(circle, link, wait + spread, wait * 4)

    def post(self, circle: Circle, to: bytes, letter: Request | Answer) -> None:
        """Send something, through whatever the weather is."""
        changed = self.tamper(circle, letter) if self.tamper and not circle.honest else letter
        if changed is None:
            return
        for _ in range(1 + self._strikes("duplication", self.weather.duplication)):
            if frozenset((circle.id, to)) in self.apart:
                self.faults["partition"] += 1
            elif not self._strikes("loss", self.weather.loss):
                self._fly(circle.id, to, changed)

    def _strikes(self, kind: str, chance: float) -> bool:
        struck = not self.calm and chance > 0 and self.random.random() < chance
        self.faults[kind] += struck
        return struck

    def _fly(self, sender: bytes, to: bytes, letter: Request | Answer) -> None:
        delay = self.random.randrange(5, 200)
        if self._strikes("delay", self.weather.delay):
            delay = self.random.randrange(SECOND, 10 * MINUTE)
        self.order += 1
        departure = self.order
        self.at(delay, lambda: self._arrive(sender, to, letter, departure))

    def _arrive(self, sender: bytes, to: bytes, letter: Request | Answer, departure: int) -> None:
        circle = self.circles[to]
        last = self.arrived.get((sender, to), 0)
        self.faults["reordering"] += departure < last
        self.arrived[sender, to] = max(departure, last)
        if frozenset((sender, to)) in self.apart:
            self.faults["partition"] += 1
            return
        if not circle.up:
            return
        self.note(to + letter.link + letter.statement)
        link = circle.state.links.get(letter.link)
        if link is None or link.peer != sender:
            return
        circle.hear(letter, self.log_time(circle))
        if isinstance(letter, Request):
            self.settle(circle, lambda: self._answer(circle, letter))
        else:
            self.settle(circle, lambda: self._again(circle, letter.link, link.acked))

    def _answer(self, circle: Circle, request: Request) -> None:
        statement, messages = circle.say(request.link)
        answer = Answer(request.link, circle.id, request.life, request.serial, statement, messages)
        self.post(circle, request.sender, answer)

    def _again(self, circle: Circle, link: bytes, acked: int) -> None:
        """Go on as long as it comes through; else the timer tries again, less and less often."""
        if circle.wants(link) and circle.book.state.links[link].acked > acked:
            self.wake(circle, link)

    # --- crashes and partitions -------------------------------------------------------------------

    def crash(self, circle: Circle, restore: bool, down: int) -> None:
        if not circle.up:
            return
        self.faults["crash"] += 1
        self.faults["crash in mid-write"] += bool(circle.pending)
        if circle.pending and self.random.random() < 0.5:
            circle.write(self.random.randrange(len(circle.pending) + 1))
        backup = circle.backup if restore else None
        self.faults["restored backup"] += backup is not None
        circle.crash(backup)
        circle.up = False
        self.note(b"crash")
        self.at(down, lambda: self.start(circle))

    def start(self, circle: Circle) -> None:
        if circle.up:
            return
        circle.up = True
        for link in circle.state.links:
            self.wake(circle, link)

    def part(self, one: bytes, other: bytes, length: int) -> None:
        pair = frozenset((one, other))
        self.apart.add(pair)
        self.at(length, lambda: self.apart.discard(pair))

    def quiet(self) -> None:
        """Good weather: everything is reachable, and tried again at once. What is down starts in
        its own time: a backup that came back sooner would meet its own old messages under way."""
        self.calm = True
        self.apart.clear()
        for circle in self.circles.values():
            self.write(circle, circle.life)
            for link in circle.state.links:
                self.retry(circle, link)

    def retry(self, circle: Circle, link: bytes) -> None:
        """Ask from the beginning, as a node does once a while whatever it waits for."""
        self.timers.pop((circle.id, link), None)
        self.wake(circle, link)


LATER = 31 * DAY
"""After so long a coordinator may free the payer, or let the circle before go."""
