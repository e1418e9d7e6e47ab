"""The vectors for trees and C2SP formats are what their script makes, and the code agrees."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger import merkle
from ledger.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from ledger.cosignature import verify_cosignatures
from ledger.errors import TallystickError
from ledger.note import format_vkey, make_signer, open_note, parse_vkey
from ledger.receipt import parse_receipt, verify_receipt
from ledger.tile import (
    EntryBundle,
    Tile,
    format_entries,
    format_tile_path,
    full_tiles,
    parse_entries,
    parse_tile,
    parse_tile_path,
    partial_tiles,
    tile_reader,
)
from tests.vectors.make_c2sp import FOLDER, make

FILES = make()


@pytest.mark.parametrize("path", FILES)
def test_a_vector_file_is_what_the_script_makes(path: str) -> None:
    assert (FOLDER / path).read_text() == FILES[path], "run python -m tests.vectors.make_c2sp"


def test_no_vector_file_is_left_over() -> None:
    found = {
        file.relative_to(FOLDER).as_posix()
        for pattern in ("merkle*.json", "note*.json", "proof*.json")
        for file in FOLDER.glob(f"*valid/{pattern}")
    }
    assert found == set(FILES)


def cases(validity: str) -> list[Any]:
    """Every case of the stored files, with its file's name."""
    return [
        pytest.param(name, case, id=f"{name}-{position}")
        for path in FILES
        for folder, name in [path.removesuffix(".json").split("/")]
        if folder == validity
        for position, case in enumerate(json.loads((FOLDER / path).read_text())["cases"])
    ]


@pytest.mark.parametrize(("name", "case"), cases("valid"))
def test_a_valid_case_is_accepted(name: str, case: dict[str, Any]) -> None:
    """``check`` runs the verifier; what it finds must be what the case states."""
    assert check(name, case) == expected(name, case)


@pytest.mark.parametrize(("name", "case"), cases("invalid"))
def test_an_invalid_case_is_refused_with_its_code(name: str, case: dict[str, Any]) -> None:
    with pytest.raises(TallystickError) as caught:
        check(name, case)
    assert caught.value.code == case["error"]
    assert case["why"]


def unhex(values: list[str]) -> list[bytes]:
    return [bytes.fromhex(value) for value in values]


def check(name: str, case: dict[str, Any]) -> object:
    if name.startswith("merkle"):
        return check_merkle(name, case)
    match name:
        case "note-key":
            key = parse_vkey(case["vkey"])
            return key.name, key.key_id.hex(), key.signature_type, key.public_key.hex()
        case "note-signed":
            data = bytes.fromhex(case["note_hex"]) if "note_hex" in case else case["note"]
            padding = "x" * case.get("padding", 0)
            data = padding + data if padding else data
            note, signed = open_note(data, map(parse_vkey, case["vkeys"]))
            return note.text.removeprefix(padding), sorted(map(format_vkey, signed))
        case "note-checkpoint":
            return parse_checkpoint(case["text"])
        case "note-cosignature":
            found = verify_cosignatures(case["note"], map(parse_vkey, case["witness_vkeys"]))
            return [
                {"vkey": format_vkey(one.key), "timestamp": str(one.timestamp)} for one in found
            ]
        case "proof-receipt":
            inclusion = verify_receipt(
                case["receipt"],
                merkle.leaf_hash(bytes.fromhex(case["leaf"])),
                case["origin"],
                parse_vkey(case["log_vkey"]),
                map(parse_vkey, case["witness_vkeys"]),
                case["quorum"],
            )
            extra = parse_receipt(case["receipt"]).extra
            return inclusion.index, inclusion.checkpoint.size, extra and extra.hex()
    raise AssertionError(f"no test for {name}")


def check_merkle(name: str, case: dict[str, Any]) -> object:
    match name:
        case "merkle-tree":
            leaf_hashes = [merkle.leaf_hash(leaf) for leaf in unhex(case["leaves"])]
            return leaf_hashes, merkle.root(leaf_hashes).hex()
        case "merkle-inclusion":
            leaf_hash, root = unhex([case["leaf_hash"], case["root"]])
            proof = unhex(case["proof"])
            merkle.verify_inclusion(case["index"], case["tree_size"], leaf_hash, proof, root)
            return None
        case "merkle-consistency":
            root1, root2 = unhex([case["root1"], case["root2"]])
            proof = unhex(case["proof"])
            merkle.verify_consistency(case["size1"], case["size2"], proof, root1, root2)
            return None
        case "merkle-tile":
            full, partial = full_tiles(0, case["tree_size"]), partial_tiles(case["tree_size"])
            return [*map(format_tile_path, full)], [*map(format_tile_path, partial)]
        case "merkle-tile-content":
            prove_by_tiles(case)
            return None
        case "merkle-tile-path":
            return parse_tile_path(case["path"])
        case "merkle-bundle":
            entries = parse_entries(bytes.fromhex(case["bundle"]), case["width"])
            assert format_entries(entries).hex() == case["bundle"]
            return entries
    raise AssertionError(f"no test for {name}")


def prove_by_tiles(case: dict[str, Any]) -> None:
    """Each tile is as wide as its path says, and together they prove the leaf."""
    tiles: dict[Tile, bytes] = {}
    for stated in case["tiles"]:
        tile, content = parse_tile_path(stated["path"]), bytes.fromhex(stated["content"])
        assert isinstance(tile, Tile)
        parse_tile(content, tile.width)
        tiles[tile] = content
    size, index = case["tree_size"], case["index"]
    leaf_hash, root = unhex([case["leaf_hash"], case["root"]])
    read = tile_reader(tiles, size)
    proof = merkle.inclusion_proof_from(read, index, size)
    merkle.verify_inclusion(index, size, leaf_hash, proof, root)


def expected(name: str, case: dict[str, Any]) -> object:
    """What a valid case states that ``check`` must find."""
    match name:
        case "merkle-tree":
            return unhex(case["leaf_hashes"]), case["root"]
        case "merkle-tile":
            return case["full"], case["partial"]
        case "merkle-tile-path" if "level" in case:
            return Tile(case["level"], case["index"], case["width"])
        case "merkle-tile-path":
            return EntryBundle(case["index"], case["width"])
        case "merkle-bundle":
            return unhex(case["entries"])
        case "note-key":
            return case["name"], case["key_id"], case["signature_type"], case["public_key"]
        case "note-signed":
            return case["text"], sorted(case["signed_by"])
        case "note-checkpoint":
            root, extensions = bytes.fromhex(case["root"]), tuple(case["extensions"])
            checkpoint = Checkpoint(case["origin"], case["size"], root, extensions)
            assert format_checkpoint(checkpoint) == case["text"]
            return checkpoint
        case "note-cosignature":
            return case["cosigned"]
        case "proof-receipt":
            return case["index"], case["size"], case["extra"]
    return None


def test_the_published_seeds_make_the_published_keys() -> None:
    stated = json.loads((FOLDER / "valid/note-key.json").read_text())["cases"]
    for case in stated:
        if "seed" in case:
            seed = bytes.fromhex(case["seed"])
            signer = make_signer(case["name"], seed, case["signature_type"])
            assert format_vkey(signer.key) == case["vkey"]
