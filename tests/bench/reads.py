"""Reading while the log grows: a page of a statement, and a proof."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from ledger.codec import to_base64url
from ledger.declarations import SessionOpening, sign_session
from tests.bench import load
from tests.bench.population import Signatory

CONNECTIONS = 2
LINES = 10
"""Of a page: as many as every account has in the small log too."""
TURNS = 5
LIFETIME_MS = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Reads:
    """The 99th percentile of the time that each kind of reading takes, in seconds."""

    statement: float
    proof: float


def sign_in(url: str, origin: str, coordinator: Signatory) -> str:
    """A token with which the coordinator reads any account."""
    now = time.time_ns()
    expires = now // 1_000_000 + LIFETIME_MS
    opening = SessionOpening(coordinator.circle, coordinator.key, origin, now // 1000, expires)
    body = json.dumps({"opening": to_base64url(sign_session(opening, coordinator.seed))}).encode()
    run = load.run(url, [load.post(url, "/api/v1/sessions", body)], 1)
    token: str = json.loads(run.bodies[0])["token"]
    return token


def measure(url: str, token: str, accounts: list[int], size: int, count: int) -> Reads:
    """Read ``count`` pages and proofs, spread over all accounts and the log's ``size`` entries."""
    chance = random.Random(size)

    def statement() -> bytes:
        return load.get(
            url, f"/api/v1/accounts/{chance.choice(accounts)}/statement?limit={LINES}", token
        )

    def proof() -> bytes:
        return load.get(url, f"/api/v1/entries/{chance.randrange(size)}/proof")

    def p99(make: Callable[[], bytes]) -> float:
        turns = [[make() for _ in range(count // TURNS)] for _ in range(TURNS)]
        return median(load.run(url, turn, CONNECTIONS).latency(0.99) for turn in turns)

    return Reads(p99(statement), p99(proof))
