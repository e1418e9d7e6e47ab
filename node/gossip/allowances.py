"""How much gossip one neighbour may ask of this node."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.errors import Overloaded

REQUEST_COST = 4096
"""In bytes: what a message costs this node even if nothing is in it."""
ALLOWANCE = 8 * 1024 * 1024
"""What a neighbour may send at once, as after days without a connection."""
ALLOWANCE_PER_SECOND = 64 * 1024


@dataclass(slots=True)
class Allowances:
    """What each neighbour may still send, in bytes; it grows again with time."""

    _left: dict[bytes, tuple[float, float]] = field(default_factory=dict)

    def take(self, neighbour: bytes, size: int, now: float) -> None:
        """Count a message of ``size`` bytes at ``now`` seconds. Raises Overloaded.

        It is for neighbours that have proved who they are: so there are not many.
        """
        left, since = self._left.get(neighbour, (ALLOWANCE, now))
        left = min(ALLOWANCE, left + (now - since) * ALLOWANCE_PER_SECOND)
        if left < REQUEST_COST + size:
            raise Overloaded
        self._left[neighbour] = left - REQUEST_COST - size, now
