"""How the demo is told: short lines, and a picture of who has what. Or nothing but figures."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ledger.amount import Unit, format_amount

BAR_WIDTH = 30
WIDTH = 78
"""Letters on a line: it fits any terminal."""


@dataclass(slots=True)
class Narrator:
    """Tells the story on standard output, unless it is ``silent``."""

    silent: bool = False
    chapters: int = field(default=0, init=False)

    def say(self, line: str = "") -> None:
        """One line of the story, at once."""
        if not self.silent:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def chapter(self, title: str) -> None:
        """A new part of the story."""
        self.chapters += 1
        self.say()
        self.say(f"{self.chapters}. {title}")

    def event(self, words: str) -> None:
        """Something that happened."""
        self._wrapped(words, "   ")

    def quote(self, words: str) -> None:
        """What somebody reads, or a program prints."""
        self._wrapped(words, "   > ")

    def _wrapped(self, words: str, before: str) -> None:
        for line in textwrap.wrap(
            words, WIDTH, initial_indent=before, subsequent_indent=before, break_on_hyphens=False
        ):
            self.say(line)

    def picture(self, lines: Iterable[str]) -> None:
        """A drawing with letters."""
        self.say()
        for line in lines:
            self.say(line)

    def balances(self, balances: Mapping[str, int], unit: Unit) -> None:
        """Who has what, as bars on both sides of nought, with the figures beside them."""
        widest = max(1, *(abs(balance) for balance in balances.values()))
        half = BAR_WIDTH // 2
        self.say()
        for name, balance in balances.items():
            length = round(abs(balance) * half / widest)
            left = ("-" * length if balance < 0 else "").rjust(half)
            right = ("+" * length if balance > 0 else "").ljust(half)
            self.say(f"   {name:<8}{left}|{right} {format_amount(balance, unit, sign=True)}")

    def figures(self, figures: Mapping[str, object]) -> None:
        """What it came to, at the end: as many on a line as there is room for."""
        lines = [""]
        for name, figure in figures.items():
            told = f"{name.replace('_', ' ')}: {figure}"
            longer = f"{lines[-1]}   {told}" if lines[-1] else told
            if len(longer) > WIDTH:
                lines.append(told)
            else:
                lines[-1] = longer
        self.picture(lines)
