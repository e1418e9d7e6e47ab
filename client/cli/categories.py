"""Categories of the directory, as people write them."""

from __future__ import annotations

import re

from client import directory
from client.cli.words import listed, plain
from client.directory import Category
from client.errors import InputRefused
from client.node_session import NodeSession

_SHORT_NAME = re.compile(r"[a-z][a-z0-9-]{1,31}")


def read_short_name(written: str) -> str:
    """A short name, such as bees. Raises InputRefused."""
    if not _SHORT_NAME.fullmatch(written.strip().lower()):
        raise InputRefused(
            f"{written[:40]!r} is no short name: write 2 to 32 small letters, such as bees."
        )
    return written.strip().lower()


async def find_category(session: NodeSession, written: str) -> Category:
    """The category that somebody means: by its short name, or what the circle calls it.

    The beginning of either is enough where it is one's alone. Raises InputRefused.
    """
    known = await directory.categories(session)
    wanted = written.strip().lower()
    for category in known:
        if wanted in (category.category, category.name.lower()):
            return category
    begun = [
        each
        for each in known
        if wanted and any(name.lower().startswith(wanted) for name in (each.category, each.name))
    ]
    if len(begun) == 1:
        return begun[0]
    names = listed(plain(each.category) for each in begun or known)
    raise InputRefused(f"Which category is {written[:40]!r}? There are {names}.")
