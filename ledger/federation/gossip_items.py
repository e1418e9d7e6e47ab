"""A circle's gossip as a sorted set of 32-byte items, of which any part has a fingerprint.

Two stores hold the same when their items are the same. An item is ::

    key (8)  epoch (4)  number (4)  tag (16)

all big-endian. The key is one hexadecimal digit for the kind, then the first 15 of the circle's
id. The tag is the first half of SHA-256(circle id || envelope id), so that two versions of one
statement are two items; of what a conflict already convicts, the tag leaves the envelope's id out:
then more versions make no difference, and nobody can keep two honest stores apart by signing a
third.

A *prefix* is a string of hexadecimal digits and stands for all items whose key starts so. Its
fingerprint is SHA-256 over these items in order: 32 bytes for the empty prefix, which is the whole
state's digest, the first 16 for others.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from enum import IntEnum
from hashlib import sha256

from ledger.keys import HASH_BYTES

ITEM_BYTES = 32
KEY_BYTES = 8
DIGITS_MAX = 2 * KEY_BYTES
REMEMBERED_DIGITS = 3
"""Fingerprints of longer prefixes are over few items, and there is no end of such prefixes."""

HEX_DIGITS = "0123456789abcdef"

_ABOVE_ALL = "f" * 2 * (ITEM_BYTES + 1)


class Kind(IntEnum):
    """What an item stands for, in the order in which a receiver needs them."""

    ANNOUNCEMENT = 0
    BULLETIN = 1
    CONFLICT = 2


Name = tuple[Kind, bytes]
"""Which record: its kind and its circle's id."""


def key_of(kind: Kind, circle: bytes) -> bytes:
    return bytes.fromhex(f"{kind:x}{circle[:KEY_BYTES].hex()[:-1]}")


def make_item(kind: Kind, circle: bytes, version: tuple[int, int], envelope_id: bytes) -> bytes:
    """The item of a record; ``envelope_id`` is empty where a conflict convicts its issuer."""
    epoch, number = version
    tag = sha256(circle + envelope_id).digest()[:16]
    return key_of(kind, circle) + epoch.to_bytes(4, "big") + number.to_bytes(4, "big") + tag


def with_kind(key: bytes, kind: Kind) -> bytes:
    """The key of the same circle's record of another kind."""
    return bytes([key[0] & 0x0F | kind << 4]) + key[1:]


def item_kind(item: bytes) -> int:
    """The number of its kind, which may be of none known here."""
    return item[0] >> 4


def item_key(item: bytes) -> bytes:
    return item[:KEY_BYTES]


def item_version(item: bytes) -> tuple[int, int]:
    """Epoch and number."""
    return int.from_bytes(item[8:12], "big"), int.from_bytes(item[12:16], "big")


def children(prefix: str) -> Iterator[str]:
    """The prefixes one digit longer; under the empty one there are only the kinds."""
    digits = HEX_DIGITS if prefix else HEX_DIGITS[: len(Kind)]
    return (prefix + digit for digit in digits)


def split_items(data: bytes) -> list[bytes]:
    return [data[start : start + ITEM_BYTES] for start in range(0, len(data), ITEM_BYTES)]


class ItemSet:
    """The items of a store, sorted, with the records that they stand for."""

    __slots__ = ("_fingerprints", "_items", "_names")

    def __init__(self) -> None:
        self._items: list[bytes] = []
        self._names: dict[bytes, Name] = {}
        self._fingerprints: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: bytes) -> bool:
        return item in self._names

    def exchange(self, gone: Iterable[bytes], come: Iterable[tuple[bytes, Name]]) -> None:
        """Take items out and put items in."""
        for item in gone:
            del self._names[item]
            del self._items[bisect_left(self._items, item)]
            self._forget_fingerprints(item)
        for item, name in come:
            position = bisect_left(self._items, item)
            self._items.insert(position, item)
            self._names[item] = name
            self._forget_fingerprints(item)

    def _forget_fingerprints(self, item: bytes) -> None:
        digits = item[:KEY_BYTES].hex()
        for length in range(REMEMBERED_DIGITS + 1):
            self._fingerprints.pop(digits[:length], None)

    def count(self, prefix: str) -> int:
        low, high = self._range(prefix)
        return high - low

    def under(self, prefix: str) -> list[bytes]:
        low, high = self._range(prefix)
        return self._items[low:high]

    def fingerprint(self, prefix: str) -> bytes:
        """32 bytes of all, 16 of a part."""
        known = self._fingerprints.get(prefix)
        if known is not None:
            return known
        whole = sha256(b"".join(self.under(prefix))).digest()
        fingerprint = whole[: HASH_BYTES // 2] if prefix else whole
        if len(prefix) <= REMEMBERED_DIGITS:
            self._fingerprints[prefix] = fingerprint
        return fingerprint

    def name(self, item: bytes) -> Name:
        return self._names[item]

    def named(self, key: bytes) -> list[Name]:
        """The records with this key: one, or more where circles' ids begin alike."""
        return [self._names[item] for item in self.under(key.hex())]

    def _range(self, prefix: str) -> tuple[int, int]:
        if not prefix:
            return 0, len(self._items)
        even = len(prefix) + len(prefix) % 2
        low = bytes.fromhex(prefix.ljust(even, "0"))
        high = bytes.fromhex(prefix + _ABOVE_ALL[len(prefix) :])
        first = bisect_left(self._items, low)
        return first, bisect_right(self._items, high, lo=first)
