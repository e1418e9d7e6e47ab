"""A signature made for one purpose is worth nothing for any other."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import codec, declarations, keys, orders
from ledger.charter import Certificate, certify, open_certificate
from ledger.checkpoint import Checkpoint, format_checkpoint, open_checkpoint
from ledger.cosignature import cosign, verify_cosignatures
from ledger.declarations import Enrolment, PaymentRequest, SessionOpening
from ledger.errors import (
    InvalidNote,
    InvalidSignature,
    MalformedObject,
    TallystickError,
    TextMismatch,
)
from ledger.note import COSIGNATURE_V1, Signature, format_signature, make_signer, sign_note
from ledger.orders import Enrol, Order
from tests.circle import NOON, REASON, WORKING, key, salt, seed, town
from tests.ledger.samples import ACTS, CIRCLE, ENROLMENT, make_order, signed_orders

ORIGIN = "southwark.example/tallystick/0011223344556677/1"
MINE, ME = seed("phone"), key("phone")
LOG, WITNESS = make_signer(ORIGIN, MINE), make_signer("witness", MINE, COSIGNATURE_V1)
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


class Purpose(NamedTuple):
    """Something that one key signs: what, with which signature, and who looks at it."""

    name: str
    body: bytes
    signature: bytes
    offer: Callable[[bytes, bytes], object]


def _enveloped(name: str, wire: bytes, open_: Callable[[bytes], object]) -> Purpose:
    body, signature = codec.unpack(wire, 2048, name)
    return Purpose(name, body, signature, lambda *pair: open_(codec.encode(pair)))


def _offer_order(body: bytes, signature: bytes) -> None:
    orders.verify_signatures(orders.parse(orders.pack(body, signature)))


def _offer_cosignature(body: bytes, signature: bytes) -> None:
    """By the same key, on an order that another device signed."""
    own = keys.sign(keys.ORDER, body, seed("other"))
    orders.verify_signatures(orders.parse(orders.pack(body, own, ((ME, signature),))))


def _note(text: bytes, line: str) -> bytes:
    return b"%s\n%s" % (text, line.encode())


def _offer_checkpoint(body: bytes, signature: bytes) -> None:
    line = format_signature(Signature(ORIGIN, LOG.key.key_id, signature))
    open_checkpoint(_note(body, line), [LOG.key])


def _offer_witness(body: bytes, signature: bytes) -> None:
    value = (1_800_000_000).to_bytes(8, "big") + signature[-64:]
    line = format_signature(Signature("witness", WITNESS.key.key_id, value))
    if not verify_cosignatures(_note(body, line), [WITNESS.key]):
        raise InvalidNote("nobody cosigned it")


def _offer_invitation(body: bytes, signature: bytes) -> None:
    shape = codec.record(circle=codec.binary(32), device=codec.binary(32))
    circle, device = codec.decode(body, shape, 128, "invitation")
    declarations.verify_invitation(circle, device, signature, ME)


def purposes() -> list[Purpose]:
    """Everything that is signed anywhere, here all by one key."""
    order = signed_orders()["pay"]
    certificate = Certificate._make((keys.circle_id(ME), 1, ORIGIN, *map(key, WORKING), bytes(32)))
    text = format_checkpoint(Checkpoint(ORIGIN, 5, bytes(32)))
    note = sign_note(text, LOG)
    cosigned = cosign(text, WITNESS, 1_800_000_000)
    raw = codec.encode((CIRCLE, key("new")))
    others_order = orders.encode_order(
        Order(order.order.header._replace(device=key("other")), order.order.act)
    )
    enrolment = Enrolment(CIRCLE, ME, NOON, "phone")
    request = PaymentRequest(CIRCLE, 101, 101, ME, 5, 1, NOON, ())
    session = SessionOpening(CIRCLE, ME, ORIGIN, 1, NOON)
    return [
        Purpose("order", order.body, order.signature, _offer_order),
        Purpose(
            "cosignature",
            others_order,
            keys.sign(keys.ORDER, others_order, MINE),
            _offer_cosignature,
        ),
        _enveloped(
            "enrolment",
            declarations.sign_enrolment(enrolment, MINE),
            declarations.open_enrolment,
        ),
        _enveloped("request", declarations.sign_request(request, MINE), declarations.open_request),
        _enveloped("session", declarations.sign_session(session, MINE), declarations.open_session),
        Purpose(
            "invitation",
            raw,
            declarations.sign_invitation(CIRCLE, key("new"), MINE),
            _offer_invitation,
        ),
        Purpose(
            "certificate",
            *certify(certificate, MINE),
            lambda body, signature: open_certificate(body, signature, ME),
        ),
        Purpose("checkpoint", text.encode(), _value(note), _offer_checkpoint),
        Purpose("witness", text.encode(), _value(cosigned)[8:], _offer_witness),
    ]


def _value(note: str) -> bytes:
    """The signature in the last line of a note, without its key id."""
    line = note.rstrip("\n").rpartition(" ")[2]
    return codec.from_base64url(line.translate({43: "-", 47: "_", 61: None}), "line")[4:]


PURPOSES = purposes()


@pytest.mark.parametrize("purpose", PURPOSES, ids=lambda one: str(one.name))
def test_a_signed_object_is_accepted_where_it_belongs(purpose: Purpose) -> None:
    purpose.offer(purpose.body, purpose.signature)


@pytest.mark.parametrize(
    ("made", "offered"),
    list(permutations(PURPOSES, 2)),
    ids=lambda one: str(one.name),
)
def test_a_signed_object_is_refused_wherever_else_it_is_offered(
    made: Purpose, offered: Purpose
) -> None:
    """Neither the object as it is, nor its signature under an object that belongs there."""
    for body in (made.body, offered.body):
        with pytest.raises(TallystickError):
            offered.offer(body, made.signature)


def test_contexts_are_prefix_free_and_name_protocol_object_and_version() -> None:
    listed = {
        value for name, value in vars(keys).items() if name.isupper() and isinstance(value, bytes)
    }
    assert set(keys.CONTEXTS) == listed
    assert len(set(keys.CONTEXTS)) == len(keys.CONTEXTS)
    for context in keys.CONTEXTS:
        protocol, name, version = context.split(b"/")
        assert (protocol, version) == (b"tallystick", b"v1\0")
        assert name.replace(b"-", b"").isalpha()
    for one, other in permutations(keys.CONTEXTS, 2):
        assert not other.startswith(one)


RESERVED = {
    keys.LINK: "a link's id",
    keys.AGREEMENT: "an agreement between two circles",
    keys.MESSAGE: "a link message",
    keys.STATEMENT: "a link statement",
    keys.PAYMENT: "a payment's header, whose id is T",
    keys.COMMIT: "a COMMIT",
    keys.STATUS: "a status",
    keys.EXCHANGE: "what one circle's node sends another's",
    keys.GOSSIP: "a gossip envelope",
}
"""Contexts reserved for part two, and what is signed or hashed with them there."""


@pytest.mark.parametrize("context", RESERVED, ids=lambda context: str(context[11:-4]))
def test_what_is_signed_between_circles_is_worth_nothing_within_one(context: bytes) -> None:
    assert context in keys.CONTEXTS
    for purpose in PURPOSES:
        with pytest.raises(TallystickError):
            purpose.offer(purpose.body, keys.sign(context, purpose.body, MINE))


def test_no_note_begins_as_something_else_that_is_signed() -> None:
    """Notes have no context of ours; the zero byte that ends each context stands in no note."""
    for context in keys.CONTEXTS:
        with pytest.raises(TallystickError):
            sign_note(context.decode() + "\n", LOG)


@pytest.mark.parametrize("kind", sorted(signed_orders()))
def test_no_signature_fits_an_order_of_another_kind(kind: str) -> None:
    signed = signed_orders()
    for other, order in signed.items():
        wire = orders.pack(order.body, signed[kind].signature)
        if other == kind:
            orders.verify_signatures(orders.parse(wire))
        else:
            with pytest.raises(InvalidSignature):
                orders.verify_signatures(orders.parse(wire))


SIGNED = signed_orders()


@settings(max_examples=300)
@given(st.sampled_from(sorted(SIGNED)), st.integers(0, 40_000), st.integers(0, 7))
def test_no_bit_of_a_signed_order_can_be_changed(kind: str, position: int, bit: int) -> None:
    wire = bytearray(SIGNED[kind].wire)
    wire[position % len(wire)] ^= 1 << bit
    with pytest.raises((MalformedObject, InvalidSignature)):
        orders.verify_signatures(orders.parse(bytes(wire)))


def test_a_signature_has_one_spelling() -> None:
    """Ed25519's second scalar, larger by the order of the group, is refused (RFC 8032, 5.1.7)."""
    signed = SIGNED["pay"]
    scalar = int.from_bytes(signed.signature[32:], "little") + GROUP_ORDER
    twin = signed.signature[:32] + scalar.to_bytes(32, "little")
    with pytest.raises(InvalidSignature):
        orders.verify_signatures(orders.parse(orders.pack(signed.body, twin)))


LOW_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0200000000000000000000000000000000000000000000000000000000000000",
]
"""Points of small order, spellings beyond the field, and no point at all."""


@pytest.mark.parametrize("text", LOW_ORDER)
def test_no_key_is_enrolled_on_which_verifiers_differ(text: str) -> None:
    weak = bytes.fromhex(text)
    with pytest.raises(MalformedObject):
        keys.check_public_key(weak)
    body = codec.encode((CIRCLE, weak, NOON, "phone"))
    with pytest.raises(MalformedObject):
        declarations.open_enrolment(codec.encode((body, bytes(64))))
    with pytest.raises(MalformedObject):
        orders.encode_order(make_order(orders.Invite(weak, 0, 0, 0, "", NOON)))
    join = make_order(next(act for act in ACTS if type(act) is orders.Join))
    with pytest.raises(MalformedObject):
        orders.encode_order(Order(join.header._replace(device=weak), join.act))


@pytest.mark.parametrize("kind", ["enrol", "open"])
def test_an_order_is_only_as_well_signed_as_the_enrolment_it_carries(kind: str) -> None:
    body, signature = codec.unpack(ENROLMENT, 1024, "enrolment")
    forged = codec.encode((body, signature[:-1] + bytes([signature[-1] ^ 1])))
    forging: dict[str, orders.Act] = {
        "enrol": Enrol(102, forged, "device", 1),
        "open": orders.Open((), 0, 0, 0, 0, (forged,)),
    }
    signed = orders.sign_order(make_order(forging[kind]), MINE)
    with pytest.raises(InvalidSignature):
        orders.verify_signatures(orders.parse(signed.wire))


def test_a_joining_is_signed_by_the_invitation_for_this_circle_and_device() -> None:
    act = next(act for act in ACTS if type(act) is orders.Join)
    for circle, device in ((CIRCLE, key("other")), (bytes(32), ME)):
        wrong = act._replace(signature=declarations.sign_invitation(circle, device, seed("code")))
        signed = orders.sign_order(make_order(wrong), MINE)
        with pytest.raises(InvalidSignature):
            orders.verify_signatures(orders.parse(signed.wire))


def test_an_enrolment_for_another_circle_is_refused_before_anything_else() -> None:
    c = town()
    elsewhere = c.enrolment("new", bytes(32))
    assert c.try_(c["mia"], Enrol(c["mia"].person, elsewhere, "device", 1)) == "wrong-circle"
    act = orders.Open((), 0, 0, 0, 0, (elsewhere,))
    assert c.try_(c["mia"], act, "pat", person=99) == "wrong-circle"


def test_a_salt_cannot_take_bytes_from_the_text_it_hides() -> None:
    for size in (0, 31, 33):
        with pytest.raises(TextMismatch):
            keys.text_commitment(bytes(size), b"garden")
    assert keys.text_commitment(salt("a"), b"garden") != keys.text_commitment(salt("b"), b"garden")
    assert len(REASON[0]) == 32
