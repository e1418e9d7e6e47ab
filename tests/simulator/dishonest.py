"""Circles that cheat: what they take, what they send, and whether it was proven.

They run the same core, so that what they say hangs together until they choose otherwise; they share
every COMMIT that one of them has signed, and whatever it was signed for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from ledger import codec
from ledger.codec import AMOUNT_MAX
from ledger.errors import MalformedObject
from ledger.federation.agreement import encode_agreement, link_amount, sign_agreement
from ledger.federation.draft import Draft
from ledger.federation.link import End, Link, LinkHold, Transit, statement_of
from ledger.federation.message import (
    MESSAGE_BYTES_MAX,
    Accept,
    Commit,
    Content,
    Prepare,
    Propose,
    Raise,
    Release,
    Suspend,
    message_hash,
    read_message,
    sign_run,
    sign_statement,
    write_message,
)
from ledger.federation.payment import decode_header, payment_id, sign_commit
from ledger.federation.step import Step
from tests.circle import MINUTE
from tests.link_messages import sign_alone
from tests.simulator import members
from tests.simulator.circle import Answer, Circle, Request
from tests.simulator.founding import seed_of
from tests.simulator.world import World

LENGTH = 40 * MINUTE
REASONS = ("limit", "payee", "route", "given-up")

Letter = Request | Answer


@dataclass(slots=True)
class Contradiction:
    """Two things signed by one circle that cannot both be: whoever took both has a proof."""

    victim: bytes
    link: bytes
    told: tuple[bytes, bytes]


@dataclass(slots=True)
class Dishonesty:
    """All that the dishonest circles of a seed know and did."""

    world: World
    circles: list[Circle] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    commits: dict[bytes, bytes] = field(default_factory=dict)
    contradictions: list[Contradiction] = field(default_factory=list)
    known: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    extra: dict[tuple[bytes, bytes], list[bytes]] = field(default_factory=dict)
    silent: set[bytes] = field(default_factory=set)

    @property
    def random(self) -> Random:
        return self.world.random

    def plan(self) -> None:
        """Draw who cheats, and when."""
        random = self.random
        if random.random() < 0.4:
            return
        everybody = list(self.world.circles.values())
        self.circles = random.sample(everybody, random.randrange(1, len(everybody)))
        self.world.tamper = self.tamper
        for circle in self.circles:
            circle.honest = False
            circle.whim = self.whim_of(circle)
            for _ in range(random.randrange(2, 20)):
                self.world.at(random.randrange(LENGTH), self._act_of(circle))

    def late(self) -> None:
        """Days later some give the answers that they held back; others stay silent for good."""
        for circle in self.circles:
            if circle.up:
                for _ in range(self.random.randrange(4)):
                    self.done["commit late"] += self.commit_early(circle)
                self.world.settle(circle)
            for _ in range(self.random.randrange(4)):
                self.world.at(self.random.randrange(MINUTE), self._act_of(circle))

    def unproven(self) -> list[str]:
        """What was contradicted before a sound circle's eyes, without a proof left."""
        wrong = []
        for each in self.contradictions:
            victim = self.world.circles[each.victim]
            proven = any(evidence.link == each.link for evidence in victim.evidence)
            if victim.sound and victim.taken.issuperset(each.told) and not proven:
                wrong.append(f"{victim.name}: a contradiction left no proof")
        return wrong

    def _act_of(self, circle: Circle) -> Callable[[], None]:
        acts = (
            *(self.release_early, self.commit_early, self.commit_early, self.answer_late),
            *(self.take_back, self.forge_commit, self.inflate, self.inflate, self.send_twice),
            *(self.send_twice,),
            *(self.fork, self.impersonate, self.fall_silent, self.send_garbage),
            *(self.talk_nonsense, self.talk_nonsense),
        )

        def act() -> None:
            if circle.up and circle.state.links:
                chosen = self.random.choice(acts)
                self.done[chosen.__name__.replace("_", " ")] += chosen(circle)
                self.world.settle(circle)

        return act

    # --- what they take ---------------------------------------------------------------------------

    def whim_of(self, circle: Circle) -> Callable[[bytes, bytes, bytes, int], bool]:
        """Sometimes a PREPARE is only taken, to be answered later or never."""

        def whim(link_id: bytes, wire: bytes, sealed: bytes, now: int) -> bool:
            body = wire_body(wire)
            message, content = read_message(body)
            link = circle.state.links[link_id]
            if message.seq != link.received.seq + 1:
                return False
            if isinstance(content, Commit):
                return self._keep_commit(circle, link, wire, content, now)
            if not isinstance(content, Prepare):
                return False
            if self.random.random() < 0.5:
                self.world.at(self.random.randrange(3_000), self._act_of(circle))
            payment = payment_id(content.header)
            try:
                header = decode_header(content.header)
            except MalformedObject:
                return False
            self.known[payment] = content.header, sealed
            if header.decider == circle.id:
                seed = seed_of(circle.number, "decision")
                self.commits[payment] = sign_commit(payment, seed)
            if payment in circle.state.transits or self.random.random() < 0.5:
                return False
            draft = Draft(circle.state, now)
            received = End(message.seq, message_hash(body))
            draft.took(link._replace(received=received), body, wire)
            draft.hold(LinkHold(link_id, payment, True, content.amount, 0, 0, now))
            transit = Transit(
                payment, content.header, sealed, now, incoming=link_id, came_from=link_id
            )
            draft.put_transit(transit)
            circle.take(Step(changes=draft.changes()), now)
            self.done["sat on a payment"] += 1
            return True

        return whim

    def _keep_commit(
        self, circle: Circle, link: Link, wire: bytes, commit: Commit, now: int
    ) -> bool:
        """Take a COMMIT, and sometimes say nothing of it to the circle before."""
        self.commits.setdefault(commit.payment, commit.signature)
        hold = circle.state.link_holds.get((link.id, commit.payment))
        transit = circle.state.transits.get(commit.payment)
        if hold is None or hold.incoming or transit is None or not transit.incoming:
            return False
        if self.random.random() < 0.5:
            return False
        body = wire_body(wire)
        draft = Draft(circle.state, now)
        received = End(link.received.seq + 1, message_hash(body))
        draft.took(link._replace(received=received), body, wire)
        draft.end(hold, committed=True)
        draft.put_transit(transit._replace(outgoing=b""))
        circle.take(Step(changes=draft.changes()), now)
        self.done["kept a commit"] += 1
        self.world.at(self.random.randrange(5_000), lambda: self._let_go(circle))
        return True

    def _let_go(self, circle: Circle) -> None:
        if circle.up:
            self.done["answer late"] += self.answer_late(circle)
            self.world.settle(circle)

    # --- what they send, in its turn --------------------------------------------------------------

    def _resolve(self, circle: Circle, transit: Transit, content: Content, owed: bool) -> None:
        now = self.world.log_time(circle)
        draft = Draft(circle.state, now)
        draft.end(circle.state.link_holds[transit.incoming, transit.payment], owed)
        draft.send(transit.incoming, content)
        draft.put_transit(transit._replace(incoming=b""))
        circle.take(Step(changes=draft.changes()), now)

    def _held(self, circle: Circle) -> list[Transit]:
        """Payments that the circle before holds for this one."""
        return [
            transit
            for transit in circle.state.transits.values()
            if (transit.incoming, transit.payment) in circle.state.link_holds
            and transit.incoming not in circle.state.unconfirmed
        ]

    def release_early(self, circle: Circle) -> bool:
        """A hop releases upstream although its onward hold is open."""
        held = [transit for transit in self._held(circle) if transit.outgoing]
        if held:
            transit = self.random.choice(held)
            release = Release(transit.payment, self.random.choice(REASONS))
            self._resolve(circle, transit, release, owed=False)
        return bool(held)

    def commit_early(self, circle: Circle) -> bool:
        """Whoever has a COMMIT of an accomplice collects on it, owing the next circle nothing."""
        held = [each for each in self._held(circle) if each.payment in self.commits]
        if held:
            transit = self.random.choice(held)
            commit = Commit(transit.payment, self.commits[transit.payment])
            self._resolve(circle, transit, commit, owed=True)
        return bool(held)

    def answer_late(self, circle: Circle) -> bool:
        """A payment that was sat on is let go."""
        held = [transit for transit in self._held(circle) if not transit.outgoing]
        if held:
            transit = self.random.choice(held)
            self._resolve(circle, transit, Release(transit.payment, "expired"), owed=False)
        return bool(held)

    def take_back(self, circle: Circle) -> bool:
        """A decider, or a hop, resolves once more what it resolved, the other way."""
        link = self._link(circle)
        written = circle.messages(link.id)
        told = [read_message(wire_body(wire))[1] for sent, wire in written if sent]
        ended = [each for each in told if isinstance(each, Commit | Release)]
        if not ended:
            return False
        payment = self.random.choice(ended).payment
        signature = self.commits.get(payment, bytes(64))
        contents: tuple[Content, ...] = (Commit(payment, signature), Release(payment, "payee"))
        body = self._say(circle, link, self.random.choice(contents))
        self.contradictions.append(Contradiction(link.peer, link.id, (body, body)))
        return True

    def forge_commit(self, circle: Circle) -> bool:
        """It collects with a signature that its decider never made."""
        held = self._held(circle)
        if held:
            transit = self.random.choice(held)
            commit = Commit(transit.payment, self.random.randbytes(64))
            self._resolve(circle, transit, commit, owed=True)
        return bool(held)

    def inflate(self, circle: Circle) -> bool:
        """It pays with what it has not, over whatever limit."""
        link = self._link(circle)
        accomplice = self.random.random() < 0.5
        deciders = self.circles if accomplice else list(self.world.circles.values())
        decider = self.random.choice(deciders)
        payee = self.random.choice((*members.payees(), members.NOBODY))
        ends = [
            path
            for path in members.find_ways(self.world, circle, decider.id)
            if path[0].id == link.peer
        ]
        if not ends:
            return False
        path = self.random.choice(ends)
        hundred, _ = members.price(circle, path, 100)
        for _ in range(self.random.randrange(1, 5)):
            link = circle.state.links[link.id]
            share = self.random.choice((0.1, 0.4, 0.7, 1.0, 3.0))
            arrive = 1 + int(100 * share * min(link.may_owe, 3_000)) // hundred[0][1]
            way, _ = members.price(circle, path, arrive)
            route, _ = members.make_route(self.world, decider, arrive, payee, "", (way,))
            amount = max(1, way[0][1] + self.random.choice((0, 0, 0, -1, 100)))
            transit = Transit(payment_id(route.header), route.header, route.sealed, 0)
            self.known[transit.payment] = route.header, route.sealed
            self._prepare(circle, link, transit, amount, way[1:])
        return True

    def send_twice(self, circle: Circle) -> bool:
        """One payment is sent on over a second link, or over the same one again."""
        link = self._link(circle)
        if not self.known:
            return False
        here = [
            payment
            for payment, (header, _) in self.known.items()
            if decode_header(header).decider == link.peer
        ]
        payment = self.random.choice(here or list(self.known))
        header, sealed = self.known[payment]
        old = circle.state.transits.get(payment)
        if old is not None and old.hold:
            return False
        transit = (old or Transit(payment, header, b"", 0))._replace(sealed=sealed)
        decider = decode_header(header).decider
        onward = () if link.peer == decider else ((decider, self.random.randrange(1, 400)),)
        if (link.id, transit.payment) in circle.state.link_holds:
            return False
        enough = link_amount(link.theirs, decode_header(header).arrive)
        amount = self.random.choice((enough, enough, self.random.randrange(1, 400), 3_000))
        self._prepare(circle, link, transit, amount, onward)
        return True

    def _prepare(
        self,
        circle: Circle,
        link: Link,
        transit: Transit,
        amount: int,
        onward: tuple[tuple[bytes, int], ...],
    ) -> None:
        now = self.world.log_time(circle)
        draft = Draft(circle.state, now)
        draft.hold(LinkHold(link.id, transit.payment, False, amount, 0, 0, now))
        draft.put_transit(transit._replace(since=now, outgoing=link.id))
        draft.send(link.id, Prepare(transit.header, amount, onward))
        circle.take(Step(changes=draft.changes()), now)

    def _link(self, circle: Circle) -> Link:
        return self.random.choice(list(circle.state.links.values()))

    def _say(self, circle: Circle, link: Link, content: Content) -> bytes:
        """Send a message of any content, in its turn. Returns its body."""
        now = self.world.log_time(circle)
        draft = Draft(circle.state, now)
        draft.send(link.id, content)
        circle.take(Step(changes=draft.changes()), now)
        seq, previous = link.sent.seq + 1, link.sent.hash
        return write_message(link.id, link.circle, link.peer, seq, previous, content)

    def talk_nonsense(self, circle: Circle) -> bool:
        """It says in its turn what nobody can agree to."""
        link = self._link(circle)
        random, seed = self.random, seed_of(circle.number, "link")
        number = link.terms.number + random.choice((0, 2))
        agreement = encode_agreement(link.terms._replace(number=number, unit=b"hours"))
        contents: tuple[Content, ...] = (
            Propose(agreement, sign_agreement(agreement, seed)),
            Propose(random.randbytes(50), bytes(64)),
            Accept(random.randbytes(32), bytes(64)),
            Raise(random.choice((0, AMOUNT_MAX))),
            Suspend(random.randrange(2)),
            Release(random.randbytes(32), "payee"),
        )
        self._say(circle, link, random.choice(contents))
        return True

    # --- what they send out of turn ---------------------------------------------------------------

    def fork(self, circle: Circle) -> bool:
        """A number is used twice."""
        link = self._link(circle)
        sent = [wire for ours, wire in circle.messages(link.id) if ours]
        if not sent:
            return False
        wire = self.random.choice(sent[-2:])
        message = read_message(wire_body(wire))[0]
        content = Release(self.random.randbytes(32), "payee")
        body = write_message(link.id, circle.id, link.peer, message.seq, message.previous, content)
        other = sign_alone(body, seed_of(circle.number, "link"))
        self._add(circle, link, other)
        self.contradictions.append(Contradiction(link.peer, link.id, (wire_body(wire), body)))
        return True

    def impersonate(self, circle: Circle) -> bool:
        """It writes in the name of another circle, over whatever link."""
        link = self._link(circle)
        far = list(self.world.circles[link.peer].state.links.values())
        other = self.random.choice(far)
        payment = self.random.choice([*circle.state.transits, bytes(32)])
        body = write_message(
            other.id,
            other.peer,
            other.circle,
            other.received.seq + 1,
            other.received.hash,
            self.random.choice((Release(payment, "payee"), Commit(payment, bytes(64)))),
        )
        self._add(circle, link, sign_alone(body, seed_of(circle.number, "link")))
        return True

    def send_garbage(self, circle: Circle) -> bool:
        """It signs what is no message, and sends messages that it did not sign."""
        link = self._link(circle)
        seed = seed_of(circle.number, "link")
        seq, previous = link.sent.seq + 1, link.sent.hash
        contents = (Prepare(self.random.randbytes(40), 5, ()), Suspend(1), Raise(5))
        content = self.random.choice(contents)
        body = write_message(link.id, circle.id, link.peer, seq, previous, content)
        garbage = (
            sign_alone(body, seed),
            sign_alone(self.random.randbytes(80), seed),
            sign_alone(body, self.random.randbytes(32)),
            self.random.randbytes(90),
        )
        self._add(circle, link, self.random.choice(garbage))
        return True

    def _add(self, circle: Circle, link: Link, wire: bytes) -> None:
        self.extra.setdefault((circle.id, link.id), []).append(wire)
        self.world.wake(circle, link.id)
        peer = self.world.circles[link.peer]
        self.world.at(500, lambda: self.world.post(circle, peer.id, circle.ask(link.id)))

    def fall_silent(self, circle: Circle) -> bool:
        """It refuses to answer, or does again."""
        self.silent ^= {circle.id}
        return True

    def tamper(self, circle: Circle, letter: Letter) -> Letter | None:
        """What a dishonest circle really sends, or None."""
        if circle.id in self.silent:
            return None
        random = self.random
        messages = list(letter.messages)
        extra = self.extra.get((circle.id, letter.link), ())
        if extra and random.random() < 0.5:
            messages = [(random.choice(extra), b"")]
        if random.random() < 0.1:
            self.done["replay"] += 1
            messages = self._old(circle, letter.link)
        if random.random() < 0.1:
            self.done["out of order"] += 1
            random.shuffle(messages)
        statement = letter.statement
        if random.random() < 0.04:
            self.done["false statement"] += 1
            statement = self._lie(circle, letter.link)
            peer = circle.book.state.links[letter.link].peer
            if statement != circle.say(letter.link)[0]:
                lie = Contradiction(peer, letter.link, (statement, statement))
                self.contradictions.append(lie)
        return letter._replace(messages=tuple(messages), statement=statement)

    def _old(self, circle: Circle, link_id: bytes) -> list[tuple[bytes, bytes]]:
        sent = circle.book.sent.get(link_id, ())[:5]
        run = sign_run([wire for wire, _ in sent], seed_of(circle.number, "link"))
        return [(wire, sealed) for wire, (_, sealed) in zip(run, sent, strict=True)]

    def _lie(self, circle: Circle, link_id: bytes) -> bytes:
        truth = statement_of(circle.book.state.links[link_id])
        lies = (
            truth._replace(tally=truth.tally + 100),
            truth._replace(low_held=truth.low_held + 7),
            truth._replace(low_seq=truth.low_seq + 3),
            truth._replace(high_seq=truth.high_seq + 3),
            truth._replace(low_hash=bytes(32)),
            truth._replace(agreement=truth.agreement + 1),
            truth._replace(high_seq=0, low_seq=0),
        )
        return sign_statement(self.random.choice(lies), seed_of(circle.number, "link"))


def wire_body(wire: bytes) -> bytes:
    """The body of a signed message, by whomever."""
    body, _ = codec.unpack(wire, 2 * MESSAGE_BYTES_MAX, "signed link message")
    return bytes(body)
