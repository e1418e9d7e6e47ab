"""Opening one row of ``entries``: all of it that can be checked without any other row.

The work is in signatures, hashes and canonical forms, and every row is for itself, so it is done in
processes of its own (see log.py). The contexts are those of protocol.md, "Signing".
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Any, NamedTuple

from ledger import codec, merkle
from ledger.errors import MalformedObject
from node.check.fields import (
    DECLARATION,
    ENROLMENT,
    LEAF,
    ORDER_BYTES_MAX,
    ORDERS,
    POSTING,
    SIGNED_ORDER,
    fit,
    read,
)
from node.check.findings import WrongEntry
from node.check.link_fields import read_agreement, read_message, read_statement
from node.check.signing import check_point, is_signed

LEAF_BYTES_MAX = 8192
POSTINGS_BYTES_MAX = 1 << 20
NO_POSTINGS = b"\x90"
OWN_KINDS = ("charter", "state")
"""The entries that the circle makes itself, without an order."""
BETWEEN_KINDS = ("link", "arrive", "relay")
"""Those that stand on what circles signed for each other; others may, with the authority peer."""

Row = tuple[int, int, bytes, str, bytes, bytes, bytes]
"""index, log_time, leaf, authority, wire, secret, postings: as in the table ``entries``."""


class Opened(NamedTuple):
    """What one row says. Everything from ``order`` on is empty for the circle's own entries.

    ``lines`` are the postings' fields, ``hashes`` their leaf hashes. ``order`` is the kind in the
    order's header, ``act`` what comes after the header; ``enrolment`` is () or (circle, device,
    created, label). Of an entry between circles ``act`` is what it stands on: "agreement",
    "message" or "statement", and its fields; ``wire`` has the bytes, and ``order`` is "".
    """

    number: int
    kind: str
    now: int
    public: bytes
    authority: str
    personal: tuple[bytes, ...]
    leaf_hash: bytes
    lines: tuple[tuple[int, int, int, int, int, bytes], ...]
    hashes: list[bytes]
    signatures: int
    order: str = ""
    circle: bytes = b""
    account: int = 0
    person: int = 0
    device: bytes = b""
    nonce: int = 0
    expires: int = 0
    slip: tuple[tuple[str, str], ...] = ()
    mandate: tuple[int, ...] = ()
    act: tuple[Any, ...] = ()
    cosigners: tuple[bytes, ...] = ()
    enrolment: tuple[Any, ...] = ()
    wire: bytes = b""


def open_rows(rows: Sequence[Row]) -> list[tuple[Any, ...] | str]:
    """Each row's fields of Opened, or what is wrong with it."""
    opened: list[tuple[Any, ...] | str] = []
    for row in rows:
        try:
            opened.append(tuple(open_row(row)))
        except (WrongEntry, MalformedObject) as error:
            opened.append(str(error).removesuffix("."))
    return opened


def open_row(row: Row) -> Opened:
    """Raises WrongEntry, MalformedObject."""
    index, log_time, leaf, authority, wire, secret, postings = row
    _, kind, now, public, order, root, personal = read(leaf, LEAF, LEAF_BYTES_MAX, "leaf")
    if now != log_time:
        raise WrongEntry(f"its row has the log time {log_time}, its leaf {now}")
    lines, hashes = open_postings(postings, secret)
    if root != ((merkle.root(hashes),) if hashes else ()):
        raise WrongEntry("its postings are not those that its leaf commits to")
    common = (index, kind, now, public, authority, personal, merkle.leaf_hash(leaf), lines, hashes)
    if kind in OWN_KINDS:
        if wire or order or personal or authority != "circle":
            raise WrongEntry(f"a {kind} entry is the circle's own, without order or text")
        return Opened(*common, 0)
    committed = b"tallystick/opening/v1\0" + salt(secret, 0) + authority.encode() + b"\0" + wire
    if order != (sha256(committed).digest(),):
        raise WrongEntry("its order, or its authority, is not what its leaf commits to")
    if kind in BETWEEN_KINDS or authority == "peer":
        return Opened(*common, 0, act=_open_between(kind, wire), wire=wire)
    return _open_order(common, wire)


def _open_between(kind: str, wire: bytes) -> tuple[Any, ...]:
    """What an entry between circles stands on. Raises WrongEntry, MalformedObject."""
    if kind == "link":
        *fields, low, high = read_agreement(wire)
        return ("agreement", *fields, tuple(low), tuple(high))
    try:
        return ("message", *read_message(wire))
    except (WrongEntry, MalformedObject):
        if kind != "relay":
            raise
        return ("statement", *read_statement(wire))


def salt(secret: bytes, position: int) -> bytes:
    """The salt of an entry's order (0) or posting (1 and up)."""
    return sha256(b"tallystick/salt/v1\0" + secret + position.to_bytes(4, "big")).digest()


def open_postings(body: bytes, secret: bytes) -> tuple[tuple[Any, ...], list[bytes]]:
    """The postings and their leaf hashes. Raises WrongEntry, MalformedObject."""
    if body == NO_POSTINGS:
        return (), []
    lines = codec.unpack(body, POSTINGS_BYTES_MAX, "array of postings")
    hashes = []
    for position, line in enumerate(lines, 1):
        if type(line) is not tuple:
            raise WrongEntry(f"posting {position} is no array")
        fit(line, POSTING, "posting")
        salted = b"tallystick/posting/v1\0" + salt(secret, position) + codec.encode(line)
        hashes.append(merkle.leaf_hash(salted))
    return lines, hashes


def _open_order(common: tuple[Any, ...], wire: bytes) -> Opened:
    _, kind, _, _, _, personal, *_ = common
    body, signature, cosignatures = read(wire, SIGNED_ORDER, ORDER_BYTES_MAX, "signed order")
    fields = codec.unpack(body, ORDER_BYTES_MAX, "order")
    order = fields[1] if len(fields) > 1 else None
    if type(order) is not str or order not in ORDERS:
        raise WrongEntry("its order is of no known kind")
    fit(fields, ORDERS[order], f"{order} order")
    circle, _, account, person, device, nonce, expires, text, slip, mandate, *act = fields
    if kind != ("open" if order == "join" else order):
        raise WrongEntry(f"it is logged as {kind} and its order is {order}")
    if personal != text:
        raise WrongEntry("its text is not the one that its order commits to")
    cosigners = tuple(key for key, _ in cosignatures)
    if any(left >= right for left, right in pairwise(cosigners)):
        raise WrongEntry("its cosignatures are not in the order of distinct keys")
    signed = b"tallystick/order/v1\0" + body
    for key, by in ((device, signature), *cosignatures):
        if not is_signed(signed, by, key):
            raise WrongEntry(f"the order's signature by the key {key.hex()} is forged")
    enrolment, more = _declared(order, circle, device, act)
    header = (order, circle, account, person, device, nonce, expires, slip, mandate)
    signatures = 1 + len(cosigners) + more
    return Opened._make((*common, signatures, *header, tuple(act), cosigners, enrolment, b""))


def _declared(
    order: str, circle: bytes, device: bytes, act: Sequence[Any]
) -> tuple[tuple[Any, ...], int]:
    """The enrolment inside an order, and how many signatures within it were verified."""
    if order == "join":
        invitation, signature = act
        chosen = b"tallystick/invitation/v1\0" + codec.encode((circle, device))
        if not is_signed(chosen, signature, invitation):
            raise WrongEntry("the invitation did not choose this device")
        check_point(device)
        return (), 1
    if order == "invite":
        check_point(act[0])
    wires = act[5] if order == "open" else (act[1],) if order == "enrol" else ()
    for wire in wires:
        fields = open_declaration(wire, ENROLMENT, b"tallystick/enrolment/v1\0", "enrolment")
        check_point(fields[1])
        return fields, 1
    return (), 0


def open_declaration(wire: bytes, table: Any, context: bytes, what: str) -> tuple[Any, ...]:
    """The fields of a signed [body, signature] whose table names its ``device``.

    Raises WrongEntry, MalformedObject.
    """
    body, signature = read(wire, DECLARATION, 1024, what)
    fields = read(body, table, 512, what)
    place = [name for name, _ in table].index("device")
    if not is_signed(context + body, signature, fields[place]):
        raise WrongEntry(f"the {what}'s signature is forged")
    return fields
