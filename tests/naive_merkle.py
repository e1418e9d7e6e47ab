"""The Merkle tree as RFC 6962 section 2.1 writes it down, recursive and slow, to compare with."""

from __future__ import annotations

import hashlib

from ledger.merkle import leaf_hash

SIZE_MAX = 40
LEAF_HASHES = [leaf_hash(b"leaf %d" % index) for index in range(SIZE_MAX)]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = split_of(len(leaves))
    left, right = naive_root(leaves[:split]), naive_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def split_of(count: int) -> int:
    """The largest power of two smaller than ``count``."""
    split = 1
    while split * 2 < count:
        split *= 2
    return split


def naive_inclusion(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    split = split_of(len(leaves))
    if index < split:
        return [*naive_inclusion(index, leaves[:split]), naive_root(leaves[split:])]
    return [*naive_inclusion(index - split, leaves[split:]), naive_root(leaves[:split])]


def naive_consistency(size1: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2."""
    if size1 == len(leaves):
        return [] if whole else [naive_root(leaves)]
    split = split_of(len(leaves))
    if size1 <= split:
        return [*naive_consistency(size1, leaves[:split], whole), naive_root(leaves[split:])]
    return [
        *naive_consistency(size1 - split, leaves[split:], False),
        naive_root(leaves[:split]),
    ]
