"""Safeguarding and duty as a node shows them: beside the ledger, and the node's word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from client.errors import AnswerInvalid
from client.json_fields import Fields
from client.node_session import NodeSession
from client.views import NAME_CHARACTERS_MAX

CONCERNS: Final = "/api/v1/concerns"
DUTY: Final = "/api/v1/duty"
PAGE: Final = {"limit": "200"}
TEXT_MAX: Final = 4000
READERS_CHARACTERS_MAX: Final = 40
COUNT_MAX: Final = 2000
TIME_CHARACTERS_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody by number; handle and name are None once erased."""

    person: int
    handle: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Safeguarders:
    """Who reads concerns: the lead, or the deputy in their place; None where nobody was named."""

    lead: Named | None
    deputy: Named | None


@dataclass(frozen=True, slots=True)
class Raised:
    """The number of a concern, and as what it is read: "lead", "deputy" or "coordinators"."""

    number: int
    readers: str


@dataclass(frozen=True, slots=True)
class ConcernLine:
    """That there is a concern. Times are Unix milliseconds."""

    number: int
    urgent: bool
    made: int
    closed: int | None
    pinned: bool
    notes: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that somebody wrote or did, and when; ``text`` is empty for a reading."""

    by: Named | None
    made: int
    text: str


@dataclass(frozen=True, slots=True)
class ConcernView:
    """A concern with its notes, and who read it."""

    number: int
    person: Named
    reporter: Named
    entered_by: Named | None
    about: str | None
    text: str
    urgent: bool
    made: int
    closed: int | None
    closed_by: Named | None
    outcome: str
    pinned: bool
    notes: tuple[Entry, ...]
    readings: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class SuspensionAct:
    """That somebody was "suspended", or that it was "lifted"; ``made`` is Unix milliseconds."""

    act: str
    made: int
    by: Named | None
    reason: str


@dataclass(frozen=True, slots=True)
class SuspensionView:
    """Whether somebody is left out of matching: ``since`` is Unix milliseconds, or None.

    ``history`` is there where it was asked for one person, the newest first.
    """

    person: int
    handle: str
    name: str
    since: int | None
    reason: str | None
    by: Named | None
    history: tuple[SuspensionAct, ...]


@dataclass(frozen=True, slots=True)
class DutyTurn:
    """Somebody's duty, on the clock where the circle is."""

    person: int
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Somebody of the rota, and how to reach them, where they show it."""

    person: int
    handle: str
    name: str
    channel: str | None
    contact: str | None


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is on duty now, and the turns of some days; ``zone`` is None until it is said."""

    zone: str | None
    now: tuple[int, ...]
    turns: tuple[DutyTurn, ...]
    people: Mapping[int, OnDuty]


async def safeguarders(session: NodeSession) -> Safeguarders:
    """Who looks after safeguarding."""
    return _read_safeguarders(await session.read("/api/v1/safeguarding"))


async def name_safeguarders(
    session: NodeSession, lead: int | None, deputy: int | None
) -> Safeguarders:
    """Say who does; for coordinators."""
    body = {"lead": lead, "deputy": deputy}
    return _read_safeguarders(await session.changed("PUT", "/api/v1/safeguarding", body))


async def raise_concern(session: NodeSession, item: Mapping[str, object]) -> Raised:
    """Raise a concern for somebody's safety."""
    answer = await session.changed("POST", CONCERNS, dict(item))
    return Raised(answer.integer("number"), answer.text("readers", READERS_CHARACTERS_MAX))


async def concerns(session: NodeSession) -> tuple[ConcernLine, ...]:
    """Those that are for this member to read, newest first."""
    found = session.paged(CONCERNS, PAGE, "concerns", _read_line)
    return tuple([each async for each in found])


async def concern(session: NodeSession, number: int) -> ConcernView:
    """One of them; that it was read is noted."""
    return _read_concern(await session.read(f"{CONCERNS}/{number}"))


async def note_on_concern(session: NodeSession, number: int, text: str) -> None:
    """Add a note to it, for good."""
    await session.change("POST", f"{CONCERNS}/{number}/notes", {"text": text})


async def close_concern(session: NodeSession, number: int, outcome: str) -> None:
    """Say what came of it, once."""
    await session.change("PUT", f"{CONCERNS}/{number}/outcome", {"outcome": outcome})


async def hand_on_concern(session: NodeSession, number: int) -> None:
    """Let those read it, too, who would if it were raised now."""
    await session.change("PUT", f"{CONCERNS}/{number}/handed-on")


async def keep_concern(session: NodeSession, number: int, *, longer: bool) -> None:
    """Keep it for longer than others are kept, or no longer."""
    await session.change("PUT" if longer else "DELETE", f"{CONCERNS}/{number}/pin")


async def suspensions(session: NodeSession) -> tuple[SuspensionView, ...]:
    """All who are left out of matching; for lead, deputy and coordinators."""
    found = session.paged("/api/v1/suspensions", PAGE, "suspensions", _read_suspension)
    return tuple([each async for each in found])


async def suspend(session: NodeSession, person: int, reason: str) -> SuspensionView:
    """Leave somebody out of matching."""
    path = f"/api/v1/people/{person}/suspension"
    return _read_suspension(await session.changed("PUT", path, {"reason": reason}))


async def suspension(session: NodeSession, person: int) -> SuspensionView:
    """How it stands with somebody, and what was before."""
    return _read_suspension(await session.read(f"/api/v1/people/{person}/suspension"))


async def unsuspend(session: NodeSession, person: int) -> None:
    """Let them be matched again."""
    await session.change("DELETE", f"/api/v1/people/{person}/suspension")


async def duty(session: NodeSession, parameters: Mapping[str, str]) -> Duty:
    """Who is on duty; ``from`` and ``days`` say of which days the turns are."""
    answer = await session.read(DUTY, dict(parameters))
    people = answer.objects("people", COUNT_MAX, _read_on_duty)
    return Duty(
        zone=answer.optional("zone", answer.text),
        now=answer.integers("now", COUNT_MAX),
        turns=answer.objects("turns", COUNT_MAX, _read_turn),
        people={each.person: each for each in people},
    )


async def put_duty(session: NodeSession, when: str, turns: Sequence[Mapping[str, object]]) -> None:
    """Say who is on duty ``when``: on "week/monday", or on "days/2026-12-25"."""
    await session.change("PUT", f"{DUTY}/{when}", {"turns": [dict(each) for each in turns]})


async def drop_duty_day(session: NodeSession, day: str) -> None:
    """Let a day be as in every week again."""
    await session.change("DELETE", f"{DUTY}/days/{day}")


async def swap_duty(session: NodeSession, item: Mapping[str, object]) -> None:
    """Give somebody's duty to somebody else."""
    await session.change("POST", f"{DUTY}/swap", dict(item))


async def handover(session: NodeSession, most: int) -> tuple[Entry, ...]:
    """The newest handover notes, newest first; for coordinators."""
    answer = await session.read(f"{DUTY}/notes", {"limit": str(most)})
    return answer.objects("notes", COUNT_MAX, _read_entry)


async def hand_over(session: NodeSession, text: str) -> int:
    """Write one, for good; its number."""
    return (await session.changed("POST", f"{DUTY}/notes", {"text": text})).integer("number")


def _read_safeguarders(answer: Fields) -> Safeguarders:
    return Safeguarders(_optional_named(answer, "lead"), _optional_named(answer, "deputy"))


def _optional_named(answer: Fields, name: str) -> Named | None:
    return read_named(answer.fields(name)) if name in answer else None


def read_named(person: Fields) -> Named:
    def name_of(field: str) -> str:
        return person.text(field, NAME_CHARACTERS_MAX)

    return Named(
        person.integer("person", 1),
        person.optional("handle", name_of),
        person.optional("name", name_of),
    )


def _read_line(line: Fields) -> ConcernLine:
    return ConcernLine(
        number=line.integer("number"),
        urgent=line.boolean("urgent"),
        made=line.integer("made"),
        closed=line.optional("closed", line.integer),
        pinned=line.boolean("pinned"),
        notes=line.integer("notes"),
    )


def _read_entry(entry: Fields) -> Entry:
    text = entry.text("text", TEXT_MAX) if "text" in entry else ""
    return Entry(_optional_named(entry, "by"), entry.integer("made"), text)


def _read_concern(answer: Fields) -> ConcernView:
    return ConcernView(
        number=answer.integer("number"),
        person=read_named(answer.fields("person")),
        reporter=read_named(answer.fields("reporter")),
        entered_by=_optional_named(answer, "entered_by"),
        about=answer.optional("about", lambda name: answer.text(name, 40)),
        text=answer.text("text", TEXT_MAX),
        urgent=answer.boolean("urgent"),
        made=answer.integer("made"),
        closed=answer.optional("closed", answer.integer),
        closed_by=_optional_named(answer, "closed_by"),
        outcome=answer.text("outcome", TEXT_MAX),
        pinned=answer.boolean("pinned"),
        notes=answer.objects("notes", COUNT_MAX, _read_entry),
        readings=answer.objects("readings", COUNT_MAX, _read_entry),
    )


def _read_suspension(answer: Fields) -> SuspensionView:
    return SuspensionView(
        person=answer.integer("person", 1),
        handle=answer.text("handle", NAME_CHARACTERS_MAX),
        name=answer.text("name", NAME_CHARACTERS_MAX),
        since=answer.optional("since", answer.integer),
        reason=answer.optional("reason", lambda name: answer.text(name, TEXT_MAX)),
        by=_optional_named(answer, "by"),
        history=answer.objects("history", COUNT_MAX, _read_act) if "history" in answer else (),
    )


def _read_act(act: Fields) -> SuspensionAct:
    return SuspensionAct(
        act.text("act", READERS_CHARACTERS_MAX),
        act.integer("made"),
        _optional_named(act, "by"),
        act.text("reason", TEXT_MAX),
    )


def _read_turn(turn: Fields) -> DutyTurn:
    return DutyTurn(
        turn.integer("person", 1), _read_local(turn, "begins"), _read_local(turn, "ends")
    )


def _read_local(turn: Fields, name: str) -> datetime:
    written = turn.text(name, TIME_CHARACTERS_MAX)
    try:
        return datetime.strptime(written, "%Y-%m-%dT%H:%M")
    except ValueError:
        raise AnswerInvalid(f"has no local time as {name} of {turn.what}") from None


def _read_on_duty(person: Fields) -> OnDuty:
    return OnDuty(
        person=person.integer("person", 1),
        handle=person.text("handle", NAME_CHARACTERS_MAX),
        name=person.text("name", NAME_CHARACTERS_MAX),
        channel=person.optional("channel", lambda name: person.text(name, 16)),
        contact=person.optional("contact", lambda name: person.text(name, TEXT_MAX)),
    )
