"""A bad network before a node: what its neighbours send it comes late, twice, in another order, in
half or not at all, and so do its answers; and for a while some neighbours cannot reach it.

::

    async with fault_proxy(Random(seed)) as proxy:
        proxy.target = "http://127.0.0.1:8470"  # the real node; others are told proxy.url
        ...
        proxy.clear_up()

What befalls a request is drawn as it comes in: by the seed, and by the order of arrival.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from ledger.errors import MalformedObject
from ledger.federation import exchange, gossip_meeting

FAULTS = {
    "request lost": 6,
    "request cut": 4,
    "request late": 10,
    "request twice": 8,
    "overtaken": 8,
    "answer lost": 10,
    "answer cut": 6,
    "none": 48,
}
"""What may befall a request, and how often in a hundred."""
DELAY_SECONDS_MAX = 0.6
OVERTAKEN_SECONDS_MAX = 0.8
ANSWER_SECONDS_MAX = 10


class _Answer(NamedTuple):
    status: int
    content_type: str
    body: bytes


@dataclass(slots=True)
class FaultProxy:
    """``done`` counts what befell requests; senders in ``apart``, by their circles' ids, do not
    come through. While it is ``calm`` everything does."""

    random: Random
    session: aiohttp.ClientSession
    url: str = ""
    target: str = ""
    calm: bool = False
    apart: set[bytes] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    _passed: asyncio.Event = field(default_factory=asyncio.Event)
    _repeating: set[asyncio.Task[None]] = field(default_factory=set)

    def clear_up(self) -> None:
        """Good weather from now on."""
        self.calm = True
        self.apart.clear()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Pass a request on to the node and its answer back, or not."""
        body = await request.read()
        if self.apart and _sender(request.path, body) in self.apart:
            self.done["partition"] += 1
            return _cut(request)
        what = "none"
        if not self.calm:
            [what] = self.random.choices(list(FAULTS), list(FAULTS.values()))
            self.done[what] += 1
        match what:
            case "request lost":
                return _cut(request)
            case "request cut":
                await self._send_half(request, body)
                return _cut(request)
            case "request late":
                await asyncio.sleep(self.random.uniform(0, DELAY_SECONDS_MAX))
            case "overtaken":
                await self._let_another_by()
            case "request twice":
                self._repeat(request, body, self.random.uniform(0, DELAY_SECONDS_MAX))
        try:
            answer = await self._ask(request, body)
        except (aiohttp.ClientError, TimeoutError):  # the node is dead just now
            return _cut(request)
        self._passed.set()
        if what == "answer lost":
            return _cut(request)
        if what == "answer cut" and answer.body:
            return await _answer_half(request, answer)
        headers = {"Content-Type": answer.content_type}
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    async def _ask(self, request: web.BaseRequest, body: bytes) -> _Answer:
        passed = {
            name: value
            for name, value in request.headers.items()
            if name in ("Authorization", "Content-Type")
        }
        url = self.target + request.path_qs
        async with self.session.request(
            request.method, url, data=body or None, headers=passed
        ) as answer:
            content_type = answer.headers.get("Content-Type", "application/octet-stream")
            return _Answer(answer.status, content_type, await answer.read())

    async def _let_another_by(self) -> None:
        """Wait until a request that came later was answered, if one comes."""
        self._passed.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._passed.wait(), OVERTAKEN_SECONDS_MAX)

    def _repeat(self, request: web.BaseRequest, body: bytes, seconds: float) -> None:
        async def again() -> None:
            await asyncio.sleep(seconds)
            with suppress(aiohttp.ClientError, TimeoutError):
                await self._ask(request, body)

        task = asyncio.create_task(again())
        self._repeating.add(task)
        task.add_done_callback(self._repeating.discard)

    async def _send_half(self, request: web.BaseRequest, body: bytes) -> None:
        """The node hears the beginning of a request, and then nothing more."""
        parts = urlsplit(self.target)
        try:
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        except OSError:
            return
        head = f"{request.method} {request.path_qs} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        kind = request.headers.get("Content-Type", "application/octet-stream")
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body[: len(body) // 2])
        try:
            await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()

    async def finish(self) -> None:
        """Wait for what is still under way."""
        await asyncio.gather(*self._repeating)


@asynccontextmanager
async def fault_proxy(random: Random) -> AsyncIterator[FaultProxy]:
    """A bad network at a free port of this computer; its ``target`` is to be set."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX)
    async with aiohttp.ClientSession(auto_decompress=False, timeout=timeout) as session:
        proxy = FaultProxy(random, session)
        runner = web.ServerRunner(web.Server(proxy.handle))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield proxy
            await proxy.finish()
        finally:
            await runner.cleanup()


def _sender(path: str, body: bytes) -> bytes:
    """The circle that sends this, or b"" where it does not say."""
    try:
        if path == exchange.PATH:
            return exchange.read_exchange(body)[0].sender
        if path == gossip_meeting.PATH:
            return gossip_meeting.read_said(body)[0].sender
    except MalformedObject:
        pass
    return b""


def _cut(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _answer_half(request: web.BaseRequest, answer: _Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status)
    response.content_length = len(answer.body)
    response.headers["Content-Type"] = answer.content_type
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return response
