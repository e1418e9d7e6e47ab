"""The first verdict on an order is final, for whoever sends it again: at once, later, elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from ledger.orders import Pay
from tests.circle_node import CircleNode, Home, Item, serving, unserved

CONNECTIONS = 64


@pytest_asyncio.fixture
async def home(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Home]:
    """A circle with the coordinator ann and the members mia and noa, whom no node serves yet."""
    async with unserved(postgres_dsn, tmp_path / "circle", "mia", "noa") as home:
        yield home


@pytest_asyncio.fixture
async def node(home: Home) -> AsyncIterator[CircleNode]:
    """The same circle, served."""
    async with serving(home) as live:
        yield live


def pay(node: CircleNode, amount: int, **header: Any) -> Item:
    """An order by which mia pays noa."""
    return node.sign(node["mia"], Pay(((node["noa"].account, amount),)), **header)


def verdicts(results: list[dict[str, Any]]) -> list[Any]:
    """What is final in answers: not the receipts, which may be against a newer head, nor the
    postings, which are shown once and then in sessions only."""
    return [{**result, "receipt": None, "postings": None} for result in results]


async def alone(node: CircleNode, item: Item) -> tuple[int, dict[str, Any]]:
    """Send an order by itself; its answer without what is each request's own."""
    status, answer = await node.request("POST", "/api/v1/orders", json=item.body)
    return status, {**answer, "receipt": None, "instance": None}


async def test_orders_sent_again_after_a_restart_get_the_same_verdicts(home: Home) -> None:
    """Refused ones too, though they could be accepted by now."""
    async with serving(home) as node:
        orders = [pay(node, 100), pay(node, 2500), pay(node, 1), pay(node, 90_000_000)]
        orders += [pay(node, 1, account=999_999), pay(node, 1, person=node["noa"].person)]
        orders += [node.sign(node["mia"], Pay(((999, 5),)))]
        first = await node.submit(*orders)
        codes = [result.get("problem", {}).get("code") for result in first]
        assert codes == [
            *(None, "credit-limit", None, "credit-limit"),
            *("account-unknown", "person-mismatch", "account-unknown"),
        ]
        singly = [await alone(node, order) for order in orders]
        await node.pay(node["noa"], node["mia"], 600)
    async with serving(home) as node:
        assert verdicts(await node.submit(*orders)) == verdicts(first)
        assert [await alone(node, order) for order in orders] == singly
        assert verdicts(await node.submit(*reversed(orders))) == verdicts(first)[::-1]


async def test_a_refusal_is_answered_alike_when_new_and_when_remembered(node: CircleNode) -> None:
    """Alone and in a list, with every attribute."""
    order = pay(node, 90_000_000)
    new = await alone(node, order)
    assert new[0] == 409
    assert await alone(node, order) == new
    [listed] = await node.submit(order)
    assert {**listed["problem"], "instance": None, "receipt": None} == new[1]


async def test_a_nonce_belongs_to_one_order_inside_a_list_and_across_lists(
    node: CircleNode,
) -> None:
    nonce = next(node.home.nonces)
    first, second = pay(node, 1, nonce=nonce), pay(node, 2, nonce=nonce)
    results = await node.submit(first, second, first)
    assert results[0]["entry"] == results[2]["entry"]
    assert results[1]["problem"]["code"] == "nonce-conflict"
    assert results[1]["problem"]["order_id"] == first.signed.id.hex()
    [later] = await node.submit(second)
    assert later["problem"] == results[1]["problem"]


async def test_a_refused_order_takes_its_nonce_too(home: Home) -> None:
    async with serving(home) as node:
        nonce = next(home.nonces)
        refused, other = pay(node, 90_000_000, nonce=nonce), pay(node, 1, nonce=nonce)
        results = await node.submit(refused, other)
        codes = [result["problem"]["code"] for result in results]
        assert codes == ["credit-limit", "nonce-conflict"]
    async with serving(home) as node:
        [result] = await node.submit(other)
        assert result["problem"]["code"] == "nonce-conflict"


async def test_devices_have_nonces_of_their_own(node: CircleNode) -> None:
    nonce = next(node.home.nonces)
    other = node.sign(node["noa"], Pay(((node["mia"].account, 1),)), nonce=nonce)
    results = await node.submit(pay(node, 1, nonce=nonce), other)
    assert ["entry" in result for result in results] == [True, True]


async def test_nonces_may_come_in_any_order(home: Home) -> None:
    """The writer looks those up that are below the greatest it knows: here all but one."""
    async with serving(home) as node:
        orders = [pay(node, 1) for _ in range(50)]
        first = await node.submit(*reversed(orders))
        assert all("entry" in result for result in first)
    async with serving(home) as node:
        assert verdicts(await node.submit(*orders)) == verdicts(first)[::-1]


async def test_one_order_from_many_connections_at_once_is_one_entry(node: CircleNode) -> None:
    order = pay(node, 3)
    body = {"orders": [order.body, order.body]}
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(node.url, connector=connector) as client:

        async def send(place: int) -> list[dict[str, Any]]:
            sent = order.body if place % 2 else body
            async with client.post("/api/v1/orders", json=sent) as response:
                assert response.status == 200
                answer = await response.json(content_type=None)
                results: list[dict[str, Any]] = answer.get("results", [answer])
                return results

        answers = await asyncio.gather(*(send(place) for place in range(2 * CONNECTIONS)))
    entries = [result["entry"] for results in answers for result in results]
    assert len(entries) == 3 * CONNECTIONS
    assert all(entry == entries[0] for entry in entries)
    async with node.home.database() as database:
        stored = await database.fetch(
            "SELECT index FROM entries WHERE wire = $1", order.signed.wire
        )
    assert [row["index"] for row in stored] == [entries[0]["index"]]


async def test_conflicting_orders_from_many_connections_leave_one(node: CircleNode) -> None:
    """A device that signed 64 payments under one nonce made one payment."""
    nonce = next(node.home.nonces)
    orders = [pay(node, amount, nonce=nonce) for amount in range(1, CONNECTIONS + 1)]
    results = await asyncio.gather(*(node.submit(order) for order in orders))
    codes = [result.get("problem", {}).get("code") for [result] in results]
    assert sorted(map(str, codes)) == ["None"] + ["nonce-conflict"] * (CONNECTIONS - 1)
    accepted = orders[codes.index(None)].signed.id.hex()
    named = {result["problem"]["order_id"] for [result] in results if "problem" in result}
    assert named == {accepted}


@pytest.mark.parametrize("text", ["apples\0", "a\x1bb", "\u2028", "x" * 2001, ""])
async def test_a_text_that_is_none_is_refused_at_the_edge(node: CircleNode, text: str) -> None:
    """A zero character would make the database fail, so it never gets there; nothing is decided."""
    mia, act = node["mia"], Pay(((node["noa"].account, 1),))
    order = node.sign(mia, act, text=text)
    status, answer = await node.request("POST", "/api/v1/orders", json=order.body)
    assert (status, answer["code"]) == (400, "text-mismatch")
    good = [pay(node, 1), pay(node, 1)]
    results = await node.submit(good[0], order, good[1])
    codes = [result.get("problem", {}).get("code") for result in results]
    assert codes == [None, "text-mismatch", None]


async def test_an_order_sent_again_by_another_shows_nobodys_balance(node: CircleNode) -> None:
    """A payee is shown the signed order; with it they must not learn what the payer has left."""
    order = pay(node, 100)
    [new] = await node.submit(order)
    assert len(new["postings"]) == 1
    [again] = await node.submit(order)
    assert again["entry"] == new["entry"]
    assert again["postings"] == []
