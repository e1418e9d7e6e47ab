"""Writing, renewing and ending listings. Each is its author's, or a coordinator's to look after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from node.api.sessions import Session
from node.connections import Reader
from node.directory.expiry import DAY_MS
from node.directory.listing import LISTINGS_MAX, ListingItem, NewListing
from node.errors import NotFound, RequestInvalid, TooMany
from node.people.standing import check_owner, hold_person


async def add_listing(connection: Reader, session: Session, item: NewListing, now: int) -> int:
    """Add a listing and return its number. Inside a transaction; ``now`` in Unix milliseconds.

    Raises NotPermitted, PersonUnknown, TooMany, RequestInvalid.
    """
    person = session.person if item.person is None else item.person
    await check_owner(connection, session, person, "change what they offer and want")
    await hold_person(connection, person)  # their listings are counted one after another
    held = await connection.fetchval("SELECT count(*) FROM listings WHERE person = $1", person)
    if held >= LISTINGS_MAX:
        raise TooMany("listings of this member", LISTINGS_MAX)
    with _category_of(item):
        listing: int = await connection.fetchval(
            """
            INSERT INTO listings (person, entered_by, kind, form, category, title, body, price,
                cash, made, days, expires, easting, northing)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, easting, northing
            FROM (VALUES (1)) AS one
                LEFT JOIN profiles ON person = $1 AND 'place' = ANY(shown)
            RETURNING id
            """,
            person,
            session.person if session.person != person else None,
            *_written(item),
            now,
            item.days,
            now + item.days * DAY_MS,
        )
    return listing


async def change_listing(
    connection: Reader, session: Session, listing: int, item: ListingItem, now: int
) -> None:
    """Write a listing anew; it lasts from now on. Raises NotFound, NotPermitted, RequestInvalid."""
    await _check_author(connection, session, listing)
    with _category_of(item):
        await connection.execute(
            """
            UPDATE listings SET kind = $2, form = $3, category = $4, title = $5, body = $6,
                price = $7, cash = $8, days = $9, expires = $10
            WHERE id = $1
            """,
            listing,
            *_written(item),
            item.days,
            now + item.days * DAY_MS,
        )


def _written(item: ListingItem) -> tuple[str | int | None, ...]:
    return (item.kind, item.form, item.category, item.title, item.text, item.price, item.cash)


@contextmanager
def _category_of(item: ListingItem) -> Iterator[None]:
    """Raise RequestInvalid where the database refuses a listing because its category is none."""
    try:
        yield
    except asyncpg.ForeignKeyViolationError as error:
        if error.constraint_name != "listings_category_fkey":
            raise
        here = "here; /api/v1/categories lists them"
        told = f"body.category: there is no category {item.category} {here}"
        raise RequestInvalid([told]) from None


async def renew_listing(connection: Reader, session: Session, listing: int, now: int) -> None:
    """Let it last as long again, from now on, also when it was over. Raises NotFound."""
    await _check_author(connection, session, listing)
    await connection.execute(
        "UPDATE listings SET expires = $2 + days * $3::bigint WHERE id = $1", listing, now, DAY_MS
    )


async def end_listing(connection: Reader, session: Session, listing: int) -> None:
    """Delete it: by its author, or by a coordinator, who looks after the directory.

    Raises NotFound.
    """
    ended = await connection.fetchval(
        "DELETE FROM listings WHERE id = $1 AND (person = $2 OR $3) RETURNING true",
        listing,
        session.person,
        session.is_coordinator,
    )
    if not ended:
        raise NotFound("listing of yours with that number")


async def _check_author(connection: Reader, session: Session, listing: int) -> None:
    """Raise NotFound, to all who may not change it, whether it is there or not."""
    person = await connection.fetchval("SELECT person FROM listings WHERE id = $1", listing)
    if person is None or (person != session.person and not session.is_coordinator):
        raise NotFound("listing of yours with that number")
    await check_owner(connection, session, person, "change what they offer and want")
