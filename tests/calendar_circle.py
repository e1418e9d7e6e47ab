"""A circle with a calendar: Peckham's clocks, on the first of March 2027, with ann and members."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from node.clock import wall_clock
from tests.circle_node import CircleNode, Clock, Member, found_circle, serving

ZONE = "Europe/London"
NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
"""A Monday; on the 28th the clocks go forward, and on 31 October back."""
EVENTS = "/api/v1/events"


@asynccontextmanager
async def calendar_circle(
    dsn: str, directory: Path, *handles: str, zone: str | None = ZONE, now: datetime = NOW
) -> AsyncIterator[CircleNode]:
    """Serve a circle, at another time than the world's, with the coordinator ann and members."""
    clock = Clock(ahead=int(now.timestamp() * 1000) - wall_clock())
    home = await found_circle(dsn, directory, clock=clock)
    try:
        async with serving(home) as node:
            await node.join("ann", home.founded.invitation_code)
            for handle in handles:
                await node.welcome(handle)
            if zone is not None:
                await set_zone(node, zone)
            yield node
    finally:
        await home.drop()


async def set_zone(node: CircleNode, zone: str) -> None:
    """Let ann say where the clocks are."""
    await send(node, "PUT", "/api/v1/calendar", node["ann"], zone=zone)


def event_body(**fields: Any) -> dict[str, Any]:
    """What makes an event: coffee at ten, on Sunday the 14th of March."""
    usual = {
        "key": os.urandom(16).hex(),
        "title": "Coffee morning",
        "place": "12 Elm Road",
        "begins": "2027-03-14T10:00",
        "duration": 90,
    }
    return usual | fields


async def make_event(node: CircleNode, by: Member, **fields: Any) -> dict[str, Any]:
    """An event that must be taken; returns what the node makes of it."""
    status, made = await node.request("POST", EVENTS, by, json=event_body(**fields))
    assert status == 200, made
    event: dict[str, Any] = made
    return event


async def send(node: CircleNode, method: str, path: str, member: Member, **body: Any) -> Any:
    """Send what must be taken."""
    status, answer = await node.request(method, path, member, json=body)
    assert status == 200, answer
    return answer


async def refused(node: CircleNode, method: str, path: str, member: Member, **body: Any) -> str:
    """Send what must be refused; returns the code of the problem."""
    status, answer = await node.request(method, path, member, json=body)
    assert 400 <= status < 500, answer
    return str(answer["code"])


def at(event: dict[str, Any], index: int = 0) -> str:
    """The path of one of an event's times."""
    return f"{EVENTS}/{event['number']}/occurrences/{event['occurrences'][index]['at']}"


async def reply(
    node: CircleNode, member: Member, event: dict[str, Any], answer: str = "yes", **body: Any
) -> Any:
    """Answer an event's first time; returns the occurrence as that member sees it."""
    return await send(node, "PUT", f"{at(event)}/rsvp", member, answer=answer, **body)
