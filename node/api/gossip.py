"""Gossip with other circles' nodes, and what came of it for everybody to see."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ledger.codec import to_base64url
from ledger.federation.gossip_envelope import Bulletin, encode_conflict
from ledger.federation.gossip_store import Known
from node.api.bounds import Hash
from node.api.orders import Base64, Model
from node.circle import Circle
from node.http.reply import Reply

OCTETS = "application/octet-stream"
Limit = Annotated[int, Field(ge=1, le=50, description="How many at most: proofs can be long")]


class UnitView(Model):
    """What a circle counts in: decimal with a scale, or minutes."""

    name: str
    plural: str
    kind: str
    scale: int


class TotalsView(Model):
    """How many accounts, the sum of balances above zero, the credit granted; its minor units."""

    accounts: int
    positive: int
    granted: int


class LinkView(Model):
    """A link as one side shows it: ``own`` of its minor units are worth ``linked`` of ``unit``.

    ``room_in`` is the most that the other may still send to it in one payment, ``room_out`` the
    most that it may; in the link's unit. ``statement`` is where the link stood with both circles'
    signatures, null before there is one.
    """

    circle: str
    unit: str
    own: int
    linked: int
    room_in: int
    room_out: int
    statement: Base64 | None


class ContradictionView(Model):
    """Two versions of one statement, which convict the circle that signed both.

    ``proof`` can be checked without asking anybody (protocol.md, "Conflicts").
    """

    about: Literal["keys", "bulletin"]
    epoch: int
    number: int = Field(description="of the ten-minute period; 0 for its keys")
    proof: Base64


class KnownCircleView(Model):
    """A circle as it describes itself. Nothing but its id and its keys is proved by that.

    ``address`` and all below are null while the circle has not said them. ``issued`` is when the
    period of its bulletin began (Unix milliseconds), ``age_seconds`` how long ago that is. It is a
    ``neighbour`` if this circle has an agreement with it.
    """

    circle: str
    address: str | None
    neighbour: bool
    epoch: int | None
    issued: int | None
    age_seconds: int | None
    endpoint: str | None
    checkpoint: str | None
    unit: UnitView | None
    totals: TotalsView | None
    links: list[LinkView]
    contradictions: list[ContradictionView]


class KnownCircles(Model):
    """All that are known, this one among them, in the order of their ids.

    ``next`` is the cursor of what follows; ``contradicted`` how many circles of all are convicted.
    """

    circles: list[KnownCircleView]
    known: int
    contradicted: int
    next: str | None


async def meet(state: Circle, body: bytes) -> Reply:
    """Take a neighbour's message of gossip, and answer with what it has to hear."""
    return Reply(await state.gossip.answer(body), content_type=OCTETS)


async def list_circles(
    state: Circle, address: str | None = None, cursor: Hash | None = None, limit: Limit = 50
) -> KnownCircles:
    """The circles that this one knows of by gossip, with what each says of itself: open to all."""
    store, directory = state.gossip.store, state.gossip.directory
    after = bytes.fromhex(cursor) if cursor else b""
    ids = sorted(circle for circle in store if circle > after)
    if address is not None:
        ids = [each for each in ids if directory.address(each, store[each]) == address.lower()]
    return KnownCircles(
        circles=[_view(state, circle) for circle in ids[:limit]],
        known=len(store),
        contradicted=sum(1 for _ in store.conflicts()),
        next=ids[limit - 1].hex() if len(ids) > limit else None,
    )


def _view(state: Circle, circle: bytes) -> KnownCircleView:
    store, directory = state.gossip.store, state.gossip.directory
    known = store[circle]
    newest = known.bulletin or known.announcement
    issued = known.bulletin.issued if known.bulletin else None
    said = directory.bulletin(known)
    return KnownCircleView(
        circle=circle.hex(),
        address=directory.address(circle, known) or None,
        neighbour=circle in store.pinned and circle != store.own,
        epoch=newest.epoch if newest else None,
        issued=issued,
        age_seconds=None if issued is None else max(0, state.clock() - issued) // 1000,
        endpoint=said.endpoint if said else None,
        checkpoint=said.checkpoint.decode() if said else None,
        unit=_unit(said) if said else None,
        totals=TotalsView(**said.totals._asdict()) if said else None,
        links=_links(said) if said else [],
        contradictions=_contradictions(known),
    )


def _unit(said: Bulletin) -> UnitView:
    unit = said.unit
    return UnitView(
        name=unit.name.decode(), plural=unit.plural.decode(), kind=unit.kind, scale=unit.scale
    )


def _links(said: Bulletin) -> list[LinkView]:
    return [
        LinkView(
            circle=link.peer.hex(),
            unit=link.unit.decode(),
            own=link.numerator,
            linked=link.denominator,
            room_in=link.inward,
            room_out=link.outward,
            statement=to_base64url(link.statement) if link.statement else None,
        )
        for link in said.links
    ]


def _contradictions(known: Known) -> list[ContradictionView]:
    conflict = known.conflict
    if conflict is None:
        return []
    return [
        ContradictionView(
            about="keys" if conflict.first.is_announcement else "bulletin",
            epoch=conflict.first.epoch,
            number=conflict.first.seq,
            proof=to_base64url(encode_conflict(conflict)),
        )
    ]
