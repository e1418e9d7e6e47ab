"""The line to a node that the demo cuts: whole, cut, and one that lets no answer out."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from client.demo.gate import Gate, Line, open_gate

QUIET_SECONDS = 0.2


@pytest.fixture
async def heard() -> list[bytes]:
    """What the node behind the gate was asked."""
    return []


@pytest.fixture
async def gate(heard: list[bytes]) -> AsyncIterator[Gate]:
    """A gate in front of a node that answers each line in capitals."""
    calls = set()

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        calls.add(asyncio.current_task())
        with suppress(ConnectionError):
            while line := await reader.readline():
                heard.append(line)
                writer.write(line.upper())
        writer.close()

    node = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with open_gate(0) as gate:
        gate.target = node.sockets[0].getsockname()
        yield gate
    node.close()
    await asyncio.gather(*filter(None, calls))


@asynccontextmanager
async def call(gate: Gate) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    host, _, port = gate.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    yield reader, writer
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_whole_line_passes_on_both_ways(gate: Gate) -> None:
    async with call(gate) as (reader, writer):
        writer.write(b"ask\n")
        assert await reader.readline() == b"ASK\n"


async def test_cut_line_ends_connections_and_takes_no_new_one(
    gate: Gate, heard: list[bytes]
) -> None:
    async with call(gate) as (reader, writer):
        writer.write(b"ask\n")
        assert await reader.readline() == b"ASK\n"
        gate.become(Line.CUT)
        assert await is_ended(reader)
    async with call(gate) as (reader, writer):
        writer.write(b"ask again\n")
        assert await is_ended(reader)
    gate.become(Line.WHOLE)
    await test_whole_line_passes_on_both_ways(gate)
    assert heard == [b"ask\n", b"ask\n"]


async def is_ended(reader: StreamReader) -> bool:
    try:
        return await reader.read(1) == b""
    except ConnectionError:
        return True


async def test_mute_line_lets_the_question_in_and_no_answer_out(
    gate: Gate, heard: list[bytes]
) -> None:
    gate.become(Line.MUTE)
    async with call(gate) as (reader, writer):
        writer.write(b"ask\n")
        while not heard:
            await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), QUIET_SECONDS)
        assert heard == [b"ask\n"]


async def test_gate_at_a_port_that_is_taken_finds_another(gate: Gate) -> None:
    port = int(gate.url.rpartition(":")[2])
    async with open_gate(port) as another:
        assert another.url != gate.url
