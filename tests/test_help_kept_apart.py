"""Two who are to be kept apart: what each of them sees of help, and what is agreed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ledger.orders import Holder, Mandate, Unmandate
from node.api.sessions import Session
from node.care.suspensions import suspend
from node.people.blocks import block
from tests.circle_node import DAY, CircleNode
from tests.directory_circle import attempt
from tests.help_circle import accept, ask, draft, help_circle, help_with, notices, put, read
from tests.waiting import until


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """The coordinators ann and ben, mia who asks, and bob and eve who help in the garden."""
    async with help_circle(postgres_dsn, tmp_path / "circle", "bob", "eve") as live:
        await live.welcome("ben", office="coordinator")
        yield live


@pytest.mark.parametrize("how", ["asker", "helper", "suspended"])
async def test_who_was_asked_sees_nothing_of_it_any_more_once_they_are_kept_apart(
    node: CircleNode, how: str
) -> None:
    """It looks to them as if it were settled; and as it was, where that is taken back."""
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    number = (await ask(node, mia, words="The climbing ones."))["number"]
    path = {
        "asker": f"people/{mia.person}/blocks/{bob.person}",
        "helper": f"people/{bob.person}/blocks/{mia.person}",
        "suspended": f"people/{bob.person}/suspension",
    }[how]
    who = {"asker": mia, "helper": bob, "suspended": ann}[how]
    before = await read(node, bob, number)
    assert (before["words"], before["asker"]["handle"]) == ("The climbing ones.", "mia")
    body = {"reason": "A worry."} if how == "suspended" else None
    assert await attempt(node, "PUT", f"/api/v1/{path}", who, body) == "ok"
    [listed] = (await node.read("/api/v1/help", bob, asked="true"))["requests"]
    for seen in (listed, await read(node, bob, number)):
        assert (seen["status"], seen["title"], seen["words"]) == ("over", "", "")
        assert (seen["asker"], seen["windows"], seen["visits"]) == (None, [], [])
        assert seen["own"]["why"] == ""
    assert (await read(node, node["eve"], number))["words"] == "The climbing ones."
    assert await put(node, f"help/{number}/yes", bob) == "help-taken"
    assert await attempt(node, "DELETE", f"/api/v1/{path}", who) == "ok"
    assert await read(node, bob, number) == before


@pytest.mark.parametrize("how", ["blocked", "suspended"])
async def test_nobody_is_accepted_whom_somebody_blocks_or_suspends_at_that_moment(
    node: CircleNode, how: str
) -> None:
    """Or whoever does it would not be told of the visit, nor whoever looks at those."""
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    number = (await ask(node, mia))["number"]
    assert await put(node, f"help/{number}/yes", bob) == "ok"
    seen = await read(node, mia, number)
    await node.sign_in(mia)
    async with node.home.database() as database, database.transaction():
        if how == "blocked":
            await block(database, bob.person, mia.person)
        else:
            officer = Session(ann.person, ann.key, b"", frozenset({"coordinator"}))
            await suspend(database, officer, bob.person, "A worry.", node.clock.wall())
        accepting = asyncio.create_task(accept(node, mia, number, bob))

        async def waits() -> bool:
            found = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
            return accepting.done() or bool(await database.fetchval(found))

        await until(waits)
        assert not accepting.done()
    assert await accepting == "help-taken"
    assert (await read(node, mia, number))["visits"][0]["status"] == seen["visits"][0]["status"]
    assert "booked" not in await notices(node, bob)


async def test_a_coordinator_does_not_find_out_by_asking_themselves_who_blocked_them(
    node: CircleNode,
) -> None:
    """They are told the same, whatever keeps them from being asked."""
    ann, mia = node["ann"], node["mia"]
    number = (await ask(node, mia))["number"]
    path = f"/api/v1/help/{number}/asks/{ann.person}"
    _, busy = await node.request("PUT", path, ann)
    await help_with(node, "ann")
    blocks = f"/api/v1/people/{mia.person}/blocks/{ann.person}"
    assert await attempt(node, "PUT", blocks, mia) == "ok"
    _, blocked = await node.request("PUT", path, ann)
    assert (blocked["code"], blocked["detail"]) == (busy["code"], busy["detail"])
    assert await attempt(node, "DELETE", blocks, mia) == "ok"
    assert await attempt(node, "PUT", path, ann) == "ok"


async def test_a_coordinator_sees_what_their_household_asks_for_as_who_asked(
    node: CircleNode,
) -> None:
    """So how reliable somebody is, is told to nobody whom they come to; nor is who said no."""
    ann, ben, mia = node["ann"], node["ben"], node["mia"]
    joined = Holder(mia.person, 1)
    await node.do(ann, joined, account=ben.account, cosigners=(ben,), text="they moved")
    number = (await ask(node, mia))["number"]
    assert await put(node, f"help/{number}/no", node["eve"]) == "ok"
    assert await put(node, f"help/{number}/yes", node["bob"]) == "ok"
    own = (await read(node, ben, number))["offers"]
    others = (await read(node, ann, number))["offers"]
    assert own == (await read(node, mia, number))["offers"]
    assert [each["helper"]["handle"] for each in own] == ["bob"]
    assert {each["helper"]["handle"] for each in others} == {"bob", "eve"}
    assert all("reliability" in each["why"] for each in others)


async def test_who_asked_for_somebody_sees_it_while_they_may_act_for_them(node: CircleNode) -> None:
    """What becomes of it later is for those two to tell each other."""
    mia, eve = node["mia"], node["eve"]
    terms = Mandate(eve.person, ("hold",), 600, DAY, node.clock.wall() + 30 * DAY)
    given = await node.do(mia, terms)
    await draft(node, eve, person=mia.person)
    assert len((await node.read("/api/v1/help", eve))["requests"]) == 1
    await node.do(mia, Unmandate(given["entry"]["index"]))
    assert (await node.read("/api/v1/help", eve))["requests"] == []
    assert len((await node.read("/api/v1/help", mia))["requests"]) == 1
