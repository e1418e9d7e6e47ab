"""HTTP to one node, with a limit on everything.

No redirect is followed, no proxy or cookie used, no compression taken, and nothing is sent over
plain http but to this very computer. A request is repeated only where its caller says that doing so
is safe, a few times and further and further apart.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import aiohttp

from client.address import parse_node_url
from client.errors import AnswerInvalid, NodeRefused, NodeUnreachable
from client.json_fields import Fields, parse_fields
from ledger.errors import TallystickError

PROBLEM_JSON: Final = "application/problem+json"
PROBLEM_BYTES_MAX: Final = 65_536
SENTENCE_CHARACTERS_MAX: Final = 600

_BUSY = frozenset({429, 502, 503, 504})
_PROBLEM_MEMBERS = frozenset({"type", "title", "status", "detail", "code", "instance"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds, and how often something is sent (again).

    ``answer_seconds`` is for a whole request and answer. Between two attempts the pause grows from
    ``pause_seconds`` by half to all of itself each time, up to ``pause_seconds_max``.
    """

    connect_seconds: float = 5.0
    answer_seconds: float = 30.0
    attempts: int = 4
    pause_seconds: float = 0.2
    pause_seconds_max: float = 3.0


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer with a status of 200 to 299."""

    status: int
    media_type: str
    body: bytes = field(repr=False)


class Transport:
    """Connections to one node; an async context manager. Raises InvalidAddress."""

    def __init__(self, node_url: str, patience: Patience | None = None) -> None:
        self.node_url = parse_node_url(node_url)
        self._patience = patience or Patience()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        assert self._session is None, "a transport is entered once"
        self._session = aiohttp.ClientSession(
            base_url=self.node_url,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "User-Agent": "tally"},
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        size_max: int,
        body: bytes | None = None,
        parameters: Mapping[str, str] | None = None,
        token: str | None = None,
        repeatable: bool,
        patience_factor: int = 1,
    ) -> Response:
        """Send, and return the whole answer if it is a success of up to ``size_max`` bytes.

        It is waited for ``patience_factor`` times as long as usual.
        Raises NodeUnreachable, NodeRefused for a problem, AnswerInvalid for anything else.
        """
        attempts = self._patience.attempts if repeatable else 1
        pause = self._patience.pause_seconds
        for left in range(attempts - 1, -1, -1):
            try:
                return await self._send(
                    method, path, body, parameters, token, size_max, patience_factor
                )
            except (NodeUnreachable, NodeRefused) as error:
                if left == 0 or (isinstance(error, NodeRefused) and error.status not in _BUSY):
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, self._patience.pause_seconds_max)
        raise AssertionError("the last attempt returns or raises")

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        parameters: Mapping[str, str] | None,
        token: str | None,
        size_max: int,
        patience_factor: int,
    ) -> Response:
        assert self._session is not None, "a transport is used inside its async with"
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with self._session.request(
                method,
                path,
                data=body,
                params=parameters,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=patience_factor * self._patience.answer_seconds,
                    sock_connect=self._patience.connect_seconds,
                ),
            ) as response:
                return await self._receive(response, size_max)
        except TimeoutError:
            raise NodeUnreachable(self.node_url, "it does not answer in time") from None
        except aiohttp.ClientResponseError:
            raise AnswerInvalid("is not HTTP") from None
        except aiohttp.ClientConnectorCertificateError:
            raise NodeUnreachable(self.node_url, "its certificate is not valid") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NodeUnreachable(self.node_url, _reason(error)) from None

    async def _receive(self, response: aiohttp.ClientResponse, size_max: int) -> Response:
        status = response.status
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise AnswerInvalid("is compressed, which nobody asked for")
        if 300 <= status < 400:
            raise AnswerInvalid("sends this device somewhere else, where it will not go")
        limit = size_max if status < 300 else PROBLEM_BYTES_MAX
        received = bytearray()
        async for chunk in response.content.iter_any():
            received += chunk
            if len(received) > limit:
                # Leaving the rest unread ends the connection, which is the point.
                response.close()
                raise AnswerInvalid(f"is longer than {limit} bytes")
        if status < 300:
            return Response(status, response.content_type, bytes(received))
        if response.content_type != PROBLEM_JSON:
            raise _unexplained(status)
        raise read_problem(parse_fields(bytes(received), "its problem"))


def read_problem(problem: Fields) -> NodeRefused:
    """The node's problem (RFC 9457) as an error. Raises AnswerInvalid for what is none."""
    attributes = {
        name: value
        for name in problem
        if name not in _PROBLEM_MEMBERS
        and (type(value := problem.raw(name)) in (int, str, bool) or _is_flat(value))
    }
    return NodeRefused(
        problem.text("code", 64),
        _sentence(problem.text("detail")),
        problem.integer("status", 400, 599),
        attributes,
    )


def _is_flat(value: object) -> bool:
    return isinstance(value, list) and all(type(item) in (int, str, bool) for item in value)


def _sentence(detail: str) -> str:
    """The node's words, fit for a terminal: printable, on one line, of reasonable length."""
    line = " ".join(detail.split())[:SENTENCE_CHARACTERS_MAX]
    return "".join(letter for letter in line if letter.isprintable())


def _unexplained(status: int) -> TallystickError:
    """An error without a problem comes from something in between, such as a proxy."""
    if status in _BUSY or status >= 500:
        return NodeRefused("unavailable", "The circle's node is not at work now.", status, {})
    return AnswerInvalid(f"has the status {status} and no explanation")


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "its name is not known"
        case aiohttp.ClientSSLError():
            return "it speaks no safe https"
        case aiohttp.ClientConnectorError():
            return "nothing answers there"
        case _:
            return "the connection broke"
