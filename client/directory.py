"""What members of a circle offer and want, and what they tell of themselves.

Nothing here is signed or in the log: it is the node's word. A session is enough to change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from client.json_fields import Fields
from client.node_session import NodeSession
from client.views import NAME_CHARACTERS_MAX

LISTINGS: Final = "/api/v1/listings"
LISTINGS_MAX: Final = 200
"""On one page, and of one member."""
CATEGORIES_MAX: Final = 1000
TEXT_MAX: Final = 4000
NUMBER_MAX: Final = 20_000_000

PARTS: Final = ("languages", "about", "place", "contact", "helped")
"""What a member may show to every other, or keep to themselves and the coordinators."""
SIDES: Final = (100, 500, 1000, 2000, 5000, 10_000)
"""How coarse a place on the map may be, in metres."""


@dataclass(frozen=True, slots=True)
class ListingView:
    """Something offered or wanted, by ``handle``. Times are Unix milliseconds, prices minor units.

    A price of 0 is free, None to be agreed. ``metres`` says how far off it is, in hundreds.
    """

    id: int
    kind: str
    form: str
    category: str
    title: str
    text: str
    price: int | None
    cash: str
    person: int
    handle: str
    name: str
    entered_by: str | None
    place: str | None
    metres: int | None
    channel: str | None
    contact: str | None
    vetted: tuple[str, ...]
    remind: int
    expires: int


@dataclass(frozen=True, slots=True)
class Found:
    """Listings, and whether there are more; ``words`` that were searched for instead, if any."""

    listings: tuple[ListingView, ...]
    more: bool
    words: str | None


@dataclass(frozen=True, slots=True)
class Category:
    """A category: its short name, and what the circle calls it."""

    category: str
    name: str


@dataclass(frozen=True, slots=True)
class Square:
    """The middle of a square, in metres on the grid that the circle uses, and its side."""

    easting: int
    northing: int
    side: int


@dataclass(frozen=True, slots=True)
class ProfileView:
    """A member as they show themselves: None is what is not for the one who asks."""

    person: int
    handle: str
    name: str
    languages: tuple[str, ...] | None
    about: str | None
    place: str | None
    square: Square | None
    channel: str | None
    contact: str | None
    helped: int | None
    shown: tuple[str, ...] | None
    vetted: tuple[str, ...]


async def find(session: NodeSession, wanted: Mapping[str, str], most: int) -> Found:
    """Up to ``most`` listings; ``wanted`` are the parameters of the search."""
    asked = {**wanted, "limit": str(min(most + 1, LISTINGS_MAX))}
    first = await session.read(LISTINGS, asked)
    found = list(first.objects("listings", LISTINGS_MAX, read_listing))
    words, cursor = first.optional("words", first.text), first.optional("next", first.text)
    if words is not None:
        asked["words"] = words
    if cursor is not None and len(found) <= most:
        async for each in session.paged(LISTINGS, asked, "listings", read_listing, cursor=cursor):
            found.append(each)
            if len(found) > most:
                break
    return Found(tuple(found[:most]), len(found) > most, words)


async def own_listings(session: NodeSession, person: int) -> tuple[ListingView, ...]:
    """All of a member's, those that are over too."""
    answer = await session.read(f"/api/v1/people/{person}/listings")
    return answer.objects("listings", LISTINGS_MAX, read_listing)


async def make_listing(session: NodeSession, item: Mapping[str, object]) -> ListingView:
    """Offer or want something."""
    return read_listing(await session.changed("POST", LISTINGS, dict(item)))


async def renew_listing(session: NodeSession, listing: int) -> ListingView:
    """Let it last as long again."""
    return read_listing(await session.changed("POST", f"{LISTINGS}/{listing}/renewal"))


async def end_listing(session: NodeSession, listing: int) -> None:
    """Take it out of the directory."""
    await session.change("DELETE", f"{LISTINGS}/{listing}")


async def categories(session: NodeSession) -> tuple[Category, ...]:
    """The categories of the circle, in its order."""
    answer = await session.read("/api/v1/categories")
    return answer.objects(
        "categories",
        CATEGORIES_MAX,
        lambda each: Category(each.text("category", 32), each.text("name", TEXT_MAX)),
    )


async def profile(session: NodeSession, person: int) -> ProfileView:
    """A member, as far as they show themselves; "not-found" where they show nothing to this one."""
    return _read_profile(await session.read(f"/api/v1/people/{person}/profile"))


async def change_profile(
    session: NodeSession, person: int, item: Mapping[str, object]
) -> ProfileView:
    """Replace a profile."""
    path = f"/api/v1/people/{person}/profile"
    return _read_profile(await session.changed("PUT", path, dict(item)))


async def block(session: NodeSession, person: int, other: int, *, on: bool) -> None:
    """Hide two members from each other, or no longer."""
    path = f"/api/v1/people/{person}/blocks/{other}"
    await session.change("PUT" if on else "DELETE", path)


async def printed(session: NodeSession, wanted: Mapping[str, str]) -> bytes:
    """The directory as a page in large type, to be printed."""
    return await session.download("/api/v1/directory", dict(wanted))


async def as_csv(session: NodeSession, wanted: Mapping[str, str]) -> bytes:
    """All that a search finds, for a spreadsheet."""
    return await session.download(LISTINGS, {**wanted, "format": "csv"})


def listing_fields(listing: ListingView) -> dict[str, object]:
    """A listing for a program."""
    return asdict(listing)


def read_listing(listing: Fields) -> ListingView:
    """One listing of an answer."""

    def text(name: str) -> str:
        return listing.text(name, TEXT_MAX)

    return ListingView(
        id=listing.integer("id"),
        kind=text("kind"),
        form=text("form"),
        category=text("category"),
        title=text("title"),
        text=text("text"),
        price=listing.optional("price", listing.integer),
        cash=text("cash"),
        person=listing.integer("person", 1),
        handle=text("handle"),
        name=listing.text("name", NAME_CHARACTERS_MAX),
        entered_by=listing.optional("entered_by", text),
        place=listing.optional("place", text),
        metres=listing.optional("metres", listing.integer),
        channel=listing.optional("channel", text),
        contact=listing.optional("contact", text),
        vetted=listing.texts("vetted", CATEGORIES_MAX),
        remind=listing.amount("remind"),
        expires=listing.integer("expires"),
    )


def _read_profile(answer: Fields) -> ProfileView:
    def text(name: str) -> str:
        return answer.text(name, TEXT_MAX)

    def texts(name: str) -> tuple[str, ...]:
        return answer.texts(name, CATEGORIES_MAX)

    square = answer.fields("square") if "square" in answer else None
    return ProfileView(
        person=answer.integer("person", 1),
        handle=text("handle"),
        name=answer.text("name", NAME_CHARACTERS_MAX),
        languages=answer.optional("languages", texts),
        about=answer.optional("about", text),
        place=answer.optional("place", text),
        square=None if square is None else _read_square(square),
        channel=answer.optional("channel", text),
        contact=answer.optional("contact", text),
        helped=answer.optional("helped", answer.integer),
        shown=answer.optional("shown", texts),
        vetted=texts("vetted"),
    )


def _read_square(square: Fields) -> Square:
    return Square(
        square.integer("easting", -NUMBER_MAX, NUMBER_MAX),
        square.integer("northing", -NUMBER_MAX, NUMBER_MAX),
        square.integer("side", 1, NUMBER_MAX),
    )


async def name_category(
    session: NodeSession, category: str, name: str, position: int | None
) -> None:
    """Add a category, or call it something else; it stays where it is unless told."""
    body = {"name": name} | ({} if position is None else {"position": position})
    await session.change("PUT", f"/api/v1/categories/{category}", body)


async def drop_category(session: NodeSession, category: str) -> None:
    """Have it no longer; its listings go to ``other``."""
    await session.change("DELETE", f"/api/v1/categories/{category}")


async def name_level(session: NodeSession, level: str, name: str) -> None:
    """Check something of people, or call it something else."""
    await session.change("PUT", f"/api/v1/vetting-levels/{level}", {"name": name})


async def levels(session: NodeSession) -> tuple[tuple[str, str], ...]:
    """What the circle checks of people: short names, and what it calls them."""
    answer = await session.read("/api/v1/vetting-levels")
    return answer.objects(
        "levels", CATEGORIES_MAX, lambda each: (each.text("level", 32), each.text("name", TEXT_MAX))
    )


async def note_check(
    session: NodeSession, person: int, level: str, checked_on: str, expires: str
) -> None:
    """Note that somebody was checked; days as YYYY-MM-DD."""
    body = {"checked_on": checked_on, "expires": expires}
    await session.change("PUT", f"/api/v1/people/{person}/vetting/{level}", body)


async def end_check(session: NodeSession, person: int, level: str) -> None:
    """Take a level away."""
    await session.change("DELETE", f"/api/v1/people/{person}/vetting/{level}")
