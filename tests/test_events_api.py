"""Events over HTTP: made, listed, changed, moved and cancelled, by those who may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest_asyncio

from client import calendar
from client.node_session import NodeSession
from client.transport import Patience, Transport
from ledger.orders import Close
from node.calendar.events import COUNTED_MS, MEMBER_EVENTS_MAX
from tests.calendar_circle import (
    EVENTS,
    at,
    calendar_circle,
    event_body,
    make_event,
    refused,
    reply,
    send,
)
from tests.circle_node import DAY, CircleNode
from tests.meddling_proxy import meddling_proxy


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle on 1 March 2027 in London, with the coordinator ann, and the members mia and noa."""
    async with calendar_circle(postgres_dsn, tmp_path / "circle", "mia", "noa") as live:
        yield live


async def listed(node: CircleNode, **query: Any) -> list[str]:
    """When what is on begins, as noa is shown it."""
    answer = await node.read(EVENTS, node["noa"], **query)
    return [f"{each['event']} {each['begins']}" for each in answer["occurrences"]]


async def test_an_event_is_shown_to_members_as_it_was_made(node: CircleNode) -> None:
    mia = node["mia"]
    made = await make_event(
        node,
        mia,
        words="Bring a cup.\nAnd a friend.",
        access="Step-free; ring the lower bell.",
        capacity=12,
        price=50,
        public=True,
    )
    [occurrence] = made["occurrences"]
    assert occurrence == {
        "event": made["number"],
        "at": "2027-03-14T10:00",
        "begins": "2027-03-14T10:00",
        "ends": "2027-03-14T11:30",
        "starts": 1805018400000,
        "moved": False,
        "cancelled": False,
        "note": "",
        "kind": "social",
        "title": "Coffee morning",
        "words": "Bring a cup.\nAnd a friend.",
        "place": "12 Elm Road",
        "access": "Step-free; ring the lower bell.",
        "public": True,
        "host": {"person": mia.person, "handle": "mia", "name": "Mia"},
        "capacity": 12,
        "taken": 0,
        "waiting": 0,
        "price": 50,
        "repeats": None,
        "own": None,
    }
    assert await node.read(f"{EVENTS}/{made['number']}", node["noa"]) == made
    assert await node.refusal(EVENTS) == "session-missing"


async def test_a_weekly_event_at_ten_stays_at_ten_when_the_clocks_change(node: CircleNode) -> None:
    """The 28th of March is a Sunday of 23 hours in London."""
    made = await make_event(node, node["mia"], repeats="FREQ=WEEKLY;COUNT=4")
    times = made["occurrences"]
    assert [each["begins"] for each in times] == [
        f"2027-{day}T10:00" for day in ("03-14", "03-21", "03-28", "04-04")
    ]
    hours = [(after["starts"] - one["starts"]) / 3_600_000 for one, after in pairwise(times)]
    assert hours == [168, 167, 168]
    assert times[0]["repeats"] == "FREQ=WEEKLY;UNTIL=20270404"


async def test_a_time_that_is_not_on_the_clock_is_refused_or_an_hour_later_in_a_repeat(
    node: CircleNode,
) -> None:
    mia = node["mia"]
    gone = event_body(begins="2027-03-28T01:30")
    status, problem = await node.request("POST", EVENTS, mia, json=gone)
    assert (status, problem["code"]) == (400, "event-invalid")
    assert "there is no 01:30 on 2027-03-28, when the clocks go forward" in problem["detail"]
    made = await make_event(node, mia, begins="2027-03-21T01:30", repeats="FREQ=WEEKLY;COUNT=3")
    assert [(each["at"], each["begins"]) for each in made["occurrences"]] == [
        ("2027-03-21T01:30", "2027-03-21T01:30"),
        ("2027-03-28T01:30", "2027-03-28T02:30"),
        ("2027-04-04T01:30", "2027-04-04T01:30"),
    ]
    path = f"{EVENTS}/{made['number']}/occurrences/2027-04-04T01:30"
    assert await refused(node, "PATCH", path, mia, begins="2027-03-28T01:59") == "event-invalid"


async def test_a_time_that_is_on_the_clock_twice_is_the_first(node: CircleNode) -> None:
    made = await make_event(node, node["mia"], begins="2027-10-31T01:30", duration=60)
    [occurrence] = made["occurrences"]
    assert occurrence["starts"] == 1824942600000  # 00:30 UTC
    assert occurrence["ends"] == "2027-10-31T01:30"


async def test_what_is_on_is_listed_in_order_and_page_by_page(node: CircleNode) -> None:
    weekly = await make_event(node, node["mia"], repeats="FREQ=WEEKLY;COUNT=3")
    other = await make_event(node, node["mia"], begins="2027-03-10T19:00", title="Choir")
    first, second = f"{other['number']} 2027-03-10T19:00", f"{weekly['number']} 2027-03-14T10:00"
    assert await listed(node) == [first, second]
    assert await listed(node, from_="2027-03-14", to="2027-03-21") == [
        second,
        f"{weekly['number']} 2027-03-21T10:00",
    ]
    everything: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await node.read(EVENTS, node["noa"], to="2027-04-01", limit=1, **cursor)
        everything += [f"{each['event']} {each['begins']}" for each in page["occurrences"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert everything == await listed(node, to="2027-04-01")
    assert len(everything) == 4


async def test_a_list_that_nobody_can_mean_is_refused(node: CircleNode) -> None:
    for query in (
        {"from": "2027-03-02", "to": "2027-03-01"},
        {"from": "2027-03-02", "to": "2035-03-01"},
        {"from": "0001-01-01"},
        {"from": "9999-12-31"},
        {"from": "yesterday"},
        {"cursor": "999999999999-1-209901010000"},
        {"cursor": "-1"},
        {"limit": "0"},
        {"limit": "201"},
    ):
        assert await node.refusal(EVENTS, node["mia"], **query) == "request-invalid", query


HOSTILE: dict[str, dict[str, Any]] = {
    "no key": {"key": "abc"},
    "no kind": {"kind": "party"},
    "empty title": {"title": ""},
    "blank title": {"title": "  "},
    "two lines": {"title": "a\nb"},
    "NUL": {"title": "a\0b"},
    "escape": {"words": "\x1b[2J"},
    "turned around": {"words": "\u202egnp.exe"},
    "long title": {"title": "x" * 101},
    "long words": {"words": "x" * 2001},
    "long place": {"place": "x" * 201},
    "no room": {"capacity": 0},
    "much room": {"capacity": 1001},
    "half a seat": {"capacity": 1.5},
    "a flag for a number": {"capacity": True},
    "below nothing": {"price": -1},
    "beyond exact": {"price": 2**53},
    "no time at all": {"duration": 0},
    "for ever": {"duration": 10081},
    "no day": {"begins": "2027-02-30T10:00"},
    "no hour": {"begins": "2027-03-14T24:00"},
    "seconds": {"begins": "2027-03-14T10:00:30"},
    "an offset": {"begins": "2027-03-14T10:00Z"},
    "a number for a time": {"begins": 1805018400000},
    "two properties": {"repeats": "FREQ=DAILY;COUNT=5\nEXDATE:20270315T100000"},
    "a field that is not there": {"colour": "red"},
    "a host below nobody": {"host": -1},
}
IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "long ago": {"begins": "2027-01-01T10:00"},
    "far off": {"begins": "2030-01-01T10:00"},
    "year one": {"begins": "0001-01-01T00:00"},
    "last year of all": {"begins": "9999-12-31T23:59"},
    "no rule": {"repeats": "FREQ=SECONDLY;COUNT=5"},
    "no end": {"repeats": "FREQ=DAILY"},
    "too many": {"repeats": "FREQ=DAILY;COUNT=201"},
}


async def test_an_event_that_makes_no_sense_is_refused(node: CircleNode) -> None:
    for code, table in (("request-invalid", HOSTILE), ("event-invalid", IMPOSSIBLE)):
        for name, fields in table.items():
            body = event_body(**fields)
            assert await refused(node, "POST", EVENTS, node["mia"], **body) == code, name
    assert await listed(node, to="2027-12-31") == []


async def test_the_same_key_again_makes_no_second_event(node: CircleNode) -> None:
    """Also at the same instant; somebody else's key is nobody's to see."""
    body = event_body()
    answers = await asyncio.gather(
        *(node.request("POST", EVENTS, node["mia"], json=body) for _ in range(8))
    )
    assert {status for status, _ in answers} == {200}
    assert all(answer == answers[0][1] for _, answer in answers)
    assert len(await listed(node)) == 1
    assert await refused(node, "POST", EVENTS, node["noa"], **body) == "not-found"


async def test_an_event_whose_answer_is_lost_is_one_and_the_same_words_again_are_another(
    node: CircleNode,
) -> None:
    """The key is in public feeds, and by chance: nobody finds in it who made the event, or what."""
    item = event_body()
    del item["key"]
    lost = iter([True, True])
    async with (
        meddling_proxy(node.url) as proxy,
        Transport(proxy.url, Patience(pause_seconds=0.01)) as transport,
    ):
        proxy.meddle = lambda exchange: replace(
            exchange, lost=exchange.method == "POST" and next(lost, False)
        )
        session = NodeSession(transport, await node.sign_in(node["mia"]), 0)
        first = await calendar.make_event(session, item)
        assert proxy.seen == [f"POST {EVENTS}"] * 3
        second = await calendar.make_event(session, item)
    assert len(await listed(node)) == 2
    assert first.number != second.number
    async with node.home.database() as database:
        assert await database.fetchval("SELECT count(DISTINCT key) FROM events") == 2


async def test_members_make_social_events_of_their_own_and_coordinators_any(
    node: CircleNode,
) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    for name, value in (("kind", "trading"), ("kind", "meeting"), ("host", noa.person)):
        body = event_body(**{name: value})
        assert await refused(node, "POST", EVENTS, mia, **body) == "not-permitted"
    own = await make_event(node, mia, host=mia.person)
    assert own["occurrences"][0]["host"]["handle"] == "mia"
    for_noa = await make_event(node, ann, kind="trading", host=noa.person)
    assert for_noa["occurrences"][0]["host"]["handle"] == "noa"
    body = event_body(host=999_999)
    assert await refused(node, "POST", EVENTS, ann, **body) == "not-permitted"


async def test_whoever_left_makes_no_events(node: CircleNode) -> None:
    ann, mia = node["ann"], node["mia"]
    await node.do(ann, Close(), account=mia.account)
    assert await refused(node, "POST", EVENTS, mia, **event_body()) == "not-permitted"


async def test_whoever_left_sees_no_calendar_and_changes_nothing_in_it(node: CircleNode) -> None:
    """Also not the events that they host. Officers do also without an account."""
    ann, mia = node["ann"], node["mia"]
    made = await make_event(node, mia)
    await reply(node, node["noa"], made)
    path = f"{EVENTS}/{made['number']}"
    for member in (mia, ann):
        await node.do(ann, Close(), account=member.account)
    for seen in (EVENTS, path, f"{at(made)}/rsvps"):
        assert await node.refusal(seen, mia) == "not-permitted", seen
        await node.read(seen, ann)
    for changed in (path, at(made)):
        assert await refused(node, "PATCH", changed, mia, cancelled=True) == "not-permitted"
        await send(node, "PATCH", changed, ann, cancelled=True)


async def test_one_person_fills_no_calendar(node: CircleNode) -> None:
    """What was cancelled counts too, and for a month what is over: nobody goes around it."""
    mia = node["mia"]
    for _ in range(MEMBER_EVENTS_MAX):
        made = await make_event(node, mia)
        path = f"{EVENTS}/{made['number']}"
        await send(node, "PATCH", path, mia, cancelled=True)
    assert await refused(node, "POST", EVENTS, mia, **event_body()) == "too-many-events"
    await make_event(node, node["noa"])
    node.later(COUNTED_MS + DAY)
    await make_event(node, mia, begins="2027-05-14T10:00")


async def test_only_the_host_and_coordinators_change_an_event(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    made = await make_event(node, mia)
    path = f"{EVENTS}/{made['number']}"
    assert await refused(node, "PATCH", path, noa, title="Tea") == "not-permitted"
    assert await refused(node, "PATCH", at(made), noa, cancelled=True) == "not-permitted"
    changed = await send(node, "PATCH", path, mia, title="Tea", capacity=5)
    assert changed["occurrences"][0]["title"] == "Tea"
    assert changed["occurrences"][0]["place"] == "12 Elm Road"
    again = await send(node, "PATCH", path, ann, capacity=None, minutes="Nobody came.\nA pity.")
    assert again["occurrences"][0]["capacity"] is None
    assert again["minutes"] == "Nobody came.\nA pity."
    assert await refused(node, "PATCH", path, mia, host=noa.person) == "not-permitted"
    handed = await send(node, "PATCH", path, ann, host=noa.person)
    assert handed["occurrences"][0]["host"]["handle"] == "noa"
    assert await refused(node, "PATCH", path, mia, title="Mine") == "not-permitted"
    wrong: list[dict[str, Any]] = [
        *({"title": None}, {"minutes": "x" * 20_001}, {"begins": "2027-03-15T10:00"}),
        *({"cancelled": False}, {"capacity": 0}, {"kind": "meeting"}, {"note": "a\nb"}),
    ]
    for fields in wrong:
        assert await refused(node, "PATCH", path, ann, **fields) == "request-invalid"
    for unknown in (f"{EVENTS}/999999", f"{EVENTS}/{2**53 - 1}"):
        assert await refused(node, "PATCH", unknown, ann, title="x") == "not-found"


async def test_one_occurrence_is_moved_or_cancelled_and_the_others_stay(node: CircleNode) -> None:
    mia = node["mia"]
    made = await make_event(node, mia, repeats="FREQ=WEEKLY;COUNT=3")
    moved = await send(
        node, "PATCH", at(made, 1), mia, begins="2027-03-22T11:00", place="The hall", note="Paint"
    )
    assert (moved["at"], moved["begins"]) == ("2027-03-21T10:00", "2027-03-22T11:00")
    assert (moved["place"], moved["note"], moved["moved"]) == ("The hall", "Paint", True)
    cancelled = await send(node, "PATCH", at(made, 2), mia, cancelled=True)
    assert cancelled["cancelled"]
    number = made["number"]
    assert await listed(node, to="2027-04-10") == [
        f"{number} 2027-03-14T10:00",
        f"{number} 2027-03-22T11:00",
        f"{number} 2027-03-28T10:00",
    ]
    back = await send(
        node, "PATCH", at(made, 1), mia, begins="2027-03-21T10:00", place=None, note=""
    )
    assert back == made["occurrences"][1]
    assert not (await send(node, "PATCH", at(made, 2), mia, cancelled=False))["cancelled"]


async def test_a_time_at_which_an_event_is_not_is_not_found(node: CircleNode) -> None:
    mia = node["mia"]
    made = await make_event(node, mia)
    for time in ("2027-03-15T10:00", "2027-13-45T99:99", "2027-02-30T10:00", "0000-00-00T00:00"):
        path = f"{EVENTS}/{made['number']}/occurrences/{time}"
        assert await refused(node, "PATCH", path, mia, note="x") == "not-found"
        assert await refused(node, "PUT", f"{path}/rsvp", mia, answer="yes") == "not-found"
        assert await node.refusal(f"{path}/rsvps", mia) == "not-found"


async def test_cancelling_an_event_leaves_what_was(node: CircleNode) -> None:
    mia = node["mia"]
    made = await make_event(node, mia, repeats="FREQ=WEEKLY;COUNT=3")
    node.later(14 * DAY)
    path = f"{EVENTS}/{made['number']}"
    changed = await send(node, "PATCH", path, mia, cancelled=True, note="Mia moves away")
    assert [each["cancelled"] for each in changed["occurrences"]] == [False, True, True]
    assert changed["occurrences"][1]["note"] == "Mia moves away"


async def test_the_time_zone_is_for_coordinators_to_say_and_events_keep_their_time(
    node: CircleNode,
) -> None:
    ann, mia = node["ann"], node["mia"]
    made = await make_event(node, mia)
    await reply(node, mia, made)
    path = "/api/v1/calendar"
    assert await refused(node, "PUT", path, mia, zone="Europe/Paris") == "not-permitted"
    assert await refused(node, "PUT", path, ann, zone="Europe/Peckham") == "event-invalid"
    await send(node, "PUT", path, ann, zone="Europe/Paris")
    assert await node.read(path, mia) == {"zone": "Europe/Paris", "feed": False}
    [after] = (await node.read(f"{EVENTS}/{made['number']}", mia))["occurrences"]
    assert after["begins"] == made["occurrences"][0]["begins"]
    assert after["starts"] == made["occurrences"][0]["starts"] - 3_600_000
    [soon] = (await node.read("/api/v1/reminders", mia))["reminders"]
    assert soon["due"] == after["starts"] - DAY


async def test_without_a_time_zone_there_is_no_calendar_yet(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with calendar_circle(postgres_dsn, tmp_path / "circle", "mia", zone=None) as node:
        mia = node["mia"]
        assert await node.read("/api/v1/calendar", mia) == {"zone": None, "feed": False}
        assert await node.refusal(EVENTS, mia) == "calendar-zone-unset"
        assert await refused(node, "POST", EVENTS, mia, **event_body()) == "calendar-zone-unset"
        assert (await node.read("/api/v1/reminders", mia)) == {"reminders": []}
        assert "BEGIN:VCALENDAR" in await node.text("/calendar/events.ics")
        assert "The calendar is empty." in await node.text("/calendar/week")
