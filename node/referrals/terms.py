"""What a coordinator allows of each neighbour: to ask it for help, to look after what it asks, and
which of its levels of vetting counts as which of ours. Nothing passes before it is said.
"""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg
from pydantic import Field

from ledger.federation.link import Link
from node.connections import Reader
from node.errors import NotFound, RequestInvalid
from node.http.fields import Model
from node.people.writing import Slug

VETTINGS_MAX = 20


class VettingThere(Model):
    """``theirs``, a level of the neighbour's, counts as our ``level``."""

    level: Slug
    theirs: Slug


class ReferralTerms(Model):
    """What may pass between a neighbour and this circle.

    With ``refer`` members' requests may be asked of it, with ``take`` its are looked after here.
    With ``same_grid`` both measure places on one grid, so that what is near can be told.
    """

    refer: bool
    take: bool
    same_grid: bool = False
    vettings: list[VettingThere] = Field(default=[], max_length=VETTINGS_MAX)


class NeighbourTerms(ReferralTerms):
    """The same of one neighbour: its id, its name, and where it is."""

    circle: str
    name: str
    address: str


NOTHING = ReferralTerms(refer=False, take=False)


async def read_terms(connection: Reader, links: Iterable[Link]) -> list[NeighbourTerms]:
    """Of each neighbour, by name."""
    rows = {row["link"]: row for row in await connection.fetch("SELECT * FROM referral_terms")}
    names = await read_names(connection)
    vettings = await connection.fetch("SELECT * FROM referral_vettings ORDER BY link, level")
    found = []
    for link in links:
        row = rows.get(link.id)
        found.append(
            NeighbourTerms(
                circle=link.peer.hex(),
                name=names.get(link.id, address_of(link)),
                address=address_of(link),
                refer=row is not None and row["refer"],
                take=row is not None and row["take"],
                same_grid=row is not None and row["same_grid"],
                vettings=[
                    VettingThere(level=each["level"], theirs=each["theirs"])
                    for each in vettings
                    if each["link"] == link.id
                ],
            )
        )
    return sorted(found, key=lambda each: (each.name, each.circle))


async def change_terms(connection: Reader, link: Link, terms: ReferralTerms) -> None:
    """Say it anew, inside a transaction. Raises RequestInvalid for a level that is not ours."""
    await connection.execute(
        """
        INSERT INTO referral_terms VALUES ($1, $2, $3, $4)
        ON CONFLICT (link) DO UPDATE SET refer = $2, take = $3, same_grid = $4
        """,
        *(link.id, terms.refer, terms.take, terms.same_grid),
    )
    await connection.execute("DELETE FROM referral_vettings WHERE link = $1", link.id)
    for place, each in enumerate(terms.vettings):
        try:
            await connection.execute(
                "INSERT INTO referral_vettings VALUES ($1, $2, $3)",
                *(link.id, each.level, each.theirs),
            )
        except asyncpg.ForeignKeyViolationError:
            where = f"body.vettings.{place}.level"
            raise RequestInvalid(
                [f"{where}: there is no level {each.level} here; /api/v1/vetting-levels lists them"]
            ) from None
        except asyncpg.UniqueViolationError:
            where = f"body.vettings.{place}.level"
            raise RequestInvalid([f"{where}: {each.level} is there twice"]) from None


def find_link(links: Iterable[Link], circle: str) -> Link:
    """The link to a neighbour, by its id in hexadecimal. Raises NotFound."""
    for link in links:
        if link.peer.hex() == circle:
            return link
    raise NotFound("neighbour with that id; /api/v1/referral-terms lists them")


def address_of(link: Link) -> str:
    """Where a neighbour's people are: ``name@address`` is one of them."""
    return link.theirs.origin.partition("/")[0]


async def read_names(connection: Reader) -> dict[bytes, str]:
    """What the neighbours are called, by link."""
    rows = await connection.fetch("SELECT link, title FROM peers")
    return {row["link"]: row["title"] for row in rows}
