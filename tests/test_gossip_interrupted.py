"""Gossip goes on when a neighbour was away, or left meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from ledger.federation.gossip_envelope import PERIOD_MS
from ledger.federation.terms import leave
from node.federation.post import PeerFault, post
from node.gossip import speaker as gossip_speaker
from node.work import PeerEvent
from tests.circle_node import CircleNode, Clock
from tests.line_of_circles import (
    agree,
    at_rest,
    circles_in_line,
    found_at,
    knows_links,
    link_between,
    serving_at,
)
from tests.live_ports import free_port
from tests.waiting import until

HEARD_TIMES = 8
"""Were the wait doubled each time, it would be a minute and more after so many."""


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Circles wait less for more agreements, as all there are come at once."""
    monkeypatch.setattr(gossip_speaker, "QUIET_SECONDS", 0.5)


async def test_a_circle_speaks_though_a_neighbour_left_while_it_was_stopped(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom it was to meet first is none to be met any more."""
    clock = Clock()
    clock.pass_((PERIOD_MS // 4 - clock.wall()) % PERIOD_MS)
    async with AsyncExitStack() as stack:
        homes = []
        for name in ("exeter", "totnes", "bath"):
            homes.append(await found_at(postgres_dsn, tmp_path, name, clock))
            stack.push_async_callback(homes[-1].drop)
        totnes, bath = [
            await stack.enter_async_context(serving_at(home, free_port())) for home in homes[1:]
        ]
        port = free_port()
        async with serving_at(homes[0], port) as exeter:
            await agree(exeter, totnes)
            await agree(exeter, bath)
            await until(lambda: knows_links(totnes, exeter, 2))
            await until(lambda: at_rest([exeter, totnes, bath]))
            link, said = link_between(exeter, bath), newest_of(exeter)
        wish = partial(leave, link_id=link)
        [left] = await bath.circle.writer.submit(
            [PeerEvent(lambda state, now: wish(state, now=now))]
        )
        assert left == (None, "")
        clock.pass_(PERIOD_MS)
        first = homes[1].founded.circle

        def choose(circles: Sequence[bytes], _: int) -> bytes:
            return first if first in circles else circles[0]

        monkeypatch.setattr("ledger.federation.gossip.choose_partner", choose)
        async with serving_at(homes[0], port) as exeter:

            async def speaks() -> bool:
                return newest_of(exeter) > said

            await until(speaks)


async def test_a_neighbour_that_is_heard_is_met_again_soon_however_often_it_was_not_reached(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with circles_in_line(postgres_dsn, tmp_path, "exeter", "totnes") as (exeter, totnes):
        await until(lambda: knows_links(exeter, totnes, 1))
        tries = 0

        async def reach(session: aiohttp.ClientSession, url: str, body: bytes, most: int) -> bytes:
            nonlocal tries
            if url.startswith(totnes.url):
                tries += 1
                raise PeerFault("it cannot be reached")
            return await post(session, url, body, most)

        monkeypatch.setattr("node.gossip.meetings.post", reach)
        exeter.circle.gossip._untold.add(totnes.home.founded.circle)
        link = totnes.circle.writer.loaded.links[link_between(exeter, totnes)]
        for times in range(HEARD_TIMES):

            async def was_tried(times: int = times) -> bool:
                return tries > times

            await until(was_tried)
            await totnes.circle.gossip._exchange(link)


def newest_of(node: CircleNode) -> int:
    """The number of the bulletin that a circle issued last."""
    store = node.circle.gossip.store
    bulletin = store[store.own].bulletin
    return bulletin.seq if bulletin else 0
