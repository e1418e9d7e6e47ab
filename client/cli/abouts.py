"""What members write and complain about: what they call it, and where that is in the API."""

from __future__ import annotations

import click

ABOUTS = {"offer": "listings", "want": "listings", "event": "events", "help": "help"}
MESSAGE = "message"
NUMBER = click.IntRange(1, 10**15 - 1)
ABOUT = (click.Choice(list(ABOUTS)), NUMBER)
"""The type of two words of a command line: ``offer 12``."""


def about_path(what: str, number: int) -> str:
    """``listings/12`` for an offer or a want, and likewise."""
    return f"{'messages' if what == MESSAGE else ABOUTS[what]}/{number}"
