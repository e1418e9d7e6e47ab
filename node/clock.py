"""The clocks that a node goes by: the computer's own, or, in a rehearsal, ones that are behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BEHIND_MS_MAX = 1000 * 24 * 3600 * 1000
BEHIND_BYTES_MAX = 32


def wall_clock() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


def steady_clock() -> int:
    """Milliseconds since some moment, sleep included where the system counts it."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """``wall`` gives Unix milliseconds, ``steady`` milliseconds since some moment."""

    wall: Callable[[], int] = wall_clock
    steady: Callable[[], int] = steady_clock


def read_behind(path: Path) -> int | None:
    """By how many milliseconds a rehearsal is behind, as its file says in one line.

    None where it says no such number: also while somebody is just writing it.
    """
    try:
        with path.open("rb") as file:
            told = file.read(BEHIND_BYTES_MAX)
    except OSError:
        return None
    line, ended, rest = told.partition(b"\n")
    if not ended or rest or not line.isdigit() or int(line) > BEHIND_MS_MAX:
        return None
    return int(line)


@dataclass(slots=True)
class _Rehearsal:
    """The file is read with the wall clock only, so that of one reading both say the same."""

    path: Path
    behind: int

    def wall(self) -> int:
        told = read_behind(self.path)
        self.behind = self.behind if told is None else told
        return wall_clock() - self.behind

    def steady(self) -> int:
        return steady_clock() - self.behind


def rehearsal_clock(path: Path) -> Clock:
    """Clocks that are behind as a file says, and go on together when it says less: the steady one
    sees as much time pass, so that this is no jump.

    They are never ahead: nothing is dated in the future. Where the file says more again, the wall
    clock goes back, which the log does not. Where it says nothing, it is as before.
    """
    rehearsal = _Rehearsal(path, read_behind(path) or 0)
    return Clock(rehearsal.wall, rehearsal.steady)
