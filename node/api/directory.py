"""The directory as a whole: its categories, and the page to print."""

from __future__ import annotations

from node.api.listings import SEE
from node.api.sessions import Session
from node.circle import Circle
from node.connections import Reader
from node.directory.categories import Category, drop_category, put_category, read_categories
from node.directory.listing import Kind, Listing
from node.directory.printed import CONTENT_POLICY, PRINTED_MAX, Section, render_directory
from node.directory.search import Viewer, Wanted, read_viewer, search
from node.http.fields import Model
from node.http.reply import Reply
from node.people.standing import check_coordinator, check_reader
from node.people.vetting import Naming
from node.people.writing import Slug

READ_AT_ONCE = 200


class Categories(Model):
    """The categories, in the circle's order."""

    categories: list[Category]


async def list_categories(state: Circle, session: Session) -> Categories:
    """The categories of the directory, in plain words."""
    async with state.pool.acquire() as connection:
        return Categories(categories=await read_categories(connection))


async def change_category(
    state: Circle, session: Session, category: Slug, body: Naming
) -> Categories:
    """Add a category, or call it something else; for coordinators."""
    check_coordinator(session, "change the categories")
    async with state.pool.acquire() as connection, connection.transaction():
        await put_category(connection, category, body)
        return Categories(categories=await read_categories(connection))


async def remove_category(state: Circle, session: Session, category: Slug) -> None:
    """Drop a category, for coordinators; what is in it goes to ``other``, which stays."""
    check_coordinator(session, "change the categories")
    async with state.pool.acquire() as connection, connection.transaction():
        await drop_category(connection, category)


async def print_directory(
    state: Circle, session: Session, category: Slug | None = None, kind: Kind | None = None
) -> Reply:
    """The directory as a page to be printed in large type, a section for each category.

    It has what the caller may see, up to 2,000 listings.
    """
    sections, left = [], PRINTED_MAX
    async with state.pool.acquire() as connection:
        await check_reader(connection, session, SEE)
        viewer = await read_viewer(connection, session, state.clock())
        for each in await read_categories(connection):
            if category in (None, each.category):
                wanted = Wanted(category=each.category, kind=kind)
                listings = await _read_all(connection, viewer, wanted, left + 1)
                sections.append(Section(each.name, listings[:left], len(listings) <= left))
                left -= len(sections[-1].listings)
        rows = await connection.fetch(
            """
            SELECT handle FROM offices JOIN people USING (person)
            WHERE office = 'coordinator' ORDER BY handle
            """
        )
    coordinators = [row["handle"] for row in rows]
    rules = state.writer.loaded.state.rules
    page = render_directory(rules, sections, coordinators, state.clock())
    return Reply(page, headers={"Content-Security-Policy": CONTENT_POLICY})


async def _read_all(connection: Reader, viewer: Viewer, wanted: Wanted, most: int) -> list[Listing]:
    """What is found, newest first, and at most so many."""
    listings: list[Listing] = []
    cursor: str | None = None
    while len(listings) < most:
        size = min(READ_AT_ONCE, most - len(listings))
        page = await search(connection, viewer, wanted, cursor, size)
        listings += page.listings
        cursor = page.following
        if cursor is None:
            break
    return listings
