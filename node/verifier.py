"""Checks orders' signatures off the event loop, on as many threads as there are processors.

libsodium lets go of the interpreter while it works. What arrives while the threads are busy is
checked together, so that a single order costs no thread switch of its own.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ledger.errors import InvalidSignature
from ledger.orders import SignedOrder, verify_signatures

CHUNK = 50
"""Orders a thread checks in one go: some 3 ms of work."""


def _check(signed: Sequence[SignedOrder]) -> list[InvalidSignature | None]:
    outcomes: list[InvalidSignature | None] = []
    for order in signed:
        try:
            verify_signatures(order)
            outcomes.append(None)
        except InvalidSignature as error:
            outcomes.append(error.with_traceback(None))
    return outcomes


class Verifier:
    """Owns its threads; :meth:`close` ends them."""

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or max(2, os.cpu_count() or 2)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="verify")
        self._waiting: deque[tuple[SignedOrder, asyncio.Future[InvalidSignature | None]]] = deque()
        self._busy = 0

    async def verify(self, signed: Sequence[SignedOrder]) -> list[InvalidSignature | None]:
        """One outcome an order: None when the device and all cosigners signed it."""
        loop = asyncio.get_running_loop()
        if len(signed) > 1:
            parts = [signed[start : start + CHUNK] for start in range(0, len(signed), CHUNK)]
            checked = [loop.run_in_executor(self._pool, _check, part) for part in parts]
            return [outcome for part in await asyncio.gather(*checked) for outcome in part]
        future: asyncio.Future[InvalidSignature | None] = loop.create_future()
        self._waiting.append((signed[0], future))
        self._start(loop)
        return [await future]

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting and self._busy < self._threads:
            taken = [self._waiting.popleft() for _ in range(min(CHUNK, len(self._waiting)))]
            self._busy += 1
            checked = loop.run_in_executor(self._pool, _check, [signed for signed, _ in taken])
            futures = [future for _, future in taken]
            checked.add_done_callback(partial(self._finish, loop, futures))

    def _finish(
        self,
        loop: asyncio.AbstractEventLoop,
        futures: list[asyncio.Future[InvalidSignature | None]],
        done: asyncio.Future[list[InvalidSignature | None]],
    ) -> None:
        self._busy -= 1
        if done.cancelled():
            return
        fault = done.exception()
        outcomes = [None] * len(futures) if fault is not None else done.result()
        for future, outcome in zip(futures, outcomes, strict=True):
            if future.done():
                continue
            if fault is not None:
                future.set_exception(fault)
            else:
                future.set_result(outcome)
        self._start(loop)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
