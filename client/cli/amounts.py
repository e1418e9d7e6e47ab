"""Amounts as people write them, on the command line."""

from __future__ import annotations

from client.errors import InputRefused
from ledger.amount import Unit, parse_amount


def read_amount(text: str, unit: Unit) -> int:
    """Minor units above zero. Raises InvalidAmount, InputRefused."""
    minor = parse_amount(text, unit)
    if minor == 0:
        raise InputRefused("That is nothing: write an amount above zero.")
    return minor


def read_limit(text: str, unit: Unit) -> int:
    """Minor units, which may be none. Raises InvalidAmount."""
    return parse_amount(text, unit)
