"""The application on a socket, with its deadlines in force."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiohttp import web

from node.errors import CannotListen
from node.http.app import HttpApp
from node.http.deadlines import DeadlineServer

# Connections the kernel may keep waiting while the node is busy accepting others.
BACKLOG = 1024

_REASONS = {
    errno.EADDRINUSE: "another program listens there already",
    errno.EADDRNOTAVAIL: "this computer has no such address",
    errno.EACCES: "this user may not",
}


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the node can be reached."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The base address, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@asynccontextmanager
async def serve(
    app: HttpApp,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    sockets: Sequence[socket.socket] = (),
) -> AsyncIterator[Listening]:
    """Serve `app` until the block ends; then requests in flight have ``shutdown_seconds`` left.

    Port 0 takes a free one. With `sockets`, bound already, host and port are theirs.

    Raises:
        CannotListen: the address is taken or not ours.
    """
    server = DeadlineServer(app, app.refuse, app.limits, app.metrics)
    runner = web.ServerRunner(server, shutdown_timeout=app.limits.shutdown_seconds)
    await runner.setup()
    sweeper = asyncio.create_task(server.sweep_forever())
    try:
        for one in sockets:
            await web.SockSite(runner, one, backlog=BACKLOG).start()
        if not sockets:
            await _listen(runner, host, port)
        bound_host, bound_port, *_ = runner.addresses[0]
        yield Listening(bound_host, bound_port)
    finally:
        await runner.cleanup()
        sweeper.cancel()
        with suppress(asyncio.CancelledError):
            await sweeper


async def _listen(runner: web.ServerRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or str(error.strerror or error)
        raise CannotListen(host, port, reason) from None
