"""One signed message to another circle's node, and its answer: with a limit on everything."""

from __future__ import annotations

from io import BytesIO

import aiohttp

from node.outbound import read_body, why_not


class PeerFault(Exception):
    """An exchange that did not come about; the next one may."""


async def post(session: aiohttp.ClientSession, url: str, body: bytes, bytes_max: int) -> bytes:
    """The body of the answer, of at most ``bytes_max``. No redirect is followed.

    Raises PeerFault.
    """
    try:
        async with session.post(
            url,
            data=BytesIO(body),
            headers={"Content-Type": "application/octet-stream"},
            allow_redirects=False,
        ) as response:
            received = await read_body(response, bytes_max)
            if received is None:
                raise PeerFault("its answer is too long")
            if response.status != 200:
                raise PeerFault(f"it answers with status {response.status}")
            return received
    except TimeoutError:
        raise PeerFault("it does not answer in time") from None
    except (aiohttp.ClientError, OSError) as error:
        raise PeerFault(f"it cannot be reached ({why_not(error)})") from None
