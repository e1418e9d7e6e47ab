"""What a check comes to: problems, each a sentence, and how far it got."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ledger.errors import TallystickError

PROBLEMS_MAX = 20
"""A check ends when it has found so many."""


class WrongEntry(TallystickError):
    """An entry that should not be in the log as it is; ``reason`` says what is wrong with it."""

    code: ClassVar[str] = "entry-wrong"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    ``entry`` is the index it is about, or None; ``row`` names a row of a table beside the log, or
    is "" when the log itself is wrong. ``reason`` completes the sentence.
    """

    entry: int | None
    row: str
    reason: str

    def __str__(self) -> str:
        places = []
        if self.entry is not None:
            places.append(f"entry {self.entry}")
        if self.row:
            places.append(f"row {self.row}")
        place = ", ".join(places) or "the log"
        return f"{place[0].upper()}{place[1:]}: {self.reason}."


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` entries are replayed, at ``rate`` entries a second so far."""

    done: int
    total: int
    rate: float


@dataclass(frozen=True, slots=True)
class CheckResult:
    """``entries`` were replayed in ``seconds``, and ``signatures`` verified in them.

    ``problems`` has the first wrong entry first, at most PROBLEMS_MAX in all; it is empty when the
    log and every table made from it are right. After a wrong entry nothing more is replayed.
    """

    entries: int
    seconds: float
    signatures: int
    problems: tuple[Problem, ...]


@dataclass(slots=True)
class Findings:
    """The problems found so far; those beyond PROBLEMS_MAX are not kept."""

    problems: list[Problem] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether there is no point in looking on."""
        return len(self.problems) >= PROBLEMS_MAX

    def note(self, entry: int | None, row: str, reason: str) -> None:
        """Add a problem."""
        if not self.full:
            self.problems.append(Problem(entry, row, reason))
