"""An order in a file, unsent: it travels between officers until enough of them have signed.

::

    {
     "tallystick": "order/1",
     "circle": "5f1c...",
     "order": "k9k...",
     "text": "She stands in for Ann until spring",
     "salt": "v3J..."
    }
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from client.errors import AnswerInvalid, InvalidOrderFile
from client.json_fields import Fields, parse_fields
from client.records import SALT_BYTES, Memo
from ledger import keys, orders
from ledger.codec import from_base64url, to_base64url
from ledger.errors import TallystickError
from ledger.orders import SignedOrder

FILE_BYTES_MAX: Final = 131_072
_MARK = "order/1"


@dataclass(frozen=True, slots=True)
class SavedOrder:
    """A signed order whose signatures and text were verified."""

    signed: SignedOrder
    memo: Memo | None = field(default=None, repr=False)

    def cosigned(self, seed: bytes) -> SavedOrder:
        """With the signature of one more key."""
        return replace(self, signed=orders.cosign(self.signed, seed))


def write_order_file(path: Path, saved: SavedOrder) -> None:
    """Write it in place of what is there. Raises InvalidOrderFile."""
    record = {
        "tallystick": _MARK,
        "circle": saved.signed.order.header.circle.hex(),
        "order": to_base64url(saved.signed.wire),
    }
    if saved.memo is not None:
        record |= {"text": saved.memo.text, "salt": to_base64url(saved.memo.salt)}
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        unfinished.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise InvalidOrderFile(path, f"cannot be written ({error.strerror})") from None


def read_order_file(path: Path) -> SavedOrder:
    """Read and verify: every signature fits, and the text is the one committed to.

    Raises InvalidOrderFile.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise InvalidOrderFile(path, f"cannot be read ({error.strerror})") from None
    if len(data) > FILE_BYTES_MAX:
        raise InvalidOrderFile(path, f"is longer than {FILE_BYTES_MAX} bytes")
    try:
        return _parse(parse_fields(data, "the file"))
    except AnswerInvalid:
        raise InvalidOrderFile(path, "is not a file that --save has written") from None
    except TallystickError as error:
        raise InvalidOrderFile(path, f"holds no usable order: {str(error).rstrip('.')}") from None


def _parse(record: Fields) -> SavedOrder:
    if record.text("tallystick") != _MARK:
        raise AnswerInvalid("is of another kind")
    signed = orders.parse(from_base64url(record.text("order"), "signed order"))
    orders.verify_signatures(signed)
    if "text" not in record:
        return SavedOrder(signed)
    memo = Memo(record.text("text"), record.binary("salt"))
    commitment = keys.text_commitment(memo.salt, memo.text.encode())
    if len(memo.salt) != SALT_BYTES or signed.order.header.text != (commitment,):
        raise AnswerInvalid("has a text that is not the order's")
    return SavedOrder(signed, memo)
