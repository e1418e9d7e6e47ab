"""Exchanges that cannot go well: a peer whose books differ, a slow clock, a database that is away.

Neighbours are never asked without end; and soon again, once it can go well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from ledger.federation.agreement import link_id
from ledger.federation.link import PutLink
from ledger.federation.step import Step
from ledger.federation.terms import allow, suspend
from ledger.state import State
from node.federation.messages import MessageReader
from node.federation.post import PeerFault, post
from node.work import PeerEvent
from tests.circle_node import CircleNode, Clock, Home
from tests.line_of_circles import (
    agree,
    at_rest,
    circles_in_line,
    found_at,
    link_between,
    serving_at,
)
from tests.live_ports import free_port
from tests.waiting import until

MINUTE = 60_000
WATCHED_SECONDS = 8.0
EXCHANGES_MAX = 8
"""In that time: after half a second, one, two, four. Unhindered it were 15."""

HEARD_SECONDS_MAX = 5.0
HEARD_TIMES = 8
"""Were the wait doubled each time, it would be a minute after so many."""


@pytest_asyncio.fixture
async def two(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[list[CircleNode]]:
    async with circles_in_line(postgres_dsn, tmp_path, "exeter", "totnes") as nodes:
        await until(lambda: at_rest(nodes))
        yield nodes


@dataclass(frozen=True, slots=True)
class Pair:
    """Exeter and Totnes, each with a clock of its own, to be stopped and started."""

    homes: tuple[Home, Home]
    ports: tuple[int, int]

    @property
    def link(self) -> bytes:
        """The id of their link."""
        return link_id(*(home.founded.circle for home in self.homes))

    def serve(self, place: int) -> AbstractAsyncContextManager[CircleNode]:
        """Serve one of them where its agreement says."""
        return serving_at(self.homes[place], self.ports[place])


@pytest_asyncio.fixture
async def pair(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """They have an agreement, and no node serves them now."""
    async with AsyncExitStack() as stack:
        homes = []
        for name in ("exeter", "totnes"):
            homes.append(await found_at(postgres_dsn, tmp_path, name, Clock()))
            stack.push_async_callback(homes[-1].drop)
        pair = Pair((homes[0], homes[1]), (free_port(), free_port()))
        async with pair.serve(0) as exeter, pair.serve(1) as totnes:
            await exeter.join("ann", homes[0].founded.invitation_code)
            await agree(exeter, totnes)
            await until(lambda: at_rest([exeter, totnes]))
        yield pair


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


async def test_books_that_differ_at_a_start_are_not_compared_without_end(pair: Pair) -> None:
    def rewritten(state: State, _: int) -> Step:
        return Step(changes=(PutLink(state.links[pair.link]._replace(owed=5)),))

    async with pair.serve(1) as totnes:
        await totnes.circle.writer.submit([PeerEvent(rewritten)])
        async with pair.serve(0) as exeter:
            await asyncio.sleep(WATCHED_SECONDS)
            assert exeter.circle.writer.loaded.links[pair.link].status == "frozen"
            assert await exchanges([exeter, totnes]) <= 2 * EXCHANGES_MAX


async def test_a_node_started_with_a_slow_clock_does_not_ask_without_end(pair: Pair) -> None:
    """It takes nothing until its clock is right; then it goes on by itself."""
    exeters = pair.homes[0].clock
    async with pair.serve(1) as totnes:
        exeters.pass_(-5 * MINUTE)
        async with pair.serve(0) as exeter:
            await asyncio.sleep(WATCHED_SECONDS)
            assert await exchanges([exeter, totnes]) <= 2 * EXCHANGES_MAX
            exeters.pass_(5 * MINUTE)
            await until(partial(is_heard, exeter))


async def test_a_node_that_only_reads_and_its_neighbour_do_not_call_each_other_without_end(
    two: list[CircleNode],
) -> None:
    """Each hears the other ask, and neither gets an answer that it can take."""
    exeter, totnes = two
    exeter.circle.writer.frozen = "its disk is almost full"
    for node in two:
        node.circle.peers.reached.clear()
        node.circle.writer.outbox.set()
    before = await exchanges(two)
    await asyncio.sleep(WATCHED_SECONDS)
    assert await exchanges(two) - before <= 2 * EXCHANGES_MAX
    exeter.circle.writer.frozen = None
    wish = partial(suspend, link_id=link_between(exeter, totnes), suspended=True)
    await exeter.circle.writer.submit([PeerEvent(lambda state, now: wish(state, now=now))])

    async def is_told() -> bool:
        return totnes.circle.writer.loaded.links[link_between(exeter, totnes)].peer_suspended

    await until(is_told)


async def test_peers_are_heard_again_as_soon_as_the_database_is_back(pair: Pair) -> None:
    """What is read afresh does not say where links stand, and payments over them wait for that."""
    async with pair.serve(0) as exeter, pair.serve(1) as totnes:
        await until(lambda: at_rest([exeter, totnes]))
        await until(partial(is_heard, exeter))
        await asyncio.sleep(1)  # and nothing is waited for any more
        exeter.circle.writer.connection.terminate()
        await exeter.welcome("mia")
        assert await until(partial(is_heard, exeter)) < HEARD_SECONDS_MAX


async def test_what_a_peer_is_to_be_told_is_told_though_the_database_was_away_as_it_answered(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer was asked for before the state was thrown away, and is decided after."""
    is_held, goes_on = asyncio.Event(), asyncio.Event()
    read = MessageReader.read

    async def read_late(reader: MessageReader, *arguments: Any) -> list[PeerEvent]:
        if reader is exeter.circle.peers.reader:
            is_held.set()
            await goes_on.wait()
        return await read(reader, *arguments)

    async with pair.serve(0) as exeter, pair.serve(1) as totnes:
        await until(lambda: at_rest([exeter, totnes]))
        await until(partial(is_heard, exeter))
        monkeypatch.setattr(MessageReader, "read", read_late)
        exeter.circle.peers.reached.clear()
        exeter.circle.writer.outbox.set()
        await is_held.wait()
        exeter.circle.writer.connection.terminate()
        await exeter.welcome("mia")
        wish = partial(suspend, link_id=pair.link, suspended=True)
        await exeter.circle.writer.submit([PeerEvent(lambda state, now: wish(state, now=now))])
        assert exeter.circle.writer.loaded.links[pair.link].suspending
        goes_on.set()

        async def is_told() -> bool:
            return totnes.circle.writer.loaded.links[pair.link].peer_suspended

        await until(is_told)


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
    exeter.circle.peers.reached.pop(link, None)  # as after a start
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


async def is_heard(node: CircleNode) -> bool:
    """Whether all peers have said where the links stand."""
    return not node.circle.writer.loaded.state.unconfirmed


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
