"""The clock on the circle's wall: local times in its time zone, right when the clocks change.

Local times are naive datetimes of whole minutes; moments are Unix milliseconds. A time that is on
the clock twice means the first; one that the clock leaves out is read with the offset from before,
and so is later by what was left out (RFC 5545 section 3.3.5, PEP 495 with ``fold=0``).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from node.errors import EventInvalid

ZONE_CHARACTERS_MAX = 64


@cache
def _names() -> frozenset[str]:
    """Without ``localtime`` and its like, which mean something else on another computer."""
    return frozenset(name for name in available_timezones() if "/" in name or name == "UTC")


def read_zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises EventInvalid; reads files."""
    if name not in _names():
        raise EventInvalid(f"{name[:64]!a} is no time zone; write one like Europe/London")
    return ZoneInfo(name)


def moment_of(local: datetime, zone: ZoneInfo) -> int:
    """When a local time is."""
    return round(local.replace(tzinfo=zone).timestamp()) * 1000


def local_of(moment: int, zone: ZoneInfo) -> datetime:
    """What the clock shows at a moment, without its seconds."""
    shown = datetime.fromtimestamp(moment // 1000, UTC).astimezone(zone)
    return shown.replace(tzinfo=None, second=0, fold=0)


def shown_at(local: datetime, zone: ZoneInfo) -> datetime:
    """The time that the clock shows when it is ``local``: the same, unless it leaves that out."""
    return local_of(moment_of(local, zone), zone)


def is_on_the_clock(local: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock shows this time on that day."""
    return shown_at(local, zone) == local


def today(now: int, zone: ZoneInfo) -> date:
    """The day that it is at the circle's."""
    return local_of(now, zone).date()


def week_of(day: date) -> tuple[date, date]:
    """The Monday and the Sunday around a day."""
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=6)


def write_local(local: datetime) -> str:
    """``2026-03-29T10:00``, as the API has it."""
    return local.isoformat(timespec="minutes")
