"""What a device sent and was shown in one membership, kept so that a crash loses none of it.

::

    nonce                  the last one reserved, in decimal
    outbox/NONCE.json      an order that was signed and has no answer yet
    receipts.jsonl         a line for each entry; a later line for an entry replaces the earlier
    checkpoint             the newest checkpoint verified
    neighbours             the circles that vouch for this one, as they were last shown
    other-circles          other circles that were paid into, as they were first seen
    payments/ID.json       a payment into another circle, and what became of it
    evidence/NONCE.json    what convicts the node, where something does

An order's way: ``prepare_order`` puts it on the disk, the caller sends it, ``settle_order`` keeps
the receipt and then takes the order out. Whatever crashes in between, ``unanswered`` has the same
bytes to send again, and the node gives the same answer to them.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from client import private_files, records
from client.elsewhere import (
    OtherCircle,
    SentPayment,
    decode_circles,
    decode_payment,
    encode_circles,
    encode_payment,
)
from client.errors import InvalidRecord, KeyStoreDamaged, KeyStoreUnusable, OrderConflict
from client.records import KeptReceipt, UnansweredOrder
from client.strict_json import as_text

if TYPE_CHECKING:
    # Imported here and below, because a help text is shown faster without libsodium.
    from client.neighbours import Neighbour

UNANSWERED_MAX: Final = 1000
_FILE_BYTES_MAX = 131_072
_LINE_BYTES_MAX = 2_097_152

_OUTBOX_FILE = re.compile(r"([0-9]{16})\.json")
_NONCE = re.compile(rb"[0-9]{1,16}\n")

_NONCE_REMEDY = "delete it, as the clock can take its place"
_ORDER_REMEDY = "move it away, and see in your statement whether it arrived"
_RECEIPTS_REMEDY = "move it away, and fetch your receipts again"
_NEIGHBOURS_REMEDY = "delete it, and trust the node's word once"
_CIRCLES_REMEDY = "delete it, and trust the node's word once on who other circles are"
_PAYMENT_REMEDY = "move it away, and see in your statement what became of it"
_CHECKPOINT_REMEDY = "put back a copy of it, or move it away and trust the node's word once"


def unix_us() -> int:
    """The wall clock in microseconds."""
    return time.time_ns() // 1000


class Journal:
    """The journal in a membership's folder; ``KeyStore.journal`` makes it."""

    def __init__(self, folder: Path, lock: Path, now_us: Callable[[], int]) -> None:
        self._folder = folder
        self._outbox = folder / "outbox"
        self._evidence = folder / "evidence"
        self._receipts = folder / "receipts.jsonl"
        self._checkpoint = folder / "checkpoint"
        self._neighbours = folder / "neighbours"
        self._circles = folder / "other-circles"
        self._payments = folder / "payments"
        self._lock = lock
        self._now_us = now_us

    def reserve_nonce(self) -> int:
        """A number greater than any given out before, on the disk before this returns.

        It is Unix time in microseconds, or one more than the last while the clock is behind that.
        """
        with self._writing():
            return self._reserve_nonce()

    def prepare_order(self, intent: str, sign: Callable[[int], UnansweredOrder]) -> UnansweredOrder:
        """The unanswered order with this intent if there is one, else a new one from ``sign``.

        ``sign`` is given a fresh nonce and must not call the key store. What it returns is on the
        disk before this returns: two taps or two programs with one intent send one order. An order
        that expired unanswered is the caller's to settle. Raises OrderConflict, InvalidRecord.
        """
        with self._writing():
            unanswered = self.unanswered()
            for order in unanswered:
                if order.intent == intent:
                    return order
            if len(unanswered) >= UNANSWERED_MAX:
                raise InvalidRecord(f"{UNANSWERED_MAX} orders have no answer yet; send those first")
            nonce = self._reserve_nonce()
            order = sign(nonce)
            path = self._order_path(nonce)
            if (order.nonce, order.intent) != (nonce, intent) or path.exists():
                raise OrderConflict(nonce)
            data = records.encode_order(order)
            private_files.make_private_folder(self._outbox)
            private_files.write_file(path, data)
            return order

    def unanswered(self) -> tuple[UnansweredOrder, ...]:
        """The orders to send (again), in the order of their nonces."""
        with private_files.usable(self._outbox):
            listed = os.listdir(self._outbox) if self._outbox.exists() else []
        names = sorted(name for name in listed if _OUTBOX_FILE.fullmatch(name))
        found = (self._read_order(int(name.removesuffix(".json"))) for name in names)
        return tuple(order for order in found if order is not None)

    def settle_order(self, nonce: int, receipt: KeptReceipt | None = None) -> None:
        """The node's verdict is known: keep the receipt, if it accepted, and send no more.

        Settling twice is no error. Raises OrderConflict for the receipt of another order.
        """
        with self._writing():
            order = self._read_order(nonce)
            if receipt is not None:
                if order and receipt.order and receipt.order.wire != order.wire:
                    raise OrderConflict(nonce)
                self._append_receipts([receipt])
            if order is not None:
                private_files.remove_file(self._order_path(nonce))

    def keep_receipts(self, receipts: list[KeptReceipt]) -> None:
        """Keep them beside those kept before. Raises InvalidRecord, and then keeps none."""
        with self._writing():
            self._append_receipts(receipts)

    def receipts(self) -> tuple[KeptReceipt, ...]:
        """The newest receipt for each entry, by index.

        Two with one index and different leaves are both there: they prove a rewritten history.
        """
        kept: dict[tuple[int, bytes], KeptReceipt] = {}
        lines = private_files.read_lines(self._receipts, _LINE_BYTES_MAX)
        for number, line in enumerate(lines, 1):
            try:
                receipt = records.decode_receipt(line)
            except InvalidRecord as error:
                reason = f"line {number}: {error.reason}"
                raise KeyStoreDamaged(self._receipts, reason, _RECEIPTS_REMEDY) from error
            kept[receipt.index, receipt.leaf] = receipt
        return tuple(kept[key] for key in sorted(kept))

    def checkpoint(self) -> str | None:
        """The newest checkpoint (a signed note) that was verified here; None before the first."""
        data = private_files.read_file(self._checkpoint, records.NOTE_BYTES_MAX)
        if data is None:
            return None
        try:
            return as_text(data.decode(), "it", records.NOTE_BYTES_MAX)
        except (UnicodeDecodeError, InvalidRecord) as error:
            reason = "it is not the text of a checkpoint"
            raise KeyStoreDamaged(self._checkpoint, reason, _CHECKPOINT_REMEDY) from error

    def keep_checkpoint(self, note: str, *, replacing: str | None) -> bool:
        """Keep a checkpoint that was proved consistent with ``replacing``, the one kept before.

        False when another one was kept meanwhile: verify against that, then try again. Raises
        InvalidRecord.
        """
        data = as_text(note, "the checkpoint", records.NOTE_BYTES_MAX).encode()
        with self._writing():
            if self.checkpoint() != replacing:
                return False
            private_files.write_file(self._checkpoint, data)
            return True

    def neighbours(self) -> tuple[Neighbour, ...] | None:
        """Who vouched for the circle when that was last looked at; None before the first time."""
        from client.neighbours import decode_neighbours

        data = private_files.read_file(self._neighbours, _FILE_BYTES_MAX)
        if data is None:
            return None
        try:
            return decode_neighbours(data)
        except InvalidRecord as error:
            raise KeyStoreDamaged(self._neighbours, error.reason, _NEIGHBOURS_REMEDY) from error

    def keep_neighbours(self, neighbours: tuple[Neighbour, ...]) -> None:
        """Keep who vouches now. Raises InvalidRecord."""
        from client.neighbours import encode_neighbours

        data = encode_neighbours(neighbours)
        with self._writing():
            private_files.write_file(self._neighbours, data)

    def other_circles(self) -> tuple[OtherCircle, ...]:
        """The circles that were paid into, as they were first seen."""
        data = private_files.read_file(self._circles, _FILE_BYTES_MAX)
        try:
            return () if data is None else decode_circles(data)
        except InvalidRecord as error:
            raise KeyStoreDamaged(self._circles, error.reason, _CIRCLES_REMEDY) from error

    def pin_circle(self, seen: OtherCircle) -> OtherCircle:
        """The circle known at an address: the one that was ``seen``, the first time."""
        with self._writing():
            known = self.other_circles()
            for each in known:
                if each.address == seen.address:
                    return each
            private_files.write_file(self._circles, encode_circles((*known, seen)))
            return seen

    def keep_payment(self, payment: SentPayment) -> None:
        """Keep a payment into another circle, in place of what was kept of it. Raises
        InvalidRecord."""
        data = encode_payment(payment)
        with self._writing():
            private_files.make_private_folder(self._payments)
            private_files.write_file(self._payment_path(payment.id), data)

    def payment(self, payment: bytes) -> SentPayment | None:
        """A payment that this device sent, by its id."""
        path = self._payment_path(payment)
        data = private_files.read_file(path, _FILE_BYTES_MAX)
        try:
            return None if data is None else decode_payment(data)
        except InvalidRecord as error:
            raise KeyStoreDamaged(path, error.reason, _PAYMENT_REMEDY) from error

    def forget_payment(self, payment: bytes) -> None:
        """One that was refused, and so never left."""
        with self._writing():
            private_files.remove_file(self._payment_path(payment))

    def _payment_path(self, payment: bytes) -> Path:
        return self._payments / f"{payment.hex()}.json"

    def keep_evidence(self, data: bytes) -> Path:
        """Keep what was found against the node in a file of its own, and return its path."""
        with self._writing():
            private_files.make_private_folder(self._evidence)
            path = self._evidence / f"{self._reserve_nonce():016d}.json"
            private_files.write_file(path, data)
            return path

    def _writing(self) -> AbstractContextManager[None]:
        return private_files.exclusive(self._lock)

    def _reserve_nonce(self) -> int:
        path = self._folder / "nonce"
        data = private_files.read_file(path, _FILE_BYTES_MAX)
        if data is not None and not _NONCE.fullmatch(data):
            raise KeyStoreDamaged(path, "it is not a number", _NONCE_REMEDY)
        last = -1 if data is None else int(data)
        nonce = max(last + 1, self._now_us())
        if nonce > records.NONCE_MAX:
            raise KeyStoreUnusable(path, f"no number from {nonce} to {records.NONCE_MAX} is left")
        private_files.write_file(path, b"%d\n" % nonce)
        return nonce

    def _order_path(self, nonce: int) -> Path:
        return self._outbox / f"{nonce:016d}.json"

    def _read_order(self, nonce: int) -> UnansweredOrder | None:
        path = self._order_path(nonce)
        data = private_files.read_file(path, _FILE_BYTES_MAX)
        if data is None:
            return None
        try:
            order = records.decode_order(data)
            if order.nonce != nonce:
                raise InvalidRecord("its nonce is not that of its name")
        except InvalidRecord as error:
            raise KeyStoreDamaged(path, error.reason, _ORDER_REMEDY) from error
        return order

    def _append_receipts(self, receipts: list[KeptReceipt]) -> None:
        lines = [records.encode_receipt(receipt) for receipt in receipts]
        private_files.append_lines(self._receipts, lines)
