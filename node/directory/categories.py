"""The categories of the directory, in plain words; coordinators change them."""

from __future__ import annotations

from node.connections import Reader
from node.errors import RequestInvalid, TooMany
from node.http.fields import Model
from node.people.vetting import POSITION_USUAL, Naming

CATEGORIES_MAX = 100
OTHER = "other"
"""Where listings and requests for help go whose category is dropped; it stays."""


class Category(Model):
    """A category, as this circle calls it."""

    category: str
    name: str
    position: int


async def read_categories(connection: Reader) -> list[Category]:
    """All of them, in the circle's order."""
    rows = await connection.fetch(
        "SELECT category, name, position FROM categories ORDER BY position, category"
    )
    return [Category(**row) for row in rows]


async def put_category(connection: Reader, category: str, naming: Naming) -> None:
    """Add a category or name it anew, inside a transaction. Raises TooMany."""
    await connection.execute("LOCK TABLE categories IN SHARE ROW EXCLUSIVE MODE")
    await connection.execute(
        """
        INSERT INTO categories VALUES ($1, $2, coalesce($3::integer, $4))
        ON CONFLICT (category) DO UPDATE
        SET name = $2, position = coalesce($3, categories.position)
        """,
        *(category, naming.name, naming.position, POSITION_USUAL),
    )
    if len(await read_categories(connection)) > CATEGORIES_MAX:
        raise TooMany("categories", CATEGORIES_MAX)


async def drop_category(connection: Reader, category: str) -> None:
    """Have a category no longer, inside a transaction; its listings and requests for help go to
    ``other``, and nobody helps with it any more.

    Raises RequestInvalid for that one.
    """
    if category == OTHER:
        raise RequestInvalid([f"path.category: {OTHER} stays, as listings need a place to go to"])
    await connection.execute(
        "SELECT FROM categories WHERE category = $1 FOR UPDATE", category
    )  # so that no listing comes into it meanwhile
    await connection.execute(
        "UPDATE listings SET category = $2 WHERE category = $1", category, OTHER
    )
    await connection.execute(
        "UPDATE help_requests SET category = $2 WHERE category = $1", category, OTHER
    )
    await connection.execute(
        "UPDATE helpers SET skills = array_remove(skills, $1) WHERE $1 = ANY(skills)", category
    )
    await connection.execute("DELETE FROM categories WHERE category = $1", category)
