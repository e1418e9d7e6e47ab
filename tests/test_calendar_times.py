"""Repeats, places and the clock on the wall: what is decided without a database."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.calendar.local_time import (
    is_on_the_clock,
    local_of,
    moment_of,
    read_zone,
    shown_at,
    week_of,
)
from node.calendar.places import Party, choose_next, decide_answer
from node.calendar.repeats import DAYS_MAX, OCCURRENCES_MAX, parse_repeats
from node.errors import EventInvalid

LONDON = ZoneInfo("Europe/London")
SUNDAY = datetime(2027, 3, 14, 10)


@pytest.mark.parametrize(
    ("rule", "first", "days"),
    [
        ("FREQ=WEEKLY;COUNT=3", SUNDAY, ["03-14", "03-21", "03-28"]),
        ("FREQ=WEEKLY;INTERVAL=2;UNTIL=20270411", SUNDAY, ["03-14", "03-28", "04-11"]),
        ("FREQ=WEEKLY;BYDAY=SU,WE;COUNT=4", SUNDAY, ["03-14", "03-17", "03-21", "03-24"]),
        ("FREQ=DAILY;COUNT=2", SUNDAY, ["03-14", "03-15"]),
        ("FREQ=MONTHLY;BYDAY=2SU;COUNT=3", SUNDAY, ["03-14", "04-11", "05-09"]),
        ("FREQ=MONTHLY;BYDAY=-1WE;COUNT=2", datetime(2027, 3, 31, 19), ["03-31", "04-28"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", datetime(2027, 3, 31), ["03-31", "04-30", "05-31"]),
        ("FREQ=MONTHLY;COUNT=3", datetime(2027, 1, 31), ["01-31", "03-31", "05-31"]),
    ],
)
def test_a_rule_comes_to_these_days(rule: str, first: datetime, days: list[str]) -> None:
    """Always at the same time of the day; a month without the day is left out (RFC 5545)."""
    repeats = parse_repeats(rule, first)
    assert [f"{each:%m-%d}" for each in repeats.times] == days
    assert {each.time() for each in repeats.times} == {first.time()}


@pytest.mark.parametrize("rule", ["FREQ=WEEKLY;COUNT=3", "FREQ=MONTHLY;BYDAY=2SU;UNTIL=20270930"])
def test_a_rule_is_kept_with_its_last_day_and_means_the_same(rule: str) -> None:
    kept = parse_repeats(rule, SUNDAY)
    assert f"UNTIL={kept.times[-1]:%Y%m%d}" in kept.rule
    assert "COUNT" not in kept.rule
    assert parse_repeats(kept.rule, SUNDAY) == kept


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("", "no rule that is taken here"),
        ("FREQ=WEEKLY", "say when it ends"),
        ("FREQ=WEEKLY;COUNT=3;UNTIL=20270411", "say when it ends"),
        ("COUNT=3", "no rule"),
        ("FREQ=SECONDLY;COUNT=3", "no rule"),
        ("FREQ=YEARLY;COUNT=3", "no rule"),
        ("FREQ=WEEKLY;FREQ=DAILY;COUNT=3", "no rule"),
        ("FREQ=WEEKLY;INTERVAL=0;COUNT=3", "no rule"),
        ("FREQ=WEEKLY;COUNT=0", "no rule"),
        ("FREQ=WEEKLY;COUNT=-1", "no rule"),
        ("FREQ=WEEKLY;COUNT=٣", "no rule"),
        ("FREQ=WEEKLY;COUNT=3\nEXDATE:20270321T100000", "no rule"),
        ("FREQ=WEEKLY;BYSECOND=1;COUNT=3", "no rule"),
        ("FREQ=WEEKLY;BYEASTER=0;COUNT=3", "no rule"),
        ("FREQ=WEEKLY;UNTIL=20270931", "is no day"),
        ("FREQ=WEEKLY;UNTIL=20270301", "it has to end from 2027-03-14"),
        ("FREQ=WEEKLY;UNTIL=20990101", "it has to end from 2027-03-14"),
        ("FREQ=DAILY;UNTIL=20271231", f"more than {OCCURRENCES_MAX} times"),
        ("FREQ=MONTHLY;COUNT=100", "does not come to 100 times"),
        ("FREQ=WEEKLY;BYDAY=MO;COUNT=3", "does not begin on Sunday 2027-03-14"),
        ("FREQ=WEEKLY;BYDAY=SU,SU;COUNT=3", "twice"),
        ("FREQ=WEEKLY;BYDAY=SU,XX;COUNT=3", "no day of the week"),
        ("FREQ=WEEKLY;BYDAY=2SU;COUNT=3", "only in a month"),
        ("FREQ=MONTHLY;BYDAY=2SU,WE;COUNT=3", "only in a month"),
        ("FREQ=MONTHLY;BYDAY=2SU;BYMONTHDAY=14;COUNT=3", "without BYDAY"),
        ("FREQ=MONTHLY;BYMONTHDAY=0;COUNT=3", "no rule"),
        ("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=1", "does not begin"),
    ],
)
def test_what_is_no_rule_or_has_no_near_end_is_refused(rule: str, sentence: str) -> None:
    with pytest.raises(EventInvalid, match=sentence):
        parse_repeats(rule, SUNDAY)


@given(
    rule=st.from_regex(
        r"\AFREQ=(DAILY|WEEKLY|MONTHLY)(;INTERVAL=[1-9])?(;BYDAY=(SU|MO|2SU|-1SU))?"
        r"(;BYMONTHDAY=(14|31|-1))?;(COUNT=[0-9]{1,3}|UNTIL=202[789][01][0-9][0-3][0-9])\Z"
    ),
    first=st.datetimes(datetime(2027, 1, 1), datetime(2028, 12, 31)),
)
def test_every_rule_is_refused_or_bounded_and_begins_at_its_first_time(
    rule: str, first: datetime
) -> None:
    first = first.replace(second=0, microsecond=0)
    try:
        times = parse_repeats(rule, first).times
    except EventInvalid:
        return
    assert times[0] == first
    assert list(times) == sorted(set(times))
    assert len(times) <= OCCURRENCES_MAX
    assert times[-1] - first <= timedelta(days=DAYS_MAX)


def test_ten_in_the_morning_is_ten_before_and_after_the_clocks_change() -> None:
    before, after = (moment_of(datetime(2027, 3, day, 10), LONDON) for day in (27, 28))
    assert after - before == 23 * 3_600_000
    assert local_of(after, LONDON) == datetime(2027, 3, 28, 10)


def test_a_time_that_the_clock_leaves_out_is_later_by_what_was_left_out() -> None:
    gone = datetime(2027, 3, 28, 1, 30)
    assert not is_on_the_clock(gone, LONDON)
    assert shown_at(gone, LONDON) == datetime(2027, 3, 28, 2, 30)
    lord_howe = ZoneInfo("Australia/Lord_Howe")  # where it is half an hour
    assert shown_at(datetime(2027, 10, 3, 2, 15), lord_howe) == datetime(2027, 10, 3, 2, 45)


def test_a_time_that_is_on_the_clock_twice_is_the_first() -> None:
    twice = datetime(2027, 10, 31, 1, 30)
    assert is_on_the_clock(twice, LONDON)
    assert moment_of(twice, LONDON) == moment_of(datetime(2027, 10, 31, 0, 30), LONDON) + 3_600_000


@given(
    local=st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31)),
    zone=st.sampled_from(["Europe/London", "America/Sao_Paulo", "Asia/Kathmandu", "UTC"]),
)
def test_a_time_on_the_clock_is_found_again_from_its_moment(local: datetime, zone: str) -> None:
    local, there = local.replace(second=0, microsecond=0), ZoneInfo(zone)
    shown = shown_at(local, there)
    assert local_of(moment_of(local, there), there) == shown
    assert shown_at(shown, there) == shown
    assert shown >= local


@pytest.mark.parametrize(
    "name",
    [
        *("", "London", "europe/london", "../../etc/passwd", "/etc/localtime"),
        *("posix/Europe/London", "Europe/London\0", "Europe", "localtime", "GMT+1"),
        *("x" * 1000, "Europe/Löndon"),
    ],
)
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(EventInvalid, match="no time zone"):
        read_zone(name)


def test_a_week_is_from_monday_to_sunday() -> None:
    assert week_of(date(2027, 3, 14)) == (date(2027, 3, 8), date(2027, 3, 14))
    assert week_of(date(2027, 3, 8)) == (date(2027, 3, 8), date(2027, 3, 14))


def test_a_party_comes_as_a_whole_or_waits() -> None:
    assert decide_answer(None, 10**6, 6) == "yes"
    assert decide_answer(10, 8, 2) == "yes"
    assert decide_answer(10, 9, 2) == "waiting"


def test_places_go_to_those_who_wait_longest_and_fit() -> None:
    waiting = [Party(1, 3), Party(2, 1), Party(3, 2), Party(4, 1)]
    assert choose_next(10, 8, waiting) == [Party(2, 1), Party(4, 1)]
    assert choose_next(10, 7, waiting) == [Party(1, 3)]
    assert choose_next(10, 10, waiting) == choose_next(5, 10, waiting) == []
    assert choose_next(None, 10, waiting) == waiting
