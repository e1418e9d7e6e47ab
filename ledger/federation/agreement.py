"""The agreement of two circles: whom, in which unit, at what rates, and how much each may owe.

Both sign the same bytes. Of the two circles ``low`` is the one whose id sorts first, so that there
is one agreement and one link for each pair (protocol.md, "Agreements").
"""

from __future__ import annotations

from typing import NamedTuple

from ledger import codec, keys
from ledger.characters import is_printable
from ledger.codec import AMOUNT_MAX, ascii_text, binary, integer
from ledger.errors import MalformedObject

AGREEMENT_BYTES_MAX = 2048
RATE_MAX = 1_000_000
HOLDS_MAX = 10_000


class Party(NamedTuple):
    """One side of an agreement.

    ``origin`` is its log's, ``link`` and ``decision`` its keys, ``url`` where its node is reached.
    ``own`` minor units of its own are worth ``linked`` of the link's unit. It may owe the other at
    most ``owes_max``, in the link's unit.
    """

    circle: bytes
    origin: str
    link: bytes
    decision: bytes
    url: str
    own: int
    linked: int
    owes_max: int


class Agreement(NamedTuple):
    """What two circles agreed on, the ``number``-th time. Amounts are in the link's unit.

    ``unit`` is its name in UTF-8. No payment is of more than ``hold_max``; each direction has at
    most ``holds_max`` payments under way.
    """

    number: int
    unit: bytes
    hold_max: int
    holds_max: int
    low: Party
    high: Party

    def party(self, circle: bytes) -> Party:
        """The side that is ``circle``. Raises MalformedObject when neither is."""
        for party in (self.low, self.high):
            if party.circle == circle:
                return party
        raise MalformedObject("agreement", "it is between other circles")

    def other(self, circle: bytes) -> Party:
        """The side that is not ``circle``. Raises MalformedObject when neither is."""
        return self.high if self.party(circle) is self.low else self.low


_key = binary(keys.KEY_BYTES)
_PARTY = codec.record(
    circle=binary(keys.HASH_BYTES),
    origin=ascii_text(1, 255),
    link=_key,
    decision=_key,
    url=ascii_text(1, 255),
    own=integer(1, RATE_MAX),
    linked=integer(1, RATE_MAX),
    owes_max=integer(0),
)
_AGREEMENT = codec.record(
    number=integer(1),
    unit=binary(1, 40),
    hold_max=integer(1),
    holds_max=integer(1, HOLDS_MAX),
    low=_PARTY,
    high=_PARTY,
)
_SIGNED = codec.record(
    body=binary(1, AGREEMENT_BYTES_MAX),
    low=binary(keys.SIGNATURE_BYTES),
    high=binary(keys.SIGNATURE_BYTES),
)


def link_id(one: bytes, other: bytes) -> bytes:
    """The 32-byte id of the link between two circles."""
    return keys.object_id(keys.LINK, codec.encode(tuple(sorted((one, other)))))


def make_agreement(
    number: int, unit: bytes, hold_max: int, holds_max: int, one: Party, other: Party
) -> Agreement:
    """The agreement of two parties, in the order that it is signed in."""
    low, high = sorted((one, other))
    return Agreement(number, unit, hold_max, holds_max, low, high)


def encode_agreement(agreement: Agreement) -> bytes:
    """The bytes that both sign. Raises MalformedObject for terms out of bounds."""
    body = codec.write(agreement, _AGREEMENT, AGREEMENT_BYTES_MAX, "agreement")
    decode_agreement(body)
    return body


def decode_agreement(body: bytes) -> Agreement:
    """Parse an agreement. Raises MalformedObject."""
    fields = Agreement._make(codec.decode(body, _AGREEMENT, AGREEMENT_BYTES_MAX, "agreement"))
    agreement = fields._replace(low=Party._make(fields.low), high=Party._make(fields.high))
    low, high = agreement.low, agreement.high
    if low.circle >= high.circle:
        raise MalformedObject("agreement", "its circles are not two, the lower id first")
    for party in (low, high):
        keys.check_public_key(party.link)
        keys.check_public_key(party.decision)
        most = low.owes_max + high.owes_max + agreement.hold_max
        if most * party.own // party.linked > AMOUNT_MAX or most > AMOUNT_MAX:
            raise MalformedObject("agreement", f"what may be owed is over {AMOUNT_MAX}")
    try:
        if not is_printable(agreement.unit.decode()):
            raise MalformedObject("agreement", "its unit's name has characters that do not print")
    except UnicodeDecodeError:
        raise MalformedObject("agreement", "its unit's name is not UTF-8") from None
    return agreement


def sign_agreement(body: bytes, seed: bytes) -> bytes:
    """The 64-byte signature of a link key."""
    return keys.sign(keys.AGREEMENT, body, seed)


def join_agreement(body: bytes, low: bytes, high: bytes) -> bytes:
    """The wire form that both signed. Raises MalformedObject, InvalidSignature."""
    wire = codec.encode((body, low, high))
    open_agreement(wire)
    return wire


def open_agreement(wire: bytes) -> Agreement:
    """Parse and verify both signatures. Raises MalformedObject, InvalidSignature."""
    body, low, high = codec.decode(wire, _SIGNED, 2 * AGREEMENT_BYTES_MAX, "signed agreement")
    agreement = decode_agreement(body)
    keys.verify(keys.AGREEMENT, body, low, agreement.low.link)
    keys.verify(keys.AGREEMENT, body, high, agreement.high.link)
    return agreement


# Rounding is always for the circle that counts: nobody has more for what passed through it.


def worth_at_least(party: Party, amount: int) -> int:
    """What a link's ``amount`` is worth in the party's own minor units, rounded down: what it may
    give away for being owed so much."""
    return amount * party.own // party.linked


def worth_at_most(party: Party, amount: int) -> int:
    """The same rounded up: what the party takes for coming to owe so much."""
    return -(-amount * party.own // party.linked)


def link_amount(party: Party, own: int) -> int:
    """The least amount in the link's unit that is worth ``own`` of the party's minor units."""
    return -(-own * party.linked // party.own)
