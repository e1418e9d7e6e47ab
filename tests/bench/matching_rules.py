"""The hard rules once more, in Python and one by one, to hold the ranking in SQL against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from node.help.minutes import DAY, WEEK, time_of
from tests.bench.matching_circle import Circle, MadeHelper, MadeRequest, Span


@dataclass(frozen=True, slots=True)
class Booking:
    """What a helper agreed to: from a minute on the clock, for so many."""

    begins: int
    minutes: int


def broken_rule(circle: Circle, helper: MadeHelper, request: MadeRequest) -> str | None:
    """The rule, of those that no time changes, by which somebody does not come into question."""
    if helper.person == request.asker:
        return "nobody helps themselves"
    if request.category not in helper.skills:
        return "skill"
    if not request.traits <= helper.traits:
        return "traits"
    if request.language and request.language not in helper.languages:
        return "language"
    if circle.is_blocked(helper.person, request.asker):
        return "block"
    spot = circle.spots[request.asker]
    if spot is not None and helper.spot is not None:
        east, north = helper.spot[0] - spot[0], helper.spot[1] - spot[1]
        if east * east + north * north > helper.reach**2:
            return "reach"
    if request.vetting is not None and helper.vetted.get(request.vetting, date.min) <= last_day(
        request
    ):
        return "vetting"
    return None


def last_day(request: MadeRequest) -> date:
    """The last day on which a visit may be."""
    return time_of(request.windows[-1][1] + (request.weeks - 1) * WEEK).date()


def starts(
    helper: MadeHelper, request: MadeRequest, bookings: Sequence[Booking], minute: int
) -> Iterator[Span]:
    """For each window in which they are free, from ``minute`` on: the first and last minute at
    which the visit, and all that repeat it, can begin."""
    for begins, ends in request.windows:
        if not _has_room(helper, request, bookings, begins):
            continue
        free = _free(helper, max(begins, minute), ends)
        for busy in _taken(helper, request, bookings):
            free = [piece for each in free for piece in _without(each, busy)]
        long = [piece for piece in free if piece[1] - piece[0] >= request.minutes]
        if long:
            yield long[0][0], max(piece[1] for piece in long) - request.minutes


def _has_room(
    helper: MadeHelper, request: MadeRequest, bookings: Sequence[Booking], begins: int
) -> bool:
    """Whether it is within their weekly most, in each of its weeks."""
    first = begins // WEEK
    for week in range(first, first + request.weeks):
        booked = sum(each.minutes for each in bookings if each.begins // WEEK == week)
        if booked + request.minutes > helper.weekly:
            return False
    return True


def _free(helper: MadeHelper, begins: int, ends: int) -> list[Span]:
    monday = begins - begins % WEEK
    met = [(max(begins, lo + monday), min(ends, hi + monday)) for lo, hi in helper.free]
    return [(lo, hi) for lo, hi in met if lo < hi]


def _taken(helper: MadeHelper, request: MadeRequest, bookings: Iterable[Booking]) -> Iterator[Span]:
    """When they cannot, as seen from the first week: what is in a later one counts there too."""
    for week in range(request.weeks):
        for each in bookings:
            begins = each.begins - week * WEEK
            yield begins, begins + each.minutes
        if helper.away is not None:
            yield helper.away[0] - week * WEEK, helper.away[1] - week * WEEK


def _without(piece: Span, busy: Span) -> Iterator[Span]:
    if busy[0] > piece[0]:
        yield piece[0], min(piece[1], busy[0])
    if busy[1] < piece[1]:
        yield max(piece[0], busy[1]), piece[1]


def days_of(request: MadeRequest, begins: int) -> list[int]:
    """The days, by their number, of a visit that begins then and of those that repeat it."""
    return [(begins + week * WEEK) // DAY for week in range(request.weeks)]
