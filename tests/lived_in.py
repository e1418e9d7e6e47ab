"""A circle that serves and in which there is something of everything that can be read: asked for,
helped with, worried about, on duty, told, written and put into the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from client.clock import unix_ms
from ledger.codec import to_base64url
from ledger.declarations import SESSION_LIFETIME_MS_MAX, SessionOpening, sign_session
from ledger.orders import Hold, Pay
from tests.bench.population import JSON, Population, Signatory, populate, post

ALWAYS = [{"weekday": day, "begins": "00:00", "ends": "24:00"} for day in range(1, 8)]


@dataclass(frozen=True, slots=True)
class LivedIn:
    """The token of the coordinator's session, when an event begins, on the circle's clock, and the
    number of a concern that they may read."""

    token: str
    begins: str
    concern: int


async def live_a_little(url: str, told: dict[str, str]) -> LivedIn:
    """Let a coordinator and three members live a little; ``told`` is what ``init`` printed."""
    people = await populate(url, told["invitation"], 3)
    payer, payee, _ = people.members
    acts = [Pay(((payee.account, 1),)) for _ in range(260)]
    async with aiohttp.ClientSession(headers=JSON) as client:
        await post(client, url, [payer.sign(act, "apples") for act in acts])
        await post(client, url, [payer.sign(Hold((payee.account,), 5, unix_ms()))])
        coordinator = await _sign_in(client, url, told["origin"], people.coordinator)
        member = await _sign_in(client, url, told["origin"], payer)
        begins = await _fill_calendar_and_directory(coordinator)
        await _ask_for_help(coordinator, member, people)
        await _talk(coordinator, member)
        concern = await _look_after_people(coordinator, member)
        return LivedIn(coordinator.token, begins, concern)


@dataclass(frozen=True, slots=True)
class _SignedIn:
    client: aiohttp.ClientSession
    url: str
    token: str

    async def send(self, method: str, path: str, body: object) -> Any:
        """Must be done; what came of it, where the node says so."""
        headers = {"Authorization": f"Bearer {self.token}"}
        sent = self.client.request(method, f"{self.url}/api/v1/{path}", json=body, headers=headers)
        async with sent as response:
            text = await response.text()
            assert response.status in (200, 204), f"{method} {path}: {text}"
            return await response.json() if text else None


async def _sign_in(
    client: aiohttp.ClientSession, url: str, origin: str, who: Signatory
) -> _SignedIn:
    expires = unix_ms() + SESSION_LIFETIME_MS_MAX
    opening = SessionOpening(who.circle, who.key, origin, who.nonce + 1, expires)
    who.nonce += 1
    body = {"opening": to_base64url(sign_session(opening, who.seed))}
    async with client.post(f"{url}/api/v1/sessions", json=body) as response:
        answer: dict[str, str] = await response.json()
    return _SignedIn(client, url, answer["token"])


async def _fill_calendar_and_directory(coordinator: _SignedIn) -> str:
    """When the event begins."""
    begins = f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%d}T10:00"
    event = {"key": "0" * 32, "title": "Choir", "begins": begins, "duration": 60, "public": True}
    profile = {"place": "Camberwell", "square": {"easting": 5, "northing": 5, "side": 100}}
    listing = {"kind": "offer", "title": "Hedges cut", "category": "garden"}
    await coordinator.send("PUT", "calendar", {"zone": "Europe/London"})
    await coordinator.send("POST", "events", event)
    await coordinator.send("POST", "listings", listing)
    await coordinator.send("PUT", "people/101/profile", profile)
    return begins


async def _ask_for_help(coordinator: _SignedIn, member: _SignedIn, people: Population) -> None:
    """The member asks, and the coordinator can help."""
    helps = {"weekly": 600, "reach": 2000, "skills": ["garden"], "hours": ALWAYS}
    day = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"
    asked = {
        "key": "1" * 32,
        "category": "garden",
        "title": "Roses to cut",
        "minutes": 60,
        "windows": [{"begins": f"{day}T10:00", "ends": f"{day}T16:00"}],
    }
    await coordinator.send("PUT", "help-terms", {"hour": 100})
    await coordinator.send("PUT", "people/101/helper", helps)
    made = await member.send("POST", "help", asked)
    [visit] = made["visits"]
    payer = people.members[0]
    act = Hold((), made["most"], visit["until"], (), 1)
    [booked] = await post(member.client, member.url, [payer.sign(act)])
    holds = {"holds": [booked["entry"]["index"]]}
    await member.send("PUT", f"help/{made['number']}/promise", holds)


async def _talk(coordinator: _SignedIn, member: _SignedIn) -> None:
    message = {"about": "listings/1", "to": 101, "words": "When could you come?"}
    await member.send("POST", "messages", message)
    made = await member.send("POST", "listings", {"kind": "offer", "title": "Scones"})
    complaint = {"about": f"listings/{made['id']}", "text": "They are gone."}
    await coordinator.send("POST", "complaints", complaint)
    await coordinator.send("POST", "announcements", {"words": "The hall is closed on Friday."})


async def _look_after_people(coordinator: _SignedIn, member: _SignedIn) -> int:
    turns = [{"begins": "00:00", "ends": "00:00", "person": 101}]
    for weekday in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"):
        await coordinator.send("PUT", f"duty/week/{weekday}", {"turns": turns})
    raised = await member.send("POST", "concerns", {"person": 104, "text": "She had a bruise."})
    return int(raised["number"])
