"""A week of a real community currency, replayed: Sarafu in Kenya, 25 to 31 January 2020.

Each movement of the file becomes one entry, in the file's order, signed by who would sign it here:

- a trade between members is a ``pay`` order of the payer's own device, dated the day it was made;
  so is a payment to an agent, who is a member like any other and hands out cash beside the ledger;
- a disbursement is the coordinator's ``payout``, a reclamation the coordinator's ``levy``, each
  with its reason; of the two issuers the first stands for the treasury, the second for the
  community account. Of these, those that follow each other go in lists.

Amounts have up to 17 decimals in the file; here they have six, rounded half to even.
"""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path

import aiohttp

from ledger.orders import COMMUNITY, TREASURY, Levy, Pay, Payout
from tests.bench import load
from tests.bench.load import Run
from tests.bench.population import JSON, Signatory, join_coordinator, post

SCALE = 6
LIST = 500
ISSUERS = (TREASURY, COMMUNITY)
INIT_FLAGS = (
    *("--unit", "sarafu", "--units", "sarafu", "--scale", str(SCALE)),
    *("--credit-limit", "0", "--starter", "0", "--ceiling", "10000000"),
    *("--treasury-limit", "10000000", "--community-limit", "1000000"),
)
"""Only the issuers ever owe anything, so nobody else may."""
CEILING = 10_000_000 * 10**SCALE
_EXACT = Context(prec=60)
_UNIT = Decimal(1).scaleb(-SCALE)
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the file. ``weight`` is the exact amount, ``amount`` the rounded minor units."""

    id: int
    kind: str
    source: str
    target: str
    weight: Decimal
    amount: int
    day: date


def read_movements(path: Path) -> list[Movement]:
    """The file's lines, in their order."""
    with path.open(newline="") as file:
        return [_parse(row) for row in csv.DictReader(file)]


def _parse(row: dict[str, str]) -> Movement:
    weight = Decimal(row["weight"])
    rounded = weight.quantize(_UNIT, rounding=ROUND_HALF_EVEN, context=_EXACT)
    return Movement(
        int(row["id"]),
        row["transfer_subtype"],
        row["source"],
        row["target"],
        weight,
        int(rounded.scaleb(SCALE, _EXACT)),
        date.fromisoformat(row["timeset"][:10]),
    )


def rounding_difference(movements: Iterable[Movement]) -> Decimal:
    """What all amounts together gained by rounding, in the file's unit."""
    total = Decimal(0)
    for movement in movements:
        total = _EXACT.add(total, Decimal(movement.amount).scaleb(-SCALE, _EXACT))
        total = _EXACT.subtract(total, movement.weight)
    return total


def expected_balances(movements: Iterable[Movement]) -> dict[str, int]:
    """Each address's balance, summed from the file alone, in minor units."""
    balances: Counter[str] = Counter()
    for movement in movements:
        exact = movement.weight.quantize(_UNIT, rounding=ROUND_HALF_EVEN, context=_EXACT)
        balances[movement.source] -= int(exact.scaleb(SCALE, _EXACT))
        balances[movement.target] += int(exact.scaleb(SCALE, _EXACT))
    return dict(balances)


@dataclass(frozen=True, slots=True)
class Village:
    """The circle with everybody in it: whose account stands for which address."""

    url: str
    coordinator: Signatory
    members: dict[str, Signatory]
    issuers: dict[str, int]

    def account(self, address: str) -> int:
        """The number of the account that stands for an address."""
        return self.issuers.get(address) or self.members[address].account


async def settle_in(url: str, invitation: str, movements: Sequence[Movement]) -> Village:
    """Let the coordinator join, and open an account for every address but the issuers'."""
    disbursed = (each.source for each in movements if each.kind == "DISBURSEMENT")
    issuers = dict(zip(dict.fromkeys(disbursed), ISSUERS, strict=True))
    addresses = dict.fromkeys(end for each in movements for end in (each.source, each.target))
    people = [address for address in addresses if address not in issuers]
    members: dict[str, Signatory] = {}
    async with aiohttp.ClientSession(headers=JSON) as client:
        coordinator = await join_coordinator(client, url, invitation)
        for start in range(0, len(people), LIST):
            items = []
            for address in people[start : start + LIST]:
                number = coordinator.account + 1 + len(members)
                member = Signatory(coordinator.circle, os.urandom(32), number, number)
                members[address] = member
                items.append(
                    coordinator.open(member, f"s{number}", address, floor=0, ceiling=CEILING)
                )
            await post(client, url, items)
    return Village(url, coordinator, members, issuers)


def requests(village: Village, movements: Iterable[Movement]) -> list[bytes]:
    """The movements as signed requests, to be sent one after another."""
    found: list[bytes] = []
    issued: list[dict[str, str]] = []

    def send(body: object) -> None:
        found.append(load.post(village.url, "/api/v1/orders", json.dumps(body).encode()))

    for movement in movements:
        match movement.kind:
            case "DISBURSEMENT" | "RECLAMATION":
                issued.append(_issue(village, movement))
            case "STANDARD" | "AGENT_OUT":
                if issued:
                    send({"orders": issued})
                    issued = []
                send(_trade(village, movement))
            case kind:
                raise ValueError(f"line {movement.id} is of the unknown kind {kind}")
        if len(issued) == LIST:
            send({"orders": issued})
            issued = []
    if issued:
        send({"orders": issued})
    return found


def _issue(village: Village, movement: Movement) -> dict[str, str]:
    source, target = village.account(movement.source), village.account(movement.target)
    reason = f"{movement.kind.capitalize()} {movement.id}"
    if movement.kind == "DISBURSEMENT":
        payout = Payout(((target, movement.amount),))
        return village.coordinator.sign(payout, reason, account=source)
    levy = Levy(((source, movement.amount),))
    return village.coordinator.sign(levy, reason, account=target)


def _trade(village: Village, movement: Movement) -> dict[str, str]:
    leg = (village.account(movement.target), movement.amount)
    day = (movement.day - _EPOCH).days
    return village.members[movement.source].sign(Pay((leg,), (day,)))


def replay(village: Village, signed: Sequence[bytes]) -> Run:
    """Send them in their order, each when the one before it is answered."""
    return load.run(village.url, signed, connections=1)


def read_balances(village: Village, token: str) -> dict[str, int]:
    """Every account's balance as the node tells it to the coordinator."""
    addresses = [*village.issuers, *village.members]
    asked = [
        load.get(village.url, f"/api/v1/accounts/{village.account(address)}", token)
        for address in addresses
    ]
    told = load.run(village.url, asked, connections=4).bodies
    return {
        address: json.loads(body)["balance"] for address, body in zip(addresses, told, strict=True)
    }
