"""By what way a notice goes out and when: the decision, by tables and by chance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.calendar.local_time import local_of
from node.talking.timing import (
    APP_URGENT_MS,
    BACK_OFF_MS,
    HOUR_MS,
    Pending,
    Reach,
    Route,
    Ways,
    back_off,
    choose_moment,
    choose_route,
    end_of_quiet,
)

LONDON = ZoneInfo("Europe/London")
NOON = int(datetime(2027, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)
BOTH = Ways(email=True, sms=True)
PLAIN = Pending(1, "tools", NOON, urgent=False, expires=None, attempts=0, given_up=False)
URGENT = replace(PLAIN, urgent=True)
DONE = replace(PLAIN, kind="done")
GIVEN_UP = replace(PLAIN, given_up=True)


def reach(channel: Route, contact: str = "", *, device: bool = True) -> Reach:
    return Reach(channel, contact, device, (21, 8), None)


@pytest.mark.parametrize(
    ("wished", "pending", "ways", "route"),
    [
        (reach("app"), PLAIN, BOTH, "app"),
        (reach("app"), URGENT, BOTH, "app"),
        (reach("app", device=False), PLAIN, BOTH, "call"),
        (reach("app"), GIVEN_UP, BOTH, "call"),
        (reach("email", "a@b.example"), PLAIN, BOTH, "email"),
        (reach("email", "a@b.example"), GIVEN_UP, BOTH, "call"),
        (reach("email", "at home"), PLAIN, BOTH, "call"),
        (reach("email"), PLAIN, BOTH, "app"),
        (reach("email", device=False), PLAIN, BOTH, "call"),
        (reach("email", "a@b.example"), PLAIN, Ways(email=False, sms=True), "app"),
        (reach("email", "a@b.example", device=False), PLAIN, Ways(False, False), "call"),
        (reach("sms", "020 7946 0018"), URGENT, BOTH, "sms"),
        (reach("sms", "ask Ben"), URGENT, BOTH, "call"),
        (reach("sms", "020 7946 0018"), PLAIN, Ways(email=True, sms=False), "app"),
        (reach("call", "020 7946 0018"), PLAIN, BOTH, "call"),
        (reach("call"), PLAIN, BOTH, "call"),
        (reach("letter", "12 Elm Road"), PLAIN, BOTH, "letter"),
        (reach("letter", "12 Elm Road"), URGENT, BOTH, "call"),
        (reach("letter"), PLAIN, BOTH, "call"),
    ],
)
def test_a_notice_goes_out_by_the_members_own_way_or_the_next_best(
    wished: Reach, pending: Pending, ways: Ways, route: Route
) -> None:
    assert choose_route(wished, pending, ways, NOON) == route


def test_what_is_urgent_and_unread_for_an_hour_is_told_by_telephone() -> None:
    assert choose_route(reach("app"), URGENT, BOTH, NOON + APP_URGENT_MS - 1) == "app"
    assert choose_route(reach("app"), URGENT, BOTH, NOON + APP_URGENT_MS) == "call"
    assert choose_route(reach("app"), PLAIN, BOTH, NOON + 24 * APP_URGENT_MS) == "app"


def test_that_help_is_done_is_told_by_telephone_where_it_is_unread_for_a_day() -> None:
    """Somebody waits for it: silence pays them from when it was told on."""
    assert choose_route(reach("app"), DONE, BOTH, NOON + 24 * HOUR_MS - 1) == "app"
    assert choose_route(reach("app"), DONE, BOTH, NOON + 24 * HOUR_MS) == "call"


@given(
    moment=st.integers(NOON - 200 * 24 * HOUR_MS, NOON + 400 * 24 * HOUR_MS),
    quiet=st.tuples(st.integers(0, 23), st.integers(0, 23)).filter(lambda each: len({*each}) == 2),
)
def test_the_end_of_quiet_hours_is_the_first_hour_outside_them(
    moment: int, quiet: tuple[int, int]
) -> None:
    """On any day of the year, those with 23 and 25 hours too."""
    begins, ends = quiet
    length = (ends - begins) % 24
    found = end_of_quiet(moment, quiet, LONDON)
    assert found == end_of_quiet(found, quiet, LONDON)
    assert (local_of(found, LONDON).hour - begins) % 24 >= length
    if found > moment:
        assert (local_of(moment, LONDON).hour - begins) % 24 < length
        assert found - moment <= (length + 1) * HOUR_MS


@pytest.mark.parametrize("route", ["app", "letter"])
def test_nobody_is_disturbed_by_a_device_or_a_letter(route: Route) -> None:
    midnight = NOON + 12 * HOUR_MS
    assert choose_moment(reach(route), PLAIN, route, LONDON, midnight) == midnight


@pytest.mark.parametrize(
    ("route", "urgent", "begins", "waits"),
    [
        ("email", True, 9, False),
        ("sms", True, 9, False),
        ("sms", True, 9.99, False),
        ("call", True, 9, True),
        ("sms", True, 10, True),
        ("email", True, 14, True),
        ("sms", False, 9, True),
        ("sms", True, None, True),
        ("sms", True, -3, True),
    ],
)
def test_what_somebody_agreed_to_early_in_the_morning_is_told_at_night_but_rings_nobody(
    route: Route, urgent: bool, begins: float | None, waits: bool
) -> None:
    """The quiet hours end at eight: what begins before ten would be told too late."""
    midnight = NOON + 12 * HOUR_MS
    moment = None if begins is None else midnight + round(begins * HOUR_MS)
    pending = replace(PLAIN, urgent=urgent, begins=moment)
    expected = midnight + 8 * HOUR_MS if waits else midnight
    assert choose_moment(reach(route), pending, route, LONDON, midnight) == expected


def test_a_digest_gathers_what_can_wait_and_keeps_to_quiet_hours() -> None:
    wished = replace(reach("email", "a@b.example"), digest=18)
    at_six = NOON + 6 * HOUR_MS
    assert choose_moment(wished, PLAIN, "email", LONDON, NOON) == at_six
    assert choose_moment(wished, URGENT, "email", LONDON, NOON) == NOON
    assert choose_moment(wished, PLAIN, "email", None, NOON) == NOON
    late = replace(wished, digest=23)
    assert choose_moment(late, PLAIN, "email", LONDON, NOON) == NOON + 20 * HOUR_MS
    again = replace(PLAIN, attempts=1)
    assert choose_moment(wished, again, "email", LONDON, at_six + HOUR_MS) == at_six + HOUR_MS


def test_attempts_come_to_an_end() -> None:
    waits = [back_off(attempts, urgent=False) for attempts in range(1, 9)]
    assert waits == [*BACK_OFF_MS, None, None, None]
    assert back_off(4, urgent=True) is None
