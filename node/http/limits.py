"""The limits of the node's HTTP edge, all in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one client, and all of them together, may ask of the node.

    Every request line, header field, body and connection is bounded by one of these. A silent or
    dribbling connection is closed within ``header_seconds`` or ``body_seconds`` and the two
    seconds in which the rest of a refused body is read away.
    """

    line_bytes_max: int = 8_190
    """The request line: method, path and query."""
    header_bytes_max: int = 4_096
    """One header field."""
    headers_max: int = 64
    query_parameters_max: int = 32
    body_bytes_max: int = 2 * 1024 * 1024
    bodies_bytes_max: int = 16 * 1024 * 1024
    """All request bodies in memory at one time."""
    json_depth_max: int = 16
    json_values_max: int = 50_000
    """Objects, arrays, strings and numbers in one body."""
    connections_max: int = 512
    requests_in_flight_max: int = 256
    header_seconds: float = 10.0
    """From the first byte of a request, or from connecting, to the end of its header."""
    body_seconds: float = 10.0
    """For a body, and one second more for each ``body_bytes_per_second`` that arrived."""
    body_bytes_per_second: int = 8_192
    write_seconds: float = 10.0
    """How long a client may read nothing of a response before the connection is cut. Also for all
    of one, with a second more for each ``write_bytes_per_second`` that it read; only the time in
    which the node waits for it counts."""
    write_bytes_per_second: int = 1_024
    keep_alive_seconds: float = 75.0
    """How long a connection may idle between two requests."""
    shutdown_seconds: float = 10.0
    """How long requests may run on when the node stops."""
