"""Help that passes between neighbouring circles, as a node shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from client.calendar import read_local
from client.json_fields import Fields
from client.node_session import NodeSession
from client.views import NAME_CHARACTERS_MAX

TERMS: Final = "/api/v1/referral-terms"
NEIGHBOURS_MAX: Final = 1000
_LEVELS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class NeighbourOffer:
    """Somebody of a neighbouring circle, who can come at ``begins``.

    ``vetted`` is the last day of the vetting that was wanted. An ``hour`` is worth so many minor
    units of theirs. ``visit`` is the one that they have the place of. ``handle``, ``name`` and
    ``reach`` are None until they were accepted and their circle knows it.
    """

    offer: int
    circle: str
    address: str
    begins: datetime
    vetted: str | None
    hour: int
    refused: str | None
    visit: int | None
    handle: str | None
    name: str | None
    reach: str | None


@dataclass(frozen=True, slots=True)
class NeighbourAsker:
    """The circle that asks for somebody of its own; who that is, once they accepted the reader."""

    circle: str
    address: str
    handle: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class NeighbourTerms:
    """What may pass: with ``refer`` requests of ours go there, with ``take`` theirs come here.

    ``vettings`` are levels of ours, and which of theirs counts as each.
    """

    circle: str
    name: str
    address: str
    refer: bool
    take: bool
    same_grid: bool
    vettings: tuple[tuple[str, str], ...]

    def item(self) -> dict[str, Any]:
        """As it is written to the node."""
        vettings = [{"level": ours, "theirs": theirs} for ours, theirs in self.vettings]
        return {
            "refer": self.refer,
            "take": self.take,
            "same_grid": self.same_grid,
            "vettings": vettings,
        }


def read_offer(each: Fields) -> NeighbourOffer:
    """One offer of an answer."""
    return NeighbourOffer(
        offer=each.integer("offer", 1),
        circle=each.text("circle", NAME_CHARACTERS_MAX),
        address=each.text("address", 255),
        begins=read_local(each, "begins"),
        vetted=each.optional("vetted", lambda name: each.text(name, 10)),
        hour=each.integer("hour", 1),
        refused=each.optional("refused", lambda name: each.text(name, 32)),
        visit=each.optional("visit", each.integer),
        handle=each.optional("handle", lambda name: each.text(name, 32)),
        name=each.optional("name", lambda name: each.text(name, 1000)),
        reach=each.optional("reach", lambda name: each.text(name, 1000)),
    )


def read_asker(each: Fields) -> NeighbourAsker:
    """For whom a neighbour asks, of an answer."""
    return NeighbourAsker(
        circle=each.text("circle", NAME_CHARACTERS_MAX),
        address=each.text("address", 255),
        handle=each.optional("handle", lambda name: each.text(name, 32)),
        name=each.optional("name", lambda name: each.text(name, 1000)),
    )


async def list_terms(session: NodeSession) -> tuple[NeighbourTerms, ...]:
    """What may pass between this circle and each neighbour."""
    return (await session.read(TERMS)).objects("neighbours", NEIGHBOURS_MAX, _read_terms)


async def change_terms(
    session: NodeSession, circle: str, item: Mapping[str, Any]
) -> tuple[NeighbourTerms, ...]:
    """Say it anew of one neighbour; for coordinators."""
    answer = await session.changed("PUT", f"{TERMS}/{circle}", dict(item))
    return answer.objects("neighbours", NEIGHBOURS_MAX, _read_terms)


def _read_terms(each: Fields) -> NeighbourTerms:
    def level(fields: Fields) -> tuple[str, str]:
        return fields.text("level", 32), fields.text("theirs", 32)

    return NeighbourTerms(
        circle=each.text("circle", 64),
        name=each.text("name", NAME_CHARACTERS_MAX),
        address=each.text("address", 255),
        refer=each.boolean("refer"),
        take=each.boolean("take"),
        same_grid=each.boolean("same_grid"),
        vettings=each.objects("vettings", _LEVELS_MAX, level),
    )
