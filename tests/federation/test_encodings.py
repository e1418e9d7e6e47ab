"""One object between circles, one encoding: other spellings, foreign types, and exact fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgpack
import pytest

from ledger import codec, keys
from ledger.errors import MalformedObject
from ledger.federation.agreement import decode_agreement
from ledger.federation.exchange import read_exchange
from ledger.federation.message import MESSAGE_BYTES_MAX, open_statement, read_message
from ledger.federation.payment import Status, decode_header, open_status
from ledger.federation.route import decode_route, decode_ways
from tests.circle import NOON, key, seed
from tests.ledger.spelling import FOREIGN, element, other_spellings, spell
from tests.vectors.federation_agreements import AGREEMENT, LINK
from tests.vectors.federation_objects import EXCHANGE, STATEMENT, T
from tests.vectors.federation_objects import _contents as contents
from tests.vectors.federation_payments import HEADER, ROUTE
from tests.vectors.ledger_orders import render


class Object(NamedTuple):
    """A value, and who reads its bytes."""

    name: str
    value: Any
    read: Callable[[bytes], object]


def _signed(context: bytes, open_: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """Reads a body that is signed, whatever it is."""
    return lambda body: open_(codec.encode((body, keys.sign(context, body, seed("me")))))


def _in_message(kind: str) -> Callable[[bytes], object]:
    """Reads the content of a message."""
    message = (LINK, LINK, LINK, 1, bytes(32), kind)
    return lambda content: read_message(codec.encode((*message, content)))


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _objects() -> list[Object]:
    samples = {type(content).__name__.lower(): content for _, content in contents()}
    message = (LINK, LINK, LINK, 1, bytes(32), "suspend", codec.encode((1,)))
    return [
        Object("agreement", AGREEMENT, decode_agreement),
        Object("message", message, read_message),
        *(Object(kind, content, _in_message(kind)) for kind, content in samples.items()),
        Object(
            "statement",
            STATEMENT,
            _signed(keys.STATEMENT, lambda wire: open_statement(wire, key("me"))),
        ),
        Object("exchange", EXCHANGE, _signed(keys.EXCHANGE, read_exchange)),
        Object("header", HEADER, decode_header),
        Object(
            "status",
            Status(T, "unknown", NOON),
            _signed(keys.STATUS, lambda wire: open_status(wire, key("me"))),
        ),
        Object("ways", ROUTE.ways, decode_ways),
        Object("route", (ROUTE.header, ROUTE.sealed, codec.encode(ROUTE.ways)), decode_route),
    ]


OBJECTS = [one._replace(value=_plain(one.value)) for one in _objects()]
every_object = pytest.mark.parametrize("one", OBJECTS, ids=lambda one: str(one.name))


def places(value: Any, place: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """Every place in nested arrays, the whole included."""
    found = [place]
    if isinstance(value, tuple):
        for position, part in enumerate(value):
            found += places(part, (*place, position))
    return found


def is_malformed(one: Object, data: bytes) -> bool:
    try:
        one.read(data)
    except MalformedObject:
        return True
    return False


@every_object
def test_an_object_is_read_as_it_is_written(one: Object) -> None:
    one.read(codec.encode(one.value))
    assert render(one.value)


@every_object
def test_no_element_can_be_spelt_in_another_way(one: Object) -> None:
    for place in places(one.value):
        for name, raw in other_spellings(element(one.value, place)).items():
            data = spell(one.value, place, raw)
            if len(data) <= MESSAGE_BYTES_MAX * 4:
                assert is_malformed(one, data), (place, name)


@every_object
def test_what_no_object_has_is_refused_in_every_place(one: Object) -> None:
    for place in places(one.value):
        for name, raw in FOREIGN.items():
            assert is_malformed(one, spell(one.value, place, raw)), (place, name)


@every_object
def test_fields_are_exact(one: Object) -> None:
    data = codec.encode(one.value)
    if one.name != "ways":
        assert is_malformed(one, msgpack.packb(one.value[:-1]))
        assert is_malformed(one, msgpack.packb((*one.value, 0)))
    for extra in (b"\x00", b"\xc0", b"\x90", data):
        assert is_malformed(one, data + extra)
    for size in range(0, len(data), 1 + len(data) // 200):
        assert is_malformed(one, data[:size])
