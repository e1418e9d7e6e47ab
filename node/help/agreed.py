"""Visits that are agreed and still to come, told where two of them are to be kept apart."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from node.connections import Reader
from node.help.minutes import time_of
from node.help.words import tell_time

NAMED_MAX = 5
"""So many are named in one notice."""


async def read_agreed(
    connection: Reader, person: int, now: int, other: int | None = None
) -> list[asyncpg.Record]:
    """The first visit to come of each place where this person helps or is helped.

    With ``other``, only where the two meet; ``now`` in Unix milliseconds.
    """
    return await connection.fetch(
        """
        SELECT DISTINCT ON (request, place) request, title, begins,
            coalesce(helpers.name, 'somebody of another circle') AS helper,
            coalesce(askers.name, 'somebody of another circle') AS asker
        FROM visits JOIN help_requests ON help_requests.number = request
            LEFT JOIN people AS helpers ON helpers.person = helper
            LEFT JOIN people AS askers ON askers.person = asker
        WHERE visits.status IN ('held', 'booked') AND starts > $2 AND $1 IN (helper, asker)
            AND ($3::bigint IS NULL OR $3 IN (helper, asker))
        ORDER BY request, place, visits.week
        """,
        *(person, now, other),
    )


def tell_agreed(rows: Sequence[asyncpg.Record]) -> str:
    """``help 17 (Roses to cut, Friday 4 December at 10:00: Bob comes to Mia)``, one by one."""
    named = [
        f"help {row['request']} ({row['title']}, {tell_time(time_of(row['begins']))}:"
        f" {row['helper']} comes to {row['asker']})"
        for row in rows[:NAMED_MAX]
    ]
    more = f", and {len(rows) - NAMED_MAX} more" if len(rows) > NAMED_MAX else ""
    return "; ".join(named) + more
