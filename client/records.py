"""What a member's device keeps, and the JSON it is kept in.

Reading is strict: exact fields, exact types, a limit on everything, and InvalidRecord for whatever
else is there. What is written was read back first, so nothing is kept that could not be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from client.errors import InvalidRecord
from client.strict_json import (
    as_bytes,
    as_fields,
    as_hex,
    as_integer,
    as_line,
    as_list,
    as_object,
    as_text,
    parse_json,
    refuse,
    text_of_bytes,
)
from ledger.amount import AMOUNT_MAX, Unit, UnitKind
from ledger.errors import InvalidAmount

VERSION: Final = 1
KEY_BYTES: Final = 32
SALT_BYTES: Final = 32
NONCE_MAX: Final = AMOUNT_MAX
ACCOUNTS_MAX: Final = 1000
OPENINGS_MAX: Final = 100
PATH_MAX: Final = 64
LABEL_MAX: Final = 64
LINE_MAX: Final = 400
ORDER_BYTES_MAX: Final = 65_536
ROUTE_BYTES_MAX: Final = 8_192
LEAF_BYTES_MAX: Final = 16_384
POSTING_BYTES_MAX: Final = 1_024
MEMO_BYTES_MAX: Final = 4_096
NOTE_BYTES_MAX: Final = 65_536

_NODE_URL = re.compile(r"https?://[!-~]+")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PinnedCircle:
    """A circle as it was when the member joined, or as its charter has changed it since.

    ``circle_id`` is 32 bytes, ``node_url`` http or https, ``log_vkey`` the verifier key of its log
    (c2sp.org/signed-note), ``origin`` the first line of its checkpoints.
    """

    circle_id: bytes
    name: str
    unit: Unit
    node_url: str
    origin: str
    log_vkey: str


@dataclass(frozen=True, slots=True)
class Membership:
    """One person's place in one circle, with the public key (32 bytes) of this device.

    ``name`` is what this device calls it. ``person`` is None until the circle has answered.
    """

    name: str
    circle: PinnedCircle
    device_key: bytes
    device_label: str
    person: int | None = None
    accounts: tuple[int, ...] = ()
    has_passphrase: bool = False

    @property
    def is_pending(self) -> bool:
        """True while the circle's answer to the request to join is not known here."""
        return self.person is None


@dataclass(frozen=True, slots=True)
class SealedSeed:
    """A seed under a passphrase: Argon2id's operations, memory (bytes) and salt, and the AEAD."""

    operations: int
    memory: int
    salt: bytes
    nonce: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Memo:
    """Free text that travels beside an order, and the 32-byte salt its commitment was made with."""

    text: str = field(repr=False)
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class UnansweredOrder:
    """A signed order, to be sent again byte for byte until the node answers.

    ``intent`` says what the member asked for, in the caller's own words: what is asked for twice
    before it was answered is signed once. ``wire`` is the signed order, ``route`` what stands
    beside one that pays into another circle.
    """

    nonce: int
    intent: str
    wire: bytes = field(repr=False)
    memo: Memo | None = None
    route: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens one posting of a leaf; the arguments of ``ledger.entry.verify_posting``."""

    posting: bytes
    salt: bytes = field(repr=False)
    position: int
    count: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class KeptOrder:
    """What opens a leaf's commitment to its order: the authority, the order and a 32-byte salt."""

    authority: str
    wire: bytes = field(repr=False)
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """An entry of the log as its party can prove it. ``proof`` is a c2sp.org/tlog-proof."""

    index: int
    leaf: bytes
    proof: str
    openings: tuple[Opening, ...] = ()
    order: KeptOrder | None = None
    memo: Memo | None = None


def encode_membership(membership: Membership, seed: bytes | SealedSeed) -> bytes:
    """The membership's file. Raises InvalidRecord for what ``decode_membership`` would refuse."""
    record = _public_part(membership)
    if isinstance(seed, SealedSeed):
        record["sealed"] = {
            "operations": seed.operations,
            "memory": seed.memory,
            "salt": seed.salt.hex(),
            "nonce": seed.nonce.hex(),
            "seed": seed.sealed.hex(),
        }
    else:
        record["seed"] = seed.hex()
    data = json.dumps(record, indent=1).encode() + b"\n"
    return _read_back(
        data, (membership, seed), lambda data: decode_membership(data, membership.name)
    )


def decode_membership(data: bytes, name: str) -> tuple[Membership, bytes | SealedSeed]:
    """The membership and its seed, which may be sealed. Raises InvalidRecord."""
    whole = as_object(parse_json(data), "the file")
    protection = "sealed" if "sealed" in whole else "seed"
    record = as_fields(
        whole, "the file", "version", "circle", "device", "person", "accounts", protection
    )
    as_integer(record["version"], "version", VERSION, VERSION)
    device = as_fields(record["device"], "device", "key", "label")
    accounts = tuple(
        as_integer(account, "account")
        for account in as_list(record["accounts"], "accounts", ACCOUNTS_MAX)
    )
    if len(set(accounts)) < len(accounts):
        refuse("accounts", "has one of them twice")
    membership = Membership(
        name=name,
        circle=_decode_circle(record["circle"]),
        device_key=as_hex(device["key"], "device key", KEY_BYTES),
        device_label=as_line(device["label"], "device label", LABEL_MAX, may_be_empty=True),
        person=None if record["person"] is None else as_integer(record["person"], "person"),
        accounts=accounts,
        has_passphrase=protection == "sealed",
    )
    if protection == "seed":
        return membership, as_hex(record["seed"], "seed", KEY_BYTES)
    sealed = as_fields(record["sealed"], "sealed", "operations", "memory", "salt", "nonce", "seed")
    return membership, SealedSeed(
        operations=as_integer(sealed["operations"], "operations", 1, 10),
        memory=as_integer(sealed["memory"], "memory", 8192, 2**28),
        salt=as_hex(sealed["salt"], "salt", 16),
        nonce=as_hex(sealed["nonce"], "nonce", 24),
        sealed=as_hex(sealed["seed"], "sealed seed", KEY_BYTES + 16),
    )


def bound_fields(membership: Membership) -> bytes:
    """The associated data of a sealed seed: all else in the file, so that none of it is swapped."""
    public = json.dumps(_public_part(membership), sort_keys=True, separators=(",", ":"))
    return b"tallystick/key-store/v1\0" + public.encode()


def encode_order(order: UnansweredOrder) -> bytes:
    """The file of an order. Raises InvalidRecord for what ``decode_order`` would refuse."""
    record = {
        "version": VERSION,
        "nonce": order.nonce,
        "intent": order.intent,
        "wire": text_of_bytes(order.wire),
        "memo": _memo_record(order.memo),
        "route": None if order.route is None else text_of_bytes(order.route),
    }
    return _read_back(json.dumps(record).encode() + b"\n", order, decode_order)


def decode_order(data: bytes) -> UnansweredOrder:
    """Raises InvalidRecord."""
    fields = ("version", "nonce", "intent", "wire", "memo", "route")
    record = as_fields(parse_json(data), "the file", *fields)
    as_integer(record["version"], "version", VERSION, VERSION)
    return UnansweredOrder(
        nonce=as_integer(record["nonce"], "nonce"),
        intent=as_line(record["intent"], "intent", LINE_MAX),
        wire=as_bytes(record["wire"], "wire", ORDER_BYTES_MAX),
        memo=_decode_memo(record["memo"]),
        route=None
        if record["route"] is None
        else as_bytes(record["route"], "route", ROUTE_BYTES_MAX),
    )


def encode_receipt(receipt: KeptReceipt) -> bytes:
    """A line without its end. Raises InvalidRecord for what ``decode_receipt`` would refuse."""
    record = {
        "version": VERSION,
        "index": receipt.index,
        "leaf": text_of_bytes(receipt.leaf),
        "proof": receipt.proof,
        "openings": [
            {
                "posting": text_of_bytes(opening.posting),
                "salt": opening.salt.hex(),
                "position": opening.position,
                "count": opening.count,
                "path": [step.hex() for step in opening.path],
            }
            for opening in receipt.openings
        ],
        "order": _kept_order_record(receipt.order),
        "memo": _memo_record(receipt.memo),
    }
    return _read_back(json.dumps(record).encode(), receipt, decode_receipt)


def decode_receipt(line: bytes) -> KeptReceipt:
    """Raises InvalidRecord."""
    record = as_fields(
        parse_json(line),
        "the line",
        "version",
        "index",
        "leaf",
        "proof",
        "openings",
        "order",
        "memo",
    )
    as_integer(record["version"], "version", VERSION, VERSION)
    openings = as_list(record["openings"], "openings", OPENINGS_MAX)
    return KeptReceipt(
        index=as_integer(record["index"], "index"),
        leaf=as_bytes(record["leaf"], "leaf", LEAF_BYTES_MAX),
        proof=as_text(record["proof"], "proof", NOTE_BYTES_MAX),
        openings=tuple(_decode_opening(opening) for opening in openings),
        order=_decode_kept_order(record["order"]),
        memo=_decode_memo(record["memo"]),
    )


def _public_part(membership: Membership) -> dict[str, object]:
    circle = membership.circle
    return {
        "version": VERSION,
        "circle": {
            "id": circle.circle_id.hex(),
            "name": circle.name,
            "unit": unit_record(circle.unit),
            "node_url": circle.node_url,
            "origin": circle.origin,
            "log_vkey": circle.log_vkey,
        },
        "device": {"key": membership.device_key.hex(), "label": membership.device_label},
        "person": membership.person,
        "accounts": list(membership.accounts),
    }


def _decode_circle(value: object) -> PinnedCircle:
    circle = as_fields(value, "circle", "id", "name", "unit", "node_url", "origin", "log_vkey")
    node_url = as_line(circle["node_url"], "node_url", LINE_MAX)
    if not _NODE_URL.fullmatch(node_url):
        refuse("node_url", "is not an http or https address")
    return PinnedCircle(
        circle_id=as_hex(circle["id"], "circle id", KEY_BYTES),
        name=as_line(circle["name"], "circle name", LINE_MAX),
        unit=decode_unit(circle["unit"]),
        node_url=node_url,
        origin=as_line(circle["origin"], "origin", LINE_MAX),
        log_vkey=as_line(circle["log_vkey"], "log_vkey", LINE_MAX),
    )


def unit_record(unit: Unit) -> dict[str, object]:
    """A unit as it is kept."""
    return {
        "name": unit.name,
        "plural": unit.plural,
        "kind": unit.kind.value,
        "scale": unit.scale,
    }


def decode_unit(value: object) -> Unit:
    """Raises InvalidRecord."""
    unit = as_fields(value, "unit", "name", "plural", "kind", "scale")
    kind = as_line(unit["kind"], "kind of unit", LABEL_MAX)
    try:
        return Unit(
            name=as_line(unit["name"], "unit name", LABEL_MAX),
            plural=as_line(unit["plural"], "unit plural", LABEL_MAX),
            kind=UnitKind(kind),
            scale=as_integer(unit["scale"], "scale"),
        )
    except (InvalidAmount, ValueError) as error:
        raise InvalidRecord(f"the unit is none ({str(error).rstrip('.')})") from error


def _decode_opening(value: object) -> Opening:
    opening = as_fields(value, "opening", "posting", "salt", "position", "count", "path")
    return Opening(
        posting=as_bytes(opening["posting"], "posting", POSTING_BYTES_MAX),
        salt=as_hex(opening["salt"], "posting salt", SALT_BYTES),
        position=as_integer(opening["position"], "position"),
        count=as_integer(opening["count"], "count"),
        path=tuple(as_hex(step, "step", 32) for step in as_list(opening["path"], "path", PATH_MAX)),
    )


def _kept_order_record(order: KeptOrder | None) -> dict[str, object] | None:
    if order is None:
        return None
    wire = text_of_bytes(order.wire)
    return {"authority": order.authority, "wire": wire, "salt": order.salt.hex()}


def _decode_kept_order(value: object) -> KeptOrder | None:
    if value is None:
        return None
    order = as_fields(value, "order", "authority", "wire", "salt")
    return KeptOrder(
        authority=as_line(order["authority"], "authority", LABEL_MAX),
        wire=as_bytes(order["wire"], "wire", ORDER_BYTES_MAX),
        salt=as_hex(order["salt"], "order salt", SALT_BYTES),
    )


def _memo_record(memo: Memo | None) -> dict[str, object] | None:
    return {"text": memo.text, "salt": memo.salt.hex()} if memo else None


def _decode_memo(value: object) -> Memo | None:
    if value is None:
        return None
    memo = as_fields(value, "memo", "text", "salt")
    return Memo(
        text=as_text(memo["text"], "memo", MEMO_BYTES_MAX),
        salt=as_hex(memo["salt"], "memo salt", SALT_BYTES),
    )


def _read_back(data: bytes, original: _T, decode: Callable[[bytes], _T]) -> bytes:
    if decode(data) != original:
        refuse("it", "has values of other types than it should")
    return data
