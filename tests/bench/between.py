"""Payments between two circles against single transfers inside one, by the processor time of all
processes: both nodes, both databases."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import time
from pathlib import Path
from statistics import median

import aiohttp

from ledger import keys
from ledger.acts import Hold
from ledger.codec import to_base64url
from ledger.federation.payment import (
    Inside,
    PaymentHeader,
    encode_header,
    payment_id,
    seal,
    sealed_hash,
)
from ledger.federation.route import Route, encode_route
from tests.bench import load
from tests.bench.node_process import TALLYD, NodeProcess, init, serving
from tests.bench.population import HOUR_MS, Population, Signatory, populate
from tests.bench.windows import say
from tests.live_ports import free_port

FLAGS = ("--credit-limit-max", "100000000", "--credit-total-max", "900000000000")
FLOOR = -1_000_000
MEMBERS = 100
CONNECTIONS = 64
ORDERS = 1000
"""As many as an agreement lets be under way at once."""
WINDOWS = 3
UNLIMITED = "900000000"
ARRIVED_SECONDS_MAX = 120


def measure(folder: Path, figures: dict[str, float], notes: list[str]) -> None:
    """Put the figure under ``payments_over_singles``: payments a second of processor time, over
    single transfers a second of processor time. Every payment is seen to have arrived."""
    say("Two circles")
    told = [_make(folder / name, name) for name in ("exeter", "totnes")]
    with (
        serving(folder / "exeter", told[0]["invitation"]) as exeter,
        serving(folder / "totnes", told[1]["invitation"]) as totnes,
    ):
        nodes = exeter, totnes
        people = [asyncio.run(populate(n.url, n.invitation, MEMBERS, floor=FLOOR)) for n in nodes]
        _agree(exeter, totnes)
        ratios = []
        for turn in range(WINDOWS + 1):
            single = _cost(nodes, exeter, _singles(exeter, people[0], ORDERS), ORDERS)
            requests = _payments(exeter, people[0], people[1], totnes, ORDERS)
            payment = _cost(nodes, exeter, requests, ORDERS)
            if turn:  # the first is to warm up
                ratios.append(single / payment)
            say(f"  a single {single * 1e6:.0f} us of processor, a payment {payment * 1e6:.0f} us")
    figures["payments_over_singles"] = median(ratios)
    notes.append(f"Payments between circles: {ORDERS} in each of {WINDOWS} windows, all arrived.")


def _make(directory: Path, name: str) -> dict[str, str]:
    listen = ("--listen", f"127.0.0.1:{free_port()}")
    return init(directory, *FLAGS, *listen, "--address", f"{name}.example")


def _agree(inviting: NodeProcess, accepting: NodeProcess) -> None:
    limits = ("--they-may-owe", UNLIMITED, "--we-may-owe", UNLIMITED)
    invitation = _tallyd("peer", "invite", str(inviting.directory), *limits).strip()
    _tallyd("peer", "accept", str(accepting.directory), invitation, "--yes")


def _tallyd(*arguments: str) -> str:
    done = subprocess.run([str(TALLYD), *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def _cost(
    nodes: tuple[NodeProcess, ...], node: NodeProcess, requests: list[bytes], count: int
) -> float:
    """Processor seconds of one order, from the first byte sent until nothing is under way."""
    before = sum(each.cpu_seconds() for each in nodes)
    run = load.run(node.url, requests, CONNECTIONS)
    asyncio.run(_quiet(nodes))
    cost = (sum(each.cpu_seconds() for each in nodes) - before) / count
    assert all(b'"receipt"' in body for body in run.bodies), run.bodies[0][:300]
    return cost


async def _quiet(nodes: tuple[NodeProcess, ...]) -> None:
    """Wait until nothing is held on a link. What comes back would be seen in the tally."""
    deadline = time.monotonic() + ARRIVED_SECONDS_MAX
    async with aiohttp.ClientSession() as client:
        for node in nodes:
            while True:
                async with client.get(f"{node.url}/api/v1/peers") as response:
                    [link] = (await response.json())["peers"]
                if not (link["incoming"] or link["outgoing"]):
                    break
                assert time.monotonic() < deadline, link
                await asyncio.sleep(0.05)


def _singles(node: NodeProcess, people: Population, count: int) -> list[bytes]:
    chance = random.Random(count)
    requests = []
    for _ in range(count):
        payer, payee = chance.sample(people.members, 2)
        body = json.dumps(payer.pay(payee.account, 1)).encode()
        requests.append(load.post(node.url, "/api/v1/orders", body))
    return requests


def _payments(
    node: NodeProcess, here: Population, there: Population, other: NodeProcess, count: int
) -> list[bytes]:
    seed = bytes.fromhex((other.directory / "keys" / "decision.key").read_text().strip())
    decision = keys.public_key(seed)
    chance = random.Random(count)
    return [
        load.post(node.url, "/api/v1/orders", json.dumps(item).encode())
        for item in (
            _payment(chance.choice(here.members), there.circle, decision, chance.randrange(MEMBERS))
            for _ in range(count)
        )
    ]


def _payment(payer: Signatory, circle: bytes, decision: bytes, payee: int) -> dict[str, str]:
    deadline = time.time_ns() // 1_000_000 + HOUR_MS
    inside = Inside(f"m{payee}", "m0@exeter.example", b"", os.urandom(32))
    sealed = seal(inside, decision, os.urandom(32))
    header = PaymentHeader(circle, decision, deadline, 1, sealed_hash(sealed))
    encoded = encode_header(header)
    item = payer.sign(Hold((), 1, deadline, evidence=(payment_id(encoded),)))
    way = ((circle, 1),)
    return item | {"route": to_base64url(encode_route(Route(encoded, sealed, (way,))))}
