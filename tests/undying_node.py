"""A node that comes back whenever it is killed, as with an operator's service manager.

::

    cradle = Cradle(folder)
    node.script = cradle.script  # a LiveNode's
    cradle.arm("commit-after ask-taken")  # it dies at the first, and once it is back at the second
    cradle.kill()  # at any moment

A keeper process imports all that a node needs, once; each life is a fork of it, so that a restart
takes a quarter of the time. What a node waits for between two attempts is shortened: otherwise the
tests would only sleep.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""

HURRY: dict[str, dict[str, float]] = {
    "node.federation.peers": {
        "RETRY_SECONDS": 0.1,
        "RETRY_SECONDS_MAX": 0.5,
        "ACKNOWLEDGE_SECONDS": 0.1,
        "ANSWER_SECONDS_MAX": 3,
    },
    "node.federation.wishes": {"POLL_SECONDS": 0.1},
    "node.gossip.meetings": {"TICK_SECONDS": 0.05, "PAUSE_SECONDS": 0.05, "RETRY_SECONDS_MAX": 0.3},
    "node.gossip.speaker": {"QUIET_SECONDS": 0.05},
    "node.witness.cosigning": {
        "ROUND_SECONDS": 0.1,
        "RETRY_SECONDS": 0.05,
        "RETRY_SECONDS_MAX": 0.3,
        "REFRESH_SECONDS": 0.5,
    },
}
PERIOD_MS = 500
"""Of bulletins, which are issued once in each; ten minutes in service."""


@dataclass(frozen=True, slots=True)
class Cradle:
    """The files by which a test and a node's keeper speak."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in (self.armed, self.lives):
            path.touch()

    @property
    def armed(self) -> Path:
        """The points of ``node.crash_points`` at which the node is still to die, in this order."""
        return self.folder / "armed"

    @property
    def lives(self) -> Path:
        """The process id of each life, the newest last."""
        return self.folder / "lives"

    @property
    def resting(self) -> Path:
        """While this file is there, the node stays dead."""
        return self.folder / "resting"

    @property
    def script(self) -> str:
        """What a LiveNode has to run in place of tallyd."""
        return (
            f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
            "from pathlib import Path; from tests.undying_node import keep\n"
            f"keep(Path({str(self.folder)!r}))"
        )

    def arm(self, *points: str) -> None:
        """Have the node die at each of these points in turn."""
        _replace(self.armed, " ".join(points))

    def left(self) -> str:
        """The points that it has not died at yet."""
        return self.armed.read_text().strip()

    def deaths(self) -> int:
        """How often it has died so far."""
        return max(0, len(self.lives.read_text().split()) - 1)

    def kill(self, rest: bool = False) -> None:
        """Kill it now; with ``rest`` it stays dead until :meth:`wake`."""
        if rest:
            self.resting.touch()
        os.kill(int(self.lives.read_text().split()[-1]), signal.SIGKILL)

    def wake(self) -> None:
        """Let it come back."""
        self.resting.unlink(missing_ok=True)


def keep(folder: Path) -> None:
    """Run ``tallyd`` with this process's arguments, again and again as long as it is killed."""
    cradle = Cradle(folder)
    _load(cradle)
    stopping = life = 0

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = number
        if life:
            os.kill(life, number)

    _die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGTERM, stop)
    while not stopping:
        life = os.fork()
        if life == 0:
            _live()
        _note_life(cradle, life)
        _, status = os.waitpid(life, 0)
        life = 0
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            sys.exit(os.waitstatus_to_exitcode(status))
        while cradle.resting.exists() and not stopping:
            time.sleep(0.02)


def _load(cradle: Cradle) -> None:
    """Import what a node needs, and change what is different about one that is to die."""
    for name in (*HURRY, "node.cli", "node.commands", "uvloop"):
        import_module(name)
    for name, waits in HURRY.items():
        for wait, seconds in waits.items():
            assert hasattr(sys.modules[name], wait), f"{name} has no {wait}"
            setattr(sys.modules[name], wait, seconds)
    for module in list(sys.modules.values()):
        if module.__name__.startswith(("ledger.", "node.")) and hasattr(module, "PERIOD_MS"):
            vars(module)["PERIOD_MS"] = PERIOD_MS
    crash_points = import_module("node.crash_points")

    def reach(point: str) -> None:
        points = cradle.left().split()
        if points and points[0] == point:
            _replace(cradle.armed, " ".join(points[1:]))
            os.kill(os.getpid(), signal.SIGKILL)

    crash_points.reach = reach  # type: ignore[attr-defined]


def _live() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent(signal.SIGKILL)
    from node.cli import main

    sys.argv[0] = "tallyd"
    main()
    sys.exit()


def _note_life(cradle: Cradle, life: int) -> None:
    with cradle.lives.open("a") as lives:
        lives.write(f"{life}\n")


def _die_with_parent(how: signal.Signals) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, how)


def _replace(path: Path, text: str) -> None:
    """Whoever reads it sees the old text or the new one, and nothing half-written."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)
