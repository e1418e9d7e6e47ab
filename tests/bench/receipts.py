"""Every order of a run is checked to the last hash before it counts.

For each answer: the checkpoint has the log's signature, the receipt proves the leaf to be in its
tree, the leaf commits to this very order, and a payment's to the posting on the payer's account.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ledger import merkle, orders
from ledger.checkpoint import Checkpoint, open_checkpoint
from ledger.codec import from_base64url
from ledger.entry import decode_leaf, order_commitment, verify_posting
from ledger.note import parse_vkey
from ledger.orders import Pay, SignedOrder
from ledger.receipt import parse_receipt

SHARE = 50
"""Requests that a process checks in one go."""


class ReceiptWrong(Exception):
    """An answer that does not prove what it says."""


@dataclass(frozen=True, slots=True)
class Log:
    """What a client pins: the log's verifier key and its origin."""

    log_key: str
    origin: str


def verify_all(pool: Executor, log: Log, requests: Sequence[bytes], bodies: Sequence[bytes]) -> int:
    """Check every answer of a run on several processes; returns how many orders they prove.

    Raises ReceiptWrong, or what the check that failed raises.
    """
    jobs = [
        pool.submit(verify, log, requests[start : start + SHARE], bodies[start : start + SHARE])
        for start in range(0, len(requests), SHARE)
    ]
    return sum(job.result() for job in jobs)


def verify(log: Log, requests: Sequence[bytes], bodies: Sequence[bytes]) -> int:
    """One process's share; returns the number of orders."""
    count = 0
    for request, body in zip(requests, bodies, strict=True):
        for item, result in _pairs(request, body):
            _check(log, item, result)
            count += 1
    return count


def _pairs(request: bytes, body: bytes) -> Iterable[tuple[dict[str, str], dict[str, Any]]]:
    sent = json.loads(request.partition(b"\r\n\r\n")[2])
    answer = json.loads(body)
    if "orders" not in sent:
        return [(sent, answer)]
    return zip(sent["orders"], answer["results"], strict=True)


def _check(log: Log, item: dict[str, str], result: dict[str, Any]) -> None:
    if "problem" in result:
        raise ReceiptWrong(f"an order was refused: {result['problem']['detail']}")
    signed = orders.parse(from_base64url(item["order"], "order"))
    entry = result["entry"]
    leaf = from_base64url(entry["leaf"], "leaf")
    receipt = parse_receipt(result["receipt"])
    checkpoint = _checkpoint(log, receipt.checkpoint_note)
    merkle.verify_inclusion(
        receipt.index, checkpoint.size, merkle.leaf_hash(leaf), receipt.proof, checkpoint.root
    )
    salt = from_base64url(entry["salt"], "salt")
    opened = decode_leaf(leaf)
    if (
        result["order_id"] != signed.id.hex()
        or entry["index"] != receipt.index
        or opened.order != (order_commitment(entry["authority"], signed.wire, salt),)
    ):
        raise ReceiptWrong(f"entry {receipt.index} is of another order")
    if isinstance(signed.order.act, Pay):
        _check_posting(signed, signed.order.act, opened.postings[0], result["postings"])


@lru_cache(maxsize=1024)
def _checkpoint(log: Log, note: str) -> Checkpoint:
    return open_checkpoint(note, (parse_vkey(log.log_key),), log.origin)


def _check_posting(
    signed: SignedOrder, pay: Pay, root: bytes, openings: list[dict[str, Any]]
) -> None:
    [opening] = openings
    posting = verify_posting(
        from_base64url(opening["posting"], "posting"),
        from_base64url(opening["salt"], "salt"),
        opening["position"],
        opening["count"],
        [from_base64url(sibling, "hash") for sibling in opening["path"]],
        root,
    )
    payer, total = signed.order.header.account, sum(amount for _, amount in pay.legs)
    if (posting.account, posting.delta) != (payer, -total):
        raise ReceiptWrong(f"the posting on account {payer} is not of this order")
