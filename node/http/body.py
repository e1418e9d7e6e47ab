"""Request bodies, read within limits: each one's, and one for all that are in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from aiohttp import HttpVersion11, StreamReader, web

from node.errors import (
    BodyTooLarge,
    BodyTooSlow,
    ContentEncodingRefused,
    HttpMalformed,
    MediaTypeUnsupported,
    Overloaded,
    RequestInvalid,
)
from node.http.limits import HttpLimits

ANY = "*/*"
"""Accepted, it stands for every media type, and for none: some protocols name no type at all."""


class ClientGoneError(Exception):
    """The client left before its request was complete, so there is no one to answer."""


class BodyReader:
    """Reads bodies, and keeps count of the bytes of all that are in memory."""

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._held = 0

    async def read(
        self, request: web.BaseRequest, accepted: Collection[str], *, required: bool
    ) -> bytes:
        """Return the whole body; its bytes count as held until `release` is called.

        `accepted` are the media types taken, in lower case. A body that is not `required` and not
        there is empty.

        Raises:
            RequestInvalid, MediaTypeUnsupported, ContentEncodingRefused: before anything is read.
            BodyTooLarge, BodyTooSlow, Overloaded, HttpMalformed: as soon as it shows.
            ClientGoneError: when the connection ended first.
        """
        if not request.body_exists:
            if required:
                raise RequestInvalid(["body: it is missing"])
            return b""
        _check_media_type(request, accepted)
        if (request.content_length or 0) > self._limits.body_bytes_max:
            raise BodyTooLarge(self._limits.body_bytes_max)
        content = request.content
        if content.is_eof():
            # Most bodies come in one piece with their header, and need no clock.
            body = content.read_nowait()
            self._check(len(body), self._held + len(body))
            self._held += len(body)
            return body
        await _send_continue(request)
        pieces = bytearray()
        try:
            await self._read_pieces(content, pieces)
        except BaseException:
            self._held -= len(pieces)
            raise
        return bytes(pieces)

    def release(self, body: bytes) -> None:
        """Stop counting a body that `read` returned."""
        self._held -= len(body)

    async def _read_pieces(self, content: StreamReader, pieces: bytearray) -> None:
        rate = self._limits.body_bytes_per_second
        deadline = asyncio.get_running_loop().time() + self._limits.body_seconds
        try:
            async with asyncio.timeout_at(deadline) as timer:
                while chunk := await content.readany():
                    pieces += chunk
                    self._held += len(chunk)
                    self._check(len(pieces), self._held)
                    deadline += len(chunk) / rate
                    timer.reschedule(deadline)
        except TimeoutError:
            raise BodyTooSlow(rate) from None
        except web.RequestPayloadError:
            raise HttpMalformed("its body is not framed as its header says") from None
        except ConnectionError:
            raise ClientGoneError from None

    def _check(self, size: int, held: int) -> None:
        if size > self._limits.body_bytes_max:
            raise BodyTooLarge(self._limits.body_bytes_max)
        if held > self._limits.bodies_bytes_max:
            raise Overloaded


def _check_media_type(request: web.BaseRequest, accepted: Collection[str]) -> None:
    encoding = request.headers.get("Content-Encoding")
    if encoding is not None:
        raise ContentEncodingRefused(_quotable(encoding))
    declared = request.headers.get("Content-Type", "")
    if ANY in accepted:
        return
    media_type, _, parameters = declared.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media_type.strip().lower() not in accepted or charset not in ("", "utf-8"):
        raise MediaTypeUnsupported(_quotable(declared), sorted(accepted))


def _quotable(value: str) -> str:
    """A header's value may hold any byte; a problem's text may not."""
    return value.encode("ascii", "replace").decode()


async def _send_continue(request: web.BaseRequest) -> None:
    """Ask for the body, if the client waits to be asked (RFC 9110 section 10.1.1)."""
    expectation = request.headers.get("Expect", "")
    if request.version >= HttpVersion11 and expectation.lower() == "100-continue":
        try:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        except ConnectionError:
            raise ClientGoneError from None
        # aiohttp takes bytes written for a response begun, and would not answer an error.
        request.writer.output_size = 0
