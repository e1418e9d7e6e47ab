"""A real node among connections that are silent, slow or deaf: each is closed within 15 seconds."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from tests.bench.population import JSON, Population, populate, post
from tests.live_node import LiveNode, live_node

CLOSED_SECONDS_MAX = 15.0
OF_EACH_KIND = 8
HONEST_SECONDS_MAX = 5.0

Writer = asyncio.StreamWriter


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    """A node as a process of its own, with the limits that it always has."""
    with live_node(tmp_path) as node:
        yield node


async def dribble(writer: Writer, data: bytes) -> None:
    """A byte now and then."""
    for byte in data:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.4)


async def say_nothing(writer: Writer) -> None:
    """Connected, and silent."""


async def dribble_a_header(writer: Writer) -> None:
    await dribble(writer, b"GET /health HTTP/1.1\r\nHost: x\r\nUser-Agent: " + b"x" * 1000)


async def dribble_a_header_after_a_request(writer: Writer) -> None:
    """The time begins anew with each request, and with it alone."""
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    await dribble(writer, b"GET /health HTTP/1.1\r\nHost: x\r\nUser-Agent: " + b"x" * 1000)


async def dribble_a_body(writer: Writer) -> None:
    head = "POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 1000\r\n\r\n".encode())
    await dribble(writer, b'{"order": "' + b"A" * 980)


async def dribble_chunks(writer: Writer) -> None:
    head = "POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    for _ in range(100):
        await dribble(writer, b"1\r\n \r\n")


async def promise_a_body(writer: Writer) -> None:
    """As large as may be, and nothing of it."""
    head = "POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 2000000\r\n\r\n".encode())


READING = (
    *(say_nothing, dribble_a_header, dribble_a_header_after_a_request),
    *(dribble_a_body, dribble_chunks, promise_a_body),
)


async def closed_after(url: str, behave: Callable[[Writer], Awaitable[None]]) -> float:
    """Behave so, and read; returns the seconds until the node closes the connection."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    began = time.monotonic()

    async def misbehave() -> None:
        with suppress(ConnectionError):
            await behave(writer)

    doing = asyncio.create_task(misbehave())
    try:
        with suppress(ConnectionError):
            while await reader.read(65_536):
                pass
        return time.monotonic() - began
    finally:
        doing.cancel()
        writer.transport.abort()


async def read_nothing(url: str) -> Writer:
    """Ask for the same large thing again and again, and leave the answers unread."""
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), limit=1)
    transport = writer.transport
    assert isinstance(transport, asyncio.ReadTransport)
    transport.pause_reading()
    writer.write(b"GET /tile/entries/000 HTTP/1.1\r\nHost: x\r\n\r\n" * 1500)
    return writer


async def read_a_trickle(url: str) -> None:
    """Ask for as much, and read a little of it every now and then, until the node has enough."""
    host, port = url.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.setblocking(False)
        await loop.sock_connect(link, (host, int(port)))
        await loop.sock_sendall(link, b"GET /tile/entries/000 HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
        with suppress(ConnectionError):
            while await loop.sock_recv(link, 100):
                await asyncio.sleep(0.4)


async def connections(client: aiohttp.ClientSession, url: str) -> int:
    """How many are open, as the node counts them; the one that asks is among them."""
    async with client.get(f"{url}/metrics") as response:
        found = re.search(r"^tallystick_http_connections (\S+)$", await response.text(), re.M)
    assert found is not None
    return int(float(found[1]))


async def pay_on(
    client: aiohttp.ClientSession, url: str, people: Population, done: asyncio.Event
) -> list[float]:
    """What somebody honest sees meanwhile: the seconds that each payment took."""
    payer, payee = people.members
    seconds = []
    while not done.is_set():
        began = time.monotonic()
        await post(client, url, [payer.pay(payee.account, 1)])
        seconds.append(time.monotonic() - began)
        await asyncio.sleep(0.05)
    return seconds


async def test_slow_silent_and_deaf_connections_are_closed_while_others_are_served(
    node: LiveNode,
) -> None:
    people = await populate(node.url, node.invitation, 2)
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(headers=JSON, connector=connector) as client:
        await post(client, node.url, [people.members[0].pay(103, 1) for _ in range(300)])
        done = asyncio.Event()
        honest = asyncio.create_task(pay_on(client, node.url, people, done))
        kinds = READING * OF_EACH_KIND
        began = time.monotonic()
        slow = asyncio.gather(*(closed_after(node.url, behave) for behave in kinds))
        deaf = [await read_nothing(node.url) for _ in range(OF_EACH_KIND)]
        trickling = [asyncio.create_task(read_a_trickle(node.url)) for _ in range(OF_EACH_KIND)]
        await asyncio.sleep(2)
        held = len(kinds) + len(deaf) + len(trickling)
        assert await connections(client, node.url) == held + 1
        seconds = await asyncio.wait_for(slow, 60)
        while await connections(client, node.url) > 1:
            await asyncio.sleep(0.2)
            assert time.monotonic() - began < CLOSED_SECONDS_MAX
        for writer in deaf:
            writer.transport.abort()
        for task in trickling:  # what the kernel has for them is theirs to read on
            task.cancel()
        done.set()
        delays = await honest
    for behave, after in zip(kinds, seconds, strict=True):
        assert 5 < after < CLOSED_SECONDS_MAX, behave.__name__
    assert len(delays) > 20
    assert max(delays) < HONEST_SECONDS_MAX
