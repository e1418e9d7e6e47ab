"""Days, hours and lengths of help, as people write and read them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from client.cli.days import DAY
from client.cli.event_times import read_length
from client.cli.event_words import tell_when
from client.cli.words import listed, write_day
from client.errors import InputRefused
from client.help import Hours
from client.help_views import Window

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
VISIT_MINUTES = (15, 480)

_CLOCK = r"([0-9]{1,2})(?:[:.]([0-9]{2}))?"
_SPAN = re.compile(rf"{_CLOCK} *(?:-|to) *{_CLOCK}", re.ASCII)
_FREE = re.compile(r"([a-z, -]+?) +([0-9].*)", re.ASCII)
_BETWEEN = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]+([0-9].*)", re.ASCII)


def read_span(text: str) -> tuple[int, int]:
    """Minutes of the day in "9-12" or "14:00-17:30". Raises InputRefused."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is not None:
        hours, minutes = (int(found[1]), int(found[3])), (int(found[2] or 0), int(found[4] or 0))
        begins, ends = (hour * 60 + minute for hour, minute in zip(hours, minutes, strict=True))
        if max(minutes) < 60 and begins < ends <= 24 * 60:
            return begins, ends
    raise InputRefused(f"{text[:40]!r} are no hours of a day: write 9-12 or 14:00-17:30.")


def read_free(text: str) -> list[Hours]:
    """Of a week: "Mon 9-12", "Tue,Thu 14:00-17:30", "every day 9-17". Raises InputRefused."""
    found = _FREE.fullmatch(text.strip().lower())
    days = _read_weekdays(found[1]) if found else None
    if found is None or days is None:
        raise InputRefused(
            f"{text[:40]!r} is no time of a week: write like 'Mon 9-12', 'Tue,Thu 14:00-17:30' or"
            " 'every day 9-17'."
        )
    begins, ends = read_span(found[2])
    return [Hours(day + 1, write_clock(begins), write_clock(ends)) for day in days]


def _read_weekdays(text: str) -> list[int] | None:
    if text.strip() in ("every day", "daily"):
        return list(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begins, ends = _weekday(first), _weekday(last or first)
        if begins is None or ends is None or begins > ends:
            return None
        found.update(range(begins, ends + 1))
    return sorted(found)


def _weekday(text: str) -> int | None:
    written = text.strip()
    return next(
        (
            number
            for number, day in enumerate(WEEKDAYS)
            if len(written) >= 2 and day.lower().startswith(written)
        ),
        None,
    )


def write_clock(minutes: int) -> str:
    """09:30, as the API has it."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def read_between(text: str) -> Window:
    """A day and hours: "2026-11-27 9-17". Raises InputRefused."""
    found = _BETWEEN.fullmatch(text.strip())
    if found is None:
        raise InputRefused(
            f"{text[:40]!r} is no time to come: write a day and hours, like '2026-11-27 9-17'."
        )
    day = _read_day(found[1])
    begins, ends = read_span(found[2])
    return Window(day + timedelta(minutes=begins), day + timedelta(minutes=ends))


def _read_day(text: str) -> datetime:
    try:
        day: datetime = datetime.strptime(text, DAY.formats[0])
    except ValueError:
        raise InputRefused(f"There is no day {text}: write one like 2026-11-27.") from None
    return day


def read_away(text: str) -> Window | None:
    """Days: "2026-12-20..2027-01-04", both days included; "no" for being away no more."""
    if text.strip().lower() in ("no", "none", "never"):
        return None
    first, dots, last = text.strip().partition("..")
    if not dots:
        last = first
    begins, ends = _read_day(first.strip()), _read_day(last.strip()) + timedelta(days=1)
    if begins >= ends:
        raise InputRefused(f"{text[:40]!r} ends before it begins: write the earlier day first.")
    return Window(begins, ends)


def read_visit_length(text: str) -> int:
    """How long help takes, in minutes. Raises InputRefused."""
    minutes = read_length(text)
    least, most = VISIT_MINUTES
    if not least <= minutes <= most:
        raise InputRefused("Help takes from a quarter of an hour to 8 hours at one time.")
    return minutes


def read_taken(text: str) -> int:
    """How long something took, in minutes. Raises InputRefused."""
    minutes = read_length(text)
    if minutes > 24 * 60:
        raise InputRefused("That is more than a day: write how long it took, such as 1h30.")
    return minutes


def tell_length(minutes: int) -> str:
    """1 hour, 1 h 30, 45 minutes."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest} minutes"
    if rest:
        return f"{hours} h {rest:02}"
    return f"{hours} hour{'s' * (hours > 1)}"


def tell_window(window: Window, minutes: int) -> str:
    """Friday 27 November 2026 at 10:00, or between 9:00 and 17:00."""
    if window.ends - window.begins == timedelta(minutes=minutes):
        return tell_when(window.begins)
    ends = "24:00" if window.ends.date() > window.begins.date() else f"{window.ends:%H:%M}"
    day = f"{window.begins:%A} {write_day(window.begins.date())}"
    return f"{day} between {window.begins:%H:%M} and {ends}"


def tell_free(hours: tuple[Hours, ...]) -> str:
    """Monday 09:00 to 12:00 and 14:00 to 17:00, Tuesday ..."""
    days = []
    for number, name in enumerate(WEEKDAYS, 1):
        spans = [f"{each.begins} to {each.ends}" for each in hours if each.weekday == number]
        if spans:
            days.append(f"{name} {listed(spans)}")
    return ", ".join(days)
