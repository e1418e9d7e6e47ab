"""What neighbouring circles count in, as their nodes say: asked for now and then, and remembered.

It only tells a payer what will arrive in words. No amount is worked out from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from ledger.amount import Unit, UnitKind
from ledger.errors import InvalidAmount
from ledger.federation.link import Link
from node.witness.client import DESCRIPTION_BYTES_MAX, DESCRIPTION_VALUES_MAX, fetch_json

PATH = "/.well-known/tallystick"
KEPT_MS = 3600 * 1000
RETRY_MS = 30 * 1000
"""After which one that did not answer is asked again."""


@dataclass(slots=True)
class NeighbourUnits:
    """The units of neighbouring circles. ``clock`` gives Unix milliseconds."""

    session: aiohttp.ClientSession
    clock: Callable[[], int]
    _known: dict[bytes, tuple[int, Unit | None]] = field(default_factory=dict)

    async def find(self, link: Link) -> Unit | None:
        """The unit of the circle at the other end, or None while its node does not say."""
        asked_until, unit = self._known.get(link.peer, (0, None))
        now = self.clock()
        if now < asked_until:
            return unit
        found = await self._ask(link)
        self._known[link.peer] = (now + (KEPT_MS if found else RETRY_MS), found or unit)
        return found or unit

    async def _ask(self, link: Link) -> Unit | None:
        description = await fetch_json(
            self.session, link.theirs.url, PATH, DESCRIPTION_BYTES_MAX, DESCRIPTION_VALUES_MAX
        )
        return _read_unit(description, link.peer)


def _read_unit(description: Any, circle: bytes) -> Unit | None:
    """The unit in a circle's description of itself; None where that is none."""
    if not isinstance(description, dict) or description.get("circle") != circle.hex():
        return None
    unit = description.get("unit")
    if not isinstance(unit, dict):
        return None
    name, plural, scale = unit.get("name"), unit.get("plural"), unit.get("scale")
    if not (isinstance(name, str) and isinstance(plural, str) and type(scale) is int):
        return None
    try:
        return Unit(name, plural, UnitKind(str(unit.get("kind"))), scale)
    except (InvalidAmount, ValueError):
        return None
