"""What protocol.md says of the calendar's fields and numbers is what the code says."""

from __future__ import annotations

from pydantic import BaseModel

from node.api import calendar, event_models, events, rsvps
from node.api.event_models import AnswerItem, Event, EventChange, EventItem, Occurrence
from node.calendar import events as stored
from node.calendar import repeats
from node.calendar import rsvps as answered
from tests.test_protocol import _fields, section

TEXT = " ".join(section("Calendar").split())
DAY_MS = 24 * 3600 * 1000


def test_the_fields_of_occurrences_and_answers_are_those_that_are_listed() -> None:
    text = section("Calendar")
    assert _fields(text, "occurrence") == list(Occurrence.model_fields)
    assert _fields(text, "own") == list(event_models.Own.model_fields)


def test_every_field_that_a_body_may_have_is_named() -> None:
    bodies: list[type[BaseModel]] = [
        *(EventItem, EventChange, AnswerItem, Event, rsvps.Reminder, event_models.Replier),
        *(event_models.OccurrenceChange, calendar.FeedView, calendar.CalendarView),
    ]
    for body in bodies:
        for name in body.model_fields:
            assert f'"{name}"' in TEXT or f"`{name}`" in TEXT, (body.__name__, name)


def test_the_calendars_limits_are_those_of_the_code() -> None:
    for stated in (
        f"at most {repeats.DAYS_MAX} apart; {events.DEFAULT_DAYS} from today",
        f"A member may have made {stored.MEMBER_EVENTS_MAX} events",
        f"a coordinator {stored.COORDINATOR_EVENTS_MAX},",
        f"in the last {stored.COUNTED_MS // DAY_MS} days: `too-many-events`",
        f"from {events.PAST_DAYS_MAX} days ago to {repeats.DAYS_MAX} days from now",
        f"at most {repeats.OCCURRENCES_MAX} times, and end at most {repeats.DAYS_MAX} days later",
        f'"capacity"?: 1 to {event_models.CAPACITY_MAX}',
        f'"guests"?: 0 to {event_models.GUESTS_MAX}',
        f'"lift_offered"?: 0 to {event_models.LIFT_SEATS_MAX} seats',
        f"prose of up to {event_models.MINUTES_CHARACTERS_MAX:,} characters",
        f"in the next {rsvps.AHEAD_MS // DAY_MS} days, up to {rsvps.REMINDERS_MAX}",
        f"Of the events that are on since {calendar.FEED_PAST_MS // DAY_MS} days ago",
        f"a feed has at most {calendar.FEED_EVENTS_MAX}",
        f"no more than fit whole into {calendar.FEED_PARTS_MAX:,} VEVENTs",
        f"may be kept for {calendar.FEED_SECONDS // 60} minutes",
        f"deleted {answered.KEPT_MS // DAY_MS} days after",
        "{} to {} minutes".format(*event_models.DURATION_MINUTES),
    ):
        assert stated in TEXT, stated
