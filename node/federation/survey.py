"""Which debts go round among circles, as far as gossip tells, and what we are to propose of it.

Thousands of circles' statements are verified for it, and a linear program is solved: that takes a
process of its own for as long as it lasts, and the event loop goes on.
"""

from __future__ import annotations

import asyncio
import marshal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar, NamedTuple

from ledger.errors import MalformedObject, TallystickError
from ledger.federation.cycles import (
    Position,
    Shown,
    circles_of,
    debts_by_unit,
    find_positions,
    own_position,
    trust_own,
    ways_to_clear,
)
from ledger.federation.gossip_envelope import parse_bulletin
from ledger.federation.gossip_store import Store
from ledger.federation.link import Link, Way
from node.gossip.nearby import Told
from node.gossip.routes import AGE_MS_MAX

SECONDS_MAX = 120.0
"""How long the process may take."""


class Record(NamedTuple):
    """A circle, its link key, and the body of its newest bulletin."""

    circle: bytes
    link_key: bytes
    bulletin: bytes


class Task(NamedTuple):
    """What gossip says of all circles, our own books of our links, and what neighbours say now."""

    circle: bytes
    records: tuple[Record, ...]
    own: tuple[Position, ...]
    told: tuple[Told, ...] = ()


class Found(NamedTuple):
    """A cycle of debts: each circle owes the next, the last the first, ``amount`` of ``unit``."""

    unit: bytes
    circles: tuple[bytes, ...]
    amount: int

    @property
    def freed(self) -> int:
        """How much less is owed in all once it is cleared."""
        return self.amount * len(self.circles)


class Proposal(NamedTuple):
    """A payment to ourselves along ``way``, of one amount in ``unit`` over every link."""

    unit: bytes
    way: Way

    @property
    def amount(self) -> int:
        return self.way[0][1]

    @property
    def circles(self) -> tuple[bytes, ...]:
        """Whom it goes through, and at last we."""
        return tuple(circle for circle, _ in self.way)

    @property
    def freed(self) -> int:
        return self.amount * len(self.way)


class Survey(NamedTuple):
    """The cycles, those that free most first, and what we are to propose of them.

    ``debts`` is how many debts between circles are known and count.
    """

    debts: int
    cycles: tuple[Found, ...]
    proposals: tuple[Proposal, ...]


class SurveyFailed(TallystickError):
    """The process did not come to an end."""

    code: ClassVar[str] = "survey-failed"

    def __init__(self) -> None:
        super().__init__(
            "It could not be worked out which debts go round: it took too long, or memory ran out."
        )


def gather(
    store: Store,
    links: Iterable[Link],
    now: int,
    heard: Mapping[bytes, int],
    told: tuple[Told, ...] = (),
) -> Task:
    """What there is to go by at ``now`` (Unix milliseconds), of circles that are not convicted.

    Of a circle in ``heard`` only a bulletin with a greater number counts, and of none an old one.
    What neighbours told goes before any bulletin.
    """
    records = []
    for circle in store:
        known = store[circle]
        said = known.bulletin
        if said is None or now - said.issued > AGE_MS_MAX or known.is_convicted(said.epoch):
            continue
        if said.seq > heard.get(circle, 0):
            records.append(Record(circle, known.link_key, said.body))
    own = filter(None, map(own_position, links))
    return Task(store.own, tuple(records), tuple(own), told)


def link_keys(store: Store, links: Iterable[Link]) -> Callable[[bytes], bytes]:
    """Gives a circle's link key: that of our agreement, or the announced one, or b""."""
    agreed = {link.peer: link.theirs.link for link in links}
    return lambda circle: agreed.get(circle) or store[circle].link_key


def survey(task: Task) -> Survey:
    """Work it out, here and now."""
    from node.clearing import clear  # with its solver, which the serving node does without

    shown = {}
    for circle, link_key, body in task.records:
        with suppress(MalformedObject):  # a form that is not known here
            links = parse_bulletin(body).links
            shown[circle] = Shown(link_key, {link.peer: link for link in links})
    believed = trust_own(task.circle, _merge(find_positions(shown), task.told), task.own)
    positions = {(position.debtor, position.creditor): position for position in believed}
    cycles = [
        Found(unit, circles, amount)
        for unit, debts in debts_by_unit(positions.values()).items()
        for circles, amount in circles_of(clear(debts))
    ]
    cycles.sort(key=lambda cycle: (-cycle.freed, cycle))
    ways = ways_to_clear(
        task.circle, [(cycle.circles, cycle.amount) for cycle in cycles], positions
    )
    proposals = (Proposal(positions[way[0][0], task.circle].unit, way) for way in ways)
    return Survey(len(positions), tuple(cycles), tuple(proposals))


def _merge(positions: Iterable[Position], told: Iterable[Told]) -> Iterator[Position]:
    known = {(link.low, link.high): link.position for link in told}
    for position in positions:
        low, high = sorted((position.debtor, position.creditor))
        if (low, high) not in known:
            yield position
    yield from filter(None, known.values())


async def survey_apart(task: Task) -> Survey:
    """Work it out in a process of its own, for at most SECONDS_MAX. Raises SurveyFailed."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-c", "from node.federation.survey import main; main()"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError:
        raise SurveyFailed from None
    try:
        async with asyncio.timeout(SECONDS_MAX):
            done, _ = await process.communicate(_pack_task(task))
    except TimeoutError:
        raise SurveyFailed from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode:
        raise SurveyFailed
    return _read_survey(done)


# What goes over the pipes is marshal, between equals: of plain tuples.


def _pack_task(task: Task) -> bytes:
    records, own = (tuple(map(tuple, each)) for each in (task.records, task.own))
    told: Any = tuple((low, high, at and tuple(at)) for low, high, at in task.told)
    return marshal.dumps((task.circle, records, own, told))


def _read_task(data: bytes) -> Task:
    circle, records, own, told = marshal.loads(data)
    return Task(
        circle,
        tuple(map(Record._make, records)),
        tuple(map(Position._make, own)),
        tuple(Told(low, high, at and Position._make(at)) for low, high, at in told),
    )


def _read_survey(data: bytes) -> Survey:
    debts, cycles, proposals = marshal.loads(data)
    return Survey(
        debts,
        tuple(map(Found._make, cycles)),
        tuple(map(Proposal._make, proposals)),
    )


def main() -> None:
    """Do the one task that comes in."""
    debts, *found = survey(_read_task(sys.stdin.buffer.read()))
    cycles, proposals = (tuple(map(tuple, each)) for each in found)
    sys.stdout.buffer.write(marshal.dumps((debts, cycles, proposals)))
