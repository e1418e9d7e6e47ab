"""What goes of help with a member, with time, and with what a circle calls things no longer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from ledger.orders import Close, Release
from node.circle import purge
from node.erase import erase
from node.help.held import WORDS_KEPT_MS, forget_help
from node.help.ranking import CONSIDERED_MAX, Wanted, rank
from node.talking.expiry import NOTICES_KEPT_MS, forget_talk
from tests.circle_node import HOUR, CircleNode, Member
from tests.directory_circle import HERE, attempt, tell
from tests.help_circle import accept, ask, draft, help_circle, help_with, item, notices, put, read

DAY = 24 * HOUR
MORE = 1000
"""Helpers beyond those who are looked at."""


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle in which mia asks, and bob helps."""
    async with help_circle(postgres_dsn, tmp_path / "circle", "bob") as live:
        yield live


async def words_of(node: CircleNode, member: Member) -> str:
    """All that somebody is told by notices."""
    async with node.home.database() as database:
        told: str | None = await database.fetchval(
            "SELECT string_agg(words, ' ') FROM notices WHERE person = $1", member.person
        )
    return told or ""


async def test_erasing_who_asked_takes_their_words_out_of_what_others_were_told(
    node: CircleNode,
) -> None:
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    asked = await ask(node, mia, title="Bandage for my leg ulcer")
    assert "leg ulcer" in await words_of(node, bob)
    assert await attempt(node, "DELETE", f"/api/v1/help/{asked['number']}", mia) == "ok"
    await node.do(mia, Release(asked["visits"][0]["hold"]))
    await node.do(ann, Close(), account=mia.account)
    async with node.home.database() as database:
        await erase(database, mia.person)
    assert "leg ulcer" not in await words_of(node, bob)


async def test_what_was_written_is_forgotten_in_notices_too(node: CircleNode) -> None:
    asked = await ask(node, node["mia"])
    async with node.home.database() as database:
        await database.execute("UPDATE notices SET made = $1", node.clock.wall() + 20 * DAY)
    over = asked["ends"] + WORDS_KEPT_MS
    await forget_help(node.circle.pool, over)
    assert "Roses" in await words_of(node, node["bob"])
    await forget_help(node.circle.pool, over + 8 * DAY)
    assert await notices(node, node["bob"]) == []


async def test_that_help_is_done_is_kept_until_it_is_paid(node: CircleNode) -> None:
    """Silence pays from when it was told on: without it the helper could never collect."""
    mia, bob = node["mia"], node["bob"]
    asked = await ask(node, mia)
    assert await put(node, f"help/{asked['number']}/yes", bob) == "ok"
    assert await accept(node, mia, asked["number"], bob) == "ok"
    node.later(3 * DAY)
    [visit] = asked["visits"]
    assert await put(node, f"visits/{visit['number']}/done", bob, {"minutes": 60}) == "ok"
    later = node.clock.wall() + NOTICES_KEPT_MS + 30 * DAY
    await forget_talk(node.circle.pool, later)
    await forget_help(node.circle.pool, later)
    assert await notices(node, mia) == ["done"]
    async with node.home.database() as database:
        await database.execute("UPDATE visits SET status = 'paid'")
    await forget_talk(node.circle.pool, later)
    assert await notices(node, mia) == []


async def test_a_clock_that_is_ahead_forgets_no_help(node: CircleNode) -> None:
    asked = await ask(node, node["mia"])
    await purge(node.circle.pool, node.clock.wall() + 3 * 366 * DAY)
    node.forget_sessions()
    assert (await read(node, node["mia"], asked["number"]))["address"] == "12 Elm Road"


async def test_help_of_a_category_that_is_dropped_goes_to_other(node: CircleNode) -> None:
    asked = await ask(node, node["mia"])
    garden = "/api/v1/categories/garden"
    assert await attempt(node, "DELETE", garden, node["ann"]) == "ok"
    assert (await read(node, node["mia"], asked["number"]))["category"] == "other"
    helper = await node.read(f"/api/v1/people/{node['bob'].person}/helper", node["bob"])
    assert helper["skills"] == []
    body = item(node)
    assert await attempt(node, "POST", "/api/v1/help", node["mia"], body) == "request-invalid"


async def test_a_level_that_help_asks_for_is_dropped_once_that_is_over(node: CircleNode) -> None:
    ann, mia = node["ann"], node["mia"]
    path = "/api/v1/vetting-levels/references"
    assert await attempt(node, "PUT", path, ann, {"name": "References"}) == "ok"
    made = await draft(node, mia, vetting="references")
    status, problem = await node.request("DELETE", path, ann)
    assert (status, problem["code"]) == (400, "request-invalid")
    assert f"help/{made['number']}" in problem["detail"]
    assert await attempt(node, "DELETE", f"/api/v1/help/{made['number']}", mia) == "ok"
    assert await attempt(node, "DELETE", path, ann) == "ok"
    assert (await read(node, mia, made["number"]))["vetting"] is None


async def test_how_far_it_is_is_told_only_where_the_other_shows_their_place(
    node: CircleNode,
) -> None:
    mia, bob, eve = node["mia"], node["bob"], await node.welcome("eve")
    await tell(node, bob, square=HERE)
    await tell(node, eve, square=HERE, shown=["place"])
    await help_with(node, "eve")
    hidden = await ask(node, mia, picks=True)
    for helper in (bob, eve):
        assert "walk" not in await words_of(node, helper), "mia does not show where she is"
        assert "walk" not in (await read(node, helper, hidden["number"]))["own"]["why"]
        assert await put(node, f"help/{hidden['number']}/yes", helper) == "ok"
    offers = (await read(node, mia, hidden["number"]))["offers"]
    whys = {each["helper"]["handle"]: each["why"] for each in offers}
    assert ("walk" in whys["bob"], "walk" in whys["eve"]) == (False, True)
    shown = (await read(node, node["ann"], hidden["number"]))["offers"]
    assert all("walk" in each["why"] for each in shown), "coordinators know anyway"
    await tell(node, mia, square=HERE, shown=["place"])
    await ask(node, mia, hours=72)
    for helper in (bob, eve):
        assert "within 5 minutes' walk" in await words_of(node, helper)


async def test_without_a_place_so_many_are_looked_at_and_others_each_time(
    node: CircleNode,
) -> None:
    """Whoever helped before, where that is wanted, is always among them."""
    mia, bob, first = node["mia"], node["bob"], 10_000
    async with node.home.database() as database:
        last = first + CONSIDERED_MAX + MORE - 1
        for statement in (
            "INSERT INTO people (person, handle, name) SELECT n, 'h' || n, 'H'",
            f"INSERT INTO holders (account, person) SELECT {bob.account}, n",
            """
            INSERT INTO helpers (person, since, weekly, reach, skills, traits, free)
            SELECT n, 0, 600, 2000, '{garden}', '{}', '{[0,10080)}'
            """,
        ):
            await database.execute(f"{statement} FROM generate_series({first}, {last}) AS n")
        chosen = []
        for number in range(1, 4):
            wanted = Wanted(
                *(number, mia.person, "garden", 60, (), "", None, False, None),
                windows=[(600, 660)],
                excluded=[],
            )
            ranked = await rank(database, wanted, 0, 0, CONSIDERED_MAX + MORE)
            chosen.append({each.helper for each in ranked})
    assert [len(each) for each in chosen] == [CONSIDERED_MAX] * 3
    assert len(set.union(*chosen)) > CONSIDERED_MAX
