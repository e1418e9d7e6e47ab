"""Requests for help as a node shows them. Times are those of the circle's own clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from client.calendar import read_local
from client.json_fields import Fields
from client.neighbour_help import NeighbourAsker, NeighbourOffer, read_asker, read_offer
from client.views import NAME_CHARACTERS_MAX

COUNT_MAX: Final = 1000
"""Of anything within one request."""
TEXT_MAX: Final = 4000


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person by number; handle and name are None once erased.

    Somebody of a neighbouring circle has no number here: in its place stands that of their offer,
    below zero, or 0 for who asks. Their handle is what is written for them in a command, such as
    ann@exeter.example, or the circle alone while it is not known who it is.
    """

    person: int
    handle: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Visit:
    """One time that somebody comes, or is to come; the first ``week`` is 0.

    ``hold`` is the entry that set tokens aside for it, ``promised`` whether it still does, and
    ``payee`` for which account; it is None once nothing is any more, also for what was done and not
    paid. ``account`` is the helper's. ``until`` is Unix milliseconds. A ``neighbour`` is paid by
    the ``payment`` of that id, and has no account here.
    """

    number: int
    place: int
    week: int
    status: str
    helper: Somebody | None
    account: int | None
    begins: datetime | None
    minutes: int
    hold: int | None
    promised: bool
    payee: int | None
    until: int
    confirmed: bool
    thanks: str
    payment: str | None
    neighbour: NeighbourOffer | None = None

    @property
    def lacks_promise(self) -> bool:
        """Whether something has to be set aside for it, and nothing is."""
        return self.hold is None and self.status in ("open", "held", "booked")


@dataclass(frozen=True, slots=True)
class Ask:
    """That somebody was asked, why, and what they said: None while they have not answered.

    ``entered_by`` is the coordinator who said it for them.
    """

    helper: Somebody
    begins: datetime
    answer: str | None
    entered_by: Somebody | None
    by_call: bool
    why: str


@dataclass(frozen=True, slots=True)
class Window:
    """Help is wanted between two times of one day."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class HelpView:
    """A request for help, as far as whoever reads it may see it.

    ``own`` is there where they were asked themselves; ``offers`` for who asked and coordinators;
    ``loose`` are entries that set aside what the first visit without one needs, for nothing yet.
    ``most`` is minor units, for each visit. Of what does not concern them any more there are
    ``number``, ``category`` and ``own`` alone, and ``account`` is 0. With ``wider`` neighbouring
    circles are asked as well, those in ``referred`` were, and ``neighbours`` is whom they offer; it
    is a neighbour's own where it ``asks_for`` somebody.
    """

    number: int
    category: str
    title: str
    words: str
    minutes: int
    helpers: int
    weeks: int
    windows: tuple[Window, ...]
    traits: tuple[str, ...]
    picks: bool
    area: str
    asker: Somebody | None
    account: int
    most: int
    status: str
    phones: bool
    address: str | None
    private: str | None
    reach: str | None
    visits: tuple[Visit, ...]
    offers: tuple[Ask, ...] | None
    loose: tuple[int, ...]
    own: Ask | None
    wider: bool
    referred: tuple[str, ...]
    neighbours: tuple[NeighbourOffer, ...]
    asks_for: NeighbourAsker | None


def read_view(each: Fields) -> HelpView:
    """One request of an answer."""

    def text(name: str) -> str:
        return each.text(name, TEXT_MAX)

    neighbours: tuple[NeighbourOffer, ...] = ()
    if "neighbours" in each:
        neighbours = each.objects("neighbours", COUNT_MAX, read_offer)
    asks_for = read_asker(each.fields("asks_for")) if "asks_for" in each else None
    visits = each.objects("visits", COUNT_MAX, _read_visit)
    return HelpView(
        number=each.integer("number", 1),
        category=text("category"),
        title=text("title"),
        words=text("words"),
        minutes=each.integer("minutes"),
        helpers=each.integer("helpers"),
        weeks=each.integer("weeks"),
        windows=each.objects("windows", COUNT_MAX, read_window),
        traits=each.texts("traits", COUNT_MAX),
        picks=each.boolean("picks"),
        area=text("area"),
        asker=read_somebody(each.fields("asker")) if "asker" in each else asker_of(asks_for),
        account=each.integer("account", 1) if "account" in each else 0,
        most=each.integer("most"),
        status=text("status"),
        phones=each.boolean("phones"),
        address=each.optional("address", text),
        private=each.optional("private", text),
        reach=each.optional("reach", text),
        visits=tuple(_with_neighbour(visit, neighbours) for visit in visits),
        offers=each.objects("offers", COUNT_MAX, _read_ask) if "offers" in each else None,
        loose=each.integers("loose", COUNT_MAX) if "loose" in each else (),
        own=_read_ask(each.fields("own")) if "own" in each else None,
        wider=each.boolean("wider"),
        referred=each.texts("referred", COUNT_MAX) if "referred" in each else (),
        neighbours=neighbours,
        asks_for=asks_for,
    )


def asker_of(asks_for: NeighbourAsker | None) -> Somebody | None:
    """Who it is that a neighbour asks for, as far as that is known."""
    if asks_for is None:
        return None
    if asks_for.handle is None:
        return Somebody(0, None, f"somebody of {asks_for.circle}")
    return Somebody(0, f"{asks_for.handle}@{asks_for.address}", asks_for.name)


def somebody_of(offer: NeighbourOffer, offers: Sequence[NeighbourOffer]) -> Somebody:
    """Whom a neighbour offers; of several of one circle each has the offer's number, too."""
    if offer.handle is not None:
        return Somebody(-offer.offer, f"{offer.handle}@{offer.address}", offer.name)
    alike = [each for each in offers if each.address == offer.address and each.handle is None]
    place = offer.address.partition(".")[0]
    handle = place if len(alike) == 1 else f"{place}-{offer.offer}"
    return Somebody(-offer.offer, handle, f"Somebody of {offer.circle}")


def offered(view: HelpView) -> list[Somebody]:
    """Those of neighbouring circles who can still be chosen."""
    free = [each for each in view.neighbours if each.refused is None and each.visit is None]
    return [somebody_of(each, view.neighbours) for each in free]


def _with_neighbour(visit: Visit, offers: Sequence[NeighbourOffer]) -> Visit:
    for offer in offers:
        if offer.visit == visit.number:
            return replace(visit, helper=somebody_of(offer, offers), neighbour=offer)
    return visit


def read_somebody(each: Fields) -> Somebody:
    """A person of an answer."""
    return Somebody(
        person=each.integer("person", 1),
        handle=each.optional("handle", lambda name: each.text(name, 32)),
        name=each.optional("name", lambda name: each.text(name, NAME_CHARACTERS_MAX)),
    )


def _read_visit(each: Fields) -> Visit:
    return Visit(
        number=each.integer("number", 1),
        place=each.integer("place"),
        week=each.integer("week"),
        status=each.text("status", 32),
        helper=read_somebody(each.fields("helper")) if "helper" in each else None,
        account=each.optional("account", each.integer),
        begins=each.optional("begins", lambda name: read_local(each, name)),
        minutes=each.integer("minutes"),
        hold=each.optional("hold", each.integer),
        promised=each.boolean("promised"),
        payee=each.optional("payee", each.integer),
        until=each.integer("until"),
        confirmed=each.boolean("confirmed"),
        thanks=each.text("thanks", TEXT_MAX),
        payment=each.optional("payment", lambda name: each.text(name, 64)),
    )


def _read_ask(each: Fields) -> Ask:
    return Ask(
        helper=read_somebody(each.fields("helper")),
        begins=read_local(each, "begins"),
        answer=each.optional("answer", lambda name: each.text(name, 32)),
        entered_by=read_somebody(each.fields("entered_by")) if "entered_by" in each else None,
        by_call=each.boolean("by_call"),
        why=each.text("why", TEXT_MAX),
    )


def read_window(each: Fields) -> Window:
    """Two local times of an answer."""
    return Window(read_local(each, "begins"), read_local(each, "ends"))
