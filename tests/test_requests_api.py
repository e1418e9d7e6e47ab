"""Payment requests over HTTP: left with a signature, found by their id, paid once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from ledger import declarations
from ledger.codec import from_base64url, to_base64url
from ledger.declarations import REQUEST_LIFETIME_MS_MAX
from ledger.orders import COMMUNITY, Close, Freeze, Pay
from node.api.requests import OPEN_MAX
from node.circle import purge
from tests.circle_node import DAY, HOUR, CircleNode, circle_node, make_member

PATH = "/api/v1/requests"


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle with the coordinator ann, and the members mia and noa."""
    async with circle_node(postgres_dsn, tmp_path / "circle") as live:
        await live.welcome("mia")
        await live.welcome("noa")
        yield live


async def problem(node: CircleNode, body: dict[str, Any]) -> str:
    """The code with which a request is refused."""
    status, answer = await node.request("POST", PATH, json=body)
    assert 400 <= status < 500, answer
    return str(answer["code"])


async def test_a_request_is_shown_to_whoever_knows_its_id(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    body = node.sign_request(mia, 120, "apples")
    status, made = await node.request("POST", PATH, json=body)
    assert status == 200
    _, request_id = declarations.open_request(from_base64url(body["request"], "request"))
    assert made == {
        "id": request_id.hex(),
        "account": mia.account,
        "handle": "mia",
        "name": "Mia",
        "amount": 120,
        "expires": made["expires"],
        "text": "apples",
        "salt": body["salt"],
        "paid_by": None,
        "wire": body["request"],
    }
    assert await node.read(f"{PATH}/{request_id.hex()}", noa) == made
    assert await node.refusal(f"{PATH}/{request_id.hex()}") == "session-missing"
    assert await node.refusal(f"{PATH}/{bytes(32).hex()}", noa) == "not-found"
    assert await node.refusal(f"{PATH}/{request_id.hex().upper()}", noa) == "request-invalid"


async def test_a_request_is_paid_once(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    made = await node.ask(mia, 120)
    answer = Pay(((mia.account, 120),), (), (bytes.fromhex(made["id"]),))
    paid = await node.do(noa, answer)
    assert (await node.read(f"{PATH}/{made['id']}", noa))["paid_by"] == paid["entry"]["index"]
    assert await node.attempt(noa, answer) == "request-unusable"


async def test_the_same_request_again_has_the_same_answer(node: CircleNode) -> None:
    """Also when it was paid, has expired, or its device was frozen, and sent many times at once."""
    mia, noa = node["mia"], node["noa"]
    body = node.sign_request(mia, 120, "apples")
    answers = await asyncio.gather(*(node.request("POST", PATH, json=body) for _ in range(12)))
    assert {status for status, _ in answers} == {200}
    made = answers[0][1]
    assert all(answer == made for _, answer in answers)
    assert len((await node.read(PATH, mia, account=mia.account))["requests"]) == 1
    await node.do(noa, Pay(((mia.account, 120),), (), (bytes.fromhex(made["id"]),)))
    await node.do(mia, Freeze(mia.key))
    node.clock.pass_(2 * DAY)
    status, again = await node.request("POST", PATH, json=body)
    assert status == 200
    assert again == {**made, "paid_by": again["paid_by"]}
    assert again["paid_by"] is not None


async def test_only_a_holders_usable_device_makes_requests(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    stranger = make_member("eve")
    sign = node.sign_request
    assert await problem(node, sign(stranger, 1, account=mia.account, person=mia.person)) == (
        "device-unknown"
    )
    assert await problem(node, sign(noa, 1, account=mia.account)) == "not-authorised"
    assert await problem(node, sign(noa, 1, account=999_999)) == "not-authorised"
    assert await problem(node, sign(ann, 1, account=COMMUNITY)) == "not-authorised"
    assert await problem(node, sign(noa, 1, person=mia.person)) == "person-mismatch"
    paper = node.home.paper
    assert await problem(node, sign(paper, 1, account=mia.account)) == "device-unusable"
    assert await problem(node, sign(mia, 1, circle=bytes(32))) == "wrong-circle"
    await node.do(mia, Freeze(mia.key))
    assert await problem(node, sign(mia, 1)) == "device-unusable"
    await node.do(ann, Close(), account=noa.account)
    assert await problem(node, sign(noa, 1)) == "account-closed"


async def test_a_request_lives_from_now_to_its_day(node: CircleNode) -> None:
    mia = node["mia"]
    now = node.clock.wall()
    for expires in (0, now - 1, now + REQUEST_LIFETIME_MS_MAX + HOUR, 2**53 - 1):
        body = node.sign_request(mia, 1, expires=expires)
        assert await problem(node, body) == "request-invalid"
    await node.ask(mia, 1, expires=now + REQUEST_LIFETIME_MS_MAX - HOUR)


async def test_the_text_is_the_one_committed_to(node: CircleNode) -> None:
    mia = node["mia"]
    body = node.sign_request(mia, 1, "apples")
    other = node.sign_request(mia, 1, "pears")
    for wrong in (
        {"request": body["request"]},
        {**body, "text": "pears"},
        {**body, "salt": other["salt"]},
        {**node.sign_request(mia, 1), "text": "apples", "salt": body["salt"]},
        {**body, "text": "app\x00les"},
        node.sign_request(mia, 1, "x" * 2001),
    ):
        assert await problem(node, wrong) == "text-mismatch"


async def test_what_is_no_request_is_refused(node: CircleNode) -> None:
    mia = node["mia"]
    body = node.sign_request(mia, 5)
    wire = from_base64url(body["request"], "request")
    forged = to_base64url(bytes([*wire[:-1], wire[-1] ^ 1]))
    assert await problem(node, {"request": forged}) == "signature-invalid"
    order = node.sign(mia, Pay(((node["noa"].account, 5),))).body["order"]
    for wrong in ("", "AAAA", "A", body["request"] + "A", order):
        assert await problem(node, {"request": wrong}) == "malformed"
    for odd in ({}, {"request": 5}, {"request": "A" * 5000}, {**body, "more": 1}, [body], None):
        assert await problem(node, odd) == "request-invalid"  # type: ignore[arg-type]


async def test_an_account_has_a_limited_number_of_open_requests(node: CircleNode) -> None:
    """Counted together although they come at once; paid and expired ones make room."""
    mia, noa = node["mia"], node["noa"]
    soon = await node.ask(mia, 1, expires=node.clock.wall() + HOUR)
    bodies = [node.sign_request(mia, 1) for _ in range(OPEN_MAX + 5)]
    answers = [
        answer
        for start in range(0, len(bodies), 41)
        for answer in await asyncio.gather(
            *(node.request("POST", PATH, json=body) for body in bodies[start : start + 41])
        )
    ]
    taken = [answer for status, answer in answers if status == 200]
    refused = [answer for status, answer in answers if status == 409]
    assert (len(taken), len(refused)) == (OPEN_MAX - 1, 6)
    assert {(one["code"], one["limit"]) for one in refused} == {("open-requests", OPEN_MAX)}
    await node.ask(noa, 1)
    await node.do(noa, Pay(((mia.account, 1),), (), (bytes.fromhex(taken[0]["id"]),)))
    await node.ask(mia, 1)
    assert await problem(node, node.sign_request(mia, 1)) == "open-requests"
    node.clock.pass_(2 * HOUR)
    assert soon["expires"] < node.clock.wall()
    await node.ask(mia, 1)


async def test_requests_of_an_account_are_listed_page_by_page(node: CircleNode) -> None:
    """Those that last longest first; equal ones in a fixed order."""
    mia = node["mia"]
    now = node.clock.wall()
    for place in range(6):
        await node.ask(mia, 1 + place, f"number {place}", expires=now + HOUR * (1 + place // 2))
    for limit in (1, 2, 4, 6, 7):
        requests: list[dict[str, Any]] = []
        query: dict[str, Any] = {"account": mia.account, "limit": limit}
        while True:
            page = await node.read(PATH, mia, **query)
            requests += page["requests"]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert sorted(request["amount"] for request in requests) == [1, 2, 3, 4, 5, 6]
        expiries = [request["expires"] for request in requests]
        assert expiries == sorted(expiries, reverse=True)
    for wrong in ("x", "1", f"{2**60}-{'a' * 64}", "1-" + "A" * 64):
        refused = await node.refusal(PATH, mia, account=mia.account, cursor=wrong)
        assert refused == "request-invalid"


async def test_auditors_see_no_texts_of_requests(node: CircleNode) -> None:
    mia, ada = node["mia"], await node.welcome("ada", office="auditor")
    await node.ask(mia, 5, "for nobody else")
    [seen] = (await node.read(PATH, ada, account=mia.account))["requests"]
    assert (seen["amount"], seen["text"], seen["salt"]) == (5, None, None)


async def test_what_nobody_paid_is_forgotten_a_day_after_its_time(node: CircleNode) -> None:
    """By log time: a clock that is ahead for a while forgets nothing."""
    mia, noa = node["mia"], node["noa"]
    unpaid = await node.ask(mia, 1, "apples", expires=node.clock.wall() + HOUR)
    paid = await node.ask(mia, 2, "pears", expires=node.clock.wall() + HOUR)
    lasting = await node.ask(mia, 3, "plums", expires=node.clock.wall() + 9 * DAY)
    await node.do(noa, Pay(((mia.account, 2),), (), (bytes.fromhex(paid["id"]),)))

    async def kept() -> set[str]:
        await purge(node.circle.pool, node.clock.wall())
        node.forget_sessions()
        listed = await node.read(PATH, mia, account=mia.account)
        return {request["text"] for request in listed["requests"]}

    node.clock.pass_(20 * HOUR)
    await node.pay(noa, mia, 1)
    assert await kept() == {"apples", "pears", "plums"}
    node.clock.pass_(DAY)
    assert await kept() == {"apples", "pears", "plums"}
    await node.pay(noa, mia, 1)
    assert await kept() == {"pears", "plums"}
    assert await node.refusal(f"{PATH}/{unpaid['id']}", noa) == "not-found"
    assert (await node.read(f"{PATH}/{lasting['id']}", noa))["text"] == "plums"
    assert await node.circle.pool.fetchval("SELECT count(*) FROM request_texts") == 2
