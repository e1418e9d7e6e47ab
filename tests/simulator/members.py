"""What people do: members who pay into other circles, coordinators who see to the links."""

from __future__ import annotations

from hashlib import sha256
from random import Random

from ledger import keys
from ledger.decide import Decision, Facts, decide_order
from ledger.federation import terms
from ledger.federation.agreement import (
    Agreement,
    Party,
    link_amount,
    link_id,
    worth_at_most,
)
from ledger.federation.link import Link, Way
from ledger.federation.payment import (
    HOPS_MAX,
    Inside,
    PaymentHeader,
    encode_header,
    payment_id,
    seal,
    sealed_hash,
)
from ledger.federation.route import WAYS_MAX, Route
from ledger.federation.send import clear_cycle, give_up
from ledger.federation.step import Step
from ledger.orders import (
    FIRST_MEMBER,
    LIFETIME_MS_MAX,
    Act,
    Assign,
    Defer,
    Header,
    Hold,
    Order,
    Release,
    SignedOrder,
    kind_of,
    sign_order,
)
from tests.circle import HOUR, MINUTE, REASON
from tests.simulator.circle import Circle
from tests.simulator.founding import COORDINATOR, MEMBERS, device_seed, key_of, seed_of
from tests.simulator.world import World

NOBODY = "nobody"


def payees() -> dict[str, int]:
    """The handles of a circle's members, and their accounts."""
    return {f"member{place}": FIRST_MEMBER + place for place in range(MEMBERS)}


# --- ways -----------------------------------------------------------------------------------------


def find_ways(world: World, start: Circle, end: bytes) -> list[tuple[Circle, ...]]:
    """The circles after ``start`` on each way to ``end``, the shortest first."""
    found: list[tuple[Circle, ...]] = []
    paths: list[tuple[Circle, ...]] = [(start,)]
    for _ in range(HOPS_MAX):
        longer = []
        for path in paths:
            for link in path[-1].book.state.links.values():
                peer = world.circles[link.peer]
                if link.peer == end:
                    found.append((*path[1:], peer))
                elif peer not in path:
                    longer.append((*path, peer))
        paths = longer
    return found


def price(start: Circle, path: tuple[Circle, ...], arrive: int) -> tuple[Way, int]:
    """What each link of a way is to carry so that so much arrives, and what it costs the payer."""
    way: list[tuple[bytes, int]] = []
    own = arrive
    before = (start, *path[:-1])
    for sender, receiver in zip(reversed(before), reversed(path), strict=True):
        link = sender.book.state.links[link_id(sender.id, receiver.id)]
        amount = link_amount(link.theirs, own)
        way.insert(0, (receiver.id, amount))
        own = worth_at_most(link.ours, amount)
    return tuple(way), own


def make_route(
    world: World, decider: Circle, arrive: int, payee: str, payer: str, ways: tuple[Way, ...]
) -> tuple[Route, int]:
    """A route with a header of its own, and its deadline."""
    random = world.random
    inside = Inside(payee, payer, b"for the garden", random.randbytes(32))
    decision = key_of(decider.number, "decision")
    sealed = seal(inside, decision, random.randbytes(32))
    length = random.choice((MINUTE, 10 * MINUTE, HOUR, LIFETIME_MS_MAX - 10 * MINUTE))
    deadline = world.now + length
    header = PaymentHeader(decider.id, decision, deadline, arrive, sealed_hash(sealed))
    return Route(encode_header(header), sealed, ways), deadline


# --- members --------------------------------------------------------------------------------------


def sign(world: World, circle: Circle, person: int, act: Act, account: int) -> SignedOrder:
    """An order of a person's device."""
    seed = device_seed(circle.number, person)
    text = REASON if isinstance(act, Defer) else ()
    expires = world.now + LIFETIME_MS_MAX // 2
    nonce = world.random.randrange(2**40)
    header = Header(
        circle.id, kind_of(act), account, person, keys.public_key(seed), nonce, expires, text
    )
    return sign_order(Order(header, act), seed)


def order(world: World, circle: Circle, signed: SignedOrder, route: Route | None) -> bool:
    """Give a circle an order. Whether it was accepted."""
    now = world.log_time(circle)
    verdict = decide_order(circle.state, Facts(), signed, now, "", route)
    if not isinstance(verdict, Decision):
        return False
    circle.take(Step(verdict, signed.wire, signed.order.header.text), now)
    world.settle(circle)
    return True


def pay(world: World) -> None:
    """A member pays somebody in another circle, by several ways."""
    random = world.random
    circle, decider = random.sample(list(world.circles.values()), 2)
    paths = find_ways(world, circle, decider.id)
    if not circle.up or not paths:
        return
    arrive = random.choice((1, 7, random.randrange(1, 200), random.randrange(1, 1_500)))
    priced = [price(circle, path, arrive) for path in paths]
    if random.random() < 0.3:
        random.shuffle(priced)
    priced = priced[: random.randrange(1, WAYS_MAX + 1)]
    ways = tuple(_haggle(random, way) for way, _ in priced)
    most = max(cost for _, cost in priced) + random.choice((0, 0, 1, 50))
    payee = random.choice((*payees(), *payees(), NOBODY))
    route, deadline = make_route(world, decider, arrive, payee, f"m@{circle.number}", ways)
    person = FIRST_MEMBER + random.randrange(MEMBERS)
    act = Hold((), most, deadline, evidence=(payment_id(route.header),))
    signed = sign(world, circle, person, act, person)
    accepted = order(world, circle, signed, route)
    world.faults["payments sent"] += accepted
    world.note(payment_id(route.header) + bytes((accepted,)))
    if not circle.honest and person == FIRST_MEMBER:
        _replay_elsewhere(world, circle, signed, route)


def take_back(world: World) -> None:
    """Payers try to take back what is set aside for a payment under way, or to give it to somebody
    here."""
    for circle in world.circles.values():
        for hold in list(circle.state.holds.values()):
            if circle.up and hold.evidence and hold.account >= FIRST_MEMBER:
                gives = hold.index % 3 == 0
                other = FIRST_MEMBER + (hold.account + 1 - FIRST_MEMBER) % MEMBERS
                act = Assign(hold.index, (other,)) if gives else Release(hold.index)
                signed = sign(world, circle, hold.account, act, hold.account)
                order(world, circle, signed, None)
                world.faults["payer gives away" if gives else "payer takes back"] += 1


def _replay_elsewhere(world: World, circle: Circle, signed: SignedOrder, route: Route) -> None:
    """A dishonest circle tries the order at another circle where the same device is known."""
    for other in world.circles.values():
        if other.honest and other.up and other is not circle:
            world.faults["order replayed elsewhere"] += 1
            ways = tuple(price(other, path, 1)[0] for path in find_ways(world, other, circle.id))
            order(world, other, signed, route)
            if ways:
                order(world, other, signed, route._replace(ways=ways[:WAYS_MAX]))


def _haggle(random: Random, way: Way) -> Way:
    """Sometimes a way is priced a little wrong, as by rates that are no longer so."""
    if random.random() > 0.15:
        return way
    place = random.randrange(len(way))
    peer, amount = way[place]
    return (*way[:place], (peer, max(1, amount + random.choice((-1, 1, 3)))), *way[place + 1 :])


def clear(world: World) -> None:
    """A circle pays itself around a cycle."""
    random = world.random
    circle = random.choice(list(world.circles.values()))
    paths = find_ways(world, circle, circle.id)
    rounds = [path for path in paths if len(path) == HOPS_MAX]
    if not circle.up or not rounds:
        return
    path = random.choice(rounds)
    way, _ = price(circle, path, random.randrange(1, 300))
    route, _ = make_route(world, circle, 1, NOBODY, "", (way,))
    now = world.log_time(circle)
    world.faults["cycles"] += 1
    circle.take(clear_cycle(circle.state, now, route), now)
    world.settle(circle)


# --- coordinators ---------------------------------------------------------------------------------

RATES = ((1, 1), (10, 6), (7, 3), (6, 60), (1, 3))
"""Own minor units per link unit; 6 to the hour of 60 minutes among them."""


def see_to_link(world: World) -> None:
    """A coordinator changes something about a link."""
    random = world.random
    circle = random.choice(list(world.circles.values()))
    if not circle.up:
        return
    what = random.choice(
        (
            *("suspend", "open", "open", "raise", "propose", "propose", "accept"),
            *("withdraw", "decline", "leave", "leave"),
        )
    )
    link = random.choice(list(circle.state.links.values()))
    up = [each for each in world.circles.values() if each.up]
    unheard = [(each, link) for each in up for link in sorted(each.state.unconfirmed)]
    if what == "suspend" and unheard:
        circle, missing = random.choice(unheard)
        link = circle.state.links[missing]
    if what in ("accept", "decline"):
        offered = [
            (each, link)
            for each in world.circles.values()
            for link in each.state.links.values()
            if link.offered and each.up
        ]
        circle, link = random.choice(offered or [(circle, link)])
    now = world.log_time(circle)
    seed = seed_of(circle.number, "link")
    match what:
        case "suspend" | "open":
            step = terms.suspend(circle.state, link.id, what == "suspend", now)
        case "raise":
            more = link.may_be_owed + random.randrange(1, 500)
            step = terms.allow(circle.state, link.id, more, now)
        case "propose":
            step = terms.propose(circle.state, link.id, _draw_terms(random, link), seed, now)
            peer = world.circles[link.peer]
            if random.random() < 0.7:
                world.at(random.randrange(2_000), lambda: accept(world, peer, link.id))
            if random.random() < 0.3:
                world.at(random.randrange(200), lambda: _propose_too(world, peer, link.id))
            if random.random() < 0.3:
                world.at(random.randrange(2_000), lambda: raise_limit(world, circle, link.id))
            if random.random() < 0.5:
                world.at(random.randrange(3_000), lambda: _withdraw(world, circle, link.id))
            if random.random() < 0.3:
                world.at(random.randrange(3_000), lambda: _leave(world, circle, link.id))
        case "withdraw":
            step = terms.withdraw(circle.state, link.id, now)
        case "decline":
            step = terms.decline(circle.state, link.id, now)
        case "leave":
            step = terms.leave(circle.state, link.id, now)
        case _:
            step = terms.accept(circle.state, link.id, seed, now)
    world.faults[what] += not step.fault
    circle.take(step, now)
    world.settle(circle)


def accept(world: World, circle: Circle, link: bytes) -> None:
    """A coordinator agrees to what the neighbour proposed."""
    if circle.up:
        now, seed = world.log_time(circle), seed_of(circle.number, "link")
        circle.take(terms.accept(circle.state, link, seed, now), now)
        world.settle(circle)


def _withdraw(world: World, circle: Circle, link: bytes) -> None:
    """A coordinator thinks better of what was proposed, and sometimes proposes something else."""
    if circle.up:
        now, seed = world.log_time(circle), seed_of(circle.number, "link")
        circle.take(terms.withdraw(circle.state, link, now), now)
        drawn = _draw_terms(world.random, circle.state.links[link])
        circle.take(terms.propose(circle.state, link, drawn, seed, now), now)
        world.settle(circle)


def _leave(world: World, circle: Circle, link: bytes) -> None:
    """A coordinator ends an agreement, whatever is on its way to them."""
    if circle.up:
        now = world.log_time(circle)
        step = terms.leave(circle.state, link, now)
        world.faults["leave"] += not step.fault
        circle.take(step, now)
        world.settle(circle)


def _propose_too(world: World, circle: Circle, link: bytes) -> None:
    """Both propose at once, and later one of them agrees."""
    if circle.up:
        now, seed = world.log_time(circle), seed_of(circle.number, "link")
        drawn = _draw_terms(world.random, circle.state.links[link])
        circle.take(terms.propose(circle.state, link, drawn, seed, now), now)
        world.settle(circle)
        peer = world.circles[circle.state.links[link].peer]
        world.at(world.random.randrange(2_000), lambda: accept(world, peer, link))


def change_rates(world: World, random: Random) -> None:
    """A circle that a payment passes through agrees on another rate with the one before."""
    passing = [
        (circle, transit.incoming)
        for circle in world.circles.values()
        for transit in circle.state.transits.values()
        if circle.up and transit.incoming and transit.outgoing
    ]
    if passing:
        circle, link = random.choice(passing)
        now, seed = world.log_time(circle), seed_of(circle.number, "link")
        drawn = _draw_terms(random, circle.state.links[link])
        circle.take(terms.propose(circle.state, link, drawn, seed, now), now)
        world.settle(circle)
        peer = world.circles[circle.state.links[link].peer]
        world.at(random.randrange(1, 2_000), lambda: accept(world, peer, link))


def raise_limit(world: World, circle: Circle, link: bytes) -> None:
    """A coordinator lets the neighbour owe more."""
    if circle.up:
        now = world.log_time(circle)
        more = circle.state.links[link].may_be_owed + world.random.randrange(1, 3_000)
        circle.take(terms.allow(circle.state, link, more, now), now)
        world.settle(circle)


def reopen(world: World) -> None:
    """In the end all links take payments again; or some stay as they are."""
    if world.random.random() < 0.3:
        return
    for circle in world.circles.values():
        for link in list(circle.state.links.values()):
            now = world.log_time(circle)
            circle.take(terms.suspend(circle.state, link.id, False, now), now)
            world.settle(circle)


def _draw_terms(random: Random, link: Link) -> Agreement:
    def change(party: Party) -> Party:
        own, linked = random.choice(RATES)
        return party._replace(own=own, linked=linked, owes_max=random.randrange(2_000))

    return link.terms._replace(
        number=link.terms.number + 1,
        hold_max=random.randrange(50, 2_000),
        low=change(link.terms.low),
        high=change(link.terms.high),
    )


def defer(world: World) -> None:
    """Coordinators free the payers of what nobody answered for days."""
    for circle in world.circles.values():
        for hold in list(circle.state.holds.values()):
            if circle.up and world.random.random() < 0.7:
                signed = sign(world, circle, COORDINATOR, Defer(hold.index), hold.account)
                world.faults["defer"] += order(world, circle, signed, None)


def let_go(world: World) -> None:
    """A coordinator gives up what the next circle does not answer for, at the circle's own risk."""
    for circle in world.circles.values():
        for payment in list(circle.state.transits):
            if circle.up and circle.honest and world.random.random() < 0.5:
                now = world.log_time(circle)
                step = give_up(circle.state, now, payment)
                world.faults["give up"] += not step.fault
                circle.take(step, now)
                world.settle(circle)


def digest_of(circle: Circle) -> bytes:
    """Where a circle ended: its accounts and links."""
    accounts = [(a.number, a.balance, a.held) for a in circle.book.state.accounts.values()]
    links = [(link.sent, link.received, link.owed) for link in circle.book.state.links.values()]
    return sha256(repr((accounts, links)).encode()).digest()
