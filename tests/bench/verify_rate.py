"""How fast this machine checks signatures: the yardstick for everything else."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ledger import keys, orders
from ledger.codec import from_base64url
from ledger.orders import SignedOrder

TURNS = 16
"""Shares into which the two threads' work is cut."""


@dataclass(frozen=True, slots=True)
class VerifyRate:
    """Signatures of orders checked a second on one thread and on two; processor seconds for one."""

    one: float
    two: float
    cpu: float


def sample_orders(requests: Sequence[bytes], count: int) -> list[SignedOrder]:
    """Orders out of requests that were made for the node."""
    sample: list[SignedOrder] = []
    for request in requests:
        body = json.loads(request.partition(b"\r\n\r\n")[2])
        for item in body.get("orders", [body]):
            sample.append(orders.parse(from_base64url(item["order"], "order")))
        if len(sample) >= count:
            break
    return sample[:count]


def measure(sample: Sequence[SignedOrder]) -> VerifyRate:
    """Check the sample once on one thread, and twice on two threads."""
    cpu, began = time.process_time(), time.perf_counter()
    _verify(sample)
    one = time.perf_counter() - began
    cpu = time.process_time() - cpu
    shares = [sample[place::TURNS] for place in range(TURNS)] * 2
    with ThreadPoolExecutor(2) as pool:
        began = time.perf_counter()
        list(pool.map(_verify, shares))
        two = time.perf_counter() - began
    return VerifyRate(len(sample) / one, 2 * len(sample) / two, cpu / len(sample))


def _verify(sample: Sequence[SignedOrder]) -> None:
    for signed in sample:
        keys.verify(keys.ORDER, signed.body, signed.signature, signed.order.header.device)
