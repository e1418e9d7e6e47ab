"""A payment between circles: its header, its id T, what is sealed in it, and its COMMIT.

Circles on the way see the header only; payer, payee and text are sealed to the payee's circle
(protocol.md, "Payments between circles").
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b, sha256
from typing import NamedTuple

from nacl.bindings import (
    crypto_box_easy,
    crypto_box_PUBLICKEYBYTES,
    crypto_box_seal_open,
    crypto_scalarmult_base,
    crypto_sign_ed25519_pk_to_curve25519,
    crypto_sign_ed25519_sk_to_curve25519,
)
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from ledger import codec, keys
from ledger.codec import ascii_text, binary, integer, one_of
from ledger.errors import MalformedObject

HEADER_BYTES_MAX = 256
SEALED_BYTES_MAX = 2400
TEXT_BYTES_MAX = 2000
LIFETIME_MS_MAX = 24 * 3600 * 1000
"""A payment is decided at most this long after it was sent on its way."""
HOPS_MAX = 3
"""Links that a member's payment crosses."""
CYCLE_MAX = 16
"""Links that a payment crosses which clears a cycle of debts."""


class PaymentHeader(NamedTuple):
    """What every circle on the way knows of a payment.

    The ``decider`` is the payee's circle, with its ``decision`` key; it decides before ``deadline``
    (Unix milliseconds, its log time). ``arrive`` is what the payee gets, in that circle's minor
    units; ``sealed`` the SHA-256 of the sealed part.
    """

    decider: bytes
    decision: bytes
    deadline: int
    arrive: int
    sealed: bytes


class Inside(NamedTuple):
    """What only the payee's circle reads: the payee's handle, who pays (as ``name@address``), and
    a text with its salt, of which the payee's statement shows the one and proves the other."""

    payee: str
    payer: str
    text: bytes
    salt: bytes


class Status(NamedTuple):
    """A decider's signed word on a payment at its log time; "unknown" may still change."""

    payment: bytes
    verdict: str
    log_time: int


_hash = binary(keys.HASH_BYTES)
_HEADER = codec.record(
    decider=_hash,
    decision=binary(keys.KEY_BYTES),
    deadline=integer(0),
    arrive=integer(1),
    sealed=_hash,
)
_INSIDE = codec.record(
    payee=ascii_text(1, 64),
    payer=ascii_text(0, 300),
    text=binary(0, TEXT_BYTES_MAX),
    salt=binary(keys.SALT_BYTES),
)
_STATUS = codec.record(
    payment=_hash, verdict=one_of("committed", "refused", "unknown"), log_time=integer(0)
)


def encode_header(header: PaymentHeader) -> bytes:
    """The bytes whose hash is the payment's id. Raises MalformedObject."""
    return codec.write(header, _HEADER, HEADER_BYTES_MAX, "payment header")


# One payment's is read at every step that it takes.
@lru_cache(1024)
def decode_header(data: bytes) -> PaymentHeader:
    """Parse a header. Raises MalformedObject."""
    return PaymentHeader._make(codec.decode(data, _HEADER, HEADER_BYTES_MAX, "payment header"))


def payment_id(header: bytes) -> bytes:
    """T, the 32-byte id of a payment: of its encoded header."""
    return keys.object_id(keys.PAYMENT, header)


def sealed_hash(sealed: bytes) -> bytes:
    """What a header says of the sealed part that travels with it."""
    return sha256(sealed).digest()


_curve_key = lru_cache(256)(crypto_sign_ed25519_pk_to_curve25519)


def seal(inside: Inside, decision: bytes, ephemeral: bytes) -> bytes:
    """Seal to the circle whose decision key this is: a libsodium sealed box.

    ``ephemeral`` is 32 random bytes for this box alone. Raises MalformedObject.
    """
    data = codec.write(inside, _INSIDE, SEALED_BYTES_MAX, "sealed part")
    theirs = _curve_key(decision)
    ours = crypto_scalarmult_base(ephemeral)
    nonce = blake2b(ours + theirs, digest_size=24).digest()
    return ours + crypto_box_easy(data, nonce, theirs, ephemeral)


class BoxKeys(NamedTuple):
    """The X25519 forms of a decision key, its public and its secret one."""

    public: bytes
    secret: bytes


def box_keys(decision_seed: bytes) -> BoxKeys:
    """What opens that which is sealed to the decision key of this seed."""
    signing = SigningKey(decision_seed)
    return BoxKeys(
        _curve_key(bytes(signing.verify_key)),
        crypto_sign_ed25519_sk_to_curve25519(signing._signing_key),
    )


def unseal(sealed: bytes, box: BoxKeys) -> Inside:
    """Open what was sealed to our decision key. Raises MalformedObject."""
    if not crypto_box_PUBLICKEYBYTES < len(sealed) <= SEALED_BYTES_MAX:
        raise MalformedObject("sealed part", f"{len(sealed)} bytes are too few or too many")
    try:
        data = crypto_box_seal_open(sealed, box.public, box.secret)
    except (CryptoError, ValueError, TypeError):
        raise MalformedObject("sealed part", "it is not sealed to this circle") from None
    return Inside._make(codec.decode(data, _INSIDE, SEALED_BYTES_MAX, "sealed part"))


def sign_commit(payment: bytes, decision_seed: bytes) -> bytes:
    """The decider's 64-byte signature that turns every open hold on a payment into debt."""
    return keys.sign(keys.COMMIT, payment, decision_seed)


def verify_commit(header: bytes, signature: bytes) -> None:
    """Raise InvalidSignature, MalformedObject unless the header's decider committed to it."""
    keys.verify(keys.COMMIT, payment_id(header), signature, decode_header(header).decision)


def sign_status(status: Status, decision_seed: bytes) -> bytes:
    """The wire form, signed with the decision key."""
    body = codec.write(status, _STATUS, HEADER_BYTES_MAX, "status")
    return codec.encode((body, keys.sign(keys.STATUS, body, decision_seed)))


_SIGNED_STATUS = codec.record(
    body=binary(1, HEADER_BYTES_MAX), signature=binary(keys.SIGNATURE_BYTES)
)


def open_status(wire: bytes, decision: bytes) -> Status:
    """Parse and verify. Raises MalformedObject, InvalidSignature."""
    body, signature = codec.decode(wire, _SIGNED_STATUS, 2 * HEADER_BYTES_MAX, "status")
    keys.verify(keys.STATUS, body, signature, decision)
    return Status._make(codec.decode(body, _STATUS, HEADER_BYTES_MAX, "status"))
