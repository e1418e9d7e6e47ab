"""The seed of a device under a passphrase: Argon2id, then XChaCha20-Poly1305.

The cost is RFC 9106's second recommendation in memory and passes (64 MiB, 3), a fifth of a second
on a small computer. Other costs are read within the bounds of ``client.records``, never written.
"""

from __future__ import annotations

import os
import unicodedata
from typing import Final

from client.errors import InvalidRecord
from client.records import KEY_BYTES, SealedSeed

OPERATIONS: Final = 3
MEMORY_BYTES: Final = 64 * 2**20
PASSPHRASE_BYTES_MAX: Final = 1024


def seal(seed: bytes, passphrase: str, bound: bytes) -> SealedSeed:
    """Seal a 32-byte seed so that it opens only with the passphrase and the same ``bound`` bytes.

    Raises InvalidRecord for a passphrase that is empty or over 1,024 bytes, MemoryError.
    """
    from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt

    salt, nonce = os.urandom(16), os.urandom(24)
    password = _password(passphrase)
    if password is None:
        raise InvalidRecord(f"the passphrase is not 1 to {PASSPHRASE_BYTES_MAX} bytes of text")
    key = _derive(password, OPERATIONS, MEMORY_BYTES, salt)
    sealed = crypto_aead_xchacha20poly1305_ietf_encrypt(seed, bound, nonce, key)
    return SealedSeed(OPERATIONS, MEMORY_BYTES, salt, nonce, sealed)


def unseal(sealed: SealedSeed, passphrase: str, bound: bytes) -> bytes | None:
    """The seed; None when the passphrase, the sealed seed or ``bound`` is another one.

    Raises MemoryError.
    """
    from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt
    from nacl.exceptions import CryptoError

    password = _password(passphrase)
    if password is None:
        return None
    key = _derive(password, sealed.operations, sealed.memory, sealed.salt)
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(sealed.sealed, bound, sealed.nonce, key)
    except CryptoError:
        return None


def _password(passphrase: str) -> bytes | None:
    """The bytes of a passphrase; two keyboards may send one character in two ways."""
    try:
        password = unicodedata.normalize("NFC", passphrase[: PASSPHRASE_BYTES_MAX + 1]).encode()
    except UnicodeEncodeError:
        return None
    return password if 1 <= len(password) <= PASSPHRASE_BYTES_MAX else None


def _derive(password: bytes, operations: int, memory: int, salt: bytes) -> bytes:
    # Imported here and above, because a help text is shown faster without libsodium.
    from nacl import exceptions
    from nacl.pwhash import argon2id

    try:
        return argon2id.kdf(KEY_BYTES, password, salt, operations, memory)
    except exceptions.RuntimeError as error:
        raise MemoryError(f"{memory} bytes for a passphrase") from error
