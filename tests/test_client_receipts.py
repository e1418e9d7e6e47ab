"""What a device believes of a node's answer: only what the log proves (client/receipts.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from client.errors import ReceiptInvalid
from client.receipts import expected_deltas, verify_answer, verify_kept
from client.records import KeptReceipt, Memo
from ledger import keys
from ledger.declarations import Enrolment, sign_enrolment, sign_invitation
from ledger.entry import decode_leaf, encode_leaf, encode_posting, order_commitment
from ledger.orders import (
    PAPER_PERSON,
    Assign,
    Claim,
    Close,
    Hold,
    Invite,
    Join,
    Levy,
    Open,
    Pay,
    Payout,
    Redeem,
    Sell,
    Settle,
)
from tests.paper_book import DAY_MS, NOW, PaperBook, open_book, seed_of

ANN, BEN = seed_of("ann"), seed_of("ben")
MEMO = Memo("Hedge and roses", bytes(range(32)))
OTHER_SALT = bytes(32)


@pytest.fixture
def book() -> PaperBook:
    """Ann (101, coordinator) joined and Ben (102) was let in; then Ann paid Ben 90 minutes."""
    book = open_book()
    code = seed_of("code")
    reason = Memo("to begin", OTHER_SALT)
    invite = Invite(keys.public_key(code), -1200, 6000, 600, "coordinator", NOW + DAY_MS)
    book.book(book.order(invite, book.paper, person=PAPER_PERSON, memo=reason))
    signature = sign_invitation(book.state.circle, keys.public_key(ANN), code)
    join = book.order(
        Join(keys.public_key(code), signature), ANN, memo=Memo("ann\nAnn", OTHER_SALT)
    )
    book.book(join, "ann")
    enrolment = sign_enrolment(
        Enrolment(book.state.circle, keys.public_key(BEN), NOW, "phone"), BEN
    )
    opened = Open((), -1200, 6000, 0, 0, (enrolment,))
    book.book(book.order(opened, ANN, person=101, memo=Memo("ben\nBen", OTHER_SALT)), "ben")
    book.book(book.order(Pay(((102, 90),)), ANN, person=101, account=101, memo=MEMO))
    return book


def paid(book: PaperBook) -> KeptReceipt:
    return book.receipt(4, 101, memo=MEMO)


def test_receipt_of_what_was_ordered_is_believed(book: PaperBook) -> None:
    """It tells the balance after, as the log commits to it."""
    proved = verify_answer(paid(book), book.circle, (101,))
    posting = proved.posting_of(101)
    assert posting is not None
    assert (posting.delta, posting.balance, posting.held) == (-90, 510, 0)
    assert (proved.index, proved.leaf.kind, proved.authority) == (4, "pay", "member")
    assert proved.text == "Hedge and roses"
    assert proved.posting_of(102) is None


def test_receipts_of_joining_and_of_entries_without_an_order_are_believed(book: PaperBook) -> None:
    """``join`` leaves an ``open`` entry; the charter stands on no order."""
    assert verify_answer(book.receipt(2, 101), book.circle, (101,)).leaf.kind == "open"
    charter = verify_kept(book.receipt(0, 1, 2, 3), book.circle)
    assert charter.order is None
    assert [posting.account for posting in charter.postings] == [1, 2, 3]


Forge = Callable[[PaperBook, KeptReceipt], KeptReceipt]


def another_leaf(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    return replace(receipt, leaf=book.entries[3].leaf)


def another_index(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    return replace(receipt, index=3)


def another_log_key(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    return replace(receipt, proof=open_book("brixton").receipt(0).proof)


def no_proof(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    return replace(receipt, proof="c2sp.org/tlog-proof@v1\n")


def another_order(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    cheaper = book.order(Pay(((102, 9),)), ANN, person=101, account=101, memo=MEMO)
    assert receipt.order is not None
    return replace(receipt, order=replace(receipt.order, wire=cheaper.wire))


def another_authority(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    assert receipt.order is not None
    return replace(receipt, order=replace(receipt.order, authority="officer"))


def unknown_authority(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    assert receipt.order is not None
    return replace(receipt, order=replace(receipt.order, authority="half\ud800"))


def another_text(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    return replace(receipt, memo=Memo("Gin", MEMO.salt))


def short_salt(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    return replace(receipt, memo=Memo(MEMO.text, b""))


def another_posting(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    forged = book.entries[4].postings[0]._replace(balance=600)
    opening = replace(receipt.openings[0], posting=encode_posting(forged))
    return replace(receipt, openings=(opening,))


def the_payees_posting(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    return replace(receipt, openings=book.receipt(4, 102).openings)


def no_posting(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    return replace(receipt, openings=())


def one_posting_twice(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    return replace(receipt, openings=receipt.openings * 2)


def posting_where_none_is(book: PaperBook, receipt: KeptReceipt) -> KeptReceipt:
    return replace(book.receipt(1), openings=receipt.openings)


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (another_leaf, "leads to another root"),
        (another_index, "the proof is of line 4"),
        (another_log_key, "no signature of"),
        (no_proof, "no index line"),
        (another_order, "stands on another order"),
        (another_authority, "stands on another order"),
        (unknown_authority, "authority"),
        (another_text, "not the one that was written"),
        (short_salt, "salt of its text"),
        (another_posting, "leads to another root"),
        (the_payees_posting, "does not show account 101"),
        (no_posting, "does not show account 101"),
        (one_posting_twice, "two postings of one account"),
        (posting_where_none_is, "where the entry has none"),
    ],
)
def test_forged_answer_is_not_believed(book: PaperBook, forge: Forge, reason: str) -> None:
    """Each lie is named."""
    with pytest.raises(ReceiptInvalid, match=reason):
        verify_answer(forge(book, paid(book)), book.circle, (101,))


def test_order_for_another_circle_or_booked_late_is_not_believed(book: PaperBook) -> None:
    """A node that signs whatever it likes still cannot say that this was ordered."""
    receipt = paid(book)
    other = replace(book.circle, circle_id=bytes(32))
    with pytest.raises(ReceiptInvalid, match="for another circle"):
        verify_answer(receipt, other, (101,))
    late = open_book()
    entry = late.entries[0]
    order = late.order(Close(), ANN, person=101, account=101)
    header = order.order.header
    salt = keys.derive_salt(entry.secret, 0)
    leaf = decode_leaf(entry.leaf)._replace(
        kind="close",
        public=b"",
        log_time=header.expires,
        order=(order_commitment("officer", order.wire, salt),),
        postings=(),
    )
    late.entries[0] = entry._replace(
        leaf=encode_leaf(leaf), wire=order.wire, authority="officer", postings=()
    )
    with pytest.raises(ReceiptInvalid, match="after the order had expired"):
        verify_kept(late.receipt(0), late.circle)


@pytest.mark.parametrize(
    ("account", "act", "deltas"),
    [
        (101, Pay(((102, 2), (103, 3))), {101: -5, 102: 2, 103: 3}),
        (2, Levy(((101, 2), (102, 3))), {2: 5, 101: -2, 102: -3}),
        (2, Payout(((101, 2),)), {2: -2, 101: 2}),
        (101, Sell(7, "r"), {101: 7, 1: -7}),
        (101, Redeem(7, "r"), {101: -7, 1: 7}),
        (101, Settle(9, 102, 4), {101: -4, 102: 4}),
        (102, Settle(9, 102, 4), {102: 4}),
        (101, Hold((), 4, 0), {101: 0}),
        (101, Close(), {101: None}),
        (101, Claim(9, 4), {101: 0}),
        (101, Assign(9, (102,)), {101: 0}),
        (102, Assign(9, ()), {102: 0}),
    ],
    ids=str,
)
def test_what_an_order_does_to_balances(account: int, act: object, deltas: object) -> None:
    """Known to the device that signs it, so the books can be held to it."""
    assert expected_deltas(account, act) == deltas  # type: ignore[arg-type]
