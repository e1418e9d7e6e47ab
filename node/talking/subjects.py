"""What members write to each other about, and whom they may begin to write to about it.

Each kind has a function: what it is called, and who may be written to by the one who asks. It
answers None for what that person cannot see, whatever the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from node.connections import Reader


@dataclass(frozen=True, slots=True)
class Subject:
    """What is written about: its ``title``, and ``people`` whom the one who asks may write to."""

    title: str
    people: frozenset[int]


Find = Callable[[Reader, int, int, int], Awaitable[Subject | None]]
"""Takes a connection, who asks, the number of the subject, and the time in Unix milliseconds."""


async def _find_listing(connection: Reader, person: int, number: int, now: int) -> Subject | None:
    """Its owner may be written to, while it lasts; blocks are asked for by whoever writes."""
    row = await connection.fetchrow(
        "SELECT title, person FROM listings WHERE id = $1 AND (expires > $2 OR person = $3)",
        *(number, now, person),
    )
    return None if row is None else Subject(row["title"], frozenset({row["person"]} - {person}))


async def _find_event(connection: Reader, person: int, number: int, now: int) -> Subject | None:
    """Its host may be written to; by the host, whoever comes or waits."""
    row = await connection.fetchrow("SELECT title, host FROM events WHERE number = $1", number)
    if row is None:
        return None
    if row["host"] != person:
        people = frozenset() if row["host"] is None else frozenset({row["host"]})
        return Subject(row["title"], people)
    coming = await connection.fetch(
        "SELECT DISTINCT person FROM rsvps WHERE event = $1 AND answer <> 'no' AND person <> $2",
        *(number, person),
    )
    return Subject(row["title"], frozenset(each["person"] for each in coming))


async def _find_help(connection: Reader, person: int, number: int, now: int) -> Subject | None:
    """Whoever asked and those who said yes may write to each other; the helpers not among them."""
    row = await connection.fetchrow(
        """
        SELECT title, asker, ARRAY(
            SELECT helper FROM asks WHERE request = $1 AND answer = 'yes'
            UNION SELECT helper FROM visits WHERE request = $1 AND helper IS NOT NULL
        ) AS helpers
        FROM help_requests WHERE number = $1
        """,
        number,
    )
    if row is None or row["asker"] is None:
        return None
    if row["asker"] == person:
        return Subject(row["title"], frozenset(row["helpers"]))
    if person in row["helpers"]:
        return Subject(row["title"], frozenset({row["asker"]}))
    return None


SUBJECTS: Mapping[str, Find] = {
    "listings": _find_listing,
    "events": _find_event,
    "help": _find_help,
}
"""By the first part of their path below ``/api/v1``."""


async def find_subject(connection: Reader, person: int, about: str, now: int) -> Subject | None:
    """What ``about``, such as ``listings/12``, is to this person."""
    kind, _, number = about.partition("/")
    return await SUBJECTS[kind](connection, person, int(number), now)
