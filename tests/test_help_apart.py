"""Who looks at help that is about somebody: at what they agreed to, or at what was missed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.care_circle import name_lead, told
from tests.circle_node import HOUR, CircleNode, Member
from tests.directory_circle import attempt, tell
from tests.help_circle import agreed, help_circle, help_with, notices, put

DAY = 24 * HOUR
WHY = "A bruise was seen."


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle in which mia asks, bob helps, and ann and cleo are coordinators."""
    async with help_circle(postgres_dsn, tmp_path / "circle", "bob") as live:
        await live.welcome("cleo", office="coordinator")
        yield live


async def missed(node: CircleNode, helper: str = "bob") -> int:
    """A visit to which the helper did not come, as mia said; its number."""
    seen = await agreed(node, helper)
    node.later(2 * DAY + 2 * HOUR)
    number: int = seen["visits"][0]["number"]
    assert await put(node, f"visits/{number}/missed", node["mia"]) == "ok"
    return number


async def calls(node: CircleNode, coordinator: str, what: str) -> list[dict[str, Any]]:
    found = (await node.read("/api/v1/desk", node[coordinator]))["calls"]
    return [call for call in found if call["what"] == what]


async def errands(node: CircleNode, coordinator: str) -> list[str]:
    """The kinds of what is on the ring list, as this coordinator sees it."""
    await node.circle.delivery.turn()
    found = await node.read("/api/v1/ring-list", node[coordinator])
    return [errand["kind"] for errand in found["errands"]]


async def share_an_account(node: CircleNode, one: Member, other: Member) -> None:
    async with node.home.database() as database:
        await database.execute(
            "INSERT INTO holders (account, person) VALUES ($1, $2)", one.account, other.person
        )


async def suspend(node: CircleNode, handle: str, by: str = "ann") -> None:
    path = f"people/{node[handle].person}/suspension"
    assert await put(node, path, node[by], {"reason": WHY}) == "ok"


@pytest.mark.parametrize("who", ["bob", "mia"])
async def test_what_somebody_suspended_agreed_to_is_put_before_who_looks_at_it(
    node: CircleNode, who: str
) -> None:
    await name_lead(node, await node.welcome("lou"))
    seen = await agreed(node, weeks=2)
    await suspend(node, who)
    name, number = node[who].handle.capitalize(), seen["number"]
    named = f"help {number} (Roses to cut, "
    for handle, kind in (("lou", "suspension"), ("ann", "duty"), ("cleo", "duty")):
        [words] = [words for each, _, words in await told(node, node[handle]) if each == kind]
        assert f"{name} is left out of matching" in words
        assert named in words
        assert "Bob comes to Mia" in words
        assert WHY not in words
    [call] = await calls(node, "cleo", "look")
    assert (call["request"], call["person"]["handle"]) == (number, "bob")
    assert WHY not in call["words"]
    other = "mia" if who == "bob" else "bob"
    for handle in (who, other):
        kinds = await notices(node, node[handle])
        assert not {"duty", "suspension"} & set(kinds), "the two are told nothing"
    await suspend(node, who, by="cleo")
    kinds = [kind for kind, _, _ in await told(node, node["ann"])]
    assert kinds.count("duty") == 1, "another reason is no other suspension"


async def test_what_a_suspended_helper_leaves_is_nobodys_fault_and_off_the_desk(
    node: CircleNode,
) -> None:
    seen = await agreed(node, hours=5)
    await suspend(node, "bob")
    path = f"visits/{seen['visits'][0]['number']}/left"
    assert await put(node, path, node["cleo"]) == "ok"
    assert await calls(node, "cleo", "look") == []
    async with node.home.database() as database:
        assert await database.fetchval("SELECT sum(failed) FROM helpers") == 0


@pytest.mark.parametrize("who", ["bob", "mia"])
async def test_who_blocks_somebody_is_reminded_of_what_they_agreed_on_and_nobody_else(
    node: CircleNode, who: str
) -> None:
    """The other may stand at the door, and must not learn of the block."""
    other = "mia" if who == "bob" else "bob"
    path = f"people/{node[who].person}/blocks/{node[other].person}"
    assert await put(node, path, node[who]) == "ok"
    assert "agreed" not in await notices(node, node[who])
    assert await attempt(node, "DELETE", f"/api/v1/{path}", node[who]) == "ok"
    seen = await agreed(node)
    assert await put(node, path, node[who]) == "ok"
    [words] = [each for kind, _, each in await told(node, node[who]) if kind == "agreed"]
    assert words.startswith(f"You agreed on this before: help {seen['number']} (Roses to cut, ")
    assert "block" not in words
    for handle in (other, "ann", "cleo"):
        assert "agreed" not in await notices(node, node[handle])


@pytest.mark.parametrize("shared", [False, True])
async def test_a_helper_is_told_who_is_said_not_to_come_and_not_blamed_by_who_asked(
    node: CircleNode, shared: bool
) -> None:
    """Else they would stand at the door."""
    seen = await agreed(node, hours=5)
    if shared:
        await share_an_account(node, node["mia"], node["cleo"])
    path = f"visits/{seen['visits'][0]['number']}/left"
    assert await put(node, path, node["cleo"]) == "ok"
    [words] = [each for kind, _, each in await told(node, node["bob"]) if kind == "off"]
    assert words.startswith("You are not expected for Roses to cut, ")
    async with node.home.database() as database:
        failed = await database.fetchval("SELECT sum(failed) FROM helpers")
    assert failed == (0 if shared else 1)


async def test_nothing_is_put_before_anybody_where_nothing_was_agreed(node: CircleNode) -> None:
    await suspend(node, "bob")
    assert await notices(node, node["cleo"]) == ["suspension"]
    assert await calls(node, "cleo", "look") == []


async def test_of_themselves_and_their_household_coordinators_are_shown_nothing(
    node: CircleNode,
) -> None:
    await agreed(node)
    await share_an_account(node, node["bob"], node["cleo"])
    await suspend(node, "bob")
    assert await notices(node, node["cleo"]) == []
    assert await calls(node, "cleo", "look") == []
    assert len(await calls(node, "ann", "look")) == 1


@pytest.mark.parametrize("shared", [False, True])
async def test_a_miss_is_on_no_list_of_who_it_is_about_nor_of_their_household(
    node: CircleNode, shared: bool
) -> None:
    """Others ring about it, and it can be read on the list of who is rung."""
    await help_with(node, "cleo")
    await node.welcome("dora", office="coordinator")
    for handle in ("ann", "dora"):
        await tell(node, node[handle], channel="call", contact="020 7946 0111")
    if shared:
        await share_an_account(node, node["bob"], node["cleo"])
    await missed(node, "bob" if shared else "cleo")
    assert "duty" not in await errands(node, "cleo")
    assert await calls(node, "cleo", "miss") == []
    assert (await errands(node, "dora")).count("duty") == 2
    assert len(await calls(node, "ann", "miss")) == 1
    assert "duty" not in await notices(node, node["cleo"])


async def test_a_miss_that_nobody_may_judge_counts_for_nobody_and_says_so(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with help_circle(postgres_dsn, tmp_path / "circle") as node:
        await help_with(node, "ann")
        visit = await missed(node, "ann")
        for member in (node["ann"], node["mia"]):
            [words] = [each for kind, _, each in await told(node, member) if kind == "unjudged"]
            assert "nobody finds out, and it counts against nobody" in words
        found = f"visits/{visit}/found"
        assert await put(node, found, node["ann"], {"failed": False}) == "not-permitted"
        async with node.home.database() as database:
            counted = "SELECT ARRAY[kept, failed] FROM helpers"
            assert await database.fetchval(counted) == [0, 0]


async def test_a_miss_that_somebody_finds_out_is_not_said_to_be_left_open(node: CircleNode) -> None:
    await missed(node)
    assert "unjudged" not in await notices(node, node["mia"])
    assert await attempt(node, "GET", "/api/v1/desk", node["cleo"]) == "ok"
