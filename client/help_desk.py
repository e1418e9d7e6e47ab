"""The telephone desk as a node shows it to coordinators: what waits, whom to ring, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from client.calendar import read_local
from client.help import HELP
from client.help_views import COUNT_MAX, TEXT_MAX, HelpView, Somebody, read_somebody, read_view
from client.json_fields import Fields
from client.node_session import NodeSession


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who can help: the first time that suits, why, and how to reach them."""

    helper: Somebody
    begins: datetime
    why: str
    contact: str | None
    by_call: bool


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody to ring about a request.

    ``what`` is ask, accept, confirm, miss, look, over, free or promise.
    """

    person: Somebody
    contact: str | None
    request: int
    title: str
    what: str
    words: str


@dataclass(frozen=True, slots=True)
class Desk:
    """What waits for a coordinator."""

    requests: tuple[HelpView, ...]
    calls: tuple[Call, ...]


async def read_desk(session: NodeSession) -> Desk:
    """What waits, the most urgent first."""
    answer = await session.read("/api/v1/desk")
    return Desk(
        requests=answer.objects("requests", COUNT_MAX, read_view),
        calls=answer.objects("calls", COUNT_MAX, _read_call),
    )


async def read_ranking(session: NodeSession, number: int, most: int) -> tuple[Candidate, ...]:
    """Whom to ask next about a request, the best first."""
    answer = await session.read(f"{HELP}/{number}/ranking", {"limit": str(most)})
    return answer.objects("helpers", COUNT_MAX, _read_candidate)


async def read_obstacles(session: NodeSession, number: int, person: int) -> tuple[str, ...]:
    """Why somebody is not asked, in sentences; none where they come into question."""
    answer = await session.read(f"{HELP}/{number}/ranking/{person}")
    return answer.texts("why", COUNT_MAX)


async def ask_by_hand(session: NodeSession, number: int, person: int) -> HelpView:
    """Ask somebody whom a coordinator chose."""
    return read_view(await session.changed("PUT", f"{HELP}/{number}/asks/{person}"))


async def note_no_reply(session: NodeSession, number: int, person: int) -> HelpView:
    """Somebody was rung, and did not answer."""
    return read_view(await session.changed("PUT", f"{HELP}/{number}/asks/{person}/no-reply"))


def _read_candidate(each: Fields) -> Candidate:
    return Candidate(
        helper=read_somebody(each.fields("helper")),
        begins=read_local(each, "begins"),
        why=each.text("why", TEXT_MAX),
        contact=each.optional("contact", lambda name: each.text(name, TEXT_MAX)),
        by_call=each.boolean("by_call"),
    )


def _read_call(each: Fields) -> Call:
    return Call(
        person=read_somebody(each.fields("person")),
        contact=each.optional("contact", lambda name: each.text(name, TEXT_MAX)),
        request=each.integer("request", 1),
        title=each.text("title", TEXT_MAX),
        what=each.text("what", 32),
        words=each.text("words", TEXT_MAX),
    )
