"""A change of the source of a module, for mutants."""

from __future__ import annotations

from typing import NamedTuple


class Change(NamedTuple):
    """``old`` becomes ``new`` in the source of a module."""

    module: str
    old: str
    new: str
