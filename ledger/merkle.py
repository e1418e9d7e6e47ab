"""The Merkle tree of the log: RFC 6962 section 2.1, proofs verified as in RFC 9162 section 2.1.

A *node* is ``(level, index)``: the complete subtree over the ``2**level`` leaves from
``index << level``. Every hash is 32 bytes; the hash of a node never changes once its leaves exist.
An inclusion proof lists hashes from the leaf's sibling up to the root's child.
"""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ledger.errors import InvalidProof

TREE_SIZE_MAX = 2**63 - 1
"""The largest tree size, as Go's tlog has it."""

PROOF_LENGTH_MAX = 64
"""No proof in a tree of at most ``TREE_SIZE_MAX`` leaves is longer."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of the tree without leaves (RFC 6962 section 2.1)."""

Node = tuple[int, int]
Reader = Callable[[int, int], bytes]
"""``reader(level, index)`` is the stored hash of that node."""

LEAF = b"\x00"
"""What a leaf's hash begins with (RFC 6962 section 2.1)."""

# Bound once: the two lookups show in the profile of `extend`.
_sha256 = hashlib.sha256


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 || data)."""
    return _sha256(LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01 || left || right)."""
    return _sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of leaves given by their hashes; ``EMPTY_ROOT`` of none."""
    if not leaf_hashes:
        return EMPTY_ROOT
    if len(leaf_hashes) == 2:  # the postings of most entries
        return node_hash(*leaf_hashes)
    row = list(leaf_hashes)
    while len(row) > 1:
        row = _parents(row)
    return row[0]


def _parents(row: list[bytes]) -> list[bytes]:
    """The row above: pairs hashed, an odd last node carried up, which is RFC 6962's split."""
    above = [
        _sha256(b"\x01" + left + right).digest()
        for left, right in zip(row[::2], row[1::2], strict=False)
    ]
    if len(row) & 1:
        above.append(row[-1])
    return above


# --- verifying: hostile input, one exception ------------------------------------------------------


def verify_inclusion(
    index: int, tree_size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that the leaf is at ``index`` of the tree of ``tree_size`` leaves with this root.

    RFC 9162 section 2.1.3.2. Whatever the arguments are, returns None or raises InvalidProof.
    """
    _check_size("tree size", tree_size)
    _check_size("index", index)
    if index >= tree_size:
        raise InvalidProof(f"index {index} is not in a tree of {tree_size} leaves")
    _check_hash("leaf hash", leaf_hash)
    _check_hash("root", root)
    _check_proof(proof)
    position, last, computed = index, tree_size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise InvalidProof(f"the inclusion proof is too long for {tree_size} leaves")
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            # A right edge without a sibling at this level is carried up unhashed.
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, sibling)
        position >>= 1
        last >>= 1
    if last != 0:
        raise InvalidProof(f"the inclusion proof is too short for {tree_size} leaves")
    if computed != root:
        raise InvalidProof(f"the inclusion proof of leaf {index} leads to another root")


def verify_consistency(
    size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes
) -> None:
    """Check that the tree of ``size2`` leaves extends that of ``size1``.

    RFC 9162 section 2.1.4.2, with the two edges as C2SP tlog-witness has them: the empty tree is
    consistent with every tree, and equal sizes need equal roots; both take the empty proof only.
    A tree of size zero must have the root ``EMPTY_ROOT``. Whatever the arguments are, returns None
    or raises InvalidProof.
    """
    _check_size("first size", size1)
    _check_size("second size", size2)
    if size1 > size2:
        raise InvalidProof(f"a tree of {size2} leaves cannot extend one of {size1}")
    _check_hash("first root", root1)
    _check_hash("second root", root2)
    _check_proof(proof)
    for size, claimed in ((size1, root1), (size2, root2)):
        if size == 0 and claimed != EMPTY_ROOT:
            raise InvalidProof("a tree of size 0 must have the hash of the empty string as root")
    if size1 == 0 or size1 == size2:
        if proof:
            raise InvalidProof(f"the proof from {size1} to {size2} leaves must be empty")
        if size1 == size2 and root1 != root2:
            raise InvalidProof(f"two different roots for {size1} leaves")
        return
    _verify_growth(size1, size2, proof, root1, root2)


def _verify_growth(
    size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes
) -> None:
    """The algorithm of RFC 9162 section 2.1.4.2, for 0 < size1 < size2."""
    if not proof:
        raise InvalidProof(f"the proof from {size1} to {size2} leaves is empty")
    # A complete old tree is itself the first node, so the proof leaves it out.
    path = [root1, *proof] if size1.bit_count() == 1 else list(proof)
    position, last = size1 - 1, size2 - 1
    while position & 1:
        position >>= 1
        last >>= 1
    computed1 = computed2 = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise InvalidProof(f"the proof from {size1} to {size2} leaves is too long")
        if position & 1 or position == last:
            computed1 = node_hash(sibling, computed1)
            computed2 = node_hash(sibling, computed2)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            computed2 = node_hash(computed2, sibling)
        position >>= 1
        last >>= 1
    if last != 0:
        raise InvalidProof(f"the proof from {size1} to {size2} leaves is too short")
    if computed1 != root1:
        raise InvalidProof(f"the proof leads to another root for {size1} leaves")
    if computed2 != root2:
        raise InvalidProof(f"the proof leads to another root for {size2} leaves")


def _check_size(what: str, value: object) -> None:
    if type(value) is not int:
        raise InvalidProof(f"the {what} is {type(value).__name__}, not an integer")
    if value < 0:
        raise InvalidProof(f"the {what} is negative")
    if value > TREE_SIZE_MAX:
        # Not shown: an integer of a million digits takes minutes to print.
        raise InvalidProof(f"the {what} is over {TREE_SIZE_MAX}")


def _check_hash(what: str, value: object) -> None:
    if type(value) is not bytes:
        raise InvalidProof(f"the {what} is {type(value).__name__}, not 32 bytes")
    if len(value) != 32:
        raise InvalidProof(f"the {what} is {len(value)} bytes, not 32")


def _check_proof(proof: object) -> None:
    if not isinstance(proof, list | tuple):
        raise InvalidProof(f"the proof is {type(proof).__name__}, not a list of hashes")
    if len(proof) > PROOF_LENGTH_MAX:
        raise InvalidProof(f"the proof has {len(proof)} hashes, more than {PROOF_LENGTH_MAX}")
    for position, value in enumerate(proof):
        _check_hash(f"proof hash {position}", value)


# --- proving: which nodes, then their hashes ------------------------------------------------------


def subtrees(start: int, end: int) -> tuple[Node, ...]:
    """The complete subtrees that leaves ``start`` to ``end`` consist of, left (largest) first.

    ``start`` must be a multiple of a power of two not below ``end - start``, as it is for every
    node of a tree and for ``subtrees(0, size)``.
    """
    nodes: list[Node] = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return tuple(nodes)


def inclusion_nodes(index: int, size: int) -> list[tuple[Node, ...]]:
    """What an inclusion proof is made of: per proof hash, the nodes it is folded from.

    All proof hashes but one, on the right edge, are a single node. Flattened, this is the list of
    nodes to fetch before ``inclusion_proof_from``. Raises InvalidProof for an index outside.
    """
    _check_size("tree size", size)
    _check_size("index", index)
    if index >= size:
        raise InvalidProof(f"index {index} is not in a tree of {size} leaves")
    path = []
    for level in range((size - 1).bit_length()):
        start = (index >> level ^ 1) << level
        if start < size:
            path.append(subtrees(start, min(start + (1 << level), size)))
    return path


def consistency_nodes(size1: int, size2: int) -> list[tuple[Node, ...]]:
    """What a consistency proof is made of, like ``inclusion_nodes`` (RFC 6962 section 2.1.2).

    Empty when ``size1`` is 0 or ``size2``. Raises InvalidProof if ``size1 > size2``.
    """
    _check_size("first size", size1)
    _check_size("second size", size2)
    if size1 > size2:
        raise InvalidProof(f"a tree of {size2} leaves cannot extend one of {size1}")
    if size1 == 0:
        return []
    start, end, path = 0, size2, []
    while end != size1:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if size1 <= split:
            path.append(subtrees(split, end))
            end = split
        else:
            path.append(subtrees(start, split))
            start = split
    if start > 0:
        path.append(subtrees(start, end))
    return path[::-1]


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over adjacent complete subtrees, left (largest) first; ``EMPTY_ROOT`` of none."""
    if not hashes:
        return EMPTY_ROOT
    computed = hashes[-1]
    for left in hashes[-2::-1]:
        computed = node_hash(left, computed)
    return computed


def inclusion_proof_from(reader: Reader, index: int, size: int) -> list[bytes]:
    """The inclusion proof from stored nodes: O(log size) reads. InvalidProof as above."""
    return [fold([reader(*node) for node in nodes]) for nodes in inclusion_nodes(index, size)]


def consistency_proof_from(reader: Reader, size1: int, size2: int) -> list[bytes]:
    """The consistency proof from stored nodes: O(log size2) reads. InvalidProof as above."""
    return [fold([reader(*node) for node in nodes]) for nodes in consistency_nodes(size1, size2)]


def inclusion_proof(index: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """The inclusion proof in a small tree given whole. InvalidProof for an index outside."""
    return inclusion_proof_from(_reader_of(leaf_hashes), index, len(leaf_hashes))


def consistency_proof(size1: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """The proof that a small tree given whole extends its first ``size1`` leaves."""
    return consistency_proof_from(_reader_of(leaf_hashes), size1, len(leaf_hashes))


def _reader_of(leaf_hashes: Sequence[bytes]) -> Reader:
    return lambda level, index: root(leaf_hashes[index << level : (index + 1) << level])


# --- growing: the writer's hot path ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: all that growing it needs.

    ``hashes`` are those of the nodes ``subtrees(0, size)``, left (largest) first.
    """

    size: int
    hashes: tuple[bytes, ...]

    def __post_init__(self) -> None:
        assert len(self.hashes) == self.size.bit_count(), "one hash per set bit of the size"

    @property
    def root(self) -> bytes:
        return fold(self.hashes)


EMPTY_FRONTIER = Frontier(0, ())


def frontier_from(reader: Reader, size: int) -> Frontier:
    """The frontier of the first ``size`` leaves, read from stored nodes ``subtrees(0, size)``."""
    return Frontier(size, tuple(reader(*node) for node in subtrees(0, size)))


@dataclass(frozen=True, slots=True)
class Extension:
    """A tree that grew from ``old_size`` to ``frontier.size`` leaves.

    ``rows[level]`` holds the hashes that changed or were needed beside them, from index
    ``(old_size >> level) & ~1`` to the right edge; its last may be of an incomplete subtree.
    """

    old_size: int
    frontier: Frontier
    root: bytes
    rows: tuple[list[bytes], ...]

    def completed(self) -> Iterator[tuple[int, int, list[bytes]]]:
        """The new nodes, level by level: (level, index of the first, hashes of consecutive nodes).

        Levels without a new node are left out; level 0 is the new leaves.
        """
        for level, row in enumerate(self.rows):
            first = self.old_size >> level
            skipped = first & 1
            hashes = row[skipped : skipped + (self.frontier.size >> level) - first]
            if hashes:
                yield level, first, hashes

    def proof_lines(self) -> list[str]:
        """Per new leaf its inclusion proof in the new tree, as the text C2SP tlog-proof has it.

        Each hash is a line of base64 with its newline. Computed top down, so that leaves share the
        text of their common ancestors' proofs.
        """
        if not self.rows:
            return []
        proofs = [""]
        for level in range(len(self.rows) - 2, -1, -1):
            row = self.rows[level]
            # The row above may begin with an old node, which is no parent of this row.
            above = proofs[self.old_size >> (level + 1) & 1 :]
            lines = [b2a_base64(node).decode() for node in row]
            proofs = [
                sibling + rest
                for left, right, rest in zip(lines[::2], lines[1::2], above, strict=False)
                for sibling in (right, left)
            ]
            if len(row) & 1:
                proofs.append(above[-1])
        return proofs[self.old_size & 1 :]

    def proof(self, position: int) -> list[bytes]:
        """The inclusion proof, as hashes, of the new leaf at ``position`` (0 is the first new)."""
        index = self.old_size + position
        assert self.old_size <= index < self.frontier.size, "position is not of a new leaf"
        proof = []
        for level, row in enumerate(self.rows):
            sibling = (index >> level ^ 1) - (self.old_size >> level & ~1)
            if sibling < len(row):
                proof.append(row[sibling])
        return proof


def extend(frontier: Frontier, new_leaf_hashes: Sequence[bytes]) -> Extension:
    """Append leaves: about one SHA-256 for each, and one for each level of the tree."""
    if not new_leaf_hashes:
        return Extension(frontier.size, frontier, frontier.root, ())
    edge, row = list(frontier.hashes), list(new_leaf_hashes)
    rows: list[list[bytes]] = []
    while True:
        if frontier.size >> len(rows) & 1:
            row.insert(0, edge.pop())
        rows.append(row)
        if len(row) == 1 and not edge:
            break
        row = _parents(row)
    size = frontier.size + len(new_leaf_hashes)
    hashes = tuple(
        rows[level][index - (frontier.size >> level & ~1)] for level, index in subtrees(0, size)
    )
    return Extension(frontier.size, Frontier(size, hashes), row[0], tuple(rows))
