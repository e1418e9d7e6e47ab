"""Members who ask for help and who help: what tests of help say often."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ledger.orders import Assign, Hold
from node.help.rounds import one_round
from tests.calendar_circle import set_zone
from tests.circle_node import CircleNode, Member, circle_node, usual_rules
from tests.directory_circle import HERE, attempt, tell

ZONE = "UTC"
ALWAYS = [{"weekday": day, "begins": "00:00", "ends": "24:00"} for day in range(1, 8)]
SILENCE_MS = 72 * 3600 * 1000


@asynccontextmanager
async def help_circle(dsn: str, directory: Path, *helpers: str) -> AsyncIterator[CircleNode]:
    """A circle with the coordinator ann, the member mia who asks, and helpers who can garden."""
    rules = usual_rules(unit_kind="minutes", unit_scale=0)
    async with circle_node(dsn, directory, rules) as node:
        node.later(until_tuesday(node.clock.wall()))
        await set_zone(node, ZONE)
        await node.welcome("mia")
        await tell(node, node["mia"], square=HERE, contact="020 7946 0018", channel="call")
        for handle in helpers:
            await node.welcome(handle)
            await help_with(node, handle)
        yield node


def until_tuesday(now: int) -> int:
    """How many milliseconds it is until a Tuesday at ten (UTC): so that the hours after it are of
    one week and none is at night, whenever the tests run."""
    shown = datetime.fromtimestamp(now / 1000, UTC)
    days = (1 - shown.weekday()) % 7 + 7
    tuesday = shown.replace(hour=10, minute=5, second=0, microsecond=0) + timedelta(days=days)
    return round(tuesday.timestamp() * 1000) - now


async def help_with(node: CircleNode, handle: str, **changed: Any) -> None:
    """Let somebody help; with the garden, always, unless told otherwise."""
    member = node[handle]
    item = {"weekly": 600, "reach": 2000, "skills": ["garden"], "hours": ALWAYS} | changed
    path = f"/api/v1/people/{member.person}/helper"
    assert await attempt(node, "PUT", path, member, item) == "ok"


def at(node: CircleNode, hours: int) -> datetime:
    """So many hours from now, at the full hour, on the circle's clock."""
    now = datetime.fromtimestamp(node.clock.wall() / 1000, UTC).replace(tzinfo=None)
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=hours)


def written(time: datetime) -> str:
    return time.isoformat(timespec="minutes")


def item(node: CircleNode, hours: int = 48, minutes: int = 60, **changed: Any) -> dict[str, Any]:
    """Help in the garden for an hour, at one time."""
    begins = at(node, hours)
    window = {"begins": written(begins), "ends": written(begins + timedelta(minutes=minutes))}
    return {
        "key": os.urandom(16).hex(),
        "category": "garden",
        "title": "Roses to cut",
        "minutes": minutes,
        "windows": [window],
        "address": "12 Elm Road",
        "private": "The key is under the pot.",
        **changed,
    }


async def draft(node: CircleNode, asker: Member, **changed: Any) -> dict[str, Any]:
    """Ask, without setting anything aside yet; must be taken."""
    status, answer = await node.request("POST", "/api/v1/help", asker, json=item(node, **changed))
    assert status == 200, answer
    made: dict[str, Any] = answer
    return made


async def set_aside(node: CircleNode, asker: Member, request: dict[str, Any]) -> list[int]:
    """Set aside what each visit of a request needs; returns the entries."""
    holds = []
    for visit in request["visits"]:
        act = Hold((), request["most"], visit["until"], (), 1)
        done = await node.do(asker, act, account=request["account"])
        holds.append(int(done["entry"]["index"]))
    return holds


async def ask(node: CircleNode, asker: Member, **changed: Any) -> dict[str, Any]:
    """Ask for help with all that belongs to it, and let the first ones be asked."""
    made = await draft(node, asker, **changed)
    holds = await set_aside(node, asker, made)
    path = f"/api/v1/help/{made['number']}/promise"
    status, answer = await node.request("PUT", path, asker, json={"holds": holds})
    assert status == 200, answer
    await go_round(node)
    return await read(node, asker, made["number"])


async def go_round(node: CircleNode) -> None:
    """What the node does by itself every few seconds."""
    await one_round(node.circle.pool, node.clock.wall())


async def read(node: CircleNode, member: Member, request: int) -> dict[str, Any]:
    """A request as somebody sees it."""
    seen: dict[str, Any] = await node.read(f"/api/v1/help/{request}", member)
    return seen


async def put(
    node: CircleNode, path: str, member: Member, body: dict[str, Any] | None = None
) -> str:
    """Change something, and return "ok" or the code of the problem."""
    return await attempt(node, "PUT", f"/api/v1/{path}", member, {} if body is None else body)


async def accept(node: CircleNode, asker: Member, request: int, helper: Member) -> str:
    """Promise what is set aside to a helper who said yes, and take them."""
    seen = await read(node, asker, request)
    for visit in seen["visits"]:
        if visit["status"] == "held" and visit["helper"]["person"] == helper.person:
            act = Assign(visit["hold"], (helper.account,), (SILENCE_MS,))
            await node.do(asker, act, account=seen["account"])
    return await put(node, f"help/{request}/helper", asker, {"helper": helper.person})


async def agreed(node: CircleNode, helper: str = "bob", **changed: Any) -> dict[str, Any]:
    """A request of mia's for which somebody is accepted."""
    asked = await ask(node, node["mia"], **changed)
    assert await put(node, f"help/{asked['number']}/yes", node[helper]) == "ok"
    assert await accept(node, node["mia"], asked["number"], node[helper]) == "ok"
    return await read(node, node["mia"], asked["number"])


async def notices(node: CircleNode, member: Member) -> list[str]:
    """The kinds of what somebody is told, in order."""
    async with node.home.database() as database:
        rows = await database.fetch(
            "SELECT kind FROM notices WHERE person = $1 ORDER BY number", member.person
        )
    return [row["kind"] for row in rows]
