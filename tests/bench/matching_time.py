"""The hours of those who are made up: when they are awake, and when somebody is at the desk."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from node.help.minutes import DAY

ZONE = ZoneInfo("Europe/London")
MINUTE_MS = 60_000
DAY_MS = DAY * MINUTE_MS
AWAKE = (8 * 60, 22 * 60)
DESK = (9 * 60, 17 * 60)
CALL = 4
"""Minutes that a call takes."""
AGAIN = 180
"""Minutes after which somebody who did not pick up is rung once more."""


def when_open(minute: int, hours: tuple[int, int]) -> int:
    """The first minute from this one on that lies within these hours of a day."""
    clock = minute % DAY
    if clock < hours[0]:
        return minute - clock + hours[0]
    if clock >= hours[1]:
        return minute - clock + DAY + hours[0]
    return minute


def awake_after(minute: int, takes: int) -> int:
    """When so many minutes awake have gone by."""
    minute = when_open(minute, AWAKE)
    while minute % DAY + takes > AWAKE[1]:
        takes -= AWAKE[1] - minute % DAY
        minute += DAY - minute % DAY + AWAKE[0]
    return minute + takes
