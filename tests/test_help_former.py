"""Who was asked and is not to come sees that they were asked, and what they said."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.circle_node import HOUR, CircleNode, Member
from tests.directory_circle import attempt
from tests.help_circle import accept, ask, go_round, help_circle, help_with, put, read

DAY = 24 * HOUR
ABOUT = {"title": "Bandage for my leg", "words": "It is an ulcer.", "area": "Elm Road"}


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle in which mia asks, and bob and eve help."""
    async with help_circle(postgres_dsn, tmp_path / "circle", "bob", "eve") as live:
        yield live


async def seen_by(node: CircleNode, member: Member, number: int) -> dict[str, Any]:
    """A request as somebody reads it alone, and in the list: the same."""
    alone = await read(node, member, number)
    listed = await node.read("/api/v1/help", member, asked="true")
    assert listed["requests"] == [alone]
    return alone


def check_former(seen: dict[str, Any], asked: dict[str, Any], answer: str) -> None:
    """That nothing is told but the category, the day, and what they said."""
    own = seen["own"]
    assert (seen["number"], seen["category"]) == (asked["number"], "garden")
    assert (seen["status"], own["answer"], own["why"]) == ("over", answer, "")
    assert own["begins"] == asked["windows"][0]["begins"][:10] + "T00:00"
    told = json.dumps({**seen, "own": None})
    for secret in (*ABOUT.values(), "Mia", "mia", asked["windows"][0]["begins"], "12 Elm"):
        assert secret not in told
    empty = {"number", "category", "status", "own"}
    assert all(not value for name, value in seen.items() if name not in empty)


async def test_who_said_no_sees_that_they_were_asked_and_said_so(node: CircleNode) -> None:
    asked = await ask(node, node["mia"], **ABOUT)
    assert (await seen_by(node, node["bob"], asked["number"]))["title"] == ABOUT["title"]
    assert await put(node, f"help/{asked['number']}/no", node["bob"]) == "ok"
    check_former(await seen_by(node, node["bob"], asked["number"]), asked, "no")


async def test_whose_answer_came_too_late_sees_no_more_and_all_of_it_when_asked_again(
    node: CircleNode,
) -> None:
    mia, bob, eve = node["mia"], node["bob"], node["eve"]
    asked = await ask(node, mia, **ABOUT)
    number = asked["number"]
    assert await put(node, f"help/{number}/yes", bob) == "ok"
    check_former(await seen_by(node, eve, number), asked, "late")
    assert (await seen_by(node, bob, number))["title"] == ABOUT["title"]
    assert await put(node, f"help/{number}/declined", mia, {"helper": bob.person}) == "ok"
    check_former(await seen_by(node, bob, number), asked, "declined")
    assert (await seen_by(node, eve, number))["title"] == ABOUT["title"]


@pytest.mark.parametrize("end", ["cancelled", "over"])
async def test_when_it_is_over_who_did_not_come_sees_no_more(node: CircleNode, end: str) -> None:
    mia, bob, eve = node["mia"], node["bob"], node["eve"]
    asked = await ask(node, mia, picks=True, **ABOUT)
    number = asked["number"]
    assert await put(node, f"help/{number}/yes", bob) == "ok"
    assert (await seen_by(node, bob, number))["title"] == ABOUT["title"]
    if end == "cancelled":
        assert await attempt(node, "DELETE", f"/api/v1/help/{number}", mia) == "ok"
    else:
        node.later(3 * DAY)
        await go_round(node)
    check_former(await seen_by(node, bob, number), asked, "yes")
    assert (await seen_by(node, eve, number))["title"] == ""


async def test_who_came_sees_what_for_afterwards_and_who_left_no_more(node: CircleNode) -> None:
    mia, bob, eve = node["mia"], node["bob"], node["eve"]
    asked = await ask(node, mia, **ABOUT)
    number = asked["number"]
    assert await put(node, f"help/{number}/yes", bob) == "ok"
    assert await put(node, f"visits/{asked['visits'][0]['number']}/left", bob) == "ok"
    check_former(await seen_by(node, bob, number), asked, "left")
    assert await put(node, f"help/{number}/yes", eve) == "ok"
    assert await accept(node, mia, number, eve) == "ok"
    node.later(3 * DAY)
    done = f"visits/{asked['visits'][0]['number']}/done"
    assert await put(node, done, eve, {"minutes": 60}) == "ok"
    assert (await seen_by(node, eve, number))["title"] == ABOUT["title"]
    everything = await node.text(f"/api/v1/people/{bob.person}/everything", bob)
    kept = json.loads(everything)["asks"]
    assert [each["answer"] for each in kept] == ["left"], "their own answers remain theirs"


async def test_who_said_no_and_whom_tokens_are_set_aside_for_sees_what_to_hand_back(
    node: CircleNode,
) -> None:
    mia, bob = node["mia"], node["bob"]
    await help_with(node, "eve", skills=["food"])
    asked = await ask(node, mia, **ABOUT)
    assert await put(node, f"help/{asked['number']}/yes", bob) == "ok"
    assert await accept(node, mia, asked["number"], bob) == "ok"
    assert await put(node, f"visits/{asked['visits'][0]['number']}/left", bob) == "ok"
    [visit] = (await seen_by(node, bob, asked["number"]))["visits"]
    assert visit["payee"] == bob.account
