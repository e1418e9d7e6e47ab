"""Waiting for what has to come: by the clock, and long enough for a busy machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

COMES_SECONDS_MAX: Final = 45.0
"""Less than the minute after which nodes ask each other anyway, which hides that they are stuck."""

LOOK_SECONDS: Final = 0.1


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something that has to come."""
    end = time.monotonic() + COMES_SECONDS_MAX
    while not condition():
        assert time.monotonic() < end, "it does not come"
        time.sleep(LOOK_SECONDS)


async def until(
    condition: Callable[[], Awaitable[object]], seconds: float = COMES_SECONDS_MAX
) -> float:
    """Wait for something that has to come; returns how many seconds it took."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() < began + seconds, "it does not come"
        await asyncio.sleep(LOOK_SECONDS / 5)
    return time.monotonic() - began
