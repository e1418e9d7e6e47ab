"""Checks orders' signatures in processes of their own, as many as there are processors.

libsodium lets go of the interpreter while it works, but a thread has to wait for it again after
each signature, and the event loop is seldom idle: that is how threads would spend their time. What
a process is to check it is given at once, so that it goes on while the loop is busy.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog

from ledger import codec
from ledger.errors import InvalidSignature
from ledger.orders import Signature, SignedOrder, signatures
from node.errors import Overloaded

CHUNK = 50
"""Orders that a process checks in one go: some 3 ms of work."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Job:
    """Orders that arrived together, each with its signatures, and who waits for them."""

    orders: list[list[Signature]]
    answer: asyncio.Future[list[InvalidSignature | None]]


class Verifier:
    """Owns its processes; :meth:`close` ends them. One that died is replaced when it is missed."""

    def __init__(self, processes: int | None = None) -> None:
        self._count = processes or os.cpu_count() or 1
        self._workers = [_Worker() for _ in range(self._count)]
        self._waiting: list[_Job] = []
        self._connecting = asyncio.Lock()

    @property
    def process_ids(self) -> list[int]:
        """Of the processes there are now."""
        return [worker.process_id for worker in self._workers]

    async def verify(self, signed: Sequence[SignedOrder]) -> list[InvalidSignature | None]:
        """One outcome an order: None when the device and all cosigners signed it.

        Raises Overloaded when the process that had them died.
        """
        if not all(worker.is_ready for worker in self._workers):
            async with self._connecting:
                await self._connect()
        loop = asyncio.get_running_loop()
        jobs = []
        for start in range(0, len(signed), CHUNK):
            orders = [signatures(each) for each in signed[start : start + CHUNK]]
            jobs.append(_Job(orders, loop.create_future()))
        if jobs and not self._waiting:
            # What comes in with these is handed out together with them.
            loop.call_soon(self._hand_out)
        self._waiting += jobs
        outcomes: list[InvalidSignature | None] = []
        for job in jobs:
            outcomes += await job.answer
        return outcomes

    async def _connect(self) -> None:
        living = self._living()
        self._workers = living + [_Worker() for _ in range(self._count - len(living))]
        for worker in self._workers:
            if not worker.is_ready:
                await worker.connect()

    def _living(self) -> list[_Worker]:
        return [worker for worker in self._workers if not worker.is_lost]

    def _hand_out(self) -> None:
        jobs, count = [], 0
        for job in self._waiting:
            jobs.append(job)
            count += len(job.orders)
            if count >= CHUNK:
                self._give(jobs)
                jobs, count = [], 0
        if jobs:
            self._give(jobs)
        self._waiting = []

    def _give(self, jobs: list[_Job]) -> None:
        living = self._living()
        if living:
            min(living, key=lambda worker: worker.load).give(jobs)
        else:
            _let_go(jobs)

    def close(self) -> None:
        """End the processes; whoever still waits is told that the node is overloaded."""
        for worker in self._workers:
            worker.close()


class _Worker(asyncio.Protocol):
    """One process. ``load`` is how many signatures it was given and has not answered for."""

    def __init__(self) -> None:
        self._link, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # Neither the folder it is started in nor a terminal's Ctrl-C are its business.
                [sys.executable, "-P", "-m", "node.signature_process"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.load = 0
        self.is_lost = False
        self._transport: asyncio.Transport | None = None
        self._given: deque[tuple[int, list[_Job]]] = deque()
        self._answers = bytearray()

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether it can be given something."""
        return self._transport is not None and not self.is_lost

    async def connect(self) -> None:
        """Make it ready; the process itself may still be on its way."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_connection(lambda: self, sock=self._link)

    def give(self, jobs: list[_Job]) -> None:
        """Have the process check these. Its answers come in the order of what it was given."""
        assert self._transport is not None
        checks = [check for job in jobs for order in job.orders for check in order]
        message = codec.encode(checks)
        self._given.append((len(checks), jobs))
        self.load += len(checks)
        self._transport.write(len(message).to_bytes(4, "big") + message)

    def data_received(self, data: bytes) -> None:
        """Tell those who wait; one byte a signature, 1 for a good one."""
        answers = self._answers
        answers += data
        while self._given and self._given[0][0] <= len(answers):
            count, jobs = self._given.popleft()
            self.load -= count
            good = iter(answers[:count])
            del answers[:count]
            for job in jobs:
                outcomes = [_outcome(order, good) for order in job.orders]
                if not job.answer.done():  # its client may have gone away
                    job.answer.set_result(outcomes)

    def connection_lost(self, error: Exception | None) -> None:
        """The process died, or was closed: let go of all that wait for it."""
        if not self.is_lost:
            log.warning("signature_process_lost", waiting=self.load)
        self.is_lost = True
        for _, jobs in self._given:
            _let_go(jobs)
        self.close()

    def close(self) -> None:
        """End the process."""
        self.is_lost = True
        if self._transport is None:
            self._link.close()
        else:
            self._transport.abort()
        self._process.kill()
        self._process.wait()


def _let_go(jobs: list[_Job]) -> None:
    for job in jobs:
        if not job.answer.done():
            job.answer.set_exception(Overloaded())


def _outcome(order: list[Signature], good: Iterator[int]) -> InvalidSignature | None:
    """Take one order's answers; its first bad signature is what is wrong with it."""
    wrong = [signature for signature in order if not next(good)]
    return InvalidSignature(wrong[0].key.hex()) if wrong else None
