"""Merkle roots and proofs against RFC 6962's own words, and hostile arguments."""

from __future__ import annotations

import time

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

CT_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CT_INCLUSION = {
    (0, 1): [],
    (0, 8): ["96a296d224f285c6", "5f083f0a1a33ca07", "6b47aaf29ee3c2af"],
    (5, 8): ["bc1a0643b12e4d2d", "ca854ea128ed050b", "d37ee418976dd957"],
    (2, 3): ["fac54203e7cc696c"],
    (1, 5): ["6e340b9cffb37a98", "5f083f0a1a33ca07", "bc1a0643b12e4d2d"],
}
CT_CONSISTENCY = {
    (1, 1): [],
    (1, 8): ["96a296d224f285c6", "5f083f0a1a33ca07", "6b47aaf29ee3c2af"],
    (6, 8): ["0ebc5d3437fbe2db", "ca854ea128ed050b", "d37ee418976dd957"],
    (2, 5): ["5f083f0a1a33ca07", "bc1a0643b12e4d2d"],
}
"""Known answers of the certificate-transparency project's own tests, first eight bytes each."""

ODD_VALUES = [
    -1,
    -(10**400),
    0,
    1,
    2,
    7,
    8,
    9,
    2**63 - 1,
    2**63,
    2**64,
    10**400,
    True,
    False,
]


def is_included(*arguments: object) -> bool:
    """verify_inclusion as a bool; any exception but InvalidProof fails the test."""
    try:
        answer = merkle.verify_inclusion(*arguments)  # type: ignore[arg-type, func-returns-value]
    except InvalidProof:
        return False
    assert answer is None
    return True


def is_consistent(*arguments: object) -> bool:
    """verify_consistency as a bool; any exception but InvalidProof fails the test."""
    try:
        answer = merkle.verify_consistency(*arguments)  # type: ignore[arg-type, func-returns-value]
    except InvalidProof:
        return False
    assert answer is None
    return True


# --- known answers --------------------------------------------------------------------------------


def test_roots_are_the_known_answers_of_certificate_transparency() -> None:
    hashes = [merkle.leaf_hash(data) for data in CT_LEAVES]
    assert [merkle.root(hashes[:size]).hex() for size in range(9)] == CT_ROOTS


def test_proofs_are_the_known_answers_of_certificate_transparency() -> None:
    hashes = [merkle.leaf_hash(data) for data in CT_LEAVES]
    for (index, size), known in CT_INCLUSION.items():
        proof = merkle.inclusion_proof(index, hashes[:size])
        assert [value.hex()[:16] for value in proof] == known
    for (size1, size2), known in CT_CONSISTENCY.items():
        proof = merkle.consistency_proof(size1, hashes[:size2])
        assert [value.hex()[:16] for value in proof] == known


# --- exhaustive on small trees --------------------------------------------------------------------


def test_inclusion_proofs_equal_the_naive_ones_and_verify_on_every_small_tree() -> None:
    for size in range(1, SIZE_MAX + 1):
        leaves = LEAF_HASHES[:size]
        root = naive_root(leaves)
        assert merkle.root(leaves) == root
        for index in range(size):
            proof = naive_inclusion(index, leaves)
            assert merkle.inclusion_proof(index, leaves) == proof
            merkle.verify_inclusion(index, size, leaves[index], proof, root)
            merkle.verify_inclusion(index, size, leaves[index], tuple(proof), root)


def test_consistency_proofs_equal_the_naive_ones_and_verify_on_every_small_tree() -> None:
    for size2 in range(1, SIZE_MAX + 1):
        leaves = LEAF_HASHES[:size2]
        root2 = naive_root(leaves)
        for size1 in range(1, size2 + 1):
            proof = naive_consistency(size1, leaves)
            assert merkle.consistency_proof(size1, leaves) == proof
            root1 = naive_root(leaves[:size1])
            merkle.verify_consistency(size1, size2, proof, root1, root2)


def test_an_inclusion_proof_holds_for_its_own_index_only() -> None:
    """In one tree a proof must not verify elsewhere, nor its leaf with another proof."""
    for size in range(1, 18):
        leaves = LEAF_HASHES[:size]
        root = naive_root(leaves)
        for index in range(size):
            for other in range(size):
                proof = naive_inclusion(other, leaves)
                held = is_included(index, size, leaves[other], proof, root)
                assert held == (index == other)


def test_an_inclusion_proof_binds_the_size_through_its_length() -> None:
    """A proof may hold for a size of the same shape, which is why checkpoints sign the size."""
    for size in range(1, 18):
        leaves = LEAF_HASHES[:size]
        for index in range(size):
            proof = naive_inclusion(index, leaves)
            for claimed in range(18):
                if is_included(index, claimed, leaves[index], proof, naive_root(leaves)):
                    assert len(merkle.inclusion_nodes(index, claimed)) == len(proof)


def test_a_consistency_proof_of_other_sizes_or_roots_is_refused() -> None:
    size_max = 12
    roots = [naive_root(LEAF_HASHES[:size]) for size in range(size_max + 1)]
    for size2 in range(1, size_max + 1):
        for size1 in range(1, size2):
            proof = naive_consistency(size1, LEAF_HASHES[:size2])
            for root1 in roots:
                for root2 in roots:
                    held = is_consistent(size1, size2, proof, root1, root2)
                    assert held == (root1 == roots[size1] and root2 == roots[size2])
            assert not is_consistent(size2, size1, proof, roots[size2], roots[size1])


# --- the edges of consistency ---------------------------------------------------------------------


def test_the_empty_tree_is_consistent_with_every_tree_by_the_empty_proof() -> None:
    root = naive_root(LEAF_HASHES[:5])
    empty = merkle.EMPTY_ROOT
    assert is_consistent(0, 5, [], empty, root)
    assert is_consistent(0, 0, [], empty, empty)
    assert not is_consistent(0, 5, [root], empty, root)
    assert not is_consistent(0, 5, [], root, root)
    assert not is_consistent(0, 0, [], root, root)
    assert merkle.consistency_proof(0, LEAF_HASHES[:5]) == []


def test_equal_sizes_need_equal_roots_and_the_empty_proof() -> None:
    root, other = naive_root(LEAF_HASHES[:5]), naive_root(LEAF_HASHES[:6])
    assert is_consistent(5, 5, [], root, root)
    assert not is_consistent(5, 5, [], root, other)
    assert not is_consistent(5, 5, [root], root, root)


def test_growth_needs_a_proof() -> None:
    roots = [naive_root(LEAF_HASHES[:size]) for size in range(5)]
    assert not is_consistent(2, 4, [], roots[2], roots[4])
    assert not is_consistent(4, 2, [], roots[4], roots[2])


# --- hostile arguments ----------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ODD_VALUES)
def test_odd_numbers_are_refused_with_invalid_proof(odd: int) -> None:
    root = naive_root(LEAF_HASHES[:8])
    proof = naive_inclusion(1, LEAF_HASHES[:8])
    consistency = naive_consistency(2, LEAF_HASHES[:8])
    root2 = naive_root(LEAF_HASHES[:2])
    real = type(odd) is int
    assert is_included(odd, 8, LEAF_HASHES[1], proof, root) == (real and odd == 1)
    # The first leaves' proofs cannot tell a full tree of 8 from 7 with the same shape: 5 to 8.
    assert is_included(1, odd, LEAF_HASHES[1], proof, root) == (real and odd in (7, 8))
    assert is_consistent(odd, 8, consistency, root2, root) == (real and odd == 2)
    assert is_consistent(2, odd, consistency, root2, root) == (real and odd in (7, 8))
    assert not is_included(odd, odd, odd, odd, odd)
    assert not is_consistent(odd, odd, odd, odd, odd)


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"\0" * 31,
        b"\0" * 33,
        b"\0" * 10**6,
        bytearray(32),
        memoryview(bytes(32)),
        "0" * 32,
        None,
        32,
        [],
        [b"\0" * 32],
    ],
)
def test_odd_hashes_are_refused_with_invalid_proof(odd: object) -> None:
    root = naive_root(LEAF_HASHES[:8])
    proof: list[object] = list(naive_inclusion(1, LEAF_HASHES[:8]))
    assert not is_included(1, 8, odd, proof, root)
    assert not is_included(1, 8, LEAF_HASHES[1], proof, odd)
    assert not is_included(1, 8, LEAF_HASHES[1], [*proof[:-1], odd], root)
    assert not is_consistent(2, 8, proof, odd, root)
    assert not is_consistent(2, 8, proof, root, odd)
    assert not is_consistent(2, 8, [odd, *proof], root, root)


@pytest.mark.parametrize(
    "odd", [None, b"", b"\0" * 96, "", {}, 3, iter([]), {b"\0" * 32}, [[]], [None], [b""] * 10**6]
)
def test_odd_proofs_are_refused_with_invalid_proof(odd: object) -> None:
    root = naive_root(LEAF_HASHES[:8])
    assert not is_included(0, 1, root, odd, root)
    assert not is_included(1, 8, LEAF_HASHES[1], odd, root)
    assert not is_consistent(0, 8, odd, merkle.EMPTY_ROOT, root)
    assert not is_consistent(2, 8, odd, root, root)


def test_hostile_arguments_are_refused_at_once() -> None:
    """Neither a number of a million digits nor a million hashes may cost time to refuse."""
    huge = 1 << 3_500_000
    many = [b"\0" * 32] * 10**6
    started = time.process_time()
    for _ in range(100):
        assert not is_included(0, huge, b"\0" * 32, [], b"\0" * 32)
        assert not is_included(huge, huge, b"\0" * 32, [], b"\0" * 32)
        assert not is_included(-huge, 1, b"\0" * 32, [], b"\0" * 32)
        assert not is_consistent(1, huge, [], b"\0" * 32, b"\0" * 32)
        assert not is_consistent(huge, huge, [], b"\0" * 32, b"\0" * 32)
        assert not is_included(0, 2**63 - 1, b"\0" * 32, many, b"\0" * 32)
        assert not is_consistent(1, 2**63 - 1, many, b"\0" * 32, b"\0" * 32)
    assert time.process_time() - started < 1


def test_proofs_of_the_largest_tree_verify() -> None:
    """A tree of 2**63 - 1 leaves, all alike, has proofs of every length up to 63."""
    size = merkle.TREE_SIZE_MAX
    level_hashes = [merkle.leaf_hash(b"")]
    for _ in range(63):
        level_hashes.append(merkle.node_hash(level_hashes[-1], level_hashes[-1]))

    def reader(level: int, _index: int) -> bytes:
        return level_hashes[level]

    root = merkle.frontier_from(reader, size).root
    for index in (0, 1, size // 2, size - 2, size - 1):
        proof = merkle.inclusion_proof_from(reader, index, size)
        merkle.verify_inclusion(index, size, level_hashes[0], proof, root)
        assert not is_included(index, size, level_hashes[0], proof[:-1], root)
    for size1 in (1, 2, 3, 2**62 - 1, 2**62, 2**62 + 1, size - 1):
        proof = merkle.consistency_proof_from(reader, size1, size)
        root1 = merkle.frontier_from(reader, size1).root
        merkle.verify_consistency(size1, size, proof, root1, root)


integers = st.one_of(st.integers(), st.integers(0, 50), st.sampled_from(ODD_VALUES))
hashes = st.one_of(st.binary(), st.binary(min_size=32, max_size=32), st.sampled_from(LEAF_HASHES))


@given(integers, integers, hashes, st.lists(hashes, max_size=70), hashes)
def test_any_arguments_are_refused_or_proved(
    number1: int, number2: int, hash1: bytes, proof: list[bytes], hash2: bytes
) -> None:
    """Random arguments prove nothing, except where there is nothing to prove."""
    if is_included(number1, number2, hash1, proof, hash2):
        assert (number1, number2, proof, hash1) == (0, 1, [], hash2)
    if is_consistent(number1, number2, proof, hash1, hash2):
        assert proof == []
        assert hash1 == (hash2 if number1 == number2 else merkle.EMPTY_ROOT)


@settings(max_examples=300)
@given(st.data(), st.integers(1, SIZE_MAX))
def test_a_mutated_inclusion_proof_is_refused(data: st.DataObject, size: int) -> None:
    leaves = LEAF_HASHES[:size]
    index = data.draw(st.integers(0, size - 1))
    proof, leaf, root = naive_inclusion(index, leaves), leaves[index], naive_root(leaves)
    changed, leaf, root = mutate(data, proof, leaf, root)
    assert not is_included(index, size, leaf, changed, root)


@settings(max_examples=300)
@given(st.data(), st.integers(2, SIZE_MAX))
def test_a_mutated_consistency_proof_is_refused(data: st.DataObject, size2: int) -> None:
    leaves = LEAF_HASHES[:size2]
    size1 = data.draw(st.integers(1, size2 - 1))
    proof = naive_consistency(size1, leaves)
    changed, root1, root2 = mutate(data, proof, naive_root(leaves[:size1]), naive_root(leaves))
    assert not is_consistent(size1, size2, changed, root1, root2)


def mutate(
    data: st.DataObject, proof: list[bytes], hash1: bytes, hash2: bytes
) -> tuple[list[bytes], bytes, bytes]:
    """One bit flipped in a hash, or a proof hash dropped, added, doubled or moved."""
    values = [hash1, hash2, *proof]
    position = data.draw(st.integers(0, len(values) - 1))
    if position < 2 or data.draw(st.booleans()):
        flipped = bytearray(values[position])
        flipped[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
        values[position] = bytes(flipped)
        return values[2:], values[0], values[1]
    match data.draw(st.sampled_from(["drop", "add", "double", "move"])):
        case "drop":
            del values[position]
        case "add":
            values.insert(position, data.draw(st.binary(min_size=32, max_size=32)))
        case "double":
            values.insert(position, values[position])
        case "move" if len(proof) > 1:
            values[2:] = [*proof[1:], proof[0]]
        case _:
            values.append(hash1)
    return values[2:], values[0], values[1]
