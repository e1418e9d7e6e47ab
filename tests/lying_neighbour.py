"""A real node, and a neighbour of it that no node serves any more: the test says what it says."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from ledger.codec import to_base64url
from ledger.federation.exchange import NONCE_BYTES, PATH, Exchange, sign_exchange
from ledger.federation.link import Link, statement_of
from ledger.federation.message import (
    FIRST,
    Content,
    Statement,
    message_hash,
    sign_run,
    sign_statement,
    write_message,
    write_wire,
)
from ledger.federation.payment import (
    Inside,
    PaymentHeader,
    encode_header,
    payment_id,
    seal,
    sealed_hash,
)
from ledger.federation.route import Route, encode_route
from ledger.keys import public_key
from ledger.orders import Hold
from node.config import write_config
from tests.circle_node import HOUR, CircleNode, Home
from tests.line_of_circles import agree, found_at, link_between, serving_at
from tests.live_ports import free_port


@dataclass(slots=True)
class LyingNeighbour:
    """Totnes, beside the ``victim`` that has an agreement with it."""

    home: Home
    victim: CircleNode
    link_id: bytes
    last: bytes = FIRST
    seq: int = 0
    said: list[bytes] = field(default_factory=list)

    @property
    def link(self) -> Link:
        """The link as the victim has it."""
        return self.victim.circle.writer.loaded.links[self.link_id]

    @property
    def id(self) -> bytes:
        return self.home.founded.circle

    @property
    def seed(self) -> bytes:
        """Of its link key."""
        return self.home.founded.keyring.link

    def body(self, content: Content, seq: int, previous: bytes) -> bytes:
        """A message under any number."""
        return write_message(self.link_id, self.id, self.link.circle, seq, previous, content)

    def next(self, content: Content) -> bytes:
        """Its next message."""
        self.seq += 1
        body = self.body(content, self.seq, self.last)
        self.last = message_hash(body)
        self.said.append(body)
        return body

    async def say(self, *bodies: bytes, statement: Statement | None = None) -> None:
        """Send messages, beside what the victim itself says of the link or another statement."""
        link, circle = self.link, self.victim
        run = sign_run([write_wire(body) for body in bodies], self.seed)
        exchange = Exchange(
            *("request", link.id, link.peer, link.circle, os.urandom(NONCE_BYTES)),
            circle.clock.wall(),
            sign_statement(statement or statement_of(link), self.seed),
            tuple((wire, b"") for wire in run),
        )
        data = BytesIO(sign_exchange(exchange, self.seed))
        headers = {"Content-Type": "application/octet-stream"}
        async with circle.http.post(PATH, data=data, headers=headers) as response:
            assert response.status == 200, await response.text()

    async def is_paid(self, amount: int) -> bytes:
        """The victim's mia pays somebody here; the payment's id, once it is on its way."""
        ring = self.home.founded.keyring
        decision = public_key(ring.decision)
        sealed = seal(Inside("mia", "mia@here", b"", os.urandom(32)), decision, os.urandom(32))
        until = self.victim.clock.wall() + HOUR
        header = encode_header(PaymentHeader(self.id, decision, until, amount, sealed_hash(sealed)))
        payment = payment_id(header)
        act = Hold((), amount, until, evidence=(payment,))
        body = self.victim.sign(self.victim["mia"], act).body
        way = ((self.id, amount),)
        body["route"] = to_base64url(encode_route(Route(header, sealed, (way,))))
        status, answer = await self.victim.request("POST", "/api/v1/orders", json=body)
        assert status == 200, answer
        return payment


@asynccontextmanager
async def lying_neighbour(dsn: str, folder: Path) -> AsyncIterator[LyingNeighbour]:
    """Exeter, which is served, and Totnes, which is not."""
    homes = [await found_at(dsn, folder, name) for name in ("exeter", "totnes")]
    try:
        exeter, totnes = homes
        async with serving_at(exeter, free_port()) as victim:
            await victim.join("ann", exeter.founded.invitation_code)
            await victim.welcome("mia", floor=-500, ceiling=100_000)
            async with serving_at(totnes, free_port()) as liar:
                await agree(victim, liar)
                link = link_between(victim, liar)
            write_config(exeter.config.directory, exeter.config.schema, "127.0.0.1:0")
            yield LyingNeighbour(totnes, victim, link)
    finally:
        for home in homes:
            await home.drop()
