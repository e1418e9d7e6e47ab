"""The folder in which a member's device keeps its keys.

::

    FOLDER/                    0700; every file in it 0600
      default                  the name of the membership meant when none is named
      lock                     held by whoever writes
      circles/NAME/            one membership; a person may have several, in one circle or in many
        membership.json        the circle as pinned, the person, the device's seed, plain or sealed
        nonce, outbox/, receipts.jsonl, checkpoint        see client/journal.py

A file is replaced whole or not at all and is on the disk before a call returns, so that a crash at
any moment loses nothing that was acknowledged. Calls block for milliseconds (with a passphrase a
fifth of a second) and may come from any thread or process. A passphrase protects the seed and binds
the rest of its file to it; receipts and orders are protected by the folder alone. Every call may
raise KeyStoreExposed, KeyStoreDamaged and KeyStoreUnusable, one with a name NoMembership, and one
that writes KeyStoreBusy.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import Final

from client import private_files, records, seal
from client.errors import (
    InvalidRecord,
    KeyStoreDamaged,
    KeyStoreLocked,
    KeyStoreUnusable,
    MembershipExists,
    MembershipInUse,
    NoMembership,
)
from client.journal import Journal, unix_us
from client.records import (
    KeptOrder,
    KeptReceipt,
    Membership,
    Memo,
    Opening,
    PinnedCircle,
    SealedSeed,
    UnansweredOrder,
)

__all__ = [
    "Journal",
    "KeptOrder",
    "KeptReceipt",
    "KeyStore",
    "Membership",
    "Memo",
    "Opening",
    "PinnedCircle",
    "UnansweredOrder",
    "UnlockedMembership",
    "default_folder",
]

MEMBERSHIPS_MAX: Final = 100
_FILE_BYTES_MAX = 65_536

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_NO_FILE_NAME = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")
_DISCARDED = ".discarded"

_RESTORE = "put back a copy of it, or have this device enrolled anew"


@dataclass(frozen=True, slots=True)
class UnlockedMembership:
    """A membership with the Ed25519 seed (32 bytes) of its device, which its repr leaves out."""

    membership: Membership
    seed: bytes = field(repr=False)


def default_folder(
    environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> Path:
    """``TALLY_HOME``, else the platform's folder for settings with ``tallystick`` in it."""
    if chosen := environment.get("TALLY_HOME"):
        return Path(chosen).absolute()
    named = environment.get("USERPROFILE" if platform == "win32" else "HOME")
    try:
        home = Path(named) if named else Path.home()
    except RuntimeError:
        raise KeyStoreUnusable(Path("~"), "there is no home folder; set TALLY_HOME") from None
    match platform:
        case "win32":
            settings = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
        case "darwin":
            settings = home / "Library" / "Application Support"
        case _:
            # A relative path there is to be ignored (XDG Base Directory Specification).
            configured = Path(environment.get("XDG_CONFIG_HOME", ""))
            settings = configured if configured.is_absolute() else home / ".config"
    return settings / "tallystick"


class KeyStore:
    """The key store in one folder, which is made by the first ``create``."""

    def __init__(self, folder: Path, *, now_us: Callable[[], int] = unix_us) -> None:
        self.folder = folder
        self._circles = folder / "circles"
        self._now_us = now_us

    def names(self) -> tuple[str, ...]:
        """The names of the memberships, sorted; also of those whose file cannot be read."""
        if not private_files.is_private_folder(self.folder):
            return ()
        with private_files.usable(self._circles):
            if not self._circles.exists():
                return ()
            return tuple(
                sorted(
                    entry.name
                    for entry in self._circles.iterdir()
                    if _NAME.fullmatch(entry.name) and (entry / "membership.json").exists()
                )
            )

    def memberships(self) -> tuple[Membership, ...]:
        """All of them, by name."""
        return tuple(self.membership(name) for name in self.names())

    def membership(self, name: str | None = None) -> Membership:
        """One of them, or the default one, without its seed: no passphrase is needed."""
        return self._read(self._known(name))[0]

    def default_name(self) -> str:
        """The chosen one, or the only one. Raises NoMembership."""
        names = self.names()
        chosen = (
            private_files.read_file(self.folder / "default", _FILE_BYTES_MAX) if names else None
        )
        for name in names:
            if chosen == name.encode() + b"\n" or len(names) == 1:
                return name
        raise NoMembership(None, list(names))

    def set_default(self, name: str) -> None:
        """Choose the membership that is meant when none is named."""
        with self._writing():
            self._set_default(self._known(name))

    def free_name(self, wanted: str) -> str:
        """A name for ``create`` that is not in use, as near to ``wanted`` as names can be."""
        folded = unicodedata.normalize("NFKD", wanted[:200]).encode("ascii", "ignore").decode()
        base = re.sub(r"[^a-z0-9]+", "-", folded.lower())[:28].strip("-")
        if not base or _NO_FILE_NAME.fullmatch(base):
            base = f"circle-{base}".strip("-")
        names = chain([base], (f"{base}-{number}" for number in count(2)))
        return next(name for name in names if self._is_vacant(name))

    def load(self, name: str | None = None, passphrase: str | None = None) -> UnlockedMembership:
        """A membership, or the default one, with its seed. Raises KeyStoreLocked."""
        return self._unlock(self._known(name), passphrase)

    def create(
        self,
        name: str,
        circle: PinnedCircle,
        device_label: str,
        *,
        seed: bytes | None = None,
        passphrase: str | None = None,
    ) -> UnlockedMembership:
        """Keep a new pending membership before its circle is asked, its seed drawn unless given.

        ``name`` is 1 to 32 of a-z, 0-9 and inner hyphens. The first is the default until another is
        chosen. Raises MembershipExists, InvalidRecord.
        """
        from nacl.signing import SigningKey

        if not _NAME.fullmatch(name) or _NO_FILE_NAME.fullmatch(name):
            raise InvalidRecord("the name is not 1 to 32 of a-z, 0-9 and inner hyphens")
        seed = os.urandom(records.KEY_BYTES) if seed is None else seed
        if len(seed) != records.KEY_BYTES:
            raise InvalidRecord(f"the seed has not {records.KEY_BYTES} bytes")
        device_key = bytes(SigningKey(seed).verify_key)
        membership = Membership(name, circle, device_key, device_label)
        private_files.make_private_folder(self.folder)
        with self._writing():
            names = self.names()
            if not self._is_vacant(name):
                raise MembershipExists(name)
            if len(names) >= MEMBERSHIPS_MAX:
                raise InvalidRecord(f"this device has {MEMBERSHIPS_MAX} memberships already")
            if len(names) == 1:
                # The only one was the default without being chosen, and is to stay so.
                self._set_default(names[0])
            private_files.make_private_folder(self._circles)
            private_files.make_private_folder(self._circles / name)
            kept = self._write(membership, seed, passphrase)
        return UnlockedMembership(kept, seed)

    def confirm(
        self, name: str, person: int, accounts: tuple[int, ...], passphrase: str | None = None
    ) -> Membership:
        """Note the person's number and accounts once the circle has answered, or accounts anew.

        Raises KeyStoreLocked, InvalidRecord.
        """

        def confirmed(membership: Membership) -> Membership:
            if membership.person not in (None, person):
                raise InvalidRecord(f"{name} is person {membership.person}, not {person}")
            return replace(membership, person=person, accounts=accounts)

        return self._update(name, passphrase, confirmed)

    def repin(self, name: str, circle: PinnedCircle, passphrase: str | None = None) -> Membership:
        """Follow a verified change of the circle's charter; its id stays.

        Raises KeyStoreLocked, InvalidRecord.
        """

        def repinned(membership: Membership) -> Membership:
            if membership.circle.circle_id != circle.circle_id:
                raise InvalidRecord("the circle's id is another one")
            return replace(membership, circle=circle)

        return self._update(name, passphrase, repinned)

    def journal(self, name: str | None = None) -> Journal:
        """What the device sent and was shown in a membership, or in the default one."""
        return Journal(self._circles / self._known(name), self.folder / "lock", self._now_us)

    def change_passphrase(self, name: str, old: str | None, new: str | None) -> None:
        """Seal the seed under ``new``, or keep it plain with None. Raises KeyStoreLocked.

        What the disk held before may still be on it for somebody who reads the raw device.
        """
        with self._writing():
            unlocked = self._unlock(self._known(name), old)
            self._write(unlocked.membership, unlocked.seed, new)

    def discard_pending(self, name: str) -> None:
        """Remove the key of a request to join that was refused. Raises MembershipInUse."""
        with self._writing():
            if not self.membership(name).is_pending:
                raise MembershipInUse(name, "the circle knows it")
            if self.journal(name).unanswered():
                raise MembershipInUse(name, "an order signed with it has no answer yet")
            discarded = self._circles / _DISCARDED
            with private_files.usable(discarded):
                _remove_folder(discarded)
                (self._circles / name).replace(discarded)
                private_files.sync_folder(self._circles)
                _remove_folder(discarded)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if not private_files.is_private_folder(self.folder):
            raise NoMembership(None, [])
        with private_files.exclusive(self.folder / "lock"):
            yield

    def _known(self, name: str | None) -> str:
        if name is None:
            return self.default_name()
        names = self.names()
        if name not in names:
            raise NoMembership(name, list(names))
        return name

    def _is_vacant(self, name: str) -> bool:
        """Whether nothing is kept there; a crash may leave it empty, or with an unfinished file."""
        folder = self._circles / name
        with private_files.usable(folder):
            return not folder.exists() or all(
                entry.name == private_files.UNFINISHED for entry in folder.iterdir()
            )

    def _set_default(self, name: str) -> None:
        private_files.write_file(self.folder / "default", name.encode() + b"\n")

    def _read(self, name: str) -> tuple[Membership, bytes | SealedSeed]:
        path = self._circles / name / "membership.json"
        data = private_files.read_file(path, _FILE_BYTES_MAX)
        if data is None:
            raise NoMembership(name, list(self.names()))
        try:
            return records.decode_membership(data, name)
        except InvalidRecord as error:
            raise KeyStoreDamaged(path, error.reason, _RESTORE) from error

    def _unlock(self, name: str, passphrase: str | None) -> UnlockedMembership:
        from nacl.signing import SigningKey

        membership, seed = self._read(name)
        if isinstance(seed, SealedSeed):
            if passphrase is None:
                raise KeyStoreLocked(name, given=False)
            with self._enough_memory():
                opened = seal.unseal(seed, passphrase, records.bound_fields(membership))
            if opened is None:
                raise KeyStoreLocked(name, given=True)
            seed = opened
        if bytes(SigningKey(seed).verify_key) != membership.device_key:
            path = self._circles / name / "membership.json"
            raise KeyStoreDamaged(path, "the seed is not that of the device key", _RESTORE)
        return UnlockedMembership(membership, seed)

    def _write(self, membership: Membership, seed: bytes, passphrase: str | None) -> Membership:
        kept = replace(membership, has_passphrase=passphrase is not None)
        sealed: bytes | SealedSeed = seed
        if passphrase is not None:
            with self._enough_memory():
                sealed = seal.seal(seed, passphrase, records.bound_fields(kept))
        data = records.encode_membership(kept, sealed)
        private_files.write_file(self._circles / kept.name / "membership.json", data)
        return kept

    def _update(
        self, name: str, passphrase: str | None, change: Callable[[Membership], Membership]
    ) -> Membership:
        with self._writing():
            unlocked = self._unlock(self._known(name), passphrase)
            membership = change(unlocked.membership)
            under = passphrase if membership.has_passphrase else None
            return self._write(membership, unlocked.seed, under)

    @contextmanager
    def _enough_memory(self) -> Iterator[None]:
        try:
            yield
        except MemoryError as error:
            reason = "there is too little memory for its passphrase"
            raise KeyStoreUnusable(self.folder, reason) from error


def _remove_folder(folder: Path) -> None:
    from shutil import rmtree

    if folder.exists():
        rmtree(folder)
