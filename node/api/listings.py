"""What members offer and want: finding it, writing it, renewing it and ending it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from node.api.bounds import Limit, Number
from node.api.listings_csv import csv_header, csv_row
from node.api.sessions import Session
from node.circle import Circle
from node.directory.listing import Form, Kind, Listing, ListingItem, NewListing
from node.directory.listings import add_listing, change_listing, end_listing, renew_listing
from node.directory.search import (
    Cursor,
    Near,
    Viewer,
    Wanted,
    read_listing,
    read_of_person,
    read_viewer,
    search,
)
from node.http.fields import Model
from node.http.reply import Reply
from node.people.standing import check_reader, check_sight
from node.people.writing import Slug, Words

JSON, CSV = "application/json", "text/csv"
SEE = "see what others offer and want"
CSV_LINES = 200
"""Lines of a CSV file that are in memory at once."""

_Format = Annotated[
    Literal["json", "csv"], Field(description="csv has all that is found, not a page")
]


class Listings(Model):
    """Listings; ``next`` is the cursor of what follows.

    Where nothing has the words that were asked for, ``words`` are those, likely meant, that were
    searched for instead, and with which to go on.
    """

    listings: list[Listing]
    next: str | None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class _Search:
    state: Circle
    viewer: Viewer
    wanted: Wanted

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """All that is found, as CSV; no connection is held while somebody reads slowly."""
        rules, cursor, wanted = self.state.writer.loaded.state.rules, None, self.wanted
        yield csv_header()
        while True:
            async with self.state.pool.acquire() as connection:
                page = await search(connection, self.viewer, wanted, cursor, CSV_LINES)
            yield b"".join(csv_row(listing, rules) for listing in page.listings)
            if page.words is not None:
                wanted = Wanted(page.words, wanted.category, wanted.kind, wanted.form, wanted.near)
            if page.following is None:
                return
            cursor = page.following


async def find_listings(
    state: Circle,
    session: Session,
    words: Words | None = None,
    category: Slug | None = None,
    kind: Kind | None = None,
    form: Form | None = None,
    near: Near | None = None,
    cursor: Cursor | None = None,
    limit: Limit = 50,
    format_: _Format = "json",
) -> Reply:
    """What members offer and want, newest first; with ``near``, nearest first.

    All words have to be in it, however they end and whatever their accents. Not shown are listings
    of members with whom the caller has a block, either way.
    """
    wanted = Wanted(words, category, kind, form, near)
    async with state.pool.acquire() as connection:
        await check_reader(connection, session, SEE)
        viewer = await read_viewer(connection, session, state.clock())
        if format_ == "json":
            page = await search(connection, viewer, wanted, cursor, limit)
            found = Listings(listings=page.listings, next=page.following, words=page.words)
            return Reply(found.model_dump_json().encode(), content_type=JSON)
        await search(connection, viewer, wanted, None, 1)  # what is wrong is said before any line
    return Reply(
        _Search(state, viewer, wanted).lines(),
        content_type=CSV,
        headers={"Content-Disposition": 'attachment; filename="directory.csv"'},
    )


async def list_own_listings(state: Circle, session: Session, person: Number) -> Listings:
    """All of a member's, those that are over too: for them and for coordinators."""
    check_sight(session, person, "the listings of others that are over")
    async with state.pool.acquire() as connection:
        viewer = await read_viewer(connection, session, state.clock())
        listings = await read_of_person(connection, viewer, person)
    return Listings(listings=listings, next=None)


async def get_listing(state: Circle, session: Session, listing: Number) -> Listing:
    """One listing."""
    async with state.pool.acquire() as connection:
        await check_reader(connection, session, SEE)
        viewer = await read_viewer(connection, session, state.clock())
        return await read_listing(connection, viewer, listing)


async def make_listing(state: Circle, session: Session, body: NewListing) -> Listing:
    """Offer or want something. Coordinators do so for members without a device, too."""
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        number = await add_listing(connection, session, body, now)
        viewer = await read_viewer(connection, session, now)
        return await read_listing(connection, viewer, number, just_written=True)


async def edit_listing(
    state: Circle, session: Session, listing: Number, body: ListingItem
) -> Listing:
    """Write a listing anew; it lasts from now on."""
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        await change_listing(connection, session, listing, body, now)
        viewer = await read_viewer(connection, session, now)
        return await read_listing(connection, viewer, listing, just_written=True)


async def extend_listing(state: Circle, session: Session, listing: Number) -> Listing:
    """Let a listing last as long again, from now on; it may be over since 90 days at most."""
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        await renew_listing(connection, session, listing, now)
        viewer = await read_viewer(connection, session, now)
        return await read_listing(connection, viewer, listing, just_written=True)


async def drop_listing(state: Circle, session: Session, listing: Number) -> None:
    """Delete a listing: one's own, or any as a coordinator, who looks after the directory."""
    async with state.pool.acquire() as connection:
        await end_listing(connection, session, listing)
