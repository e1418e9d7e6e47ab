"""Proofs from stored nodes, and the tree growing batch by batch, against RFC 6962's own words."""

from __future__ import annotations

import random
import time
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import merkle
from ledger.errors import InvalidProof
from tests.naive_merkle import (
    LEAF_HASHES,
    SIZE_MAX,
    naive_consistency,
    naive_inclusion,
    naive_root,
)

# --- stored nodes ---------------------------------------------------------------------------------


def test_proofs_from_stored_nodes_read_complete_subtrees_only_and_few_of_them() -> None:
    for size in range(1, SIZE_MAX + 1):
        leaves = LEAF_HASHES[:size]
        for index in range(size):
            reads: list[merkle.Node] = []
            reader = recording_reader(leaves, reads)
            proof = merkle.inclusion_proof_from(reader, index, size)
            assert proof == naive_inclusion(index, leaves)
            assert reads == [node for step in merkle.inclusion_nodes(index, size) for node in step]
            assert len(reads) <= 2 * size.bit_length()
        for size1 in range(size + 1):
            reads = []
            reader = recording_reader(leaves, reads)
            proof = merkle.consistency_proof_from(reader, size1, size)
            assert proof == (naive_consistency(size1, leaves) if size1 else [])
            assert reads == [
                node for step in merkle.consistency_nodes(size1, size) for node in step
            ]
            assert len(reads) <= 2 * size.bit_length()


def recording_reader(leaves: list[bytes], reads: list[merkle.Node]) -> merkle.Reader:
    def reader(level: int, index: int) -> bytes:
        assert (index + 1) << level <= len(leaves), "an incomplete subtree was asked for"
        reads.append((level, index))
        return naive_root(leaves[index << level : (index + 1) << level])

    return reader


@pytest.mark.parametrize(("index", "size"), [(0, 0), (8, 8), (-1, 8), (0, -1), (0, 2**63)])
def test_a_proof_of_an_index_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(InvalidProof):
        merkle.inclusion_nodes(index, size)


@pytest.mark.parametrize(("size1", "size2"), [(9, 8), (-1, 8), (0, -1), (1, 2**63)])
def test_a_consistency_proof_backwards_is_refused(size1: int, size2: int) -> None:
    with pytest.raises(InvalidProof):
        merkle.consistency_nodes(size1, size2)


# --- growing --------------------------------------------------------------------------------------


def test_extending_any_small_tree_by_any_batch_equals_the_naive_tree() -> None:
    for size1 in range(SIZE_MAX + 1):
        frontier = merkle.frontier_from(recording_reader(LEAF_HASHES, []), size1)
        for size2 in range(size1, SIZE_MAX + 1):
            extension = merkle.extend(frontier, LEAF_HASHES[size1:size2])
            assert_extension_is_right(extension, size1, LEAF_HASHES[:size2])


def assert_extension_is_right(extension: merkle.Extension, size1: int, leaves: list[bytes]) -> None:
    size2 = len(leaves)
    assert extension.old_size == size1
    assert extension.root == extension.frontier.root == naive_root(leaves)
    assert extension.frontier.size == size2
    assert extension.frontier == merkle.frontier_from(recording_reader(leaves, []), size2)
    completed = {
        (level, first + offset): value
        for level, first, values in extension.completed()
        for offset, value in enumerate(values)
    }
    assert completed == {
        (level, index): naive_root(leaves[index << level : (index + 1) << level])
        for level in range(size2.bit_length())
        for index in range(size1 >> level, size2 >> level)
    }
    lines = extension.proof_lines()
    assert len(lines) == size2 - size1
    for position in range(size2 - size1):
        proof = naive_inclusion(size1 + position, leaves)
        assert extension.proof(position) == proof
        assert lines[position] == "".join(b64encode(value).decode() + "\n" for value in proof)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_a_tree_grown_in_batches_is_the_tree_made_at_once(batches: list[int]) -> None:
    leaves = [merkle.leaf_hash(b"%d" % index) for index in range(sum(batches))]
    frontier = merkle.EMPTY_FRONTIER
    for count in batches:
        extension = merkle.extend(frontier, leaves[frontier.size : frontier.size + count])
        frontier = extension.frontier
        for position in {0, count // 2, count - 1} if count else set():
            merkle.verify_inclusion(
                extension.old_size + position,
                frontier.size,
                leaves[extension.old_size + position],
                extension.proof(position),
                extension.root,
            )
    assert frontier.root == merkle.root(leaves)
    assert merkle.extend(merkle.EMPTY_FRONTIER, leaves).frontier == frontier


def test_extending_does_not_change_its_arguments() -> None:
    leaves = LEAF_HASHES[:5]
    frontier = merkle.extend(merkle.EMPTY_FRONTIER, leaves).frontier
    before = frontier.hashes
    merkle.extend(frontier, leaves)
    assert (leaves, frontier.hashes) == (LEAF_HASHES[:5], before)


def test_extending_a_large_tree_costs_a_few_microseconds_a_leaf() -> None:
    """A loose ceiling, ten times what it takes, that still catches a proof made leaf by leaf."""
    chooser = random.Random(1)
    leaves = [chooser.randbytes(32) for _ in range(1000)]
    size = 1_000_000 - 63
    frontier = merkle.Frontier(size, tuple(leaves[: size.bit_count()]))
    started = time.process_time()
    for _ in range(10):
        merkle.extend(frontier, leaves).proof_lines()
    assert (time.process_time() - started) / 10_000 < 15e-6
