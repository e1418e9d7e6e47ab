"""Every order in which messages can come, with a decider that lies: no honest circle loses.

The search is over the very cores. What one circle makes of one message is worked out once and kept;
so is every state of all circles together, with what is under way between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import NamedTuple

import pytest

from ledger.append import append
from ledger.decide import Decision, Facts, decide_order
from ledger.federation.agreement import link_id
from ledger.federation.confirm import confirm
from ledger.federation.link import Link, PutMessage, statement_of
from ledger.federation.message import (
    FIRST,
    Commit,
    Content,
    Prepare,
    Release,
    Statement,
    message_hash,
    sign_statement,
    write_message,
)
from ledger.federation.payment import (
    PaymentHeader,
    encode_header,
    payment_id,
    sealed_hash,
    sign_commit,
)
from ledger.federation.receive import Keys, Received, receive
from ledger.federation.resume import resume
from ledger.federation.route import Route
from ledger.federation.step import Step
from ledger.federation.terms import open_link
from ledger.orders import COMMUNITY, FIRST_MEMBER, SUSPENSE, Hold
from ledger.state import Change, State, apply
from tests.circle import MINUTE, NOON
from tests.simulator.circle import SECRET, Book, Circle
from tests.simulator.founding import agree, copy_state, found, key_of, seed_of
from tests.simulator.invariants import check_state
from tests.simulator.members import price, sign
from tests.simulator.world import Weather, World

LATE = NOON + 10 * MINUTE
SEALED = b"sealed to the decider"

Bodies = tuple[bytes, ...]
Sent = tuple[tuple[int, bytes], ...]
"""Messages with their places in Spot.way."""


class Case(NamedTuple):
    """Who has links with whom, and the ways of the payment. The first circle pays, the last decides
    and lies; with ``payer_lies`` so does the first. One circle may be started again, or none."""

    links: tuple[tuple[int, int], ...]
    ways: tuple[tuple[int, ...], ...]
    payer_lies: bool = False
    restarts: int | None = None


class Spot(NamedTuple):
    """All there is at one moment. ``circles`` are numbers of kept states; ``way`` is what was sent
    over each (link, sender) and not taken; ``told`` what the liars sent on each of theirs."""

    circles: tuple[int, ...]
    way: tuple[Bodies, ...]
    told: tuple[tuple[Content, ...], ...]
    late: bool = False
    restarted: bool = False


@dataclass
class Search:
    """The search of one case."""

    case: Case
    states: list[State] = field(default_factory=list)
    numbers: dict[object, int] = field(default_factory=dict)
    taken: dict[object, tuple[int, Sent] | None] = field(default_factory=dict)
    heard: dict[object, tuple[int, Sent]] = field(default_factory=dict)
    ends: list[tuple[int, int]] = field(default_factory=list)
    messages: dict[object, bytes] = field(default_factory=dict)
    spots: int = 0
    settled: int = 0

    def __post_init__(self) -> None:
        self.size = 1 + max(max(pair) for pair in self.case.links)
        self.liars = {self.size - 1} | ({0} if self.case.payer_lies else set())
        self.ids = [found(number).circle for number in range(self.size)]
        # Each direction of each link has a place in Spot.way.
        self.ends = [end for one, other in self.case.links for end in ((one, other), (other, one))]

    # --- the beginning ----------------------------------------------------------------------------

    def begin(self) -> Spot:
        world = World(Random(1), Weather())
        circles = []
        for number in range(self.size):
            state = copy_state(found(number))
            circles.append(Circle(number, Book(state), state))
            world.circles[state.circle] = circles[-1]
        for one, other in self.case.links:
            wire = agree(one, other, ((10, 6), (7, 3)), (1_000, 1_000), 500, 4)
            for circle in (circles[one], circles[other]):
                circle.take(open_link(circle.state, wire), NOON)
                circle.pending.clear()
        decider = self.size - 1
        header = PaymentHeader(
            self.ids[decider], key_of(decider, "decision"), LATE, 20, sealed_hash(SEALED)
        )
        self.header = encode_header(header)
        self.payment = payment_id(self.header)
        self.commit = sign_commit(self.payment, seed_of(decider, "decision"))
        self.ways = tuple(
            price(circles[0], tuple(circles[number] for number in way), 20)
            for way in self.case.ways
        )
        spot = Spot(
            tuple(self.keep(circle.state) for circle in circles),
            tuple(() for _ in self.ends),
            tuple(() for _ in self.ends),
        )
        return spot if self.case.payer_lies else self._pay(world, circles[0], spot)

    def _pay(self, world: World, payer: Circle, spot: Spot) -> Spot:
        most = max(cost for _, cost in self.ways)
        act = Hold((), most, LATE, evidence=(self.payment,))
        route = Route(self.header, SEALED, tuple(way for way, _ in self.ways))
        signed = sign(world, payer, FIRST_MEMBER, act, FIRST_MEMBER)
        decided = decide_order(payer.state, Facts(), signed, NOON, "", route)
        assert isinstance(decided, Decision), decided
        state = copy_state(payer.state)
        append(state, decided, signed.wire, (), SECRET, NOON)
        return self._after(spot, 0, self.keep(state), self._sent(0, decided.changes))

    # --- states of one circle ---------------------------------------------------------------------

    def keep(self, state: State) -> int:
        """The number of a state, by what later steps can tell it by."""
        key = (
            state.circle,
            tuple((a.number, a.balance, a.held) for a in state.accounts.values()),
            frozenset(state.links.values()),
            frozenset(state.link_holds.values()),
            frozenset(state.transits.values()),
            frozenset(state.holds),
            frozenset(state.unconfirmed),
        )
        if key not in self.numbers:
            self.numbers[key] = len(self.states)
            self.states.append(state)
            self.check_circle(state)
        return self.numbers[key]

    def _make(self, state: State, step: Step, now: int) -> State:
        state = copy_state(state)
        if step.entry is not None:
            append(state, step.entry, step.wire, step.personal, SECRET, now)
        apply(state, step.changes)
        return state

    def _sent(self, circle: int, changes: Iterable[Change]) -> Sent:
        """The messages among changes, with their places in Spot.way."""
        places = {
            link_id(self.ids[sender], self.ids[receiver]): place
            for place, (sender, receiver) in enumerate(self.ends)
            if sender == circle
        }
        return tuple(
            (places[change.link], change.body)
            for change in changes
            if isinstance(change, PutMessage) and change.sent
        )

    def _after(self, spot: Spot, circle: int, number: int, sent: Sent) -> Spot:
        circles, way = list(spot.circles), list(spot.way)
        circles[circle] = number
        for place, body in sent:
            if self.ends[place][1] not in self.liars:  # what liars are told changes nothing
                way[place] = (*way[place], body)
        return spot._replace(circles=tuple(circles), way=tuple(way))

    # --- what can happen --------------------------------------------------------------------------

    def next(self, spot: Spot) -> Iterator[Spot]:
        yield from self._deliveries(spot)
        yield from self._lies(spot)
        yield from self._restarts(spot)
        if not spot.late:
            yield spot._replace(late=True)

    def _deliveries(self, spot: Spot) -> Iterator[Spot]:
        for place, bodies in enumerate(spot.way):
            if not bodies:
                continue
            sender, receiver = self.ends[place]
            done = self._take(spot.circles[receiver], receiver, sender, bodies[0], spot.late)
            if done is not None:
                way = (*spot.way[:place], bodies[1:], *spot.way[place + 1 :])
                yield self._after(spot._replace(way=way), receiver, *done)

    def _take(
        self, number: int, receiver: int, sender: int, body: bytes, late: bool
    ) -> tuple[int, Sent] | None:
        """What becomes of a circle by a message; None while it does not take it."""
        key = number, body, late
        if key not in self.taken:
            now = LATE if late else NOON
            secrets = Keys(key_of(receiver, "decision"), seed_of(receiver, "decision"))
            link = link_id(self.ids[sender], self.ids[receiver])
            received = Received(link, (body,), body, sealed=SEALED)
            step = receive(self.states[number], secrets, received, now)
            if step.fault and not step.changes:
                self.taken[key] = None
            else:
                state = self._make(self.states[number], step, now)
                sent = self._sent(receiver, step.changes)
                self.taken[key] = self.keep(state), sent
        return self.taken[key]

    def _lies(self, spot: Spot) -> Iterator[Spot]:
        for place, (liar, victim) in enumerate(self.ends):
            told = spot.told[place]
            if liar not in self.liars or victim in self.liars:
                continue
            for content in self._choices(liar, victim, told):
                body = self._write(place, (*told, content))
                way = (*spot.way[:place], (*spot.way[place], body), *spot.way[place + 1 :])
                more = (*spot.told[:place], (*told, content), *spot.told[place + 1 :])
                yield spot._replace(way=way, told=more)

    def _choices(self, liar: int, victim: int, told: tuple[Content, ...]) -> Iterator[Content]:
        """A lying decider says one thing and another; a lying payer sends it on every way."""
        if liar:
            if len(told) < 2:
                yield Commit(self.payment, self.commit)
                yield Release(self.payment, "payee")
        elif not told:
            for way, _ in self.ways:
                (peer, amount), *onward = way
                if peer == self.ids[victim]:
                    yield Prepare(self.header, amount, tuple(onward))

    def _write(self, place: int, contents: tuple[Content, ...]) -> bytes:
        """The last of a liar's messages over a link."""
        key = place, contents
        if key not in self.messages:
            liar, victim = (self.ids[end] for end in self.ends[place])
            before = self._write(place, contents[:-1]) if contents[1:] else b""
            previous = message_hash(before) if before else FIRST
            link = link_id(liar, victim)
            seq, content = len(contents), contents[-1]
            self.messages[key] = write_message(link, liar, victim, seq, previous, content)
        return self.messages[key]

    def _restarts(self, spot: Spot) -> Iterator[Spot]:
        """One circle is started again, and hears from its neighbours in any order, or never; what a
        liar tells it may be that it has lost its past."""
        number = self.case.restarts
        if number is None:
            return
        state = self.states[spot.circles[number]]
        if not spot.restarted:
            again = copy_state(state)
            again.unconfirmed = set(again.links)
            yield self._after(spot, number, self.keep(again), ())._replace(restarted=True)
        for link in [state.links[each] for each in state.unconfirmed]:
            peer = self.ids.index(link.peer)
            if peer not in self.liars:
                back = self.states[spot.circles[peer]].links[link.id]
                yield self._confirm(spot, number, peer, back)
            elif link.status != "lost":
                # A liar's word is whatever serves it: here, where we stand, or ahead of us.
                mirror = link._replace(
                    circle=link.peer,
                    peer=link.circle,
                    sent=link.received,
                    received=link.sent,
                    owed=-link.owed,
                    incoming=link.outgoing,
                    outgoing=link.incoming,
                )
                yield self._confirm(spot, number, peer, mirror)
                ahead = mirror._replace(received=replace(link.sent, seq=link.sent.seq + 1))
                yield self._confirm(spot, number, peer, ahead)

    def _confirm(self, spot: Spot, number: int, peer: int, back: Link) -> Spot:
        statement, before = statement_of(back), spot.circles[number]
        key = before, statement, spot.late
        if key not in self.heard:
            self.heard[key] = self._hear(before, number, peer, statement, spot.late)
        return self._after(spot, number, *self.heard[key])

    def _hear(
        self, before: int, number: int, peer: int, statement: Statement, late: bool
    ) -> tuple[int, Sent]:
        now = LATE if late else NOON
        link = statement.link
        wire = sign_statement(statement, seed_of(peer, "link"))
        step = confirm(self.states[before], link, statement, wire, now)
        state = self._make(self.states[before], step, now)
        if step.fault:
            return self.keep(state), ()
        state.unconfirmed.discard(link)
        step = resume(state, link, wire, now)
        return self.keep(self._make(state, step, now)), self._sent(number, step.changes)

    # --- what must be so --------------------------------------------------------------------------

    def check_circle(self, state: State) -> None:
        """An honest circle owes no more for the payment than it is owed, or is about to be."""
        assert list(check_state(state)) == []
        # Members apart, what a circle has is what its neighbours owe it.
        assert state.accounts[COMMUNITY].balance >= 0
        waiting = [each for each in state.transits.values() if each.incoming and each.commit]
        assert state.accounts[SUSPENSE].balance == -sum(each.most for each in waiting)
        for each in waiting:
            cut_off = each.incoming in state.unconfirmed
            assert cut_off or state.links[each.incoming].status == "lost"

    def check_end(self, spot: Spot) -> None:
        """When all that honest circles said has come through, they tell each other one story."""
        for one, other in self.case.links:
            if {one, other} & self.liars:
                continue
            here, there = (self.states[spot.circles[end]] for end in (one, other))
            link = link_id(here.circle, there.circle)
            if link in here.unconfirmed | there.unconfirmed:
                continue
            assert statement_of(here.links[link]) == statement_of(there.links[link])
            assert {here.links[link].status, there.links[link].status} == {"open"}

    def run(self) -> None:
        spot = self.begin()
        seen, stack = {spot}, [spot]
        while stack:
            spot = stack.pop()
            if not any(spot.way):
                self.check_end(spot)
                self.settled += 1
            for after in self.next(spot):
                if after not in seen:
                    seen.add(after)
                    stack.append(after)
        self.spots = len(seen)


LINE_OF_THREE = ((0, 1), (1, 2))
DIAMOND = ((0, 1), (0, 2), (1, 3), (2, 3))
LINE_OF_FOUR = ((0, 1), (1, 2), (2, 3))
FIVE = ((0, 1), (1, 2), (2, 4), (0, 3), (3, 4))
CASES = {
    "three in a line": Case(LINE_OF_THREE, ((1, 2),)),
    "three, the hop starts again": Case(LINE_OF_THREE, ((1, 2),), restarts=1),
    "three, the payer lies": Case(LINE_OF_THREE, ((1, 2),), payer_lies=True, restarts=1),
    "four in a line": Case(LINE_OF_FOUR, ((1, 2, 3),)),
    "four, the first hop starts again": Case(LINE_OF_FOUR, ((1, 2, 3),), restarts=1),
    "four, the second hop starts again": Case(LINE_OF_FOUR, ((1, 2, 3),), restarts=2),
    "two ways": Case(DIAMOND, ((1, 3), (2, 3))),
    "two ways, a hop starts again": Case(DIAMOND, ((1, 3), (2, 3)), restarts=1),
    "two ways at once": Case(DIAMOND, ((1, 3), (2, 3)), payer_lies=True),
    "five": Case(FIVE, ((1, 2, 4), (3, 4))),
    "five, a hop starts again": Case(FIVE, ((1, 2, 4), (3, 4)), restarts=2),
    "five, two ways at once": Case(FIVE, ((1, 2, 4), (3, 4)), payer_lies=True, restarts=1),
}


@pytest.mark.parametrize("name", CASES)
def test_no_honest_circle_loses_in_any_order_of_messages(name: str) -> None:
    """A decider says COMMIT and RELEASE, here and there, twice, early and late."""
    search = Search(CASES[name])
    search.run()
    assert search.settled > 10
