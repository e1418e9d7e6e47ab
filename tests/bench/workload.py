"""Requests that are whole before the clock starts: transfers between random members, signed.

Signing takes as long as checking, so several processes share it.
"""

from __future__ import annotations

import json
import random
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain

from tests.bench.load import post
from tests.bench.population import Signatory

PATH = "/api/v1/orders"
PARTS = 4


@dataclass(slots=True)
class Workload:
    """Makes requests of so many orders each, without repeating a nonce."""

    pool: Executor
    url: str
    members: list[Signatory]
    rounds: int = 0

    def requests(self, orders: int, per_request: int) -> list[bytes]:
        """Requests with ``orders`` transfers in all; lists, or single orders when it is one each.

        A device's nonces grow from each request to the next.
        """
        count = orders // per_request
        shares = [count * (part + 1) // PARTS - count * part // PARTS for part in range(PARTS)]
        jobs = []
        for share in shares:
            self.rounds += 1
            jobs.append(
                self.pool.submit(_make, self.url, self.members, self.rounds, share, per_request)
            )
        return list(chain.from_iterable(job.result() for job in jobs))


def _make(
    url: str, members: list[Signatory], turn: int, count: int, per_request: int
) -> list[bytes]:
    """A process's share. ``turn`` keeps its nonces and its chance apart from all others'."""
    chance = random.Random(turn)
    for member in members:
        member.nonce = turn << 20
    requests = []
    for _ in range(count):
        items = []
        for _ in range(per_request):
            payer, payee = chance.sample(members, 2)
            items.append(payer.pay(payee.account, 1))
        body = {"orders": items} if per_request > 1 else items[0]
        requests.append(post(url, PATH, json.dumps(body).encode()))
    return requests
