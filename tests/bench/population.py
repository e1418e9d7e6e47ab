"""Members with keys, for benchmarks and storms: joined through real orders."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

import aiohttp

from ledger import keys
from ledger.codec import to_base64url
from ledger.declarations import Enrolment, sign_enrolment, sign_invitation
from ledger.orders import Act, Header, Join, Open, Order, Pay, kind_of, sign_order
from ledger.paper import INVITATION_BYTES, invitation_seed, read_code

JSON = {"Content-Type": "application/json"}
HOUR_MS = 3600 * 1000


@dataclass(slots=True)
class Signatory:
    """A person's device: it signs orders for ``account``, each under a greater nonce."""

    circle: bytes
    seed: bytes
    person: int = 0
    account: int = 0
    nonce: int = 0
    key: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.key = keys.public_key(self.seed)

    def sign(self, act: Act, text: str | None = None, *, account: int | None = None) -> dict[str, str]:
        """An item for POST /api/v1/orders."""
        self.nonce += 1
        salt = os.urandom(32)
        commitment = () if text is None else (keys.text_commitment(salt, text.encode()),)
        header = Header(
            self.circle,
            kind_of(act),
            self.account if account is None else account,
            self.person,
            self.key,
            self.nonce,
            time.time_ns() // 1_000_000 + 23 * HOUR_MS,
            commitment,
        )
        item = {"order": to_base64url(sign_order(Order(header, act), self.seed).wire)}
        return item if text is None else item | {"text": text, "salt": to_base64url(salt)}

    def pay(self, payee: int, amount: int) -> dict[str, str]:
        """An item that pays one account."""
        return self.sign(Pay(((payee, amount),)))


@dataclass(frozen=True, slots=True)
class Population:
    """A coordinator and members of one circle."""

    circle: bytes
    coordinator: Signatory
    members: list[Signatory]


async def post(client: aiohttp.ClientSession, url: str, items: list[dict[str, str]]) -> list[dict]:  # type: ignore[type-arg]
    """Send a list of orders; returns its results, all of which must be accepted."""
    async with client.post(f"{url}/api/v1/orders", json={"orders": items}) as response:
        body = await response.json()
        assert response.status == 200, body
    for result in body["results"]:
        assert "entry" in result, result
    results: list[dict] = body["results"]  # type: ignore[type-arg]
    return results


async def populate(url: str, invitation: str, count: int, *, floor: int = -10_000) -> Population:
    """Let the coordinator join, and open ``count`` accounts of members with devices of their own."""
    async with aiohttp.ClientSession(headers=JSON) as client:
        async with client.get(f"{url}/.well-known/tallystick") as response:
            circle = bytes.fromhex((await response.json())["circle"])
        coordinator = Signatory(circle, os.urandom(32))
        seed = invitation_seed(read_code(invitation, INVITATION_BYTES))
        join = Join(keys.public_key(seed), sign_invitation(circle, coordinator.key, seed))
        [joined] = await post(client, url, [coordinator.sign(join, "ann\nAnn")])
        coordinator.person = coordinator.account = 101
        members = [Signatory(circle, os.urandom(32)) for _ in range(count)]
        for start in range(0, count, 500):
            items = []
            for place, member in enumerate(members[start : start + 500], start):
                wire = sign_enrolment(Enrolment(circle, member.key, 0, "bench"), member.seed)
                opened = Open((), floor, 2**53 - 1, 0, 0, (wire,))
                items.append(coordinator.sign(opened, f"m{place}\nMember {place}", account=0))
                member.person = member.account = 102 + place
            await post(client, url, items)
    return Population(circle, coordinator, members)
