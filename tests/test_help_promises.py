"""What becomes of help whose promise ended otherwise than by paying the helper."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ledger.orders import Assign, Claim, Pay, Release, Settle
from tests.circle_node import HOUR, CircleNode, Member
from tests.directory_circle import tell
from tests.help_circle import (
    agreed,
    ask,
    go_round,
    help_circle,
    help_with,
    notices,
    put,
    read,
    set_aside,
)

DAY = 24 * HOUR


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle in which mia asks, and bob helps."""
    async with help_circle(postgres_dsn, tmp_path / "circle", "bob") as live:
        yield live


async def done(node: CircleNode) -> dict[str, Any]:
    """A request for which bob came."""
    seen = await agreed(node)
    node.later(2 * DAY + 2 * HOUR)
    path = f"visits/{seen['visits'][0]['number']}/done"
    assert await put(node, path, node["bob"], {"minutes": 60}) == "ok"
    return seen


async def helped(node: CircleNode) -> int:
    """How many minutes bob shows that he helped."""
    profile = await node.read(f"/api/v1/people/{node['bob'].person}/profile", node["bob"])
    minutes: int = profile["helped"]
    return minutes


async def words_of(node: CircleNode, handle: str, kind: str) -> list[str]:
    async with node.home.database() as database:
        rows = await database.fetch(
            "SELECT words FROM notices WHERE person = $1 AND kind = $2 ORDER BY number",
            *(node[handle].person, kind),
        )
    return [row["words"] for row in rows]


async def flag_as_phoning(node: CircleNode, member: Member) -> None:
    """As a coordinator does for who has lost their device, and the node follows."""
    async with node.home.database() as database:
        flag = "UPDATE accounts SET deviceless = true WHERE number = $1"
        await database.execute(flag, member.account)
    await go_round(node)


async def test_what_was_released_is_done_and_unpaid_and_both_are_told_what_can_be_done(
    node: CircleNode,
) -> None:
    bob, mia = node["bob"], node["mia"]
    seen = await done(node)
    await node.do(bob, Release(seen["visits"][0]["hold"]))
    for _ in range(2):
        await go_round(node)
    [visit] = (await read(node, mia, seen["number"]))["visits"]
    assert (visit["status"], visit["hold"], visit["promised"]) == ("done", None, False)
    assert await helped(node) == 0
    [to_asker] = await words_of(node, "mia", "unpaid")
    assert "was not paid" in to_asker
    assert "tally pay bob AMOUNT" in to_asker
    [to_helper] = await words_of(node, "bob", "unpaid")
    assert "speak to Mia" in to_helper


async def test_who_phones_is_told_to_speak_to_a_coordinator_of_what_is_unpaid(
    node: CircleNode,
) -> None:
    seen = await done(node)
    await flag_as_phoning(node, node["mia"])
    await node.do(node["bob"], Release(seen["visits"][0]["hold"]))
    await go_round(node)
    [told] = await words_of(node, "mia", "unpaid")
    assert "tell a coordinator" in told
    assert "tally pay" not in told


async def test_only_what_was_settled_to_the_helper_is_paid_however_much_came_after(
    node: CircleNode,
) -> None:
    bob, mia, ann = node["bob"], node["mia"], node["ann"]
    seen = await done(node)
    await node.do(mia, Settle(seen["visits"][0]["hold"], bob.account, 40))
    for _ in range(3):
        await node.do(mia, Pay(((ann.account, 1),)))
    await go_round(node)
    assert (await read(node, mia, seen["number"]))["visits"][0]["status"] == "paid"
    assert await helped(node) == 60
    assert await words_of(node, "mia", "unpaid") == []
    other = await done(node)
    hold = other["visits"][0]["hold"]
    await node.do(bob, Assign(hold, ()))
    await node.do(mia, Settle(hold, ann.account, 40))
    await go_round(node)
    [visit] = (await read(node, mia, other["number"]))["visits"]
    assert (visit["status"], visit["hold"]) == ("done", None), "somebody else was paid"


async def test_how_a_promise_ended_is_found_behind_many_other_entries(
    node: CircleNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.help.payment.LOOKED_AT", 2)
    bob, mia, ann = node["bob"], node["mia"], node["ann"]
    for act, status in ((Settle, "paid"), (Release, "done")):
        seen = await done(node)
        hold = seen["visits"][0]["hold"]
        if act is Settle:
            await node.do(mia, Settle(hold, bob.account, 40))
        else:
            await node.do(bob, Release(hold))
        for _ in range(5):
            await node.do(mia, Pay(((ann.account, 1),)))
        await go_round(node)
        assert (await read(node, mia, seen["number"]))["visits"][0]["status"] == status


async def test_who_was_paid_before_they_came_is_paid(node: CircleNode) -> None:
    bob, mia = node["bob"], node["mia"]
    seen = await agreed(node)
    [visit] = seen["visits"]
    await node.do(mia, Settle(visit["hold"], bob.account, 60))
    await go_round(node)
    [booked] = (await read(node, mia, seen["number"]))["visits"]
    assert (booked["status"], booked["hold"]) == ("booked", visit["hold"])
    assert "unpromised" not in await notices(node, mia)
    node.later(2 * DAY + 2 * HOUR)
    assert await put(node, f"visits/{visit['number']}/done", bob, {"minutes": 60}) == "ok"
    await go_round(node)
    assert (await read(node, mia, seen["number"]))["visits"][0]["status"] == "paid"


async def test_that_something_is_done_which_nothing_is_set_aside_for_is_told_with_how_to_pay(
    node: CircleNode,
) -> None:
    bob = node["bob"]
    seen = await agreed(node)
    await node.do(bob, Release(seen["visits"][0]["hold"]))
    await go_round(node)
    node.later(2 * DAY + 2 * HOUR)
    path = f"visits/{seen['visits'][0]['number']}/done"
    assert await put(node, path, bob, {"minutes": 60}) == "ok"
    await go_round(node)
    [words] = await words_of(node, "mia", "done")
    assert "to pay the helper, say tally pay" in words
    assert await words_of(node, "mia", "unpaid") == []


@pytest.mark.parametrize("status", ["held", "booked"])
async def test_what_somebody_comes_to_can_be_promised_anew(node: CircleNode, status: str) -> None:
    """The asker is told once that nothing is set aside any more; who comes, comes."""
    bob, mia = node["bob"], node["mia"]
    if status == "booked":
        seen = await agreed(node)
        await node.do(bob, Release(seen["visits"][0]["hold"]))
    else:
        seen = await ask(node, mia)
        assert await put(node, f"help/{seen['number']}/yes", bob) == "ok"
        await node.do(mia, Release(seen["visits"][0]["hold"]))
    for _ in range(2):
        await go_round(node)
    now = await read(node, mia, seen["number"])
    [visit] = now["visits"]
    assert (visit["status"], visit["hold"], now["status"]) == (status, None, "filled")
    assert len(await words_of(node, "mia", "unpromised")) == 1
    path = f"help/{seen['number']}/helper"
    if status == "held":
        assert await put(node, path, mia, {"helper": bob.person}) == "request-invalid"
    [hold] = await set_aside(node, mia, now)
    assert hold in (await read(node, mia, seen["number"]))["loose"]
    promise = f"help/{seen['number']}/promise"
    assert await put(node, promise, mia, {"holds": [hold]}) == "ok"
    await node.do(mia, Assign(hold, (bob.account,)))
    assert await put(node, path, mia, {"helper": bob.person}) == "ok"
    node.later(2 * DAY + 2 * HOUR)
    finished = f"visits/{visit['number']}/done"
    assert await put(node, finished, bob, {"minutes": 60}) == "ok"
    await node.do(mia, Settle(hold, bob.account, 60))
    await go_round(node)
    assert (await read(node, mia, seen["number"]))["visits"][0]["status"] == "paid"


async def test_of_two_places_one_is_promised_anew_and_the_other_goes_on(node: CircleNode) -> None:
    bob, mia = node["bob"], node["mia"]
    seen = await agreed(node, helpers=2)
    booked, wanted = seen["visits"]
    assert (booked["status"], wanted["status"]) == ("booked", "open")
    await node.do(bob, Release(booked["hold"]))
    await node.do(mia, Release(wanted["hold"]))
    await go_round(node)
    now = await read(node, mia, seen["number"])
    assert (now["status"], [each["hold"] for each in now["visits"]]) == ("draft", [None, None])
    assert len(await words_of(node, "mia", "unpromised")) == 1
    holds = await set_aside(node, mia, now)
    promise = f"help/{seen['number']}/promise"
    assert await put(node, promise, mia, {"holds": holds}) == "ok"
    assert (await read(node, mia, seen["number"]))["status"] == "open"


async def test_a_draft_needs_nothing_for_a_week_that_is_over(node: CircleNode) -> None:
    mia = node["mia"]
    await help_with(node, "bob", skills=["food"])
    asked = await ask(node, mia, weeks=2)
    for visit in asked["visits"]:
        await node.do(mia, Release(visit["hold"]))
    await go_round(node)
    node.later(3 * DAY)
    await go_round(node)
    now = await read(node, mia, asked["number"])
    assert [each["status"] for each in now["visits"]] == ["dropped", "open"]
    [last] = await set_aside(node, mia, {**now, "visits": now["visits"][1:]})
    promise = f"help/{asked['number']}/promise"
    assert await put(node, promise, mia, {"holds": [last]}) == "ok"
    now = await read(node, mia, asked["number"])
    assert (now["status"], now["visits"][1]["hold"]) == ("open", last)


async def test_for_who_phones_a_promise_that_is_gone_is_a_call_from_the_desk(
    node: CircleNode,
) -> None:
    ann, bob, mia = node["ann"], node["bob"], node["mia"]
    await tell(node, bob, contact="020 7946 0111")
    seen = await agreed(node)
    await flag_as_phoning(node, node["mia"])
    await node.do(bob, Release(seen["visits"][0]["hold"]))
    await go_round(node)
    assert "unpromised" not in await notices(node, mia)
    [call] = (await node.read("/api/v1/desk", ann))["calls"]
    assert (call["what"], call["person"]["handle"]) == ("promise", "mia")
    [hold] = await set_aside(node, mia, seen)
    promise = f"help/{seen['number']}/promise"
    assert await put(node, promise, ann, {"holds": [hold]}) == "ok"
    assert (await node.read("/api/v1/desk", ann))["calls"] == []


async def test_a_draft_goes_on_once_what_it_lacked_is_over(node: CircleNode) -> None:
    bob, mia = node["bob"], node["mia"]
    await help_with(node, "bob", skills=["food"])
    asked = await ask(node, mia, weeks=2)
    first, _ = asked["visits"]
    await node.do(mia, Release(first["hold"]))
    await go_round(node)
    assert (await read(node, mia, asked["number"]))["status"] == "draft"
    await help_with(node, "bob")
    node.later(3 * DAY)
    for _ in range(2):
        await go_round(node)
    assert (await read(node, mia, asked["number"]))["status"] == "open"
    assert await notices(node, bob) == ["ask"]


async def test_whoever_loses_their_device_is_asked_by_the_desk_from_then_on(
    node: CircleNode,
) -> None:
    ann, bob, mia = node["ann"], node["bob"], node["mia"]
    waiting = await ask(node, mia)
    held = await ask(node, mia, hours=60)
    assert await put(node, f"help/{held['number']}/yes", bob) == "ok"
    await flag_as_phoning(node, mia)
    desk = await node.read("/api/v1/desk", ann)
    assert [each["number"] for each in desk["requests"]] == [waiting["number"]]
    assert [(each["what"], each["request"]) for each in desk["calls"]] == [
        ("accept", held["number"])
    ]
    path = f"help/{held['number']}/declined"
    assert await put(node, path, ann, {"helper": bob.person}) == "ok"


async def test_silence_pays_nobody_whose_asker_lost_their_device(node: CircleNode) -> None:
    ann, bob, mia = node["ann"], node["bob"], node["mia"]
    seen = await done(node)
    hold = seen["visits"][0]["hold"]
    await flag_as_phoning(node, mia)
    [call] = (await node.read("/api/v1/desk", ann))["calls"]
    assert (call["what"], call["person"]["handle"]) == ("confirm", "mia")
    await node.do(bob, Claim(hold, 60))
    async with node.home.database() as database:
        shown = "UPDATE notices SET told = $1, due = NULL"
        await database.execute(shown, node.clock.wall())
    node.later(4 * DAY)
    assert await node.attempt(bob, Settle(hold, bob.account, 60)) == "asker-untold"
