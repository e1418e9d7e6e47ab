"""What a handler returns when its answer is not one JSON model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

from aiohttp import web

IMMUTABLE = "public, max-age=31536000, immutable"
"""Cache-Control of what never changes, such as a full tile."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose bytes the handler has rendered itself.

    ``content`` is text (sent as UTF-8), bytes, or an async generator of bytes for what is too long
    to hold. Without ``content_type`` it is the first that the endpoint declares to produce; without
    ``status`` the endpoint's. ``headers`` override the defaults, among them Cache-Control, which
    is otherwise ``no-store``.
    """

    content: str | bytes | AsyncGenerator[bytes, None]
    content_type: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """The request itself, for the few handlers that need more than their parameters."""

    request_id: str
    request: web.BaseRequest
