"""Signatures and keys, as libsodium decides (protocol.md, "Signing")."""

from __future__ import annotations

from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import CryptoError

from node.check.findings import WrongEntry


def is_signed(message: bytes, signature: bytes, key: bytes) -> bool:
    """Whether it is the key's Ed25519 signature."""
    try:
        crypto_sign_open(signature + message, key)
    except CryptoError:
        return False
    return True


def check_point(key: bytes) -> None:
    """Raise WrongEntry for a key on which verifiers differ."""
    if not crypto_core_ed25519_is_valid_point(key):
        raise WrongEntry(f"{key.hex()} is no point of the main Ed25519 subgroup")
