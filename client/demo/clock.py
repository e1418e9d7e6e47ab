"""The clock of a circle whose story takes a fortnight: behind the real one, and moved forward."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from client.clock import wall_ms
from client.errors import DemoFailed

ZONE = "Europe/London"
DAYS = 14
LAST_HOUR = 20
"""Of the last day: the story is over by then."""
EPOCH = datetime.fromtimestamp(0, UTC)
MS = timedelta(milliseconds=1)


@dataclass(slots=True)
class StoryClock:
    """``behind`` is in milliseconds, also in the file at ``path``, where the node finds it.

    ``monday`` is the first day of the story. Nothing is ever dated in the future: after its last
    day the circle lives on by the real clock.
    """

    path: Path
    monday: datetime
    zone: ZoneInfo
    behind: int = 0

    def read(self) -> int:
        """Unix milliseconds, for the members as for their node."""
        return wall_ms() - self.behind

    def today(self) -> str:
        """Such as Monday 9 November."""
        now = _local(self.read(), self.zone)
        return f"{now:%A} {now.day} {now:%B}"

    def at(self, day: int, hour: int, minute: int = 0) -> datetime:
        """A time on one of the days, of which the first is 0, on the circle's clock."""
        return self.monday + timedelta(days=day, hours=hour, minutes=minute)

    def go_to(self, day: int, hour: int, minute: int = 0) -> None:
        """It becomes so late. Raises DemoFailed: time goes one way."""
        behind = self._behind(self.at(day, hour, minute))
        if behind > self.behind:
            raise DemoFailed("the story would go back in time")
        self._say(behind)

    def catch_up(self) -> None:
        """It becomes as late as it really is."""
        self._say(0)

    def begin(self) -> None:
        """It becomes nine on the first morning."""
        self._say(self._behind(self.at(0, 9)))

    def _behind(self, moment: datetime) -> int:
        """By how much a local time is over."""
        return wall_ms() - (moment.replace(tzinfo=self.zone) - EPOCH) // MS

    def _say(self, behind: int) -> None:
        """At once and whole, as the node may look at any moment."""
        if behind < 0:
            raise DemoFailed("the story would be in the future")
        self.behind = behind
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{behind}\n")
        fresh.replace(self.path)


def begin_fortnight(path: Path) -> StoryClock:
    """The latest fortnight that is over, from its Monday morning on. Raises DemoFailed."""
    try:
        zone = ZoneInfo(ZONE)
    except ZoneInfoNotFoundError:
        raise DemoFailed(
            f"this computer has no clock of {ZONE}; install tallystick[node]"
        ) from None
    now = _local(wall_ms(), zone)
    monday = datetime.combine(now.date() - timedelta(days=now.weekday()), time())
    while monday + timedelta(days=DAYS - 1, hours=LAST_HOUR) > now:
        monday -= timedelta(days=7)
    clock = StoryClock(path, monday, zone)
    clock.begin()
    return clock


def _local(moment: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment / 1000, zone).replace(tzinfo=None)
