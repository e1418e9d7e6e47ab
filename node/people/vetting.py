"""Vetting: that somebody was checked, by whom and until when; never the document."""

from __future__ import annotations

from datetime import date

from pydantic import Field, model_validator

from ledger.errors import PersonUnknown
from node.connections import Reader
from node.errors import NotFound, RequestInvalid, TooMany
from node.http.fields import Day, Model
from node.people.writing import Slug, Title

LEVELS_MAX = 20
POSITION_USUAL = 500


class Level(Model):
    """What this circle checks of people, such as references, as it calls it."""

    level: Slug
    name: str
    position: int


class Naming(Model):
    """What something in an ordered list is called, and where it stands.

    Without ``position`` it stays where it is; what is new comes to the middle.
    """

    name: Title
    position: int | None = Field(default=None, ge=0, le=10_000)


class Check(Model):
    """When somebody was checked, and until when that is good."""

    checked_on: Day
    expires: Day

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Check:
        if self.expires <= self.checked_on:
            raise ValueError("expires must be after checked_on")
        return self


class Vetting(Model):
    """That somebody was checked; the names are of who did it, null for a former member."""

    level: str
    name: str
    checked_on: Day
    expires: Day
    checked_by: str | None


async def read_levels(connection: Reader) -> list[Level]:
    """The levels of this circle, in its order."""
    rows = await connection.fetch(
        "SELECT level, name, position FROM vetting_levels ORDER BY position, level"
    )
    return [Level(**row) for row in rows]


async def put_level(connection: Reader, level: str, naming: Naming) -> None:
    """Add a level or name it anew, inside a transaction. Raises TooMany."""
    await connection.execute("LOCK TABLE vetting_levels IN SHARE ROW EXCLUSIVE MODE")
    await connection.execute(
        """
        INSERT INTO vetting_levels VALUES ($1, $2, coalesce($3::integer, $4))
        ON CONFLICT (level) DO UPDATE
        SET name = $2, position = coalesce($3, vetting_levels.position)
        """,
        *(level, naming.name, naming.position, POSITION_USUAL),
    )
    if len(await read_levels(connection)) > LEVELS_MAX:
        raise TooMany("levels of vetting", LEVELS_MAX)


async def drop_level(connection: Reader, level: str) -> None:
    """Check it no longer: nobody has it from now on. Inside a transaction.

    Requests for help that are over name it no longer; raises RequestInvalid while others do.
    """
    await connection.execute(
        "SELECT FROM vetting_levels WHERE level = $1 FOR UPDATE", level
    )  # so that nobody asks for it meanwhile
    wanted = await connection.fetchval(
        """
        SELECT min(number) FROM help_requests
        WHERE vetting = $1 AND status IN ('draft', 'open', 'filled')
        """,
        level,
    )
    if wanted is not None:
        raise RequestInvalid(
            [
                f"path.level: {level} is asked of the helpers of help/{wanted}, which is not over;"
                " wait until it is, or have it cancelled first"
            ]
        )
    await connection.execute("UPDATE help_requests SET vetting = NULL WHERE vetting = $1", level)
    await connection.execute("DELETE FROM vetting_levels WHERE level = $1", level)


async def read_vettings(connection: Reader, person: int) -> list[Vetting]:
    """All of a person's, those that are over too."""
    rows = await connection.fetch(
        """
        SELECT level, vetting_levels.name, checked_on, expires, people.name AS checked_by
        FROM vettings JOIN vetting_levels USING (level)
            LEFT JOIN people ON people.person = checked_by
        WHERE vettings.person = $1 ORDER BY position, level
        """,
        person,
    )
    return [Vetting(**row) for row in rows]


async def read_vetted(connection: Reader, person: int, today: date) -> list[str]:
    """What others are told: the names of the levels that a person has today."""
    rows = await connection.fetch(
        """
        SELECT name FROM vettings JOIN vetting_levels USING (level)
        WHERE person = $1 AND expires >= $2 ORDER BY position, level
        """,
        person,
        today,
    )
    return [row["name"] for row in rows]


async def put_vetting(
    connection: Reader, person: int, level: str, check: Check, officer: int
) -> None:
    """Note a check, in place of an earlier one. Raises PersonUnknown, NotFound."""
    if not await connection.fetchval("SELECT true FROM people WHERE person = $1", person):
        raise PersonUnknown(person)
    if not await connection.fetchval("SELECT true FROM vetting_levels WHERE level = $1", level):
        raise NotFound(f"level of vetting called {level}")
    await connection.execute(
        """
        INSERT INTO vettings (person, level, checked_by, checked_on, expires)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (person, level) DO UPDATE
        SET checked_by = excluded.checked_by, checked_on = excluded.checked_on,
            expires = excluded.expires
        """,
        person,
        level,
        officer,
        check.checked_on,
        check.expires,
    )


async def drop_vetting(connection: Reader, person: int, level: str) -> None:
    """Take a level away."""
    await connection.execute("DELETE FROM vettings WHERE person = $1 AND level = $2", person, level)
