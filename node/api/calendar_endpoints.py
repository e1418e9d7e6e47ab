"""The calendar's operations, one line each."""

from __future__ import annotations

from node.api import calendar, events, rsvps
from node.errors import (
    CalendarZoneUnset,
    EventFull,
    EventInvalid,
    EventOver,
    NotFound,
    NotPermitted,
    TooManyEvents,
)
from node.http.endpoint import Endpoint, endpoint

ICALENDAR = "text/calendar"
HTML = "text/html"
_EVENTS = "/api/v1/events"
_OCCURRENCE = f"{_EVENTS}/{{event}}/occurrences/{{at}}"
_NOT_CHANGED = {304: {ICALENDAR: str}}

CALENDAR_ENDPOINTS: tuple[Endpoint, ...] = (
    endpoint(
        "GET",
        _EVENTS,
        events.list_events,
        tags=("calendar",),
        raises=(CalendarZoneUnset, NotPermitted),
    ),
    endpoint(
        "POST",
        _EVENTS,
        events.make_event,
        tags=("calendar",),
        raises=(NotFound, CalendarZoneUnset, EventInvalid, TooManyEvents, NotPermitted),
    ),
    endpoint(
        "GET",
        f"{_EVENTS}/{{event}}",
        events.get_event,
        tags=("calendar",),
        raises=(NotFound, CalendarZoneUnset, NotPermitted),
    ),
    endpoint(
        "PATCH",
        f"{_EVENTS}/{{event}}",
        events.amend_event,
        tags=("calendar",),
        raises=(NotFound, CalendarZoneUnset, NotPermitted),
    ),
    endpoint(
        "PATCH",
        _OCCURRENCE,
        events.amend_occurrence,
        tags=("calendar",),
        raises=(NotFound, CalendarZoneUnset, EventInvalid, NotPermitted),
    ),
    endpoint(
        "PUT",
        f"{_OCCURRENCE}/rsvp",
        rsvps.reply_to_event,
        tags=("calendar",),
        raises=(NotFound, CalendarZoneUnset, NotPermitted, EventOver, EventFull),
    ),
    endpoint(
        "GET",
        f"{_OCCURRENCE}/rsvps",
        rsvps.list_rsvps,
        tags=("calendar",),
        raises=(NotFound, NotPermitted),
    ),
    endpoint("GET", "/api/v1/reminders", rsvps.list_reminders, tags=("calendar",)),
    endpoint("GET", "/api/v1/calendar", calendar.get_calendar, tags=("calendar",)),
    endpoint(
        "PUT",
        "/api/v1/calendar",
        calendar.set_calendar,
        tags=("calendar",),
        raises=(EventInvalid, NotPermitted),
    ),
    endpoint(
        "POST",
        "/api/v1/calendar/feed",
        calendar.make_feed,
        tags=("calendar",),
        raises=(NotPermitted,),
    ),
    endpoint("DELETE", "/api/v1/calendar/feed", calendar.end_feed, tags=("calendar",)),
    endpoint(
        "GET",
        "/calendar/events.ics",
        calendar.get_public_feed,
        tags=("calendar",),
        produces={ICALENDAR: str},
        others=_NOT_CHANGED,
    ),
    endpoint(
        "GET",
        "/calendar/{token}/events.ics",
        calendar.get_private_feed,
        tags=("calendar",),
        produces={ICALENDAR: str},
        others=_NOT_CHANGED,
        raises=(NotFound,),
    ),
    endpoint(
        "GET",
        "/calendar/week",
        calendar.get_week_page,
        produces={HTML: str},
        documented=False,
    ),
    endpoint(
        "GET",
        "/calendar/{token}/week",
        calendar.get_own_week_page,
        produces={HTML: str},
        documented=False,
    ),
)
