"""A circle whose members ask for help and give it at their terminals, on one clock that can be
moved: that of the node's own process, and that of ``tally`` in this one.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from client.keystore import KeyStore
from tests.help_circle import until_tuesday
from tests.live_node import LiveNode, init_node
from tests.terminal import Person

ZONE = ZoneInfo("Europe/London")
WAIT_SECONDS_MAX = 20
STARTER = 1200
"""Minutes."""

CLOCK = """
import os, time
_wall, _steady = time.time_ns, time.clock_gettime_ns
def _ahead():
    with open(os.environ["AHEAD"]) as file:
        return int(file.read())
time.time_ns = lambda: _wall() + _ahead()
time.clock_gettime_ns = lambda clock: _steady(clock) + _ahead()
"""
"""A process whose clocks are as far ahead as the file says: the steady one sees the same time."""

_TALLYD = f"""
import ctypes, signal, sys
sys.platform == "linux" and ctypes.CDLL(None).prctl(1, signal.SIGTERM)
{CLOCK}
from node.help import rounds
rounds.ROUND_SECONDS = 0.2
from node.cli import main
sys.argv[0] = "tallyd"
main()
"""


@dataclass(slots=True)
class HelpCircle:
    """A node that serves, the folder with everybody's keys, and the clock that all go by."""

    node: LiveNode
    folder: Path
    ahead: int = 0
    """Nanoseconds."""

    @property
    def clock_file(self) -> Path:
        """Where the node's process finds how far ahead it is."""
        return self.folder / "ahead"

    def pass_time(self, **span: float) -> None:
        """Let so much time pass, for everybody."""
        self.ahead += int(timedelta(**span) / timedelta(microseconds=1)) * 1000
        fresh = self.clock_file.with_suffix(".new")
        fresh.write_text(str(self.ahead))
        fresh.replace(self.clock_file)

    def at(self, hours: float, *, minutes: int = 0) -> datetime:
        """So many hours from now, at a full quarter, on the circle's clock."""
        now = datetime.fromtimestamp(time.time_ns() / 1e9, ZONE).replace(tzinfo=None)
        quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
        return quarter + timedelta(hours=hours, minutes=minutes)

    def person(self, handle: str, shown: pytest.CaptureFixture[str]) -> Person:
        """Somebody at their own terminal."""
        return Person(self.folder / handle, shown)


def written(when: datetime) -> str:
    """As people write it in a command."""
    return f"{when:%Y-%m-%d %H:%M}"


def until(what: Callable[[], bool]) -> None:
    """Wait until the node has done by itself what it does every moment."""
    over = time.monotonic() + WAIT_SECONDS_MAX
    while not what():
        assert time.monotonic() < over, "the node did not do it"
        time.sleep(0.1)


@contextmanager
def help_circle(folder: Path) -> Iterator[HelpCircle]:
    """A circle that counts minutes: the coordinator olive, members ann, bob and eve, and dot and
    sam, who have no device."""
    options = ("--minutes", "--unit", "hour", "--scale", "0")
    node = init_node(folder / "circle", *options, name="Peckham Circle", address="peckham.example")
    circle = HelpCircle(node, folder)
    circle.clock_file.write_text("0")
    node.script = _TALLYD
    node.environment = {"AHEAD": str(circle.clock_file)}
    node.start()
    real = time.time_ns
    patch = pytest.MonkeyPatch()
    patch.setattr(time, "time_ns", lambda: real() + circle.ahead)
    patch.setitem(os.environ, "AHEAD", str(circle.clock_file))
    try:
        asyncio.run(node.officer(KeyStore(folder / "olive"), "olive"))
        for handle in ("ann", "bob", "eve"):
            asyncio.run(node.join(KeyStore(folder / handle), handle, floor=0, starter=STARTER))
        circle.pass_time(milliseconds=until_tuesday(time.time_ns() // 1_000_000))
        yield circle
    finally:
        patch.undo()
        node.stop()
