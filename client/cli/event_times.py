"""Days, times and repeats of events, as people write them on the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import click

from client.calendar import OccurrenceView
from client.cli.event_words import tell_when
from client.clock import unix_ms
from client.errors import InputRefused

TIME = click.DateTime(["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"])
"""A day and a time on the clock, such as "2026-12-05 10:00"."""

_LENGTH = re.compile(r"(?:([0-9]{1,3})h)?(?:([0-9]{1,4})(?:m|min)?)?")
_EVERY = re.compile(r"(?:([1-9][0-9]?) )?(day|week|month)s?")
_FREQUENCIES = {"day": "DAILY", "week": "WEEKLY", "month": "MONTHLY"}
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def write_time(when: datetime) -> str:
    """As the API has it."""
    return when.isoformat(timespec="minutes")


def read_length(text: str) -> int:
    """Minutes in "2h", "1h30", "90" or "90min". Raises InputRefused."""
    found = _LENGTH.fullmatch(text.strip().lower())
    minutes = int(found[1] or 0) * 60 + int(found[2] or 0) if found else 0
    if not 5 <= minutes <= 7 * 24 * 60:
        raise InputRefused(
            f"{text[:40]!r} cannot be how long it is: write 2h, 1h30 or 90min, from 5 minutes to a"
            " week."
        )
    return minutes


def write_rule(
    every: str | None, begins: datetime, until: datetime | None, times: int | None
) -> str | None:
    """The RRULE of "week", "2 weeks", "day", "month"; a month repeats the weekday it begins on.

    The second Tuesday stays the second; a fifth one is the last. Raises InputRefused.
    """
    if every is None:
        if until is not None or times is not None:
            raise InputRefused("Say how often it is too: --every week, for one.")
        return None
    found = _EVERY.fullmatch(every.strip().lower())
    if found is None:
        raise InputRefused(
            f"{every[:40]!r} is not how often something is: write day, week, 2 weeks or month."
        )
    if (until is None) == (times is None):
        raise InputRefused("Say when it ends: either --until DAY or --times N.")
    parts = [f"FREQ={_FREQUENCIES[found[2]]}"]
    if found[1]:
        parts.append(f"INTERVAL={found[1]}")
    if found[2] == "month":
        nth = (begins.day + 6) // 7
        parts.append(f"BYDAY={nth if nth < 5 else -1}{_WEEKDAYS[begins.weekday()]}")
    parts.append(f"COUNT={times}" if until is None else f"UNTIL={until:%Y%m%d}")
    return ";".join(parts)


def choose_occurrence(
    occurrences: Sequence[OccurrenceView], on: datetime | None, *, also_over: bool = False
) -> OccurrenceView:
    """The one on a day, or else the next that is not cancelled. Raises InputRefused."""
    if on is not None:
        of_day = [each for each in occurrences if each.begins.date() == on.date()]
        if not of_day:
            raise InputRefused(
                f"Event {occurrences[0].event} is not on {on:%Y-%m-%d}; it is next on"
                f" {tell_when(occurrences[0].begins)}."
                if len(occurrences) == 1
                else f"Event {occurrences[0].event} is not on {on:%Y-%m-%d}: see when it is with"
                f" tally events show {occurrences[0].event}."
            )
        return of_day[0]
    now = unix_ms()
    coming = [each for each in occurrences if each.over > now]
    chosen = next((each for each in coming if not each.cancelled), None)
    if chosen is None and also_over:
        return coming[0] if coming else occurrences[-1]
    if chosen is None:
        raise InputRefused(
            f"Event {occurrences[0].event} is over or cancelled: nothing of it is to come."
        )
    return chosen
