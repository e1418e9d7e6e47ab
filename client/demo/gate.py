"""The line to a circle's node, which the demo can cut: others reach the circle only through it."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum

CHUNK_BYTES = 65_536


class Line(Enum):
    """Whole; cut, so that nobody is let in; or one on which questions come in and no answer gets
    out."""

    WHOLE = "whole"
    CUT = "cut"
    MUTE = "mute"


@dataclass(slots=True)
class Gate:
    """An address of a circle. ``target`` is where its node listens, once that is known."""

    url: str = ""
    target: tuple[str, int] | None = None
    line: Line = field(default=Line.WHOLE, init=False)
    _open: set[StreamWriter] = field(default_factory=set, init=False)
    _calls: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def become(self, line: Line) -> None:
        """Change the line; who is connected has to connect again."""
        self.line = line
        for writer in self._open:
            writer.transport.abort()

    async def close(self) -> None:
        """Cut the line for good, and wait until nobody is on it."""
        self.become(Line.CUT)
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def let_in(self, caller: StreamReader, to_caller: StreamWriter) -> None:
        """Pass on one connection, to its end."""
        task = asyncio.current_task()
        assert task is not None, "each connection has its own"
        self._calls.add(task)
        self._open.add(to_caller)
        try:
            if self.line is not Line.CUT and self.target is not None:
                node, to_node = await asyncio.open_connection(*self.target)
                self._open.add(to_node)
                await asyncio.gather(
                    self._pass_on(caller, to_node, is_answer=False),
                    self._pass_on(node, to_caller, is_answer=True),
                )
                self._open.discard(to_node)
        except OSError:  # the node is down
            pass
        finally:
            to_caller.transport.abort()
            self._open.discard(to_caller)
            self._calls.discard(task)

    async def _pass_on(self, source: StreamReader, sink: StreamWriter, *, is_answer: bool) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                if is_answer and self.line is Line.MUTE:
                    continue
                sink.write(data)
                await sink.drain()
        sink.close()


@asynccontextmanager
async def open_gate(port: int) -> AsyncIterator[Gate]:
    """A gate on this computer, at ``port`` unless that is taken; cut when the block ends."""
    gate = Gate()
    try:
        server = await asyncio.start_server(gate.let_in, "127.0.0.1", port)
    except OSError:
        server = await asyncio.start_server(gate.let_in, "127.0.0.1", 0)
    gate.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield gate
    finally:
        server.close()
        await gate.close()
