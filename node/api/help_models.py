"""Requests for help, as the API has them."""

from __future__ import annotations

from typing import Literal

from node.api.names import PersonName
from node.api.referral_models import NeighbourAsker, NeighbourOffer
from node.http.fields import Model

VisitStatus = Literal["open", "held", "booked", "done", "paid", "cancelled", "missed", "dropped"]
RequestStatus = Literal["draft", "open", "filled", "over", "cancelled"]
Answered = Literal["yes", "no", "no-reply", "late", "left", "declined"]


class Between(Model):
    """Two local times."""

    begins: str
    ends: str


class Visit(Model):
    """One time that somebody comes, or is to come.

    ``held`` is said yes to, and waits for the asker; ``begins`` is a local time. ``hold`` is the
    entry that sets tokens aside for it, ``promised`` whether it still does, and ``payee`` for which
    account; ``until`` (Unix milliseconds) is how long it has to; ``hold`` is null where nothing is
    any more, also for what was done and not paid. The helper's ``account`` is who is paid. Somebody
    for whom tokens are set aside sees the visit, too, though they do not come. ``payment`` is that
    by which somebody of a neighbouring circle is being paid, or was, in hexadecimal.
    """

    number: int
    place: int
    week: int
    status: VisitStatus
    helper: PersonName | None
    account: int | None
    begins: str | None
    minutes: int
    hold: int | None
    promised: bool
    payee: int | None
    until: int
    late: bool
    confirmed: bool
    thanks: str
    payment: str | None


class Ask(Model):
    """That somebody was asked: when (Unix milliseconds), why, and what they said.

    ``entered_by`` is the coordinator who said it for them, for themselves and coordinators.
    """

    helper: PersonName
    asked: int
    by_call: bool
    begins: str
    answer: Answered | None
    entered_by: PersonName | None
    why: str


class HelpRequest(Model):
    """A request for help.

    ``address``, ``private`` and ``reach``, how to reach the other, are shown to the asker, to
    coordinators, and to a helper whom the asker accepted; ``offers`` to the asker and coordinators;
    ``loose`` to who may set tokens aside for it: entries that do so already, for nothing yet, and
    suit the first visit that has none. ``own`` is that the reader was asked. With ``wider``
    neighbouring circles may be asked, too: those in ``referred`` were, and ``neighbours`` are whom
    they offer, both for whom ``offers`` is. ``asks_for`` is the neighbour for whose member this is.
    For whom it does not concern any more, ``account`` is null and ``status`` is over; besides the
    number, ``category`` and ``own`` all else is empty.
    """

    number: int
    category: str
    title: str
    words: str
    minutes: int
    helpers: int
    weeks: int
    windows: list[Between]
    traits: list[str]
    language: str
    vetting: str | None
    familiar: bool
    picks: bool
    area: str
    asker: PersonName | None
    account: int | None
    most: int
    status: RequestStatus
    phones: bool
    made: int
    ends: int
    address: str | None
    private: str | None
    reach: str | None
    visits: list[Visit]
    offers: list[Ask] | None
    loose: list[int] | None
    own: Ask | None
    wider: bool
    referred: list[str] | None
    neighbours: list[NeighbourOffer] | None
    asks_for: NeighbourAsker | None


class HelpRequests(Model):
    """Requests, newest first; ``next`` is the cursor of what follows."""

    requests: list[HelpRequest]
    next: int | None
