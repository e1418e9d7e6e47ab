"""The clock that a device goes by: the computer's own, or, in a rehearsal, one that is behind."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from client.errors import InputRefused

SETTING: Final = "TALLYD_BEHIND"
"""The same as for the node, which is on the same computer."""
_BYTES_MAX = 32
_BEHIND = re.compile(rb"([0-9]{1,15})\n")


def wall_ms() -> int:
    """Unix milliseconds by the computer's clock."""
    return time.time_ns() // 1_000_000


def unix_ms(environment: Mapping[str, str] = os.environ) -> int:
    """Unix milliseconds by the clock of the circle. Raises InputRefused.

    Where a circle rehearses, the setting names the file that says how far behind it is.
    """
    named = environment.get(SETTING)
    return wall_ms() - _read_behind(Path(named)) if named else wall_ms()


def _read_behind(path: Path) -> int:
    try:
        with path.open("rb") as file:
            found = _BEHIND.fullmatch(file.read(_BYTES_MAX))
    except OSError:
        found = None
    if found is None:
        raise InputRefused(
            f"{SETTING} is {str(path)!r:.80}, and should name a file with one line: how many"
            " milliseconds the clock is behind."
        )
    return int(found[1])
