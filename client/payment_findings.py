"""Lines about payments between circles, compared with what the other circle signed. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from client.finding import Finding
from client.receipts import Proved
from client.views import StatementLine
from ledger.entry import Posting
from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation.evidence import Evidence
from ledger.federation.message import Commit, Prepare, Release
from ledger.federation.payment import decode_header, payment_id, verify_commit
from ledger.orders import Act, Hold


def find_fault(
    posting: Posting, evidence: Evidence, acts: Collection[Act], headers: Mapping[bytes, bytes]
) -> str:
    """Why a posting does not follow from another circle's message, or "".

    ``acts`` are what was ordered on the account, ``headers`` those of payments by their ids.
    """
    match evidence.content:
        case Prepare(header):
            arrived = decode_header(header).arrive
            return "" if posting.delta == arrived else f"{arrived} arrived, not {posting.delta}"
        case Commit(payment, signature):
            return _find_charge_fault(posting, payment, signature, acts, headers.get(payment))
        case Release():
            return "" if posting.delta == 0 else "nothing moves when a payment comes back"


def _find_charge_fault(
    posting: Posting,
    payment: bytes,
    signature: bytes,
    acts: Collection[Act],
    header: bytes | None,
) -> str:
    asked = [act for act in acts if isinstance(act, Hold) and act.evidence == (payment,)]
    if not asked:
        return "nothing was set aside for it"
    if not 0 <= -posting.delta <= asked[0].amount:
        return f"it charges {-posting.delta} where {asked[0].amount} was set aside"
    if header is None or payment_id(header) != payment:
        return "the payment is not shown"
    try:
        verify_commit(header, signature)
    except (InvalidSignature, MalformedObject):
        return "the other circle did not sign for it"
    return ""


def payments_charged(proved: Collection[Proved]) -> set[bytes]:
    """The payments whose headers :func:`find_fault` needs."""
    contents = (each.evidence.content for each in proved if each.evidence is not None)
    return {content.payment for content in contents if isinstance(content, Commit)}


def compare_said(
    account: int, lines: Sequence[StatementLine], proved: Collection[Proved]
) -> Iterator[Finding]:
    """Whom a payment was to or from, and what it was for, is what was written with it.

    That is committed to by the entry which set it aside, or by that of its arrival.
    """
    said = {payment: each.text for each in proved if (payment := _payment_of(each)) is not None}
    for line in lines:
        shown = line.elsewhere
        written = None if shown is None else said.get(shown.payment)
        if shown is None or written is None:
            continue
        who, _, text = written.partition("\n")
        pairs = ((shown.who, who or None), (shown.text, text or None))
        if any(found is not None and found != true for found, true in pairs):
            yield Finding("text-changed", account, line.seq, line.entry)


def _payment_of(proved: Proved) -> bytes | None:
    """The payment that an entry's own text is about."""
    if proved.order is not None:
        act = proved.order.order.act
        return act.evidence[0] if isinstance(act, Hold) and act.evidence else None
    if proved.evidence is not None and isinstance(proved.evidence.content, Prepare):
        return proved.evidence.payment
    return None
