"""The HTTP edge by itself, with a toy application on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import aiohttp
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import Field, JsonValue
from schemathesis.core.result import Ok

from ledger.errors import AccountUnknown, CreditLimitExceeded, TallystickError
from node.errors import JsonInvalid, RequestInvalid
from node.http import (
    IMMUTABLE,
    STATUS,
    ApiInfo,
    Base64Url,
    Bearer,
    Context,
    Day,
    HttpLimits,
    Instant,
    Listening,
    Model,
    Reply,
    build_app,
    encode_base64url,
    endpoint,
    serve,
)
from node.http.problem import every_error, find_status
from node.http.strict_json import parse_json

SAFE_INTEGER = 2**53 - 1
JSON = "application/json"


class SessionUnknown(TallystickError):
    """A token that belongs to no session."""

    code = "session-unknown"

    def __init__(self) -> None:
        super().__init__("This session is over; sign in again.")


class Account(Model):
    """An account and what is in it."""

    account: int = Field(ge=0, le=SAFE_INTEGER)
    balance: int = Field(ge=-SAFE_INTEGER, le=SAFE_INTEGER, description="In minor units.")
    opened: Day | None = None
    tags: tuple[Annotated[str, Field(max_length=20)], ...] = Field(default=(), max_length=5)


class Order(Model):
    """A signed order."""

    order: Annotated[bytes, Base64Url(1, 512)]
    key: Annotated[bytes, Base64Url(32, 32)]


@dataclass(frozen=True)
class Person:
    """Who is signed in."""

    name: str


class Greeting(Model):
    """A greeting."""

    greeting: str


@dataclass
class Toy:
    """The toy's state."""

    accounts: dict[int, Account] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0


AccountNumber = Annotated[int, Field(ge=0, le=SAFE_INTEGER, description="Its number.")]


async def read_account(state: Toy, account: AccountNumber) -> Account:
    """One account.

    Its balance is in `minor units`.
    """
    if account not in state.accounts:
        raise AccountUnknown(account)
    return state.accounts[account]


async def open_account(state: Toy, body: Account) -> Account:
    """Open an account."""
    state.accounts[body.account] = body
    return body


async def close_account(state: Toy, account: AccountNumber) -> None:
    """Close an account."""
    state.accounts.pop(account, None)


async def list_accounts(
    limit: Annotated[int, Field(ge=1, le=100)] = 10,
    *,
    closed: bool = False,
    kind: Literal["person", "group"] | None = None,
    from_: date | None = None,
    since: datetime | None = None,
    until: Instant | None = None,
    name: str = "",
) -> dict[str, str]:
    """All accounts, or those that fit."""
    given_values = {
        "limit": limit,
        "closed": closed,
        "kind": kind,
        "from": from_,
        "since": since or until,
    }
    return {key: str(value) for key, value in {**given_values, "name": name}.items()}


async def read_name(name: str) -> Greeting:
    """A name, given back."""
    return Greeting(greeting=name)


async def submit_order(body: Order) -> dict[str, int]:
    """Submit an order."""
    return {"bytes": len(body.order), "key": len(body.key)}


async def submit_orders(body: JsonValue) -> Reply:
    """Submit a list of orders, checked by hand."""
    if not isinstance(body, list) or not all(isinstance(one, str) for one in body):
        raise RequestInvalid(["body: it should be a list of texts"])
    return Reply(json.dumps({"orders": len(body)}).encode())


async def add_note(body: bytes, context: Context) -> Reply:
    """Add a note; a late one is answered with the size."""
    if body == b"late":
        return Reply("7\n", "text/x.size", status=409)
    return Reply(f"{context.request.method} {len(body)}\n")


async def read_statement() -> Reply:
    """A statement as CSV, line by line."""

    async def lines() -> AsyncGenerator[bytes, None]:
        for number in range(3):
            yield f"{number},pay\r\n".encode()

    return Reply(lines())


async def read_broken_statement() -> Reply:
    """A statement that breaks off."""

    async def lines() -> AsyncGenerator[bytes, None]:
        yield b"0,pay\r\n"
        raise RuntimeError("the cursor broke")

    return Reply(lines())


async def read_tile(path: str) -> Reply:
    """A tile."""
    return Reply(path.encode(), headers={"cache-control": IMMUTABLE})


async def read_self(session: Person) -> Greeting:
    """Who I am."""
    return Greeting(greeting=session.name)


async def greet(session: Person | None) -> Greeting:
    """A greeting, by name if it is known."""
    return Greeting(greeting=session.name if session else "stranger")


async def save_self(session: Person, body: Greeting) -> Greeting:
    """Change who I am."""
    return body


async def fail() -> Greeting:
    """A fault of ours."""
    raise RuntimeError("the password is swordfish")


async def overdraw() -> Greeting:
    """A refusal with attributes."""
    raise CreditLimitExceeded([3, 4], 10, 20, -5)


async def wait(state: Toy) -> Greeting:
    """Wait for the gate."""
    state.waiting += 1
    await state.gate.wait()
    return Greeting(greeting="done")


async def authenticate(token: str) -> Person:
    """Recognise a token."""
    if token != "ada-token":
        raise SessionUnknown
    return Person("Ada")


ENDPOINTS = [
    endpoint("GET", "/accounts", list_accounts, tags=["accounts"]),
    endpoint("POST", "/accounts", open_account, status=201, tags=["accounts"]),
    endpoint("GET", "/accounts/{account}", read_account, raises=[AccountUnknown]),
    endpoint("DELETE", "/accounts/{account}", close_account),
    endpoint("GET", "/names/{name}", read_name),
    endpoint("POST", "/order", submit_order),
    endpoint(
        "POST",
        "/orders",
        submit_orders,
        accepts={JSON: list[str]},
        produces={JSON: dict[str, int]},
    ),
    endpoint(
        "POST",
        "/notes",
        add_note,
        accepts={"text/plain": str, "application/octet-stream": bytes},
        produces={"text/plain": str},
        others={409: {"text/x.size": str}},
    ),
    endpoint("GET", "/statement.csv", read_statement, produces={"text/csv": str}),
    endpoint("GET", "/broken.csv", read_broken_statement, produces={"text/csv": str}),
    endpoint("GET", "/tile/{path...}", read_tile, produces={"application/octet-stream": bytes}),
    endpoint("GET", "/me", read_self),
    endpoint("PUT", "/me", save_self),
    endpoint("GET", "/greeting", greet),
    endpoint("GET", "/fault", fail),
    endpoint("GET", "/overdraft", overdraw, raises=[CreditLimitExceeded]),
    endpoint("GET", "/gate", wait, documented=False),
]


class Recorder:
    """A log that remembers; faults with their exception."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.faults: list[dict[str, Any]] = []

    def info(self, event: str, **fields: Any) -> None:
        """Remember an event."""
        self.events.append({"event": event, **fields})

    def exception(self, event: str, **fields: Any) -> None:
        """Remember a fault."""
        self.faults.append({"event": event, **fields})


@dataclass
class Running:
    """A toy that is being served."""

    at: Listening
    client: aiohttp.ClientSession
    state: Toy
    log: Recorder
    registry: CollectorRegistry

    async def json(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Send a request; return its status and its JSON."""
        async with self.client.request(method, path, **options) as response:
            return response.status, await response.json(content_type=None)

    async def raw(self, data: bytes) -> bytes:
        """Send bytes; return all that comes back until the node closes the connection."""
        reader, writer = await asyncio.open_connection(self.at.host, self.at.port)
        writer.write(data)
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await writer.wait_closed()
        return answer


LIMITS = HttpLimits(body_bytes_max=100_000, bodies_bytes_max=150_000, requests_in_flight_max=3)


@pytest.fixture
async def toy() -> AsyncIterator[Running]:
    """The toy on a free port."""
    state, log, registry = Toy(), Recorder(), CollectorRegistry()
    app = build_app(
        ENDPOINTS,
        info=ApiInfo("Toy", "1", "A toy.\n\nWith two paragraphs."),
        registry=registry,
        state=state,
        bearer=Bearer(authenticate, raises=(SessionUnknown,)),
        problems={**STATUS, SessionUnknown: 401},
        limits=LIMITS,
        log=log,
    )
    async with serve(app) as at, aiohttp.ClientSession(at.url) as client:
        yield Running(at, client, state, log, registry)
        state.gate.set()


# Typed requests and answers


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


# Sessions


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


# Problems


async def test_problem_has_its_type_code_and_typed_attributes(toy: Running) -> None:
    async with toy.client.get("/overdraft") as response:
        assert response.status == 409
        assert response.headers["Content-Type"] == "application/problem+json"
        problem = await response.json(content_type=None)
        request_id = response.headers["X-Request-Id"]
    assert problem == {
        "type": "/problems/credit-limit",
        "title": "Credit limit",
        "status": 409,
        "detail": "Account 3, 4 has 10 available and can go down to -5, so 20 is too much.",
        "code": "credit-limit",
        "accounts": [3, 4],
        "available": 10,
        "amount": 20,
        "floor": -5,
        "instance": f"urn:uuid:{request_id}",
    }


async def test_fault_is_logged_and_told_without_its_details(toy: Running) -> None:
    status, problem = await toy.json("GET", "/fault")
    assert (status, problem["code"]) == (500, "internal-error")
    assert "swordfish" not in json.dumps(problem)
    assert toy.log.faults[0]["operation"] == "fail"
    assert problem["instance"].endswith(toy.log.faults[0]["request_id"])


async def test_problem_codes_have_a_page_and_a_description(toy: Running) -> None:
    status, listed = await toy.json("GET", "/problems")
    assert status == 200
    assert {one["code"] for one in listed} == {one.code for one in every_error()}
    _, described = await toy.json("GET", "/problems/path-unknown")
    assert described["status"] == 404
    async with toy.client.get("/problems/path-unknown", headers={"Accept": "text/html"}) as page:
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<h1>Path unknown</h1>" in await page.text()
    assert (await toy.json("GET", "/problems/nonsense"))[0] == 404


def test_every_error_class_has_a_status() -> None:
    for error in every_error():
        assert 400 <= find_status(error, STATUS) <= 599


# Routing


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/accounts/",
        "//accounts",
        "/accounts/7/x",
        "/names/%00",
        "/names/a%0Ab",
        "/names/%FF",
        "/names/%2E%2E",
        "/names/..",
        "/names/a%2Fb",
        "/names/a%5Cb",
        "/tile/",
        "/tile/../x",
        "/tile/%2e%2e/%2e%2e/etc/passwd",
        "/tile/..%2f..%2fetc%2fpasswd",
        "/names/%",
        "*",
    ],
)
async def test_unknown_or_undecodable_path_is_a_404_problem(toy: Running, path: str) -> None:
    method = "OPTIONS" if path == "*" else "GET"
    data = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    head, _, body = (await toy.raw(data.encode())).partition(b"\r\n\r\n")
    if path == "/names/%":
        # A lone percent sign is no escape; it means itself.
        assert head.startswith(b"HTTP/1.1 200")
        return
    assert head.startswith(b"HTTP/1.1 404")
    assert json.loads(body)["code"] == "path-unknown"


async def test_path_is_compared_decoded(toy: Running) -> None:
    data = b"GET /%6eames/%C3%A9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert json.loads((await toy.raw(data)).partition(b"\r\n\r\n")[2]) == {"greeting": "é"}


async def test_wrong_method_is_told_the_right_ones(toy: Running) -> None:
    async with toy.client.patch("/accounts") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
        assert (await response.json(content_type=None))["code"] == "method-not-allowed"


async def test_head_is_get_without_its_body(toy: Running) -> None:
    async with toy.client.get("/accounts") as response:
        length = response.headers["Content-Length"]
    for path in ("/accounts", "/statement.csv", "/api/v1/docs"):
        async with toy.client.head(path) as response:
            assert (response.status, await response.read()) == (200, b"")
            if path == "/accounts":
                assert response.headers["Content-Length"] == length


async def test_other_origins_may_read_and_preflights_are_answered(toy: Running) -> None:
    headers = {"Origin": "https://else.example", "Access-Control-Request-Method": "POST"}
    async with toy.client.options("/accounts", headers=headers) as response:
        assert response.status == 204
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in response.headers
    async with toy.client.get("/accounts", headers=headers) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/accounts", "/nothing", "/fault", "/api/v1/docs", "/gate/x"])
async def test_every_answer_has_the_security_headers(toy: Running, path: str) -> None:
    async with toy.client.get(path) as response:
        assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Server"] == "tallystick"
        kept = "no-store" if path != "/api/v1/docs" else "public, max-age=3600"
        assert response.headers["Cache-Control"] == kept


# Hostile requests


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A POST as raw bytes, on a connection that ends with it."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b" ", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"{} {}", "Extra data"),
        (b'{"a": 1, "a": 2}', "'a' occurs twice"),
        (b'[{"x": {"b": 1, "c": 2, "b": 1}}]', "'b' occurs twice"),
        (b"NaN", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[1e999]", "too large"),
        (b"[" + b"9" * 50_000 + b"]", "more than 20 digits"),
        (b"[" * 50_000, "nested"),
        (b"[" * 17 + b"1" + b"]" * 17, "nested"),
        (b'{"a":' * 9_000 + b"1" + b"}" * 9_000, "nested"),
        (b"[" + b"1," * 49_000 + b"1,1]", None),
        (b"[" + b"[],1," * 19_000 + b"1]", None),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udc00x": 1}', "surrogate"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b'"\xff"', "byte 1 is not UTF-8"),
        (b"\xef\xbb\xbf{}", "Expecting value"),
        (b"\xff\xfe{\x00}\x00", "UTF-8"),
        (b'"\x00"', "control character"),
        (b"'a'", "Expecting value"),
    ],
)
async def test_json_that_parsers_read_differently_is_refused(
    toy: Running, body: bytes, reason: str | None
) -> None:
    headers = (f"Content-Length: {len(body)}", "Content-Type: application/json")
    answer = await toy.raw(post("/orders", body, *headers))
    assert answer.startswith(b"HTTP/1.1 400"), answer[:500]
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    if reason is None:
        assert problem["code"] == "request-invalid"
        return
    assert problem["code"] == "json-invalid"
    assert reason in problem["detail"]


def test_json_with_too_many_values_is_refused() -> None:
    body = b"[" + b"1," * 50_000 + b"1]"
    with pytest.raises(JsonInvalid, match="more than 50000 values"):
        parse_json(body, depth_max=16, values_max=50_000)


plain_values = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text()
json_values = st.recursive(
    plain_values,
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@given(json_values, st.booleans())
def test_parsed_json_is_what_was_written(value: Any, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped).encode()
    assert parse_json(text, depth_max=100, values_max=10_000) == value


@given(st.binary(max_size=60) | st.text('{}[]":,\\u0dD8019.eE+- ntrf', max_size=40).map(str.encode))
def test_parser_returns_or_refuses(body: bytes) -> None:
    try:
        parse_json(body, depth_max=8, values_max=100)
    except JsonInvalid as error:
        assert str(error).isprintable()


@pytest.mark.parametrize("header", ["X: y", "Content-Length: 0"])
async def test_missing_body_is_told_as_such(toy: Running, header: str) -> None:
    for path in ("/accounts", "/orders"):
        answer = await toy.raw(post(path, b"", header))
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"body: it is missing" in answer
    assert (await toy.raw(post("/notes", b"", header))).endswith(b"POST 0\n")


async def test_body_that_is_valid_elsewhere_is_refused_by_type(toy: Running) -> None:
    for headers in (
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ):
        async with toy.client.post(
            "/orders", data=b"[]", headers=headers, skip_auto_headers=["Content-Type"]
        ) as response:
            assert response.status == 415
            problem = await response.json(content_type=None)
            assert problem["code"] == "media-type-unsupported"
            assert problem["accepted"] == [JSON]
    good = {"Content-Type": 'Application/JSON; charset="UTF-8"'}
    assert (await toy.json("POST", "/orders", data=b"[]", headers=good))[0] == 200


async def test_compressed_body_is_refused_unread(toy: Running) -> None:
    headers = {"Content-Type": JSON, "Content-Encoding": "gzip"}
    status, problem = await toy.json("POST", "/orders", data=b"\x1f\x8b" * 1000, headers=headers)
    assert (status, problem["code"]) == (415, "content-encoding-refused")


async def test_body_beyond_the_limit_is_refused_by_its_length(toy: Running) -> None:
    answer = await toy.raw(
        post("/orders", b"[", "Content-Length: 100001", "Content-Type: application/json")
    )
    assert answer.startswith(b"HTTP/1.1 413")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["limit"] == 100_000


async def test_chunked_body_is_counted_as_it_comes(toy: Running) -> None:
    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b" " * 9_998 + b"[]"

    headers = {"Content-Type": JSON}
    status, problem = await toy.json("POST", "/orders", data=pieces(11), headers=headers)
    assert (status, problem["code"]) == (413, "body-too-large")
    assert (await toy.json("POST", "/orders", data=pieces(1), headers=headers))[0] == 200


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\nA B: y\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 65 + b"\r\n",
        b"GET http:///accounts HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT \r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        post("/orders", b"[]", "Content-Length: -1", "Content-Type: application/json"),
        post("/orders", b"[]", "Content-Length: 1", "Content-Length: 2"),
        post("/orders", b"0\r\n\r\n", "Content-Length: 2", "Transfer-Encoding: chunked"),
        post("/orders", b"zz\r\n[]", "Transfer-Encoding: chunked", "Content-Type: text/plain"),
        post("/orders", b"2\r\n[]XX0\r\n", "Transfer-Encoding: chunked", "Content-Type: " + JSON),
    ],
)
async def test_malformed_http_is_a_problem_and_ends_the_connection(
    toy: Running, data: bytes
) -> None:
    head, _, body = (await toy.raw(data)).partition(b"\r\n\r\n")
    assert head[:10] in (b"HTTP/1.0 4", b"HTTP/1.1 4"), head
    assert b"nosniff" in head
    assert b"Server: tallystick" in head
    problem = json.loads(body.partition(b"HTTP/1.1")[0])
    assert problem["code"] in ("http-malformed", "media-type-unsupported", "path-unknown")


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 5_000 + b"\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\n" + b"X" * 5_000 + b": a\r\n\r\n",
    ],
)
async def test_header_beyond_the_limit_is_a_problem(toy: Running, data: bytes) -> None:
    head, _, body = (await toy.raw(data)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 431")
    assert json.loads(body)["field_limit"] == 4096


async def test_client_that_leaves_in_the_middle_of_a_body_is_no_fault(toy: Running) -> None:
    """A Content-Length that promises more than comes is the client's own loss."""
    _, writer = await asyncio.open_connection(toy.at.host, toy.at.port)
    writer.write(post("/orders", b"[1", "Content-Length: 10", "Content-Type: application/json"))
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()
    await until(lambda: any(one["status"] == 499 for one in toy.log.events))
    assert not toy.log.faults
    assert (await toy.json("POST", "/orders", json=["x" * 90_000]))[0] == 200


async def test_expectation_of_continue_is_met_and_refusals_come_without_it(toy: Running) -> None:
    reader, writer = await asyncio.open_connection(toy.at.host, toy.at.port)
    lines = ("Content-Type: application/json", "Expect: 100-continue")
    writer.write(post("/orders", b"", "Content-Length: 2", *lines))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"[]")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
    refused = await toy.raw(post("/orders", b"", "Content-Length: 200000", *lines))
    assert refused.startswith(b"HTTP/1.1 413")


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


# Load


async def test_requests_beyond_those_in_flight_are_told_to_come_again(toy: Running) -> None:
    waiting = [asyncio.create_task(toy.json("GET", "/gate")) for _ in range(3)]
    await until(lambda: toy.state.waiting == 3)
    assert b"tallystick_http_requests_in_flight 3.0" in generate_latest(toy.registry)
    async with toy.client.get("/accounts") as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) >= 1
        assert (await response.json(content_type=None))["code"] == "overloaded"
    toy.state.gate.set()
    assert [status for status, _ in await asyncio.gather(*waiting)] == [200] * 3
    assert (await toy.json("GET", "/accounts"))[0] == 200


async def test_bodies_in_memory_are_bounded_together(toy: Running) -> None:
    """Two bodies of 100 kB do not fit into 150 kB; what was refused or lost is given back."""
    half = post("/orders", b"[" + b" " * 99_000, "Content-Length: 99500", f"Content-Type: {JSON}")
    _, slow = await asyncio.open_connection(toy.at.host, toy.at.port)
    slow.write(half)
    await slow.drain()
    await asyncio.sleep(0.1)
    full = ["x" * 90_000]
    assert (await toy.json("POST", "/orders", json=full))[1]["code"] == "overloaded"
    slow.close()
    await slow.wait_closed()
    await until(lambda: any(one["status"] == 499 for one in toy.log.events))
    for _ in range(3):
        assert (await toy.json("POST", "/orders", json=full))[0] == 200


# Logs and metrics


async def test_log_has_no_address_path_query_or_body(toy: Running) -> None:
    await toy.json("GET", "/names/Adelheid?secret=1")
    await toy.json("POST", "/accounts", json={"account": 31337, "balance": 0})
    events = [dict(one) for one in toy.log.events]
    for event in events:
        assert event.pop("milliseconds") >= 0
        assert len(event.pop("request_id")) == 36
    assert events == [
        {"event": "http_request", "method": "GET", "operation": "read_name", "status": 400},
    ]


async def test_metrics_count_by_operation_in_the_registry_given(toy: Running) -> None:
    await toy.json("GET", "/accounts")
    await toy.json("GET", "/nothing")
    told = generate_latest(toy.registry).decode()
    assert 'tallystick_http_requests_total{operation="list_accounts",status="200"} 1.0' in told
    assert 'tallystick_http_requests_total{operation="unmatched",status="404"} 1.0' in told
    assert 'tallystick_http_request_seconds_count{operation="list_accounts"} 1.0' in told
    assert "tallystick_http_connections 1.0" in told


async def test_two_applications_live_in_one_process(toy: Running) -> None:
    other = build_app(
        [endpoint("GET", "/names/{name}", read_name)],
        info=ApiInfo("Other", "1", ""),
        registry=CollectorRegistry(),
        log=Recorder(),
    )
    async with serve(other) as at, aiohttp.ClientSession(at.url) as client:
        async with client.get("/names/x") as response:
            assert response.status == 200
        async with client.get("/accounts") as response:
            assert response.status == 404


# The description


async def test_document_is_valid_openapi_and_describes_the_operations(toy: Running) -> None:
    _, document = await toy.json("GET", "/api/v1/openapi.json")
    schemathesis.openapi.from_dict(document).validate()
    assert document["openapi"].startswith("3.1")
    accounts = document["paths"]["/accounts"]["get"]
    assert accounts["operationId"] == "list_accounts"
    assert accounts["summary"] == "All accounts, or those that fit"
    assert {one["name"]: one["schema"].get("default") for one in accounts["parameters"]} == {
        "limit": 10,
        "closed": False,
        "kind": None,
        "from": None,
        "since": None,
        "until": None,
        "name": "",
    }
    one_account = document["paths"]["/accounts/{account}"]["get"]
    assert one_account["description"] == "Its balance is in `minor units`."
    missing = one_account["responses"]["404"]["content"]["application/problem+json"]["schema"]
    assert {"$ref": "#/components/schemas/AccountUnknownProblem"} in missing["oneOf"]
    assert document["paths"]["/me"]["get"]["security"] == [{"session": []}]
    assert document["paths"]["/greeting"]["get"]["security"] == [{}, {"session": []}]
    problem = document["components"]["schemas"]["CreditLimitExceededProblem"]
    assert problem["properties"]["accounts"] == {"items": {"type": "integer"}, "type": "array"}
    assert "/gate" not in document["paths"]


async def test_docs_page_lists_every_operation_and_runs_no_script(toy: Running) -> None:
    _, document = await toy.json("GET", "/api/v1/openapi.json")
    async with toy.client.get("/api/v1/docs") as response:
        page = await response.text()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert f'<h3 id="{operation["operationId"]}">' in page
            assert f'<span class="method">{method.upper()}</span> {path}' in page
    for name in document["components"]["schemas"]:
        assert f'id="type-{name}"' in page
    assert "<script" not in page
    assert "style=" not in page
    async with toy.client.get("/static/site.css") as response:
        assert response.headers["Content-Type"] == "text/css; charset=utf-8"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_schemathesis_finds_no_answer_outside_the_document(toy: Running) -> None:
    _, document = await toy.json("GET", "/api/v1/openapi.json")
    toy.state.accounts[1] = Account(account=1, balance=0)
    document["paths"].pop("/fault")
    document["paths"].pop("/broken.csv")
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=toy.at.url)

    def run() -> None:
        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            check_operation(found.ok(), schemathesis.GenerationMode.POSITIVE)
            # What takes nothing cannot be asked wrongly.
            with suppress(Unsatisfiable):
                check_operation(found.ok(), schemathesis.GenerationMode.NEGATIVE)

    await asyncio.to_thread(run)
    assert not toy.log.faults


def check_operation(operation: Any, mode: schemathesis.GenerationMode) -> None:
    """Send generated requests, right ones or wrong ones, and check each answer."""

    @settings(
        max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate()

    check()


# What a programmer may get wrong


async def _untyped(limit) -> Greeting:  # type: ignore[no-untyped-def]
    return Greeting(greeting=str(limit))


async def _fraction(limit: float) -> Greeting:
    return Greeting(greeting=str(limit))


class _Dated(Model):
    days: list[date | None]


async def _dated_body(body: _Dated) -> Greeting:
    return Greeting(greeting=str(body.days))


async def _listed(limit: list[int]) -> Greeting:
    return Greeting(greeting=str(limit))


async def _raw_body(body: bytes) -> Greeting:
    return Greeting(greeting=body.hex())


def _not_async() -> Greeting:
    return Greeting(greeting="")


@pytest.mark.parametrize(
    ("path", "handler", "reason"),
    [
        ("/x", _untyped, "no type hint for 'limit'"),
        ("/x", _fraction, "must be text, an integer"),
        ("/x", _dated_body, "use Day or Instant"),
        ("/x", _listed, "must be text, an integer"),
        ("/x", _not_async, "async def"),
        ("/x/{account}", read_self, "account"),
        ("/x", read_statement, "say in produces="),
        ("/x", _raw_body, "say in accepts="),
    ],
)
def test_endpoint_without_its_types_is_refused_at_start(
    path: str, handler: Any, reason: str
) -> None:
    with pytest.raises(TypeError, match=reason):
        endpoint("GET", path, handler)


@pytest.mark.parametrize(
    ("endpoints", "reason"),
    [
        ([endpoint("GET", "/me", read_self)], "pass bearer="),
        ([endpoint("GET", "/a", fail), endpoint("GET", "/b", fail)], "handler named fail"),
        ([endpoint("GET", "/a", fail), endpoint("GET", "/a", overdraw)], "have GET /a"),
    ],
)
def test_application_that_contradicts_itself_is_refused(endpoints: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        build_app(endpoints, info=ApiInfo("x", "1", ""), registry=CollectorRegistry())
