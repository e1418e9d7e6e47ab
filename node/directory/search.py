"""Finding listings: by words, kind and category, newest first; or near, nearest first.

A search by words reads the newest runs of listings first (see listings.words in the schema) and
stops when a page is full. So what it reads depends on the page, and not on how many listings
there are or how many of them have the word.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import asyncpg
from pydantic import Field

from node.api.sessions import Session
from node.connections import Reader
from node.directory.listing import REMIND_MS, Form, Kind, Listing
from node.directory.spelling import WORDS_MAX, likely_words
from node.errors import NotFound, PlaceMissing, RequestInvalid
from node.people.blocks import read_hidden
from node.people.standing import member_condition

NEAR_MAX = 100_000
Near = Annotated[int, Field(ge=100, le=NEAR_MAX, description="metres from the caller's place")]
Cursor = Annotated[str, Field(pattern="^[0-9]{1,16}(-[0-9]{1,16})?$")]
_RUNS = (("e", 12), ("f", 15), ("g", 18))
"""The marks of runs of listings, as the schema makes them, and of how many bits each is."""
_NEWEST = 2**53

Spot = tuple[int, int]
"""Easting and northing, in metres."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: ``hidden`` are those with whom they have a block, ``now`` is in milliseconds."""

    person: int
    is_coordinator: bool
    hidden: list[int]
    spot: Spot | None
    now: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; all of it has to hold."""

    words: str | None = None
    category: str | None = None
    kind: Kind | None = None
    form: Form | None = None
    near: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Listings and the cursor of what follows; ``words`` that were searched for instead, if any."""

    listings: list[Listing]
    following: str | None
    words: str | None = None


async def read_viewer(connection: Reader, session: Session, now: int) -> Viewer:
    """What somebody's view of the directory depends on."""
    row = await connection.fetchrow(
        "SELECT easting, northing FROM profiles WHERE person = $1 AND side IS NOT NULL",
        session.person,
    )
    spot = (row["easting"], row["northing"]) if row is not None else None
    hidden = await read_hidden(connection, session.person)
    return Viewer(session.person, session.is_coordinator, hidden, spot, now)


# What a listing is shown with, for the rows of `found`.
_SHOWN = """
    SELECT found.*, people.handle, people.name, scribes.handle AS entered_by_handle,
        CASE WHEN 'place' = ANY(shown) THEN place END AS place,
        CASE WHEN 'contact' = ANY(shown) THEN channel END AS channel,
        CASE WHEN 'contact' = ANY(shown) THEN contact END AS contact,
        ARRAY(
            SELECT vetting_levels.name FROM vettings JOIN vetting_levels USING (level)
            WHERE vettings.person = found.person AND vettings.expires >= $1
            ORDER BY position, level
        ) AS vetted
    FROM found JOIN people ON people.person = found.person
        LEFT JOIN profiles ON profiles.person = found.person
        LEFT JOIN people AS scribes ON scribes.person = found.entered_by
"""
# Whose listings are shown: members', and not those who are hidden from the viewer.
_OPEN = member_condition("listings.person")
# All of a listing but what it is found by, which is as long again.
_LISTING = """id, person, entered_by, kind, form, category, title, body, price, cash, made, days,
            expires, easting, northing"""
_NEWEST_FIRST = f"""
    WITH found AS (
        SELECT {_LISTING} FROM listings
        WHERE id < $4 AND id >= $5 AND expires > $2 AND person <> ALL($3::bigint[]) AND {_OPEN}
        ORDER BY id DESC LIMIT $6
    ) {_SHOWN} ORDER BY id DESC
"""
# By words the index of words alone is used: adding 0 keeps the planner from walking the numbers
# instead, which it takes for cheap and which reads the whole directory for a word that is rare.
_NEWEST_WITH_WORDS = f"""
    WITH found AS (
        SELECT {_LISTING} FROM listings
        WHERE words @@ $7::tsquery AND id + 0 < $4 AND id + 0 >= $5
            AND expires > $2 AND person <> ALL($3::bigint[]) AND {_OPEN}
        ORDER BY id + 0 DESC LIMIT $6
    ) {_SHOWN} ORDER BY id DESC
"""


def _nearest_sql(condition: str, order: str) -> str:
    """What is within $6 metres of the spot ($4, $5), after the one that is ``far`` $7 and is $8."""
    return f"""
    WITH found AS (
        SELECT {_LISTING}, (easting - $4::bigint) * (easting - $4::bigint)
            + (northing - $5::bigint) * (northing - $5::bigint) AS far
        FROM listings
        WHERE easting IS NOT NULL AND {condition}
            AND point(easting, northing) <@ circle(point($4::bigint, $5::bigint), $6::bigint)
            AND ((easting - $4::bigint) * (easting - $4::bigint)
                + (northing - $5::bigint) * (northing - $5::bigint), id) > ($7::bigint, $8::bigint)
            AND expires > $2 AND person <> ALL($3::bigint[]) AND {_OPEN}
        ORDER BY {order}, id LIMIT $9
    ) {_SHOWN} ORDER BY far, id
"""


_NEAREST_FIRST = _nearest_sql("true", "point(easting, northing) <-> point($4::bigint, $5::bigint)")
# By words the rows that have them are sorted: walking outwards would read all that is on the way.
_NEAREST_WITH_WORDS = _nearest_sql("words @@ $10::tsquery", "far")
_OF_PERSON = f"""
    WITH found AS (SELECT {_LISTING} FROM listings WHERE person = $2)
    {_SHOWN} ORDER BY id DESC
"""
_ONE = f"""
    WITH found AS (
        SELECT {_LISTING} FROM listings WHERE id = $2 AND (
            person = $5 OR $6 OR expires > $3 AND person <> ALL($4::bigint[]) AND {_OPEN}
        )
    ) {_SHOWN}
"""


async def search(
    connection: Reader, viewer: Viewer, wanted: Wanted, cursor: str | None, limit: int
) -> Page:
    """A page of what is wanted.

    Where nothing has the words, those that they are likely to mean are searched for, which the
    page then names. Raises PlaceMissing, RequestInvalid.
    """
    page = await _search(connection, viewer, wanted, cursor, limit)
    if page.listings or cursor is not None or wanted.words is None:
        return page
    likely = await likely_words(connection, wanted.words)
    if likely is None:
        return page
    found = await _search(connection, viewer, replace(wanted, words=likely), None, limit)
    return replace(found, words=likely) if found.listings else page


async def _search(
    connection: Reader, viewer: Viewer, wanted: Wanted, cursor: str | None, limit: int
) -> Page:
    query = await _read_query(connection, wanted)
    if query == "":
        return Page([], None)
    if wanted.near is not None:
        return await _nearest(connection, viewer, wanted.near, query, cursor, limit)
    if cursor is not None and "-" in cursor:
        raise RequestInvalid(["query.cursor: it is of a search for what is near"])
    before = int(cursor) if cursor else _NEWEST
    if query is None:
        values = [*_common(viewer), before, 0, limit]
        rows = await connection.fetch(_NEWEST_FIRST, *values)
    else:
        rows = []
        newest = await connection.fetchval("SELECT max(id) FROM listings WHERE id < $1", before)
        for low, runs in _windows(newest or 0):
            values = [*_common(viewer), before, low, limit, f"({query}){runs}"]
            rows = await connection.fetch(_NEWEST_WITH_WORDS, *values)
            if len(rows) == limit:
                break
    listings = [_render(row, viewer) for row in rows]
    return Page(listings, str(rows[-1]["id"]) if len(rows) == limit else None)


def _windows(newest: int) -> Iterator[tuple[int, str]]:
    """Ever more of the newest listings: the first number of each, and what it adds to a query."""
    for mark, bits in _RUNS:
        run = newest >> bits
        if run < 2:
            break
        yield (run - 1) << bits, f" & ('~{mark}{run}' | '~{mark}{run - 1}')"
    yield 0, ""


async def _read_query(connection: Reader, wanted: Wanted) -> str | None:
    """What listings have to have, as a tsquery; None for anything, "" for what nothing can have."""
    marks = {"k": wanted.kind, "m": wanted.form, "c": wanted.category}
    parts = [f"'~{mark}{value}'" for mark, value in marks.items() if value is not None]
    if wanted.words is not None:
        words = " ".join(wanted.words.split()[:WORDS_MAX])
        stems = await connection.fetchval(
            "SELECT plainto_tsquery('listing_words', translate($1, '~/', '  '))::text", words
        )
        if not stems:
            return ""
        parts.append(stems)
    return " & ".join(parts) if parts else None


async def _nearest(
    connection: Reader,
    viewer: Viewer,
    near: int,
    query: str | None,
    cursor: str | None,
    limit: int,
) -> Page:
    if viewer.spot is None:
        raise PlaceMissing()
    far, dash, last = (cursor or "0-0").partition("-")
    if not dash:
        raise RequestInvalid(["query.cursor: it is not of a search for what is near"])
    values = [*_common(viewer), *viewer.spot, near, int(far), int(last), limit]
    if query is None:
        rows = await connection.fetch(_NEAREST_FIRST, *values)
    else:
        rows = await connection.fetch(_NEAREST_WITH_WORDS, *values, query)
    following = f"{rows[-1]['far']}-{rows[-1]['id']}" if len(rows) == limit else None
    return Page([_render(row, viewer) for row in rows], following)


def _common(viewer: Viewer) -> tuple[Any, ...]:
    return (_today(viewer), viewer.now, viewer.hidden)


def _today(viewer: Viewer) -> Any:
    return datetime.fromtimestamp(viewer.now / 1000, UTC).date()


async def read_of_person(connection: Reader, viewer: Viewer, person: int) -> list[Listing]:
    """All listings of a person, those that are over too, newest first."""
    rows = await connection.fetch(_OF_PERSON, _today(viewer), person)
    return [_render(row, viewer) for row in rows]


async def read_listing(
    connection: Reader, viewer: Viewer, listing: int, *, just_written: bool = False
) -> Listing:
    """One listing that the viewer may see; their own also when it is over. Raises NotFound.

    Whoever has ``just_written`` it is shown it in any case.
    """
    row = await connection.fetchrow(
        *(_ONE, _today(viewer), listing, viewer.now, viewer.hidden, viewer.person, just_written)
    )
    if row is None:
        raise NotFound("listing of that number")
    return _render(row, viewer)


def _render(row: asyncpg.Record, viewer: Viewer) -> Listing:
    metres = None
    if viewer.spot is not None and row["easting"] is not None:
        metres = math.ceil(math.dist(viewer.spot, (row["easting"], row["northing"])) / 100) * 100
    return Listing(
        id=row["id"],
        kind=row["kind"],
        form=row["form"],
        category=row["category"],
        title=row["title"],
        text=row["body"],
        price=row["price"],
        cash=row["cash"],
        person=row["person"],
        handle=row["handle"],
        name=row["name"],
        entered_by=row["entered_by_handle"],
        place=row["place"] or None,
        metres=metres,
        channel=row["channel"],
        contact=row["contact"] or None,
        vetted=row["vetted"],
        made=row["made"],
        days=row["days"],
        remind=row["expires"] - REMIND_MS,
        expires=row["expires"],
        own=row["person"] == viewer.person,
    )
