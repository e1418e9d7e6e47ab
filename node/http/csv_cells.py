"""Cells of CSV (RFC 4180) that are fit to be opened in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

# What makes a spreadsheet take a cell for a formula (OWASP, "CSV injection"), full-width signs
# included: some text beginning so could fetch or run something.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def figure(amount: int, scale: int) -> str:
    """A whole number of minor units as a decimal one with ``scale`` places."""
    whole, part = divmod(abs(amount), 10**scale)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:0{scale}d}" if scale else f"{sign}{whole}"


def written(value: str | None) -> str:
    """What a person wrote, as text and never a formula."""
    if value is None:
        return ""
    return f"'{value}" if value.lstrip(" ").startswith(_FORMULA) else value


def csv_line(cells: Sequence[str]) -> bytes:
    """A line, ended."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue().encode()
