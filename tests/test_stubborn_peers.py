"""Exchanges that cannot go well: a peer whose books differ, and a database that is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from ledger.federation.link import PutLink
from ledger.federation.step import Step
from ledger.federation.terms import allow, suspend
from ledger.state import State
from node.federation.post import PeerFault, post
from node.work import PeerEvent
from tests.circle_node import CircleNode
from tests.line_of_circles import at_rest, circles_in_line, link_between
from tests.waiting import until

WATCHED_SECONDS = 8.0
EXCHANGES_MAX = 8
"""In that time: after half a second, one, two, four. Unhindered it were 15."""

HEARD_TIMES = 8
"""Were the wait doubled each time, it would be a minute after so many."""


@pytest_asyncio.fixture
async def two(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[list[CircleNode]]:
    async with circles_in_line(postgres_dsn, tmp_path, "exeter", "totnes") as nodes:
        await until(lambda: at_rest(nodes))
        yield nodes


async def test_circles_whose_books_differ_do_not_ask_each_other_without_end(
    two: list[CircleNode],
) -> None:
    """Each shuts the link and tells the other, which takes nothing; it tries ever more rarely."""
    exeter, totnes = two
    link = link_between(exeter, totnes)

    def rewritten(state: State, _: int) -> Step:
        return Step(changes=(PutLink(state.links[link]._replace(owed=5)),))

    await totnes.circle.writer.submit([PeerEvent(rewritten)])
    change = partial(allow, link_id=link, owes_max=7_000)
    await exeter.circle.writer.submit([PeerEvent(lambda state, now: change(state, now=now))])

    async def are_shut() -> bool:
        return all(node.circle.writer.loaded.links[link].status == "frozen" for node in two)

    await until(are_shut)
    before = await exchanges(two)
    await asyncio.sleep(WATCHED_SECONDS)
    assert await exchanges(two) - before <= EXCHANGES_MAX


async def test_a_database_that_is_away_does_not_end_a_node_that_has_something_to_tell(
    two: list[CircleNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    exeter, totnes = two
    link = link_between(exeter, totnes)
    failures = 3
    read = type(exeter.circle.peers)._unacknowledged

    async def fail(*arguments: object) -> object:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise asyncpg.InterfaceError("connection is closed")
        return await read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(type(exeter.circle.peers), "_unacknowledged", fail)
    wish = partial(suspend, link_id=link, suspended=True)
    await exeter.circle.writer.submit([PeerEvent(lambda state, now: wish(state, now=now))])

    async def is_told() -> bool:
        return totnes.circle.writer.loaded.links[link].peer_suspended

    await until(is_told)
    assert failures < 0


async def test_a_circle_that_is_heard_is_asked_again_soon_however_often_it_was_not_reached(
    two: list[CircleNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that comes up asks before it listens: what is answered then must not put it off."""
    exeter, totnes = two
    link, tries, is_away = link_between(exeter, totnes), 0, True

    async def reach(session: aiohttp.ClientSession, url: str, body: bytes, most: int) -> bytes:
        nonlocal tries
        if is_away and url.startswith(totnes.url):
            tries += 1
            raise PeerFault("it cannot be reached")
        return await post(session, url, body, most)

    monkeypatch.setattr("node.federation.peers.post", reach)
    exeter.circle.peers.reached.pop(link)  # as after a start
    exeter.circle.writer.outbox.set()
    for times in range(HEARD_TIMES):

        async def was_tried(times: int = times) -> bool:
            return tries > times

        await until(was_tried)
        await totnes.circle.peers.ask(link)
    is_away = False

    async def is_reached() -> bool:
        return link in exeter.circle.peers.reached

    await until(is_reached)


async def exchanges(nodes: list[CircleNode]) -> int:
    """How many times the nodes were asked by each other."""
    count = 0
    for node in nodes:
        async with node.http.get("/metrics") as response:
            lines = (await response.text()).splitlines()
        count += sum(
            int(float(line.rpartition(" ")[2]))
            for line in lines
            if line.startswith("tallystick_http_requests_total") and '"exchange"' in line
        )
    return count
