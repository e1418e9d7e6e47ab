"""What a member's devices show: their notices, and the hours at which they wish to be told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from node.connections import Reader
from node.http.fields import Model
from node.people.standing import hold_person
from node.talking.timing import QUIET_USUAL

NEW_MS = 60_000
"""So long what was shown is new still, for a device that lost the answer and asks again."""

Hour = Annotated[int, Field(ge=0, le=23)]


class Quiet(Model):
    """From which hour until which one of the circle's clock nobody is disturbed."""

    begins: Hour
    ends: Hour

    @model_validator(mode="after")
    def _takes_time(self) -> Quiet:
        if self.begins == self.ends:
            raise ValueError("quiet hours end at another hour than they begin; null is for none")
        return self


class Wishes(Model):
    """When somebody is told: ``quiet`` hours, and the hour of one email a day, or null for none."""

    quiet: Quiet | None
    digest: Hour | None = None


class NoticeItem(Model):
    """A notice. ``new`` is what was on no device of theirs until a minute ago.

    Times are Unix milliseconds.
    """

    number: int
    kind: str
    about: str
    words: str
    urgent: bool
    made: int
    told: int
    new: bool


async def read_wishes(connection: Reader, person: int) -> Wishes:
    """What they wish, or what is usual."""
    row = await connection.fetchrow(
        "SELECT quiet_from, quiet_until, digest FROM notice_wishes WHERE person = $1", person
    )
    if row is None:
        return Wishes(quiet=Quiet(begins=QUIET_USUAL[0], ends=QUIET_USUAL[1]))
    quiet = None
    if row["quiet_from"] is not None:
        quiet = Quiet(begins=row["quiet_from"], ends=row["quiet_until"])
    return Wishes(quiet=quiet, digest=row["digest"])


async def put_wishes(connection: Reader, person: int, wishes: Wishes) -> None:
    """Replace what they wish, inside a transaction. Raises PersonUnknown."""
    await hold_person(connection, person)
    quiet = wishes.quiet
    await connection.execute(
        """
        INSERT INTO notice_wishes VALUES ($1, $2, $3, $4)
        ON CONFLICT (person) DO UPDATE SET quiet_from = $2, quiet_until = $3, digest = $4
        """,
        person,
        *((None, None) if quiet is None else (quiet.begins, quiet.ends)),
        wishes.digest,
    )


async def show_notices(
    connection: Reader, person: int, cursor: int, limit: int, now: int
) -> list[NoticeItem]:
    """Their notices before number ``cursor``, newest first; with that they are told.

    What is over and was never told is left out. Inside a transaction.
    """
    rows = await connection.fetch(
        """
        WITH page AS (
            SELECT number, seen IS NULL AS unseen, coalesce(seen > $5, true) AS new FROM notices
            WHERE person = $1 AND number < $2 AND (told IS NOT NULL OR coalesce(expires > $4, true))
            ORDER BY number DESC LIMIT $3
        ), held AS (
            SELECT number FROM notices WHERE number IN (SELECT number FROM page WHERE unseen)
            ORDER BY number FOR UPDATE
        ), told AS (
            UPDATE notices SET seen = $4, told = coalesce(told, $4), due = NULL, trouble = ''
            WHERE number IN (SELECT number FROM held)
        )
        SELECT number, kind, about, words, urgent, made, coalesce(told, $4) AS told, new
        FROM notices JOIN page USING (number) ORDER BY number DESC
        """,
        *(person, cursor, limit, now, now - NEW_MS),
    )
    return [NoticeItem(**row) for row in rows]


async def mark_shown(connection: Reader, person: int, about: str, now: int) -> None:
    """Note that a device of theirs showed what their notices of ``about`` tell."""
    await connection.execute(
        """
        UPDATE notices SET seen = $3, told = coalesce(told, $3), due = NULL, trouble = ''
        WHERE number IN (
            SELECT number FROM notices WHERE person = $1 AND about = $2 AND seen IS NULL
            ORDER BY number FOR UPDATE)
        """,
        *(person, about, now),
    )


async def count_new(connection: Reader, person: int, now: int) -> int:
    """How many notices no device of theirs has shown yet."""
    count: int = await connection.fetchval(
        """
        SELECT count(*) FROM notices WHERE person = $1 AND seen IS NULL
            AND (told IS NOT NULL OR coalesce(expires > $2, true))
        """,
        *(person, now),
    )
    return count
