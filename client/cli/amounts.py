"""Amounts and numbers as people write them, on the command line."""

from __future__ import annotations

import click

from client.errors import InputRefused
from ledger.amount import AMOUNT_MAX, Unit, parse_amount

NUMBER = click.IntRange(0, AMOUNT_MAX)
"""The number of an account, or of a line of the books."""


def read_amount(text: str, unit: Unit) -> int:
    """Minor units above zero. Raises InvalidAmount, InputRefused."""
    minor = parse_amount(text, unit)
    if minor == 0:
        raise InputRefused("That is nothing: write an amount above zero.")
    return minor


def read_limit(text: str, unit: Unit) -> int:
    """Minor units, which may be none. Raises InvalidAmount."""
    return parse_amount(text, unit)
