"""What neighbours' nodes say right now of their own links, for payments by way of them.

A bulletin can be ten minutes old, and older than the link that a payment needs. So before a payer
is told that there is no way, the neighbours are asked. Rates are taken from agreements that both
circles signed; how much room there is, is the neighbour's word: where it is not so the payment
comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from ledger.codec import from_base64url
from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation.agreement import open_agreement
from ledger.federation.gossip_envelope import LINKS_MAX
from ledger.federation.link import Link
from ledger.federation.routes import Edge
from node.witness.client import fetch_json

PATH = "/api/v1/peers"
ANSWER_BYTES_MAX = 512 * 1024
VALUES_MAX = 20_000
KEPT_MS = 10 * 1000
ASKED_MAX = 16
"""How many neighbours are asked for one payment: those with most room."""


@dataclass(slots=True)
class NeighbourLinks:
    """Asks neighbours for their links. ``clock`` gives Unix milliseconds."""

    session: aiohttp.ClientSession
    clock: Callable[[], int]
    _known: dict[bytes, tuple[int, tuple[Edge, ...]]] = field(default_factory=dict)

    async def ask(self, links: Iterable[Link]) -> dict[bytes, tuple[Edge, ...]]:
        """The links that lead on from each neighbour that a payment can go to, and that answers."""
        asked = sorted(
            (link for link in links if link.takes_payments and link.room_out > 0),
            key=lambda link: -link.room_out,
        )[:ASKED_MAX]
        found = await asyncio.gather(*map(self._find, asked))
        return {link.peer: edges for link, edges in zip(asked, found, strict=True) if edges}

    async def _find(self, link: Link) -> tuple[Edge, ...]:
        until, edges = self._known.get(link.peer, (0, ()))
        now = self.clock()
        if not 0 <= until - now <= KEPT_MS:
            edges = await self._ask(link)
            self._known[link.peer] = now + KEPT_MS, edges
        return edges

    async def _ask(self, link: Link) -> tuple[Edge, ...]:
        return tuple(read_edges(await fetch_list(self.session, link.theirs.url), link))


async def fetch_list(session: aiohttp.ClientSession, url: str) -> Any:
    """A node's own list of its links, as JSON not looked into yet; None when it gives none."""
    return await fetch_json(session, url, PATH, ANSWER_BYTES_MAX, VALUES_MAX)


def read_edges(listed: Any, link: Link) -> Iterator[Edge]:
    """Out of a neighbour's list, the links that lead on; what is wrong is left out."""
    views = listed.get("peers") if isinstance(listed, dict) else None
    for view in views[:LINKS_MAX] if isinstance(views, list) else ():
        edge = _read_edge(view, link.peer) if isinstance(view, dict) else None
        if edge is not None and edge.end.circle != link.circle:
            yield edge


def _read_edge(view: dict[str, Any], here: bytes) -> Edge | None:
    room, wire = view.get("room_out"), view.get("agreement")
    if view.get("status") != "open" or view.get("suspended_by_peer") is not False:
        return None
    if type(room) is not int or room <= 0 or not isinstance(wire, str):
        return None
    try:
        agreement = open_agreement(from_base64url(wire, "agreement"))
        start, end = agreement.party(here), agreement.other(here)
    except (MalformedObject, InvalidSignature):
        return None
    return Edge(start, end, min(room, agreement.hold_max))
