"""What coordinators tell for the circle: calls to make, and letters to post.

On the list is who wishes to be called or has no device and no contact, and whatever did not reach
its member otherwise. Each call is noted by the coordinator who made it, under their own name.
"""

from __future__ import annotations

from typing import Literal

import asyncpg

from node.api.sessions import Session
from node.connections import Reader
from node.errors import NotFound
from node.http.fields import Model
from node.people.profiles import Channel
from node.talking.spoken import spoken

LETTERS_MAX = 200
"""On one page to print."""

Outcome = Literal["told", "no-reply"]


class Named(Model):
    """Somebody, with their name."""

    person: int
    handle: str
    name: str


class Errand(Model):
    """Something to be told by hand. ``contact`` is as they gave it for ``channel``.

    ``why`` says what was in the way of telling it otherwise; it is empty where this is their wish.
    ``no_replies`` counts the calls that nobody answered, the last one at ``rung``.
    """

    number: int
    how: Literal["call", "letter"]
    person: Named
    channel: Channel
    contact: str
    kind: str
    about: str
    words: str
    urgent: bool
    made: int
    expires: int | None
    why: str
    no_replies: int
    rung: int | None


class Tick(Model):
    """What came of a call; a letter that was posted is ``told``."""

    outcome: Outcome


_OPEN = """
    told IS NULL AND due IS NULL AND route IN ('call', 'letter')
        AND coalesce(expires > $1::bigint, true) AND NOT $2::bigint = ANY(never)
"""


async def read_errands(
    connection: Reader, session: Session, cursor: int, limit: int, now: int, how: str | None = None
) -> list[Errand]:
    """What is to be told by hand after number ``cursor``, in the order in which it came up.

    Not what is kept from the coordinator who reads.
    """
    rows = await connection.fetch(
        f"""
        SELECT number, route AS how, notices.person, handle, name, kind, notices.about, words,
            coalesce(channel, 'app') AS channel, coalesce(contact, '') AS contact, urgent, made,
            expires, trouble AS why, no_replies, rung
        FROM notices JOIN people USING (person) LEFT JOIN profiles USING (person)
        WHERE {_OPEN} AND number > $3 AND coalesce(route = $5, true) ORDER BY number LIMIT $4
        """,
        *(now, session.person, cursor, limit, how),
    )
    return [_render(row) for row in rows]


def _render(row: asyncpg.Record) -> Errand:
    named = Named(person=row["person"], handle=row["handle"], name=row["name"])
    rest = {key: value for key, value in row.items() if key not in Named.model_fields}
    return Errand(person=named, **{**rest, "words": spoken(row["words"])})


async def tick(
    connection: Reader, session: Session, number: int, outcome: Outcome, now: int
) -> None:
    """Note what came of a call, or that a letter was posted. Raises NotFound."""
    done = await connection.fetchval(
        f"""
        UPDATE notices SET
            told = CASE WHEN $4 THEN $1::bigint END,
            told_by = CASE WHEN $4 THEN $2::bigint END,
            no_replies = no_replies + CASE WHEN $4 THEN 0 ELSE 1 END,
            rung = CASE WHEN $4 THEN rung ELSE $1::bigint END
        WHERE {_OPEN} AND number = $3 RETURNING true
        """,
        *(now, session.person, number, outcome == "told"),
    )
    if not done:
        raise NotFound("call or letter of that number still to be done")
