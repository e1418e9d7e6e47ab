"""What a device sent and was shown in one membership (client/journal.py)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from client import errors
from client.journal import UNANSWERED_MAX
from client.keystore import KeyStore
from client.records import encode_order
from tests.keystore_samples import CIRCLE, NOW_US, SEED, receipt, unanswered


@pytest.fixture
def joined(tmp_path: Path) -> KeyStore:
    store = KeyStore(tmp_path / "keys", now_us=lambda: NOW_US)
    store.create("peckham", CIRCLE, "Ann's phone", seed=SEED)
    store.confirm("peckham", 101, (101, 140))
    return store


# Nonces and orders


def test_nonce_grows_whatever_the_clock_does(joined: KeyStore) -> None:
    """Microseconds while the clock runs, one more while it stands or is set back."""
    clock = iter([NOW_US, NOW_US, NOW_US - 10**9, NOW_US + 5, 0])
    journal = KeyStore(joined.folder, now_us=lambda: next(clock)).journal()
    nonces = [journal.reserve_nonce() for _ in range(5)]
    assert nonces == [NOW_US, NOW_US + 1, NOW_US + 2, NOW_US + 5, NOW_US + 6]


def test_nonces_end_before_a_browser_would_round_them(joined: KeyStore) -> None:
    """A clock far off is an error, not a nonce that no node takes."""
    journal = KeyStore(joined.folder, now_us=lambda: 2**53 - 1).journal()
    assert journal.reserve_nonce() == 2**53 - 1
    with pytest.raises(errors.KeyStoreUnusable, match="is left"):
        journal.reserve_nonce()


def test_order_is_on_disk_before_it_is_sent_until_it_is_answered(joined: KeyStore) -> None:
    """Another process finds the same bytes to send again."""
    journal = joined.journal()
    first = journal.prepare_order("pay 102 90", unanswered)
    second = journal.prepare_order("pay 103 60", lambda nonce: unanswered(nonce, "pay 103 60"))
    assert first.nonce < second.nonce
    again = KeyStore(joined.folder).journal()
    assert again.unanswered() == (first, second)
    again.settle_order(first.nonce, receipt(9, wire=first.wire))
    again.settle_order(second.nonce)
    again.settle_order(second.nonce)
    assert journal.unanswered() == ()
    assert journal.receipts() == (receipt(9, wire=first.wire),)


def test_same_intent_is_signed_once_until_it_is_answered(joined: KeyStore) -> None:
    """A double tap sends one order; asking again after the answer is another payment."""
    journal = joined.journal()
    first = journal.prepare_order("pay 102 90", unanswered)
    assert journal.prepare_order("pay 102 90", unanswered) == first
    journal.settle_order(first.nonce)
    assert journal.prepare_order("pay 102 90", unanswered).nonce > first.nonce


def test_order_of_another_nonce_or_receipt_of_another_order_is_refused(joined: KeyStore) -> None:
    """Nothing is settled or kept then."""
    journal = joined.journal()
    with pytest.raises(errors.OrderConflict):
        journal.prepare_order("pay", lambda nonce: unanswered(nonce + 1, "pay"))
    with pytest.raises(errors.OrderConflict):
        journal.prepare_order("pay", unanswered)
    order = journal.prepare_order("pay 102 90", unanswered)
    with pytest.raises(errors.OrderConflict):
        journal.settle_order(order.nonce, receipt(9, wire=b"another"))
    assert journal.unanswered() == (order,)
    assert journal.receipts() == ()


def test_order_is_never_overwritten_when_the_last_nonce_is_lost(joined: KeyStore) -> None:
    """With the file deleted and the clock set back, the nonce of a waiting order comes again."""
    journal = joined.journal()
    order = journal.prepare_order("pay 102 90", unanswered)
    (joined.folder / "circles/peckham/nonce").unlink()
    with pytest.raises(errors.OrderConflict):
        journal.prepare_order("other", lambda nonce: unanswered(nonce, "other"))
    assert journal.unanswered() == (order,)


def test_orders_waiting_for_an_answer_are_bounded(joined: KeyStore) -> None:
    """A device that never reaches its node does not fill its disk."""
    journal = joined.journal()
    journal.prepare_order("pay 102 90", unanswered)
    outbox = joined.folder / "circles/peckham/outbox"
    for nonce in range(UNANSWERED_MAX - 1):
        path = outbox / f"{nonce:016d}.json"
        path.touch(0o600)
        path.write_bytes(encode_order(unanswered(nonce, str(nonce))))
    assert journal.prepare_order("7", unanswered) == unanswered(7, "7")
    with pytest.raises(errors.InvalidRecord, match="send those first"):
        journal.prepare_order("one more", unanswered)


# Receipts and checkpoints


def test_newest_receipt_of_an_entry_is_the_one_kept(joined: KeyStore) -> None:
    """A cosigned proof takes the place of the first; another leaf at one index does not."""
    journal = joined.journal()
    journal.keep_receipts([receipt(5), receipt(2)])
    cosigned = replace(receipt(5), proof="cosigned\n", openings=(), order=None, memo=None)
    journal.keep_receipts([cosigned])
    rewritten = receipt(5, leaf=b"other")
    journal.keep_receipts([rewritten])
    assert journal.receipts() == (receipt(2), cosigned, rewritten)


def test_receipts_are_kept_together_or_not_at_all(joined: KeyStore) -> None:
    """One that could not be read again keeps the others out, and nothing is torn."""
    journal = joined.journal()
    with pytest.raises(errors.InvalidRecord, match="leaf has"):
        journal.keep_receipts([receipt(1), receipt(2, leaf=b"")])
    assert journal.receipts() == ()


@pytest.mark.parametrize("torn", [b"{", b'{"version": 1, "ind', b"\x00" * 5000, b"x" * 200_000])
def test_line_that_a_crash_left_unfinished_is_dropped(joined: KeyStore, torn: bytes) -> None:
    """It was never acknowledged; reading ignores it and the next receipt takes its place."""
    journal = joined.journal()
    journal.keep_receipts([receipt(1)])
    with (joined.folder / "circles/peckham/receipts.jsonl").open("ab") as file:
        file.write(torn)
    assert journal.receipts() == (receipt(1),)
    journal.keep_receipts([receipt(2)])
    assert journal.receipts() == (receipt(1), receipt(2))


def test_checkpoint_is_replaced_only_by_who_saw_the_one_before(joined: KeyStore) -> None:
    """Of two programs that verified at once, the slower one verifies again."""
    journal, other = joined.journal(), KeyStore(joined.folder).journal()
    assert journal.checkpoint() is None
    assert journal.keep_checkpoint("size 10\n", replacing=None)
    assert not other.keep_checkpoint("size 5\n", replacing=None)
    assert other.keep_checkpoint("size 20\n", replacing="size 10\n")
    assert journal.checkpoint() == "size 20\n"
    with pytest.raises(errors.InvalidRecord):
        journal.keep_checkpoint("x" * 70_000, replacing="size 20\n")
