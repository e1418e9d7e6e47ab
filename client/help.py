"""Asking for help and giving it, as a node shows it. Times are those of the circle's own clock.

Nothing here moves tokens: what is set aside, promised, paid and freed is so by orders.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from client.calendar import KEY_BYTES, read_local
from client.errors import NodeRefused
from client.json_fields import Fields
from client.node_session import NodeSession
from client.views import NAME_CHARACTERS_MAX

HELP: Final = "/api/v1/help"
VISITS: Final = "/api/v1/visits"
PAGE: Final = 100
SHOWN_MAX: Final = 400
"""So many of the newest requests are looked at."""
COUNT_MAX: Final = 1000
"""Of anything within one request."""
TEXT_MAX: Final = 4000
SILENCE_MS: Final = 72 * 3600 * 1000
"""So long has an asker to say that it was otherwise, before a helper collects."""

Side = Literal["helper", "asker"]
"""Of the two who were to meet."""

TRAITS: Final = ("car", "step-free", "woman", "no-pets")


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person by number; handle and name are None once erased."""

    person: int
    handle: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Visit:
    """One time that somebody comes, or is to come; the first ``week`` is 0.

    ``hold`` is the entry that set tokens aside for it, ``promised`` whether it still does, and
    ``payee`` for which account. ``account`` is the helper's. ``until`` is Unix milliseconds.
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
    ``most`` is minor units, for each visit.
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


@dataclass(frozen=True, slots=True)
class Hours:
    """Free on a weekday, 1 for Monday, between two times such as 09:30."""

    weekday: int
    begins: str
    ends: str


@dataclass(frozen=True, slots=True)
class HelperView:
    """What somebody can help with: ``weekly`` minutes at most, ``reach`` in metres."""

    person: int
    weekly: int
    reach: int
    skills: tuple[str, ...]
    traits: tuple[str, ...]
    hours: tuple[Hours, ...]
    away: Window | None


async def read_hour(session: NodeSession) -> int | None:
    """What an hour of help costs, in minor units; None where nobody has said it."""
    terms = await session.read("/api/v1/help-terms")
    return terms.optional("hour", terms.integer)


async def change_hour(session: NodeSession, hour: int) -> None:
    """Say what an hour of help costs; for coordinators."""
    await session.changed("PUT", "/api/v1/help-terms", {"hour": hour})


def price_of(minutes: int, hour: int) -> int:
    """What so many minutes of help cost, in minor units; rounded up, as nodes do."""
    return -(-minutes * hour // 60)


async def find_helper(session: NodeSession, person: int) -> HelperView | None:
    """What somebody said that they can help with; None where they said nothing."""
    try:
        return _read_helper(await session.read(f"/api/v1/people/{person}/helper"))
    except NodeRefused as refused:
        if refused.problem != "not-found":
            raise
        return None


async def change_helper(
    session: NodeSession, person: int, item: Mapping[str, object]
) -> HelperView:
    """Say it anew."""
    return _read_helper(await session.changed("PUT", f"/api/v1/people/{person}/helper", dict(item)))


async def end_helper(session: NodeSession, person: int) -> None:
    """They help no longer."""
    await session.change("DELETE", f"/api/v1/people/{person}/helper")


async def draft_help(session: NodeSession, item: Mapping[str, Any]) -> HelpView:
    """Ask, without anybody being told yet; once, however often the answer is lost."""
    keyed = {**item, "key": secrets.token_hex(KEY_BYTES)}
    return read_view(await session.changed("POST", HELP, keyed, repeatable=True))


async def promise(session: NodeSession, number: int, holds: Sequence[int]) -> HelpView:
    """Name entries that set tokens aside for its visits."""
    return await _put(session, number, "promise", {"holds": list(holds)})


async def read_help(session: NodeSession, number: int) -> HelpView:
    """A request by its number."""
    return read_view(await session.read(f"{HELP}/{number}"))


async def list_help(session: NodeSession, *, asked: bool = False) -> tuple[HelpView, ...]:
    """What one asked for, newest first; or what one was asked for."""
    found: list[HelpView] = []
    parameters = {"asked": str(asked).lower(), "limit": str(PAGE)}
    while len(found) < SHOWN_MAX:
        answer = await session.read(HELP, parameters)
        found += answer.objects("requests", PAGE, read_view)
        cursor = answer.optional("next", answer.integer)
        if cursor is None:
            break
        parameters["cursor"] = str(cursor)
    return tuple(found)


async def answer_yes(
    session: NodeSession, number: int, *, begins: str | None = None, person: int | None = None
) -> HelpView:
    """Say yes to being asked, at a local time; a coordinator for somebody else."""
    return await _put(session, number, "yes", {"begins": begins, "person": person})


async def answer_no(session: NodeSession, number: int, *, person: int | None = None) -> HelpView:
    """Say no to being asked; a coordinator for somebody else."""
    return await _put(session, number, "no", {"person": person})


async def pick(session: NodeSession, number: int, helper: int) -> HelpView:
    """Pick one of several who said yes."""
    return await _put(session, number, "picked", {"helper": helper})


async def accept(session: NodeSession, number: int, helper: int) -> HelpView:
    """Take a helper for whom what it takes is set aside by now."""
    return await _put(session, number, "helper", {"helper": helper})


async def decline(session: NodeSession, number: int, helper: int) -> HelpView:
    """Rather have somebody else."""
    return await _put(session, number, "declined", {"helper": helper})


async def cancel_help(session: NodeSession, number: int) -> HelpView:
    """Need it no longer."""
    return read_view(await session.changed("DELETE", f"{HELP}/{number}"))


async def leave(session: NodeSession, visit: int, *, rest: bool) -> None:
    """The helper cannot come; with ``rest`` not in later weeks, either."""
    await session.change("PUT", f"{VISITS}/{visit}/left", {"rest": rest})


async def finish(session: NodeSession, visit: int, minutes: int) -> None:
    """It is done, and took so long."""
    await session.change("PUT", f"{VISITS}/{visit}/done", {"minutes": minutes})


async def miss(session: NodeSession, visit: int, who: Side) -> None:
    """One of the two was not there."""
    await session.change("PUT", f"{VISITS}/{visit}/missed", {"who": who})


async def note_found(
    session: NodeSession, visit: int, *, failed: bool, happened: bool = False
) -> None:
    """Whether the helper failed to come, as a coordinator found out; or that it took place."""
    body = {"failed": failed, "happened": happened}
    await session.change("PUT", f"{VISITS}/{visit}/found", body)


async def thank(session: NodeSession, visit: int, words: str) -> None:
    """Thanks in words."""
    await session.change("PUT", f"{VISITS}/{visit}/thanks", {"words": words})


async def _put(
    session: NodeSession, number: int, what: str, body: Mapping[str, object]
) -> HelpView:
    return read_view(await session.changed("PUT", f"{HELP}/{number}/{what}", dict(body)))


def read_view(each: Fields) -> HelpView:
    """One request of an answer."""

    def text(name: str) -> str:
        return each.text(name, TEXT_MAX)

    return HelpView(
        number=each.integer("number", 1),
        category=text("category"),
        title=text("title"),
        words=text("words"),
        minutes=each.integer("minutes", 1),
        helpers=each.integer("helpers", 1),
        weeks=each.integer("weeks", 1),
        windows=each.objects("windows", COUNT_MAX, _read_window),
        traits=each.texts("traits", COUNT_MAX),
        picks=each.boolean("picks"),
        area=text("area"),
        asker=read_somebody(each.fields("asker")) if "asker" in each else None,
        account=each.integer("account", 1),
        most=each.integer("most", 1),
        status=text("status"),
        phones=each.boolean("phones"),
        address=each.optional("address", text),
        private=each.optional("private", text),
        reach=each.optional("reach", text),
        visits=each.objects("visits", COUNT_MAX, _read_visit),
        offers=each.objects("offers", COUNT_MAX, _read_ask) if "offers" in each else None,
        loose=each.integers("loose", COUNT_MAX) if "loose" in each else (),
        own=_read_ask(each.fields("own")) if "own" in each else None,
    )


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


def _read_window(each: Fields) -> Window:
    return Window(read_local(each, "begins"), read_local(each, "ends"))


def _read_helper(each: Fields) -> HelperView:
    return HelperView(
        person=each.integer("person", 1),
        weekly=each.integer("weekly"),
        reach=each.integer("reach"),
        skills=each.texts("skills", COUNT_MAX),
        traits=each.texts("traits", COUNT_MAX),
        hours=each.objects("hours", COUNT_MAX, _read_hours),
        away=_read_window(each.fields("away")) if "away" in each else None,
    )


def _read_hours(each: Fields) -> Hours:
    return Hours(each.integer("weekday", 1, 7), each.text("begins", 5), each.text("ends", 5))
