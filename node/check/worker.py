"""Processes that open rows: signatures, hashes and canonical forms, on every processor.

Threads would not do: libsodium lets go of the interpreter for one signature, and then waits for it
while the model runs. A process ends when its standard input does, so none outlives a killed check.
What goes over the pipes is a length of 8 bytes and as many of marshal, between equals.
"""

from __future__ import annotations

import asyncio
import marshal
import sys
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Any, ClassVar

from ledger.errors import TallystickError
from node.check.opening import Row, open_rows
from node.check.requests import RequestRow, open_requests

Job = tuple[list[Row], list[RequestRow]]
Done = tuple[list[tuple[Any, ...] | str], list[tuple[Any, ...]]]

_LENGTH_BYTES = 8
_BUFFER_BYTES = 1 << 22


class WorkerDied(TallystickError):
    """A process of a check ended before its work was done; the system may have lacked memory."""

    code: ClassVar[str] = "worker-died"

    def __init__(self) -> None:
        super().__init__("A process of the check died, perhaps for want of memory; run it again.")


def work(job: Job) -> Done:
    """Open entries, and the payment requests that they answer."""
    rows, requests = job
    return open_rows(rows), open_requests(requests)


class Workers:
    """Takes jobs and gives them back in the same order, done. Without processes they are done when
    they are taken."""

    def __init__(self, processes: int) -> None:
        self._count = processes
        self._processes: list[asyncio.subprocess.Process] = []
        self._sent = 0
        self._received = 0
        self._done: deque[Done] = deque()

    @property
    def room(self) -> int:
        """How many more jobs keep every process busy: two each, or one without processes."""
        return max(1, 2 * self._count) - (self._sent - self._received)

    @property
    def waiting(self) -> bool:
        """Whether a job was sent and not yet received."""
        return self._sent > self._received

    async def __aenter__(self) -> Workers:
        for _ in range(self._count):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-c", "from node.check.worker import main; main()"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_BUFFER_BYTES,
                start_new_session=True,
            )
            self._processes.append(process)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.kill()
        for process in self._processes:
            await process.communicate()

    def send(self, job: Job) -> None:
        """Give out a job; at most ``room`` of them wait, which bounds what is buffered here."""
        if self._processes:
            packed = marshal.dumps(job)
            stdin = self._processes[self._sent % self._count].stdin
            assert stdin is not None
            stdin.write(len(packed).to_bytes(_LENGTH_BYTES, "big") + packed)
        else:
            self._done.append(work(job))
        self._sent += 1

    async def receive(self) -> Done:
        """The oldest job that was sent, done. Raises WorkerDied."""
        self._received += 1
        if not self._processes:
            return self._done.popleft()
        stdout = self._processes[(self._received - 1) % self._count].stdout
        assert stdout is not None
        try:
            length = int.from_bytes(await stdout.readexactly(_LENGTH_BYTES), "big")
            done: Done = marshal.loads(await stdout.readexactly(length))
        except asyncio.IncompleteReadError:
            raise WorkerDied from None
        return done


def main() -> None:
    """Do the jobs that come in, until no more can."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while True:
        length = int.from_bytes(source.read(_LENGTH_BYTES), "big")
        packed = source.read(length)
        if not length or len(packed) < length:
            return
        done = marshal.dumps(work(marshal.loads(packed)))
        with suppress(BrokenPipeError):  # then the next read is the last
            sink.write(len(done).to_bytes(_LENGTH_BYTES, "big") + done)
            sink.flush()
