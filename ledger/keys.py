"""Keys, signatures and ids: every signed or hashed object has a context of its own.

A context is ``tallystick/<object>/v1`` and a zero byte. It stands before the bytes that are signed
or hashed, so that nothing made for one purpose can be offered for another (protocol.md, "Signing").
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign,
    crypto_sign_open,
)
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from ledger.errors import InvalidSignature, MalformedObject, TextMismatch

KEY_BYTES = 32
HASH_BYTES = 32
SALT_BYTES = 32
SIGNATURE_BYTES = 64

CIRCLE = b"tallystick/circle/v1\0"
CERTIFICATE = b"tallystick/certificate/v1\0"
TERMS = b"tallystick/terms/v1\0"
ORDER = b"tallystick/order/v1\0"
ENROLMENT = b"tallystick/enrolment/v1\0"
INVITATION = b"tallystick/invitation/v1\0"
REQUEST = b"tallystick/request/v1\0"
SESSION = b"tallystick/session/v1\0"
TEXT = b"tallystick/text/v1\0"
SALT = b"tallystick/salt/v1\0"
POSTING = b"tallystick/posting/v1\0"
OPENING = b"tallystick/opening/v1\0"
PAPER = b"tallystick/paper/v1\0"
INVITATION_CODE = b"tallystick/invitation-code/v1\0"
LINK = b"tallystick/link/v1\0"
AGREEMENT = b"tallystick/agreement/v1\0"
MESSAGE = b"tallystick/message/v1\0"
STATEMENT = b"tallystick/statement/v1\0"
PAYMENT = b"tallystick/payment/v1\0"
COMMIT = b"tallystick/commit/v1\0"
STATUS = b"tallystick/status/v1\0"
EXCHANGE = b"tallystick/exchange/v1\0"
GOSSIP = b"tallystick/gossip/v1\0"
REFERRALS = b"tallystick/referrals/v1\0"

CONTEXTS = (
    CIRCLE,
    CERTIFICATE,
    TERMS,
    ORDER,
    ENROLMENT,
    INVITATION,
    REQUEST,
    SESSION,
    TEXT,
    SALT,
    POSTING,
    OPENING,
    PAPER,
    INVITATION_CODE,
    LINK,
    AGREEMENT,
    MESSAGE,
    STATEMENT,
    PAYMENT,
    COMMIT,
    STATUS,
    EXCHANGE,
    GOSSIP,
    REFERRALS,
)


def circle_id(identity_key: bytes) -> bytes:
    """The 32-byte id of the circle whose identity public key this is."""
    return sha256(CIRCLE + identity_key).digest()


def object_id(context: bytes, body: bytes) -> bytes:
    """The 32-byte id of a signed object: of its body, never of its signature."""
    return sha256(context + body).digest()


def public_key(seed: bytes) -> bytes:
    """The Ed25519 public key of a 32-byte seed."""
    return bytes(SigningKey(seed).verify_key)


def expand(seed: bytes) -> bytes:
    """A 32-byte seed with its public key behind it: whoever signs often has it made once."""
    return seed + public_key(seed)


def sign(context: bytes, body: bytes, seed: bytes) -> bytes:
    """The 64-byte Ed25519 signature over ``context + body`` by the key of a 32-byte seed, which
    may be given as :func:`expand` has it."""
    secret = seed if len(seed) == KEY_BYTES + KEY_BYTES else expand(seed)
    return crypto_sign(context + body, secret)[:SIGNATURE_BYTES]


def verify(context: bytes, body: bytes, signature: bytes, key: bytes) -> None:
    """Raise InvalidSignature unless ``key`` signed ``context + body``."""
    try:
        if len(signature) == SIGNATURE_BYTES and len(key) == KEY_BYTES:
            crypto_sign_open(signature + context + body, key)
            return
    except CryptoError:
        pass
    raise InvalidSignature(key.hex())


# The keys of neighbours are met again whenever what they agreed on is read.
@lru_cache(1024)
def check_public_key(key: bytes) -> None:
    """Raise MalformedObject for a key that libsodium holds to be no point of the prime-order group.

    Verifiers differ on such keys, so none may be enrolled.
    """
    if len(key) != KEY_BYTES or not crypto_core_ed25519_is_valid_point(key):
        raise MalformedObject("public key", "it is not a point of the main Ed25519 subgroup")


def text_commitment(salt: bytes, text: bytes) -> bytes:
    """What an order signs in place of free text: salt is 32 bytes the device drew.

    Raises TextMismatch for any other salt: it could give bytes of the text away to it.
    """
    if len(salt) != SALT_BYTES:
        raise TextMismatch(f"a salt has {SALT_BYTES} bytes")
    return sha256(TEXT + salt + text).digest()


def derive_salt(secret: bytes, position: int) -> bytes:
    """The salt at ``position`` of an entry: 0 for its order, 1 and up for its postings."""
    return sha256(SALT + secret + position.to_bytes(4, "big")).digest()


def derive_salts(secret: bytes, postings: int) -> tuple[bytes, ...]:
    """All salts of an entry with so many postings, by their positions."""
    prefix = SALT + secret
    return tuple(
        [sha256(prefix + place.to_bytes(4, "big")).digest() for place in range(postings + 1)]
    )
