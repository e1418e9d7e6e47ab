"""What a line of a statement says of a payment between circles."""

from __future__ import annotations

from collections.abc import Mapping

from ledger import orders
from ledger.federation.evidence import PEER_AUTHORITIES, Evidence, read_evidence
from ledger.federation.message import Release
from ledger.orders import Hold, SignedOrder
from node.api.orders import Model
from node.connections import Reader

PAYMENT_KINDS = ("arrive", "settle", "release")
"""Of entries that another circle's message is behind, those that a member's account shows."""


class Elsewhere(Model):
    """A payment to another circle, or from one. ``payment`` is its id, hexadecimal.

    ``who`` is the one in the other circle as ``name@address``, by the payer's word; ``text`` what
    it is for. ``hold`` is the entry that set it aside, at the payer's circle. ``reason`` says why
    it came back (protocol.md, "Links").
    """

    payment: str
    who: str | None
    text: str | None
    hold: int | None
    reason: str | None


def parse_wire(authority: str, wire: bytes) -> SignedOrder | None:
    """The order that an entry stands on; None for evidence of a peer, and for nothing."""
    if not wire or authority in PEER_AUTHORITIES:
        return None
    return orders.parse(wire)


def find_evidence(kind: str, authority: str, wire: bytes) -> Evidence | None:
    """What a peer's message that the entry stands on says of a payment; None without one."""
    if authority != "peer" or kind not in PAYMENT_KINDS:
        return None
    return read_evidence(wire)


async def read_elsewhere(
    connection: Reader,
    evidence: Mapping[int, Evidence],
    signed: Mapping[int, SignedOrder | None],
    *,
    texts: bool,
) -> dict[int, Elsewhere]:
    """By entry, the payment between circles that it is about; others are left out.

    ``evidence`` and ``signed`` are what the entries stand on; who and what for are shown only with
    ``texts``.
    """
    payments = {index: found.payment for index, found in evidence.items()}
    for index, order in signed.items():
        act = None if order is None else order.order.act
        if isinstance(act, Hold) and act.evidence:
            payments[index] = act.evidence[0]
    if not payments:
        return {}
    rows = await connection.fetch(
        "SELECT payment, hold FROM transits WHERE payment = ANY($1::bytea[]) AND hold <> 0",
        list(payments.values()),
    )
    holds = {row["payment"]: row["hold"] for row in rows}
    said = await _read_said(connection, {*payments, *holds.values()}) if texts else {}
    found = {}
    for index, payment in payments.items():
        hold = holds.get(payment)
        who, text = said.get(index if hold is None else hold, (None, None))
        content = evidence[index].content if index in evidence else None
        found[index] = Elsewhere(
            payment=payment.hex(),
            who=who,
            text=text,
            hold=hold,
            reason=content.reason if isinstance(content, Release) else None,
        )
    return found


async def _read_said(
    connection: Reader, entries: set[int]
) -> dict[int, tuple[str | None, str | None]]:
    rows = await connection.fetch(
        "SELECT entry, body FROM personal WHERE entry = ANY($1::bigint[])", list(entries)
    )
    return {row["entry"]: split_said(row["body"].decode()) for row in rows}


def split_said(said: str) -> tuple[str | None, str | None]:
    """Who is named on the first line of a payment's text, and what it says below."""
    who, _, text = said.partition("\n")
    return who or None, text or None
