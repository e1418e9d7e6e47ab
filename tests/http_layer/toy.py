"""A toy application of the HTTP edge on a real socket, and how to speak to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Literal

import aiohttp
from prometheus_client import CollectorRegistry
from pydantic import Field, JsonValue

from ledger.errors import AccountUnknown, CreditLimitExceeded, TallystickError
from node.errors import RequestInvalid
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
    endpoint,
    serve,
)

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


@asynccontextmanager
async def serve_toy() -> AsyncIterator[Running]:
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


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A POST as raw bytes, on a connection that ends with it."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
