"""Answers to events: places, the waiting list, guests, lifts, and what is due to be told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from client import calendar
from client.node_session import NodeSession
from client.transport import Transport
from ledger.orders import Close
from node.calendar.rsvps import KEPT_MS
from node.circle import purge
from tests.calendar_circle import at, calendar_circle, make_event, refused, reply, send
from tests.circle_node import DAY, HOUR, CircleNode, Member

RACES = 100


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle on 1 March 2027, with the coordinator ann, and the members mia, noa and zoe."""
    async with calendar_circle(postgres_dsn, tmp_path / "circle", "mia", "noa", "zoe") as live:
        yield live


async def told(node: CircleNode, member: Member) -> list[tuple[str, int]]:
    """What is due to somebody, and when."""
    answer = await node.read("/api/v1/reminders", member)
    return [(each["kind"], each["due"]) for each in answer["reminders"]]


async def answers(node: CircleNode, event: dict[str, Any], by: Member) -> dict[str, str]:
    """Who answered what, as somebody is shown it."""
    read = await node.read(f"{at(event)}/rsvps", by)
    return {each["person"]["handle"]: each["answer"] for each in read["rsvps"]}


async def test_whoever_comes_takes_places_for_themselves_and_their_guests(
    node: CircleNode,
) -> None:
    mia, noa = node["mia"], node["noa"]
    event = await make_event(node, mia, capacity=5)
    own = await reply(node, noa, event, guests=2, lift_offered=3)
    assert (own["taken"], own["waiting"]) == (3, 0)
    assert own["own"] == {"answer": "yes", "guests": 2, "lift_offered": 3, "lift_wanted": False}
    fewer = await reply(node, noa, event, guests=1)
    assert (fewer["taken"], fewer["own"]["lift_offered"]) == (2, 0)
    gone = await reply(node, noa, event, "no")
    assert (gone["taken"], gone["own"]["answer"]) == (0, "no")


async def test_the_last_place_goes_to_one_of_two_who_take_it_at_one_instant(
    node: CircleNode,
) -> None:
    """A hundred times, at a hundred times of one event; the other is on the waiting list."""
    mia, noa, zoe = node["mia"], node["noa"], node["zoe"]
    event = await make_event(node, mia, capacity=1, repeats=f"FREQ=DAILY;COUNT={RACES}")
    for index in range(RACES):
        path = f"{at(event, index)}/rsvp"
        both = await asyncio.gather(
            *(send(node, "PUT", path, each, answer="yes") for each in (noa, zoe))
        )
        assert sorted(one["own"]["answer"] for one in both) == ["waiting", "yes"]
    after = await node.read(f"/api/v1/events/{event['number']}", mia)
    counts = {(each["taken"], each["waiting"]) for each in after["occurrences"]}
    assert counts == {(1, 1)}


async def test_a_place_that_falls_free_goes_to_who_is_next_and_they_are_to_be_told(
    node: CircleNode,
) -> None:
    ann, mia, noa, zoe = node["ann"], node["mia"], node["noa"], node["zoe"]
    event = await make_event(node, mia, capacity=1)
    for member in (ann, noa, zoe):
        await reply(node, member, event)
    assert await answers(node, event, mia) == {"ann": "yes", "noa": "waiting", "zoe": "waiting"}
    assert await told(node, noa) == []
    await reply(node, ann, event, "no")
    assert await answers(node, event, mia) == {"ann": "no", "noa": "yes", "zoe": "waiting"}
    starts = event["occurrences"][0]["starts"]
    [(kind, due), soon] = await told(node, noa)
    assert kind == "place"
    assert abs(due - node.clock.wall()) < HOUR
    assert soon == ("soon", starts - DAY)
    assert await told(node, zoe) == []


async def test_whoever_says_no_and_yes_again_goes_to_the_end_of_the_line(node: CircleNode) -> None:
    """Whoever only changes what they bring keeps their turn."""
    ann, mia, noa, zoe = node["ann"], node["mia"], node["noa"], node["zoe"]
    event = await make_event(node, mia, capacity=1)
    for member in (ann, noa, zoe):
        await reply(node, member, event)
    await reply(node, noa, event, lift_wanted=True)
    assert list(await answers(node, event, mia)) == ["ann", "noa", "zoe"]
    await reply(node, noa, event, "no")
    await reply(node, noa, event)
    await reply(node, ann, event, "no")
    assert (await answers(node, event, mia))["zoe"] == "yes"


async def test_whoever_has_a_place_keeps_it_when_there_is_none_for_more_guests(
    node: CircleNode,
) -> None:
    mia, noa, zoe = node["mia"], node["noa"], node["zoe"]
    event = await make_event(node, mia, capacity=3)
    await reply(node, noa, event, guests=1)
    await reply(node, zoe, event)
    path = f"{at(event)}/rsvp"
    status, problem = await node.request("PUT", path, noa, json={"answer": "yes", "guests": 3})
    assert (status, problem["code"], problem["left"]) == (409, "event-full", 2)
    assert (await answers(node, event, mia))["noa"] == "yes"


async def test_more_room_is_for_those_who_wait_and_less_takes_no_place_away(
    node: CircleNode,
) -> None:
    mia, noa, zoe = node["mia"], node["noa"], node["zoe"]
    event = await make_event(node, mia, capacity=1)
    await reply(node, noa, event)
    await reply(node, zoe, event)
    path = f"/api/v1/events/{event['number']}"
    await send(node, "PATCH", path, mia, capacity=2)
    assert await answers(node, event, mia) == {"noa": "yes", "zoe": "yes"}
    await send(node, "PATCH", path, mia, capacity=1)
    assert await answers(node, event, mia) == {"noa": "yes", "zoe": "yes"}
    await reply(node, noa, event, "no")
    assert (await reply(node, noa, event))["own"]["answer"] == "waiting"


async def test_places_that_fell_free_while_it_was_cancelled_go_to_those_who_wait(
    node: CircleNode,
) -> None:
    ann, mia, noa, zoe = node["ann"], node["mia"], node["noa"], node["zoe"]
    event = await make_event(node, mia, capacity=1)
    for member in (ann, noa, zoe):
        await reply(node, member, event)
    await send(node, "PATCH", at(event), mia, cancelled=True)
    await send(node, "PATCH", f"/api/v1/events/{event['number']}", mia, capacity=2)
    waiting = {"ann": "yes", "noa": "waiting", "zoe": "waiting"}
    assert await answers(node, event, mia) == waiting
    on_again = await send(node, "PATCH", at(event), mia, cancelled=False)
    assert (on_again["taken"], on_again["waiting"]) == (2, 1)
    assert await answers(node, event, mia) == waiting | {"noa": "yes"}
    assert "place" in [kind for kind, _ in await told(node, noa)]


async def test_a_coordinator_answers_for_whoever_telephones_and_both_are_kept(
    node: CircleNode,
) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    ida = await node.open_deviceless("ida")
    event = await make_event(node, mia)
    seen = await reply(node, ann, event, person=ida.person, lift_wanted=True)
    assert seen["own"]["lift_wanted"]
    read = await node.read(f"{at(event)}/rsvps", mia)
    assert [(each["person"]["handle"], each["entered_by"]) for each in read["rsvps"]] == [
        ("ida", ann.person)
    ]
    path = f"{at(event)}/rsvp"
    body = {"answer": "yes", "person": ida.person}
    assert await refused(node, "PUT", path, noa, **body) == "not-permitted"
    body = {"answer": "yes", "person": 999_999}
    assert await refused(node, "PUT", path, ann, **body) == "not-permitted"


async def test_who_comes_is_for_the_host_and_lifts_are_for_those_who_come(
    node: CircleNode,
) -> None:
    ann, mia, noa, zoe = node["ann"], node["mia"], node["noa"], node["zoe"]
    event = await make_event(node, mia)
    await reply(node, ann, event)
    await reply(node, noa, event, lift_offered=2)
    assert await refused(node, "GET", f"{at(event)}/rsvps", zoe) == "not-permitted"
    await reply(node, zoe, event, lift_wanted=True)
    assert list(await answers(node, event, mia)) == ["ann", "noa", "zoe"]
    assert list(await answers(node, event, zoe)) == ["noa", "zoe"]
    path = f"/api/v1/people/{noa.person}/blocks/{zoe.person}"
    assert (await node.request("PUT", path, noa))[0] == 204
    assert list(await answers(node, event, zoe)) == ["zoe"]
    assert list(await answers(node, event, noa)) == ["noa"]
    page = await node.read(f"{at(event)}/rsvps", mia, limit=2)
    rest = await node.read(f"{at(event)}/rsvps", mia, limit=2, cursor=page["next"])
    assert [each["person"]["handle"] for each in rest["rsvps"]] == ["zoe"]
    assert rest["next"] is None
    await reply(node, zoe, event, "no")
    assert await refused(node, "GET", f"{at(event)}/rsvps", zoe) == "not-permitted"


async def test_a_hosts_client_reads_all_answers_however_many(node: CircleNode) -> None:
    mia = node["mia"]
    event = await make_event(node, mia)
    async with node.home.database() as database:
        await database.execute(
            "INSERT INTO people SELECT n, 'p' || n, 'P' || n FROM generate_series(1001, 1401) AS n"
        )
        await database.execute(
            """
            INSERT INTO rsvps (event, original, person, answer, guests, lift_offered, lift_wanted)
            SELECT event, original, n, 'yes', 0, 0, false
            FROM occurrences, generate_series(1001, 1401) AS n WHERE event = $1
            """,
            event["number"],
        )
    async with Transport(node.url) as transport:
        session = NodeSession(transport, await node.sign_in(mia), 0)
        [occurrence] = (await calendar.read_event(session, event["number"])).occurrences
        read = await calendar.read_answers(session, occurrence)
    assert [each.name for each in read] == [f"P{number}" for number in range(1001, 1402)]


async def test_an_answer_that_makes_no_sense_is_refused(node: CircleNode) -> None:
    event = await make_event(node, node["mia"])
    for body in (
        {},
        {"answer": "maybe"},
        {"answer": "waiting"},
        {"answer": True},
        {"answer": "yes", "guests": 6},
        {"answer": "yes", "guests": -1},
        {"answer": "yes", "guests": 2**64},
        {"answer": "yes", "lift_offered": 9},
        {"answer": "yes", "lift_offered": 1, "lift_wanted": True},
        {"answer": "yes", "lift_wanted": 1},
        {"answer": "yes", "person": -1},
        {"answer": "no", "guests": 1},
        {"answer": "no", "lift_wanted": True},
        {"answer": "yes", "colour": "red"},
    ):
        path = f"{at(event)}/rsvp"
        assert await refused(node, "PUT", path, node["noa"], **body) == "request-invalid", body
    assert await answers(node, event, node["mia"]) == {}


async def test_nobody_answers_to_what_is_over_or_cancelled(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    event = await make_event(node, mia, begins="2027-03-01T10:00", duration=60)
    other = await make_event(node, mia)
    await send(node, "PATCH", at(other), mia, cancelled=True)
    for made, hours in ((other, 0), (event, 3)):
        node.clock.pass_(hours * HOUR)
        body = {"answer": "yes"}
        assert await refused(node, "PUT", f"{at(made)}/rsvp", noa, **body) == "event-over"


async def test_whoever_left_takes_no_place(node: CircleNode) -> None:
    event = await make_event(node, node["mia"])
    await node.do(node["ann"], Close(), account=node["noa"].account)
    path = f"{at(event)}/rsvp"
    assert await refused(node, "PUT", path, node["noa"], answer="yes") == "not-permitted"


async def test_all_who_come_or_wait_are_to_be_told_of_a_change(node: CircleNode) -> None:
    """The reminder goes with the event: to its new time, or away."""
    ann, mia, noa, zoe = node["ann"], node["mia"], node["noa"], node["zoe"]
    event = await make_event(node, mia, capacity=1)
    await reply(node, noa, event)
    await reply(node, zoe, event)
    await reply(node, ann, event, "no")
    moved = await send(node, "PATCH", at(event), mia, begins="2027-03-12T16:00")
    assert [kind for kind, _ in await told(node, noa)] == ["changed", "soon"]
    assert (await told(node, noa))[1][1] == moved["starts"] - DAY
    assert [kind for kind, _ in await told(node, zoe)] == ["changed"]
    assert await told(node, ann) == []
    await send(node, "PATCH", at(event), mia, cancelled=True)
    assert [kind for kind, _ in await told(node, noa)] == ["cancelled"]
    assert [kind for kind, _ in await told(node, zoe)] == ["cancelled"]


async def test_all_who_come_are_to_be_told_of_another_place(node: CircleNode) -> None:
    """Whoever was just given a place is still told of that; other words are nobody's alarm."""
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    event = await make_event(node, mia, capacity=1)
    await reply(node, ann, event)
    await reply(node, noa, event)
    await reply(node, ann, event, "no")
    path = f"/api/v1/events/{event['number']}"
    await send(node, "PATCH", path, mia, words="Bring a cup", place="12 Elm Road")
    assert [kind for kind, _ in await told(node, noa)] == ["place", "soon"]
    await send(node, "PATCH", path, mia, place="The hall")
    assert [kind for kind, _ in await told(node, noa)] == ["place", "changed", "soon"]
    await reply(node, noa, event, "no")
    assert await told(node, noa) == []


async def test_who_came_is_forgotten_after_a_year_or_so(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    event = await make_event(node, mia)
    await reply(node, noa, event)
    node.clock.pass_(KEPT_MS)
    await purge(node.circle.pool, node.clock.wall())
    node.forget_sessions()
    assert await answers(node, event, mia) == {"noa": "yes"}
    node.clock.pass_(14 * DAY)
    await purge(node.circle.pool, node.clock.wall())
    node.forget_sessions()
    assert await answers(node, event, mia) == {}
    assert (await node.read(f"/api/v1/events/{event['number']}", mia))["number"]
