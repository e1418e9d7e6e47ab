"""Hundreds of thousands of mutated orders: each is a problem of its sender's, never of the node's.

Three kinds of harm: to bytes and JSON, which the edge must refuse; to the fields of orders that are
signed all the same, which decisions must bear; and to the body of the request as a whole.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import aiohttp
import msgpack
import pytest

from ledger import codec, keys, orders
from ledger.codec import from_base64url, to_base64url
from ledger.errors import InvalidSignature, TallystickError
from ledger.orders import verify_signatures
from node.api.submission import Unreadable, parse_items
from node.http.strict_json import parse_json
from node.work import Submission
from tests.bench.population import HOUR_MS, JSON, Population, Signatory, populate
from tests.check_history import eventful
from tests.circle import salt
from tests.live_node import LiveNode, live_node

QUICK = 210_000
SIGNED = 6_000
MUTATED = 6_000
WHOLE = 1_500
LIST = 100

Item = dict[str, Any]
REASON = b"as the meeting decided"


@pytest.fixture(scope="module")
def samples() -> list[Item]:
    """Items with orders of every kind, as they were accepted, with their texts."""
    items: list[Item] = []
    for entry in eventful().entries:
        if entry.wire:
            item = {"order": to_base64url(entry.wire)}
            if orders.parse(entry.wire).order.header.text:
                item |= {"text": REASON.decode(), "salt": to_base64url(salt("reason"))}
            items.append(item)
    assert len({orders.parse(from_base64url(i["order"], "")).order.header.kind for i in items}) > 25
    return items


# Mutations


def mutate_bytes(chance: random.Random, data: bytes) -> bytes:
    """Flip, cut, repeat, insert, or exchange some bytes."""
    changed = bytearray(data)
    place = chance.randrange(len(changed) + 1)
    match chance.randrange(6):
        case 0:
            place = min(place, len(changed) - 1)
            changed[place] ^= 1 << chance.randrange(8)
        case 1:
            del changed[place:]
        case 2:
            del changed[place : place + chance.randrange(1, 40)]
        case 3:
            changed[place:place] = chance.randbytes(chance.randrange(1, 9))
        case 4:
            changed[place:place] = changed[: chance.randrange(1, 300)]
        case _:
            changed[place : place + 1] = bytes([chance.choice(ODD_BYTES)])
    return bytes(changed)


ODD_BYTES = b"\x00\x7f\x80\x90\x91\xc0\xc2\xca\xcf\xd3\xdc\xff"
"""Ends of ranges, and msgpack's marks of types that do not belong here."""
ODD_VALUES: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 101, 102, 103, 10**6, 2**31, 2**53 - 1, 2**53, -(2**53), 2**63, 2**64 - 1),
    *(None, True, False, 1.5, "", "x", "pay", "\0", "x" * 300, b"", b"\0" * 32, b"\xff" * 64),
    *((), (1,), (1, 2), ((1, 2), (1, 2)), (b"\0" * 32,), ((),), {}, {"a": 1}),
)


def mutate_value(chance: random.Random, value: Any) -> Any:
    """Exchange something in a nested array for something else."""
    if isinstance(value, tuple) and value and chance.random() < 0.85:
        parts = list(value)
        place = chance.randrange(len(parts))
        match chance.randrange(8):
            case 0:
                del parts[place]
            case 1:
                parts.insert(place, parts[chance.randrange(len(parts))])
            case 2:
                other = chance.randrange(len(parts))
                parts[place], parts[other] = parts[other], parts[place]
            case _:
                parts[place] = mutate_value(chance, parts[place])
        return tuple(parts)
    if isinstance(value, bytes) and value and chance.random() < 0.5:
        return mutate_bytes(chance, value)
    if type(value) is int and chance.random() < 0.3:
        return value + chance.choice((-1, 1, 2**32, -value * 2))
    return chance.choice(ODD_VALUES)


def mutate_wire(chance: random.Random, wire: bytes) -> bytes:
    """Harm the bytes, or the fields of the signed order or of its body."""
    if chance.random() < 0.5:
        return mutate_bytes(chance, wire)
    fields = msgpack.unpackb(wire, use_list=False)
    if chance.random() < 0.3:
        return bytes(msgpack.packb(mutate_value(chance, fields)))
    body = mutate_value(chance, msgpack.unpackb(fields[0], use_list=False))
    return bytes(msgpack.packb((msgpack.packb(body), *fields[1:])))


def mutate_item(chance: random.Random, item: Item, other: Item) -> Any:
    """Harm the JSON object around an order, or the order in it."""
    match chance.randrange(12):
        case 0:
            return chance.choice((None, 1, "x", [], {}, [item], True, 1.5, {"orders": [item]}))
        case 1:
            return {**item, chance.choice(("orders", "x", "Order", "")): 1}
        case 2:
            return {**item, chance.choice(("order", "text", "salt")): chance.choice(ODD_JSON)}
        case 3:
            return {**other, "order": item["order"]}
        case 4 if "text" in item:
            text = item["text"] + chance.choice(("\0", "\u2028", "é", "\x7f", "x" * 2000, "\ud800"))
            return {**item, "text": text}
        case 5:
            letters = item["order"]
            place = chance.randrange(len(letters))
            return {**item, "order": letters[:place] + chance.choice("=+/ é\n.") + letters[place:]}
        case _:
            wire = from_base64url(item["order"], "order")
            return {**item, "order": to_base64url(mutate_wire(chance, wire))}


ODD_JSON: tuple[Any, ...] = (
    *(None, 0, -1, 1.5, True, "", "x", "\0", "é", "A" * 50_000, "_" * 43),
    *([], ["x"], {}, {"a": []}),
)


# In this process


def digest(body: Any) -> Counter[str]:
    """What the edge makes of a body, up to the writer: codes of errors, or "ok"."""
    outcomes: Counter[str] = Counter()
    try:
        items, _ = parse_items(body)
    except TallystickError as error:
        return Counter([error.code])
    for item in items:
        if isinstance(item, Unreadable):
            outcomes[item.error.code] += 1
            assert str(item.error).isprintable()
            continue
        assert isinstance(item, Submission)
        try:
            verify_signatures(item.signed)
            outcomes["ok"] += 1
        except InvalidSignature:
            outcomes["signature-invalid"] += 1
    return outcomes


def test_mutated_orders_are_refused_at_the_edge(samples: list[Item]) -> None:
    """Most are malformed; what is still an order has a signature that does not fit, or the text."""
    chance = random.Random(3)
    outcomes: Counter[str] = Counter()
    for _ in range(QUICK - 40_000):
        item, other = chance.choice(samples), chance.choice(samples)
        outcomes += digest(mutate_item(chance, item, other))
    assert outcomes["malformed"] > QUICK / 4
    assert outcomes["signature-invalid"] > QUICK / 50
    assert outcomes["text-mismatch"] > QUICK / 50
    # Only those are as they were whose mutation was none, such as a text in its own place.
    assert outcomes["ok"] < QUICK / 20


def test_mutated_bodies_are_refused_at_the_edge(samples: list[Item]) -> None:
    """The same for the bytes of a request: JSON first, then what is in it."""
    chance = random.Random(4)
    outcomes: Counter[str] = Counter()
    for _ in range(40_000):
        body: Any = chance.choice(samples)
        if chance.random() < 0.5:
            body = {"orders": chance.sample(samples, 2)}
        data = mutate_bytes(chance, json.dumps(body).encode())
        try:
            parsed = parse_json(data, depth_max=16, values_max=50_000)
        except TallystickError as error:
            outcomes[error.code] += 1
            continue
        outcomes += digest(parsed)
    assert outcomes["json-invalid"] > 1000
    assert outcomes["malformed"] > 1000


# Over HTTP


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """A node as a process of its own."""
    with live_node(tmp_path_factory.mktemp("node")) as node:
        yield node


def odd_orders(chance: random.Random, people: Population, samples: list[Item]) -> Iterator[Item]:
    """Orders of all kinds with odd fields, signed by those who may and by those who may not."""
    coordinator = people.coordinator
    templates = [orders.parse(from_base64url(item["order"], "")).order for item in samples]
    while True:
        header, act = chance.choice(templates)
        if header.kind == "close" and chance.random() < 0.98:
            continue  # else there were soon nobody left
        signer = chance.choice((coordinator, coordinator, *people.members))
        fields: tuple[Any, ...] = tuple(act)
        for _ in range(chance.choice((0, 1, 1, 2))):
            fields = mutate_fields(chance, fields)
        text_salt = chance.randbytes(32)
        account = header.account and chance.choice((1, 2, 3, 101, 102, 103, signer.account))
        body = codec.encode(
            (
                *(people.circle, header.kind, account),
                *(signer.person, signer.key, next_nonce(signer)),
                time.time_ns() // 1_000_000 + chance.choice((1, 20, 20, 20)) * HOUR_MS,
                (keys.text_commitment(text_salt, REASON),),
                *(header.slip, header.mandate, *fields),
            )
        )
        wire = orders.pack(body, keys.sign(keys.ORDER, body, signer.seed))
        yield {
            "order": to_base64url(wire),
            "text": REASON.decode(),
            "salt": to_base64url(text_salt),
        }


def next_nonce(signer: Signatory) -> int:
    """The next, so that most orders get beyond their nonce."""
    signer.nonce += 1
    return signer.nonce


def mutate_fields(chance: random.Random, fields: tuple[Any, ...]) -> tuple[Any, ...]:
    """Other values of the same type, so that most orders get beyond their schema."""
    if not fields:
        return fields
    parts = list(fields)
    place = chance.randrange(len(parts))
    numbers = (0, 1, 2, 3, 25, 101, 102, 103, 104, 10**6, 2**53 - 1, -5, chance.randrange(200))
    match parts[place]:
        case int():
            parts[place] = chance.choice((*numbers, time.time_ns() // 1_000_000 + HOUR_MS))
        case str():
            parts[place] = chance.choice(("", "coordinator", "auditor", "device", "recovery", "x"))
        case bytes() as value:
            parts[place] = chance.choice((os.urandom(len(value)), bytes(len(value)), value))
        case tuple() as value:
            parts[place] = mutate_fields(chance, value) if value else (chance.choice(numbers),)
    return tuple(parts)


async def send(client: aiohttp.ClientSession, url: str, body: bytes) -> Any:
    """Send a body, whatever it is; the answer is one of ours, and no fault of the node's."""
    async with client.post(f"{url}/api/v1/orders", data=body) as response:
        answer = await response.json(content_type=None)
        assert response.status < 500, answer
        assert response.status == 200 or answer["status"] == response.status
        return answer


async def send_lists(
    client: aiohttp.ClientSession, url: str, items: list[Any]
) -> Counter[str | None]:
    """Send orders in lists; the codes of what they came to, None for those accepted."""
    codes: Counter[str | None] = Counter()
    for start in range(0, len(items), LIST):
        body = json.dumps({"orders": items[start : start + LIST]}).encode()
        for result in (await send(client, url, body))["results"]:
            problem = result.get("problem", {"status": 200, "code": None})
            assert problem["status"] < 500, problem
            codes[problem["code"]] += 1
    return codes


async def test_a_live_node_bears_mutated_bodies_and_odd_orders(
    node: LiveNode, samples: list[Item]
) -> None:
    """It answers each with a problem, or accepts it, and a replay finds nothing wrong."""
    chance = random.Random(5)
    people = await populate(node.url, node.invitation, 4, floor=-1000)
    for signer in (people.coordinator, *people.members):
        signer.nonce = 10**6
    making = odd_orders(chance, people, samples)
    good = [next(making) for _ in range(SIGNED)]
    bad = [mutate_item(chance, chance.choice(good), chance.choice(good)) for _ in range(MUTATED)]
    # Half of a surrogate pair would make its whole list unusable.
    bad = [item for item in bad if "\\ud800" not in json.dumps(item)]
    async with aiohttp.ClientSession(headers=JSON) as client:
        decided = await send_lists(client, node.url, good)
        refused = await send_lists(client, node.url, bad)
        for _ in range(WHOLE):
            body = json.dumps(chance.choice((chance.choice(good), {"orders": good[:2]}))).encode()
            await send(client, node.url, mutate_bytes(chance, body))
        async with client.get(f"{node.url}/health") as response:
            assert (await response.json())["status"] == "ok"
    assert decided[None] > SIGNED / 50
    assert len(decided) > 15, decided
    assert refused["malformed"] > MUTATED / 4
    log = [json.loads(line) for line in node.log().splitlines()]
    assert {line["event"] for line in log} <= {"http_request"}
    tallyd = "import sys; from node.cli import main; sys.argv[0] = 'tallyd'; main()"
    check = [sys.executable, "-c", tallyd, "check", str(node.directory)]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
