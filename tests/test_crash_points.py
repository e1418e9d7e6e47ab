"""A payment between two circles, with a node killed at every point of the registry, on either side,
and killed there again when it has come back."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from node.crash_points import POINTS
from tests.live_database import connect
from tests.live_node import _TALLYD as START
from tests.neighbours import TALLYD, Neighbour, agree, found, order, send, settled, verdict

AMOUNT = 3
IN_RECOVERY = "ask-taken"
"""A node that was started again asks its peers first of all; there it is killed once more."""
REACHED_SECONDS_MAX = 30

DEADLY = """
import os, signal
from pathlib import Path
import node.crash_points

armed = Path({armed!r})

def reach(point):
    # One line for each crash to come: the node dies at the first line's point, and strikes it out.
    points = armed.read_text().split()
    if points and points[0] == point:
        armed.write_text(" ".join(points[1:]))
        os.kill(os.getpid(), signal.SIGKILL)

node.crash_points.reach = reach
"""


class Keeper:
    """Starts a node again whenever it was killed, as an operator's service manager does."""

    def __init__(self, neighbour: Neighbour, armed: Path) -> None:
        self.neighbour = neighbour
        self.armed = armed
        self.deaths = 0
        self._enough = Event()
        self._thread = Thread(target=self._keep, daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        while not self._enough.is_set():
            process = self.neighbour.node.process
            if process is not None and process.poll() is not None:
                status = self.neighbour.node.stop()
                assert status == -signal.SIGKILL, self.neighbour.node.log()[-2000:]
                self.deaths += 1
                try:
                    self.neighbour.node.start()
                except AssertionError:  # killed again while it started
                    continue
            time.sleep(0.05)

    def stop(self) -> None:
        self._enough.set()
        self._thread.join()
        self.neighbour.node.stop()


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Keeper, Keeper]]:
    """The payer's circle and the payee's, both of which come back when they are killed."""
    folder = tmp_path_factory.mktemp("sides")
    keepers = []
    for name in ("exeter", "totnes"):
        armed = folder / f"{name}.armed"
        armed.write_text("")
        script = DEADLY.format(armed=str(armed)) + START
        keepers.append(Keeper(found(folder, name, script), armed))
    agree(keepers[0].neighbour, keepers[1].neighbour, "--we-may-owe", "10000")
    yield keepers[0], keepers[1]
    for keeper in keepers:
        keeper.stop()


async def total(neighbour: Neighbour, account: int) -> tuple[int, int]:
    """An account's balance, and the sum of all balances."""
    connection = await connect(neighbour.node)
    try:
        row = await connection.fetchrow(
            "SELECT (SELECT balance FROM accounts WHERE number = $1), sum(balance) FROM accounts",
            account,
        )
        assert row is not None
        return int(row[0]), int(row[1])
    finally:
        await connection.close()


async def spent(keeper: Keeper) -> None:
    """Wait until the node was killed as often as it was to be, and is back."""
    deadline = time.monotonic() + REACHED_SECONDS_MAX
    while keeper.armed.read_text().strip():
        if time.monotonic() > deadline:
            left = keeper.armed.read_text()
            keeper.armed.write_text("")
            raise AssertionError(f"{left} was not reached")
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.3)


PAYER_POINTS = [point for point in POINTS if not point.startswith("asked")]
PAYEE_POINTS = [point for point in POINTS if not point.startswith("ask-")]


@pytest.mark.parametrize(
    ("side", "point"),
    [(0, point) for point in PAYER_POINTS] + [(1, point) for point in PAYEE_POINTS],
    ids=[f"payer-{point}" for point in PAYER_POINTS] + [f"payee-{point}" for point in PAYEE_POINTS],
)
async def test_payment_is_made_once_whenever_a_node_dies(
    sides: tuple[Keeper, Keeper], side: int, point: str
) -> None:
    """The member is charged what arrived, both circles agree, and nothing is left under way."""
    payer, payee = sides[0].neighbour, sides[1].neighbour
    from_, to = payer.people.members[0].account, payee.people.members[1].account
    before = (await total(payer, from_))[0], (await total(payee, to))[0]
    deaths = sides[side].deaths
    item, payment = order(payer, payee, ((payee.circle, AMOUNT),), most=2 * AMOUNT, arrive=AMOUNT)
    sides[side].armed.write_text(f"{point} {IN_RECOVERY}")
    await send(payer, item)
    await settled(payer, payee)
    await spent(sides[side])
    await settled(payer, payee)
    assert sides[side].deaths == deaths + 2
    assert await verdict(payee, payment) == "committed"
    assert await total(payer, from_) == (before[0] - AMOUNT, 0)
    assert await total(payee, to) == (before[1] + AMOUNT, 0)


def test_every_point_is_tried() -> None:
    """A point that nobody is killed at would be no promise."""
    assert {*PAYER_POINTS, *PAYEE_POINTS} == set(POINTS)


def test_both_circles_are_as_their_logs_say(sides: tuple[Keeper, Keeper]) -> None:
    for keeper in sides:
        done = subprocess.run(
            [str(TALLYD), "check", str(keeper.neighbour.node.directory)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
