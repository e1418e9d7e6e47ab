"""Vectors for the Merkle tree (RFC 6962) and its tiles (C2SP tlog-tiles)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger import merkle
from ledger.errors import InvalidNote, InvalidProof
from ledger.tile import (
    EntryBundle,
    Tile,
    format_entries,
    format_tile_path,
    full_tiles,
    partial_tiles,
)

Case = dict[str, Any]
Files = dict[str, tuple[str, list[Case]]]
"""Path under the folder: what the file is about, and its cases."""

NOTE_ERROR = InvalidNote.code
PROOF_ERROR = InvalidProof.code

CT_LEAVES = "|00|10|2021|3031|40414243|5051525354555657|606162636465666768696a6b6c6d6e6f"
LEAVES = [bytes.fromhex(text) for text in CT_LEAVES.split("|")]
LEAF_HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]
ROOTS = [merkle.root(LEAF_HASHES[:size]) for size in range(9)]
LARGE = [merkle.leaf_hash(b"%d" % index) for index in range(1000)]


def hexes(values: Sequence[bytes]) -> list[str]:
    return [value.hex() for value in values]


def refused(why: str, error: str, case: Case) -> Case:
    return {"why": why, "error": error} | case


# --- merkle ---------------------------------------------------------------------------------------


def merkle_files() -> Files:
    trees = [
        {
            "leaves": hexes(LEAVES[:size]),
            "leaf_hashes": hexes(LEAF_HASHES[:size]),
            "root": ROOTS[size].hex(),
        }
        for size in range(9)
    ]
    return {
        "valid/merkle-tree.json": ("RFC 6962 roots of small trees", trees),
        "valid/merkle-inclusion.json": ("inclusion proofs, RFC 6962 2.1.1", included()),
        "invalid/merkle-inclusion.json": ("inclusion proofs to refuse", not_included()),
        "valid/merkle-consistency.json": ("consistency proofs, RFC 6962 2.1.2", consistent()),
        "invalid/merkle-consistency.json": ("consistency proofs to refuse", not_consistent()),
        "valid/merkle-tile.json": ("tlog-tiles: the tiles of a tree by size", tiles()),
        "valid/merkle-tile-content.json": ("tlog-tiles: a leaf, proved by tiles", tile_contents()),
        "invalid/merkle-tile-content.json": ("tlog-tiles: tiles to refuse", bad_tile_contents()),
        "valid/merkle-tile-path.json": ("tlog-tiles: paths", tile_paths()),
        "invalid/merkle-tile-path.json": ("tlog-tiles: paths to refuse", bad_tile_paths()),
        "valid/merkle-bundle.json": ("tlog-tiles: entry bundles", bundles()),
        "invalid/merkle-bundle.json": ("tlog-tiles: entry bundles to refuse", bad_bundles()),
    }


def inclusion_case(index: int, leaf_hashes: list[bytes]) -> Case:
    return {
        "index": index,
        "tree_size": len(leaf_hashes),
        "leaf_hash": leaf_hashes[index].hex(),
        "proof": hexes(merkle.inclusion_proof(index, leaf_hashes)),
        "root": merkle.root(leaf_hashes).hex(),
    }


def included() -> list[Case]:
    small = [
        inclusion_case(index, LEAF_HASHES[:size]) for size in range(9) for index in range(size)
    ]
    return small + [inclusion_case(index, LARGE) for index in (0, 511, 512, 767, 998, 999)]


def not_included() -> list[Case]:
    good = inclusion_case(4, LEAF_HASHES[:7])
    proof, other = good["proof"], ROOTS[3].hex()
    changes: list[tuple[str, Case]] = [
        ("the index is another leaf's", {"index": 5}),
        ("the index is negative", {"index": -1}),
        ("the index is the tree size", {"index": 7}),
        ("the tree is empty", {"tree_size": 0}),
        ("the tree size is negative", {"tree_size": -7}),
        ("the tree size needs a longer proof", {"tree_size": 9}),
        ("the tree size needs a shorter proof", {"tree_size": 5}),
        ("the tree size is over 2^63 - 1", {"tree_size": 2**63}),
        ("the leaf hash is another leaf's", {"leaf_hash": LEAF_HASHES[5].hex()}),
        ("the leaf hash is short", {"leaf_hash": good["leaf_hash"][2:]}),
        ("the root is another tree's", {"root": other}),
        ("the root is empty", {"root": ""}),
        ("the proof is empty", {"proof": []}),
        ("the proof lacks its last hash", {"proof": proof[:-1]}),
        ("the proof has a hash too many", {"proof": [*proof, other]}),
        ("the proof is reversed", {"proof": proof[::-1]}),
        ("a proof hash is short", {"proof": [proof[0][2:], *proof[1:]]}),
        ("a proof hash is long", {"proof": [proof[0] + "00", *proof[1:]]}),
        ("the proof is longer than any", {"proof": [other] * 65}),
    ]
    single = inclusion_case(0, LEAF_HASHES[:1])
    return [refused(why, PROOF_ERROR, good | change) for why, change in changes] + [
        refused("one leaf needs no proof", PROOF_ERROR, single | {"proof": [other]}),
        refused("the root of one leaf is its hash", PROOF_ERROR, single | {"root": other}),
    ]


def consistency_case(size1: int, leaf_hashes: list[bytes]) -> Case:
    return {
        "size1": size1,
        "size2": len(leaf_hashes),
        "proof": hexes(merkle.consistency_proof(size1, leaf_hashes)),
        "root1": merkle.root(leaf_hashes[:size1]).hex(),
        "root2": merkle.root(leaf_hashes).hex(),
    }


def consistent() -> list[Case]:
    small = [
        consistency_case(size1, LEAF_HASHES[:size2])
        for size2 in range(9)
        for size1 in range(size2 + 1)
    ]
    return small + [consistency_case(size1, LARGE) for size1 in (1, 511, 512, 513, 998, 999)]


def not_consistent() -> list[Case]:
    good = consistency_case(3, LEAF_HASHES[:7])
    proof, other = good["proof"], ROOTS[5].hex()
    swapped = {"size1": 7, "size2": 3, "root1": good["root2"], "root2": good["root1"]}
    changes: list[tuple[str, Case]] = [
        ("the tree shrinks", swapped),
        ("the first size is another", {"size1": 2}),
        ("the first size is negative", {"size1": -3}),
        ("the second size is over 2^63 - 1", {"size2": 2**63}),
        ("the first root is another tree's", {"root1": other}),
        ("the second root is another tree's", {"root2": other}),
        ("the second root is short", {"root2": good["root2"][2:]}),
        ("the proof is empty", {"proof": []}),
        ("the proof lacks its last hash", {"proof": proof[:-1]}),
        ("the proof has a hash too many", {"proof": [*proof, other]}),
        ("the proof is reversed", {"proof": proof[::-1]}),
        ("the proof is longer than any", {"proof": [other] * 65}),
    ]
    cases = [(why, good | change) for why, change in changes]
    empty, same = consistency_case(0, LEAF_HASHES[:7]), consistency_case(7, LEAF_HASHES[:7])
    edges: list[tuple[str, Case]] = [
        ("the proof from the empty tree must be empty", empty | {"proof": [other]}),
        ("the empty tree has one root", empty | {"root1": other}),
        ("the empty tree has one root, also unchanged", empty | {"size2": 0}),
        ("the proof of equal sizes must be empty", same | {"proof": [other]}),
        ("equal sizes need equal roots", same | {"root2": other}),
    ]
    return [refused(why, PROOF_ERROR, case) for why, case in cases + edges]


def tiles() -> list[Case]:
    return [
        {
            "tree_size": size,
            "full": [format_tile_path(tile) for tile in full_tiles(0, size)],
            "partial": [format_tile_path(tile) for tile in partial_tiles(size)],
        }
        for size in (0, 1, 255, 256, 257, 511, 512, 1000, 65535, 65536, 70000)
    ]


def tile_content_case(index: int, size: int) -> Case:
    """A leaf of the tree whose leaf i is i as a decimal, and all the tree's tiles."""
    leaf_hashes = LARGE[:size]
    rows = [leaf_hashes]
    while len(rows[-1]) >= 256:
        rows.append(
            [merkle.root(rows[-1][at : at + 256]) for at in range(0, len(rows[-1]) - 255, 256)]
        )
    tiles = [
        {"path": format_tile_path(tile), "content": b"".join(hashes).hex()}
        for level, row in enumerate(rows)
        for at in range(0, len(row), 256)
        for hashes in (row[at : at + 256],)
        for tile in (Tile(level, at // 256, len(hashes)),)
    ]
    return {
        "tree_size": size,
        "index": index,
        "leaf_hash": leaf_hashes[index].hex(),
        "root": merkle.root(leaf_hashes).hex(),
        "tiles": tiles,
    }


def tile_contents() -> list[Case]:
    places = ((0, 1), (4, 5), (255, 256), (7, 300), (299, 300))
    return [tile_content_case(index, size) for index, size in places]


def bad_tile_contents() -> list[Case]:
    good = tile_content_case(4, 5)
    [tile] = good["tiles"]
    content = tile["content"]
    first, second = content[:64], content[64:128]
    changes: list[tuple[str, str, Case]] = [
        ("a hash too few", NOTE_ERROR, {"content": content[:-64]}),
        ("a hash too many", NOTE_ERROR, {"content": content + first}),
        ("half a hash too many", NOTE_ERROR, {"content": content + first[:32]}),
        ("no hashes", NOTE_ERROR, {"content": ""}),
        ("another width in the path", NOTE_ERROR, {"path": "tile/0/000.p/6"}),
        (
            "two hashes have changed places",
            PROOF_ERROR,
            {"content": second + first + content[128:]},
        ),
        ("another hash", PROOF_ERROR, {"content": first * 2 + content[128:]}),
    ]
    grown = tile_content_case(299, 300)
    upper = {"path": "tile/1/000.p/1", "content": first}
    missing = [tile for tile in grown["tiles"] if tile["path"] != "tile/0/001.p/44"]
    return [
        *(refused(why, error, good | {"tiles": [tile | change]}) for why, error, change in changes),
        refused(
            "a tile above that does not follow from the one below",
            PROOF_ERROR,
            grown | {"tiles": [*grown["tiles"][:-1], upper]},
        ),
        refused("a tile is missing", PROOF_ERROR, grown | {"tiles": missing}),
    ]


def tile_paths() -> list[Case]:
    places = [(0, 0, 256), (0, 1234067, 256), (1, 0, 17), (63, 1000, 1), (2, 999, 255)]
    hashes: list[Case] = [
        {"path": format_tile_path(Tile(level, index, width)), "level": level}
        | {"index": index, "width": width}
        for level, index, width in places
    ]
    entries: list[Case] = [
        {"path": format_tile_path(EntryBundle(index, width)), "index": index, "width": width}
        for _, index, width in places
    ]
    return hashes + entries


def bad_tile_paths() -> list[Case]:
    paths = {
        "/tile/0/000": "a leading slash",
        "tile/0": "no index",
        "tile/0/0": "the index is not padded",
        "tile/0/0000": "a group of four digits",
        "tile/0/x000/001": "a group of leading zeroes",
        "tile/0/001/234": "only the last group goes without x",
        "tile/0/x001/x234": "the last group goes without x",
        "tile/00/000": "the level is padded",
        "tile/64/000": "the level is over 63",
        "tile/-1/000": "the level is negative",
        "tile/data/000": "neither a level nor entries",
        "tile/0/000.p/0": "a tile of no hashes",
        "tile/0/000.p/256": "a full tile has no suffix",
        "tile/0/000.p/07": "the width is padded",
        "tile/0/000.p": "no width",
        "tile/0/000/": "a trailing slash",
        "tile/0/000\n": "a trailing newline",
        "tile/0/\u0660\u0660\u0660": "digits that are not ASCII",
    }
    return [refused(why, NOTE_ERROR, {"path": path}) for path, why in paths.items()]


def bundles() -> list[Case]:
    lists = [[b"abc"], [b""], LEAVES, [b"\x01" * 300, b"", b"\x02"]]
    return [
        {"entries": hexes(entries), "bundle": format_entries(entries).hex(), "width": len(entries)}
        for entries in lists
    ]


def bad_bundles() -> list[Case]:
    cases = [
        ("", 1, "no entry where one is expected"),
        ("00", 1, "half a length"),
        ("0002ab", 1, "an entry cut short"),
        ("0001ab", 2, "an entry too few"),
        ("0001ab0001cd", 1, "an entry too many"),
        ("0001ab00", 1, "a byte left over"),
    ]
    return [
        refused(why, NOTE_ERROR, {"bundle": bundle, "width": width}) for bundle, width, why in cases
    ]
