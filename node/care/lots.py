"""Numbers drawn by lot, for what those whom it is about are not shown.

From a number that is left out of a list, somebody could tell that one is about them.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated

from pydantic import Field

from node.errors import TooMany

NUMBERS = range(100_000, 1_000_000)
_DRAWS_MAX = 100

Lot = Annotated[int, Field(ge=NUMBERS[0], le=NUMBERS[-1])]


async def draw_number(insert: Callable[[int], Awaitable[bool]], what: str) -> int:
    """A number under which ``insert`` wrote a row; it says False where there is one of that number.

    Raises TooMany where nearly all numbers are taken.
    """
    for _ in range(_DRAWS_MAX):
        number = secrets.choice(NUMBERS)
        if await insert(number):
            return number
    raise TooMany(what, len(NUMBERS))
