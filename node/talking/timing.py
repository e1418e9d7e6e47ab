"""By what way a notice goes out, and when: decided from what the member wishes, without any I/O.

Hours are those of the clock on the circle's wall. Moments are Unix milliseconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from node.calendar.local_time import local_of, moment_of
from node.talking.settings import is_mailbox

Route = Literal["app", "email", "sms", "call", "letter"]

QUIET_USUAL = (21, 8)
"""From which hour until which one nobody is disturbed, unless they say otherwise."""
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
APP_URGENT_MS = HOUR_MS
"""What is urgent and was not read on a device for so long is told by telephone."""
APP_NEEDED_MS = {"done": 24 * HOUR_MS}
"""So is what somebody waits for, by its kind: that help is done, as silence pays from then on."""
MORNING_MS = 2 * HOUR_MS
"""What begins sooner than so long after the quiet hours: told when they end, it comes too late."""
BACK_OFF_MS = tuple(minutes * MINUTE_MS for minutes in (1, 5, 30, 120, 360))
BACK_OFF_URGENT_MS = tuple(minutes * MINUTE_MS for minutes in (1, 5, 15))
"""How long it is waited after each attempt but the last one, after which somebody has to call."""

_NUMBER = re.compile(r"\+?[0-9]{5,15}")
_BETWEEN = str.maketrans("", "", " ()-./")


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways out of the circle that its operator has set up."""

    email: bool
    sms: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """How somebody can be reached, and when they wish to be."""

    channel: Route
    contact: str
    has_device: bool
    quiet: tuple[int, int] | None
    digest: int | None


@dataclass(frozen=True, slots=True)
class Pending:
    """A notice that is not told yet."""

    number: int
    kind: str
    made: int
    urgent: bool
    expires: int | None
    attempts: int
    given_up: bool
    begins: int | None = None
    """When something begins that they agreed to, and that it is about."""

    @property
    def unread(self) -> int | None:
        """From when on a device is not enough, if it was not read there; None for never."""
        waits = APP_URGENT_MS if self.urgent else APP_NEEDED_MS.get(self.kind)
        return None if waits is None else self.made + waits


def plain_number(contact: str) -> str | None:
    """A telephone number as gateways take it; None for what is none.

    The nought that people write as in +44 (0)20 is not dialled after the country's number.
    """
    plain = contact.replace("(0)", "" if contact.startswith("+") else "0").translate(_BETWEEN)
    return plain if _NUMBER.fullmatch(plain) else None


def choose_route(reach: Reach, pending: Pending, ways: Ways, now: int) -> Route:
    """By what way it goes out: the member's own where it can be used, else on the next best.

    Who has no device and no usable contact is called, and so is everybody whom it did not reach
    otherwise. An address that is none is a matter for the coordinators, so that they mend it.
    """
    if pending.given_up:
        return "call"
    match reach.channel:
        case "email" if ways.email and reach.contact:
            return "email" if is_mailbox(reach.contact) else "call"
        case "sms" if ways.sms and reach.contact:
            return "sms" if plain_number(reach.contact) else "call"
        case "letter" if reach.contact and not pending.urgent:
            return "letter"
        case "call" | "letter":
            return "call"
    if not reach.has_device or (pending.unread is not None and now >= pending.unread):
        return "call"
    return "app"


def choose_moment(
    reach: Reach, pending: Pending, route: Route, zone: ZoneInfo | None, now: int
) -> int:
    """When it may go out by that way: ``now``, or later where they are not to be disturbed.

    But what is urgent, and about something that they agreed to which begins early in the morning,
    does not wait for it: whoever would be fetched at eight reads at night, or on getting up, that
    nobody comes. Nobody's telephone is rung for it, though. Without the circle's time zone there
    are neither quiet hours nor an hour for a digest.
    """
    if zone is None or route in ("app", "letter"):
        return now
    moment = now
    if route == "email" and reach.digest is not None and not pending.urgent:
        moment = max(now, _next_hour(pending.made, reach.digest, zone))
    morning = end_of_quiet(moment, reach.quiet, zone)
    if route == "call" or not pending.urgent or pending.begins is None:
        return morning
    return moment if moment < pending.begins < morning + MORNING_MS else morning


def end_of_quiet(moment: int, quiet: tuple[int, int] | None, zone: ZoneInfo) -> int:
    """When the quiet hours end in which ``moment`` is; itself where it is in none."""
    if quiet is None:
        return moment
    begins, ends = quiet
    hour = local_of(moment, zone).hour
    is_quiet = begins <= hour < ends if begins < ends else hour >= begins or hour < ends
    return _next_hour(moment, ends, zone) if is_quiet else moment


def _next_hour(moment: int, hour: int, zone: ZoneInfo) -> int:
    """When the clock strikes that hour, from ``moment`` on."""
    day = local_of(moment, zone).date()
    strikes = moment_of(datetime.combine(day, time(hour)), zone)
    if strikes < moment:
        strikes = moment_of(datetime.combine(day + timedelta(days=1), time(hour)), zone)
    return strikes


def back_off(attempts: int, *, urgent: bool) -> int | None:
    """How long to wait after so many attempts; None where there is to be no other."""
    waits = BACK_OFF_URGENT_MS if urgent else BACK_OFF_MS
    return waits[attempts - 1] if attempts <= len(waits) else None
