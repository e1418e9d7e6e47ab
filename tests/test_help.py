"""Asking for help and giving it, from the first word to thanks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from ledger.orders import Assign, Claim, Release, Settle
from tests.circle_node import HOUR, CircleNode
from tests.directory_circle import attempt, tell
from tests.help_circle import (
    SILENCE_MS,
    accept,
    ask,
    at,
    draft,
    go_round,
    help_circle,
    help_with,
    item,
    notices,
    put,
    read,
    set_aside,
    written,
)

DAY = 24 * HOUR
STARTER = 500


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle in which mia asks, and bob and eve help."""
    async with help_circle(postgres_dsn, tmp_path / "circle", "bob", "eve") as live:
        yield live


async def test_help_is_asked_for_given_paid_and_thanked_for(node: CircleNode) -> None:
    mia, bob, eve = node["mia"], node["bob"], node["eve"]
    asked = await ask(node, mia)
    number, [visit] = asked["number"], asked["visits"]
    assert (asked["status"], asked["most"], visit["promised"]) == ("open", 90, True)
    for helper in (bob, eve):
        seen = await read(node, helper, number)
        assert seen["own"]["why"].startswith("We ask you because you help with this, are free then")
        assert (seen["address"], seen["private"], seen["reach"]) == (None, None, None)
        assert await notices(node, helper) == ["ask"]
    assert await put(node, f"help/{number}/yes", bob) == "ok"
    assert await put(node, f"help/{number}/yes", bob) == "ok", "said twice it is said"
    assert await put(node, f"help/{number}/yes", eve) == "help-taken"
    assert await notices(node, eve) == ["ask", "taken"]
    seen = await read(node, mia, number)
    assert (seen["status"], seen["visits"][0]["status"]) == ("filled", "held")
    assert seen["offers"][0]["helper"]["handle"] == "bob"
    assert (await read(node, bob, number))["address"] is None
    assert (
        await put(node, f"help/{number}/helper", mia, {"helper": bob.person}) == "request-invalid"
    )
    assert await accept(node, mia, number, bob) == "ok"
    seen = await read(node, bob, number)
    assert (seen["address"], seen["private"]) == ("12 Elm Road", "The key is under the pot.")
    assert seen["reach"] == "020 7946 0018"
    assert (await read(node, eve, number))["address"] is None
    done = f"visits/{visit['number']}/done"
    assert await put(node, done, bob, {"minutes": 75}) == "request-invalid", "it has not begun"
    node.later(2 * DAY + 2 * HOUR)
    assert await put(node, done, eve, {"minutes": 75}) == "not-found"
    assert await put(node, done, bob, {"minutes": 75}) == "ok"
    assert "done" in await notices(node, mia)
    await node.do(mia, Settle(visit["hold"], bob.account, 75))
    await go_round(node)
    seen = await read(node, mia, number)
    assert (seen["status"], seen["visits"][0]["status"]) == ("over", "paid")
    assert (await node.read(f"/api/v1/accounts/{bob.account}", bob))["balance"] == STARTER + 75
    profile = f"/api/v1/people/{bob.person}/profile"
    assert (await node.read(profile, bob))["helped"] == 75
    assert await node.refusal(profile, mia) == "not-found", "what he gave is his to show"
    await tell(node, bob, shown=["helped"])
    assert (await node.read(profile, mia))["helped"] == 75
    path = f"visits/{visit['number']}/thanks"
    assert await put(node, path, bob, {"words": "me"}) == "not-found"
    assert await put(node, path, mia, {"words": "They look lovely."}) == "ok"
    assert (await read(node, bob, number))["visits"][0]["thanks"] == "They look lovely."


async def test_nobody_is_asked_before_tokens_are_set_aside(node: CircleNode) -> None:
    mia, bob = node["mia"], node["bob"]
    made = await draft(node, mia, helpers=2)
    await go_round(node)
    assert (made["status"], await notices(node, bob)) == ("draft", [])
    first, second = await set_aside(node, mia, made)
    path = f"help/{made['number']}/promise"
    seen = await read(node, mia, made["number"])
    assert seen["loose"] == [first, second], "an interrupted client finds them again"
    assert await put(node, path, bob, {"holds": [first]}) == "not-found"
    assert await put(node, path, mia, {"holds": [first]}) == "ok"
    assert (await read(node, mia, made["number"]))["status"] == "draft"
    assert await put(node, path, mia, {"holds": [first, second]}) == "ok"
    assert (await read(node, mia, made["number"]))["status"] == "open"
    other = await draft(node, mia)
    path = f"help/{other['number']}/promise"
    assert await put(node, path, mia, {"holds": [first]}) == "request-invalid", "for another visit"
    assert await put(node, path, mia, {"holds": [0]}) == "request-invalid"


async def test_the_same_key_asks_nothing_twice(node: CircleNode) -> None:
    mia, bob = node["mia"], node["bob"]
    body = item(node)
    first = (await node.request("POST", "/api/v1/help", mia, json=body))[1]
    again = (await node.request("POST", "/api/v1/help", mia, json=body))[1]
    assert again["number"] == first["number"]
    assert await attempt(node, "POST", "/api/v1/help", bob, body) == "request-invalid"


async def test_of_two_who_say_yes_at_one_instant_one_gets_it_a_hundred_times(
    node: CircleNode,
) -> None:
    """The other is told kindly, and nothing is left half done."""
    mia, bob, eve = node["mia"], node["bob"], node["eve"]
    asked = await ask(node, mia)
    number = asked["number"]
    won = {bob.person: 0, eve.person: 0}
    for _ in range(100):
        path = f"help/{number}/yes"
        results = await asyncio.gather(put(node, path, bob), put(node, path, eve))
        assert sorted(results) == ["help-taken", "ok"]
        seen = await read(node, mia, number)
        [visit] = seen["visits"]
        winner = bob if results[0] == "ok" else eve
        loser = eve if winner is bob else bob
        assert (seen["status"], visit["status"]) == ("filled", "held")
        assert visit["helper"]["person"] == winner.person
        assert (await read(node, loser, number))["own"]["answer"] == "late"
        won[winner.person] += 1
        async with node.home.database() as database:  # as if nobody had answered
            await database.execute(
                "UPDATE visits SET status = 'open', helper = NULL, account = NULL, begins = NULL,"
                " starts = NULL"
            )
            await database.execute("UPDATE asks SET answer = NULL, answered = NULL")
            await database.execute("UPDATE help_requests SET status = 'open'")
    assert sum(won.values()) == 100


async def test_nobody_agrees_to_two_things_at_one_time(node: CircleNode) -> None:
    mia, bob = node["mia"], node["bob"]
    first = await ask(node, mia)
    second = await ask(node, mia)
    paths = [f"help/{each['number']}/yes" for each in (first, second)]
    results = await asyncio.gather(*(put(node, path, bob) for path in paths))
    assert sorted(results) == ["help-taken", "ok"]


async def test_no_passes_the_question_on_at_once(node: CircleNode) -> None:
    mia = node["mia"]
    for handle in ("kit", "lou", "max"):
        await node.welcome(handle)
        await help_with(node, handle)
    asked = await ask(node, mia, hours=24 * 10)
    async with node.home.database() as database:
        first = await database.fetch("SELECT helper FROM asks WHERE request = $1", asked["number"])
        assert len(first) == 2
    people = {member.person: member for member in node.home.people.values()}
    for row in first:
        assert await put(node, f"help/{asked['number']}/no", people[row["helper"]]) == "ok"
    await go_round(node)
    async with node.home.database() as database:
        count = await database.fetchval("SELECT count(*) FROM asks")
        assert count == 4, "the next ones are asked, though no time has passed"


async def test_a_helper_who_cannot_come_hands_back_and_another_is_found(node: CircleNode) -> None:
    mia, bob, eve = node["mia"], node["bob"], node["eve"]
    asked = await ask(node, mia)
    number, [visit] = asked["number"], asked["visits"]
    assert await put(node, f"help/{number}/yes", bob) == "ok"
    assert await accept(node, mia, number, bob) == "ok"
    assert await put(node, f"help/{number}/no", bob) == "help-taken", "that is cancelling"
    node.later(2 * DAY - 2 * HOUR)
    await node.do(bob, Assign(visit["hold"], ()))
    assert await put(node, f"visits/{visit['number']}/left", eve) == "not-found"
    assert await put(node, f"visits/{visit['number']}/left", bob) == "ok"
    seen = await read(node, mia, number)
    assert (seen["status"], seen["visits"][0]["status"]) == ("open", "open")
    assert await notices(node, eve) == ["ask", "taken", "ask"], "who came too late is asked first"
    assert await put(node, f"help/{number}/yes", bob) == "help-taken"
    assert await put(node, f"help/{number}/yes", eve) == "ok"
    assert await accept(node, mia, number, eve) == "ok"
    async with node.home.database() as database:
        failed = await database.fetch("SELECT person, failed FROM helpers ORDER BY person")
    assert [tuple(row) for row in failed] == [(bob.person, 1), (eve.person, 0)], "it was late"


async def test_cancelling_tells_who_was_to_come_and_frees_what_was_set_aside(
    node: CircleNode,
) -> None:
    mia, bob = node["mia"], node["bob"]
    asked = await ask(node, mia)
    number, [visit] = asked["number"], asked["visits"]
    assert await put(node, f"help/{number}/yes", bob) == "ok"
    path = f"/api/v1/help/{number}"
    assert await attempt(node, "DELETE", path, bob) == "not-found"
    assert await attempt(node, "DELETE", path, mia) == "ok"
    assert await attempt(node, "DELETE", path, mia) == "help-over"
    assert await notices(node, bob) == ["ask", "off"]
    assert await put(node, f"help/{number}/yes", node["eve"]) == "help-over"
    await node.do(mia, Release(visit["hold"]))
    assert (await node.read(f"/api/v1/accounts/{mia.account}", mia))["held"] == 0


async def test_a_miss_alerts_who_is_on_duty_and_counts_once_a_coordinator_made_sure(
    node: CircleNode,
) -> None:
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    asked = await ask(node, mia)
    number, [visit] = asked["number"], asked["visits"]
    assert await put(node, f"help/{number}/yes", bob) == "ok"
    assert await accept(node, mia, number, bob) == "ok"
    missed = f"visits/{visit['number']}/missed"
    assert await put(node, missed, mia) == "request-invalid", "it has not begun"
    node.later(2 * DAY + HOUR)
    assert await put(node, missed, node["eve"]) == "not-found"
    assert await put(node, missed, mia) == "ok"
    assert len(await notices(node, ann)) == 1
    [call] = (await node.read("/api/v1/desk", ann))["calls"]
    assert (call["what"], call["request"]) == ("miss", number)
    async with node.home.database() as database:
        assert await database.fetchval("SELECT sum(failed) FROM helpers") == 0
    found = f"visits/{visit['number']}/found"
    assert await put(node, found, mia, {"failed": True}) == "not-permitted"
    assert await put(node, found, ann, {"failed": True}) == "ok"
    assert await put(node, found, ann, {"failed": True}) == "help-over"
    async with node.home.database() as database:
        row = await database.fetchrow("SELECT * FROM helpers WHERE person = $1", bob.person)
        assert row is not None
        assert row["failed"] == 1


async def test_silence_pays_only_who_was_told(node: CircleNode) -> None:
    """Three days after "done", and three days after the asker was told of it."""
    mia, bob = node["mia"], node["bob"]
    asked = await ask(node, mia)
    number, [visit] = asked["number"], asked["visits"]
    assert await put(node, f"help/{number}/yes", bob) == "ok"
    assert await accept(node, mia, number, bob) == "ok"
    node.later(2 * DAY + 2 * HOUR)
    assert await put(node, f"visits/{visit['number']}/done", bob, {"minutes": 60}) == "ok"
    await node.do(bob, Claim(visit["hold"], 60))
    node.later(SILENCE_MS + HOUR)
    settle = Settle(visit["hold"], bob.account, 60)
    assert await node.attempt(bob, settle) == "asker-untold"
    async with node.home.database() as database:
        await database.execute(
            "UPDATE notices SET told = $2, due = NULL WHERE person = $1 AND kind = 'done'",
            *(mia.person, node.clock.wall()),
        )
    assert await node.attempt(bob, settle) == "asker-untold"
    node.later(SILENCE_MS)
    await node.do(bob, settle)
    assert (await node.read(f"/api/v1/accounts/{bob.account}", bob))["balance"] == STARTER + 60


async def test_nobody_came_in_time_is_told_and_freed(node: CircleNode) -> None:
    mia = node["mia"]
    asked = await ask(node, mia, hours=3)
    number, [visit] = asked["number"], asked["visits"]
    node.later(4 * HOUR)
    await go_round(node)
    seen = await read(node, mia, number)
    assert (seen["status"], seen["visits"][0]["status"]) == ("over", "dropped")
    assert await notices(node, mia) == ["over"]
    await node.do(mia, Release(visit["hold"]))


async def test_weekly_help_keeps_its_helper_and_one_week_finds_another(node: CircleNode) -> None:
    mia, bob, eve = node["mia"], node["bob"], node["eve"]
    asked = await ask(node, mia, weeks=3)
    number, visits = asked["number"], asked["visits"]
    assert len(visits) == 3
    assert await put(node, f"help/{number}/yes", bob) == "ok"
    assert await accept(node, mia, number, bob) == "ok"
    seen = await read(node, mia, number)
    assert {visit["status"] for visit in seen["visits"]} == {"booked"}
    begins = [visit["begins"] for visit in seen["visits"]]
    assert begins == [written(at(node, 48 + week * 168)) for week in range(3)]
    await node.do(bob, Assign(visits[1]["hold"], ()))
    assert await put(node, f"visits/{visits[1]['number']}/left", bob) == "ok"
    assert await put(node, f"help/{number}/yes", eve) == "ok"
    seen = await read(node, mia, number)
    assert [visit["helper"]["handle"] for visit in seen["visits"]] == ["bob", "eve", "bob"]
    assert seen["visits"][1]["begins"] == begins[1]
    assert await accept(node, mia, number, eve) == "ok"
    for visit in (visits[0], visits[2]):
        await node.do(bob, Assign(visit["hold"], ()))
    assert await put(node, f"visits/{visits[0]['number']}/left", bob, {"rest": True}) == "ok"
    seen = await read(node, mia, number)
    assert [visit["status"] for visit in seen["visits"]] == ["open", "booked", "open"]


async def test_the_asker_picks_among_those_who_say_yes(node: CircleNode) -> None:
    mia, bob, eve = node["mia"], node["bob"], node["eve"]
    asked = await ask(node, mia, picks=True)
    number = asked["number"]
    for helper in (bob, eve):
        assert await put(node, f"help/{number}/yes", helper) == "ok"
    seen = await read(node, mia, number)
    assert {offer["helper"]["handle"] for offer in seen["offers"]} == {"bob", "eve"}
    assert seen["visits"][0]["status"] == "open"
    assert await put(node, f"help/{number}/picked", mia, {"helper": eve.person}) == "ok"
    assert await accept(node, mia, number, eve) == "ok"
    assert (await read(node, mia, number))["visits"][0]["helper"]["handle"] == "eve"
    assert await notices(node, bob) == ["ask", "taken"]
