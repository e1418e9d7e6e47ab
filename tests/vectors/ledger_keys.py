"""Vectors of keys and signatures: where Ed25519 verifiers differ, which way is taken here."""

from __future__ import annotations

from hashlib import sha512

from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_scalarmult_ed25519_base_noclamp,
)

from ledger import keys
from tests.circle import key, seed
from tests.vectors.ledger_orders import GROUP_ORDER, Case, Files

PRIME = 2**255 - 19
BASE = bytes.fromhex("58" + "66" * 31)
NEUTRAL = (1).to_bytes(32, "little")
NEUTRAL_BEYOND = (PRIME + 1).to_bytes(32, "little")
ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
MIXED = crypto_core_ed25519_add(BASE, ORDER_8)
NO_POINT = (2).to_bytes(32, "little")

RFC_8032 = (
    (
        "RFC 8032, 7.1, test 1: of no bytes.",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "RFC 8032, 7.1, test 3: of two bytes.",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)


def key_files() -> Files:
    """Path to (about, cases)."""
    return {
        "valid/public-key.json": ("keys that can be enrolled, invited, or be a paper key", _keys()),
        "invalid/public-key.json": ("keys that cannot", _bad_keys()),
        "valid/signature.json": ("Ed25519 signatures over bytes as they are", _signatures()),
        "invalid/signature.json": ("Ed25519 signatures to refuse", _bad_signatures()),
    }


def _keys() -> list[Case]:
    return [
        {"shows": "The base point.", "key": BASE.hex()},
        {"shows": "The key of a device.", "key": key("phone").hex()},
    ]


def _bad_keys() -> list[Case]:
    reasons = {
        "No point of the curve.": NO_POINT,
        "The neutral element.": NEUTRAL,
        "A point of order 2.": (PRIME - 1).to_bytes(32, "little"),
        "A point of order 4.": bytes(32),
        "The other point of order 4.": bytes(31) + b"\x80",
        "A point of order 8.": ORDER_8,
        "The neutral element, its y spelt as p + 1.": NEUTRAL_BEYOND,
        "The neutral element, with a sign.": NEUTRAL[:31] + b"\x80",
        "A point of order 4, its y spelt as p.": PRIME.to_bytes(32, "little"),
        "A point of large order, its y spelt as p + 3.": (PRIME + 3).to_bytes(32, "little"),
        "A point of order 8 L: outside the subgroup.": MIXED,
    }
    return [
        {"why": why, "error": "malformed", "key": value.hex()} for why, value in reasons.items()
    ]


MESSAGE = b"Hedge cut on Tuesday"


def _scalar_of(secret: bytes) -> int:
    """The scalar of a seed's key (RFC 8032, 5.1.5)."""
    number = int.from_bytes(sha512(secret).digest()[:32], "little")
    return (number & ~7 & (1 << 254) - 1 | 1 << 254) % GROUP_ORDER


SECRET = _scalar_of(seed("phone"))
NONCE = 7
R = crypto_scalarmult_ed25519_base_noclamp(NONCE.to_bytes(32, "little"))


def _challenge(r: bytes, a: bytes, message: bytes) -> int:
    return int.from_bytes(sha512(r + a + message).digest(), "little") % GROUP_ORDER


def _signature(r: bytes, a: bytes, message: bytes, nonce: int, secret: int) -> bytes:
    """As a signer makes it whose R and A are written so."""
    scalar = (nonce + _challenge(r, a, message) * secret) % GROUP_ORDER
    return r + scalar.to_bytes(32, "little")


def _mixed(divisible: bool) -> bytes:
    """The first message whose challenge under the mixed key is, or is not, a multiple of 8."""
    messages = (MESSAGE + bytes([number]) for number in range(256))
    return next(m for m in messages if (_challenge(R, MIXED, m) % 8 == 0) is divisible)


def _signatures() -> list[Case]:
    even = _mixed(True)
    mixed = _signature(R, MIXED, even, NONCE, 1)
    own = keys.sign(b"", MESSAGE, seed("phone"))
    return [
        *(
            {"shows": shows, "key": public, "message": message, "signature": signature}
            for shows, public, message, signature in RFC_8032
        ),
        _case("The key of a device.", key("phone"), MESSAGE, own),
        _case("A key of order 8 L: the equation holds without cofactor.", MIXED, even, mixed),
    ]


def _case(shows: str, public: bytes, message: bytes, signature: bytes) -> Case:
    return {
        "shows": shows,
        "key": public.hex(),
        "message": message.hex(),
        "signature": signature.hex(),
    }


def _bad_signatures() -> list[Case]:
    mine = key("phone")
    good = _signature(R, mine, MESSAGE, NONCE, SECRET)
    beyond = int.from_bytes(good[32:], "little") + GROUP_ORDER
    odd = _mixed(False)
    mixed_r = crypto_core_ed25519_add(R, ORDER_8)
    reasons: list[tuple[str, bytes, bytes, bytes]] = [
        ("Of another message.", mine, MESSAGE + b"!", good),
        ("S is larger by L.", mine, MESSAGE, good[:32] + beyond.to_bytes(32, "little")),
        ("S is L.", mine, MESSAGE, R + GROUP_ORDER.to_bytes(32, "little")),
        ("63 bytes.", mine, MESSAGE, good[:63]),
        ("65 bytes.", mine, MESSAGE, good + b"\0"),
        ("A is neutral: anybody makes it.", NEUTRAL, MESSAGE, R + NONCE.to_bytes(32, "little")),
        (
            "A is neutral, spelt beyond the field.",
            NEUTRAL_BEYOND,
            MESSAGE,
            R + NONCE.to_bytes(32, "little"),
        ),
        ("A is no point.", NO_POINT, MESSAGE, good),
        ("R is neutral.", mine, MESSAGE, _signature(NEUTRAL, mine, MESSAGE, 0, SECRET)),
        (
            "R is neutral, spelt beyond the field.",
            mine,
            MESSAGE,
            _signature(NEUTRAL_BEYOND, mine, MESSAGE, 0, SECRET),
        ),
        (
            "A has order 8 L: it holds with the cofactor only.",
            MIXED,
            odd,
            _signature(R, MIXED, odd, NONCE, 1),
        ),
        (
            "R has order 8 L: it holds with the cofactor only.",
            mine,
            MESSAGE,
            _signature(mixed_r, mine, MESSAGE, NONCE, SECRET),
        ),
    ]
    return [
        {
            "why": why,
            "error": "signature-invalid",
            "key": public.hex(),
            "message": message.hex(),
            "signature": signature.hex(),
        }
        for why, public, message, signature in reasons
    ]
