"""What circles sign for each other is worth nothing for any other purpose, nor anything else there.

Everything is signed by one key here, so that only the contexts keep purposes apart.
"""

from __future__ import annotations

from itertools import permutations

import pytest

from ledger import codec, keys
from ledger.errors import TallystickError
from ledger.federation.agreement import (
    decode_agreement,
    encode_agreement,
    link_id,
    make_agreement,
    open_agreement,
)
from ledger.federation.exchange import (
    EXCHANGE_BYTES_MAX,
    Exchange,
    read_exchange,
    sign_exchange,
    verify_exchange,
)
from ledger.federation.gossip_envelope import parse_envelope, seal, verify_envelope
from ledger.federation.message import (
    FIRST,
    Statement,
    Suspend,
    encode_statement,
    open_run,
    open_statement,
    write_message,
)
from ledger.federation.payment import (
    PaymentHeader,
    Status,
    encode_header,
    open_status,
    payment_id,
    sign_status,
    verify_commit,
)
from tests.check_links import id_of, party
from tests.circle import NOON
from tests.ledger.test_signed_objects import ME, MINE, PURPOSES, Purpose

LINK = link_id(id_of("exeter"), id_of("luton"))
HEADER = encode_header(PaymentHeader(id_of("luton"), ME, NOON, 5, bytes(32)))
_SIDES = [party(name)._replace(link=ME, decision=ME) for name in ("exeter", "luton")]
AGREEMENT = encode_agreement(make_agreement(1, b"hours", 9, 9, *_SIDES))
MESSAGE = write_message(LINK, id_of("exeter"), id_of("luton"), 1, FIRST, Suspend(1))
STATEMENT = encode_statement(Statement(LINK, 1, 0, FIRST, 0, FIRST, 0, 0, 0))
EXCHANGE, _ = codec.unpack(
    sign_exchange(
        Exchange("request", LINK, id_of("exeter"), id_of("luton"), bytes(16), NOON, b"s", ()), MINE
    ),
    EXCHANGE_BYTES_MAX,
    "exchange",
)
GOSSIP = seal(id_of("exeter"), 1, 1, b"what is said", MINE).data[:-66]
STATUS, _ = codec.unpack(
    sign_status(Status(payment_id(HEADER), "unknown", NOON), MINE), 512, "status"
)


def _offer_agreement(body: bytes, signature: bytes) -> None:
    decode_agreement(body)
    open_agreement(codec.encode((body, signature, signature)))


def _offer_message(body: bytes, signature: bytes) -> None:
    open_run([codec.encode((body, signature))], ME)


def _offer_exchange(body: bytes, signature: bytes) -> None:
    exchange, signed, by = read_exchange(codec.encode((body, signature)))
    verify_exchange(exchange, signed, by, exchange, ME)


def _offer_commit(body: bytes, signature: bytes) -> None:
    """``body`` is T here: of the header that it must be of."""
    if body != payment_id(HEADER):
        keys.verify(keys.COMMIT, body, signature, ME)
    verify_commit(HEADER, signature)


def _offer_gossip(body: bytes, signature: bytes) -> None:
    """``body`` is all of an envelope before its signature."""
    verify_envelope(parse_envelope(body + b"\xc4\x40" + signature), ME)


def _purpose(context: bytes, name: str, body: bytes, offer: object) -> Purpose:
    assert callable(offer)
    return Purpose(name, body, keys.sign(context, body, MINE), offer)


BETWEEN = [
    _purpose(keys.AGREEMENT, "agreement", AGREEMENT, _offer_agreement),
    _purpose(keys.MESSAGE, "message", MESSAGE, _offer_message),
    _purpose(
        keys.STATEMENT,
        "statement",
        STATEMENT,
        lambda *pair: open_statement(codec.encode(pair), ME),
    ),
    _purpose(keys.GOSSIP, "gossip", GOSSIP, _offer_gossip),
    _purpose(keys.EXCHANGE, "exchange", EXCHANGE, _offer_exchange),
    _purpose(keys.COMMIT, "commit", payment_id(HEADER), _offer_commit),
    _purpose(keys.STATUS, "status", STATUS, lambda *pair: open_status(codec.encode(pair), ME)),
]
PAIRS = [
    pair for pair in permutations((*PURPOSES, *BETWEEN), 2) if any(each in BETWEEN for each in pair)
]


@pytest.mark.parametrize("purpose", BETWEEN, ids=lambda one: str(one.name))
def test_a_signed_object_is_accepted_where_it_belongs(purpose: Purpose) -> None:
    purpose.offer(purpose.body, purpose.signature)


@pytest.mark.parametrize(("made", "offered"), PAIRS, ids=lambda one: str(one.name))
def test_a_signed_object_is_refused_wherever_else_it_is_offered(
    made: Purpose, offered: Purpose
) -> None:
    """Neither the object as it is, nor its signature under an object that belongs there."""
    for body in (made.body, offered.body):
        with pytest.raises(TallystickError):
            offered.offer(body, made.signature)


@pytest.mark.parametrize("purpose", BETWEEN, ids=lambda one: str(one.name))
def test_no_bit_of_it_can_be_changed(purpose: Purpose) -> None:
    for place in range(0, len(purpose.body), 7):
        changed = bytearray(purpose.body)
        changed[place] ^= 1 << place % 8
        with pytest.raises(TallystickError):
            purpose.offer(bytes(changed), purpose.signature)
    for place in range(64):
        forged = bytearray(purpose.signature)
        forged[place] ^= 1 << place % 8
        with pytest.raises(TallystickError):
            purpose.offer(purpose.body, bytes(forged))
