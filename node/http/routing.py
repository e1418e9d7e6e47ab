"""The explicit list of routes, and which of them a request means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from node.errors import MethodNotAllowed, PathUnknown
from node.http.endpoint import Endpoint

Segments = tuple[str, ...]

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f/\\]")


@dataclass(frozen=True, slots=True)
class _Route:
    """One path template and its endpoints by method.

    A segment ``{name}`` takes one segment; a last segment ``{name...}`` takes all that is left.
    """

    template: Segments
    endpoints: dict[str, Endpoint] = field(default_factory=dict)

    def match(self, segments: Segments) -> dict[str, str] | None:
        """Return the path parameters, or None when this is another path."""
        values: dict[str, str] = {}
        for position, part in enumerate(self.template):
            if position >= len(segments):
                return None
            if part.endswith("...}"):
                values[part[1:-4]] = "/".join(segments[position:])
                return values
            if part.startswith("{"):
                values[part[1:-1]] = segments[position]
            elif part != segments[position]:
                return None
        return values if len(segments) == len(self.template) else None


class Router:
    """Finds the endpoint for a method and a path; paths without parameters come first."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._fixed: dict[Segments, _Route] = {}
        self._templated: dict[Segments, _Route] = {}
        for endpoint in endpoints:
            template = tuple(endpoint.path[1:].split("/"))
            table = self._templated if "{" in endpoint.path else self._fixed
            route = table.setdefault(template, _Route(template))
            if endpoint.method in route.endpoints:
                raise ValueError(f"Two endpoints have {endpoint.method} {endpoint.path}.")
            route.endpoints[endpoint.method] = endpoint

    def resolve(self, method: str, raw_path: str) -> tuple[Endpoint, dict[str, str]]:
        """Return the endpoint and its path parameters, decoded. HEAD is answered by GET's.

        Raises:
            PathUnknown: no route has this path, or it cannot be decoded.
            MethodNotAllowed: the path has routes, for other methods.
        """
        wanted = "GET" if method == "HEAD" else method
        for route, values in self._matches(raw_path):
            endpoint = route.endpoints.get(wanted)
            if endpoint is not None:
                return endpoint, values
        raise MethodNotAllowed(method, self.allowed(raw_path))

    def allowed(self, raw_path: str) -> list[str]:
        """Return the methods of this path, HEAD and OPTIONS among them.

        Raises:
            PathUnknown: no route has this path, or it cannot be decoded.
        """
        methods = {name for route, _ in self._matches(raw_path) for name in route.endpoints}
        if not methods:
            raise PathUnknown(raw_path)
        return sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))

    def _matches(self, raw_path: str) -> Iterator[tuple[_Route, dict[str, str]]]:
        segments = _parse_segments(raw_path)
        if segments is None:
            return
        fixed = self._fixed.get(segments)
        if fixed is not None:
            yield fixed, {}
        for route in self._templated.values():
            values = route.match(segments)
            if values is not None:
                yield route, values


def _parse_segments(raw_path: str) -> Segments | None:
    """Split, then decode; None for what is no path of ours.

    Empty and dot segments, control characters and encoded slashes occur in no route, and are where
    proxies, parsers and file systems disagree.
    """
    if not raw_path.startswith("/") or not raw_path.isascii():
        return None
    segments = tuple(raw_path[1:].split("/"))
    if "%" in raw_path:
        try:
            segments = tuple(unquote_to_bytes(part).decode() for part in segments)
        except UnicodeDecodeError:
            return None
        if any(map(_FORBIDDEN.search, segments)):
            return None
    if raw_path != "/" and any(part in ("", ".", "..") for part in segments):
        return None
    return segments
