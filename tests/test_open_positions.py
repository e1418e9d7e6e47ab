"""How a circle stood with a neighbour when a month was over, over real nodes, each a process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from node.numbers.keeping import step
from tests.live_database import connect
from tests.neighbours import Neighbour, agree, found, order, send, settled

DAYS_35 = 35 * 24 * 3600 * 1000


@pytest.fixture
def circles(tmp_path: Path) -> Iterator[tuple[Neighbour, Neighbour]]:
    """Exeter, and Totnes whose tokens are six to Exeter's sixty minutes."""
    exeter, totnes = found(tmp_path, "exeter"), found(tmp_path, "totnes")
    agree(exeter, totnes, "--they-may-owe", "300", "--we-may-owe", "500", rate="6:60")
    yield exeter, totnes
    exeter.node.stop()
    totnes.node.stop()


async def tell_next_month(neighbour: Neighbour) -> dict[str, Any]:
    """Its open numbers, once this month is over."""
    database, more = await connect(neighbour.node), True
    while more:
        async with database.transaction():
            more = await step(database, time.time_ns() // 1_000_000 + DAYS_35)
    await database.close()
    async with aiohttp.ClientSession(neighbour.node.url) as client:
        async with client.get("/api/v1/open") as response:
            read: dict[str, Any] = await response.json()
        async with client.get("/open") as response:
            read["page"] = await response.text()
        async with client.get("/api/v1/open?format=csv") as response:
            read["csv"] = await response.text()
    return read


async def test_both_circles_tell_the_same_position_in_their_own_units(
    circles: tuple[Neighbour, Neighbour],
) -> None:
    """By the names that ``tallyd peer list`` shows, never as a debt."""
    exeter, totnes = circles
    item, _ = order(exeter, totnes, ((totnes.circle, 60),), most=70, arrive=6)
    await send(exeter, item)
    await settled(exeter, totnes)
    for own, other, owed in ((exeter, totnes, -60), (totnes, exeter, 6)):
        [listed] = own.standing()
        read = await tell_next_month(own)
        month = read["months"][-1]
        assert month["neighbours"] == [
            {
                "circle": other.circle.hex(),
                "name": listed["name"],
                "address": listed["address"],
                "owed": owed,
            }
        ]
        assert month["trades"] == {"value": 0, "told": "number"}, "it went to another circle"
        assert f"owed by {listed['name']} ({listed['address']})" in read["csv"]
        assert "debt" not in read["page"]
    assert (
        "0.6 tokens more from Totnes than they from us" in (await tell_next_month(exeter))["page"]
    )
    assert "Exeter had had 0.06 tokens more from us" in (await tell_next_month(totnes))["page"]
