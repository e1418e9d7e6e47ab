"""Orders: what a device signs (protocol.md, "Orders").

An order's body is one canonical array: ten header fields, then the fields of its kind. It travels
with the device's signature and, for weighty acts, other officers' signatures over the same body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ledger import charter, codec, declarations, keys
from ledger.acts import Act as Act
from ledger.acts import Amend as Amend
from ledger.acts import Appoint as Appoint
from ledger.acts import Assign as Assign
from ledger.acts import Assist as Assist
from ledger.acts import Claim as Claim
from ledger.acts import Close as Close
from ledger.acts import Defer as Defer
from ledger.acts import Dismiss as Dismiss
from ledger.acts import Enrol as Enrol
from ledger.acts import Freeze as Freeze
from ledger.acts import Hold as Hold
from ledger.acts import Holder as Holder
from ledger.acts import Invite as Invite
from ledger.acts import Join as Join
from ledger.acts import Levy as Levy
from ledger.acts import Limits as Limits
from ledger.acts import Mandate as Mandate
from ledger.acts import Object as Object
from ledger.acts import Open as Open
from ledger.acts import Pay as Pay
from ledger.acts import Payout as Payout
from ledger.acts import Redeem as Redeem
from ledger.acts import Release as Release
from ledger.acts import Reverse as Reverse
from ledger.acts import Revoke as Revoke
from ledger.acts import Sell as Sell
from ledger.acts import Settle as Settle
from ledger.acts import Thaw as Thaw
from ledger.acts import Uninvite as Uninvite
from ledger.acts import Unmandate as Unmandate
from ledger.acts import Veto as Veto
from ledger.codec import AMOUNT_MAX, Shape, array_of, ascii_text, binary, integer, one_of, optional
from ledger.errors import MalformedObject

ORDER_BYTES_MAX = 32_768
"""The largest signed order: 1,000 legs and sixteen cosignatures fit."""
LEGS_MAX = 1000
COSIGNATURES_MAX = 16
TEXT_BYTES_MAX = 2000
LIFETIME_MS_MAX = 24 * 3600 * 1000
"""No order lives longer than this after the log time at which it is decided."""

TREASURY, COMMUNITY, SUSPENSE = 1, 2, 3
"""The accounts every circle has."""
FIRST_MIRROR = 4
"""From here to the first member's, accounts mirror what is owed between this circle and another."""
FIRST_MEMBER = 101
"""Members' accounts and persons are numbered from here."""
PAPER_PERSON = 1
"""The person whose only device is the sealed paper key."""

OFFICES = ("coordinator", "auditor")
MANDATE_SCOPE = ("pay", "hold", "settle", "release", "claim", "object", "assign")
"""What a mandate can allow; also what may be done with a slip."""


class Header(NamedTuple):
    """Who orders, on what account, and for how long.

    ``account`` and ``person`` are 0 where there is none yet. ``expires`` is in Unix milliseconds.
    ``text`` is () or (commitment,); ``slip`` () or ((channel, number),); ``mandate`` () or
    (index of the entry that granted it,).
    """

    circle: bytes
    kind: str
    account: int
    person: int
    device: bytes
    nonce: int
    expires: int
    text: tuple[bytes, ...] = ()
    slip: tuple[tuple[str, str], ...] = ()
    mandate: tuple[int, ...] = ()


class Order(NamedTuple):
    """A header and what is ordered."""

    header: Header
    act: Act


class SignedOrder(NamedTuple):
    """An order as received: ``body`` is what was signed, ``wire`` what travelled, ``id`` its name.

    ``cosignatures`` are pairs of an officer's device key and a signature over the same body.
    """

    order: Order
    body: bytes
    signature: bytes
    cosignatures: tuple[tuple[bytes, bytes], ...]
    id: bytes
    wire: bytes


_number = integer(1)
_amount = integer(1)
_flag = integer(0, 1)
_time = integer(0)
_index = integer(0)
_key = binary(keys.KEY_BYTES)
_hash = binary(keys.HASH_BYTES)
_floor = integer(-AMOUNT_MAX, 0)
_ceiling = integer(0)
_evidence = optional(binary(1, 4096))
_reference = ascii_text(1, 64)
_legs = array_of(codec.record(account=_number, amount=_amount), 1, LEGS_MAX)
_slip = codec.record(channel=ascii_text(1, 32), number=ascii_text(1, 32))


def _absent(value: Any) -> None:
    if value != ():
        raise ValueError("it has no place in an order of this kind")


def _carried(shape: Shape, parse: Callable[[bytes], object]) -> Shape:
    """A byte string of ``shape`` that is itself an object, which ``parse`` accepts."""

    def check(value: Any) -> None:
        shape(value)
        try:
            parse(value)
        except MalformedObject as error:
            raise ValueError(str(error).removeprefix("This is ").rstrip(".")) from None

    return check


_point = _carried(_key, keys.check_public_key)
_enrolment = _carried(binary(1, 512), declarations.parse_enrolment)
_rules = _carried(binary(1, 1024), charter.decode_rules)

_HEADER: dict[str, Shape] = {
    "circle": _hash,
    "kind": ascii_text(1, 16),
    "account": integer(0),
    "person": integer(0),
    "device": _key,
    "nonce": integer(0),
    "expires": _time,
    "text": optional(_hash),
    "slip": optional(_slip),
    "mandate": optional(_index),
}

_KINDS: dict[str, tuple[type[Any], dict[str, Shape]]] = {
    "pay": (
        Pay,
        {
            "legs": _legs,
            "happened_on": optional(integer(0, 2_932_896)),  # 9999-12-31
            "request": optional(_hash),
        },
    ),
    "hold": (
        Hold,
        {
            "payee": optional(_number),
            "amount": _amount,
            "until": _time,
            "claim_window": optional(_time),
            "coordinator": _flag,
            "evidence": optional(_hash),
        },
    ),
    "settle": (
        Settle,
        {"hold": _index, "payee": _number, "amount": _amount, "evidence": _evidence},
    ),
    "release": (Release, {"hold": _index, "evidence": _evidence}),
    "claim": (Claim, {"hold": _index, "amount": _amount}),
    "object": (Object, {"hold": _index}),
    "assign": (
        Assign,
        {"hold": _index, "payee": optional(_number), "claim_window": optional(_time)},
    ),
    "defer": (Defer, {"hold": _index}),
    "sell": (Sell, {"amount": _amount, "reference": _reference}),
    "redeem": (Redeem, {"amount": _amount, "reference": _reference}),
    "levy": (Levy, {"legs": _legs}),
    "payout": (Payout, {"legs": _legs}),
    "reverse": (Reverse, {"entry": _index}),
    "invite": (
        Invite,
        {
            "key": _point,
            "floor": _floor,
            "ceiling": _ceiling,
            "starter": integer(0),
            "office": one_of("", *OFFICES),
            "until": _time,
        },
    ),
    "uninvite": (Uninvite, {"key": _key}),
    "join": (Join, {"invitation": _key, "signature": binary(keys.SIGNATURE_BYTES)}),
    "open": (
        Open,
        {
            "holder": optional(_number),
            "floor": _floor,
            "ceiling": _ceiling,
            "starter": integer(0),
            "deviceless": _flag,
            "enrolment": optional(_enrolment),
        },
    ),
    "close": (Close, {}),
    "limits": (Limits, {"floor": _floor, "ceiling": _ceiling}),
    "holder": (Holder, {"person": _number, "holds": _flag}),
    "assist": (Assist, {"deviceless": _flag}),
    "enrol": (
        Enrol,
        {
            "person": _number,
            "enrolment": _enrolment,
            "role": one_of("device", "recovery"),
            "present": _flag,
        },
    ),
    "revoke": (Revoke, {"device": _key}),
    "freeze": (Freeze, {"device": _key}),
    "thaw": (Thaw, {"device": _key}),
    "veto": (Veto, {"device": _key}),
    "mandate": (
        Mandate,
        {
            "person": _number,
            "scope": array_of(one_of(*MANDATE_SCOPE), 1, len(MANDATE_SCOPE)),
            "cap": integer(0),
            "window": integer(1),
            "until": _time,
        },
    ),
    "unmandate": (Unmandate, {"mandate": _index}),
    "appoint": (Appoint, {"person": _number, "office": one_of(*OFFICES)}),
    "dismiss": (Dismiss, {"person": _number, "office": one_of(*OFFICES)}),
    "amend": (Amend, {"rules": _rules}),
}

ORDER_KINDS = tuple(_KINDS)
WITHOUT_ACCOUNT = frozenset(
    "reverse invite uninvite join open enrol revoke freeze thaw veto unmandate appoint dismiss "
    "amend".split()
)
"""The kinds whose header names no account: it is 0 there. ``join`` names no person either."""


_KIND_OF: dict[type[Any], str] = {act: kind for kind, (act, _) in _KINDS.items()}


def _header_of(kind: str) -> dict[str, Shape]:
    """The header of one kind: whether it names an account and a person, and may have a slip or
    mandate, which only what a mandate can allow has a place for."""
    fields = dict(_HEADER)
    fields["account"] = integer(0, 0) if kind in WITHOUT_ACCOUNT else _number
    fields["person"] = integer(0, 0) if kind == "join" else _number
    if kind not in MANDATE_SCOPE:
        fields |= {"slip": _absent, "mandate": _absent}
    if kind == "join":
        fields["device"] = _point
    return fields


_SHAPES = {
    kind: codec.record(*_header_of(kind).items(), **fields) for kind, (_, fields) in _KINDS.items()
}
_HEADER_FIELDS = len(_HEADER)
_WIRE = codec.record(
    body=binary(1, ORDER_BYTES_MAX),
    signature=binary(keys.SIGNATURE_BYTES),
    cosignatures=array_of(
        codec.record(key=_key, signature=binary(keys.SIGNATURE_BYTES)), 0, COSIGNATURES_MAX
    ),
)


def kind_of(act: Act) -> str:
    """The name that an order with this act has in its header."""
    return _KIND_OF[type(act)]


def encode_order(order: Order) -> bytes:
    """The body of an order: what its device signs.

    Raises MalformedObject for fields out of bounds.
    """
    fields = (*order.header, *order.act)
    return codec.write(fields, _SHAPES[kind_of(order.act)], ORDER_BYTES_MAX, "order")


def decode_order(body: bytes) -> Order:
    """Parse a body. Raises MalformedObject, also for kinds that this version does not know."""
    fields = codec.unpack(body, ORDER_BYTES_MAX, "order")
    kind = fields[1] if len(fields) > 1 else None
    shape = _SHAPES.get(kind) if type(kind) is str else None
    if shape is None:
        raise MalformedObject("order", f"{kind!r:.40} is not a kind of order")
    codec.check(fields, shape, "order")
    act = _KINDS[fields[1]][0]
    return Order(Header._make(fields[:_HEADER_FIELDS]), act._make(fields[_HEADER_FIELDS:]))


def pack(
    body: bytes, signature: bytes, cosignatures: tuple[tuple[bytes, bytes], ...] = ()
) -> bytes:
    """The wire form of a signed body. Cosignatures are put in the order of their keys."""
    return codec.encode((body, signature, tuple(sorted(cosignatures))))


def parse(wire: bytes) -> SignedOrder:
    """Parse a signed order, its signatures not yet verified. Raises MalformedObject."""
    body, signature, cosignatures = codec.decode(wire, _WIRE, ORDER_BYTES_MAX, "signed order")
    if cosignatures:
        signers = [key for key, _ in cosignatures]
        if signers != sorted(set(signers)):
            raise MalformedObject(
                "signed order", "cosignatures are not in the order of distinct keys"
            )
    order = decode_order(body)
    return SignedOrder(order, body, signature, cosignatures, keys.object_id(keys.ORDER, body), wire)


def sign_order(order: Order, seed: bytes) -> SignedOrder:
    """Sign with the device's 32-byte seed; the header's ``device`` is the caller's to set right."""
    body = encode_order(order)
    signature = keys.sign(keys.ORDER, body, seed)
    wire = pack(body, signature)
    return SignedOrder(order, body, signature, (), keys.object_id(keys.ORDER, body), wire)


def cosign(signed: SignedOrder, seed: bytes) -> SignedOrder:
    """Add another officer's signature over the same body."""
    mine = (keys.public_key(seed), keys.sign(keys.ORDER, signed.body, seed))
    others = tuple(pair for pair in signed.cosignatures if pair[0] != mine[0])
    cosignatures = tuple(sorted((*others, mine)))
    return signed._replace(
        cosignatures=cosignatures, wire=pack(signed.body, signed.signature, cosignatures)
    )


class Signature(NamedTuple):
    """One signature to be verified: the arguments of :func:`ledger.keys.verify`."""

    context: bytes
    body: bytes
    signature: bytes
    key: bytes


def signatures(signed: SignedOrder) -> list[Signature]:
    """All that have to be good: the device's and every cosigner's over the body, and that of
    whatever signed object the order carries."""
    header, act = signed.order
    body = signed.body
    found = [Signature(keys.ORDER, body, signed.signature, header.device)]
    for key, signature in signed.cosignatures:
        found.append(Signature(keys.ORDER, body, signature, key))
    match act:
        case Enrol():
            found.append(Signature._make(declarations.enrolment_signature(act.enrolment)))
        case Open(enrolment=(enrolment,)):
            found.append(Signature._make(declarations.enrolment_signature(enrolment)))
        case Join():
            invited = declarations.invitation_body(header.circle, header.device)
            found.append(Signature(keys.INVITATION, invited, act.signature, act.invitation))
        case _:
            pass
    return found


def verify_signatures(signed: SignedOrder) -> None:
    """Raise InvalidSignature unless all of its :func:`signatures` are good."""
    for signature in signatures(signed):
        keys.verify(*signature)
