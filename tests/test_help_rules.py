"""Who is asked and who is not, why not, and what is held on those who were."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ledger.orders import Close, Release
from node.erase import erase
from node.help.held import KEPT_MS, WORDS_KEPT_MS, forget_help
from node.help.request import OPEN_MAX, WEEKS_MAX
from tests.circle_node import HOUR, CircleNode, Member
from tests.directory_circle import HERE, attempt, tell
from tests.help_circle import (
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
    written,
)

DAY = 24 * HOUR


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle in which mia asks, and bob helps."""
    async with help_circle(postgres_dsn, tmp_path / "circle", "bob") as live:
        yield live


async def _level(node: CircleNode) -> None:
    path = "/api/v1/vetting-levels/references"
    assert await attempt(node, "PUT", path, node["ann"], {"name": "References"}) == "ok"


async def _block(node: CircleNode) -> None:
    path = f"people/{node['bob'].person}/blocks/{node['mia'].person}"
    assert await put(node, path, node["bob"]) == "ok"


async def _suspend(node: CircleNode) -> None:
    path = f"people/{node['bob'].person}/suspension"
    assert await put(node, path, node["ann"], {"reason": "We look into something."}) == "ok"


async def _live_far_away(node: CircleNode) -> None:
    await tell(node, node["bob"], square=HERE | {"northing": HERE["northing"] + 5000})


async def _be_busy(node: CircleNode) -> None:
    asked = await ask(node, node["mia"])
    assert await put(node, f"help/{asked['number']}/yes", node["bob"]) == "ok"


async def _have_helped_enough(node: CircleNode) -> None:
    await help_with(node, "bob", weekly=90)
    asked = await ask(node, node["mia"], hours=50)
    assert await put(node, f"help/{asked['number']}/yes", node["bob"]) == "ok"


async def _be_away(node: CircleNode) -> None:
    away = {"begins": written(at(node, 47)), "ends": written(at(node, 60))}
    await help_with(node, "bob", away=away)


async def _leave(node: CircleNode) -> None:
    await node.do(node["ann"], Close(), account=node["bob"].account)


async def _help_with_food(node: CircleNode) -> None:
    await help_with(node, "bob", skills=["food"])


async def _stop(node: CircleNode) -> None:
    path = f"/api/v1/people/{node['bob'].person}/helper"
    assert await attempt(node, "DELETE", path, node["bob"]) == "ok"


async def _nothing(_: CircleNode) -> None:
    pass


Change = Callable[[CircleNode], Awaitable[None]]
RULES: dict[str, tuple[Change, dict[str, Any], str]] = {
    "nothing": (_nothing, {}, ""),
    "no helper": (_stop, {}, "They have not said that they can help, and when."),
    "another skill": (_help_with_food, {}, "They do not help with garden."),
    "no car": (_nothing, {"traits": ["car"]}, "They lack: car."),
    "not vetted": (_level, {"vetting": "references"}, "They are not vetted for references."),
    "no such language": (_nothing, {"language": "Yorùbá"}, "They do not speak Yorùbá."),
    "blocked": (_block, {}, "They cannot be asked for this."),
    "suspended": (_suspend, {}, "They cannot be asked for this."),
    "too far": (_live_far_away, {}, "It is further than they go."),
    "busy": (_be_busy, {}, "They are not free then, or help as much in that week as they can"),
    "enough": (_have_helped_enough, {}, "They are not free then, or help as much in that week"),
    "away": (_be_away, {}, "They are not free then, or help as much in that week as they can"),
    "left": (_leave, {}, "They are no member of the circle."),
}


@pytest.mark.parametrize("rule", RULES)
async def test_who_breaks_a_rule_is_not_asked_and_the_rule_is_named(
    node: CircleNode, rule: str
) -> None:
    """What the ranking leaves out, and what coordinators are told of it, is the same."""
    change, wanted, told = RULES[rule]
    await change(node)
    asked = await ask(node, node["mia"], **wanted)
    path = f"/api/v1/help/{asked['number']}/ranking/{node['bob'].person}"
    async with node.home.database() as database:
        count = await database.fetchval(
            "SELECT count(*) FROM asks WHERE request = $1", asked["number"]
        )
    assert count == (0 if told else 1)
    [why] = (await node.read(path, node["ann"]))["why"]
    assert why.startswith(told or "They were asked already.")
    assert await node.refusal(path, node["mia"]) == "not-permitted"


async def test_a_choice_by_hand_wins_but_not_over_a_block(node: CircleNode) -> None:
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    await _help_with_food(node)
    asked = await ask(node, mia, traits=["car"])
    path = f"help/{asked['number']}/asks/{bob.person}"
    assert await put(node, path, mia) == "not-permitted"
    assert await put(node, path, ann) == "ok"
    assert await put(node, path, ann) == "ok", "asked once is asked"
    assert await put(node, f"help/{asked['number']}/yes", bob) == "ok"
    await _block(node)
    other = await ask(node, mia, hours=60)
    assert await put(node, f"help/{other['number']}/asks/{bob.person}", ann) == "help-taken"


async def test_after_the_last_wave_a_request_is_on_the_desk(node: CircleNode) -> None:
    ann, mia = node["ann"], node["mia"]
    asked = await ask(node, mia, hours=30)
    desk = await node.read("/api/v1/desk", ann)
    assert [each["number"] for each in desk["requests"]] == [asked["number"]], "only bob can"
    assert await node.refusal("/api/v1/desk", mia) == "not-permitted"
    assert await put(node, f"help/{asked['number']}/no", node["bob"]) == "ok"
    ranking = f"/api/v1/help/{asked['number']}/ranking"
    assert (await node.read(ranking, ann))["helpers"] == []
    await node.welcome("eve")
    await help_with(node, "eve")
    [eve] = (await node.read(ranking, ann))["helpers"]
    assert eve["helper"]["handle"] == "eve"
    assert "reliability 1.00" in eve["why"]


async def test_who_phones_is_on_the_desk_at_once_and_asked_for_by_a_coordinator(
    node: CircleNode,
) -> None:
    ann, bob = node["ann"], node["bob"]
    dot = await node.open_deviceless("dot", "Dot Cotton")
    await tell(node, dot, ann, channel="call", contact="020 7946 0000")
    body = item(node, person=dot.person)
    assert await attempt(node, "POST", "/api/v1/help", bob, body) == "not-permitted"
    made = await draft(node, ann, person=dot.person)
    assert (made["phones"], made["asker"]["handle"]) == (True, "dot")


async def test_those_who_were_not_asked_see_nothing_of_it(node: CircleNode) -> None:
    mia, bob = node["mia"], node["bob"]
    made = await draft(node, mia)
    path = f"/api/v1/help/{made['number']}"
    assert await node.refusal(path, bob) == "not-found"
    assert await node.refusal("/api/v1/help/999", bob) == "not-found"
    assert (await node.read("/api/v1/help", bob))["requests"] == []
    assert (await node.read("/api/v1/help", bob, asked="true"))["requests"] == []
    for action in ("yes", "no"):
        assert await put(node, f"help/{made['number']}/{action}", bob) == "not-found"
    helper = f"/api/v1/people/{bob.person}/helper"
    assert await node.refusal(helper, mia) == "not-yours"
    assert (await node.read(helper, node["ann"]))["skills"] == ["garden"]


async def test_hours_are_kept_as_they_were_said(node: CircleNode) -> None:
    bob = node["bob"]
    hours = [
        {"weekday": 1, "begins": "09:00", "ends": "12:30"},
        {"weekday": 2, "begins": "22:00", "ends": "24:00"},
        {"weekday": 3, "begins": "00:00", "ends": "02:00"},
    ]
    await help_with(node, "bob", hours=hours, traits=["no-pets", "car"])
    path = f"/api/v1/people/{bob.person}/helper"
    told = await node.read(path, bob)
    assert told["hours"] == hours
    assert told["traits"] == ["car", "no-pets"]


HOSTILE: dict[str, dict[str, Any]] = {
    "no window": {"windows": []},
    "over": {"windows": [{"begins": "2020-01-01T10:00", "ends": "2020-01-01T12:00"}]},
    "before all time": {"windows": [{"begins": "0001-01-01T10:00", "ends": "0001-01-01T12:00"}]},
    "no day of any month": {
        "windows": [{"begins": "2027-02-30T10:00", "ends": "2027-03-01T10:00"}]
    },
    "too short": {"minutes": 120},
    "too long": {"minutes": 481},
    "too many": {"helpers": 11},
    "too many visits": {"helpers": 10, "weeks": 12},
    "no such category": {"category": "nonsense"},
    "no such level": {"vetting": "nonsense"},
    "no such need": {"traits": ["saint"]},
    "nothing set aside": {"most": 0},
    "a key of others' making": {"key": "x" * 32},
    "no words": {"title": " "},
    "a hidden line": {"title": "a\nb"},
    "too much": {"private": "x" * 2001},
    "no account of theirs": {"account": 1},
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_what_is_no_request_is_refused_and_nothing_is_kept(
    node: CircleNode, case: str
) -> None:
    mia = node["mia"]
    begins = at(node, 48)
    window = {"begins": written(begins), "ends": written(at(node, 49))}
    body = item(node) | {"windows": [window]} | HOSTILE[case]
    assert await attempt(node, "POST", "/api/v1/help", mia, body) == "request-invalid"
    assert (await node.read("/api/v1/help", mia))["requests"] == []


async def test_somebody_asks_for_so_many_things_at_once_and_no_more(node: CircleNode) -> None:
    mia = node["mia"]
    for _ in range(OPEN_MAX):
        await draft(node, mia)
    assert await attempt(node, "POST", "/api/v1/help", mia, item(node)) == "too-many"


async def test_whoever_has_asked_for_many_weeks_may_ask_for_something_else(
    node: CircleNode,
) -> None:
    await draft(node, node["mia"], weeks=WEEKS_MAX)
    await draft(node, node["mia"])


async def test_whoever_leaves_comes_to_nobody_and_asks_for_nothing(node: CircleNode) -> None:
    """And once they are erased nothing that they wrote is left."""
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    asked = await ask(node, mia)
    number, [visit] = asked["number"], asked["visits"]
    assert await put(node, f"help/{number}/yes", bob) == "ok"
    held = await node.read(f"/api/v1/people/{bob.person}/everything", bob)
    assert held["asks"][0]["answer"] == "yes"
    assert held["visits"][0]["status"] == "held"
    held = await node.read(f"/api/v1/people/{mia.person}/everything", mia)
    assert held["help_requests"][0]["address"] == "12 Elm Road"
    await node.do(ann, Close(), account=bob.account)
    await go_round(node)
    assert await node.refusal(f"/api/v1/help/{number}", bob) == "not-found"
    assert (await node.read("/api/v1/help", bob, asked="true"))["requests"] == []
    seen = await read(node, mia, number)
    assert (seen["status"], seen["visits"][0]["status"]) == ("open", "open")
    assert (await notices(node, mia))[-1] == "left"
    await node.do(mia, Release(visit["hold"]))
    await node.do(ann, Close(), account=mia.account)
    await go_round(node)
    async with node.home.database() as database:
        assert await database.fetchval("SELECT status FROM help_requests") == "cancelled"
        for member in (mia, bob):
            await erase(database, member.person)
        row = await database.fetchrow("SELECT * FROM help_requests")
        assert row is not None
        assert {row[name] for name in ("title", "words", "area", "address", "private")} == {""}
        assert (row["asker"], row["made_by"], row["easting"]) == (None, None, None)
        assert await database.fetchval("SELECT count(*) FROM asks") == 0
        assert await database.fetchval("SELECT count(*) FROM helpers") == 0


async def test_what_was_written_is_forgotten_and_after_two_years_all_of_it(
    node: CircleNode,
) -> None:
    mia, bob = node["mia"], node["bob"]
    asked = await ask(node, mia)
    assert await put(node, f"help/{asked['number']}/yes", bob) == "ok"
    assert await accept(node, mia, asked["number"], bob) == "ok"
    now = node.clock.wall()
    for later, expected in (
        (WORDS_KEPT_MS, "12 Elm Road"),
        (WORDS_KEPT_MS + 10 * DAY, ""),
        (KEPT_MS + 10 * DAY, None),
    ):
        await forget_help(node.circle.pool, now + later)
        async with node.home.database() as database:
            assert await database.fetchval("SELECT address FROM help_requests") == expected


async def test_who_asked_and_who_said_yes_write_to_each_other_and_nobody_else(
    node: CircleNode,
) -> None:
    mia, bob = node["mia"], node["bob"]
    await node.welcome("eve")
    asked = await ask(node, mia)
    about = f"help/{asked['number']}"

    async def write(by: Member, to: Member) -> str:
        body = {"about": about, "to": to.person, "words": "Shall I bring gloves?"}
        return await attempt(node, "POST", "/api/v1/messages", by, body)

    assert await write(bob, mia) == await write(mia, bob) == "not-found"
    assert await put(node, f"{about}/yes", bob) == "ok"
    assert await write(bob, mia) == await write(mia, bob) == "ok"
    assert await write(node["eve"], mia) == "not-found"
    assert await write(mia, node["eve"]) == "not-found"
