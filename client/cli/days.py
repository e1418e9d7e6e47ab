"""Days and spans of time as people write them on the command line."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import click

from client.cli.words import DAY_MS
from client.errors import InputRefused

DAY = click.DateTime(["%Y-%m-%d"])
"""A day on the command line, such as 2026-05-31."""

_SPANS = {"day": DAY_MS, "week": 7 * DAY_MS, "month": 30 * DAY_MS, "year": 365 * DAY_MS}


def end_of_day(day: datetime) -> int:
    """The first moment after a day, where the person is, in Unix milliseconds."""
    following = datetime.combine(day.date() + timedelta(days=1), time()).astimezone()
    return int(following.timestamp() * 1000)


def read_span(text: str) -> int:
    """Milliseconds in "day", "week", "2 weeks", "month" (30 days). Raises InputRefused."""
    words = text.lower().split()
    count = words.pop(0) if len(words) == 2 else "1"
    unit = _SPANS.get(words[0].removesuffix("s")) if words else None
    if unit is None or not count.isascii() or not count.isdecimal() or not 1 <= int(count) <= 366:
        raise InputRefused(f"{text[:40]!r} is no span of time: write day, week, or 2 weeks.")
    return int(count) * unit
