"""A closed loop of requests over raw sockets: so cheap that what is measured is the node.

The requests are whole before the clock starts, and the answers stay bytes until it has stopped. One
thread waits for all connections; each has one request on its way at any time.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

STALL_SECONDS = 60
"""How long every connection may be silent before the run is given up."""
_PIECE = 1 << 18
_LENGTH = re.compile(rb"\r\nContent-Length: ([0-9]+)", re.IGNORECASE)


class LoadFailed(Exception):
    """The service closed a connection, fell silent, or answered what is not counted."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run came to: from the first byte sent to the last received, in seconds.

    ``bodies`` are in the order of the requests, ``latencies`` in seconds likewise.
    """

    seconds: float
    bodies: list[bytes]
    latencies: list[float]

    def latency(self, share: float) -> float:
        """The latency that this share of the requests did not exceed, in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass(slots=True)
class _Lane:
    """One connection: the request it is at, and what has come of its answer."""

    link: socket.socket
    place: int = -1
    sent: float = 0.0
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    answer: bytearray = field(default_factory=bytearray)
    begin: int = 0
    end: int = 0


def post(url: str, path: str, body: bytes) -> bytes:
    """The bytes of a POST of JSON."""
    head = f"POST {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
    return (
        f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


def get(url: str, path: str, token: str | None = None) -> bytes:
    """The bytes of a GET, with a session's token or without."""
    bearer = "" if token is None else f"Authorization: Bearer {token}\r\n"
    return f"GET {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n{bearer}\r\n".encode()


def run(url: str, requests: Sequence[bytes], connections: int) -> Run:
    """Send all requests over so many connections, each its next when it has its last answer.

    Raises LoadFailed for any status but 200.
    """
    lanes = list(_connect(url, min(connections, len(requests))))
    bodies: list[bytes] = [b""] * len(requests)
    latencies = [0.0] * len(requests)
    following = iter(range(len(requests)))
    with selectors.DefaultSelector() as selector:
        began = time.perf_counter()
        for lane in lanes:
            selector.register(lane.link, selectors.EVENT_READ, lane)
            _send(lane, requests, next(following), selector)
        busy = len(lanes)
        while busy:
            ready = selector.select(STALL_SECONDS)
            if not ready:
                raise LoadFailed(f"no answer within {STALL_SECONDS} seconds")
            for key, events in ready:
                lane = key.data
                if events & selectors.EVENT_WRITE:
                    _send_on(lane, selector)
                body = _receive(lane) if events & selectors.EVENT_READ else None
                if body is None:
                    continue
                latencies[lane.place] = time.perf_counter() - lane.sent
                bodies[lane.place] = body
                place = next(following, None)
                if place is None:
                    busy -= 1
                else:
                    _send(lane, requests, place, selector)
        seconds = time.perf_counter() - began
    for lane in lanes:
        lane.link.close()
    return Run(seconds, bodies, latencies)


def _connect(url: str, connections: int) -> Iterator[_Lane]:
    parts = urlsplit(url)
    for _ in range(connections):
        link = socket.create_connection((parts.hostname, parts.port), STALL_SECONDS)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setblocking(False)
        yield _Lane(link)


def _send(
    lane: _Lane, requests: Sequence[bytes], place: int, selector: selectors.BaseSelector
) -> None:
    lane.place = place
    lane.unsent = memoryview(requests[place])
    lane.sent = time.perf_counter()
    _send_on(lane, selector)


def _send_on(lane: _Lane, selector: selectors.BaseSelector) -> None:
    """Send what the connection takes; the rest once it takes more."""
    with suppress(BlockingIOError):
        lane.unsent = lane.unsent[lane.link.send(lane.unsent) :]
    events = selectors.EVENT_READ | (selectors.EVENT_WRITE if lane.unsent else 0)
    if selector.get_key(lane.link).events != events:
        selector.modify(lane.link, events, lane)


def _receive(lane: _Lane) -> bytes | None:
    """Take what has come; the answer's body, once it is whole."""
    piece = lane.link.recv(_PIECE)
    if not piece:
        raise LoadFailed("the service closed a connection")
    answer = lane.answer
    answer += piece
    if not lane.end:
        head = answer.find(b"\r\n\r\n")
        if head < 0:
            return None
        length = _LENGTH.search(answer, 0, head)
        if length is None or not answer.startswith(b"HTTP/1.1 200 "):
            raise LoadFailed(bytes(answer[:1000]).decode(errors="replace"))
        lane.begin = head + 4
        lane.end = lane.begin + int(length[1])
    if len(answer) < lane.end:
        return None
    body = bytes(answer[lane.begin : lane.end])
    lane.answer, lane.end = bytearray(), 0
    return body
