"""Places at an event: who comes, who waits, and who is next. Pure decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who waits, with their guests: ``size`` places, or none."""

    person: int
    size: int


def decide_answer(capacity: int | None, taken: int, size: int) -> str:
    """``yes`` if a party of ``size`` has places beside the ``taken`` ones, or else ``waiting``."""
    return "yes" if capacity is None or taken + size <= capacity else "waiting"


def choose_next(capacity: int | None, taken: int, waiting: Sequence[Party]) -> list[Party]:
    """Whoever of the waiting has places now: in their order, but for parties too large for what is
    left, which do not keep a free place from those behind them."""
    chosen = []
    for party in waiting:
        if decide_answer(capacity, taken, party.size) == "yes":
            chosen.append(party)
            taken += party.size
    return chosen
