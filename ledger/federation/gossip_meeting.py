"""How two nodes carry gossip to each other over HTTP (protocol.md, "Meetings").

A request has one message of an exchange and its answer the next; the answer is empty where there is
nothing to say. Each is signed as a whole, for its receiver, with the link key that the agreement
names: whoever else has something to pass on has to find a neighbour for it. What is inside proves
itself, and to take it twice is harmless. Silence proves nothing, and is not signed: whoever could
forge it could as well cut the line.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger import codec, keys
from ledger.codec import binary, integer, one_of
from ledger.errors import MalformedObject
from ledger.federation.exchange import NONCE_BYTES, check_said
from ledger.federation.gossip_exchange import MESSAGE_BYTES_MAX

PATH = "/peer/v1/gossip"
MEETING_BYTES_MAX = MESSAGE_BYTES_MAX
"""Of a whole body: what is around a message counts too."""


class Said(NamedTuple):
    """``part`` is "gossip-request" or "gossip-answer"; an answer has its request's ``nonce``.
    ``at`` is the sender's clock (Unix milliseconds); ``message`` one of an exchange.
    """

    part: str
    sender: bytes
    nonce: bytes
    at: int
    message: bytes


_hash = binary(keys.HASH_BYTES)
_SAID = codec.record(
    part=one_of("gossip-request", "gossip-answer"),
    sender=_hash,
    nonce=binary(NONCE_BYTES),
    at=integer(0),
    message=binary(1, MEETING_BYTES_MAX),
)
_SIGNED = codec.record(body=binary(1, MEETING_BYTES_MAX), signature=binary(keys.SIGNATURE_BYTES))


def sign_said(said: Said, receiver: bytes, link_seed: bytes) -> bytes:
    """The bytes of a request's or an answer's body. Raises MalformedObject for one too long."""
    body = codec.write(said, _SAID, MEETING_BYTES_MAX, "gossip")
    signature = keys.sign(keys.EXCHANGE, codec.encode((body, receiver)), link_seed)
    wire = codec.encode((body, signature))
    if len(wire) > MEETING_BYTES_MAX:
        raise MalformedObject("gossip", f"{len(wire)} bytes are over the limit")
    return wire


def read_said(wire: bytes) -> tuple[Said, bytes, bytes]:
    """Parse, the signature not yet verified: what was said, what was signed, and the signature.

    Raises MalformedObject.
    """
    body, signature = codec.decode(wire, _SIGNED, MEETING_BYTES_MAX, "signed gossip")
    fields = codec.decode(body, _SAID, MEETING_BYTES_MAX, "gossip")
    return Said._make(fields), body, signature


def verify_said(
    said: Said, body: bytes, signature: bytes, expected: Said, receiver: bytes, link_key: bytes
) -> None:
    """Check who said it, to whom and when: to ``receiver``, as ``expected`` has part, sender and
    nonce, and at most CLOCKS_MS_MAX from its ``at``.

    Raises InvalidSignature, MalformedObject.
    """
    keys.verify(keys.EXCHANGE, codec.encode((body, receiver)), signature, link_key)
    check_said("gossip", said[:3] == expected[:3], said.at, expected.at)
