"""Deadlines and a limit on connections, which aiohttp leaves to its user.

aiohttp closes neither a connection that says nothing nor one whose header or reader dribbles. Here
every connection has at each moment a time by which something must have happened; one task looks
through them and cuts those past it. (Slow bodies are `body.BodyReader`'s to refuse.)
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import cast

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import ERROR

from ledger.errors import TallystickError
from node.errors import HeadersTooLarge, HttpMalformed, InternalError, Overloaded
from node.http.limits import HttpLimits
from node.http.metrics import HttpMetrics

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Refuse = Callable[[TallystickError], web.Response]

# How long aiohttp reads on after an answer that came before the body's end. Cutting at once would
# take the answer from the client's hands (RFC 9112 section 9.6).
LINGER_SECONDS = 2.0


class _Phase(Enum):
    HEADER = auto()  # connected, or a first byte came: the header must be complete in time
    REQUEST = auto()  # a request is being handled; the time is the node's own
    IDLE = auto()  # kept alive for another request
    CLOSING = auto()  # answered, and only the last bytes have to leave


class Connection(web.RequestHandler):
    """One client's connection, with the time by which it must have moved on."""

    __slots__ = (
        *("_limits", "_link", "_phase", "_read_by", "_server"),
        *("_taken", "_unsent", "_waited", "_waiting_since", "_write_by"),
    )

    def __init__(self, server: DeadlineServer, loop: asyncio.AbstractEventLoop) -> None:
        limits = server.limits
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own way to have none
            max_line_size=limits.line_bytes_max,
            max_field_size=limits.header_bytes_max,
            max_headers=limits.headers_max,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )
        self._server = server
        self._limits = limits
        self._link: asyncio.Transport | None = None
        self._phase = _Phase.HEADER
        self._read_by = loop.time() + limits.header_seconds
        # How the client reads what is being sent: bytes that it has yet to take, bytes that it took
        # while the node waited for it, and how long that has been.
        self._write_by = math.inf
        self._waiting_since = math.inf
        self._waited = 0.0
        self._unsent = 0
        self._taken = 0

    @property
    def idle_until(self) -> float:
        """When this connection's idleness ends; never, if a request is on its way."""
        return self._read_by if self._phase is _Phase.IDLE else math.inf

    def is_late(self, now: float) -> bool:
        """Tell whether the time is over, for the next step or for reading the whole response."""
        if self._waiting_since < math.inf:
            self._see_progress(now)
        return min(self._read_by, self._write_by, self._read_all_by) < now

    @property
    def _read_all_by(self) -> float:
        """When the client has read a response too slowly; never, while none waits for it."""
        limits = self._limits
        seconds = limits.write_seconds + self._taken / limits.write_bytes_per_second
        return self._waiting_since + seconds - self._waited

    def _await_reader(self, now: float) -> None:
        """The next step is the client's: it has to read on."""
        assert self._link is not None
        self._unsent = self._link.get_write_buffer_size()
        self._waiting_since = now
        self._write_by = now + self._limits.write_seconds

    def _see_progress(self, now: float) -> None:
        """A client that has read on since may again read nothing for a while."""
        assert self._link is not None
        left = self._link.get_write_buffer_size()
        if left < self._unsent:
            self._taken += self._unsent - left
            self._write_by = now + self._limits.write_seconds
        self._unsent = left

    def cut(self) -> None:
        """End the connection at once; what it has not read by now, it won't."""
        if self._link is not None:
            self._link.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve, or refuse if as many connections are open as may be."""
        self._link = cast(asyncio.Transport, transport)
        if self._server.admit(self):
            super().connection_made(transport)
        else:
            self.close()
            self._link.write(self._server.busy)
            self._link.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop to count this connection."""
        self._server.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Start the header's time at its first byte; no later byte lengthens it."""
        if self._phase is _Phase.IDLE:
            self._phase = _Phase.HEADER
            self._read_by = self._loop.time() + self._limits.header_seconds
        super().data_received(data)

    def request_started(self) -> None:
        """The header is complete and its request goes to the application."""
        self._phase = _Phase.REQUEST
        self._read_by = math.inf
        self._waited, self._taken = 0.0, 0

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the response, then wait for the next request, but not for ever."""
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            now = self._loop.time()
            if resp.keep_alive:
                self._phase = _Phase.IDLE
                self._read_by = now + self._limits.keep_alive_seconds
            else:
                self._phase = _Phase.CLOSING
                self._await_reader(now)

    def pause_writing(self) -> None:
        """The client leaves its answer unread."""
        super().pause_writing()
        self._await_reader(self._loop.time())

    def resume_writing(self) -> None:
        """The client has read on."""
        super().resume_writing()
        if self._phase is not _Phase.CLOSING and self._waiting_since < math.inf:
            now = self._loop.time()
            self._see_progress(now)
            self._waited += now - self._waiting_since
            self._waiting_since = self._write_by = math.inf

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp's parser could not read, as a problem and without its address."""
        if request.writer.output_size > 0:
            raise ConnectionResetError("the answer had begun")
        if status >= 500:
            self.log_exception("The application let an exception out", exc_info=exc)
        return self._server.refuse_unparsed(status, exc, message)


class DeadlineServer(web.Server):
    """A protocol factory whose connections are counted, bounded and swept.

    Args:
        answer: handles a request; it lets no exception out but ConnectionError.
        refuse: renders an error for a client whose request never reached `answer`.
    """

    def __init__(
        self, answer: Answer, refuse: Refuse, limits: HttpLimits, metrics: HttpMetrics
    ) -> None:
        super().__init__(self._start, request_factory=self._read_request)
        self.limits = limits
        self.busy = _serialise(refuse(Overloaded()))
        self._answer = answer
        self._refuse = refuse
        self._metrics = metrics
        self._open: set[Connection] = set()
        metrics.connections.set_function(lambda: len(self._open))

    def __call__(self) -> Connection:
        """Make the protocol of one accepted connection."""
        return Connection(self, asyncio.get_running_loop())

    def _read_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        if message.url is None:
            # aiohttp's parser lets a CONNECT without a target through, and then trips over it.
            message = ERROR
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop)

    async def _start(self, request: web.BaseRequest) -> web.StreamResponse:
        cast(Connection, request.protocol).request_started()
        return await self._answer(request)

    def admit(self, connection: Connection) -> bool:
        """Count a new connection, in place of an idle one if need be; False if there is no room."""
        if len(self._open) >= self.limits.connections_max:
            idle = min(self._open, key=lambda one: one.idle_until)
            if idle.idle_until == math.inf:
                self._metrics.connections_refused.inc()
                return False
            self._cut(idle)
        self._open.add(connection)
        return True

    def forget(self, connection: Connection) -> None:
        """Stop counting a connection that is gone."""
        self._open.discard(connection)

    def refuse_unparsed(
        self, status: int, exc: BaseException | None, message: str | None
    ) -> web.Response:
        """Return the problem for bytes that are no request, or that are too many."""
        match exc:
            case LineTooLong():
                limits = self.limits
                error: TallystickError = HeadersTooLarge(
                    limits.line_bytes_max, limits.header_bytes_max
                )
            case _ if status == 400:
                error = HttpMalformed(_first_line(message))
            case _:
                error = InternalError()
        response = self._refuse(error)
        response.force_close()
        return response

    async def sweep_forever(self) -> None:
        """Cut each connection soon after its time; run as a task for as long as the server."""
        limits = self.limits
        shortest = min(limits.header_seconds, limits.write_seconds, limits.keep_alive_seconds)
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(1.0, shortest / 5))
            now = loop.time()
            for late in [one for one in self._open if one.is_late(now)]:
                self._cut(late)

    def _cut(self, connection: Connection) -> None:
        self._metrics.connections_cut.inc()
        self._open.discard(connection)
        connection.cut()


def _first_line(message: str | None) -> str:
    line = (message or "it cannot be parsed").splitlines()[0][:100]
    return line.encode("ascii", "replace").decode().strip(" .:")


def _serialise(response: web.Response) -> bytes:
    """Write a response out in full, for a connection that aiohttp will not serve."""
    body = response.body
    assert isinstance(body, bytes)
    headers = {**response.headers, "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
