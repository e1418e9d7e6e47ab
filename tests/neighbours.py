"""Two or more live circles with agreements between them, and members who pay across.

The members' orders are made here by hand, from protocol.md: no code of the client is in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from ledger import keys
from ledger.acts import Hold
from ledger.codec import from_base64url, to_base64url
from ledger.federation.payment import (
    Inside,
    PaymentHeader,
    encode_header,
    payment_id,
    seal,
    sealed_hash,
)
from ledger.federation.route import Route, encode_route
from tests.bench.population import JSON, Population, populate
from tests.live_node import LiveNode, init_node
from tests.live_ports import free_port

TALLYD = Path(sys.executable).with_name("tallyd")
DEADLINE_MS = 3600 * 1000
SETTLE_SECONDS_MAX = 60.0


@dataclass(slots=True)
class Neighbour:
    """A live circle and its members."""

    node: LiveNode
    people: Population

    @property
    def circle(self) -> bytes:
        return self.people.circle

    def tallyd(self, *arguments: str) -> str:
        """Run a command about this circle; returns what it prints."""
        group, *rest = arguments
        name, *others = rest
        command = [str(TALLYD), group, name, str(self.node.directory), *others]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def standing(self) -> list[dict[str, Any]]:
        """How the circle stands with its neighbours, by its own command."""
        listed: list[dict[str, Any]] = json.loads(self.tallyd("peer", "list", "--json"))["peers"]
        return listed


def found(folder: Path, name: str, script: str | None = None, members: int = 2) -> Neighbour:
    """Make a circle, serve it, and let members join it."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    options = ("--listen", f"127.0.0.1:{port}")
    node = init_node(folder / name, *options, name=f"{name.title()}", address=f"{name}.example")
    node.port = port
    if script is not None:
        node.script = script
    node.start()
    people = asyncio.run(populate(node.url, node.invitation, members, floor=-1000))
    return Neighbour(node, people)


def agree(inviting: Neighbour, accepting: Neighbour, *terms: str, rate: str = "1:1") -> None:
    """Have two circles come to an agreement through their commands."""
    invitation = inviting.tallyd("peer", "invite", *terms).strip()
    accepting.tallyd("peer", "accept", invitation, "--yes", "--rate", rate)


async def get(client: aiohttp.ClientSession, url: str, token: str | None = None) -> Any:
    """The JSON at a URL."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with client.get(url, headers=headers) as response:
        return await response.json()


def order(
    payer: Neighbour,
    payee: Neighbour,
    way: tuple[tuple[bytes, int], ...],
    *,
    most: int,
    arrive: int,
    name: str = "m1",
) -> tuple[dict[str, str], bytes]:
    """An item for POST /api/v1/orders by which the payer's first member pays ``name`` of another
    circle, and the payment's id."""
    described = decision_key(payee)
    now = time.time_ns() // 1_000_000
    inside = Inside(name, "m0@here", b"for the garden", os.urandom(32))
    sealed = seal(inside, described, os.urandom(32))
    header = encode_header(
        PaymentHeader(payee.circle, described, now + DEADLINE_MS, arrive, sealed_hash(sealed))
    )
    payment = payment_id(header)
    member = payer.people.members[0]
    item = member.sign(Hold((), most, now + DEADLINE_MS, evidence=(payment,)))
    item["route"] = to_base64url(encode_route(Route(header, sealed, (way,))))
    return item, payment


def decision_key(neighbour: Neighbour) -> bytes:
    """The circle's decision key, from its keys on the disk."""
    seed = bytes.fromhex((neighbour.node.directory / "keys" / "decision.key").read_text().strip())
    return keys.public_key(seed)


async def send(neighbour: Neighbour, item: dict[str, str]) -> dict[str, Any]:
    """Post an order until there is an answer to it."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    async with aiohttp.ClientSession(headers=JSON) as client:
        while True:
            assert time.monotonic() < deadline, "the order is never answered"
            try:
                url = f"{neighbour.node.url}/api/v1/orders"
                async with client.post(url, json=item) as response:
                    answer: dict[str, Any] = await response.json()
                    if response.status != 503:
                        return answer
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def verdict(neighbour: Neighbour, payment: bytes) -> str:
    """The signed word of a payment's decider, "unreachable" while it cannot be asked."""
    url = f"{neighbour.node.url}/peer/v1/payments/{payment.hex()}"
    try:
        async with aiohttp.ClientSession() as client, client.get(url) as response:
            answer = await response.json()
    except aiohttp.ClientError:
        return "unreachable"
    from_base64url(answer["status"], "status")
    word: str = answer["verdict"]
    return word


async def at_rest(*neighbours: Neighbour) -> bool:
    """Whether nothing is under way, and each two say the same of each other."""
    held = {}
    async with aiohttp.ClientSession() as client:
        for one in neighbours:
            try:
                listed = await get(client, f"{one.node.url}/api/v1/peers")
            except aiohttp.ClientError:
                return False
            for link in listed["peers"]:
                under_way = link["incoming"] or link["outgoing"]
                if under_way or link["acknowledged"] != link["messages_sent"]:
                    return False
                held[one.circle.hex(), link["circle"]] = link["owed"]
    return all(held.get((there, here)) == -owed for (here, there), owed in held.items())


async def settled(*neighbours: Neighbour) -> None:
    """Wait until they are at rest."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while not await at_rest(*neighbours):
        assert time.monotonic() < deadline, [one.node.log()[-1000:] for one in neighbours]
        await asyncio.sleep(0.2)
