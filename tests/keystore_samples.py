"""Memberships, orders and receipts for the tests of the key store."""

from __future__ import annotations

from client.keystore import (
    KeptOrder,
    KeptReceipt,
    Memo,
    Opening,
    PinnedCircle,
    UnansweredOrder,
)
from ledger.amount import Unit, UnitKind

NOW_US = 1_790_000_000_000_000
SEED = bytes(range(32))
CIRCLE = PinnedCircle(
    circle_id=bytes([7]) * 32,
    name="Peckham Circle — für alle",
    unit=Unit("hour", "hours", UnitKind.MINUTES),
    node_url="https://peckham.example",
    origin="peckham.example/tallystick/0707070707070707/1",
    log_vkey="peckham.example/tallystick/0707070707070707/1+00000000+AAAA",
)


def unanswered(nonce: int, intent: str = "pay 102 90") -> UnansweredOrder:
    """An order whose bytes are its own."""
    return UnansweredOrder(nonce, intent, b"signed %d" % nonce, Memo("Hedge & roses 🌹", bytes(32)))


def receipt(index: int, leaf: bytes = b"leaf", wire: bytes = b"signed") -> KeptReceipt:
    """A receipt with everything that one can have."""
    return KeptReceipt(
        index=index,
        leaf=leaf,
        proof=f"c2sp.org/tlog-proof@v1\nindex {index}\n",
        openings=(Opening(b"posting", bytes(32), 1, 2, (bytes([1]) * 32, bytes([2]) * 32)),),
        order=KeptOrder("member", wire, bytes([3]) * 32),
        memo=Memo("two lines\nof thanks", bytes([4]) * 32),
    )
