"""Notices by text message, through a gateway that takes JSON.

Its address is the operator's own, so it may be on this computer, or a number of a private network,
where that is what they wrote; otherwise it has to be public, as for all that a node connects to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from node.outbound import outbound, read_body, why_not
from node.talking.mail import Parcel, Sender, Trouble
from node.talking.settings import SmsSettings
from node.talking.timing import plain_number

SECONDS_MAX = 20
CHARACTERS_MAX = 459
"""Three parts of a long message (3GPP TS 23.040: 153 characters of seven bits each)."""
ANSWER_BYTES_MAX = 65_536
_NO_USE = (400, 422)
"""What gateways answer to a number that is none."""


@asynccontextmanager
async def open_gateway(settings: SmsSettings | None) -> AsyncIterator[aiohttp.ClientSession | None]:
    """A session with the gateway, where there is one."""
    if settings is None:
        yield None
        return
    async with outbound(settings.url, seconds=SECONDS_MAX) as session:
        yield session


def write_text(sender: Sender, parcel: Parcel) -> str:
    """What the message says: with its number last, whatever has to be cut."""
    [(number, words)] = parcel.notices
    head, tail = f"{sender.name}: ", f" (Number {number})"
    room = CHARACTERS_MAX - len(head) - len(tail)
    line = " ".join(words.split())
    if len(line) > room:
        line = line[: room - 3] + "..."
    return head + line + tail


async def send_text(
    session: aiohttp.ClientSession, sender: Sender, settings: SmsSettings, parcel: Parcel
) -> Trouble | None:
    """Have the gateway take one message; says why where it does not."""
    body = dict(settings.fields)
    body |= {
        settings.to: plain_number(parcel.contact) or "",
        settings.text: write_text(sender, parcel),
    }
    headers = {} if settings.header is None else {settings.header: settings.secret or ""}
    try:
        async with session.post(
            settings.url, json=body, headers=headers, allow_redirects=False
        ) as response:
            await read_body(response, ANSWER_BYTES_MAX)
            status = response.status
    except (aiohttp.ClientError, OSError) as error:
        return Trouble(f"the gateway could not be reached ({why_not(error)})")
    if 200 <= status < 300:
        return None
    return Trouble(f"the gateway answered with status {status}", is_final=status in _NO_USE)
