"""A live circle in this process: founded in a schema of its own, written to and read over HTTP.

::

    async with circle_node(postgres_dsn, tmp_path) as node:
        mia, noa = await node.welcome("mia"), await node.welcome("noa")
        paid = await node.do(mia, Pay(((noa.account, 120),)), text="apples")
        lines = (await node.read(f"/api/v1/accounts/{noa.account}/statement", noa))["lines"]

Everything goes the way a member's own orders go: signed, posted, decided and committed. For tests
that stop a node and start it again, :func:`found_circle` makes a circle once, and :func:`serving`
serves it as often as wanted.
"""

from __future__ import annotations

import itertools
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from ledger import keys
from ledger.charter import Rules
from ledger.codec import to_base64url
from ledger.declarations import (
    PaymentRequest,
    SessionOpening,
    sign_invitation,
    sign_request,
    sign_session,
)
from ledger.orders import (
    LIFETIME_MS_MAX,
    MANDATE_SCOPE,
    WITHOUT_ACCOUNT,
    Act,
    Header,
    Invite,
    Join,
    Open,
    Order,
    Pay,
    SignedOrder,
    cosign,
    kind_of,
    sign_order,
)
from ledger.paper import INVITATION_BYTES, invitation_seed
from node.api.app import build
from node.circle import Circle, open_circle
from node.clock import steady_clock, wall_clock
from node.config import Config
from node.connections import Connection
from node.founding import Founded, found, store
from node.founding_options import FoundingOptions
from node.http.limits import HttpLimits
from node.http.serve import serve
from node.keyring import write_keyring
from node.migrate import migrate

HOUR, DAY = 3_600_000, 24 * 3_600_000
ORDERS_MAX = 1000
"""In one request."""


def usual_rules(**changed: Any) -> Rules:
    """The rules of a circle that was founded with no flags but its name."""
    rules = FoundingOptions(name="Southwark Circle", address="southwark.example").rules()
    return rules._replace(**changed)


@dataclass(slots=True)
class Clock:
    """The world's time, put forward: both clocks go together, so that the writer believes them."""

    ahead: int = 0

    def wall(self) -> int:
        """Unix milliseconds."""
        return wall_clock() + self.ahead

    def steady(self) -> int:
        """Milliseconds since some moment."""
        return steady_clock() + self.ahead

    def day(self) -> str:
        """Today, UTC, as statements take it."""
        return datetime.fromtimestamp(self.wall() / 1000, UTC).date().isoformat()

    def pass_(self, milliseconds: int) -> None:
        """Let time pass."""
        self.ahead += milliseconds


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with a device. ``person`` and ``account`` are 0 until they have joined."""

    handle: str
    seed: bytes = field(repr=False)
    person: int = 0
    account: int = 0

    @property
    def key(self) -> bytes:
        """The device's public key."""
        return keys.public_key(self.seed)


def make_member(handle: str) -> Member:
    """Somebody new with a key of their own, who has not joined yet."""
    return Member(handle, os.urandom(32))


@dataclass(frozen=True, slots=True)
class Item:
    """A signed order as it is posted, with the text beside it."""

    signed: SignedOrder
    text: str | None = None
    salt: bytes = b""

    @property
    def body(self) -> dict[str, str]:
        """What ``POST /api/v1/orders`` takes."""
        item = {"order": to_base64url(self.signed.wire)}
        if self.text is not None:
            item |= {"text": self.text, "salt": to_base64url(self.salt)}
        return item


@dataclass(slots=True)
class Home:
    """A circle as it was founded, and who has joined since: it outlives the node that serves it."""

    dsn: str
    config: Config
    founded: Founded
    clock: Clock
    people: dict[str, Member] = field(default_factory=dict)
    nonces: Iterator[int] = field(default_factory=lambda: itertools.count(time.time_ns() // 1000))

    @property
    def paper(self) -> Member:
        """The sealed paper key, which is on the committee."""
        return Member("paper", self.founded.paper_seed, person=1)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Connection]:
        """A connection to the circle's schema as its owner, who may do anything."""
        settings = {"search_path": self.config.schema}
        connection: Connection = await asyncpg.connect(self.dsn, server_settings=settings)
        try:
            yield connection
        finally:
            await connection.close()

    async def drop(self) -> None:
        """Remove the circle from the database, with the role that served it."""
        async with self.database() as connection:
            schema = self.config.schema
            await connection.execute(f"DROP SCHEMA {schema} CASCADE")
            await connection.execute(f"DROP ROLE IF EXISTS {schema}_service")


async def found_circle(
    dsn: str, directory: Path, rules: Rules | None = None, clock: Clock | None = None
) -> Home:
    """Found a circle in a new schema, its keys and mark in ``directory``."""
    clock = clock or Clock()
    schema = f"circle_{secrets.token_hex(4)}"
    founded = found(rules or usual_rules(), clock.wall(), os.urandom)
    directory.mkdir(exist_ok=True)
    write_keyring(directory / "keys", founded.keyring)
    config = Config(directory, schema, "127.0.0.1", 0, None, dsn)
    home = Home(dsn, config, founded, clock)
    connection: Connection = await asyncpg.connect(dsn)
    try:
        await migrate(connection, schema)
        await connection.execute(f"SET search_path TO {schema}")
        await store(connection, founded)
    finally:
        await connection.close()
    return home


@asynccontextmanager
async def serving(home: Home, limits: HttpLimits | None = None) -> AsyncIterator[CircleNode]:
    """Serve a circle over HTTP on a free port, in this process."""
    clock = home.clock
    async with (
        open_circle(home.config, home.dsn, clock=clock.wall, steady=clock.steady) as circle,
        serve(build(circle, limits=limits)) as listening,
        aiohttp.ClientSession(listening.url) as http,
    ):
        yield CircleNode(home, circle, listening.url, http)


@asynccontextmanager
async def unserved(
    dsn: str, directory: Path, *handles: str, clock: Clock | None = None
) -> AsyncIterator[Home]:
    """A circle that no node serves, with the coordinator ann and members; removed in the end."""
    home = await found_circle(dsn, directory, clock=clock)
    try:
        async with serving(home) as node:
            await node.join("ann", home.founded.invitation_code)
            for handle in handles:
                await node.welcome(handle)
        yield home
    finally:
        await home.drop()


@asynccontextmanager
async def circle_node(
    dsn: str, directory: Path, rules: Rules | None = None, *, limits: HttpLimits | None = None
) -> AsyncIterator[CircleNode]:
    """Found a circle, serve it, let ann join as its coordinator, and remove it in the end."""
    home = await found_circle(dsn, directory, rules)
    try:
        async with serving(home, limits) as node:
            await node.join("ann", home.founded.invitation_code)
            yield node
    finally:
        await home.drop()


@dataclass(slots=True)
class CircleNode:
    """A node that serves, and the means to be somebody in its circle."""

    home: Home
    circle: Circle
    url: str
    http: aiohttp.ClientSession
    _tokens: dict[bytes, str] = field(default_factory=dict)

    def __getitem__(self, handle: str) -> Member:
        return self.home.people[handle]

    @property
    def clock(self) -> Clock:
        """To let time pass."""
        return self.home.clock

    # Orders

    def sign(
        self,
        member: Member,
        act: Act,
        *,
        text: str | None = None,
        account: int | None = None,
        cosigners: tuple[Member, ...] = (),
        **header: Any,
    ) -> Item:
        """Sign an order as ``member``, on their account unless another is given.

        Orders that act on no account name none, and what only officers do is given a reason.
        ``header`` overrides fields of the header.
        """
        if account is None:
            account = 0 if kind_of(act) in WITHOUT_ACCOUNT else member.account
        if text is None and kind_of(act) not in MANDATE_SCOPE:
            text = "as the meeting decided"
        salt = os.urandom(32) if text is not None else b""
        fields: dict[str, Any] = {
            "circle": self.home.founded.circle,
            "kind": kind_of(act),
            "account": account,
            "person": member.person,
            "device": member.key,
            "nonce": next(self.home.nonces),
            "expires": self.clock.wall() + LIFETIME_MS_MAX - HOUR,
            "text": () if text is None else (keys.text_commitment(salt, text.encode()),),
        }
        signed = sign_order(Order(Header(**fields | header), act), member.seed)
        for cosigner in cosigners:
            signed = cosign(signed, cosigner.seed)
        return Item(signed, text, salt)

    async def submit(self, *items: Item) -> list[dict[str, Any]]:
        """Post orders, a thousand at a time; returns one result each, accepted or a problem."""
        results: list[dict[str, Any]] = []
        for start in range(0, len(items), ORDERS_MAX):
            bodies = [item.body for item in items[start : start + ORDERS_MAX]]
            status, answer = await self.request("POST", "/api/v1/orders", json={"orders": bodies})
            assert status == 200, answer
            results += answer["results"]
        return results

    async def do(self, member: Member, act: Act, **signing: Any) -> dict[str, Any]:
        """Order something that must be accepted; ``signing`` is for :meth:`sign`."""
        [result] = await self.submit(self.sign(member, act, **signing))
        assert "entry" in result, result
        return result

    async def attempt(self, member: Member, act: Act, **signing: Any) -> str:
        """Order something, and return "ok" or the code of the problem."""
        [result] = await self.submit(self.sign(member, act, **signing))
        return "ok" if "entry" in result else str(result["problem"]["code"])

    async def pay(
        self, payer: Member, payee: Member, amount: int, text: str | None = None
    ) -> dict[str, Any]:
        """A payment that must be accepted."""
        return await self.do(payer, Pay(((payee.account, amount),)), text=text)

    # People

    async def invite(self, by: Member | None = None, office: str = "", **terms: Any) -> bytes:
        """Invite somebody, on the charter's terms unless told otherwise; returns the code."""
        rules = self.circle.writer.loaded.state.rules
        code = os.urandom(INVITATION_BYTES)
        fields: dict[str, Any] = {
            "key": keys.public_key(invitation_seed(code)),
            "floor": rules.floor,
            "ceiling": rules.ceiling,
            "starter": rules.starter,
            "office": office,
            "until": self.clock.wall() + DAY,
        }
        await self.do(by or self["ann"], Invite(**fields | terms))
        return code

    async def join(self, handle: str, code: bytes, name: str | None = None) -> Member:
        """Join with an invitation's code, from a new device."""
        newcomer = make_member(handle)
        seed = invitation_seed(code)
        signature = sign_invitation(self.home.founded.circle, newcomer.key, seed)
        text = f"{handle}\n{name or handle.capitalize()}"
        await self.do(newcomer, Join(keys.public_key(seed), signature), text=text)
        return await self._know(newcomer)

    async def welcome(
        self, handle: str, name: str | None = None, *, office: str = "", **terms: Any
    ) -> Member:
        """Let ann invite somebody, who joins at once."""
        return await self.join(handle, await self.invite(office=office, **terms), name)

    async def open_deviceless(self, handle: str, name: str | None = None) -> Member:
        """Let ann open an account for somebody who has no device; their key signs nothing here."""
        rules = self.circle.writer.loaded.state.rules
        act = Open((), rules.floor, rules.ceiling, rules.starter, 1, ())
        text = f"{handle}\n{name or handle.capitalize()}"
        await self.do(self["ann"], act, text=text)
        found = await self.read("/api/v1/people", self["ann"], handle=handle)
        [person] = found["people"]
        member = Member(handle, os.urandom(32), person["person"], person["accounts"][0])
        self.home.people[handle] = member
        return member

    async def _know(self, newcomer: Member) -> Member:
        me = await self.read("/api/v1/me", newcomer)
        account = me["accounts"][0]["number"]
        member = Member(newcomer.handle, newcomer.seed, me["person"], account)
        self.home.people[newcomer.handle] = member
        return member

    # Reading

    async def sign_in(self, member: Member) -> str:
        """Open a session for a member's device; returns its token, the same one each time."""
        if member.key not in self._tokens:
            opening = SessionOpening(
                self.home.founded.circle,
                member.key,
                self.home.founded.origin,
                next(self.home.nonces),
                self.clock.wall() + 5 * 60_000,
            )
            body = {"opening": to_base64url(sign_session(opening, member.seed))}
            status, answer = await self.request("POST", "/api/v1/sessions", json=body)
            assert status == 200, answer
            self._tokens[member.key] = answer["token"]
        return self._tokens[member.key]

    def later(self, milliseconds: int) -> None:
        """Let so much time pass that sessions are over."""
        self.clock.pass_(milliseconds)
        self.forget_sessions()

    def forget_sessions(self) -> None:
        """Sign everybody in afresh from now on."""
        self._tokens.clear()

    async def request(
        self, method: str, path: str, member: Member | None = None, **sending: Any
    ) -> tuple[int, Any]:
        """Send anything, as somebody or nobody; returns the status and the JSON of the answer."""
        headers = dict(sending.pop("headers", {}))
        if member is not None:
            headers["Authorization"] = f"Bearer {await self.sign_in(member)}"
        async with self.http.request(method, path, headers=headers, **sending) as response:
            return response.status, await response.json(content_type=None)

    async def read(self, path: str, member: Member | None = None, **query: Any) -> Any:
        """GET what must be there, as JSON."""
        params = {name.rstrip("_"): str(value) for name, value in query.items()}
        status, answer = await self.request("GET", path, member, params=params)
        assert status == 200, answer
        return answer

    async def refusal(self, path: str, member: Member | None = None, **query: Any) -> str:
        """GET what must be refused; returns the code of the problem."""
        params = {name.rstrip("_"): str(value) for name, value in query.items()}
        status, answer = await self.request("GET", path, member, params=params)
        assert status >= 400, answer
        return str(answer["code"])

    async def text(self, path: str, member: Member | None = None, **query: Any) -> str:
        """GET what must be there, as text."""
        params = {name.rstrip("_"): str(value) for name, value in query.items()}
        headers = {}
        if member is not None:
            headers["Authorization"] = f"Bearer {await self.sign_in(member)}"
        async with self.http.get(path, params=params, headers=headers) as response:
            assert response.status == 200, await response.text()
            return await response.text()

    # Payment requests

    def sign_request(
        self, payee: Member, amount: int, text: str | None = None, **fields: Any
    ) -> dict[str, str]:
        """The body of ``POST /api/v1/requests``; ``fields`` override the request's."""
        salt = os.urandom(32)
        terms: dict[str, Any] = {
            "circle": self.home.founded.circle,
            "account": payee.account,
            "person": payee.person,
            "device": payee.key,
            "amount": amount,
            "nonce": next(self.home.nonces),
            "expires": self.clock.wall() + DAY,
            "text": () if text is None else (keys.text_commitment(salt, text.encode()),),
        }
        wire = sign_request(PaymentRequest(**terms | fields), payee.seed)
        body = {"request": to_base64url(wire)}
        return body if text is None else body | {"text": text, "salt": to_base64url(salt)}

    async def ask(
        self, payee: Member, amount: int, text: str | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Leave a payment request that must be taken; returns what the node makes of it."""
        body = self.sign_request(payee, amount, text, **fields)
        status, answer = await self.request("POST", "/api/v1/requests", json=body)
        assert status == 200, answer
        made: dict[str, Any] = answer
        return made
