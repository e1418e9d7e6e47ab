"""What two nodes say to each other over HTTP: a request and its answer, each signed as a whole.

Both carry the sender's statement of where the link stands and the messages that the other has not
acknowledged (protocol.md, "Exchanges"). The authority is the link key that the agreement names,
whatever the body says.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger import codec, keys
from ledger.codec import array_of, binary, integer, one_of
from ledger.errors import MalformedObject
from ledger.federation.message import MESSAGE_BYTES_MAX, RUN_MAX, STATEMENT_BYTES_MAX
from ledger.federation.payment import SEALED_BYTES_MAX

PATH = "/peer/v1/exchange"
EXCHANGE_BYTES_MAX = 384 * 1024
NONCE_BYTES = 16
CLOCKS_MS_MAX = 15 * 60 * 1000
"""How far two nodes' clocks may be apart, and how long a request can be replayed."""


class Exchange(NamedTuple):
    """``part`` is "request" or "answer"; an answer has its request's ``nonce``. ``at`` is the
    sender's clock (Unix milliseconds); ``statement`` is a signed wire form. ``messages`` are pairs
    of one and, beside a PREPARE, its sealed part; else b"".
    """

    part: str
    link: bytes
    sender: bytes
    receiver: bytes
    nonce: bytes
    at: int
    statement: bytes
    messages: tuple[tuple[bytes, bytes], ...]


_hash = binary(keys.HASH_BYTES)
_EXCHANGE = codec.record(
    part=one_of("request", "answer"),
    link=_hash,
    sender=_hash,
    receiver=_hash,
    nonce=binary(NONCE_BYTES),
    at=integer(0),
    statement=binary(1, STATEMENT_BYTES_MAX),
    messages=array_of(
        codec.record(wire=binary(1, 2 * MESSAGE_BYTES_MAX), sealed=binary(0, SEALED_BYTES_MAX)),
        0,
        RUN_MAX,
    ),
)
_SIGNED = codec.record(body=binary(1, EXCHANGE_BYTES_MAX), signature=binary(keys.SIGNATURE_BYTES))


def sign_exchange(exchange: Exchange, link_seed: bytes) -> bytes:
    """The bytes of a request's or an answer's body."""
    body = codec.write(exchange, _EXCHANGE, EXCHANGE_BYTES_MAX, "exchange")
    return codec.encode((body, keys.sign(keys.EXCHANGE, body, link_seed)))


def read_exchange(wire: bytes) -> tuple[Exchange, bytes, bytes]:
    """Parse, the signature not yet verified: the exchange, what was signed, and the signature.

    Raises MalformedObject.
    """
    body, signature = codec.decode(wire, _SIGNED, EXCHANGE_BYTES_MAX, "signed exchange")
    fields = codec.decode(body, _EXCHANGE, EXCHANGE_BYTES_MAX, "exchange")
    return Exchange._make(fields), body, signature


def verify_exchange(
    exchange: Exchange, body: bytes, signature: bytes, expected: Exchange, link_key: bytes
) -> None:
    """Check who sent it, to whom and when: as ``expected`` has part, link, sender, receiver and
    nonce, and at most CLOCKS_MS_MAX from its ``at``.

    Raises InvalidSignature, MalformedObject.
    """
    keys.verify(keys.EXCHANGE, body, signature, link_key)
    check_said("exchange", exchange[:5] == expected[:5], exchange.at, expected.at)


def check_said(what: str, is_ours: bool, at: int, now: int) -> None:
    """Raise MalformedObject for what is said between others, or by a clock too far off."""
    if not is_ours:
        raise MalformedObject(what, "it is between others, or another one's answer")
    if abs(at - now) > CLOCKS_MS_MAX:
        raise MalformedObject(what, f"its clock is {abs(at - now) // 1000} seconds off ours")
