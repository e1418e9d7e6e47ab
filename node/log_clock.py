"""The clock that entries are dated by: it never runs backward, and is not followed blindly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

AHEAD_MS_MAX = 3600 * 1000
"""How far the clock may leap ahead of a steady one while the node runs."""
BACK_MS_MAX = 60_000
"""How far it may be behind the last entry."""


@dataclass(slots=True)
class LogClock:
    """``wall`` gives Unix milliseconds, ``steady`` milliseconds since some moment."""

    wall: Callable[[], int]
    steady: Callable[[], int]
    _drift: int | None = None

    def read(self, last: int) -> int | None:
        """The log time now, ``last`` being the last entry's; None while it cannot be believed.

        A clock well behind the last entry, or ahead of where a steady one says that it should be,
        is a fault and no time.
        """
        now = self.wall()
        drift = now - self.steady()
        if not self._believes(now, drift, last):
            return None
        self._drift = drift
        return max(now, last)

    def is_believed(self, last: int) -> bool:
        """Whether :meth:`read` would give a time now; asking changes nothing."""
        now = self.wall()
        return self._believes(now, now - self.steady(), last)

    def _believes(self, now: int, drift: int, last: int) -> bool:
        usual = drift if self._drift is None else self._drift
        return now >= last - BACK_MS_MAX and drift - usual <= AHEAD_MS_MAX
