"""Gossip between live nodes in a line, and payments over the ways that it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from ledger.amount import Unit, UnitKind
from ledger.federation.gossip_envelope import PERIOD_MS
from node.gossip import speaker as gossip_speaker
from tests.circle_node import CircleNode, Clock
from tests.line_of_circles import (
    agree,
    at_rest,
    balance,
    circles_in_line,
    found_at,
    known,
    knows_links,
    pay_by,
    quote,
    serving_at,
)
from tests.live_ports import free_port
from tests.waiting import until

QUIET_SECONDS = 1.0


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Circles wait less for more agreements, as all there are come at once."""
    monkeypatch.setattr(gossip_speaker, "QUIET_SECONDS", QUIET_SECONDS)


@pytest_asyncio.fixture
async def three(
    postgres_dsn: str, tmp_path: Path, hurried: None
) -> AsyncIterator[list[CircleNode]]:
    """Exeter, Totnes and Bath: ten of Exeter's cents are six of the first link's unit, seven of
    Bath's are three of the second's."""
    rates = (((10, 6), (1, 1)), ((1, 1), (7, 3)))
    async with circles_in_line(postgres_dsn, tmp_path, "exeter", "totnes", "bath", rates=rates) as (
        nodes
    ):
        yield nodes


async def test_bulletin_reaches_the_far_end_within_seconds(three: list[CircleNode]) -> None:
    exeter, totnes, bath = three
    await until(lambda: knows_links(exeter, bath, 1))
    await until(lambda: knows_links(bath, exeter, 1))
    shown = await known(exeter, address="bath.example")
    [circle] = shown.values()
    assert circle["circle"] == bath.home.founded.circle.hex()
    assert not circle["neighbour"]
    assert circle["unit"] == {"name": "token", "plural": "tokens", "kind": "decimal", "scale": 2}
    gossip = exeter.circle.gossip
    found = gossip.directory.find(gossip.store, "bath.example")
    assert found is not None
    assert found.unit == Unit("token", "tokens", UnitKind.DECIMAL, 2)
    assert circle["totals"]["accounts"] == 2
    assert circle["totals"]["granted"] > 0
    assert circle["endpoint"] == bath.url
    assert circle["checkpoint"].startswith(bath.home.founded.origin)
    assert circle["contradictions"] == []
    assert 0 <= circle["age_seconds"] <= 600
    [link] = circle["links"]
    assert link["circle"] == totnes.home.founded.circle.hex()
    assert (link["own"], link["linked"], link["room_in"]) == (7, 3, 6000)


async def test_payment_over_two_links(three: list[CircleNode]) -> None:
    """Both ends' balances fit the quote, and the circle between is even."""
    exeter, totnes, bath = three
    await until(lambda: knows_links(exeter, bath, 1))
    await until(lambda: knows_links(exeter, totnes, 2))
    before = await balance(exeter, exeter["mia"]), await balance(bath, bath["mia"])
    status, quoted = await quote(exeter, "bath.example", 100)
    assert status == 200
    assert quoted["url"] == bath.url
    [way] = quoted["ways"]
    assert [hop["amount"] for hop in way["hops"]] == [43, 43]  # 100 x 3/7, and one for one
    assert way["cost"] == 72  # 43 x 10/6
    await pay_by(exeter, quoted)
    await until(lambda: at_rest(three))
    assert await balance(exeter, exeter["mia"]) == before[0] - 72
    assert await balance(bath, bath["mia"]) == before[1] + 100
    owed = [link["owed"] for link in (await totnes.read("/api/v1/peers"))["peers"]]
    assert sorted(owed) == [-43, 43]


async def test_way_with_too_little_room_is_left_out(three: list[CircleNode]) -> None:
    exeter, totnes, bath = three
    await until(lambda: knows_links(exeter, bath, 1))
    await until(lambda: knows_links(exeter, totnes, 2))
    assert (await quote(exeter, "bath.example", 6000 * 7 // 3))[0] == 200
    status, problem = await quote(exeter, "bath.example", 6001 * 7 // 3 + 1)
    assert (status, problem["code"]) == (409, "no-way")
    status, problem = await quote(exeter, "nowhere.example", 1)
    assert (status, problem["code"]) == (404, "not-found")
    by_id = await quote(exeter, bath.home.founded.circle.hex(), 100)
    assert by_id[1]["address"] == "bath.example"


async def test_next_period_s_bulletin_shows_what_a_payment_left(three: list[CircleNode]) -> None:
    """Of a circle that has nothing else to say there is at most one in ten minutes."""
    exeter, totnes, bath = three
    await until(lambda: knows_links(exeter, totnes, 2))
    await until(lambda: knows_links(exeter, bath, 1))
    first = (await known(exeter, address="totnes.example")).popitem()[1]
    _, quoted = await quote(exeter, "bath.example", 1000)
    await pay_by(exeter, quoted)
    await until(lambda: at_rest(three))
    await asyncio.sleep(1)
    assert (await known(exeter, address="totnes.example")).popitem()[1] == first | {
        "age_seconds": (await known(exeter)).get(first["circle"], {})["age_seconds"]
    }
    exeter.clock.pass_(PERIOD_MS + 2 * 60_000)  # what can wait is said in its first half

    async def is_told() -> bool:
        shown = (await known(exeter, address="totnes.example")).popitem()[1]
        rooms = [link["room_out"] for link in shown["links"]]
        signed = [link["statement"] for link in shown["links"]]
        return min(rooms) == 6000 - 429 and all(signed)

    await until(is_told)


async def test_payment_over_three_links(postgres_dsn: str, tmp_path: Path) -> None:
    """The payer's circle has never spoken with the last two; all wait as long as they always do."""
    names = ("exeter", "totnes", "bath", "wells")
    async with circles_in_line(postgres_dsn, tmp_path, *names) as nodes:
        exeter, totnes, bath, wells = nodes
        seconds = await until(lambda: knows_links(exeter, wells, 1))
        assert seconds < 12, "nobody waits for a meeting that is drawn at random"
        await until(lambda: knows_links(exeter, bath, 2))
        await until(lambda: knows_links(exeter, totnes, 2))
        before = await balance(exeter, exeter["mia"]), await balance(wells, wells["mia"])
        status, quoted = await quote(exeter, "wells.example", 250)
        assert status == 200
        [way] = quoted["ways"]
        assert [hop["amount"] for hop in way["hops"]] == [250, 250, 250]
        await pay_by(exeter, quoted)
        await until(lambda: at_rest(nodes))
        assert await balance(exeter, exeter["mia"]) == before[0] - 250
        assert await balance(wells, wells["mia"]) == before[1] + 250


@pytest.mark.usefixtures("hurried")
async def test_way_over_a_link_that_is_newer_than_the_bulletin(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """The neighbour that has it is asked, when gossip shows no way."""
    async with AsyncExitStack() as stack:
        pair = circles_in_line(postgres_dsn, tmp_path, "exeter", "totnes")
        exeter, totnes = await stack.enter_async_context(pair)
        [bath] = await stack.enter_async_context(circles_in_line(postgres_dsn, tmp_path, "bath"))
        await until(lambda: knows_links(exeter, totnes, 1))
        await agree(totnes, bath)

        async def is_found() -> bool:
            return (await quote(exeter, "bath.example", 100))[0] == 200

        await until(is_found)
        assert await knows_links(exeter, totnes, 1)
        before = await balance(bath, bath["mia"])
        _, quoted = await quote(exeter, "bath.example", 100)
        await pay_by(exeter, quoted)
        await until(lambda: at_rest([exeter, totnes, bath]))
        assert await balance(bath, bath["mia"]) == before + 100


@pytest.mark.usefixtures("hurried")
async def test_what_is_known_outlives_the_node(postgres_dsn: str, tmp_path: Path) -> None:
    """A node that is started again knows what it knew, before it meets anybody."""
    async with AsyncExitStack() as stack:
        homes = []
        for name in ("exeter", "totnes"):
            homes.append(await found_at(postgres_dsn, tmp_path, name))
            stack.push_async_callback(homes[-1].drop)
        port = free_port()
        async with (
            serving_at(homes[0], port) as exeter,
            serving_at(homes[1], free_port()) as totnes,
        ):
            await agree(exeter, totnes)
            await until(lambda: knows_links(exeter, totnes, 1))
            before = await known(exeter)
        async with serving_at(homes[0], port) as exeter:
            after = await known(exeter)
    for circles in (before, after):
        for circle in circles.values():
            del circle["age_seconds"]
    assert after == before


@pytest.mark.usefixtures("hurried")
async def test_nothing_is_said_before_a_neighbour_was_met(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """A restored circle that is cut off may have said something else in this very period."""
    clock = Clock()
    clock.pass_((PERIOD_MS // 4 - clock.wall()) % PERIOD_MS)
    async with AsyncExitStack() as stack:
        homes = []
        for name in ("exeter", "totnes"):
            homes.append(await found_at(postgres_dsn, tmp_path, name, clock))
            stack.push_async_callback(homes[-1].drop)
        ports = free_port(), free_port()
        async with serving_at(homes[0], ports[0]) as exeter, serving_at(homes[1], ports[1]) as one:
            await agree(exeter, one)
            await until(lambda: knows_links(one, exeter, 1))
        clock.pass_(PERIOD_MS)
        async with serving_at(homes[0], ports[0]) as exeter:
            said = newest_of(exeter)
            await asyncio.sleep(QUIET_SECONDS + 2)
            assert newest_of(exeter) == said
            async with serving_at(homes[1], ports[1]):

                async def speaks() -> bool:
                    return newest_of(exeter) > said

                await until(speaks)


def newest_of(node: CircleNode) -> int:
    """The number of the bulletin that a circle issued last."""
    store = node.circle.gossip.store
    bulletin = store[store.own].bulletin
    assert bulletin is not None
    return bulletin.seq
