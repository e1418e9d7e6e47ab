"""Payments between circles over real nodes, each its own process with its own PostgreSQL."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_database import connect
from tests.neighbours import TALLYD, Neighbour, agree, found, order, send, settled, verdict


@pytest.fixture(scope="module")
def circles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Neighbour, Neighbour]]:
    """Exeter, and Totnes whose tokens are six to Exeter's sixty minutes."""
    folder = tmp_path_factory.mktemp("circles")
    exeter, totnes = found(folder, "exeter"), found(folder, "totnes")
    agree(exeter, totnes, "--they-may-owe", "300", "--we-may-owe", "500", rate="6:60")
    yield exeter, totnes
    exeter.node.stop()
    totnes.node.stop()


async def balance(neighbour: Neighbour, account: int) -> int:
    """What an account has, in the database."""
    connection = await connect(neighbour.node)
    try:
        found = await connection.fetchval("SELECT balance FROM accounts WHERE number = $1", account)
        assert isinstance(found, int)
        return found
    finally:
        await connection.close()


async def test_payment_arrives_in_the_units_of_both(circles: tuple[Neighbour, Neighbour]) -> None:
    """Sixty minutes leave, six tokens arrive, what was set aside beyond is free again."""
    exeter, totnes = circles
    payer, payee = exeter.people.members[0], totnes.people.members[1]
    before = await balance(exeter, payer.account), await balance(totnes, payee.account)
    item, payment = order(exeter, totnes, ((totnes.circle, 60),), most=70, arrive=6)
    answer = await send(exeter, item)
    assert answer["entry"]["index"] > 0
    await settled(exeter, totnes)
    assert await verdict(totnes, payment) == "committed"
    assert await balance(exeter, payer.account) == before[0] - 60
    assert await balance(totnes, payee.account) == before[1] + 6


async def test_payment_to_nobody_comes_back(circles: tuple[Neighbour, Neighbour]) -> None:
    exeter, totnes = circles
    payer = exeter.people.members[0]
    before = await balance(exeter, payer.account)
    item, payment = order(exeter, totnes, ((totnes.circle, 60),), most=60, arrive=6, name="nobody")
    await send(exeter, item)
    await settled(exeter, totnes)
    assert await verdict(totnes, payment) == "refused"
    assert await balance(exeter, payer.account) == before


async def test_payment_beyond_what_may_be_owed_is_refused_at_once(
    circles: tuple[Neighbour, Neighbour],
) -> None:
    """Before anything is sent: Exeter may owe 500."""
    exeter, totnes = circles
    item, _ = order(exeter, totnes, ((totnes.circle, 501),), most=501, arrive=6)
    answer = await send(exeter, item)
    assert answer["code"] == "route-unusable"


async def test_same_order_again_pays_once(circles: tuple[Neighbour, Neighbour]) -> None:
    exeter, totnes = circles
    payer = exeter.people.members[0]
    before = await balance(exeter, payer.account)
    item, _ = order(exeter, totnes, ((totnes.circle, 10),), most=10, arrive=1)
    first, again = await send(exeter, item), await send(exeter, item)
    assert first["entry"]["index"] == again["entry"]["index"]
    await settled(exeter, totnes)
    assert await balance(exeter, payer.account) == before - 10


async def test_payment_waits_for_a_circle_that_is_away(
    circles: tuple[Neighbour, Neighbour],
) -> None:
    """It is set aside while the other node is down, and arrives when it is there again."""
    exeter, totnes = circles
    payer = exeter.people.members[0]
    before = await balance(exeter, payer.account)
    totnes.node.stop()
    item, payment = order(exeter, totnes, ((totnes.circle, 20),), most=20, arrive=2)
    await send(exeter, item)
    await asyncio.sleep(1)
    [link] = exeter.standing()
    assert link["outgoing"] == 20
    assert await balance(exeter, payer.account) == before
    totnes.node.start()
    await settled(exeter, totnes)
    assert await verdict(totnes, payment) == "committed"
    assert await balance(exeter, payer.account) == before - 20


async def test_suspended_link_takes_no_new_payment(circles: tuple[Neighbour, Neighbour]) -> None:
    exeter, totnes = circles
    totnes.tallyd("peer", "suspend", "exeter")
    item, _ = order(exeter, totnes, ((totnes.circle, 20),), most=20, arrive=2)
    answer = await send(exeter, item)
    if "entry" in answer:  # Exeter had not heard of it yet: it comes back
        await settled(exeter, totnes)
    totnes.tallyd("peer", "resume", "exeter")
    [link] = totnes.standing()
    assert link["incoming"] == 0


async def test_both_books_are_as_their_logs_say(circles: tuple[Neighbour, Neighbour]) -> None:
    """``tallyd check`` finds nothing on either side."""
    for neighbour in circles:
        directory: Path = neighbour.node.directory
        done = await asyncio.to_thread(
            subprocess.run,
            [str(TALLYD), "check", str(directory)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
