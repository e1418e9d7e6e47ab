"""When somebody wishes to be told, as people write it: 21-8, 9, or none."""

from __future__ import annotations

import re

from client import messages
from client.errors import InputRefused
from client.messages import HoursView
from client.node_session import NodeSession

_QUIET = re.compile(r"([0-9]{1,2})(?::00)? *- *([0-9]{1,2})(?::00)?", re.ASCII)
_HOUR = re.compile(r"([0-9]{1,2})(?::00)?", re.ASCII)
_NONE = "none"


async def change_hours(
    session: NodeSession, person: int, quiet: str | None, digest: str | None
) -> HoursView:
    """Somebody's hours, changed where something is given. Raises InputRefused."""
    wished = None if quiet is None else read_quiet(quiet)
    hour = None if digest is None else read_digest(digest)
    seen = await messages.hours(session, person)
    if quiet is None and digest is None:
        return seen
    changed = HoursView(
        seen.quiet if quiet is None else wished, seen.digest if digest is None else hour
    )
    return await messages.change_hours(session, person, changed)


def read_quiet(written: str) -> tuple[int, int] | None:
    """From which hour until which. Raises InputRefused."""
    if written.strip().lower() == _NONE:
        return None
    found = _QUIET.fullmatch(written.strip())
    hours = (24, 24) if found is None else (int(found[1]), int(found[2]) % 24)
    if max(hours) > 23 or hours[0] == hours[1]:
        raise InputRefused(
            f"{written[:40]!r} are no hours: write 21-8 for nine in the evening to eight in the"
            " morning, or none."
        )
    return hours


def read_digest(written: str) -> int | None:
    """The hour of one email a day. Raises InputRefused."""
    if written.strip().lower() == _NONE:
        return None
    found = _HOUR.fullmatch(written.strip())
    if found is None or int(found[1]) > 23:
        raise InputRefused(f"{written[:40]!r} is no hour: write one from 0 to 23, or none.")
    return int(found[1])
