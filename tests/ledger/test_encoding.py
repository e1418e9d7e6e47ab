"""One object, one encoding: bounds of every integer, other spellings, and bytes at random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import charter, codec, declarations, entry, orders
from ledger.codec import AMOUNT_MAX
from ledger.declarations import Enrolment, PaymentRequest, SessionOpening
from ledger.entry import Leaf, Posting
from ledger.errors import InvalidSignature, MalformedObject
from ledger.orders import Order, Pay, kind_of
from tests.circle import NOON, RULES, make_charter
from tests.ledger.samples import (
    ACT_BOUNDS,
    ACTS,
    CIRCLE,
    FIRST,
    HASH,
    Bounds,
    header_bounds,
    make_order,
    signed_orders,
)
from tests.ledger.spelling import FOREIGN, element, other_spellings, spell

SIGNED = signed_orders()
BODIES = {kind: codec.unpack(signed.body, 32_768, kind) for kind, signed in SIGNED.items()}
NO_INTEGERS = {"True": True, "1.0": 1.0, "the string 1": "1", "the byte 1": b"\x01", "nil": None}


def bounds_of(kind: str) -> Bounds:
    return header_bounds(kind) | ACT_BOUNDS.get(kind, {})


def wire(body: bytes) -> bytes:
    return codec.encode((body, bytes(64), ()))


def is_malformed(data: bytes) -> bool:
    try:
        orders.parse(data)
    except MalformedObject:
        return True
    return False


def places(value: Any, place: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """Every place in nested arrays, the whole included."""
    found = [place]
    if isinstance(value, tuple):
        for position, part in enumerate(value):
            found += places(part, (*place, position))
    return found


def test_there_is_a_sample_of_every_kind_and_bounds_for_every_integer() -> None:
    assert tuple(kind_of(act) for act in ACTS) == orders.ORDER_KINDS
    for kind, body in BODIES.items():
        integers = {place for place in places(body) if type(element(body, place)) is int}
        legs = {place for place in integers if place[:1] == (FIRST,) and place[1:2] == (1,)}
        assert integers - legs == set(bounds_of(kind)) - legs, kind


@pytest.mark.parametrize("kind", orders.ORDER_KINDS)
def test_every_integer_of_an_order_has_its_bounds(kind: str) -> None:
    """0, -1, 2^53-1 and 2^53 where they are the bound or beyond it; True, 1.0 and "1" nowhere."""
    for place, (low, high) in bounds_of(kind).items():
        for value in (low, high):
            data = spell(BODIES[kind], place, msgpack.packb(value))
            assert not is_malformed(wire(data)), (place, value)
        outside = {str(each): each for each in (low - 1, high + 1, 2**53, -(2**53), 2**64 - 1)}
        for name, odd in (outside | NO_INTEGERS).items():
            if type(odd) is int and low <= odd <= high:
                continue
            data = spell(BODIES[kind], place, msgpack.packb(odd))
            assert is_malformed(wire(data)), (place, name)


@pytest.mark.parametrize("amount", [0, -1, 2**53, True, 1.0, "1", None, 2**64])
def test_what_is_no_amount_is_not_signed_either(amount: Any) -> None:
    with pytest.raises(MalformedObject):
        orders.encode_order(make_order(Pay(((102, amount),))))


@pytest.mark.parametrize("kind", orders.ORDER_KINDS)
def test_no_element_of_an_order_can_be_spelt_in_another_way(kind: str) -> None:
    body = BODIES[kind]
    for place in places(body):
        for name, raw in other_spellings(element(body, place)).items():
            assert is_malformed(wire(spell(body, place, raw))), (place, name)


@pytest.mark.parametrize("kind", orders.ORDER_KINDS)
def test_what_no_object_has_is_refused_in_every_place_of_an_order(kind: str) -> None:
    for place in places(BODIES[kind]):
        for name, raw in FOREIGN.items():
            assert is_malformed(wire(spell(BODIES[kind], place, raw))), (place, name)


@pytest.mark.parametrize("kind", orders.ORDER_KINDS)
def test_fields_are_exact(kind: str) -> None:
    """None is missing, none is added, nothing follows, and every array is as long as it may be."""
    body = BODIES[kind]
    assert is_malformed(wire(msgpack.packb(body[:-1])))
    assert is_malformed(wire(msgpack.packb((*body, 0))))
    assert is_malformed(wire(msgpack.packb((*body, ()))))
    for extra in (b"\x00", b"\xc0", b"\x90", SIGNED[kind].body):
        assert is_malformed(wire(SIGNED[kind].body + extra))
        assert is_malformed(SIGNED[kind].wire + extra)
    for size in range(len(SIGNED[kind].body)):
        assert is_malformed(wire(SIGNED[kind].body[:size]))
    for place in places(body):
        part = element(body, place)
        if isinstance(part, tuple) and place and place not in ((FIRST,), (FIRST + 1,)):
            longer = msgpack.packb((*part, *part, part[0])) if part else b"\x91\x00"
            assert is_malformed(wire(spell(body, place, longer))), place


@pytest.mark.parametrize("kind", orders.ORDER_KINDS)
def test_the_wire_is_as_strict_as_the_body(kind: str) -> None:
    signed = SIGNED[kind]
    value = (signed.body, signed.signature, ((CIRCLE, bytes(64)),))
    assert not is_malformed(codec.encode(value))
    for place in places(value):
        for name, raw in (FOREIGN | other_spellings(element(value, place))).items():
            assert is_malformed(spell(value, place, raw)), (place, name)


def test_cosignatures_stand_in_the_order_of_distinct_keys() -> None:
    """So that nobody can give one order two wires by sorting or doubling them."""
    body = SIGNED["amend"].body
    pairs = [(bytes([number]) * 32, bytes(64)) for number in range(17)]
    for wrong in (pairs[1::-1], [pairs[0]] * 2, pairs):
        assert is_malformed(codec.encode((body, bytes(64), tuple(wrong))))
    assert not is_malformed(codec.encode((body, bytes(64), tuple(pairs[:16]))))


@pytest.mark.parametrize("kind", sorted(set(orders.ORDER_KINDS) - set(orders.MANDATE_SCOPE)))
def test_slips_and_mandates_have_no_place_in_other_kinds(kind: str) -> None:
    order = make_order(next(act for act in ACTS if kind_of(act) == kind))
    for header in (
        order.header._replace(slip=(("book", "17"),)),
        order.header._replace(mandate=(7,)),
    ):
        with pytest.raises(MalformedObject):
            orders.encode_order(Order(header, order.act))


@pytest.mark.parametrize("kind", ["", "charter", "state", "nothing", "PAY", "pay ", "x" * 17])
def test_an_unknown_kind_is_refused(kind: str) -> None:
    assert is_malformed(wire(spell(BODIES["pay"], (1,), msgpack.packb(kind))))


@pytest.mark.parametrize("text", ["", "a" * 33, "caf\xe9", "tab\t", "nul\0", "del\x7f"])
def test_a_slip_is_named_in_printable_ascii(text: str) -> None:
    for place in ((8, 0, 0), (8, 0, 1)):
        assert is_malformed(wire(spell(BODIES["pay"], place, msgpack.packb(text))))


@pytest.mark.parametrize("legs", [0, 1, 1_000, 1_001])
def test_an_order_has_one_to_a_thousand_legs(legs: int) -> None:
    raw = msgpack.packb(tuple((2**53 - 1 - number, 2**53 - 1) for number in range(legs)))
    body = spell(BODIES["payout"], (FIRST,), raw)
    signatures = tuple((bytes([number]) * 32, bytes(64)) for number in range(16))
    assert is_malformed(codec.encode((body, bytes(64), signatures))) == (legs not in (1, 1_000))


@pytest.mark.parametrize("depth", [1, 4, 500, 511, 512, 1_024, 1_025, 32_000])
def test_arrays_in_arrays_are_refused_at_any_depth(depth: int) -> None:
    bomb = b"\x91" * depth
    for data in (bomb, bomb + b"\x00", bomb + b"\x90", wire(bomb + b"\x00"), wire(bomb)):
        assert is_malformed(data)


@pytest.mark.parametrize("size", [32_768, 32_769, 40_000])
def test_what_is_too_large_is_refused_before_it_is_decoded(size: int) -> None:
    with pytest.raises(MalformedObject) as caught:
        orders.parse(bytes(size))
    assert ("over the limit" in str(caught.value)) == (size > 32_768)


def test_every_way_to_be_malformed_says_what_was_wrong() -> None:
    for place, raw, words in (
        ((2,), b"\xff", "account: -1 is not from 1"),
        ((7, 0), b"\xc4\x01\x00", "text: 1 bytes are not from 32 to 32"),
        ((10, 1, 1), b"\xc3", "legs: amount: expected an integer, found bool"),
        ((10,), b"\x90", "legs: 0 elements are not from 1 to 1000"),
    ):
        with pytest.raises(MalformedObject) as caught:
            orders.parse(wire(spell(BODIES["pay"], place, raw)))
        assert words in str(caught.value)


def within(low: int, high: int, *places: int) -> Bounds:
    return {(place,): (low, high) for place in places}


CHARTER = make_charter()
OTHERS: dict[str, tuple[Any, Callable[[bytes], Any], Bounds]] = {
    "enrolment": (
        Enrolment(CIRCLE, CHARTER.identity, NOON, "phone"),
        lambda body: declarations.open_enrolment(codec.encode((body, bytes(64)))),
        {(2,): (0, AMOUNT_MAX)},
    ),
    "request": (
        PaymentRequest(CIRCLE, 101, 101, HASH, 5, 1, NOON, (HASH,)),
        lambda body: declarations.open_request(codec.encode((body, bytes(64)))),
        within(1, AMOUNT_MAX, 1, 2, 4) | within(0, AMOUNT_MAX, 5, 6),
    ),
    "session": (
        SessionOpening(CIRCLE, HASH, "log.example", 1, NOON),
        lambda body: declarations.open_session(codec.encode((body, bytes(64)))),
        within(0, AMOUNT_MAX, 3, 4),
    ),
    "rules": (
        RULES._replace(floor=0),
        charter.decode_rules,
        {(5,): (0, 9), (6,): (1, 16), (16,): (0, 90 * 86_400_000)}
        | within(0, AMOUNT_MAX, 7, 8, 14, 15)
        | within(-AMOUNT_MAX, 0, 9, 10),
    ),
    "certificate": (
        codec.unpack(CHARTER.certificate, 1_024, "certificate"),
        lambda body: charter.open_certificate(body, bytes(64), CHARTER.identity),
        {(1,): (1, AMOUNT_MAX)},
    ),
    "leaf": (
        Leaf(1, "pay", NOON, b"", (HASH,), (HASH,), (HASH,)),
        entry.decode_leaf,
        {(0,): (1, 1), (2,): (0, AMOUNT_MAX)},
    ),
    "posting": (
        Posting(101, 1, -5, -5, 0, HASH),
        entry.decode_posting,
        within(1, AMOUNT_MAX, 0, 1)
        | within(0, AMOUNT_MAX, 4)
        | within(-AMOUNT_MAX, AMOUNT_MAX, 2, 3),
    ),
}


def outcome(read: Callable[[bytes], Any], data: bytes) -> str:
    try:
        read(data)
    except MalformedObject:
        return "malformed"
    except InvalidSignature:
        return "unsigned"
    return "ok"


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_objects_are_as_strict_as_orders(name: str) -> None:
    value, read, bounds = OTHERS[name]
    value = tuple(value)
    assert outcome(read, codec.encode(value)) != "malformed"
    for place in places(value):
        for raw in (FOREIGN | other_spellings(element(value, place))).values():
            assert outcome(read, spell(value, place, raw)) == "malformed", (place, raw[:9])
    for place, (low, high) in bounds.items():
        for good in (low, high):
            assert outcome(read, spell(value, place, msgpack.packb(good))) != "malformed", place
        for odd in (low - 1, high + 1, True, 1.0, "1"):
            assert outcome(read, spell(value, place, msgpack.packb(odd))) == "malformed", place
    for extra in (b"\x00", b"\x90"):
        assert outcome(read, codec.encode(value) + extra) == "malformed"
    assert outcome(read, codec.encode((*value, 0))) == "malformed"
    assert outcome(read, codec.encode(value[:-1])) == "malformed"


SOUP = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(),
        st.binary(max_size=80),
        st.text(max_size=20),
        st.sampled_from([HASH, CIRCLE, *orders.ORDER_KINDS]),
    ),
    lambda inner: st.lists(inner, max_size=14).map(tuple),
    max_leaves=40,
)


def reads_exactly(data: bytes) -> None:
    """Either refused as malformed, or written again as it was."""
    try:
        signed = orders.parse(data)
    except MalformedObject:
        return
    assert signed.wire == data
    assert orders.pack(signed.body, signed.signature, signed.cosignatures) == data
    assert orders.encode_order(signed.order) == signed.body


@settings(max_examples=400)
@given(st.binary(max_size=400), SOUP)
def test_any_bytes_are_malformed_or_read_exactly(data: bytes, value: Any) -> None:
    reads_exactly(data)
    reads_exactly(wire(data))
    packed = msgpack.packb(value)
    reads_exactly(packed)
    reads_exactly(wire(packed))


@settings(max_examples=600)
@given(
    st.sampled_from(sorted(BODIES)),
    st.data(),
    st.one_of(SOUP.map(msgpack.packb), st.binary(max_size=12)),
)
def test_any_element_in_any_place_is_malformed_or_read_exactly(
    kind: str, data: st.DataObject, raw: bytes
) -> None:
    place = data.draw(st.sampled_from(places(BODIES[kind])))
    reads_exactly(wire(spell(BODIES[kind], place, raw)))
