"""Slow, silent and greedy connections, on real sockets with short deadlines."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import uvloop
from prometheus_client import CollectorRegistry
from pydantic import JsonValue

from node.http import ApiInfo, HttpLimits, Listening, Reply, build_app, endpoint, serve
from node.http.deadlines import LINGER_SECONDS

SHORT = HttpLimits(
    header_seconds=0.4,
    body_seconds=0.4,
    body_bytes_per_second=10_000,
    write_seconds=0.4,
    keep_alive_seconds=0.8,
    connections_max=4,
    shutdown_seconds=2.0,
)
# What the machine may take longer than the deadline and the sweep after it.
SLACK = 1.0

GET = b"GET /size HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass
class Gate:
    """What the slow handler waits for."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    streams_ended: int = 0


async def read_size() -> dict[str, int]:
    """A small answer."""
    return {"size": 7}


async def count_body(body: JsonValue) -> Reply:
    """Count the characters of a text."""
    return Reply(json.dumps({"size": len(str(body))}).encode())


async def read_much(state: Gate) -> Reply:
    """More than any socket buffers."""

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            for _ in range(1000):
                yield bytes(100_000)
        finally:
            state.streams_ended += 1

    return Reply(pieces())


async def read_block() -> Reply:
    """A large answer in one piece."""
    return Reply(bytes(50_000_000))


async def wait(state: Gate) -> dict[str, int]:
    """Answer when the gate opens."""
    state.entered.set()
    await state.open.wait()
    return {"size": 1}


JSON = "application/json"
OCTETS = {"application/octet-stream": bytes}
ENDPOINTS = [
    endpoint("GET", "/size", read_size),
    endpoint("POST", "/body", count_body, accepts={JSON: str}, produces={JSON: dict[str, int]}),
    endpoint("GET", "/much", read_much, produces=OCTETS),
    endpoint("GET", "/block", read_block, produces=OCTETS),
    endpoint("GET", "/wait", wait),
]


class Silence:
    """A log for tests that look elsewhere."""

    def info(self, event: str, **fields: Any) -> None:
        """Drop an event."""

    def exception(self, event: str, **fields: Any) -> None:
        """Fail the test: none of its clients is a fault of the node's."""
        raise AssertionError(event)


@dataclass
class Node:
    """The toy as it is served."""

    at: Listening
    gate: Gate
    registry: CollectorRegistry
    clients: list[asyncio.StreamWriter] = field(default_factory=list)

    def count(self, name: str) -> float:
        """Return a metric."""
        return self.registry.get_sample_value(f"tallystick_http_{name}") or 0.0

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection, which ends with the test."""
        reader, writer = await asyncio.open_connection(self.at.host, self.at.port)
        self.clients.append(writer)
        return reader, writer

    async def disconnect(self) -> None:
        """Drop all connections."""
        for writer in self.clients:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def served(limits: HttpLimits = SHORT) -> AsyncIterator[Node]:
    """Serve the toy."""
    gate, registry = Gate(), CollectorRegistry()
    app = build_app(
        ENDPOINTS,
        info=ApiInfo("Toy", "1", ""),
        registry=registry,
        state=gate,
        limits=limits,
        log=Silence(),
    )
    async with serve(app) as at:
        node = Node(at, gate, registry)
        yield node
        gate.open.set()
    await node.disconnect()


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """The toy with short deadlines."""
    async with served() as running:
        yield running


async def closed_after(reader: asyncio.StreamReader) -> float:
    """Return the seconds until the other side closes, reading what it says."""
    started = time.monotonic()
    with suppress(ConnectionError):
        while await asyncio.wait_for(reader.read(65536), 10):
            pass
    return time.monotonic() - started


async def dribble(writer: asyncio.StreamWriter, data: bytes, pause: float = 0.05) -> None:
    """Send one byte at a time, until the other side has had enough."""
    with suppress(ConnectionError):
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause)


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def answer(reader: asyncio.StreamReader) -> bytes:
    """Read one answer with a Content-Length; return its body."""
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
    return await asyncio.wait_for(reader.readexactly(length), 5)


async def test_silent_connection_is_closed(node: Node) -> None:
    reader, _ = await node.connect()
    seconds = await closed_after(reader)
    assert SHORT.header_seconds * 0.9 <= seconds <= SHORT.header_seconds + SLACK
    assert node.count("connections_cut_total") == 1
    assert node.count("connections") == 0


async def test_dribbled_header_is_closed_however_lively(node: Node) -> None:
    reader, writer = await node.connect()
    sender = asyncio.create_task(dribble(writer, b"GET /size HTTP/1.1\r\nHost: " + b"x" * 1000))
    assert await closed_after(reader) <= SHORT.header_seconds + SLACK
    sender.cancel()


async def test_dribbled_second_header_is_closed_too(node: Node) -> None:
    reader, writer = await node.connect()
    writer.write(GET)
    assert await answer(reader) == b'{"size":7}'
    sender = asyncio.create_task(dribble(writer, b"GET /size HTTP/1.1\r\nHost: " + b"x" * 1000))
    assert await closed_after(reader) <= SHORT.header_seconds + SLACK
    sender.cancel()


async def test_dribbled_body_is_refused_and_closed(node: Node) -> None:
    reader, writer = await node.connect()
    head = "POST /body HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 10000\r\n\r\n".encode())
    sender = asyncio.create_task(dribble(writer, b'"' + b"x" * 9000))
    status = await asyncio.wait_for(reader.readline(), 5)
    assert status.startswith(b"HTTP/1.1 408")
    assert await closed_after(reader) <= SHORT.body_seconds + LINGER_SECONDS + SLACK
    sender.cancel()


async def test_body_that_keeps_moving_has_the_time_it_needs() -> None:
    """Forty thousand bytes at twenty thousand a second take longer than the bare deadline."""
    async with served(replace(SHORT, body_seconds=1.5)) as node:
        reader, writer = await node.connect()
        head = "POST /body HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: 40002\r\n\r\n".encode())
        writer.write(b'"')
        for _ in range(20):
            writer.write(b"x" * 2000)
            await writer.drain()
            await asyncio.sleep(0.1)
        writer.write(b'"')
        assert json.loads(await answer(reader)) == {"size": 40000}


async def test_body_that_nobody_reads_does_not_hold_the_connection(node: Node) -> None:
    """A GET is answered at once; a body promised beside it is awaited for a moment only."""
    reader, writer = await node.connect()
    writer.write(b"GET /size HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    assert await answer(reader) == b'{"size":7}'
    assert await closed_after(reader) <= LINGER_SECONDS + SLACK


async def test_idle_connection_is_kept_for_a_while_and_then_closed() -> None:
    async with served(replace(SHORT, keep_alive_seconds=2.5)) as node:
        reader, writer = await node.connect()
        for _ in range(3):
            writer.write(GET)
            assert await answer(reader) == b'{"size":7}'
            await asyncio.sleep(SHORT.header_seconds * 1.3)
        assert await closed_after(reader) <= 2.5 + SLACK


async def test_request_begun_late_in_idleness_has_its_whole_time() -> None:
    async with served(replace(SHORT, keep_alive_seconds=2.5, header_seconds=5.0)) as node:
        reader, writer = await node.connect()
        writer.write(GET)
        await answer(reader)
        await asyncio.sleep(1.0)
        writer.write(GET[:10])
        await asyncio.sleep(2.0)
        writer.write(GET[10:])
        assert await answer(reader) == b'{"size":7}'


async def test_slow_handler_is_not_the_clients_fault(node: Node) -> None:
    reader, writer = await node.connect()
    writer.write(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(SHORT.keep_alive_seconds + SHORT.header_seconds)
    node.gate.open.set()
    assert await answer(reader) == b'{"size":1}'


@pytest.mark.parametrize("path", ["/much", "/block"])
@pytest.mark.parametrize("connection", ["keep-alive", "close"])
async def test_client_that_does_not_read_is_cut(node: Node, path: str, connection: str) -> None:
    _, writer = await node.connect()
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n\r\n".encode())
    await until(lambda: node.count("connections_cut_total") == 1)
    await until(lambda: node.count("requests_in_flight") == 0)
    assert node.count("connections") == 0
    assert node.gate.streams_ended == (path == "/much")


async def test_client_that_reads_slowly_is_served() -> None:
    """For longer than it may read nothing."""
    async with served(replace(SHORT, write_seconds=1.0)) as node:
        reader, writer = await node.connect()
        writer.write(b"GET /block HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        read = 0
        while piece := await asyncio.wait_for(reader.read(100_000), 5):
            read += len(piece)
            await asyncio.sleep(0.002)
        assert read > 50_000_000


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
@pytest.mark.parametrize("path", ["/much", "/block"])
async def test_client_that_reads_a_trickle_is_cut_though_it_never_stops(
    path: str, connection: str
) -> None:
    """25 MB a second are a trickle here, so that the test is short."""
    async with served(replace(SHORT, write_bytes_per_second=100_000_000)) as node:
        reader, writer = await node.connect()
        asked = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n\r\n"
        writer.write(asked.encode())
        read, began = 0, time.monotonic()
        with suppress(ConnectionError):
            while piece := await asyncio.wait_for(reader.read(250_000), 5):
                read += len(piece)
                await asyncio.sleep(0.01)
        assert time.monotonic() - began < 2 * SHORT.write_seconds + SLACK
        assert SHORT.write_seconds * 1_000_000 < read < 50_000_000
        assert node.count("connections_cut_total") == 1
        await until(lambda: node.count("requests_in_flight") == 0)


async def test_pipelined_requests_are_answered_in_turn(node: Node) -> None:
    reader, writer = await node.connect()
    writer.write(GET * 50)
    for _ in range(50):
        assert await answer(reader) == b'{"size":7}'


async def test_connection_beyond_the_limit_is_told_and_closed(node: Node) -> None:
    for _ in range(SHORT.connections_max):
        await node.connect()
    await until(lambda: node.count("connections") == SHORT.connections_max)
    reader, _ = await node.connect()
    refused = await asyncio.wait_for(reader.read(), 5)
    head, _, body = refused.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503")
    assert b"Retry-After: " in head
    assert json.loads(body)["code"] == "overloaded"
    assert node.count("connections_refused_total") == 1


async def test_new_connection_takes_the_place_of_the_longest_idle() -> None:
    async with served(replace(SHORT, keep_alive_seconds=60)) as node:
        idle = []
        for _ in range(SHORT.connections_max):
            reader, writer = await node.connect()
            writer.write(GET)
            await answer(reader)
            idle.append((reader, writer))
        reader, writer = await node.connect()
        writer.write(GET)
        assert await answer(reader) == b'{"size":7}'
        assert await closed_after(idle[0][0]) <= SLACK
        idle[1][1].write(GET)
        assert await answer(idle[1][0]) == b'{"size":7}'
        assert node.count("connections_refused_total") == 0


async def test_request_in_flight_is_answered_when_the_node_stops() -> None:
    async with served() as node:
        reader, writer = await node.connect()
        writer.write(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(node.gate.entered.wait(), 5)
        told = asyncio.create_task(answer(reader))
    assert await told == b'{"size":1}'


async def test_node_stops_in_time_though_a_request_hangs() -> None:
    async with served() as node:
        _, writer = await node.connect()
        writer.write(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(node.gate.entered.wait(), 5)
        node.gate.open = asyncio.Event()
        started = time.monotonic()
    assert time.monotonic() - started < 3 * SHORT.shutdown_seconds


def test_default_deadlines_close_within_fifteen_seconds() -> None:
    limits, sweep = HttpLimits(), 1.0
    assert limits.header_seconds + sweep <= 15
    assert limits.body_seconds + LINGER_SECONDS + sweep <= 15


async def _slow_clients() -> None:
    async with served() as node:
        await test_silent_connection_is_closed(node)
        await test_dribbled_header_is_closed_however_lively(node)
        await test_dribbled_body_is_refused_and_closed(node)
        await test_pipelined_requests_are_answered_in_turn(node)
    async with served() as node:
        await test_client_that_does_not_read_is_cut(node, "/much", "keep-alive")
    await test_client_that_reads_a_trickle_is_cut_though_it_never_stops("/much", "keep-alive")
    async with served() as node:
        await test_connection_beyond_the_limit_is_told_and_closed(node)


@pytest.mark.parametrize("scenario", [_slow_clients])
def test_deadlines_hold_under_uvloop(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """uvloop reads several times in one turn and buffers differently."""
    uvloop.run(scenario())
