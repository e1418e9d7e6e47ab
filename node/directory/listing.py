"""What a listing is: something that a member offers or wants, as it is sent and as it is shown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ledger.codec import AMOUNT_MAX
from node.directory.expiry import DAY_MS
from node.http.fields import Model
from node.people.profiles import Channel
from node.people.writing import Line, Prose, Slug, Title

LISTINGS_MAX = 100
"""Of one member, those that are over and can still be renewed included."""
DAYS_MAX = 366
DAYS_USUAL = 90
REMIND_MS = 7 * DAY_MS
"""So long before its end a member is reminded of a listing."""

Kind = Literal["offer", "want"]
Form = Literal["service", "gift", "loan", "sale"]
Price = Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="minor units; 0 is free")]


class ListingItem(Model):
    """What a member writes. ``price`` is null where it is to be agreed.

    ``cash`` notes a part in cash, for what had to be bought; it is never booked. ``days`` is how
    long the listing lasts, each time that it is renewed.
    """

    kind: Kind
    form: Form = "service"
    category: Slug = "other"
    title: Title
    text: Prose = ""
    price: Price | None = None
    cash: Line = ""
    days: int = Field(default=DAYS_USUAL, ge=1, le=DAYS_MAX)


class NewListing(ListingItem):
    """A listing of the caller's own; or of ``person``, who has no device, by a coordinator."""

    person: int | None = Field(default=None, ge=0, le=AMOUNT_MAX)


class Listing(Model):
    """A listing as the caller may see it. Times are Unix milliseconds.

    The names are the author's, who is responsible for it; ``entered_by`` is the handle of the
    coordinator who wrote it down for them. ``place``, ``channel`` and ``contact`` are there where
    the author shows them, and ``metres``, in hundreds, where the caller's place is known too.
    ``vetted`` names the levels of vetting that the author has today. At ``remind`` the author is
    reminded that it ends at ``expires``. ``own`` says whether the caller may change it.
    """

    id: int
    kind: Kind
    form: Form
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
    channel: Channel | None
    contact: str | None
    vetted: list[str]
    made: int
    days: int
    remind: int
    expires: int
    own: bool
