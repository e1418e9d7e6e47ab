"""How many are asked at once, and when the next ones are: by how much time is left.

A wave has one more than there are places, and one of them is new to it: likely somebody comes, and
few say yes in vain. It waits as long as people need to answer, while they are up, and the less time
there is the shorter. Whoever says no passes it on at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from node.help.minutes import DAY, minute_at, moment_at

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
SPARE = 1
"""So many more are asked than there are places."""
UP, TO_BED = 8 * 60, 22 * 60
"""Minutes of a day between which people answer: only they count for how long a wave waits."""


@dataclass(frozen=True, slots=True)
class Urgency:
    """For requests with at least ``notice`` left: the next are asked after ``share`` of what is
    left, within ``gap_min`` and ``gap_max``, nights not counted; ``waves`` are as many as there are
    before somebody rings round. Times are in milliseconds."""

    name: str
    notice: int
    share: float
    gap_min: int
    gap_max: int
    waves: int


URGENCIES = (
    Urgency("flexible", 7 * DAY_MS, 0.05, 8 * HOUR_MS, 12 * HOUR_MS, 6),
    Urgency("week", DAY_MS, 0.08, 3 * HOUR_MS, 8 * HOUR_MS, 6),
    Urgency("today", 0, 0.12, 15 * MINUTE_MS, 90 * MINUTE_MS, 6),
)
WAVES_MAX = max(urgency.waves for urgency in URGENCIES)


def urgency_of(left: int) -> Urgency:
    """By the milliseconds that are left until the last moment at which a visit can begin."""
    return next(urgency for urgency in URGENCIES if left >= urgency.notice or not urgency.notice)


@dataclass(frozen=True, slots=True)
class Wave:
    """So many are asked now, at least two, ``newcomers`` of them new to it; the next wave is at
    ``following``, or None after the last."""

    size: int
    newcomers: int
    following: int | None


def plan_wave(now: int, ends: int, wave: int, places: int, zone: ZoneInfo) -> Wave:
    """The wave of that number, counted from 1, of a request with so many places to fill.

    ``now`` and ``ends``, the last moment at which a visit can begin, are in Unix milliseconds.
    """
    urgency = urgency_of(ends - now)
    gap = min(max(round((ends - now) * urgency.share), urgency.gap_min), urgency.gap_max)
    following = _after_waking(now, gap, zone)
    goes_on = wave < urgency.waves and following < ends
    return Wave(places + SPARE, 1, following if goes_on else None)


def _after_waking(now: int, gap: int, zone: ZoneInfo) -> int:
    """When so many milliseconds have gone by in which people are up, to the minute."""
    minute, left = minute_at(now, zone), gap // MINUTE_MS
    while True:
        day = minute - minute % DAY
        begins = max(minute, day + UP)
        if begins + left <= day + TO_BED:
            return moment_at(begins + left, zone)
        left -= max(0, day + TO_BED - begins)
        minute = day + DAY
