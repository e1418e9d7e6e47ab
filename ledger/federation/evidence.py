"""What an entry of a payment between circles stands on: the message of a link, not an order."""

from __future__ import annotations

from typing import NamedTuple

from ledger.errors import MalformedObject
from ledger.federation.message import (
    Commit,
    Prepare,
    Release,
    body_of,
    read_message,
)
from ledger.federation.payment import payment_id

PEER_AUTHORITIES = frozenset({"peer", "circle"})
"""An entry by one of these stands on evidence, or on nothing; by any other, on a signed order."""


class Evidence(NamedTuple):
    """The payment that a message is about, and what the message says of it."""

    payment: bytes
    content: Prepare | Commit | Release


def read_evidence(wire: bytes) -> Evidence:
    """Parse the evidence of an ``arrive``, ``settle`` or ``release``; no signature is verified.

    Raises MalformedObject, also for a message that is about no payment.
    """
    _, content = read_message(body_of(wire))
    match content:
        case Prepare(header):
            return Evidence(payment_id(header), content)
        case Commit(payment) | Release(payment):
            return Evidence(payment, content)
        case _:
            raise MalformedObject("link message", "it is about no payment")
