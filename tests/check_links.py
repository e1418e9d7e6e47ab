"""A circle with three neighbours, of which nothing exists but what they say: every kind of thing
that happens between circles happens once."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger import keys
from ledger.append import Entry, append
from ledger.decide import Decision, decide_order
from ledger.federation import terms
from ledger.federation.agreement import (
    Agreement,
    Party,
    encode_agreement,
    join_agreement,
    link_id,
    make_agreement,
    sign_agreement,
)
from ledger.federation.confirm import confirm
from ledger.federation.link import FederationChange, Link, Way, statement_of
from ledger.federation.message import (
    FIRST,
    Accept,
    Commit,
    Content,
    Decline,
    Leave,
    Prepare,
    Propose,
    Raise,
    Release,
    Suspend,
    Withdraw,
    message_hash,
    sign_statement,
    write_message,
)
from ledger.federation.payment import (
    Inside,
    PaymentHeader,
    encode_header,
    payment_id,
    seal,
    sealed_hash,
    sign_commit,
)
from ledger.federation.receive import Keys, Received, receive
from ledger.federation.resume import resume
from ledger.federation.route import Route
from ledger.federation.send import clear_cycle, give_up
from ledger.federation.step import Step
from ledger.orders import Defer, Hold, Pay
from ledger.state import apply
from tests.circle import DAY, HOUR, MINUTE, Circle, Person, key, salt, seed, town
from tests.link_messages import sign_alone

OWN = Keys(key("decision"), seed("decision"))


def id_of(name: str) -> bytes:
    """The circle of a neighbour, or of somebody further off."""
    return keys.circle_id(key(f"{name} identity"))


def party(name: str, own: int = 1, linked: int = 1, owes_max: int = 5_000) -> Party:
    """A neighbour's side of an agreement."""
    url = f"https://{name}.example"
    link, decision = key(f"{name} link"), key(f"{name} decision")
    return Party(id_of(name), f"{name}.example/log", link, decision, url, own, linked, owes_max)


def our_party(circle: bytes, own: int = 1, linked: int = 1, owes_max: int = 5_000) -> Party:
    """The circle's own side."""
    link, decision = key("link"), key("decision")
    origin, url = "southwark.example/log", "https://southwark.example"
    return Party(circle, origin, link, decision, url, own, linked, owes_max)


def both_sign(agreement: Agreement, name: str) -> bytes:
    """The wire form of an agreement of the circle and a neighbour."""
    body = encode_agreement(agreement)
    seeds = {id_of(name): seed(f"{name} link")}
    low, high = (
        sign_agreement(body, seeds.get(each.circle, seed("link")))
        for each in (agreement.low, agreement.high)
    )
    return join_agreement(body, low, high)


@dataclass(slots=True)
class Neighbour:
    """The other end of a link: it says whatever a test wants it to, numbered and signed."""

    name: str
    link: bytes
    seq: int = 0
    last: bytes = FIRST

    def say(self, receiver: bytes, content: Content) -> tuple[bytes, bytes]:
        """Its next message: wire and body."""
        self.seq += 1
        body = write_message(self.link, id_of(self.name), receiver, self.seq, self.last, content)
        self.last = message_hash(body)
        return sign_alone(body, seed(f"{self.name} link")), body


@dataclass(slots=True)
class Neighbourhood:
    """A circle, its neighbours, and the changes between circles as they are to be stored."""

    circle: Circle
    neighbours: dict[str, Neighbour] = field(default_factory=dict)
    changes: list[FederationChange] = field(default_factory=list)
    count: int = 0

    def link(self, name: str) -> Link:
        return self.circle.state.links[self.neighbours[name].link]

    def step(self, step: Step) -> Entry | None:
        """Take a step as the writer does: entry and changes."""
        state, entry = self.circle.state, None
        if step.entry is not None:
            number = state.size
            secret = salt(f"entry {number}")
            entry = append(state, step.entry, step.wire, step.personal, secret, self.circle.now)
            self.circle.entries.append(entry)
        apply(state, step.changes)
        self._keep(step.changes)
        return entry

    def _keep(self, changes: tuple[FederationChange, ...]) -> None:
        self.changes += changes

    def agree(self, name: str, own: int = 1, linked: int = 1, owes_max: int = 5_000) -> None:
        """The first agreement with a neighbour; the link's unit is the neighbour's own."""
        circle = self.circle.state.circle
        sides = our_party(circle, own, linked, owes_max), party(name, owes_max=owes_max)
        wire = both_sign(make_agreement(1, b"hours", 2_000, 50, *sides), name)
        self.neighbours[name] = Neighbour(name, link_id(circle, id_of(name)))
        self.step(terms.open_link(self.circle.state, wire))

    def hear(self, name: str, content: Content, sealed: bytes = b"", payee: str = "") -> Step:
        """Have a neighbour say something, and take it."""
        neighbour = self.neighbours[name]
        wire, body = neighbour.say(self.circle.state.circle, content)
        account = self.circle[payee].account if payee else None
        text = (keys.text_commitment(salt("thanks"), b"thanks"),) if payee else ()
        received = Received(neighbour.link, (wire,), body, account, text, sealed)
        step = receive(self.circle.state, OWN, received, self.circle.now)
        assert not step.fault, step.fault
        self.step(step)
        return step

    def header(
        self, decider: str, arrive: int, time: int = HOUR
    ) -> tuple[PaymentHeader, bytes, bytes]:
        """A payment to that circle, or to this one: header, its bytes, and what is sealed."""
        self.count += 1
        circle = id_of(decider) if decider else self.circle.state.circle
        name = f"{decider} decision" if decider else "decision"
        inside = Inside("payee", "payer", b"for the hedge", salt(f"payment {self.count}"))
        sealed = seal(inside, key(name), salt(f"ephemeral {self.count}"))
        deadline = self.circle.now + time
        header = PaymentHeader(circle, key(name), deadline, arrive, sealed_hash(sealed))
        return header, encode_header(header), sealed

    def pay(
        self, payer: Person, decider: str, arrive: int, most: int, *ways: Way
    ) -> tuple[Entry, bytes]:
        """A member pays into another circle: the hold, and the payment's id."""
        header, encoded, sealed = self.header(decider, arrive)
        circle, payment = self.circle, payment_id(encoded)
        signed = circle.sign(payer, Hold((), most, header.deadline, evidence=(payment,)))
        route = Route(encoded, sealed, ways)
        verdict = decide_order(circle.state, circle.facts, signed, circle.now, "", route)
        assert isinstance(verdict, Decision), verdict
        secret = salt(f"entry {circle.state.size}")
        entry = append(circle.state, verdict, signed.wire, (), secret, circle.now)
        circle._remember(signed, entry, "")
        self._keep(tuple(each for each in entry.changes if isinstance(each, FederationChange)))
        return entry, payment

    def commit(self, name: str, payment: bytes, decider: str) -> Step:
        """A neighbour shows the decider's COMMIT."""
        return self.hear(name, Commit(payment, sign_commit(payment, seed(f"{decider} decision"))))

    def agreed(self, name: str) -> None:
        """A neighbour confirms our books."""
        link = self.link(name)
        statement = statement_of(link)
        wire = sign_statement(statement, seed(f"{name} link"))
        self.step(confirm(self.circle.state, link.id, statement, wire, self.circle.now))


def way(*hops: tuple[str, int]) -> Way:
    """A way by the names of its circles."""
    return tuple((id_of(name), amount) for name, amount in hops)


def neighbourhood() -> Neighbourhood:
    """A town with three neighbours: exeter counts as it does, in luton's unit 6 of its minor units
    are 1, and in kent's 3 are 7."""
    here = Neighbourhood(town())
    here.agree("exeter")
    here.agree("luton", 6, 1)
    here.agree("kent", 3, 7)
    return here


def eventful_neighbourhood() -> Neighbourhood:
    """Everything that happens between circles, some of it still under way."""
    here = neighbourhood()
    _pay_out(here)
    _take_in(here)
    _pass_on(here)
    _change_terms(here)
    _begin_again(here)
    _go_round(here)
    _lose_touch(here)
    _wait(here)
    for name in ("exeter", "luton", "kent", "bath"):
        here.agreed(name)
    mia = here.circle["mia"]
    here.pay(mia, "york", 30, 30, way(("exeter", 30), ("york", 30)))
    _, header, sealed = here.header("exeter", 12)
    here.hear("kent", Prepare(header, 30, way(("exeter", 12))), sealed)
    return here


def _pay_out(here: Neighbourhood) -> None:
    mia, noa = here.circle["mia"], here.circle["noa"]
    _, paid = here.pay(mia, "exeter", 100, 110, way(("exeter", 100)))
    here.commit("exeter", paid, "exeter")
    _, second = here.pay(
        noa, "york", 50, 66, way(("exeter", 55), ("york", 50)), way(("luton", 11), ("york", 50))
    )
    here.circle.do(mia, Pay(((noa.account, 3),)))
    here.hear("exeter", Release(second, "limit"))
    here.commit("luton", second, "york")
    _, back = here.pay(noa, "kent", 40, 40, way(("kent", 40)))
    here.hear("kent", Release(back, "payee"))
    here.circle.now += MINUTE


def _take_in(here: Neighbourhood) -> None:
    _, header, sealed = here.header("", 25)
    here.hear("kent", Prepare(header, 60, ()), sealed, "mia")
    here.hear("exeter", Prepare(header, 25, ()), sealed, "mia")
    _, other, sealed = here.header("", 25)
    here.hear("kent", Prepare(other, 58, ()), sealed, "mia")
    _, nobody, sealed = here.header("", 10)
    here.hear("luton", Prepare(nobody, 2, ()), sealed)
    here.agreed("kent")


def _pass_on(here: Neighbourhood) -> None:
    _, header, sealed = here.header("york", 7)
    first = payment_id(header)
    here.hear("exeter", Prepare(header, 45, way(("luton", 7), ("york", 7))), sealed)
    here.commit("luton", first, "york")
    _, header, sealed = here.header("exeter", 30)
    second = payment_id(header)
    here.hear("luton", Prepare(header, 5, way(("exeter", 30))), sealed)
    here.hear("exeter", Release(second, "payee"))
    here.hear("kent", Prepare(header, 5, way(("exeter", 30))), sealed)
    _, header, sealed = here.header("exeter", 30)
    here.hear("luton", Prepare(header, 4, way(("exeter", 30))), sealed)


def _change_terms(here: Neighbourhood) -> None:
    state, now = here.circle.state, here.circle.now
    link = here.link("luton")
    here.step(terms.suspend(state, link.id, True, now))
    _, header, sealed = here.header("", 25)
    here.hear("luton", Prepare(header, 60, ()), sealed, "mia")
    here.step(terms.suspend(state, link.id, False, now))
    here.step(terms.allow(state, link.id, 6_000, now))
    here.hear("luton", Raise(7_000))
    here.hear("exeter", Suspend(1))
    here.hear("exeter", Suspend(0))
    open_on, _, sealed = here.header("luton", 9)
    held = payment_id(encode_header(open_on))
    here.hear("exeter", Prepare(encode_header(open_on), 60, way(("luton", 9))), sealed)
    changed = make_agreement(
        2, b"hours", 2_000, 50, our_party(state.circle, 7, 1), party("luton", owes_max=4_000)
    )
    here.step(terms.propose(state, link.id, changed, seed("link"), now))
    body = encode_agreement(changed)
    signature = sign_agreement(body, seed("luton link"))
    here.hear("luton", Accept(keys.object_id(keys.AGREEMENT, body), signature))
    here.commit("luton", held, "luton")
    kent = here.link("kent").id
    body = encode_agreement(
        make_agreement(2, b"hours", 1_000, 40, our_party(state.circle, 3, 8), party("kent"))
    )
    here.hear("kent", Propose(body, sign_agreement(body, seed("kent link"))))
    here.step(terms.accept(state, kent, seed("link"), now))


def _begin_again(here: Neighbourhood) -> None:
    """Proposals that come to nothing, an end on each side, and an agreement after it."""
    here.agree("bath")
    circle, link = here.circle.state.circle, here.link("bath").id
    for number in (2, 3):
        state, now = here.circle.state, here.circle.now
        proposed = make_agreement(number, b"hours", 2_000, 50, our_party(circle), party("bath"))
        body = encode_agreement(proposed)
        here.step(terms.propose(state, link, proposed, seed("link"), now))
        here.step(terms.withdraw(state, link, now))
        here.hear("bath", Decline(keys.object_id(keys.AGREEMENT, body)))
        propose = Propose(body, sign_agreement(body, seed("bath link")))
        here.hear("bath", propose)
        here.hear("bath", Withdraw(keys.object_id(keys.AGREEMENT, body)))
        here.hear("bath", propose)
        here.step(terms.suspend(state, link, True, now))
        here.hear("bath", Suspend(1))
        if number == 2:
            here.step(terms.leave(state, link, now))
            here.hear("bath", Leave(number - 1))
            here.hear("bath", propose)
        else:
            here.step(terms.decline(state, link, now))
            here.hear("bath", propose)
            here.hear("bath", Leave(number - 1))
        here.step(terms.accept(state, link, seed("link"), now))
    _, header, sealed = here.header("", 25)
    here.hear("bath", Prepare(header, 25, ()), sealed, "mia")


def _go_round(here: Neighbourhood) -> None:
    """Out over luton, and home over exeter."""
    state = here.circle.state
    _, header, sealed = here.header("", 1)
    ways = ((*way(("luton", 10), ("exeter", 71)), (state.circle, 72)),)
    here.step(clear_cycle(state, here.circle.now, Route(header, sealed, ways)))
    here.hear("exeter", Prepare(header, 72, ()), sealed)
    commit = sign_commit(payment_id(header), seed("decision"))
    here.hear("luton", Commit(payment_id(header), commit))
    _, header, sealed = here.header("", 1)
    here.step(clear_cycle(state, here.circle.now, Route(header, sealed, ways)))
    here.hear("exeter", Prepare(header, 72, ()), sealed)
    here.hear("luton", Release(payment_id(header), "limit"))
    _, header, sealed = here.header("", 1)
    here.step(clear_cycle(state, here.circle.now, Route(header, sealed, ways)))
    here.hear("luton", Release(payment_id(header), "suspended"))


def _lose_touch(here: Neighbourhood) -> None:
    """A circle before cannot be told, and another was let go."""
    state = here.circle.state
    _, header, sealed = here.header("exeter", 20)
    told_late = payment_id(header)
    here.hear("luton", Prepare(header, 4, way(("exeter", 20))), sealed)
    _, header, sealed = here.header("exeter", 20)
    never = payment_id(header)
    here.hear("luton", Prepare(header, 4, way(("exeter", 20))), sealed)
    state.unconfirmed.add(here.link("luton").id)
    here.commit("exeter", told_late, "exeter")
    here.hear("exeter", Release(never, "payee"))
    here.circle.now += MINUTE
    link = here.link("luton")
    state.unconfirmed.discard(link.id)
    wire = sign_statement(statement_of(link), seed("luton link"))
    here.step(resume(state, link.id, wire, here.circle.now))
    _, header, sealed = here.header("exeter", 20)
    given_up = payment_id(header)
    here.hear("luton", Prepare(header, 3, way(("exeter", 20))), sealed)
    here.circle.now += 30 * DAY
    here.circle.close_day()
    here.step(give_up(state, here.circle.now, given_up))
    here.commit("exeter", given_up, "exeter")


def _wait(here: Neighbourhood) -> None:
    """Three days without an answer, in which one payer spent what they had."""
    circle = here.circle
    ann, mia, oli = circle["ann"], circle["mia"], circle["oli"]
    hold, late = here.pay(oli, "exeter", 900, 900, way(("exeter", 900)))
    other, gone = here.pay(mia, "exeter", 200, 210, way(("exeter", 205)))
    last, later = here.pay(oli, "exeter", 100, 100, way(("exeter", 100)))
    circle.now += 3 * DAY
    circle.close_day()
    for entry, payer in ((hold, oli), (other, mia), (last, oli)):
        circle.do(ann, Defer(entry.number), account=payer.account)
    left = circle.state.accounts[oli.account]
    circle.do(oli, Pay(((mia.account, left.available - left.floor - 50),)))
    here.commit("exeter", late, "exeter")
    here.commit("exeter", later, "exeter")
    here.hear("exeter", Release(gone, "payee"))
