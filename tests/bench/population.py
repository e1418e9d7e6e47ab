"""Members with keys, for benchmarks and storms: joined through real orders."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

import aiohttp
from nacl.bindings import crypto_sign

from ledger import keys, orders
from ledger.codec import to_base64url
from ledger.declarations import Enrolment, sign_enrolment, sign_invitation
from ledger.orders import Act, Header, Join, Open, Order, Pay, kind_of
from ledger.paper import INVITATION_BYTES, invitation_seed, read_code

JSON = {"Content-Type": "application/json"}
HOUR_MS = 3600 * 1000
OPEN_AT_ONCE = 500


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

    def sign(
        self, act: Act, text: str | None = None, *, account: int | None = None
    ) -> dict[str, str]:
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
        body = orders.encode_order(Order(header, act))
        # Half the time that keys.sign takes: it derives the public key again.
        signature = crypto_sign(keys.ORDER + body, self.seed + self.key)[: keys.SIGNATURE_BYTES]
        item = {"order": to_base64url(orders.pack(body, signature))}
        return item if text is None else item | {"text": text, "salt": to_base64url(salt)}

    def pay(self, payee: int, amount: int) -> dict[str, str]:
        """An item that pays one account."""
        return self.sign(Pay(((payee, amount),)))

    def open(
        self, member: Signatory, handle: str, name: str, *, floor: int, ceiling: int = 2**53 - 1
    ) -> dict[str, str]:
        """An item by which this coordinator opens an account for a member's device."""
        wire = sign_enrolment(Enrolment(self.circle, member.key, 0, "bench"), member.seed)
        opening = Open((), floor, ceiling, 0, 0, (wire,))
        return self.sign(opening, f"{handle}\n{name}", account=0)


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


async def join_coordinator(client: aiohttp.ClientSession, url: str, invitation: str) -> Signatory:
    """The circle's first coordinator, joined by the code that ``tallyd init`` printed."""
    async with client.get(f"{url}/.well-known/tallystick") as response:
        circle = bytes.fromhex((await response.json())["circle"])
    coordinator = Signatory(circle, os.urandom(32))
    seed = invitation_seed(read_code(invitation, INVITATION_BYTES))
    join = Join(keys.public_key(seed), sign_invitation(circle, coordinator.key, seed))
    await post(client, url, [coordinator.sign(join, "ann\nAnn")])
    coordinator.person = coordinator.account = 101
    return coordinator


async def open_accounts(
    client: aiohttp.ClientSession, url: str, coordinator: Signatory, count: int, *, floor: int
) -> list[Signatory]:
    """Members with a device and an account each, the first that the circle opens for anyone."""
    members = [Signatory(coordinator.circle, os.urandom(32)) for _ in range(count)]
    for start in range(0, count, OPEN_AT_ONCE):
        items = []
        for place, member in enumerate(members[start : start + OPEN_AT_ONCE], start):
            items.append(coordinator.open(member, f"m{place}", f"Member {place}", floor=floor))
            member.person = member.account = coordinator.account + 1 + place
        await post(client, url, items)
    return members


async def populate(url: str, invitation: str, count: int, *, floor: int = -10_000) -> Population:
    """Let the coordinator join, and open ``count`` accounts of members with their own devices."""
    async with aiohttp.ClientSession(headers=JSON) as client:
        coordinator = await join_coordinator(client, url, invitation)
        members = await open_accounts(client, url, coordinator, count, floor=floor)
    return Population(coordinator.circle, coordinator, members)
