"""Ports for circles that keep their addresses when they are started again."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from itertools import cycle
from typing import Final

PORTS: Final = range(10_000, 32_000)
"""Below those that systems give to whoever asks for any (ip(7), ip_local_port_range): while a node
is started, or is down, nobody else comes to have its port."""

_BEGIN = os.getpid() * 211 % len(PORTS)
"""Each process begins elsewhere, as several of them run tests at once."""
_next: Iterator[int] = cycle((*PORTS[_BEGIN:], *PORTS[:_BEGIN]))


def free_port() -> int:
    """A port that nobody listens on, another one each time."""
    for port in _next:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("a cycle has no end")
