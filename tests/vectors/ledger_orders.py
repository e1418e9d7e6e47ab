"""Vectors of orders: one of every kind, and what is no order."""

from __future__ import annotations

from typing import Any

import msgpack

from ledger import codec, keys, orders
from ledger.charter import encode_rules
from ledger.codec import AMOUNT_MAX
from ledger.declarations import sign_invitation
from ledger.orders import Act, Order, SignedOrder, cosign, kind_of, sign_order
from tests.circle import NOON, RULES, key, seed
from tests.ledger.samples import ACTS, CIRCLE, ENROLMENT, HASH, make_order
from tests.ledger.spelling import FOREIGN, element, other_spellings, spell

Case = dict[str, Any]
Files = dict[str, tuple[str, list[Case]]]

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493

PLAIN: tuple[tuple[str, Act], ...] = (
    ("A payment that names no day and no request.", orders.Pay(((102, 1),))),
    ("A hold for nobody yet that only its payer resolves.", orders.Hold((), 60, NOON)),
    ("A settlement without evidence.", orders.Settle(7, 102, 60)),
    ("A release without evidence.", orders.Release(7)),
    ("What was set aside is handed back.", orders.Assign(7, ())),
    ("An invitation to no office.", orders.Invite(key("code"), 0, 0, 0, "", NOON)),
    (
        "An account for a new person without a device.",
        orders.Open((), 0, 0, 0, 1, ()),
    ),
)
INTEGERS = (0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, AMOUNT_MAX)
NEGATIVE = (-1, -32, -33, -128, -129, -32_768, -32_769, -(2**31), -(2**31) - 1, -AMOUNT_MAX)


def render(value: Any) -> Any:
    """As JSON: bytes as hex, arrays as lists, what has named fields as an object."""
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "_asdict"):
        return {name: render(part) for name, part in value._asdict().items()}
    if isinstance(value, tuple):
        return [render(part) for part in value]
    return value


def order_files() -> Files:
    """Path to (about, cases)."""
    return {
        "valid/order.json": (
            "orders: header, act, the body that is signed, the wire, and the id",
            [*_kinds(), *_variants(), *_integers(), *_legs(), *_cosigned(), *_many()],
        ),
        "invalid/order.json": (
            "wires that are no order, or whose signatures do not fit",
            [*_malformed(), *_out_of_bounds(), *_not_canonical(), *_forged(), *_bounded()],
        ),
    }


def _case(shows: str, signed: SignedOrder) -> Case:
    return {
        "shows": shows,
        "device_seed": seed("phone").hex(),
        "header": render(signed.order.header),
        "act": render(signed.order.act),
        "body": signed.body.hex(),
        "signature": signed.signature.hex(),
        "cosignatures": render(signed.cosignatures),
        "wire": signed.wire.hex(),
        "id": signed.id.hex(),
    }


def _sign(order: Order) -> SignedOrder:
    return sign_order(order, seed("phone"))


def _kinds() -> list[Case]:
    return [
        _case(
            f"An order of the kind {kind_of(act)}, with all that it can have.",
            _sign(make_order(act)),
        )
        for act in ACTS
    ]


def _variants() -> list[Case]:
    cases = []
    for shows, act in PLAIN:
        order = make_order(act)
        header = order.header._replace(text=(), slip=(), mandate=())
        cases.append(_case(shows, _sign(Order(header, act))))
    return cases


def _integers() -> list[Case]:
    """The shortest spelling of integers of every length."""
    cases = []
    order = make_order(orders.Pay(((102, 1),)))
    for number in INTEGERS:
        header = order.header._replace(nonce=number)
        cases.append(
            _case(
                f"The nonce {number} is spelt as short as can be.", _sign(Order(header, order.act))
            )
        )
    for number in NEGATIVE:
        act = orders.Limits(number, 0)
        cases.append(
            _case(f"The floor {number} is spelt as short as can be.", _sign(make_order(act)))
        )
    return cases


def _legs() -> list[Case]:
    cases = []
    for count in (15, 16):
        legs = tuple((101 + number, AMOUNT_MAX // 16) for number in range(count))
        shows = f"{count} legs, which takes {'one byte' if count < 16 else 'three bytes'} to say."
        cases.append(_case(shows, _sign(make_order(orders.Payout(legs)))))
    return cases


def _cosigned() -> list[Case]:
    signed = _sign(make_order(orders.Appoint(102, "auditor")))
    both = cosign(cosign(signed, seed("paper")), seed("ben"))
    return [
        _case("Cosignatures stand in the order of their keys, and do not change the id.", both),
    ]


PAY = _sign(make_order(orders.Pay(((102, 1), (103, 250)), (20_833,), (HASH,))))
BODY = codec.unpack(PAY.body, 1_024, "order")


def _wire(body: bytes, signature: bytes = bytes(64)) -> bytes:
    return codec.encode((body, signature, ()))


def _refused(why: str, wire: bytes, error: str = "malformed") -> Case:
    return {"why": why, "error": error, "wire": wire.hex()}


def _malformed() -> list[Case]:
    join = make_order(orders.Join(key("code"), bytes(64)))
    weak = bytes.fromhex("ec" + "ff" * 30 + "7f")
    body = PAY.body
    changes: list[tuple[str, tuple[int, ...], Any]] = [
        ("The kind is unknown.", (1,), "give"),
        ("A kind of entry is no kind of order.", (1,), "charter"),
        ("The circle's id has 31 bytes.", (0,), HASH[:31]),
        ("A payment names an account.", (2,), 0),
        ("An order but a joining names a person.", (3,), 0),
        ("An optional field is an array of none or one.", (7,), (HASH, HASH)),
        ("An optional field is an array, not the value.", (7,), HASH),
        ("The channel of a slip is not ASCII.", (8, 0, 0), "caf\xe9"),
        ("The channel of a slip does not print.", (8, 0, 0), "tab\t"),
        ("The number of a slip has 33 characters.", (8, 0, 1), "1" * 33),
        ("No legs.", (10,), ()),
        ("1,001 legs.", (10,), tuple((number, 1) for number in range(1, 1_002))),
        ("A leg of three fields.", (10, 0), (102, 1, 1)),
        ("A day after the year 9999.", (11, 0), 2_932_897),
    ]
    cases = [
        _refused(why, _wire(spell(BODY, place, msgpack.packb(value))))
        for why, place, value in changes
    ]
    unlinked = spell(_fields(join), (4,), msgpack.packb(weak))
    cases += [
        _refused("A field is missing.", _wire(codec.encode(BODY[:-1]))),
        _refused("A field is added.", _wire(codec.encode((*BODY, ())))),
        _refused("A byte follows the body.", _wire(body + b"\0")),
        _refused("A byte follows the wire.", PAY.wire + b"\0"),
        _refused("The wire lacks its cosignatures.", codec.encode((body, PAY.signature))),
        _refused("A signature of 63 bytes.", codec.encode((body, bytes(63), ()))),
        _refused("Arrays in arrays, 2,000 deep.", b"\x91" * 2_000 + b"\x90"),
        _refused("32,769 bytes.", _wire(bytes(32_700)) + bytes(62)),
        _refused("No bytes at all.", b""),
        _refused("A joining by a key of small order.", _wire(unlinked)),
    ]
    return cases + _misplaced()


def _many() -> list[Case]:
    """As many cosignatures as there may be."""
    signed = _sign(make_order(orders.Appoint(102, "auditor")))
    own = cosign(signed, seed("phone"))
    for number in range(orders.COSIGNATURES_MAX):
        signed = cosign(signed, seed(f"cosigner {number}"))
    return [
        _case("16 cosignatures.", signed),
        _case("The header's own device among the cosignatures, where it counts for nothing.", own),
    ]


def _fields(order: Order) -> tuple[Any, ...]:
    return codec.unpack(orders.encode_order(order), 32_768, "order")


def _misplaced() -> list[Case]:
    """What has a place in some kinds only."""
    amend = _fields(make_order(orders.Close()))
    reverse = _fields(make_order(orders.Reverse(7)))
    join = _fields(make_order(orders.Join(key("code"), bytes(64))))
    pairs = sorted((key(name), bytes(64)) for name in ("ann", "ben"))
    slip, mandate = msgpack.packb((("book", "17"),)), msgpack.packb((7,))
    return [
        _refused("A slip where there is no acting for others.", _wire(spell(amend, (8,), slip))),
        _refused("A mandate where there is none.", _wire(spell(amend, (9,), mandate))),
        _refused("An account where the kind has none.", _wire(spell(reverse, (2,), b"\x65"))),
        _refused("A person in a joining.", _wire(spell(join, (3,), b"\x65"))),
        _refused(
            "Cosignatures not in the order of their keys.",
            codec.encode((PAY.body, bytes(64), tuple(reversed(pairs)))),
        ),
        _refused(
            "Two cosignatures of one key.", codec.encode((PAY.body, bytes(64), (pairs[0],) * 2))
        ),
    ]


def _out_of_bounds() -> list[Case]:
    """The bounds of an amount, in a leg."""
    values = {
        "An amount of 0.": 0,
        "An amount of -1.": -1,
        "An amount of 2^53.": 2**53,
        "An amount of 2^64-1.": 2**64 - 1,
        "true is no amount.": True,
        "1.0 is no amount.": 1.0,
        'The string "1" is no amount.': "1",
        "nil is no amount.": None,
    }
    return [
        _refused(why, _wire(spell(BODY, (10, 0, 1), msgpack.packb(value))))
        for why, value in values.items()
    ]


def _not_canonical() -> list[Case]:
    """Each other spelling that msgpack has, once; and what it has that we never use."""
    things = {
        "The number 1": (10, 0, 1),
        "The byte string of a hash": (12, 0),
        "The string of the kind": (1,),
        "The array of a leg": (10, 0),
    }
    cases = [
        _refused(f"{what}, spelt as {how}.", _wire(spell(BODY, place, raw)))
        for what, place in things.items()
        for how, raw in other_spellings(element(BODY, place)).items()
    ]
    cases += [
        _refused(f"In place of an optional field, {what}.", _wire(spell(BODY, (11,), raw)))
        for what, raw in FOREIGN.items()
    ]
    wire = codec.unpack(PAY.wire, 1_024, "wire")
    cases += [
        _refused(f"The body in the wire, spelt as {how}.", spell(wire, (0,), raw))
        for how, raw in other_spellings(PAY.body).items()
    ]
    return cases


def _forged() -> list[Case]:
    signature, invalid = PAY.signature, "signature-invalid"
    scalar = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    twin = signature[:32] + scalar.to_bytes(32, "little")
    other = _sign(make_order(orders.Pay(((102, 2), (103, 250)), (20_833,), (HASH,))))
    for_session = keys.sign(keys.SESSION, PAY.body, seed("phone"))
    stranger = keys.sign(keys.ORDER, PAY.body, seed("stranger"))
    body, enrolled = codec.unpack(ENROLMENT, 512, "enrolment")
    forged = codec.encode((body, bytes([enrolled[0] ^ 1]) + enrolled[1:]))
    joins = {
        "another device": sign_invitation(CIRCLE, key("stranger"), seed("code")),
        "another circle": sign_invitation(HASH, key("phone"), seed("code")),
    }
    cases = [
        _refused("Signed by another key than the header's.", _wire(PAY.body, stranger), invalid),
        _refused("Signed under the context of a session.", _wire(PAY.body, for_session), invalid),
        _refused("The signature of another order.", _wire(PAY.body, other.signature), invalid),
        _refused("A second spelling of the signature.", _wire(PAY.body, twin), invalid),
        _refused("A signature of zeroes.", _wire(PAY.body), invalid),
        _refused(
            "A cosignature that does not fit.",
            codec.encode((PAY.body, signature, ((key("ben"), signature),))),
            invalid,
        ),
        _refused(
            "The enrolment that it carries is not signed by its key.",
            _sign(make_order(orders.Enrol(102, forged, "device", 1))).wire,
            invalid,
        ),
    ]
    cases += [
        _refused(
            f"The invitation's signature is for {whose}.",
            _sign(make_order(orders.Join(key("code"), signature))).wire,
            invalid,
        )
        for whose, signature in joins.items()
    ]
    return [*cases, *_carried()]


def _carried() -> list[Case]:
    """Objects within an order that are malformed themselves."""
    enrol = _fields(make_order(orders.Enrol(102, ENROLMENT, "device", 1)))
    invite = _fields(make_order(orders.Invite(key("code"), 0, 0, 0, "", NOON)))
    amend = _fields(make_order(ACTS[-1]))
    truncated = msgpack.packb(ENROLMENT[:-1])
    weak = msgpack.packb(bytes(31) + b"\x80")
    return [
        _refused("It carries half an enrolment.", _wire(spell(enrol, (11,), truncated))),
        _refused("It carries rules of no bytes.", _wire(spell(amend, (10,), b"\xc4\x00"))),
        _refused("It invites a key of small order.", _wire(spell(invite, (10,), weak))),
    ]


NO_POINT = (2).to_bytes(32, "little")


def _bounded() -> list[Case]:
    """One more than there may be; keys off the curve; rules that contradict themselves."""
    invite = _fields(make_order(orders.Invite(key("code"), 0, 0, 0, "", NOON)))
    join = _fields(make_order(orders.Join(key("code"), bytes(64))))
    enrol = _fields(make_order(orders.Enrol(102, ENROLMENT, "device", 1)))
    body, signature = codec.unpack(ENROLMENT, 512, "enrolment")
    circle, _, *rest = codec.unpack(body, 512, "enrolment")
    unlinked = codec.encode((codec.encode((circle, NO_POINT, *rest)), signature))
    cosigned = _sign(make_order(orders.Appoint(102, "auditor")))
    for number in range(17):
        cosigned = cosign(cosigned, seed(f"cosigner {number}"))
    deep = msgpack.packb(((102, ((1,),)),))
    no_point = msgpack.packb(NO_POINT)
    return [
        _refused("17 cosignatures.", cosigned.wire),
        _refused("Arrays nest four deep.", _wire(spell(BODY, (10,), deep))),
        _refused("It invites a key that is no point.", _wire(spell(invite, (10,), no_point))),
        _refused("A joining by a key that is no point.", _wire(spell(join, (4,), no_point))),
        _refused(
            "It enrols a key that is no point.",
            _wire(spell(enrol, (11,), msgpack.packb(unlinked))),
        ),
        *_contradictory(),
    ]


def _contradictory() -> list[Case]:
    """Rules that have their shapes, in an order to amend."""
    amend = _fields(make_order(orders.Amend(encode_rules(RULES))))
    changes: list[tuple[str, dict[str, Any]]] = [
        ("Starter credit above the ceiling.", {"starter": RULES.ceiling + 1}),
        ("More credit than the most.", {"floor": -RULES.credit_limit_max - 1}),
        ("Minutes with decimals.", {"unit_kind": "minutes"}),
        ("A name with a line break.", {"name": b"a\nb"}),
        ("An address that ends in a dot.", {"address": "southwark.example."}),
    ]
    return [
        _refused(
            f"It amends to rules that no charter may have. {why}",
            _wire(spell(amend, (10,), msgpack.packb(codec.encode(RULES._replace(**changed))))),
        )
        for why, changed in changes
    ]
