"""Checking what a node says was booked: nothing is believed before it is proved.

A receipt proves, offline and to anybody, that an entry is in the log that the circle signed; its
openings prove what the entry did to one's own accounts, and on which order it stands.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from client.errors import ReceiptInvalid
from client.records import KeptReceipt, Memo, PinnedCircle
from ledger import entry, keys, merkle
from ledger.checkpoint import Checkpoint
from ledger.entry import (
    AUTHORITIES,
    BETWEEN_CIRCLES,
    Leaf,
    Posting,
    decode_leaf,
    order_commitment,
    verify_posting,
)
from ledger.errors import InvalidNote, InvalidProof, InvalidSignature, MalformedObject
from ledger.federation.evidence import PEER_AUTHORITIES, Evidence, read_evidence
from ledger.note import parse_vkey
from ledger.orders import (
    TREASURY,
    Act,
    Assign,
    Assist,
    Claim,
    Close,
    Defer,
    Hold,
    Holder,
    Levy,
    Limits,
    Mandate,
    Object,
    Pay,
    Payout,
    Redeem,
    Sell,
    Settle,
    SignedOrder,
    parse,
    verify_signatures,
)
from ledger.receipt import parse_receipt, verify_receipt

PAYMENT_KINDS = ("arrive", "settle", "release")
"""What an entry about a payment between circles is, on a member's account."""

UNMOVING = frozenset(
    "hold defer release claim object assign limits holder assist enrol revoke freeze thaw veto "
    "mandate unmandate".split()
)
"""Kinds of entry that move no balance."""


@dataclass(frozen=True, slots=True)
class Proved:
    """An entry whose receipt was verified; everything in it is committed to by the signed log.

    ``note`` is the checkpoint as the node signed it. ``postings`` are those that were opened,
    ``order`` and ``text`` are None where they were not. ``evidence`` is there in place of an order
    where another circle's message is what the entry stands on.
    """

    index: int
    leaf: Leaf
    checkpoint: Checkpoint
    note: str
    postings: tuple[Posting, ...] = ()
    authority: str | None = None
    order: SignedOrder | None = None
    text: str | None = None
    evidence: Evidence | None = None

    def posting_of(self, account: int) -> Posting | None:
        """What it did to an account, if that was opened."""
        return next((each for each in self.postings if each.account == account), None)


def verify_kept(receipt: KeptReceipt, circle: PinnedCircle) -> Proved:
    """Check a receipt against the circle's pinned log key, and all that came with it.

    Raises ReceiptInvalid.
    """
    index = receipt.index
    try:
        key = parse_vkey(circle.log_vkey)
        hashed = merkle.leaf_hash(receipt.leaf)
        inclusion = verify_receipt(receipt.proof, hashed, circle.origin, key)
        if inclusion.index != index:
            raise ReceiptInvalid(index, f"the proof is of line {inclusion.index}")
        leaf = decode_leaf(receipt.leaf)
        postings = _open_postings(receipt, leaf)
        order = _open_order(receipt, leaf, circle)
        evidence = _open_evidence(receipt, leaf)
    except (InvalidNote, InvalidProof, InvalidSignature, MalformedObject) as error:
        raise ReceiptInvalid(index, str(error).rstrip(".")) from None
    _check_memo(index, receipt.memo, leaf)
    return Proved(
        index=index,
        leaf=leaf,
        checkpoint=inclusion.checkpoint,
        note=parse_receipt(receipt.proof).checkpoint_note,
        postings=postings,
        authority=None if receipt.order is None else receipt.order.authority,
        order=order,
        text=None if receipt.memo is None else receipt.memo.text,
        evidence=evidence,
    )


def _open_postings(receipt: KeptReceipt, leaf: Leaf) -> tuple[Posting, ...]:
    if receipt.openings and not leaf.postings:
        raise ReceiptInvalid(receipt.index, "it shows postings where the entry has none")
    postings = tuple(
        verify_posting(
            opening.posting,
            opening.salt,
            opening.position,
            opening.count,
            opening.path,
            leaf.postings[0],
        )
        for opening in receipt.openings
    )
    if len({posting.account for posting in postings}) != len(postings):
        raise ReceiptInvalid(receipt.index, "it shows two postings of one account")
    return postings


def _open_order(receipt: KeptReceipt, leaf: Leaf, circle: PinnedCircle) -> SignedOrder | None:
    kept = receipt.order
    if kept is None:
        return None
    if kept.authority not in AUTHORITIES or len(kept.salt) != keys.SALT_BYTES:
        raise ReceiptInvalid(receipt.index, "its authority or the salt of its order is none")
    if leaf.order != (order_commitment(kept.authority, kept.wire, kept.salt),):
        raise ReceiptInvalid(receipt.index, "the entry stands on another order")
    if kept.authority in PEER_AUTHORITIES:
        return None
    signed = parse(kept.wire)
    verify_signatures(signed)
    header = signed.order.header
    if header.circle != circle.circle_id:
        raise ReceiptInvalid(receipt.index, "the order is for another circle")
    if leaf.kind != ("open" if header.kind == "join" else header.kind):
        raise ReceiptInvalid(receipt.index, f"the order is of kind {header.kind}, not {leaf.kind}")
    if leaf.personal != header.text:
        raise ReceiptInvalid(receipt.index, "the entry has another text than the order")
    if leaf.log_time >= header.expires:
        raise ReceiptInvalid(receipt.index, "it was booked after the order had expired")
    return signed


def _open_evidence(receipt: KeptReceipt, leaf: Leaf) -> Evidence | None:
    """The other circle's message about a payment; None where an order or nothing stands there."""
    kept = receipt.order
    if kept is None or kept.authority not in PEER_AUTHORITIES:
        return None
    if kept.authority == "peer" and leaf.kind in PAYMENT_KINDS:
        return read_evidence(kept.wire)
    if leaf.kind not in BETWEEN_CIRCLES:
        raise ReceiptInvalid(receipt.index, "it stands on nobody's order")
    return None


def _check_memo(index: int, memo: Memo | None, leaf: Leaf) -> None:
    if memo is None:
        return
    if len(memo.salt) != keys.SALT_BYTES:
        raise ReceiptInvalid(index, "the salt of its text is none")
    if leaf.personal != (keys.text_commitment(memo.salt, memo.text.encode()),):
        raise ReceiptInvalid(index, "its text is not the one that was written")


def verify_answer(
    receipt: KeptReceipt, circle: PinnedCircle, accounts: Collection[int] = ()
) -> Proved:
    """Check the node's answer to an order of one's own: it is booked, and as it was ordered.

    ``accounts`` are those of the signer's that the order must show on. Raises ReceiptInvalid.
    """
    proved = verify_kept(receipt, circle)
    assert proved.order is not None, "an answer's receipt has the order that was sent"
    header, act = proved.order.order
    expected = expected_deltas(header.account, act)
    shown = {posting.account: posting for posting in proved.postings}
    for account in accounts:
        if account in expected and account not in shown:
            raise ReceiptInvalid(receipt.index, f"it does not show account {account}")
    for account, posting in shown.items():
        delta = 0 if proved.leaf.kind in UNMOVING else expected.get(account)
        if delta is not None and posting.delta != delta:
            raise ReceiptInvalid(
                receipt.index,
                f"account {account} moved by {posting.delta} where {delta} was ordered",
            )
    return proved


def expected_deltas(account: int, act: Act) -> dict[int, int | None]:
    """What an order by ``account`` does to which balance; None where only the books can tell."""
    match act:
        case Pay(legs) | Payout(legs):
            return {account: -sum(amount for _, amount in legs), **dict(legs)}
        case Levy(legs):
            paid = {payer: -amount for payer, amount in legs}
            return {account: -sum(paid.values()), **paid}
        case Sell(amount):
            return {account: amount, TREASURY: -amount}
        case Redeem(amount):
            return {account: -amount, TREASURY: amount}
        case Settle(_, payee, amount) if payee != account:
            return {account: -amount, payee: amount}
        case Settle(_, payee, amount):
            return {payee: amount}
        case Hold() | Defer() | Claim() | Object() | Assign() | Limits() | Holder() | Assist():
            return {account: 0}
        case Mandate():
            return {account: 0}
        case Close():
            return {account: None}
        case _:
            return {}


def next_link(previous: Posting, receipt: KeptReceipt) -> bytes:
    """What the account's next posting must name: the hash of this one. Raises ReceiptInvalid."""
    for opening in receipt.openings:
        if entry.decode_posting(opening.posting) == previous:
            return entry.posting_hash(opening.posting, opening.salt)
    raise ReceiptInvalid(receipt.index, "the posting was not opened")
