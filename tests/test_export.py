"""Everything out: the circle as lines of JSON, and all that is held on one person."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ledger import keys, merkle
from ledger.checkpoint import open_checkpoint
from ledger.codec import from_base64url
from ledger.declarations import open_request
from ledger.entry import decode_leaf
from ledger.errors import PersonUnknown
from ledger.note import parse_vkey
from ledger.orders import Close, Hold, Mandate, Pay
from node.erase import erase
from node.export import LINES, ROWS, Progress, export_log, export_person
from tests.circle_node import DAY, CircleNode, circle_node


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle with the coordinator ann, and the members mia and noa."""
    async with circle_node(postgres_dsn, tmp_path / "circle") as live:
        await live.welcome("mia", "Mia Müller")
        await live.welcome("noa")
        yield live


async def export(node: CircleNode) -> tuple[list[dict[str, Any]], list[Progress]]:
    """The lines of an export, and what was told of its progress."""
    out = io.BytesIO()
    told: list[Progress] = []
    async with node.home.database() as connection:
        count = await export_log(connection, out, told.append)
    lines = [json.loads(line) for line in out.getvalue().decode().splitlines()]
    assert sum(line["type"] == "entry" for line in lines) == count
    return lines, told


async def test_an_export_has_the_whole_log_under_its_signed_head(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    await node.pay(mia, noa, 120, "äpfel\nand pears")
    await node.submit(*(node.sign(mia, Pay(((noa.account, 1),))) for _ in range(ROWS // 10)))
    asked = await node.ask(mia, 5, "for a cake")
    lines, told = await export(node)
    head, *rest = lines
    vkey = parse_vkey((await node.read("/.well-known/tallystick"))["log_key"])
    checkpoint = open_checkpoint(head["checkpoint"], [vkey])
    entries = [line for line in rest if line["type"] == "entry"]
    leaves = [from_base64url(line["leaf"], "leaf") for line in entries]
    assert merkle.root([merkle.leaf_hash(leaf) for leaf in leaves]) == checkpoint.root
    assert [line["index"] for line in entries] == list(range(checkpoint.size))
    for line, leaf in zip(entries, leaves, strict=True):
        if line["text"] is not None:
            salt = from_base64url(line["text_salt"], "salt")
            commitment = keys.text_commitment(salt, line["text"].encode())
            assert decode_leaf(leaf).personal == (commitment,)
    assert "äpfel\nand pears" in {line["text"] for line in entries}
    people = [line for line in rest if line["type"] == "person"]
    assert [(line["handle"], line["name"]) for line in people] == [
        *(("ann", "Ann"), ("mia", "Mia Müller"), ("noa", "Noa"))
    ]
    [request] = [line for line in rest if line["type"] == "request"]
    assert (request["text"], request["paid_by"]) == ("for a cake", None)
    _, request_id = open_request(from_base64url(request["wire"], "request"))
    assert request_id.hex() == asked["id"]
    assert told[-1] == Progress(checkpoint.size, checkpoint.size)


async def test_an_export_is_one_moment_while_payments_go_on(node: CircleNode) -> None:
    """Its entries are those under its head, whatever is committed while it is written."""
    mia, noa = node["mia"], node["noa"]
    await node.submit(*(node.sign(mia, Pay(((noa.account, 1),))) for _ in range(300)))

    async def pay_on() -> None:
        for _ in range(30):
            await node.pay(mia, noa, 1)

    exports = []
    paying = asyncio.create_task(pay_on())
    while not paying.done():
        exports.append((await export(node))[0])
    await paying
    sizes = [lines[0]["size"] for lines in exports]
    assert [sum(line["type"] == "entry" for line in lines) for lines in exports] == sizes
    assert len(set(sizes)) > 1


async def test_everything_is_one_json_object_with_all_that_is_mine(node: CircleNode) -> None:
    """Longer than a page each: what was written, the statement, the payment requests."""
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    count = LINES + 5
    await node.submit(
        *(node.sign(mia, Pay(((noa.account, 1),)), text=f"nr {nr}") for nr in range(count))
    )
    await node.pay(noa, mia, 3, "für mia")
    until = node.clock.wall() + DAY
    await node.do(mia, Mandate(noa.person, ("pay",), 100, DAY, until))
    await node.do(mia, Hold((noa.account,), 60, until))
    await node.ask(mia, 7, "for a cake")
    path = f"/api/v1/people/{mia.person}/everything"
    held = await node.read(path, mia)
    assert (held["person"], held["handle"], held["name"]) == (mia.person, "mia", "Mia Müller")
    assert [account["number"] for account in held["accounts"]] == [mia.account]
    assert [device["key"] for device in held["devices"]] == [mia.key.hex()]
    assert [mandate["person"] for mandate in held["mandates"]] == [noa.person]
    assert [hold["amount"] for hold in held["holds"]] == [60]
    assert [session["device"] for session in held["sessions"]] == [mia.key.hex()]
    assert [request["text"] for request in held["requests"]] == ["for a cake"]
    written = [text["text"] for text in held["texts"]]
    assert written[:2] == ["mia\nMia Müller", "nr 0"]
    assert len(written) == count + 2
    [statement] = held["statements"]
    assert statement["account"] == mia.account
    assert [line["seq"] for line in statement["lines"]] == list(range(count + 4, 0, -1))
    assert "für mia" in {line["text"] for line in statement["lines"]}
    assert len(held["verdicts"]) == count + 3
    assert (await node.read(path, ann))["statements"] == held["statements"]


async def test_everything_is_for_oneself_and_coordinators(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    ada = await node.welcome("ada", office="auditor")
    path = f"/api/v1/people/{mia.person}/everything"
    assert await node.refusal(path, noa) == "not-yours"
    assert await node.refusal(path, ada) == "not-yours"
    assert await node.refusal(path) == "session-missing"
    for nobody in (0, 7, 999_999, 2**53 - 1):
        path = f"/api/v1/people/{nobody}/everything"
        assert await node.refusal(path, ann) == "person-unknown"
        assert await node.refusal(path, mia) == "not-yours"


async def test_a_former_member_still_gets_everything_that_is_left(node: CircleNode) -> None:
    ann, mia = node["ann"], node["mia"]
    await node.do(ann, Close(), account=mia.account)
    async with node.home.database() as connection:
        await erase(connection, mia.person)
    held = await node.read(f"/api/v1/people/{mia.person}/everything", ann)
    assert (held["handle"], held["name"], held["texts"]) == (None, None, [])
    assert (held["sessions"], held["requests"]) == ([], [])
    assert len(held["statements"][0]["lines"]) == 2


async def test_a_person_is_exported_from_a_plain_connection(node: CircleNode) -> None:
    """As ``tallyd export --person`` does, without a pool."""
    async with node.home.database() as connection:
        pieces = await export_person(lambda: nullcontext(connection), node["mia"].person)
        whole = b"".join([piece async for piece in pieces])
        with pytest.raises(PersonUnknown):
            await export_person(lambda: nullcontext(connection), 999_999)
    assert json.loads(whole)["handle"] == "mia"
    assert whole.endswith(b"\n")
