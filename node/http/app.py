"""The application: from a request to an answer, through the one place where errors end."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import structlog
from aiohttp import web
from multidict import CIMultiDict
from prometheus_client import CollectorRegistry

from ledger.errors import TallystickError
from node.errors import (
    BodyTooLarge,
    BodyTooSlow,
    HeadersTooLarge,
    HttpMalformed,
    InternalError,
    Overloaded,
    SessionMissing,
    Unavailable,
)
from node.http.body import BodyReader, ClientGoneError
from node.http.endpoint import JSON, Endpoint
from node.http.headers import CONTENT_TYPE, REQUEST_ID, SECURITY, preflight
from node.http.limits import HttpLimits
from node.http.metrics import HttpMetrics
from node.http.openapi import ApiInfo, check_names, describe_api
from node.http.pages import ApiPages
from node.http.parameters import parse_query
from node.http.problem import PROBLEM_JSON, STATUS, describe_problem, problem_headers
from node.http.reply import Context, Reply
from node.http.routing import Router

UNMATCHED = "unmatched"
SIGNED_IN = "signed_in"
"""All operations for signed-in people are counted as one: anybody may read the metrics, and that
somebody has just raised a concern is nobody's to know."""

SLOW_SECONDS = 1.0
"""A request that takes longer is logged, though all went well."""

_OUTAGE = "The node's database is away; send the same again in a few seconds."

# RFC 6750 section 2.1, and no longer than a session's token has reason to be.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,512}=*")

# After these the rest of what the client sends has no known beginning, or comes too late.
_ENDS_CONNECTION = (BodyTooLarge, BodyTooSlow, HeadersTooLarge, HttpMalformed)


class Log(Protocol):
    """The two methods of a structlog logger that the edge calls."""

    def info(self, event: str, **fields: Any) -> Any:
        """Log an event."""

    def exception(self, event: str, **fields: Any) -> Any:
        """Log an event with the traceback of the exception being handled."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """How a session's token is recognised.

    ``authenticate`` takes the token from ``Authorization: Bearer`` and returns what handlers get
    as ``session``; it raises one of ``raises`` otherwise.
    """

    authenticate: Callable[[str], Awaitable[Any]]
    raises: tuple[type[TallystickError], ...] = ()


@dataclass(slots=True)
class _Exchange:
    """One request on its way to its answer."""

    request: web.BaseRequest
    id: str
    started: float
    operation: str = UNMATCHED
    counted: str = UNMATCHED
    """As what, in the metrics."""


class HttpApp:
    """Answers requests. Made by `build_app`; `node.http.serve.serve` puts it on a socket."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        state: object,
        bearer: Bearer | None,
        problems: Mapping[type[TallystickError], int],
        outages: tuple[type[Exception], ...],
        limits: HttpLimits,
        metrics: HttpMetrics,
        log: Log,
    ) -> None:
        self.limits = limits
        self.metrics = metrics
        self._router = Router(endpoints)
        self._state = state
        self._bearer = bearer
        self._problems = problems
        self._outages = outages
        self._log = log
        self._bodies = BodyReader(limits)
        self._in_flight = 0
        # Asked for when the metrics are read, which is cheaper than told at each request.
        metrics.in_flight.set_function(lambda: self._in_flight)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; every error ends here, as a problem."""
        exchange = _Exchange(request, str(uuid.uuid4()), time.perf_counter())
        try:
            response = await self._answer(exchange)
        except TallystickError as error:
            response = self.refuse(error, exchange.id)
        except ClientGoneError:
            self._record(exchange, 499)
            raise ConnectionResetError from None
        except self._outages as error:
            self._log.info("http_outage", request_id=exchange.id, error=type(error).__name__)
            response = self.refuse(Unavailable(_OUTAGE), exchange.id)
        except Exception:
            self._log.exception("http_fault", request_id=exchange.id, operation=exchange.operation)
            response = self.refuse(InternalError(), exchange.id)
        self._record(exchange, response.status)
        return response

    def refuse(self, error: TallystickError, request_id: str | None = None) -> web.Response:
        """Render an error as its problem (RFC 9457), under an id of its own unless one is given."""
        request_id = request_id or str(uuid.uuid4())
        problem = describe_problem(error, self._problems)
        status = problem["status"]
        body = json.dumps({**problem, "instance": f"urn:uuid:{request_id}"}).encode()
        headers = {CONTENT_TYPE: PROBLEM_JSON, **problem_headers(error, status)}
        response = _respond(status, body, headers, request_id)
        if isinstance(error, _ENDS_CONNECTION):
            response.force_close()
        return response

    async def _answer(self, exchange: _Exchange) -> web.StreamResponse:
        request = exchange.request
        url = request.rel_url
        if request.method == "OPTIONS":
            return _respond(204, None, preflight(self._router.allowed(url.raw_path)), exchange.id)
        endpoint, in_path = self._router.resolve(request.method, url.raw_path)
        signature = endpoint.signature
        exchange.operation = exchange.counted = endpoint.operation
        if signature.session == "required":
            exchange.counted = SIGNED_IN
        arguments = signature.path.parse(in_path)
        query = parse_query(url.raw_query_string, self.limits.query_parameters_max)
        arguments |= signature.query.parse(query)
        if signature.takes_state:
            arguments["state"] = self._state
        if signature.takes_context:
            arguments["context"] = Context(exchange.id, request)
        if signature.body is None:
            return await self._handle(exchange, endpoint, arguments)
        if signature.session == "required":
            _bearer_token(request)
        required = signature.body.is_required
        content = await self._bodies.read(request, endpoint.accepts, required=required)
        try:
            arguments["body"] = signature.body.parse(content, self.limits)
            return await self._handle(exchange, endpoint, arguments)
        finally:
            self._bodies.release(content)

    async def _handle(
        self, exchange: _Exchange, endpoint: Endpoint, arguments: dict[str, Any]
    ) -> web.StreamResponse:
        if self._in_flight >= self.limits.requests_in_flight_max:
            raise Overloaded
        self._in_flight += 1
        try:
            if endpoint.signature.session is not None:
                arguments["session"] = await self._authenticate(exchange.request, endpoint)
            value = await endpoint.handler(**arguments)
            return await _render(exchange, endpoint, value)
        finally:
            self._in_flight -= 1

    async def _authenticate(self, request: web.BaseRequest, endpoint: Endpoint) -> Any:
        optional = endpoint.signature.session == "optional"
        if optional and "Authorization" not in request.headers:
            return None
        assert self._bearer is not None, "build_app refuses sessions without a bearer"
        return await self._bearer.authenticate(_bearer_token(request))

    def _record(self, exchange: _Exchange, status: int) -> None:
        """Count one request, and log it unless it was an ordinary one: metrics say enough of those.

        No address, no path, no query, nothing of the body.
        """
        seconds = time.perf_counter() - exchange.started
        self.metrics.observe(exchange.counted, status, seconds)
        if status < 400 and seconds < SLOW_SECONDS:
            return
        self._log.info(
            "http_request",
            request_id=exchange.id,
            method=exchange.request.method,
            operation=exchange.operation,
            status=status,
            milliseconds=round(seconds * 1000, 2),
        )


def build_app(
    endpoints: Sequence[Endpoint],
    *,
    info: ApiInfo,
    registry: CollectorRegistry,
    state: object = None,
    bearer: Bearer | None = None,
    problems: Mapping[type[TallystickError], int] = STATUS,
    outages: tuple[type[Exception], ...] = (),
    limits: HttpLimits | None = None,
    log: Log | None = None,
) -> HttpApp:
    """Put endpoints together with their description: OpenAPI, its page, and a page a problem.

    Args:
        endpoints: every operation; the order matters only between path templates that overlap.
        info: the title and text of the OpenAPI document.
        registry: where this application's metrics go. One application a registry.
        state: what handlers get as ``state``.
        bearer: how sessions are recognised; needed when a handler takes ``session``.
        problems: the HTTP status of each error class, inherited downwards.
        outages: what handlers raise while something that they need is away: no fault, a 503.
        limits: see `HttpLimits`.
        log: a structlog logger, by default ``structlog.get_logger("tallystick.http")``.

    Raises:
        ValueError: two endpoints share a name or a route, or sessions are taken without a bearer.
    """
    for one in endpoints:
        if one.signature.session is not None and bearer is None:
            raise ValueError(f"{one.operation} takes a session; pass bearer= to build_app.")
    pages = ApiPages()
    every = [*endpoints, *pages.endpoints()]
    check_names(every)
    session_errors = () if bearer is None else bearer.raises
    pages.fill(partial(describe_api, every, info, problems, session_errors), problems)
    return HttpApp(
        every,
        state=state,
        bearer=bearer,
        problems=problems,
        outages=outages,
        limits=limits or HttpLimits(),
        metrics=HttpMetrics(registry),
        log=log or structlog.get_logger("tallystick.http"),
    )


def _bearer_token(request: web.BaseRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not _TOKEN.fullmatch(token):
        raise SessionMissing
    return token


async def _render(exchange: _Exchange, endpoint: Endpoint, value: Any) -> web.StreamResponse:
    if endpoint.renderer is not None:
        body = endpoint.renderer.dump_json(value, by_alias=True)
        return _respond(endpoint.status, body, {CONTENT_TYPE: JSON}, exchange.id)
    if value is None:
        return _respond(endpoint.status, None, {}, exchange.id)
    assert isinstance(value, Reply), f"{endpoint.operation} returned {type(value)}"
    status = endpoint.status if value.status is None else value.status
    content_type = value.content_type or next(iter(endpoint.produces))
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    headers = {CONTENT_TYPE: content_type, **value.headers}
    match value.content:
        case str() as text:
            return _respond(status, text.encode(), headers, exchange.id)
        case bytes() as content:
            return _respond(status, content, headers, exchange.id)
        case generator:
            return await _stream(exchange, status, generator, headers)


async def _stream(
    exchange: _Exchange,
    status: int,
    content: AsyncGenerator[bytes, None],
    headers: Mapping[str, str],
) -> web.StreamResponse:
    request = exchange.request
    response = web.StreamResponse(status=status, headers=_headers(headers, exchange.id))
    async with aclosing(content):
        try:
            await response.prepare(request)
            if request.method != "HEAD":
                async for chunk in content:
                    await _write(response, chunk)
        except BaseException:
            # The status is on its way; a cut is what is left to say that this is not all.
            if request.transport is not None:
                request.transport.abort()
            raise
    return response


async def _write(response: web.StreamResponse, chunk: bytes) -> None:
    try:
        await response.write(chunk)
    except ConnectionError:
        raise ClientGoneError from None


def _respond(
    status: int, body: bytes | None, headers: Mapping[str, str], request_id: str
) -> web.Response:
    return web.Response(status=status, body=body, headers=_headers(headers, request_id))


def _headers(headers: Mapping[str, str], request_id: str) -> CIMultiDict[str]:
    merged = CIMultiDict(SECURITY)
    merged[REQUEST_ID] = request_id
    merged.update(headers)
    return merged
