"""The node's working keys: one file each, readable by their owner only.

The identity key is not among them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ledger import keys
from ledger.charter import Certificate
from node.errors import NodeUnfit

ROLES = ("log", "witness", "link", "decision")


class KeyUnusable(NodeUnfit):
    """A key file that is missing, exposed, damaged, or not the one that the charter certifies."""

    code = "key-unusable"


@dataclass(frozen=True, slots=True)
class Keyring:
    """The seeds of the working keys, 32 bytes each, one key per role."""

    log: bytes = field(repr=False)
    witness: bytes = field(repr=False)
    link: bytes = field(repr=False)
    decision: bytes = field(repr=False)


def write_keyring(folder: Path, keyring: Keyring) -> None:
    """Write the seeds, each to a new file of mode 0600 that is on the disk before this returns."""
    folder.mkdir(mode=0o700)
    for role in ROLES:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(folder / f"{role}.key", flags, 0o600), "w") as file:
            file.write(getattr(keyring, role).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())


def read_keyring(folder: Path) -> Keyring:
    """Read the seeds. Raises KeyUnusable."""
    return Keyring(*(_read(folder / f"{role}.key") for role in ROLES))


def _read(path: Path) -> bytes:
    try:
        with open(path) as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise KeyUnusable(f"Others can read {path}; run: chmod 600 {path}")
            seed = bytes.fromhex(file.read(200).strip())
    except OSError as error:
        raise KeyUnusable(f"The key {path} cannot be read: {error.strerror}.") from None
    except ValueError:
        seed = b""
    if len(seed) != keys.KEY_BYTES:
        raise KeyUnusable(f"The key {path} is damaged; restore it from a backup.")
    return seed


def check_keyring(keyring: Keyring, certificate: Certificate) -> None:
    """Raise KeyUnusable unless these are the keys that the charter certifies."""
    for role in ROLES:
        if keys.public_key(getattr(keyring, role)) != getattr(certificate, role):
            raise KeyUnusable(
                f"The {role} key in the data directory is not the one in this circle's charter."
            )
