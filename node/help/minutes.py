"""Minutes on the clock on the circle's wall, counted from a Monday at midnight.

So a time of the week is what remains after ``WEEK``, and how long something takes is a difference,
in SQL as here. What the clock leaves out or shows twice is settled by ``local_time``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from node.calendar.local_time import local_of, moment_of

FIRST = datetime(2000, 1, 3)
DAY = 24 * 60
WEEK = 7 * DAY
_LAST = datetime(2100, 1, 1)
_MINUTE = timedelta(minutes=1)


def minute_of(local: datetime) -> int:
    """The minute of a local time. Raises ValueError before the first and after this century."""
    if not FIRST <= local < _LAST:
        raise ValueError("it is not in this century")
    return (local - FIRST) // _MINUTE


def time_of(minute: int) -> datetime:
    """The local time of a minute."""
    return FIRST + minute * _MINUTE


def minute_at(moment: int, zone: ZoneInfo) -> int:
    """The minute that the clock shows at a moment, in Unix milliseconds."""
    return minute_of(local_of(moment, zone))


def moment_at(minute: int, zone: ZoneInfo) -> int:
    """When it is that minute, in Unix milliseconds."""
    return moment_of(time_of(minute), zone)
