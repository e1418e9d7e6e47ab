"""What happened day by day in the fortnight, drawn with letters."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from client.demo.clock import DAYS

CELL = 4
LABEL = 17
WEEK = 7


class Mark(Enum):
    """What can have happened."""

    ASKED = "?"
    AGREED = "+"
    OFF = "x"
    DONE = "o"
    PAID = "$"


@dataclass(slots=True)
class Diary:
    """The marks of each row, by the day's number."""

    rows: dict[str, dict[int, str]] = field(default_factory=dict)

    def note(self, row: str, day: int, *marks: Mark) -> None:
        """Write down what happened, beside what did before on that day."""
        days = self.rows.setdefault(row, {})
        days[day] = days.get(day, "") + "".join(mark.value for mark in marks)

    def draw(self, monday: datetime) -> list[str]:
        """The two weeks side by side, a row for each thing, and what the marks mean."""
        dates = [monday + timedelta(days=day) for day in range(DAYS)]
        legend = "   ".join(f"{mark.value} {mark.name.lower()}" for mark in Mark)
        return [
            _line("", [f"{date:%a}"[:2] for date in dates]),
            _line("", [str(date.day) for date in dates]),
            *(
                _line(row, [marks.get(day, ".") for day in range(DAYS)])
                for row, marks in self.rows.items()
            ),
            "",
            f"   {legend}",
        ]


def _line(label: str, cells: list[str]) -> str:
    padded = [cell.rjust(CELL) for cell in cells]
    drawn = f"{''.join(padded[:WEEK])} {''.join(padded[WEEK:])}"
    return f"   {label:<{LABEL - CELL + 1}}{drawn}"
