"""The circle's directory and calendar in the fortnight: what is offered, and what is on."""

from __future__ import annotations

from collections.abc import Mapping

from client import calendar, directory
from client.demo.diary import Mark
from client.demo.story import Story
from client.errors import DemoFailed
from client.node_session import NodeSession

OFFERS = (
    ("dev", "repairs", "Bicycles mended", 125),
    ("edith", "food", "Jam to your taste", 15),
    ("femi", "learning", "Piano for beginners", 100),
)
SLIP_OF_THE_PEN = "bycicles"
STALLS = 5
TRADING_DAY = "Trading day"


async def tell_profile(session: NodeSession, person: int, told: Mapping[str, object]) -> None:
    """How somebody is reached; the rest stays untold."""
    item = {"languages": [], "about": "", "place": "", "square": None, **told}
    await directory.change_profile(session, person, item)


async def search(told: Story) -> None:
    """Some offer things, and somebody finds one that they cannot spell."""
    for handle, category, title, price in OFFERS:
        item = {
            "kind": "offer",
            "form": "service",
            "category": category,
            "title": title,
            "text": "",
            "price": price,
            "cash": "",
            "days": 90,
        }
        await directory.make_listing(await told.session(handle), item)
    found = await directory.find(await told.session("cora"), {"words": SLIP_OF_THE_PEN}, 5)
    if [each.title for each in found.listings] != ["Bicycles mended"]:
        raise DemoFailed("a slip in one letter is not mended")
    listing = found.listings[0]
    told.narrator.event(
        f'{len(OFFERS)} offers are in the directory. Cora looks for "{SLIP_OF_THE_PEN}", and finds'
        f" what she meant: {listing.title}, {told.amount(listing.price or 0)} ({listing.name})."
    )


async def announce(told: Story) -> None:
    """A trading day, with more who come than there is room for."""
    event = await calendar.make_event(
        await told.session("ann"),
        {
            "kind": "trading",
            "title": TRADING_DAY,
            "place": "The hall in Elm Street",
            "access": "Step-free",
            "capacity": STALLS,
            "begins": told.clock.at(5, 14).isoformat(timespec="minutes"),
            "duration": 180,
        },
    )
    (occurrence,) = event.occurrences
    for handle in ("ann", "bob", "cora", "dev", "edith", "femi"):
        occurrence = await _answer(told, handle, occurrence, "yes")
    if (occurrence.taken, occurrence.waiting) != (STALLS, 1):
        raise DemoFailed("more come than there is room for")
    told.narrator.event(
        f"In the calendar there is a trading day on Saturday, with room for {STALLS}. Six say that"
        " they come: Femi waits for a place."
    )
    told.diary.note(TRADING_DAY, 1, Mark.ASKED)


async def _answer(
    told: Story, handle: str, occurrence: calendar.OccurrenceView, answer: str
) -> calendar.OccurrenceView:
    return await calendar.answer_event(await told.session(handle), occurrence, {"answer": answer})


async def give_up_place(told: Story) -> None:
    """One cannot come, and who waited has the place."""
    session = await told.session("femi")
    (occurrence,) = await calendar.read_occurrences(session, {})
    await _answer(told, "ann", occurrence, "no")
    (occurrence,) = await calendar.read_occurrences(session, {})
    if occurrence.own is None or occurrence.own.answer != "yes":
        raise DemoFailed("nobody moved up from the waiting list")
    told.moved_up += 1
    told.narrator.event(
        "Ann needs no stall on Saturday, as she goes round with the cash book: the place is Femi's."
    )
