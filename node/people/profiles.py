"""A member's profile: languages, a coarse place, how to reach them, a few words.

It is private but for what they choose to show to every member. Coordinators see all of it.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from node.connections import Reader
from node.errors import NotFound
from node.http.fields import Model
from node.people.blocks import read_hidden
from node.people.standing import check_reader, hold_person, is_member
from node.people.vetting import read_vetted
from node.people.writing import Line, Prose, Title

if TYPE_CHECKING:  # a session's own module needs the circle, and that needs this one
    from node.api.sessions import Session

GRID_MAX = 20_000_000
"""Metres from the grid's origin, either way: half of the earth's girth."""

Channel = Literal["app", "email", "sms", "call", "letter"]
Part = Literal["languages", "about", "place", "contact", "helped"]
PARTS: tuple[Part, ...] = get_args(Part)
Language = Annotated[Title, StringConstraints(max_length=40)]
_NOBODY = "member of that number who shows anything"
_Metres = Annotated[int, Field(ge=-GRID_MAX, lt=GRID_MAX)]


class Square(Model):
    """Where somebody is, as coarsely as they choose, in metres on the grid that the circle uses.

    Whatever is sent, the middle of a square of ``side`` metres is kept, and nothing finer.
    """

    easting: _Metres
    northing: _Metres
    side: Literal[100, 500, 1000, 2000, 5000, 10_000]

    def rounded(self) -> Square:
        """The middle of the square that this is in."""
        return Square(
            easting=_middle(self.easting, self.side),
            northing=_middle(self.northing, self.side),
            side=self.side,
        )


def _middle(metres: int, side: int) -> int:
    return metres // side * side + side // 2


class ProfileItem(Model):
    """What a member tells. ``shown`` are the parts that every member may see; none, to begin with.

    ``contact`` is what ``channel`` takes: an address, a number. With the channel ``app`` it may be
    empty.
    """

    languages: list[Language] = Field(default=[], max_length=10)
    about: Prose = ""
    place: Line = ""
    square: Square | None = None
    channel: Channel = "app"
    contact: Line = ""
    shown: list[Part] = Field(default=[], max_length=len(PARTS))


class Profile(Model):
    """A member as the caller may see them: null is what is not for the caller.

    ``helped`` are the minutes that they helped others, who are nobody's to know. ``vetted`` names
    the levels of vetting that they have today. ``shown`` is for the member and
    the coordinators.
    """

    person: int
    handle: str
    name: str
    languages: list[str] | None
    about: str | None
    place: str | None
    square: Square | None
    channel: Channel | None
    contact: str | None
    helped: int | None
    shown: list[Part] | None
    vetted: list[str]


async def read_profile(connection: Reader, session: Session, person: int, today: date) -> Profile:
    """A member as the caller may see them.

    Members who show nothing to others are not there for them, and neither is who has a block with
    the caller: so names are not found by counting numbers. Raises NotFound for these, for nobody
    and for who holds no open account; NotPermitted where the caller holds none.
    """
    all_of_it = session.person == person or session.is_coordinator
    if not all_of_it:
        await check_reader(connection, session, "see what members tell of themselves")
    row = await connection.fetchrow(
        """
        SELECT person, handle, name, coalesce(languages, '{}') AS languages,
            coalesce(about, '') AS about, coalesce(place, '') AS place, easting, northing, side,
            coalesce(channel, 'app') AS channel, coalesce(contact, '') AS contact,
            coalesce(shown, '{}') AS shown
        FROM people LEFT JOIN profiles USING (person) WHERE person = $1
        """,
        person,
    )
    if row is None:
        raise NotFound(_NOBODY)
    vetted = await read_vetted(connection, person, today)
    if not all_of_it:
        shows = (row["shown"] or vetted) and await is_member(connection, person)
        if not shows or person in await read_hidden(connection, session.person):
            raise NotFound(_NOBODY)
    square = None
    if row["side"] is not None:
        square = Square(easting=row["easting"], northing=row["northing"], side=row["side"])
    sees = set(PARTS) if all_of_it else set(row["shown"])
    return Profile(
        person=row["person"],
        handle=row["handle"],
        name=row["name"],
        languages=row["languages"] if "languages" in sees else None,
        about=row["about"] if "about" in sees else None,
        place=row["place"] if "place" in sees else None,
        square=square if "place" in sees else None,
        channel=row["channel"] if "contact" in sees else None,
        contact=row["contact"] if "contact" in sees else None,
        helped=await _count_helped(connection, person) if "helped" in sees else None,
        shown=row["shown"] if all_of_it else None,
        vetted=vetted,
    )


async def _count_helped(connection: Reader, person: int) -> int:
    """How many minutes they helped others, as far back as that is known."""
    minutes: int = await connection.fetchval(
        """
        SELECT coalesce(sum(minutes), 0) FROM visits
        WHERE helper = $1 AND status = 'paid'
        """,
        person,
    )
    return minutes


async def put_profile(connection: Reader, person: int, item: ProfileItem) -> None:
    """Replace a profile, inside a transaction; their listings are where they show that they are.

    Raises PersonUnknown.
    """
    await hold_person(connection, person)  # a listing that is being made takes the place from here
    square = item.square.rounded() if item.square is not None else None
    spot = (square.easting, square.northing) if square is not None else (None, None)
    await connection.execute(
        """
        INSERT INTO profiles (person, languages, about, place, easting, northing, side, channel,
            contact, shown)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (person) DO UPDATE SET languages = $2, about = $3, place = $4, easting = $5,
            northing = $6, side = $7, channel = $8, contact = $9, shown = $10
        """,
        person,
        item.languages,
        item.about,
        item.place,
        *spot,
        square.side if square is not None else None,
        item.channel,
        item.contact,
        sorted(set(item.shown)),
    )
    is_shown = "place" in item.shown
    await connection.execute(
        "UPDATE listings SET easting = $2, northing = $3 WHERE person = $1",
        person,
        *(spot if is_shown else (None, None)),
    )
    await connection.execute(
        "UPDATE helpers SET easting = $2, northing = $3 WHERE person = $1", person, *spot
    )
