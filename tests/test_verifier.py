"""The processes that check signatures: each order gets its own outcome, whatever is beside it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from ledger.errors import InvalidSignature
from ledger.orders import Pay, SignedOrder
from node.errors import Overloaded
from node.verifier import CHUNK, Verifier
from tests.circle import Circle, town
from tests.waiting import COMES_SECONDS_MAX, until


@pytest.fixture
async def verifier() -> AsyncIterator[Verifier]:
    """Two processes."""
    verifier = Verifier(2)
    yield verifier
    verifier.close()
    await asyncio.sleep(0)  # for the transports to be told


@pytest.fixture(scope="module")
def circle() -> Circle:
    """A circle whose members sign."""
    return town()


def payment(circle: Circle, *, forged: bool = False) -> SignedOrder:
    """An order, or one under the signature of another."""
    act = Pay(((circle["noa"].account, 1),))
    signed = circle.sign(circle["mia"], act)
    other = circle.sign(circle["mia"], act)
    return signed._replace(signature=other.signature) if forged else signed


def kinds(outcomes: list[InvalidSignature | None]) -> list[bool]:
    return [outcome is None for outcome in outcomes]


async def test_nothing_is_checked_when_there_is_nothing(verifier: Verifier) -> None:
    assert await verifier.verify([]) == []


@pytest.mark.parametrize("count", [1, 2, CHUNK, CHUNK + 1, 3 * CHUNK])
async def test_a_forged_order_is_found_at_its_place(
    verifier: Verifier, circle: Circle, count: int
) -> None:
    signed = [payment(circle) for _ in range(count)]
    assert kinds(await verifier.verify(signed)) == [True] * count
    signed[count // 2] = payment(circle, forged=True)
    expected = [place != count // 2 for place in range(count)]
    assert kinds(await verifier.verify(signed)) == expected


async def test_singles_that_are_checked_together_get_their_own_outcomes(
    verifier: Verifier, circle: Circle
) -> None:
    signed = [payment(circle, forged=place % 3 == 0) for place in range(4 * CHUNK)]
    outcomes = await asyncio.gather(*(verifier.verify([one]) for one in signed))
    assert [kinds(one) for one in outcomes] == [[place % 3 != 0] for place in range(4 * CHUNK)]


async def test_a_process_that_ends_on_a_fault_is_replaced(
    verifier: Verifier, circle: Circle
) -> None:
    """Whoever waits for it is told to come again, and whoever comes next finds another."""
    no_signature: Any = None
    broken = payment(circle)._replace(signature=no_signature)
    with pytest.raises(Overloaded):
        await asyncio.wait_for(verifier.verify([broken]), COMES_SECONDS_MAX)
    assert kinds(await verifier.verify([payment(circle)])) == [True]


async def test_a_process_that_was_killed_is_replaced(verifier: Verifier, circle: Circle) -> None:
    signed = [payment(circle) for _ in range(2 * CHUNK)]
    assert kinds(await verifier.verify(signed)) == [True] * len(signed)
    processes = verifier.process_ids
    for process in processes:
        os.kill(process, signal.SIGKILL)
    await until(lambda: are_gone(processes))
    assert kinds(await verifier.verify(signed)) == [True] * len(signed)


async def test_closing_ends_the_processes_and_lets_go_of_who_waits(circle: Circle) -> None:
    verifier = Verifier(2)
    processes = verifier.process_ids
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    waiting = asyncio.create_task(verifier.verify([payment(circle)]))
    await asyncio.sleep(0.05)
    verifier.close()
    with pytest.raises(Overloaded):
        await waiting
    assert await are_gone(processes)


async def are_gone(processes: list[int]) -> bool:
    """Whether they have ended, and were waited for."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, 0)
            return False
    return True


async def test_who_gives_up_waiting_leaves_the_others_their_turn(
    verifier: Verifier, circle: Circle
) -> None:
    tasks = [asyncio.create_task(verifier.verify([payment(circle)])) for _ in range(200)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes[1::2] == [[None]] * 100
