"""Twenty-eight days of a circle that is made up, on a real database and a clock of its own.

Requests are made and opened, waves asked, answers given and calls made as a node and people would;
only who answers what, and when, comes from the hidden truth. At the desk somebody is on the phone
from nine to five: they make the calls of waves to those who have only a phone, and for what is on
the desk ring those who were asked and have not answered, and then the next that is ranked, by what
begins soonest. What somebody agreed to is done.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Protocol

import asyncpg

from node.connections import Connection
from node.help.answers import say_no, say_yes
from node.help.asking import BY_HAND, LEAD_MINUTES, ask, ask_wave, pass_on
from node.help.endings import end_over, find_over
from node.help.minutes import DAY, moment_at
from node.help.ranking import Ranked, rank
from node.help.request import read_windows
from node.help.requests import (
    Asker,
    add_request,
    lock_request,
    open_request,
    read_ends,
    read_wanted,
)
from node.help.waves import plan_wave
from tests.bench.matching_circle import SPAN_DAYS, Circle, MadeRequest
from tests.bench.matching_rules import Booking, broken_rule, starts
from tests.bench.matching_store import item_of
from tests.bench.matching_time import AGAIN, CALL, DESK, MINUTE_MS, ZONE, awake_after, when_open
from tests.bench.windows import say

EVERYBODY = 100_000
LOOK_AGAIN = 10
"""Minutes until somebody at the desk who has nobody to ring looks again."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom a wave asks, and in what order the desk rings: ``size`` for each place, by ``order``."""

    name: str
    order: Callable[[Ranked], float] | None = None
    size: int = EVERYBODY


OURS = Policy("ours")
NEAREST = Policy("nearest first", lambda ranked: ranked.distance or 0, 1)
EVERYONE = Policy("tell everyone", lambda ranked: ranked.distance or 0)


@dataclass(slots=True)
class Course:
    """How it went with a request: the minute at which it was filled, and who were asked."""

    request: MadeRequest
    filled: int | None = None
    asked: list[int] = field(default_factory=list)


class Watcher(Protocol):
    """Looks on while it goes on."""

    def see_asked(self, run: Simulation, course: Course, chosen: Sequence[Ranked]) -> None:
        """These are being asked, in one wave or by hand."""

    async def see_all(self, run: Simulation) -> None:
        """Something has happened."""


@dataclass(slots=True)
class Simulation:
    """One run of one policy; ``courses``, ``bookings`` and who was ``asked`` are what came of it,
    and what was ``broken`` of the hard rules."""

    connection: Connection
    circle: Circle
    policy: Policy = OURS
    watcher: Watcher | None = None
    minute: int = 0
    courses: dict[int, Course] = field(default_factory=dict)
    bookings: dict[int, list[Booking]] = field(default_factory=lambda: defaultdict(list))
    asked: Counter[int] = field(default_factory=Counter)
    asked_in_span: set[int] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)
    _events: list[tuple[int, int, Callable[[], Awaitable[None]]]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)
    _calls: list[tuple[int, int, int]] = field(default_factory=list)
    _rung: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    _again: dict[int, int] = field(default_factory=dict)
    _due: dict[int, int] = field(default_factory=dict)
    _waits_at_desk: bool = False
    _resting: int = 0

    @property
    def now(self) -> int:
        return moment_at(self.minute, ZONE)

    async def run(self) -> None:
        """From the first request to the last moment of the last."""
        requests = self.circle.requests
        for request in requests:
            self._at(request.made, partial(self._make, request))
        first, last = requests[0].made, max(request.ends for request in requests)
        for line in range(self.circle.lines):
            self._at(when_open(first + line, DESK), self._desk)
        for midnight in range(first - first % DAY + DAY, last + 2 * DAY, DAY):
            self._at(midnight, lambda: self._end_day(last))
        while self._events and self.minute <= last + 2 * DAY:
            self.minute = max(self.minute, self._events[0][0])
            await heapq.heappop(self._events)[2]()
            if self.watcher:
                await self.watcher.see_all(self)

    def _at(self, minute: int, what: Callable[[], Awaitable[None]]) -> None:
        heapq.heappush(self._events, (minute, next(self._order), what))

    async def _make(self, request: MadeRequest) -> None:
        asker = Asker(request.asker, request.asker, request.asker, request.phones)
        item = item_of(request)
        windows = read_windows(item, self.minute)
        async with self.connection.transaction():
            number = await add_request(
                self.connection, asker, item, windows, 1, None, ZONE, self.now
            )
            await self.connection.execute(
                "UPDATE visits SET hold = number WHERE request = $1", number
            )
            await open_request(self.connection, number, self.now)
        self.courses[number] = Course(request)
        await self._follow(number)

    async def _follow(self, number: int) -> None:
        """Have the next wave of a request asked in its time; somebody at the desk looks up."""
        row = await self.connection.fetchrow(
            """
            SELECT next_wave, desk_since FROM help_requests
            WHERE number = $1 AND status = 'open'
            """,
            number,
        )
        while self._resting and row and (row["desk_since"] is not None or self._calls):
            self._resting -= 1
            self._at(self.minute, self._desk)
        if row and row["next_wave"] is not None:
            due = self.minute + max(0, -((self.now - row["next_wave"]) // MINUTE_MS))
            if self._due.get(number) != due:
                self._due[number] = due
                self._at(due, partial(self._wave, number))

    async def _wave(self, number: int) -> None:
        self._due.pop(number, None)
        async with self.connection.transaction():
            if self.policy.order is None:
                chosen = await ask_wave(self.connection, number, ZONE, self.now)
            else:
                chosen = await self._ask_by_policy(number)
        self._note(number, chosen)
        await self._follow(number)

    async def _ask_by_policy(self, number: int) -> list[Ranked]:
        """As ask_wave does it, but whom the policy says, and until nobody is left."""
        row = await lock_request(self.connection, number)
        if row["status"] != "open" or row["next_wave"] is None or row["next_wave"] > self.now:
            return []
        assert self.policy.order is not None
        places = await self.connection.fetchval(
            "SELECT count(DISTINCT place) FROM visits WHERE request = $1 AND status = 'open'",
            number,
        )
        ranked = await self._rank(row)
        chosen = sorted(ranked, key=self.policy.order)[: self.policy.size * places]
        ends = await read_ends(self.connection, row)
        wave = row["wave"] + 1
        await ask(self.connection, row, chosen, wave, ends, self.now)
        following = plan_wave(self.now, ends, 1, places, ZONE).following
        is_last = len(ranked) <= len(chosen)
        await self.connection.execute(
            """
            UPDATE help_requests SET wave = $2, next_wave = $3,
                desk_since = CASE WHEN $3::bigint IS NULL THEN coalesce(desk_since, $4)
                    ELSE desk_since END
            WHERE number = $1
            """,
            *(number, wave, None if is_last else following, self.now),
        )
        return chosen

    async def _rank(self, row: asyncpg.Record, most: int = EVERYBODY) -> list[Ranked]:
        wanted = await read_wanted(self.connection, row, self.minute + LEAD_MINUTES)
        if not wanted.windows:
            return []
        ranked = await rank(self.connection, wanted, self.now, self.minute, most)
        return ranked if self.policy.order is None else sorted(ranked, key=self.policy.order)

    def _note(self, number: int, chosen: Sequence[Ranked]) -> None:
        """Those who are asked answer in their time, or are on the list of calls."""
        course = self.courses[number]
        request = course.request
        if self.watcher and chosen:
            self.watcher.see_asked(self, course, chosen)
        for each in chosen:
            self._check(request, each)
            course.asked.append(each.helper)
            self.asked[each.helper] += 1
            if self.minute < self.circle.requests[0].made + SPAN_DAYS * DAY:
                self.asked_in_span.add(each.helper)
            if each.by_call:
                heapq.heappush(self._calls, (request.ends, number, each.helper))
            elif (takes := self.circle.truth(each.helper, request).takes) is not None:
                self._at(
                    awake_after(self.minute, takes), partial(self._answer, number, each.helper)
                )

    def _check(self, request: MadeRequest, asked: Ranked) -> None:
        """Note where somebody is asked against the rules, or for another time than the first."""
        helper = self.circle.helpers[asked.helper]
        rule = broken_rule(self.circle, helper, request)
        free = starts(helper, request, self.bookings[helper.person], self.minute + LEAD_MINUTES)
        if rule is None and asked.begins != next(free, (None, None))[0]:
            rule = "free then, with hours left in the week"
        if rule is not None:
            self.broken.append(f"{rule}: {helper} for {request} at {asked.begins}")

    async def _answer(self, number: int, person: int) -> None:
        """They say yes, if they would come and still can; or no."""
        course = self.courses[number]
        if course.filled is not None or self.minute >= course.request.ends:
            return
        answer = await self.connection.fetchval(
            "SELECT answer FROM asks WHERE request = $1 AND helper = $2", number, person
        )
        if answer not in (None, "no-reply"):
            return
        begins = self._choose(course.request, person)
        async with self.connection.transaction():
            if begins is None:
                await say_no(self.connection, number, person, self.now)
            else:
                await say_yes(self.connection, number, person, begins, ZONE, self.now)
        if begins is not None:
            await self._book(course, number, person, begins)
        await self._follow(number)

    def _choose(self, request: MadeRequest, person: int) -> int | None:
        """When they come: at the first time that suits them by now."""
        if not self.circle.truth(person, request).comes:
            return None
        helper, bookings = self.circle.helpers[person], self.bookings[person]
        return next(
            (first for first, _ in starts(helper, request, bookings, self.minute + 1)), None
        )

    async def _book(self, course: Course, number: int, person: int, begins: int) -> None:
        request = course.request
        rows = await self.connection.fetch(
            "SELECT begins FROM visits WHERE request = $1 AND helper = $2", number, person
        )
        assert min(row["begins"] for row in rows) == begins
        self.bookings[person] += [Booking(row["begins"], request.minutes) for row in rows]
        status = await self.connection.fetchval(
            "SELECT status FROM help_requests WHERE number = $1", number
        )
        if status == "filled":
            course.filled = self.minute

    async def _desk(self) -> None:
        """Make a call, or look again later."""
        if self.minute != when_open(self.minute, DESK):
            self._at(when_open(self.minute, DESK), self._desk)
            return
        call = await self._next_call()
        if call is None:
            if self._waits_at_desk:
                self._at(self.minute + LOOK_AGAIN, self._desk)
            else:
                self._resting += 1
            return
        await self._ring(*call)
        self._at(self.minute + CALL, self._desk)

    async def _next_call(self) -> tuple[int, int] | None:
        """The request that begins soonest of those for which there is somebody to ring."""
        on_desk = await self.connection.fetch(
            """
            SELECT number, ends, next_wave FROM help_requests
            WHERE desk_since IS NOT NULL AND status = 'open' AND ends > $1 ORDER BY ends
            """,
            self.now,
        )
        waiting: list[tuple[int, int, int]] = []
        found = None
        while self._calls and found is None:
            call = heapq.heappop(self._calls)
            tried = self._rung[call[1:]]
            if tried and tried[-1] + AGAIN > self.minute:
                waiting.append(call)
            elif self.courses[call[1]].filled is None and call[0] > self.minute and len(tried) < 2:
                found = call
        for call in waiting:
            heapq.heappush(self._calls, call)
        self._waits_at_desk = bool(on_desk or waiting)
        for row in on_desk:
            if found is not None and self.courses[row["number"]].request.ends >= found[0]:
                break
            urgent = row["ends"] - self.now < DAY * MINUTE_MS
            person = await self._next_of_desk(
                row["number"], beyond=urgent or row["next_wave"] is None
            )
            if person is not None:
                if found is not None:
                    heapq.heappush(self._calls, found)
                return row["number"], person
        return found and found[1:]

    async def _next_of_desk(self, number: int, *, beyond: bool) -> int | None:
        """Of those who were asked and have not answered; else, if ``beyond``, whoever is next."""
        if self._again.get(number, 0) > self.minute:
            return None
        asked = await self.connection.fetch(
            "SELECT helper FROM asks WHERE request = $1 AND answer IS NULL ORDER BY score DESC",
            number,
        )
        for row in asked:
            tried = self._rung[number, row["helper"]]
            if len(tried) < 2 and (not tried or tried[-1] + AGAIN <= self.minute):
                return int(row["helper"])
        if not beyond:
            return None
        async with self.connection.transaction():
            row = await lock_request(self.connection, number)
            ranked = await self._rank(row, 1)
            if ranked:
                ends = await read_ends(self.connection, row)
                await ask(self.connection, row, ranked[:1], BY_HAND, ends, self.now)
        if ranked:
            self._note(number, ranked[:1])
            return ranked[0].helper
        self._again[number] = self.minute + AGAIN
        return None

    async def _ring(self, number: int, person: int) -> None:
        tried = self._rung[number, person]
        tried.append(self.minute)
        request = self.courses[number].request
        if self.circle.truth(person, request).picks_up[len(tried) - 1]:
            await self._answer(number, person)
            return
        if not self.circle.helpers[person].by_call:
            return
        heapq.heappush(self._calls, (request.ends, number, person))
        if len(tried) == 1 and request.ends - self.minute > DAY:
            return  # there is time to ring once more
        async with self.connection.transaction():
            row = await lock_request(self.connection, number)
            await self.connection.execute(
                """
                UPDATE asks SET answer = 'no-reply', answered = $3
                WHERE request = $1 AND helper = $2 AND answer IS NULL
                """,
                *(number, person, self.now),
            )
            await pass_on(self.connection, row, self.now)
        await self._follow(number)

    async def _end_day(self, last: int) -> None:
        """What is over is done and paid, or dropped."""
        async with self.connection.transaction():
            await self.connection.execute(
                """
                WITH done AS (
                    UPDATE visits SET status = 'paid'
                    WHERE status IN ('held', 'booked') AND starts < $1 RETURNING helper
                )
                UPDATE helpers SET kept = kept + often FROM
                    (SELECT helper, count(*) AS often FROM done GROUP BY helper) AS each
                WHERE person = helper
                """,
                self.now,
            )
            while over := await find_over(self.connection, self.now):
                for number in over:
                    await end_over(self.connection, number, self.now)
        days, left = (self.minute - self.circle.requests[0].made) // DAY + 1, last - self.minute
        if len(self.circle.requests) > 1000 and days % 7 == 0 and left > 0:
            say(f"    {self.policy.name}: day {days}, {left // DAY} to go")
