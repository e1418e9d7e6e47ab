"""All that is held on one person, for themselves."""

from __future__ import annotations

from typing import Any

from node.api.bounds import Number
from node.api.orders import Model
from node.api.sessions import Session
from node.circle import Circle
from node.export import export_person
from node.http.reply import Reply
from node.people.standing import check_sight


class Everything(Model):
    """A person's name, offices, accounts, devices, mandates, sessions, texts and statements.

    Also what they told of themselves, offer and want; for them alone, whom they blocked and of what
    they complained and the concerns that they raised; what they host, and what they answered to
    events; since when they are suspended; their duty and their handover notes.
    """

    person: int
    handle: str | None
    name: str | None
    offices: list[str]
    accounts: list[dict[str, Any]]
    devices: list[dict[str, Any]]
    mandates: list[dict[str, Any]]
    holds: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]
    profile: list[dict[str, Any]]
    vetting: list[dict[str, Any]]
    blocks: list[dict[str, Any]]
    listings: list[dict[str, Any]]
    complaints: list[dict[str, Any]]
    concerns: list[dict[str, Any]]
    suspension: list[dict[str, Any]]
    suspensions: list[dict[str, Any]]
    duty: list[dict[str, Any]]
    handover_notes: list[dict[str, Any]]
    texts: list[dict[str, Any]]
    requests: list[dict[str, Any]]
    calendar_feed: bool
    events: list[dict[str, Any]]
    rsvps: list[dict[str, Any]]
    hours: list[dict[str, Any]]
    announcements: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    notices: list[dict[str, Any]]
    helper: list[dict[str, Any]]
    help_requests: list[dict[str, Any]]
    asks: list[dict[str, Any]]
    visits: list[dict[str, Any]]
    statements: list[dict[str, Any]]


async def get_everything(state: Circle, session: Session, person: Number) -> Reply:
    """All that is held on a person, for themselves and for coordinators.

    These are not told whom they blocked, nor of what they complained, nor the concerns they raised.
    """
    check_sight(session, person, "what is held on somebody else")
    return Reply(await export_person(state.pool.acquire, person, own=session.person == person))
