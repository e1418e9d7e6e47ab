"""A node between a client and its real node, that can lose, delay or change what is answered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import aiohttp
from aiohttp import web

BODY_BYTES_MAX: Final = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, and the real node's answer to it: what the client gets, unless it is meddled with.

    ``lost`` cuts the connection instead of answering.
    """

    method: str
    path: str
    status: int
    body: bytes = field(repr=False)
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False

    def json(self) -> Any:
        """The answer's JSON."""
        return json.loads(self.body)

    def with_json(self, value: object) -> Exchange:
        """The same with another JSON answer."""
        return replace(self, body=json.dumps(value).encode())


@dataclass(slots=True)
class MeddlingProxy:
    """``meddle`` is called with each exchange and returns what the client sees of it.

    With ``deaf`` nothing is passed on: the connection is cut before the node hears anything.
    ``seen`` lists the requests that came in.
    """

    url: str
    target: str
    meddle: Callable[[Exchange], Exchange] = lambda exchange: exchange
    deaf: Callable[[str, str], bool] = lambda method, path: False
    seen: list[str] = field(default_factory=list)

    def honest(self) -> None:
        """Pass everything on unchanged from now on."""
        self.meddle = lambda exchange: exchange
        self.deaf = lambda method, path: False


@asynccontextmanager
async def meddling_proxy(target: str) -> AsyncIterator[MeddlingProxy]:
    """A proxy at a free port of this computer, in front of the node at ``target``."""
    session = aiohttp.ClientSession(auto_decompress=False)
    proxy = MeddlingProxy("", target)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        proxy.seen.append(f"{request.method} {request.path_qs}")
        if proxy.deaf(request.method, request.path):
            return _cut(request)
        passed = {
            name: value
            for name, value in request.headers.items()
            if name in ("Authorization", "Content-Type")
        }
        async with session.request(
            request.method, proxy.target + request.path_qs, data=body or None, headers=passed
        ) as answer:
            exchange = Exchange(
                request.method,
                request.path,
                answer.status,
                await answer.read(),
                answer.content_type,
            )
        shown = proxy.meddle(exchange)
        if shown.lost:
            return _cut(request)
        return web.Response(
            status=shown.status,
            body=shown.body,
            headers={"Content-Type": shown.content_type, **shown.headers},
        )

    server = web.Server(handle)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield proxy
    finally:
        await runner.cleanup()
        await session.close()


def _cut(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
