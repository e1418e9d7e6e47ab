"""Erasing somebody while what they have to do with others goes on: neither waits for the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ledger.orders import Close, Release
from node.connections import Connection
from node.erase import erase
from tests.circle_node import CircleNode, Member
from tests.directory_circle import attempt
from tests.help_circle import agreed, ask, go_round, help_circle, help_with, put

TIMES = 8


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle in which mia asks."""
    async with help_circle(postgres_dsn, tmp_path / "circle") as live:
        yield live


async def erase_person(node: CircleNode, member: Member, wait: float) -> None:
    await asyncio.sleep(wait)
    async with node.home.database() as database:
        await erase(database, member.person)


@pytest.mark.parametrize("act", ["cancel", "leave"])
async def test_erasing_a_helper_and_calling_off_their_help_at_one_instant(
    node: CircleNode, act: str
) -> None:
    """The server ends one of two that wait for each other, which either would have failed by."""
    ann, mia = node["ann"], node["mia"]
    for turn in range(TIMES):
        helper = await node.welcome(f"h{turn}")
        await help_with(node, f"h{turn}")
        asked = await ask(node, mia, weeks=2)
        number = asked["number"]
        assert await put(node, f"help/{number}/yes", helper) == "ok"
        await node.do(ann, Close(), account=helper.account)
        if act == "cancel":
            calling_off = attempt(node, "DELETE", f"/api/v1/help/{number}", mia)
        else:
            calling_off = put(node, f"visits/{asked['visits'][0]['number']}/left", ann)
        result, _ = await asyncio.gather(calling_off, erase_person(node, helper, turn * 0.002))
        assert result in ("ok", "help-over")
        async with node.home.database() as database:
            left = "SELECT count(*) FROM visits WHERE helper = $1"
            assert await database.fetchval(left, helper.person) == 0
        if act == "leave":
            assert await attempt(node, "DELETE", f"/api/v1/help/{number}", mia) == "ok"
        for visit in asked["visits"]:
            await node.do(mia, Release(visit["hold"]))


async def wait_for_waiting(database: Connection, count: int) -> None:
    """Until so many statements wait for somebody else's."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while await database.fetchval(waiting) < count:
        await asyncio.sleep(0.01)


async def test_who_erases_waits_for_who_calls_off_and_never_the_other_way_round(
    node: CircleNode,
) -> None:
    """However far the one has come with the visits when the other begins with the person."""
    ann, mia, bob = node["ann"], node["mia"], await node.welcome("bob")
    eve = await node.welcome("eve")
    for handle in ("bob", "eve"):
        await help_with(node, handle)
    asked = await ask(node, mia)
    number = asked["number"]
    assert await put(node, f"help/{number}/yes", bob) == "ok"
    await node.do(ann, Close(), account=bob.account)
    async with node.home.database() as database:
        await database.execute("UPDATE asks SET answer = NULL WHERE helper = $1", eve.person)
        calling_off = attempt(node, "DELETE", f"/api/v1/help/{number}", mia)
        async with database.transaction():
            await database.execute("SELECT FROM asks WHERE helper = $1 FOR UPDATE", eve.person)
            first = asyncio.create_task(calling_off)
            await wait_for_waiting(database, 1)
            second = asyncio.create_task(erase_person(node, bob, 0))
            await wait_for_waiting(database, 2)
        assert await first == "ok"
        await second


@pytest.mark.parametrize("at_once", [True, False])
async def test_who_was_to_come_to_somebody_erased_is_told_that_it_is_off(
    node: CircleNode, at_once: bool
) -> None:
    """Without a word of theirs; whether or not the node had time to tell before."""
    ann, mia, bob = node["ann"], node["mia"], await node.welcome("bob")
    await help_with(node, "bob")
    seen = await agreed(node)
    await node.do(bob, Release(seen["visits"][0]["hold"]))
    await node.do(ann, Close(), account=mia.account)
    if not at_once:
        await go_round(node)
    await erase_person(node, mia, 0)
    await go_round(node)
    async with node.home.database() as database:
        told = await database.fetch(
            "SELECT kind, words FROM notices WHERE person = $1 AND told IS NULL", bob.person
        )
        words = "What you were asked for: help is not needed any more. Thank you."
        assert [tuple(row) for row in told] == [("off", words)]
        status = "SELECT status FROM help_requests WHERE number = $1"
        assert await database.fetchval(status, seen["number"]) == "cancelled"
