"""What the calendar holds on a person: given out to them whole, and erased with them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from ledger.orders import Close
from node.calendar.held import ROWS
from node.erase import Erased, erase
from tests.calendar_circle import EVENTS, at, calendar_circle, make_event, reply, send
from tests.circle_node import CircleNode, Member
from tests.test_erase import tables_with


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle on 1 March 2027 in London, with the coordinator ann, and the members mia and noa."""
    async with calendar_circle(postgres_dsn, tmp_path / "circle", "mia", "noa") as live:
        yield live


async def erase_member(node: CircleNode, member: Member) -> Erased:
    """Close their account, and erase them."""
    await node.do(node["ann"], Close(), account=member.account)
    async with node.home.database() as connection:
        return await erase(connection, member.person)


async def everything(node: CircleNode, member: Member) -> dict[str, Any]:
    """All that is held on somebody."""
    held: dict[str, Any] = await node.read(f"/api/v1/people/{member.person}/everything", member)
    return held


async def test_what_somebody_hosts_and_answers_is_among_everything_held_on_them(
    node: CircleNode,
) -> None:
    mia, noa = node["mia"], node["noa"]
    own = await make_event(node, noa, words="At noa's", repeats="FREQ=WEEKLY;COUNT=2")
    event = await make_event(node, mia, title="Choir", capacity=3)
    await reply(node, noa, event, guests=1, lift_offered=2)
    await send(node, "PATCH", at(event), mia, begins="2027-03-15T19:00")
    await send(node, "POST", "/api/v1/calendar/feed", noa)
    held = await everything(node, noa)
    [hosted] = held["events"]
    assert (hosted["number"], hosted["words"]) == (own["number"], "At noa's")
    assert hosted["begins"] == ["2027-03-14T10:00", "2027-03-21T10:00"]
    assert held["rsvps"] == [
        {
            "event": event["number"],
            "at": "2027-03-14T10:00",
            "title": "Choir",
            "answer": "yes",
            "guests": 1,
            "lift_offered": 2,
            "lift_wanted": False,
            "entered_by": noa.person,
            "notices": ["changed"],
        }
    ]
    assert held["calendar_feed"] is True
    assert (await everything(node, node["ann"]))["calendar_feed"] is False


async def test_many_answers_are_given_out_page_by_page(node: CircleNode) -> None:
    noa = node["noa"]
    event = await make_event(node, noa, repeats=f"FREQ=DAILY;COUNT={ROWS}")
    other = await make_event(node, noa)
    for index in range(ROWS):
        await send(node, "PUT", f"{at(event, index)}/rsvp", noa, answer="yes")
    await reply(node, noa, other)
    held = await everything(node, noa)
    assert len(held["rsvps"]) == len({json.dumps(each) for each in held["rsvps"]}) == ROWS + 1
    assert len(held["events"]) == 2


async def test_erasing_clears_somebody_from_the_calendar(node: CircleNode) -> None:
    """Their own events go, with their home in them; the circle's forget only who they were."""
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    mine = await make_event(node, mia, title="Tea at miahome", place="7 Miahome Lane")
    await reply(node, noa, mine)
    market = await make_event(node, ann, kind="trading", title="Market", host=mia.person)
    await reply(node, mia, market)
    await reply(node, noa, market)
    await send(node, "PATCH", at(market), ann, begins="2027-03-16T10:00")
    await send(node, "POST", "/api/v1/calendar/feed", mia)
    erased = await erase_member(node, mia)
    assert erased.calendar == 2
    assert await tables_with(node, "(?i)miahome") == set()
    async with node.home.database() as connection:
        for table, column in (
            *(("events", "host"), ("events", "made_by"), ("rsvps", "person")),
            *(("rsvps", "entered_by"), ("event_notices", "person"), ("calendar_feeds", "person")),
        ):
            found = f"SELECT count(*) FROM {table} WHERE {column} = $1"
            assert await connection.fetchval(found, mia.person) == 0, (table, column)
    assert await node.refusal(f"{EVENTS}/{mine['number']}", noa) == "not-found"
    [left] = (await node.read(f"{EVENTS}/{market['number']}", noa))["occurrences"]
    assert (left["title"], left["host"], left["taken"]) == ("Market", None, 1)
    async with node.home.database() as connection:
        assert (await erase(connection, mia.person)).calendar == 0


async def test_the_place_of_somebody_who_is_erased_goes_to_who_is_next(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    event = await make_event(node, ann, capacity=1)
    await reply(node, mia, event)
    await reply(node, noa, event)
    await erase_member(node, mia)
    [occurrence] = (await node.read(f"{EVENTS}/{event['number']}", noa))["occurrences"]
    assert (occurrence["taken"], occurrence["own"]["answer"]) == (1, "yes")
    kinds = [each["kind"] for each in (await node.read("/api/v1/reminders", noa))["reminders"]]
    assert kinds == ["place", "soon"]


async def test_the_coordinator_who_entered_an_answer_can_be_erased_too(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    event = await make_event(node, mia)
    await reply(node, node["ann"], event, person=noa.person)
    async with node.home.database() as connection:
        await connection.execute("UPDATE rsvps SET entered_by = $1", mia.person)
        await connection.execute("UPDATE events SET host = $1", noa.person)
    await erase_member(node, mia)
    read = await node.read(f"{at(event)}/rsvps", noa)
    assert [(each["person"]["handle"], each["entered_by"]) for each in read["rsvps"]] == [
        ("noa", None)
    ]
