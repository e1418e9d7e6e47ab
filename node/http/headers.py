"""Headers that every answer has, and the answers to other origins' preflights."""

from __future__ import annotations

from multidict import CIMultiDict, CIMultiDictProxy, istr

SECURITY = CIMultiDictProxy(
    CIMultiDict(
        {
            # Named, so that aiohttp does not put its version and Python's there.
            "Server": "tallystick",
            "Content-Security-Policy": (
                "default-src 'self'; object-src 'none'; base-uri 'none'; "
                "form-action 'self'; frame-ancestors 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            # No cookie grants anything here, so any origin may read what anyone may.
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "Location, Retry-After, X-Request-Id",
            # Whatever may be kept says so itself.
            "Cache-Control": "no-store",
        }
    )
)

CONTENT_TYPE = istr("Content-Type")
REQUEST_ID = istr("X-Request-Id")


def preflight(allowed: list[str]) -> dict[str, str]:
    """Return the headers of an answer to OPTIONS (Fetch Standard, CORS protocol)."""
    methods = ", ".join(allowed)
    return {
        "Allow": methods,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Max-Age": "86400",
    }
