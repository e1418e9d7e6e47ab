"""A hundred thousand payments between twenty accounts over 64 connections: nobody overdraws."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from nacl.signing import SigningKey

from ledger import codec, keys, orders
from ledger.codec import to_base64url
from ledger.orders import Header, Pay, Sell
from node.connections import Connection
from tests.bench import load
from tests.bench.population import HOUR_MS, JSON, Population, populate, post
from tests.live_database import connect
from tests.live_node import LiveNode, live_node

SPENDS = 100_000
SINGLES = 3_000
LIST = 400
REPEATED = 25
"""Of the requests, so many are sent twice."""
ACCOUNTS = 20
CONNECTIONS = 64
FLOOR = -40
FORTUNE = 120
AMOUNT_MAX = 60


@dataclass(frozen=True, slots=True)
class Spend:
    """A payment as it is sent."""

    payer: int
    payee: int
    amount: int
    order: str


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    """A node as a process of its own."""
    with live_node(tmp_path) as node:
        yield node


def sign_spends(people: Population, count: int) -> Iterator[Spend]:
    """Payments at random; the bytes are put together here, because there are so many."""
    signing = {member.account: SigningKey(member.seed) for member in people.members}
    accounts = list(signing)
    chance = random.Random(7)
    expires = time.time_ns() // 1_000_000 + 12 * HOUR_MS
    for nonce in range(1_000, 1_000 + count):
        payer, payee = chance.sample(accounts, 2)
        amount = chance.randint(1, AMOUNT_MAX)
        member = people.members[payer - accounts[0]]
        header = Header(people.circle, "pay", payer, member.person, member.key, nonce, expires)
        body = codec.encode((*header, *Pay(((payee, amount),))))
        signature = signing[payer].sign(keys.ORDER + body).signature
        yield Spend(payer, payee, amount, to_base64url(orders.pack(body, signature)))


async def make_rich_and_poor(url: str, people: Population) -> dict[int, int]:
    """Every second account has a fortune, the others nothing; returns the balances."""
    rich = people.members[::2]
    sales = [
        people.coordinator.sign(Sell(FORTUNE, f"cash {place}"), "sold", account=member.account)
        for place, member in enumerate(rich)
    ]
    async with aiohttp.ClientSession(headers=JSON) as client:
        await post(client, url, sales)
    return {member.account: FORTUNE * (member in rich) for member in people.members}


def requests_of(url: str, spends: Sequence[Spend]) -> list[tuple[Sequence[Spend], bytes]]:
    """Singles and lists, in no order, some of them twice."""
    groups: list[Sequence[Spend]] = [spends[place : place + 1] for place in range(SINGLES)]
    groups += [spends[start : start + LIST] for start in range(SINGLES, len(spends), LIST)]
    chance = random.Random(11)
    groups += chance.sample(groups, REPEATED)
    chance.shuffle(groups)
    return [(group, load.post(url, "/api/v1/orders", _body(group))) for group in groups]


def _body(group: Sequence[Spend]) -> bytes:
    items = [{"order": spend.order} for spend in group]
    return json.dumps({"orders": items}).encode()


async def test_no_account_is_overdrawn_in_a_storm_of_spends(node: LiveNode) -> None:
    people = await populate(node.url, node.invitation, ACCOUNTS, floor=FLOOR)
    balances = await make_rich_and_poor(node.url, people)
    spends = list(sign_spends(people, SPENDS))
    sent = requests_of(node.url, spends)
    stormed = await asyncio.to_thread(load.run, node.url, [body for _, body in sent], CONNECTIONS)
    verdicts: dict[str, Any] = {}
    for (group, _), body in zip(sent, stormed.bodies, strict=True):
        results = json.loads(body)["results"]
        for spend, result in zip(group, results, strict=True):
            verdict = result.get("entry") or result["problem"]
            assert verdicts.setdefault(spend.order, verdict) == verdict
    accepted = [spend for spend in spends if "index" in verdicts[spend.order]]
    refused = Counter(verdict["code"] for verdict in verdicts.values() if "code" in verdict)
    assert refused.keys() == {"credit-limit"}
    assert len(accepted) + refused["credit-limit"] == SPENDS
    assert min(len(accepted), refused["credit-limit"]) > SPENDS / 10
    for spend in accepted:
        balances[spend.payer] -= spend.amount
        balances[spend.payee] += spend.amount
    connection = await connect(node)
    try:
        await check_books(connection, balances, len(accepted))
    finally:
        await connection.close()
    print(f"{SPENDS / stormed.seconds:.0f} spends/s, {len(accepted)} accepted")


async def check_books(connection: Connection, balances: dict[int, int], accepted: int) -> None:
    """The books end at an independent sum of what was accepted, and never were below a floor."""
    rows = await connection.fetch("SELECT number, balance FROM accounts WHERE kind = 'member'")
    found = {row["number"]: row["balance"] for row in rows}
    assert {number: found[number] for number in balances} == balances
    assert await connection.fetchval("SELECT sum(balance) FROM accounts") == 0
    whole = await connection.fetchrow(
        """
        SELECT (SELECT size FROM head) AS size, count(*) AS entries, max(index) + 1 AS last,
            count(*) FILTER (WHERE authority = 'member') AS by_members
        FROM entries
        """
    )
    assert whole is not None
    assert whole["size"] == whole["entries"] == whole["last"]
    assert whole["by_members"] == accepted
    wrong = await connection.fetchval(
        """
        SELECT count(*) FROM (
            SELECT line.*, floor, lag(line.balance, 1, 0::bigint) OVER told AS before,
                row_number() OVER told AS place
            FROM postings AS line JOIN accounts ON number = account
            WINDOW told AS (PARTITION BY account ORDER BY line.seq)
        ) AS lines
        WHERE balance - held < floor OR balance <> before + delta OR seq <> place
        """
    )
    assert wrong == 0
    unequal = await connection.fetchval(
        """
        SELECT count(*) FROM (
            SELECT entry FROM postings GROUP BY entry HAVING sum(delta) <> 0
        ) AS unequal
        """
    )
    assert unequal == 0
