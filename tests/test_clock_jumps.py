"""Log time never runs backward; a clock that is not to be believed stops the writer, not time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ledger.orders import Pay
from node.clock import wall_clock
from tests.circle_node import DAY, HOUR, CircleNode, Clock, Home, serving, unserved

MINUTE = 60_000


@dataclass(slots=True)
class Skewed(Clock):
    """A wall clock that is ``skew`` milliseconds off, beside a steady one that is right."""

    skew: int = 0

    def wall(self) -> int:
        """Unix milliseconds, or what passes for them."""
        return wall_clock() + self.ahead + self.skew


@pytest.fixture
def clock() -> Skewed:
    """The node's clock."""
    return Skewed()


@pytest_asyncio.fixture
async def home(postgres_dsn: str, tmp_path: Path, clock: Skewed) -> AsyncIterator[Home]:
    """A circle with ann, mia and noa, whom no node serves yet."""
    async with unserved(postgres_dsn, tmp_path / "circle", "mia", "noa", clock=clock) as home:
        yield home


def payment(node: CircleNode) -> Any:
    """An order that is good for an hour by a clock that is right."""
    expires = wall_clock() + node.clock.ahead + HOUR
    return node.sign(node["mia"], Pay(((node["noa"].account, 1),)), expires=expires)


async def log_times(home: Home) -> list[int]:
    async with home.database() as database:
        rows = await database.fetch("SELECT log_time FROM entries ORDER BY index")
    return [row["log_time"] for row in rows]


@pytest.mark.parametrize("skew", [2 * HOUR, 30 * DAY, -2 * MINUTE, -DAY])
async def test_a_jump_of_the_clock_pauses_the_writer_until_it_is_right(
    home: Home, clock: Skewed, skew: int
) -> None:
    async with serving(home) as node:
        await node.submit(payment(node))
        before = await log_times(home)
        order = payment(node)
        clock.skew = skew
        for _ in range(3):
            status, answer = await node.request("POST", "/api/v1/orders", json=order.body)
            assert (status, answer["code"]) == (503, "frozen")
        [result] = await node.submit(order)
        assert result["problem"]["code"] == "frozen"
        assert await log_times(home) == before
        status, health = await node.request("GET", "/health")
        assert (status, health["status"]) == (503, "frozen")
        assert "its clock jumped" in health["reason"]
        clock.skew = 0
        health = await node.read("/health")
        assert (health["status"], health["reason"]) == ("ok", None)
        [result] = await node.submit(order)
        assert "entry" in result
        times = await log_times(home)
        assert times == sorted(times)
        assert times[-1] <= wall_clock()


async def test_asking_for_the_nodes_health_does_not_use_it_to_a_wrong_clock(
    home: Home, clock: Skewed
) -> None:
    """Or a clock that runs away in small steps would be followed as far as somebody asks."""
    async with serving(home) as node:
        await node.submit(payment(node))
        for _ in range(3):
            clock.skew += HOUR // 2
            await node.request("GET", "/health")
        [result] = await node.submit(payment(node))
        assert result["problem"]["code"] == "frozen"


async def test_small_steps_of_the_clock_never_take_log_time_back(home: Home, clock: Skewed) -> None:
    async with serving(home) as node:
        for skew in (0, -20_000, 30_000, -20_000, 59_000, 10_000, 0, -900):
            clock.skew = skew
            [result] = await node.submit(payment(node))
            assert "entry" in result, skew
    times = await log_times(home)
    assert times == sorted(times)
    assert len(set(times)) < len(times)


async def test_time_that_passes_is_no_jump(home: Home, clock: Skewed) -> None:
    """As while a computer sleeps: the steady clock saw it pass too."""
    async with serving(home) as node:
        clock.pass_(10 * DAY)
        [result] = await node.submit(payment(node))
        assert "entry" in result
        clock.pass_(3 * HOUR)
        [result] = await node.submit(payment(node))
        assert "entry" in result


async def test_a_node_started_in_a_wrong_year_does_not_lead_the_log_there(
    home: Home, clock: Skewed
) -> None:
    """It has nothing to compare its clock with but the orders, and log time never goes back."""
    clock.skew = 3000 * DAY
    before = await log_times(home)
    async with serving(home) as node:
        [result] = await node.submit(payment(node))
        assert result["problem"]["code"] == "order-expired"
    assert await log_times(home) == before
    clock.skew = 0
    async with serving(home) as node:
        [result] = await node.submit(payment(node))
        assert "entry" in result


async def test_the_first_order_of_a_day_comes_after_the_entry_over_all_accounts(
    home: Home, clock: Skewed
) -> None:
    clock.pass_(DAY)
    async with serving(home) as node:
        size = (await node.read("/health"))["size"]
        [result] = await node.submit(payment(node))
        assert result["entry"]["index"] == size + 1
        kind = (await node.read(f"/api/v1/entries/{size}"))["kind"]
        assert kind == "state"
        [result] = await node.submit(payment(node))
        assert result["entry"]["index"] == size + 2
