"""HTTP to a neighbour's node, to gossip; and how much of it one neighbour may ask of this one."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO

import aiohttp

from ledger.federation.gossip_meeting import MEETING_BYTES_MAX, PATH
from node.errors import Overloaded
from node.federation.peers import PeerFault

REQUEST_COST = 4096
"""In bytes: what a message costs this node even if nothing is in it."""
ALLOWANCE = 8 * 1024 * 1024
"""What a neighbour may send at once, as after days without a connection."""
ALLOWANCE_PER_SECOND = 64 * 1024


async def post(session: aiohttp.ClientSession, url: str, body: bytes) -> bytes:
    """Send a signed message; the body of the answer. Raises PeerFault."""
    try:
        async with session.post(
            url.rstrip("/") + PATH,
            data=BytesIO(body),
            headers={"Content-Type": "application/octet-stream"},
            allow_redirects=False,
        ) as response:
            received = bytearray()
            async for chunk in response.content.iter_any():
                received += chunk
                if len(received) > MEETING_BYTES_MAX:
                    response.close()
                    raise PeerFault("its answer is too long")
            if response.status != 200:
                raise PeerFault(f"it answers with status {response.status}")
            return bytes(received)
    except TimeoutError:
        raise PeerFault("it does not answer in time") from None
    except (aiohttp.ClientError, OSError) as error:
        raise PeerFault(f"it cannot be reached ({type(error).__name__})") from None


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
