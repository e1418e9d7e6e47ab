"""What protocol.md says of the open numbers is what the code says."""

from __future__ import annotations

from typing import get_args

from node.api.open_numbers import KEPT_SECONDS, OpenNumbers
from node.numbers.figures import FEW, HELP_FIGURES, LEDGER_FIGURES, MIXED_MIN, TENTHS_MIN
from node.numbers.keeping import GRACE_MS
from node.numbers.reading import MONTHS_MAX, Figure, Month, Position
from node.numbers.table import FIGURES
from tests.test_protocol import rows, section

TEXT = " ".join(section("Open numbers").split())
HOUR_MS = 3600 * 1000


def test_every_field_is_named_and_every_figure_explained() -> None:
    for model in (OpenNumbers, Month, Figure, Position):
        for name in model.model_fields:
            assert f'"{name}"' in TEXT, name
    explained = [cell for cell, _ in rows("Open numbers", "figure")]
    named = {name for cell in explained for name in cell.replace("`", "").split(", ")}
    assert named == {*LEDGER_FIGURES, *HELP_FIGURES, "owed"}
    for word in get_args(Figure.model_fields["told"].annotation):
        assert f'"{word}"' in TEXT


def test_the_numbers_and_the_columns_are_those_of_the_code() -> None:
    assert (FEW, KEPT_SECONDS, GRACE_MS) == (5, 900, HOUR_MS)
    numbers = {MIXED_MIN: "nine", TENTHS_MIN: "ten", TENTHS_MIN + FEW - 1: "14"}
    assert numbers == {9: "nine", 10: "ten", 14: "14"}
    for stated in (
        f"The {MONTHS_MAX} newest that are over",
        "may be kept for 15 minutes",
        "told an hour after it is over",
        "of fewer than nine.",
        "fewer than ten requests that were filled, or fewer than 14 in all",
        ", ".join(f"`{name}`" for name in FIGURES) + "; then `unit`",
    ):
        assert stated in TEXT, stated
