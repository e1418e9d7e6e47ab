"""Feeds, read by a calendar library that did not make them; and the week on paper."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from dateutil.tz import tzical
from hypothesis import given, settings
from hypothesis import strategies as st
from ical.calendar import Calendar
from ical.calendar_stream import IcsCalendarStream
from ical.event import EventStatus

from ledger.orders import Close
from node.api.calendar import FEED_EVENTS_MAX, FEED_PARTS_MAX
from node.calendar.events import read_for_feed
from node.calendar.local_time import is_on_the_clock, moment_of
from node.calendar.zone_component import describe_zone
from tests.calendar_circle import EVENTS, at, calendar_circle, make_event, reply, send
from tests.circle_node import DAY, CircleNode, Member
from tests.test_pages import HOSTILE, Tags

FEED = "/calendar/events.ics"
LONDON = ZoneInfo("Europe/London")


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle on 1 March 2027 in London, with the coordinator ann, and the members mia and noa."""
    async with calendar_circle(postgres_dsn, tmp_path / "circle", "mia", "noa") as live:
        yield live


async def fetch(node: CircleNode, path: str = FEED) -> Calendar:
    """A feed as the other library reads it."""
    return IcsCalendarStream.calendar_from_ics(await node.text(path))


def shown(calendar: Calendar) -> list[tuple[datetime, timedelta, str]]:
    """When that library says that something is on, how long, and whether it is."""
    return [
        (event.start_datetime.astimezone(UTC), event.computed_duration, str(event.status))
        for event in calendar.timeline
    ]


def of_rows(event: dict[str, Any]) -> list[datetime]:
    """When the API says so."""
    return sorted(
        datetime.fromtimestamp(each["starts"] / 1000, UTC) for each in event["occurrences"]
    )


async def private_path(node: CircleNode, member: Member, name: str = "feed") -> str:
    """Where a member's own feed, or week, is at this node; it is made anew."""
    made = await send(node, "POST", "/api/v1/calendar/feed", member)
    url: str = made[name]
    return url.removeprefix("https://southwark.example")


@pytest.mark.parametrize(
    ("begins", "rule"),
    [
        ("2027-03-14T10:00", "FREQ=WEEKLY;COUNT=40"),
        ("2027-03-14T01:30", "FREQ=WEEKLY;COUNT=40"),
        ("2027-03-26T01:15", "FREQ=DAILY;COUNT=5"),
        ("2027-10-29T01:15", "FREQ=DAILY;COUNT=5"),
        ("2027-03-28T23:30", "FREQ=MONTHLY;BYDAY=-1SU;COUNT=9"),
        ("2027-03-02T19:00", "FREQ=MONTHLY;BYDAY=1TU,3TU;UNTIL=20280101"),
        ("2027-03-31T19:00", "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=12"),
        ("2027-03-01T23:00", "FREQ=DAILY;INTERVAL=3;UNTIL=20271231"),
    ],
)
async def test_another_library_shows_an_event_when_it_is_across_clock_changes(
    node: CircleNode, begins: str, rule: str
) -> None:
    """Also where an occurrence is on the clock twice, or is not on it at all."""
    made = await make_event(node, node["mia"], begins=begins, repeats=rule, public=True)
    seen = shown(await fetch(node))
    assert [when for when, _, _ in seen] == of_rows(made)
    assert {duration for _, duration, _ in seen} == {timedelta(minutes=90)}


async def test_a_moved_and_a_cancelled_occurrence_are_told_as_such(node: CircleNode) -> None:
    mia = node["mia"]
    made = await make_event(node, mia, repeats="FREQ=WEEKLY;COUNT=4", public=True)
    before = await fetch(node)
    await send(node, "PATCH", at(made, 1), mia, begins="2027-03-23T11:00", place="The hall")
    await send(node, "PATCH", at(made, 2), mia, cancelled=True, note="Mia is ill")
    after = await fetch(node)
    fresh = await node.read(f"{EVENTS}/{made['number']}", mia)
    assert [when for when, _, _ in shown(after)] == of_rows(fresh)
    assert len(after.events) == 3
    rule, moved, cancelled = after.events
    assert (rule.recurrence_id, rule.location) == (None, "12 Elm Road")
    assert moved.recurrence_id is not None
    assert moved.recurrence_id.endswith("20270321T100000")
    assert (moved.location, moved.dtstart) == (
        "The hall",
        datetime(2027, 3, 23, 11, 0, tzinfo=LONDON),
    )
    assert (cancelled.status, cancelled.description) == (EventStatus.CANCELLED, "Mia is ill")
    assert {each.uid for each in after.events} == {before.events[0].uid}
    assert {each.sequence for each in before.events} == {0}
    assert {each.sequence for each in after.events} == {2}


async def test_the_circles_feed_has_what_is_public_and_no_names(node: CircleNode) -> None:
    mia = node["mia"]
    made = await make_event(node, mia, public=True, capacity=4, price=50, access="Step-free")
    await make_event(node, mia, title="Only for us")
    await reply(node, node["noa"], made, guests=1)
    text = await node.text(FEED)
    assert "Only for us" not in text
    assert not re.search("mia|noa", text, re.IGNORECASE)
    [event] = IcsCalendarStream.calendar_from_ics(text).events
    assert event.summary == "Coffee morning"
    assert event.description == "Getting in: Step-free\nCosts half a token."
    assert str(event.uid) == f"urn:uuid:{made['key'][:8]}-" + "-".join(
        made["key"][start : start + size] for start, size in ((8, 4), (12, 4), (16, 4), (20, 12))
    )


async def test_a_members_own_feed_has_all_they_may_see_and_what_they_answered(
    node: CircleNode,
) -> None:
    mia, noa = node["mia"], node["noa"]
    made = await make_event(node, mia, repeats="FREQ=WEEKLY;COUNT=3", title="Only for us")
    await reply(node, noa, made, guests=2)
    calendar = await fetch(node, await private_path(node, noa))
    rule, own = calendar.events
    assert (rule.summary, str(rule.transparency)) == ("Only for us", "TRANSPARENT")
    assert (own.description, str(own.transparency)) == ("You said yes, with 2 more.", "OPAQUE")
    assert [when for when, _, _ in shown(calendar)] == of_rows(made)
    others = await fetch(node, await private_path(node, mia))
    assert [event.description for event in others.events] == [None]


async def test_a_private_feed_ends_when_it_is_made_anew_revoked_or_its_member_leaves(
    node: CircleNode,
) -> None:
    ann, noa = node["ann"], node["noa"]
    first = await private_path(node, noa)
    second = await private_path(node, noa)
    assert first != second
    assert await node.refusal(first) == "not-found"
    assert (await node.read("/api/v1/calendar", noa))["feed"]
    async with node.home.database() as connection:
        kept = [tuple(row) for row in await connection.fetch("SELECT * FROM calendar_feeds")]
    assert second.split("/")[2] not in repr(kept)
    status, _ = await node.request("DELETE", "/api/v1/calendar/feed", noa)
    assert status == 204
    assert await node.refusal(second) == "not-found"
    third = await private_path(node, noa)
    await node.do(ann, Close(), account=noa.account)
    assert await node.refusal(third) == "not-found"
    assert await node.refusal(f"/calendar/{'A' * 43}/events.ics") == "not-found"
    assert await node.refusal(f"/calendar/{'A' * 42}/events.ics") == "request-invalid"
    assert await node.refusal(f"/calendar/{'A' * 42}B/events.ics") == "not-found"


async def test_a_feed_that_did_not_change_is_not_sent_again(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    made = await make_event(node, mia, public=True)
    for path, scope in ((FEED, "public"), (await private_path(node, noa), "private")):
        async with node.http.get(path) as response:
            body, tag = await response.text(), response.headers["ETag"]
            assert response.headers["Content-Type"] == "text/calendar; charset=utf-8"
            assert response.headers["Cache-Control"] == f"{scope}, max-age=900"
        node.clock.pass_(60_000)
        for known in (tag, f'"other", W/{tag}'):
            async with node.http.get(path, headers={"If-None-Match": known}) as response:
                assert (response.status, await response.read()) == (304, b"")
                assert response.headers["ETag"] == tag
        assert await node.text(path) == body
        await send(node, "PATCH", f"{EVENTS}/{made['number']}", mia, title=f"Tea {scope}")
        async with node.http.get(path, headers={"If-None-Match": tag}) as response:
            assert response.status == 200
            assert response.headers["ETag"] != tag


async def test_a_feed_keeps_its_form_whatever_people_write(node: CircleNode) -> None:
    """Lines end in CRLF and have at most 75 bytes; nothing that is written makes a property."""
    title = "Käse; Brot, \\n & “Wein” 🍷 END:VEVENT"
    words = "BEGIN:VEVENT\nATTACH:file:///etc/passwd\n" + "é" * 400
    made = await make_event(node, node["mia"], title=title, words=words, public=True)
    async with node.http.get(FEED) as response:
        raw = await response.read()
    assert raw.endswith(b"END:VCALENDAR\r\n")
    lines = raw.split(b"\r\n")
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert max(map(len, lines)) <= 75
    assert sum(line == b"BEGIN:VEVENT" for line in lines) == 1
    [event] = IcsCalendarStream.calendar_from_ics(raw.decode()).events
    assert (event.summary, event.description) == (title, words)
    assert made["occurrences"][0]["title"] == title


async def test_an_event_that_is_cancelled_whole_is_one_component_that_says_so(
    node: CircleNode,
) -> None:
    mia, noa = node["mia"], node["noa"]
    made = await make_event(node, mia, repeats="FREQ=DAILY;COUNT=200", public=True)
    await reply(node, noa, made)
    await send(node, "PATCH", at(made, 1), mia, place="The hall")
    path = f"{EVENTS}/{made['number']}"
    await send(node, "PATCH", path, mia, cancelled=True, note="The hall is flooded")
    for feed in (FEED, await private_path(node, noa)):
        [event] = (await fetch(node, feed)).events
        assert (event.status, event.description, event.recurrence_id) == (
            *(EventStatus.CANCELLED, "The hall is flooded", None),
        )
    async with node.home.database() as database:
        rows = await read_for_feed(
            *(database, noa.person, 0, 0), events_max=9, parts_max=9, public_only=True
        )
    assert len(rows) == 2, "and not each of the 200 is read for it"
    await send(node, "PATCH", at(made, 7), mia, cancelled=False, note="")
    rule, *apart = (await fetch(node)).events
    assert (rule.status, rule.description, len(apart)) == (EventStatus.CONFIRMED, None, 199)


async def test_a_feed_has_so_many_events_and_components_and_what_is_next_before_the_rest(
    node: CircleNode,
) -> None:
    days = [f"2027-03-{day:02}" for day in range(2, 8)]
    for day in days:
        fields = {"title": day, "begins": f"{day}T10:00", "repeats": "FREQ=DAILY;COUNT=200"}
        await make_event(node, node["mia"], public=True, **fields)
    async with node.home.database() as database:
        await database.execute("UPDATE occurrences SET note = 'Bring a cup'")
        events = (await fetch(node)).events
        assert {event.summary for event in events} == set(days[:4])
        assert len(events) == 4 * 201 <= FEED_PARTS_MAX < 5 * 201
        await database.execute("UPDATE occurrences SET note = ''")
        await database.execute(
            """
            WITH made AS (
                INSERT INTO events (key, kind, made, title, words, place, access, public, price,
                    duration, changed)
                SELECT gen_random_uuid(), 'social', 0, 'Later', '', '', '', true, 0, 60, 0
                FROM generate_series(1, $1::integer) RETURNING number
            )
            INSERT INTO occurrences (event, original, begins, starts)
            SELECT number, '2028-01-01 10:00', '2028-01-01 10:00', $2 FROM made
            """,
            *(FEED_EVENTS_MAX, moment_of(datetime(2028, 1, 1, 10), LONDON)),
        )
    events = (await fetch(node)).events
    assert [event.summary for event in events][: len(days)] == days
    assert len(events) == FEED_EVENTS_MAX


async def test_old_events_leave_the_feed(node: CircleNode) -> None:
    await make_event(node, node["mia"], public=True)
    assert len((await fetch(node)).events) == 1
    node.clock.pass_(120 * DAY)
    assert (await fetch(node)).events == []


@settings(max_examples=50)
@given(
    zone=st.sampled_from(
        [
            *("Europe/London", "Europe/Dublin", "Australia/Lord_Howe", "America/New_York"),
            *("Africa/Casablanca", "Asia/Kathmandu", "America/St_Johns", "UTC"),
        ]
    ),
    local=st.datetimes(datetime(2027, 1, 1), datetime(2028, 12, 31)),
)
def test_a_zone_is_described_as_it_is(zone: str, local: datetime) -> None:
    """Another library, told nothing but the description, puts any time where we do."""
    local, there = local.replace(second=0, microsecond=0), ZoneInfo(zone)
    described = describe_zone(there, 2026, 2029).to_ical().decode()
    if is_on_the_clock(local, there):
        read = tzical(StringIO(described)).get(zone)
        assert local.replace(tzinfo=read).timestamp() * 1000 == moment_of(local, there)


@pytest.mark.parametrize("minutes", range(0, 240, 15))
def test_a_zone_is_described_to_the_minute_on_the_days_of_its_changes(minutes: int) -> None:
    described = describe_zone(LONDON, 2027, 2027).to_ical().decode()
    read = tzical(StringIO(described)).get("Europe/London")
    for day in (datetime(2027, 3, 28), datetime(2027, 10, 31)):
        local = day + timedelta(minutes=minutes)
        if is_on_the_clock(local, LONDON):
            assert local.replace(tzinfo=read).timestamp() * 1000 == moment_of(local, LONDON)


async def test_the_week_is_on_one_page_in_large_type(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    public = await make_event(
        node, mia, public=True, access="Step-free\nRing below", capacity=2, price=100
    )
    await make_event(node, mia, title="Only for us", begins="2027-03-13T23:00", duration=120)
    await make_event(node, node["ann"], kind="trading", title="Market", begins="2027-03-08T09:00")
    await reply(node, noa, public)
    page = await node.text("/calendar/week", day="2027-03-10")
    for words in (
        *("The week in Southwark Circle", "8 March to 14 March 2027", "Sunday 14 March"),
        *("10:00 to 11:30: Coffee morning", "Where: 12 Elm Road", "Step-free<br>Ring below"),
        *("1 token. 1 of 2 places left.", "?day=2027-03-01", "?day=2027-03-15"),
    ):
        assert words in page
    assert "Only for us" not in page
    assert "Mia" not in page
    own = await node.text(await private_path(node, noa, "week"), day="2027-03-10")
    for words in ("23:00 to 01:00 on Sunday 14 March: Only for us", "Ask Mia.", "Trading day."):
        assert words in own
    tags = Tags(own)
    assert tags.open == []
    assert not {tag for tag, _ in tags.seen} & {"script", "style", "iframe", "img", "form"}
    assert [tag for tag, _ in tags.seen if re.fullmatch("h[1-6]", tag)] == ["h1", "h2", "h2", "h2"]
    assert "nothing in the calendar this week" in await node.text("/calendar/week")


async def test_the_week_shows_a_cancelled_event_as_cancelled(node: CircleNode) -> None:
    mia = node["mia"]
    made = await make_event(node, mia, public=True)
    await send(node, "PATCH", at(made), mia, cancelled=True, note="The hall is flooded")
    page = await node.text("/calendar/week", day="2027-03-14")
    assert "Cancelled.</strong><br>The hall is flooded" in page
    assert "12 Elm Road" not in page


async def test_what_people_write_is_text_on_the_week_and_never_markup(node: CircleNode) -> None:
    made = await make_event(
        node, node["mia"], title=HOSTILE, words=HOSTILE, place=HOSTILE, access=HOSTILE, public=True
    )
    await send(node, "PATCH", at(made), node["mia"], note=HOSTILE)
    page = await node.text("/calendar/week", day="2027-03-14")
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 5
    assert Tags(page).open == []
    for day in ("0001-01-01", "9999-12-31", "x"):
        assert await node.refusal("/calendar/week", day=day) == "request-invalid"
