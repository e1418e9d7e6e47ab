"""Repeats: the part of RFC 5545's recurrence rules that neighbours need, expanded and bounded.

A rule is kept with its last day as UNTIL, so that it means the same however many were counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice

from dateutil import rrule

from node.errors import EventInvalid

OCCURRENCES_MAX = 200
"""Of one event."""
DAYS_MAX = 731
"""From the first occurrence to the last."""
TEXT_CHARACTERS_MAX = 200

_FREQUENCIES = {"DAILY": rrule.DAILY, "WEEKLY": rrule.WEEKLY, "MONTHLY": rrule.MONTHLY}
_DAYS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
_ORDER = ("FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "UNTIL", "COUNT")
_SHAPES = {
    "FREQ": re.compile("DAILY|WEEKLY|MONTHLY"),
    "INTERVAL": re.compile("[1-9][0-9]?"),
    "BYDAY": re.compile(r"(?:[1-5]|-1)?(?:MO|TU|WE|TH|FR|SA|SU)(?:,(?:[1-5]|-1)?[A-Z]{2}){0,6}"),
    "BYMONTHDAY": re.compile(r"-1|[1-9]|[12][0-9]|3[01]"),
    "UNTIL": re.compile("[0-9]{8}"),
    "COUNT": re.compile("[1-9][0-9]{0,2}"),
}
_ONE_DAY = re.compile(r"([1-5]|-1)?(MO|TU|WE|TH|FR|SA|SU)")


@dataclass(frozen=True, slots=True)
class Repeats:
    """A rule as it is kept, and the local times that it comes to, the first one included."""

    rule: str
    times: tuple[datetime, ...]


def parse_repeats(text: str, first: datetime) -> Repeats:
    """Read an RRULE such as ``FREQ=WEEKLY;UNTIL=20261231``, and expand it from its first time.

    Raises EventInvalid for what is no such rule, has no end or too far an end, or does not have
    ``first`` among its own times.
    """
    parts = _parse_parts(text)
    if ("UNTIL" in parts) == ("COUNT" in parts):
        raise _refused("say when it ends, with either UNTIL or COUNT")
    latest = first.date() + timedelta(days=DAYS_MAX)
    until = _parse_day(parts["UNTIL"]) if "UNTIL" in parts else latest
    if not first.date() <= until <= latest:
        raise _refused(f"it has to end from {first.date()} to {latest}, not on {until}")
    count = int(parts.get("COUNT", OCCURRENCES_MAX + 1))
    times = tuple(islice(_expand(parts, first, until), min(count, OCCURRENCES_MAX + 1)))
    if len(times) > OCCURRENCES_MAX:
        raise _refused(f"it comes to more than {OCCURRENCES_MAX} times; end it earlier")
    if "COUNT" in parts and len(times) < count:
        raise _refused(f"it does not come to {count} times by {latest}; take fewer")
    if not times or times[0] != first:
        raise _refused(f"it does not begin on {first:%A} {first.date()}; begin on one of its days")
    return Repeats(_write(parts, times[-1].date()), times)


def _parse_parts(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(";")]
    parts = {name: value for name, _, value in pairs}
    known = all(name in _SHAPES and _SHAPES[name].fullmatch(value) for name, _, value in pairs)
    if not known or len(parts) != len(pairs) or "FREQ" not in parts:
        raise _refused(
            "it is no rule that is taken here; one is FREQ=WEEKLY;INTERVAL=2;UNTIL=20261231"
        )
    days = parts.get("BYDAY", "").split(",") if "BYDAY" in parts else []
    numbered = [_parse_weekday(day)[0] is not None for day in days]
    if len(set(days)) < len(days):
        raise _refused("BYDAY names a day twice")
    if any(numbered) and (parts["FREQ"] != "MONTHLY" or not all(numbered)):
        raise _refused("only in a month are days numbered, and then all of them: BYDAY=1TU,3TU")
    if "BYMONTHDAY" in parts and (parts["FREQ"] != "MONTHLY" or days):
        raise _refused("BYMONTHDAY goes with FREQ=MONTHLY, and without BYDAY")
    return parts


def _parse_weekday(text: str) -> tuple[int | None, int]:
    found = _ONE_DAY.fullmatch(text)
    if found is None:
        raise _refused(f"{text!a} is no day of the week; write MO, TU, WE, TH, FR, SA or SU")
    return (int(found[1]) if found[1] else None), _DAYS[found[2]]


def _parse_day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        raise _refused(f"UNTIL={text} is no day; write one like UNTIL=20261231") from None


def _expand(parts: dict[str, str], first: datetime, until: date) -> rrule.rrule:
    weekdays = (
        [
            rrule.weekday(weekday, number)
            for number, weekday in map(_parse_weekday, parts.get("BYDAY", "").split(","))
        ]
        if "BYDAY" in parts
        else None
    )
    return rrule.rrule(
        _FREQUENCIES[parts["FREQ"]],
        dtstart=first,
        interval=int(parts.get("INTERVAL", 1)),
        byweekday=weekdays,
        bymonthday=int(parts["BYMONTHDAY"]) if "BYMONTHDAY" in parts else None,
        until=datetime.combine(until, time.max),
    )


def _write(parts: dict[str, str], last: date) -> str:
    kept = {name: value for name, value in parts.items() if name != "COUNT"}
    kept["UNTIL"] = f"{last:%Y%m%d}"
    return ";".join(f"{name}={kept[name]}" for name in _ORDER if name in kept)


def _refused(reason: str) -> EventInvalid:
    return EventInvalid(reason)
