"""How the demo is told: short lines, and a picture of who has what. Or nothing but figures."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.amount import Unit, format_amount

BAR_WIDTH = 30


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

    def event(self, line: str) -> None:
        """Something that happened."""
        self.say(f"   {line}")

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
