"""What travels beside an order that pays into another circle."""

from __future__ import annotations

from typing import NamedTuple

from ledger import codec, keys
from ledger.codec import array_of, binary, integer
from ledger.federation.link import Way
from ledger.federation.payment import HEADER_BYTES_MAX, HOPS_MAX, SEALED_BYTES_MAX, decode_header

WAYS_MAX = 8
ROUTE_BYTES_MAX = 8192
WAYS_BYTES_MAX = 2048


class Route(NamedTuple):
    """The header whose id the order names, the sealed part, and the ways to try in their order.

    The order does not sign the ways: it signs the most that may leave and what is to arrive.
    """

    header: bytes
    sealed: bytes
    ways: tuple[Way, ...]


_WAYS = array_of(
    array_of(codec.record(circle=binary(keys.HASH_BYTES), amount=integer(1)), 1, HOPS_MAX),
    0,
    WAYS_MAX,
)
_ROUTE = codec.record(
    header=binary(1, HEADER_BYTES_MAX),
    sealed=binary(1, SEALED_BYTES_MAX),
    ways=binary(1, WAYS_BYTES_MAX),
)


def encode_route(route: Route) -> bytes:
    """The bytes that stand beside the order. Raises MalformedObject."""
    ways = codec.write(route.ways, _WAYS, WAYS_BYTES_MAX, "ways of a payment")
    return codec.write((route.header, route.sealed, ways), _ROUTE, ROUTE_BYTES_MAX, "route")


def decode_route(data: bytes) -> Route:
    """Parse a route, its header too. Raises MalformedObject."""
    header, sealed, ways = codec.decode(data, _ROUTE, ROUTE_BYTES_MAX, "route")
    decode_header(header)
    return Route(header, sealed, decode_ways(ways))


def decode_ways(data: bytes) -> tuple[Way, ...]:
    """Parse ways as they are stored. Raises MalformedObject."""
    return codec.decode(data, _WAYS, WAYS_BYTES_MAX, "ways of a payment")
