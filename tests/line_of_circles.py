"""Circles in a line, each with a node in this process, that agree with the next.

Each node listens where its agreements say. Members' orders are made by hand, from protocol.md.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp

from ledger.acts import Hold
from ledger.codec import from_base64url, to_base64url
from ledger.federation.agreement import (
    encode_agreement,
    join_agreement,
    link_id,
    make_agreement,
    sign_agreement,
)
from ledger.federation.gossip_envelope import PERIOD_MS
from ledger.federation.payment import (
    Inside,
    PaymentHeader,
    encode_header,
    payment_id,
    seal,
    sealed_hash,
)
from ledger.federation.route import Route, encode_route
from node.api.app import build
from node.circle import open_circle
from node.federation.agreements import Identity, open_agreed, party_of
from node.http.serve import serve
from tests.circle_node import CircleNode, Clock, Home, Member, found_circle, usual_rules
from tests.live_ports import free_port

PHASE_MS = 4 * 60 * 1000

Rate = tuple[int, int]
"""So many of a circle's minor units are worth so many of a link's."""


@asynccontextmanager
async def serving_at(home: Home, port: int) -> AsyncIterator[CircleNode]:
    """Serve a circle at a port of its own, which it names in its agreements."""
    url = f"http://127.0.0.1:{port}"
    home.config = replace(home.config, public_url=url)
    clock = home.clock
    async with (
        open_circle(home.config, home.dsn, clock=clock.wall, steady=clock.steady) as circle,
        serve(build(circle), port=port) as listening,
        aiohttp.ClientSession(listening.url) as http,
    ):
        yield CircleNode(home, circle, listening.url, http)


async def found_at(dsn: str, folder: Path, name: str, clock: Clock | None = None) -> Home:
    """Found the circle ``name``, at ``name``.example."""
    rules = usual_rules(name=name.title().encode(), address=f"{name}.example")
    return await found_circle(dsn, folder / name, rules, clock)


@asynccontextmanager
async def circles_in_line(
    dsn: str, folder: Path, *names: str, rates: tuple[tuple[Rate, Rate], ...] = ()
) -> AsyncIterator[list[CircleNode]]:
    """Circles of which each has an agreement with the next. Each has a member called mia.

    ``rates`` are for each link that of the first circle and of the second; else one for one. Their
    clock is put to PHASE_MS after the beginning of a bulletin's period, so that none ends soon.
    """
    clock = Clock()
    clock.pass_((PHASE_MS - clock.wall()) % PERIOD_MS)
    async with AsyncExitStack() as stack:
        nodes = []
        for name in names:
            home = await found_at(dsn, folder, name, clock)
            stack.push_async_callback(home.drop)
            node = await stack.enter_async_context(serving_at(home, free_port()))
            await node.join("ann", home.founded.invitation_code)
            await node.welcome("mia", floor=-500, ceiling=100_000)
            nodes.append(node)
        for place, (one, other) in enumerate(pairwise(nodes)):
            await agree(one, other, *(rates[place] if rates else ((1, 1), (1, 1))))
        yield nodes


async def agree(
    one: CircleNode,
    other: CircleNode,
    rate: Rate = (1, 1),
    its: Rate = (1, 1),
    *,
    largest: int = 6000,
) -> None:
    """Let two circles agree to owe each other up to 6000, by payments of up to ``largest``."""
    parties = [
        party_of(node.circle.writer.loaded.certificate, node.url, *each, 6000)
        for node, each in ((one, rate), (other, its))
    ]
    agreement = make_agreement(1, b"minutes", largest, 100, *parties)
    body = encode_agreement(agreement)
    seeds = {node.home.founded.circle: node.home.founded.keyring.link for node in (one, other)}
    both = [sign_agreement(body, seeds[party.circle]) for party in (agreement.low, agreement.high)]
    wire = join_agreement(body, *both)
    for node, peer in ((one, other), (other, one)):
        charter = peer.circle.writer.loaded.charter
        title = peer.home.config.directory.name
        who = Identity(charter.identity, charter.certificate, charter.signature, title)
        await open_agreed(node.circle.writer, node.circle.pool, wire, who)


def link_between(one: CircleNode, other: CircleNode) -> bytes:
    """The id of their link."""
    return link_id(one.home.founded.circle, other.home.founded.circle)


async def known(node: CircleNode, **query: Any) -> dict[str, Any]:
    """What a node shows of the circles that it knows, by their ids."""
    listed = await node.read("/api/v1/circles", **query)
    return {circle["circle"]: circle for circle in listed["circles"]}


async def knows_links(node: CircleNode, other: CircleNode, count: int) -> bool:
    """Whether a bulletin of the other circle with so many links has come."""
    found = (await known(node)).get(other.home.founded.circle.hex())
    return found is not None and len(found["links"]) == count


async def quote(payer: CircleNode, to: str, arrive: int) -> tuple[int, Any]:
    """What a payment would cost, as its payer is told: the status and the JSON."""
    params = {"to": to, "arrive": str(arrive)}
    return await payer.request("GET", "/api/v1/quote", payer["mia"], params=params)


async def pay_by(payer: CircleNode, quoted: dict[str, Any], payee: str = "mia") -> bytes:
    """Let mia pay as quoted, for the garden; returns the payment's id once it is taken."""
    decision = from_base64url(quoted["decision"], "key")
    inside = Inside(payee, "mia@here", b"for the garden", os.urandom(32))
    sealed = seal(inside, decision, os.urandom(32))
    decider = bytes.fromhex(quoted["circle"])
    header = encode_header(
        PaymentHeader(decider, decision, quoted["deadline"], quoted["arrive"], sealed_hash(sealed))
    )
    ways = tuple(
        tuple((bytes.fromhex(hop["circle"]), hop["amount"]) for hop in way["hops"])
        for way in quoted["ways"]
    )
    most = max(way["cost"] for way in quoted["ways"])
    payment = payment_id(header)
    act = Hold((), most, quoted["deadline"], evidence=(payment,))
    body = payer.sign(payer["mia"], act).body
    body["route"] = to_base64url(encode_route(Route(header, sealed, ways)))
    status, answer = await payer.request("POST", "/api/v1/orders", json=body)
    assert status == 200, answer
    return payment


async def balance(node: CircleNode, member: Member) -> int:
    """What a member has, as they are shown it."""
    account = await node.read(f"/api/v1/accounts/{member.account}", member)
    found: int = account["balance"]
    return found


async def at_rest(nodes: list[CircleNode]) -> bool:
    """Whether nothing is under way, and each two say the same of their link."""
    owed = {}
    for node in nodes:
        for link in (await node.read("/api/v1/peers"))["peers"]:
            if link["incoming"] or link["outgoing"] or not link["confirmed"]:
                return False
            owed[node.home.founded.circle.hex(), link["circle"]] = link["owed"]
    return all(owed[there, here] == -amount for (here, there), amount in owed.items())
