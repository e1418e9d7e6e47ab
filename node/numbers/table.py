"""Open numbers as CSV (RFC 4180), fit to be opened in a spreadsheet: a line a month."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.charter import Rules
from node.http.csv_cells import csv_line, figure, written
from node.numbers.figures import HELP_FIGURES, LEDGER_FIGURES
from node.numbers.reading import Figure, Month

FIGURES = (*LEDGER_FIGURES, *HELP_FIGURES)
_WORDS = {"fewer-than-5": "fewer than 5", "too-few": "too few", "later": "later", "nothing": ""}


def write_table(months: Sequence[Month], rules: Rules) -> bytes:
    """The whole file. What neighbours owe is in whole units with a decimal point, or in minutes."""
    neighbours = {
        each.circle: f"owed by {each.name} ({each.address})"
        for month in months
        for each in month.neighbours
    }
    unit = "minutes" if rules.unit_kind == "minutes" else rules.unit_plural.decode()
    lines = [csv_line(("month", *FIGURES, "unit", *map(written, neighbours.values())))]
    for month in months:
        owed = {each.circle: figure(each.owed, rules.unit_scale) for each in month.neighbours}
        figures: list[Figure] = [getattr(month, name) for name in FIGURES]
        cells = (_cell(each) for each in figures)
        positions = (owed.get(circle, "") for circle in neighbours)
        lines.append(csv_line((month.month, *cells, written(unit), *positions)))
    return b"".join(lines)


def _cell(told: Figure) -> str:
    return _WORDS[told.told] if told.value is None else str(told.value)
