"""Asking for help and giving it, as a node shows it. Times are those of the circle's own clock.

Nothing here moves tokens: what is set aside, promised, paid and freed is so by orders.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from client.calendar import KEY_BYTES
from client.errors import NodeRefused
from client.help_views import COUNT_MAX, HelpView, Window, read_view, read_window
from client.json_fields import Fields
from client.node_session import NodeSession

HELP: Final = "/api/v1/help"
VISITS: Final = "/api/v1/visits"
PAGE: Final = 100
SHOWN_MAX: Final = 400
"""So many of the newest requests are looked at."""
SILENCE_MS: Final = 72 * 3600 * 1000
"""So long has an asker to say that it was otherwise, before a helper collects."""

Side = Literal["helper", "asker"]
"""Of the two who were to meet."""

TRAITS: Final = ("car", "step-free", "woman", "no-pets")


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


async def find_helps(session: NodeSession) -> dict[int, HelpView]:
    """The requests that tokens are set aside for, by the entries that set them aside."""
    views = (*await list_help(session), *await list_help(session, asked=True))
    holds = {visit.hold: view for view in views for visit in view.visits}
    return {hold: view for hold, view in holds.items() if hold is not None}


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


async def change_wider(session: NodeSession, number: int, *, wider: bool) -> HelpView:
    """Let neighbouring circles be asked, too, or no longer."""
    return await _put(session, number, "wider", {"wider": wider})


async def judge_neighbour(
    session: NodeSession, number: int, offer: int, word: Literal["accepted", "declined"]
) -> HelpView:
    """Take somebody whom a neighbouring circle offers, or rather have somebody else."""
    return await _put(session, number, f"neighbours/{offer}/{word}", {})


async def name_payment(session: NodeSession, visit: int, payment: str) -> HelpView:
    """Say by which payment, its id in hexadecimal, a neighbour is paid for a visit."""
    body = {"payment": payment}
    return read_view(await session.changed("PUT", f"{VISITS}/{visit}/payment", body))


async def _put(
    session: NodeSession, number: int, what: str, body: Mapping[str, object]
) -> HelpView:
    return read_view(await session.changed("PUT", f"{HELP}/{number}/{what}", dict(body)))


def _read_helper(each: Fields) -> HelperView:
    return HelperView(
        person=each.integer("person", 1),
        weekly=each.integer("weekly"),
        reach=each.integer("reach"),
        skills=each.texts("skills", COUNT_MAX),
        traits=each.texts("traits", COUNT_MAX),
        hours=each.objects("hours", COUNT_MAX, _read_hours),
        away=read_window(each.fields("away")) if "away" in each else None,
    )


def _read_hours(each: Fields) -> Hours:
    return Hours(each.integer("weekday", 1, 7), each.text("begins", 5), each.text("ends", 5))
