"""What a payment to another circle costs, and the ways it can take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from ledger.amount import AMOUNT_MAX, Unit
from ledger.codec import to_base64url
from ledger.federation import routes
from ledger.federation.link import Link, Way
from ledger.federation.routes import Edge, find_ways, most_that_arrives, price
from node.api.orders import Base64, Model
from node.api.peers import IdentityView
from node.api.sessions import Session
from node.api.wellknown import UnitDescription
from node.circle import Circle
from node.errors import NotFound, NoWay, RequestInvalid
from node.federation.agreements import Identity
from node.gossip.routes import Edges

Arrive = Annotated[int, Field(ge=1, le=AMOUNT_MAX, description="in the other circle's minor units")]
Most = Annotated[int, Field(ge=1, le=AMOUNT_MAX, description="in this circle's minor units")]
PAYMENT_MS = 3600 * 1000
"""How long a payment has to be decided, unless the payer says otherwise."""
_UNKNOWN = "circle at that address that this one knows of, or more than one claims to be"


class Hop(Model):
    """A circle on the way, and what the link to it carries in that link's unit."""

    circle: str
    amount: int


class WayView(Model):
    """One way, and what it costs in this circle's minor units.

    ``rounding`` is what of that is more than what arrives is worth at the rates, in millionths of a
    minor unit.
    """

    cost: int
    rounding: int
    hops: list[Hop]


class Quote(Model):
    """The ways to a circle, cheapest first, and who that circle is.

    ``who`` proves its keys: the payer's device checks that the decision key to which it seals is
    certified by the identity key that it knows. ``url`` is where its node is, ``unit`` what it
    counts in, by that node's word, null while it does not say. ``deadline`` (Unix milliseconds) is
    one that the payment may have.
    """

    circle: str
    address: str
    url: str
    who: IdentityView
    decision: Base64
    unit: UnitDescription | None
    arrive: int
    deadline: int
    ways: list[WayView]


async def get_quote(
    state: Circle,
    session: Session,
    to: str,
    arrive: Arrive | None = None,
    most: Most | None = None,
) -> Quote:
    """What it costs to pay into the circle at the address ``to``.

    Either ``arrive`` says what is to reach it, or ``most`` what may leave here: then it is worked
    out how much can arrive for that.
    """
    del session  # whoever is of this circle may ask
    if (arrive is None) == (most is None):
        raise RequestInvalid(["one of arrive and most is needed, not both"])
    loaded = state.writer.loaded
    circle = loaded.state.circle
    there = await find_circle(state, to.lower())
    links, now = loaded.links.values(), state.clock()
    gossip = state.gossip
    edges = gossip.directory.edges(gossip.store, links, now)
    found, ways = _find_ways(edges, circle, there.circle, arrive, most)
    if not ways:
        fresh = await gossip.neighbours.ask(links)
        edges = gossip.directory.edges(gossip.store, links, now, fresh)
        found, ways = _find_ways(edges, circle, there.circle, arrive, most)
    if not ways:
        raise NoWay(there.who.name)
    return Quote(
        circle=there.circle.hex(),
        address=there.address,
        url=there.url,
        who=IdentityView(
            identity=to_base64url(there.who.key),
            certificate=to_base64url(there.who.certificate),
            certificate_signature=to_base64url(there.who.signature),
            name=there.who.name,
        ),
        decision=to_base64url(there.decision),
        unit=describe_unit(there.unit),
        arrive=found,
        deadline=max(now, loaded.state.log_time) + PAYMENT_MS,
        ways=[_view(edges, circle, way, found) for way in ways],
    )


@dataclass(frozen=True, slots=True)
class There:
    """Where a payment is to go; ``unit`` is what it counts in, where that is known."""

    circle: bytes
    address: str
    url: str
    who: Identity
    decision: bytes
    unit: Unit | None


async def find_circle(state: Circle, to: str) -> There:
    """The circle at an address, or of an id: a neighbour before any that claims to be there.

    Raises NotFound.
    """
    links = state.writer.loaded.links.values()
    link = next((each for each in links if to in (_address(each), each.peer.hex())), None)
    if link is not None:
        row = await state.pool.fetchrow(
            "SELECT title, identity, certificate, signature FROM peers WHERE link = $1", link.id
        )
        if row is not None:
            who = Identity(row["identity"], row["certificate"], row["signature"], row["title"])
            unit, theirs = await state.peers.units.find(link), link.theirs
            return There(link.peer, _address(link), theirs.url, who, theirs.decision, unit)
    known = state.gossip.directory.find(state.gossip.store, to)
    if known is None:
        raise NotFound(_UNKNOWN)
    return There(*(known.circle, known.address, known.url, known.who, known.decision, known.unit))


def describe_unit(unit: Unit | None) -> UnitDescription | None:
    """Another circle's unit, where it is known."""
    if unit is None:
        return None
    return UnitDescription(
        name=unit.name, plural=unit.plural, kind=unit.kind.value, scale=unit.scale
    )


def _view(edges: Edges, payer: bytes, quote: routes.Quote, arrive: int) -> WayView:
    hops = [Hop(circle=circle.hex(), amount=amount) for circle, amount in quote.way]
    lost = routes.lost_by_rounding(_path(edges, payer, quote.way), quote.cost, arrive)
    return WayView(cost=quote.cost, rounding=min(lost, AMOUNT_MAX), hops=hops)


def _find_ways(
    edges: Edges, payer: bytes, decider: bytes, arrive: int | None, most: int | None
) -> tuple[int, list[routes.Quote]]:
    """What arrives, and the ways for it that cost no more than ``most``."""
    if arrive is None:
        arrive = _most_that_arrives(edges, payer, decider, most or 0)
    ways = find_ways(edges, payer, decider, arrive) if arrive else []
    return arrive, [way for way in ways if most is None or way.cost <= most]


def _most_that_arrives(edges: Edges, payer: bytes, decider: bytes, most: int) -> int:
    """The most that ``most`` of our minor units are worth there, by a way with room for it; or 0.

    By the rate alone, so that a way without room for all of it is no way for a part of it.
    """
    best = 0
    for quote in find_ways(edges, payer, decider, 1):
        path = _path(edges, payer, quote.way)
        wide = tuple(edge._replace(room=AMOUNT_MAX) for edge in path)
        arrive = min(most_that_arrives(wide, most), AMOUNT_MAX)
        if arrive > best and price(path, arrive) is not None:
            best = arrive
    return best


def _path(edges: Edges, payer: bytes, way: Way) -> tuple[Edge, ...]:
    """The links of a way that was found among them."""
    path = []
    here = payer
    for circle, _ in way:
        path.append(next(edge for edge in edges(here) if edge.end.circle == circle))
        here = circle
    return tuple(path)


def _address(link: Link) -> str:
    return link.theirs.origin.partition("/")[0]
