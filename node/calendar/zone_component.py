"""A time zone as RFC 5545 section 3.6.5 has it: every change of the clocks in the years needed.

The library's own makes the clocks go forward an hour late, since it writes when they do so on the
clock of afterwards; DTSTART is on that of before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

ZONES_KEPT = 64


@lru_cache(maxsize=ZONES_KEPT)
def describe_zone(zone: ZoneInfo, first_year: int, last_year: int) -> Timezone:
    """The VTIMEZONE of a zone, right from the beginning of one year to the end of another."""
    component = Timezone()
    component.add("tzid", zone.key)
    begin = datetime(first_year, 1, 1, tzinfo=UTC)
    end = datetime(last_year + 1, 1, 1, tzinfo=UTC)
    component.add_component(_observance(begin, zone, _offset(begin, zone)))
    for moment in _changes(begin, end, zone):
        before = _offset(moment - timedelta(seconds=1), zone)
        component.add_component(_observance(moment, zone, before))
    return component


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).replace(tzinfo=None) - moment.replace(tzinfo=None)


def _shown(moment: datetime, zone: ZoneInfo) -> tuple[timedelta, str, bool]:
    local = moment.astimezone(zone)
    return _offset(moment, zone), local.tzname() or zone.key, bool(local.dst())


def _changes(begin: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The first moments of other offsets, names or summer times."""
    day = timedelta(days=1)
    while begin < end:
        if _shown(begin, zone) != _shown(begin + day, zone):
            yield _bisect(begin, begin + day, zone)
        begin += day


def _bisect(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if _shown(middle, zone) == _shown(before, zone):
            before = middle
        else:
            after = middle
    return after


def _observance(
    moment: datetime, zone: ZoneInfo, before: timedelta
) -> TimezoneStandard | TimezoneDaylight:
    """What the clocks show from a moment on; ``before`` is the offset until then."""
    offset, name, is_summer = _shown(moment, zone)
    observance = TimezoneDaylight() if is_summer else TimezoneStandard()
    observance.add("dtstart", (moment + before).replace(tzinfo=None))
    observance.add("tzoffsetfrom", before)
    observance.add("tzoffsetto", offset)
    observance.add("tzname", name)
    return observance
