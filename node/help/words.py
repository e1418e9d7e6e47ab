"""How times are told in sentences."""

from __future__ import annotations

from datetime import datetime


def tell_time(time: datetime) -> str:
    """``Friday 4 December at 10:00``."""
    return f"{time:%A} {time.day} {time:%B} at {time:%H:%M}"
