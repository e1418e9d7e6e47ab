"""What a handler takes and gives is typed: parameters, bodies, answers, and who is signed in."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import aiohttp
import pytest

from node.http import IMMUTABLE, encode_base64url
from tests.http_layer.toy import JSON, Running


async def test_path_parameters_bodies_and_answers_are_typed(toy: Running) -> None:
    body = {"account": 7, "balance": -3, "opened": "2024-02-29", "tags": ["a", "b"]}
    assert await toy.json("POST", "/accounts", json=body) == (201, body)
    assert toy.state.accounts[7].opened == date(2024, 2, 29)
    assert await toy.json("GET", "/accounts/7") == (200, body)
    async with toy.client.delete("/accounts/7") as response:
        assert (response.status, await response.read()) == (204, b"")


async def test_query_parameters_are_typed_and_have_defaults(toy: Running) -> None:
    _, defaults = await toy.json("GET", "/accounts")
    assert defaults["limit"] == "10"
    _, integral = await toy.json("GET", "/accounts?limit=12.0")
    assert integral["limit"] == "12"
    query = (
        "limit=100&closed=true&kind=group&from=2024-01-31&since=2024-01-31T10:00:00Z&name=%C3%A9+x"
    )
    status, given_values = await toy.json("GET", f"/accounts?{query}")
    assert status == 200
    assert given_values == {
        "limit": "100",
        "closed": "True",
        "kind": "group",
        "from": "2024-01-31",
        "since": str(datetime(2024, 1, 31, 10, tzinfo=UTC)),
        "name": "é x",
    }


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("limit=0", "query.limit: Input should be greater than or equal to 1, not '0'"),
        ("limit=101", "less than or equal to 100"),
        ("limit=+1", "plain spelling"),
        ("limit=%2B1", "plain spelling"),
        ("limit=01", "plain spelling"),
        ("limit=1_0", "plain spelling"),
        ("limit=1.5", "valid integer"),
        ("limit=", "valid integer"),
        ("limit=" + "9" * 5000, "query.limit"),
        ("limit=%D9%A3", "valid integer"),
        ("limit=1&limit=1", "stands twice"),
        ("since=2024-01-31T25:00:00Z", "query.since"),
        ("colour=red", "query.colour: there is no such field here"),
        ("closed=1", "plain spelling"),
        ("kind=firm", "'person' or 'group'"),
        ("from=20240131", "query.from"),
        ("from=0", "plain spelling"),
        ("from=2024-02-30", "query.from"),
        ("since=1700000000", "plain spelling"),
        ("until=1700000000", "RFC 3339"),
        ("since=2024-01-31T10:00:00", "plain spelling"),
        ("name=%00", "control character"),
        ("name=%FF", "UTF-8"),
        ("name=%ED%A0%80", "UTF-8"),
        ("&".join(f"p{n}=" for n in range(40)), "more than 32"),
    ],
)
async def test_query_that_does_not_fit_is_refused(toy: Running, query: str, reason: str) -> None:
    data = f"GET /accounts?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    head, _, body = (await toy.raw(data.encode())).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    problem = json.loads(body)
    assert problem["code"] == "request-invalid"
    assert reason in problem["errors"][0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"account": "7", "balance": 0}, "body.account: Input should be a valid integer, not '7'"),
        ({"account": True, "balance": 0}, "body.account"),
        ({"account": 7.5, "balance": 0}, "body.account"),
        ({"account": 2**53, "balance": 0}, "body.account"),
        ({"account": 7}, "body.balance: it is missing"),
        ({"account": 7, "balance": 0, "limit": 1}, "body.limit: there is no such field here"),
        ({"account": 7, "balance": 0, "opened": 19782}, "body.opened"),
        ({"account": 7, "balance": 0, "opened": "0"}, "body.opened"),
        ({"account": 7, "balance": 0, "tags": [1]}, "body.tags.0"),
        ([], "body"),
        ("account", "body"),
    ],
)
async def test_body_that_does_not_fit_is_refused(toy: Running, body: Any, reason: str) -> None:
    status, problem = await toy.json("POST", "/accounts", json=body)
    assert (status, problem["code"]) == (400, "request-invalid")
    assert reason in problem["errors"][0]


async def test_integral_float_in_a_body_is_an_integer(toy: Running) -> None:
    """JSON Schema calls 12494.0 an integer, so the node may not refuse it."""
    for literal in ("12494.0", "1.2494e4"):
        status, account = await toy.json(
            "POST",
            "/accounts",
            data=f'{{"account": {literal}, "balance": 0}}',
            headers={"Content-Type": JSON},
        )
        assert (status, account["account"]) == (201, 12494)


async def test_bytes_are_read_in_one_spelling_only(toy: Running) -> None:
    key = encode_base64url(bytes(32))
    status, answer = await toy.json("POST", "/order", json={"order": "_-8", "key": key})
    assert (status, answer) == (200, {"bytes": 2, "key": 32})
    for order in ("_-9", "_-8=", "_-8 ", "+/8", "_", ""):
        status, _ = await toy.json("POST", "/order", json={"order": order, "key": key})
        assert status == 400, order


async def test_hot_path_reads_plain_json_and_renders_its_own_bytes(toy: Running) -> None:
    assert await toy.json("POST", "/orders", json=["a", "b"]) == (200, {"orders": 2})


async def test_other_media_types_are_declared_and_served(toy: Running) -> None:
    async with toy.client.post("/notes", data="hello") as response:
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert await response.text() == "POST 5\n"
    async with toy.client.post("/notes", data=b"late") as response:
        assert (response.status, await response.text()) == (409, "7\n")
    async with toy.client.get("/statement.csv") as response:
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert await response.text() == "0,pay\r\n1,pay\r\n2,pay\r\n"


async def test_stream_that_breaks_off_does_not_look_complete(toy: Running) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        async with toy.client.get("/broken.csv") as response:
            await response.read()
    assert toy.log.faults


async def test_rest_of_a_path_is_one_parameter_and_may_be_kept_for_ever(toy: Running) -> None:
    async with toy.client.get("/tile/0/x001/067") as response:
        assert await response.read() == b"0/x001/067"
        assert response.headers.getall("Cache-Control") == [IMMUTABLE]


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_session_is_asked_for_before_the_body(toy: Running, method: str) -> None:
    for header in ("", "Basic ada-token", "Bearer", "Bearer  ada-token", "Bearer a b", "Bearer é"):
        headers = {"Authorization": header} if header else {}
        async with toy.client.request(method, "/me", headers=headers) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert (await response.json(content_type=None))["code"] == "session-missing"


async def test_session_gives_the_handler_its_person(toy: Running) -> None:
    headers = {"Authorization": "bearer ada-token"}
    assert await toy.json("GET", "/me", headers=headers) == (200, {"greeting": "Ada"})
    assert await toy.json("GET", "/greeting", headers=headers) == (200, {"greeting": "Ada"})
    assert await toy.json("GET", "/greeting") == (200, {"greeting": "stranger"})
    for path in ("/me", "/greeting"):
        _, problem = await toy.json("GET", path, headers={"Authorization": "Bearer other"})
        assert (problem["status"], problem["code"]) == (401, "session-unknown")
