"""Other circles as this device first saw them, and what it sent there: what is kept of both.

With the header of a payment anybody can check the other circle's answer to it; with the order in
the receipt of what was set aside, that its payer asked for just this.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from client.records import (
    KEY_BYTES,
    LINE_MAX,
    MEMO_BYTES_MAX,
    VERSION,
    decode_unit,
    unit_record,
)
from client.strict_json import (
    as_bytes,
    as_fields,
    as_hex,
    as_integer,
    as_line,
    as_list,
    as_text,
    parse_json,
    refuse,
    text_of_bytes,
)
from ledger.amount import Unit
from ledger.errors import MalformedObject

if TYPE_CHECKING:
    # Imported here and below, because a help text is shown faster without libsodium.
    from ledger.federation.payment import PaymentHeader

CIRCLES_MAX: Final = 500
HEADER_BYTES_MAX: Final = 256
SEALED_BYTES_MAX: Final = 2400
SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class OtherCircle:
    """The circle at an address: its 32-byte id, which its identity key proves, and its name."""

    address: str
    circle: bytes
    name: str


@dataclass(frozen=True, slots=True)
class SentPayment:
    """A payment into another circle. ``header`` and ``sealed`` are as they travel.

    ``who`` is ``name@address``; ``circle`` the other circle's name, ``url`` its node, ``unit`` what
    it counts in, if that is known. At most ``most`` minor units of ``account`` go. ``commit`` is
    the other circle's signature once it is verified, ``returned`` why it came back, else "".
    """

    header: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    account: int
    most: int
    who: str
    text: str | None
    circle: str
    url: str
    unit: Unit | None
    commit: bytes | None = None
    returned: str = ""

    @property
    def id(self) -> bytes:
        """T, the payment's 32-byte id."""
        from ledger.federation.payment import payment_id

        return payment_id(self.header)

    @property
    def terms(self) -> PaymentHeader:
        """What the header says."""
        from ledger.federation.payment import decode_header

        return decode_header(self.header)


def encode_circles(circles: tuple[OtherCircle, ...]) -> bytes:
    """The file. Raises InvalidRecord for what ``decode_circles`` would refuse."""
    listed = [
        {"address": each.address, "circle": each.circle.hex(), "name": each.name}
        for each in circles
    ]
    data = json.dumps({"version": VERSION, "circles": listed}, indent=1).encode() + b"\n"
    decode_circles(data)
    return data


def decode_circles(data: bytes) -> tuple[OtherCircle, ...]:
    """Raises InvalidRecord."""
    record = as_fields(parse_json(data), "the file", "version", "circles")
    as_integer(record["version"], "version", VERSION, VERSION)
    found = []
    for item in as_list(record["circles"], "circles", CIRCLES_MAX):
        circle = as_fields(item, "a circle", "address", "circle", "name")
        found.append(
            OtherCircle(
                as_line(circle["address"], "its address", LINE_MAX),
                as_hex(circle["circle"], "its id", KEY_BYTES),
                as_line(circle["name"], "its name", 2 * LINE_MAX),
            )
        )
    return tuple(found)


_FIELDS = (
    *("version", "header", "sealed", "account", "most", "who", "text", "circle", "url", "unit"),
    *("commit", "returned"),
)


def encode_payment(payment: SentPayment) -> bytes:
    """The file of a payment. Raises InvalidRecord for what ``decode_payment`` would refuse."""
    record = {
        "version": VERSION,
        "header": text_of_bytes(payment.header),
        "sealed": text_of_bytes(payment.sealed),
        "account": payment.account,
        "most": payment.most,
        "who": payment.who,
        "text": payment.text,
        "circle": payment.circle,
        "url": payment.url,
        "unit": None if payment.unit is None else unit_record(payment.unit),
        "commit": None if payment.commit is None else payment.commit.hex(),
        "returned": payment.returned,
    }
    data = json.dumps(record, indent=1).encode() + b"\n"
    if decode_payment(data) != payment:
        refuse("it", "has values of other types than it should")
    return data


def decode_payment(data: bytes) -> SentPayment:
    """Raises InvalidRecord."""
    record = as_fields(parse_json(data), "the file", *_FIELDS)
    as_integer(record["version"], "version", VERSION, VERSION)
    text, unit, commit = record["text"], record["unit"], record["commit"]
    payment = SentPayment(
        header=as_bytes(record["header"], "header", HEADER_BYTES_MAX),
        sealed=as_bytes(record["sealed"], "sealed", SEALED_BYTES_MAX),
        account=as_integer(record["account"], "account"),
        most=as_integer(record["most"], "most", 1),
        who=as_line(record["who"], "who", LINE_MAX),
        text=None if text is None else as_text(text, "text", MEMO_BYTES_MAX),
        circle=as_line(record["circle"], "circle", 2 * LINE_MAX),
        url=as_line(record["url"], "url", LINE_MAX, may_be_empty=True),
        unit=None if unit is None else decode_unit(unit),
        commit=None if commit is None else as_hex(commit, "commit", SIGNATURE_BYTES),
        returned=as_line(record["returned"], "returned", 64, may_be_empty=True),
    )
    try:
        _ = payment.terms
    except MalformedObject:
        refuse("header", "is no payment's")
    return payment
