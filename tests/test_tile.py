"""Tiles and entry bundles as C2SP tlog-tiles has them, and proofs made from tiles alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import merkle
from ledger.errors import InvalidNote, InvalidProof
from ledger.tile import (
    ENTRY_BYTES_MAX,
    TILE_INDEX_MAX,
    EntryBundle,
    Tile,
    fill_tiles,
    format_entries,
    format_tile,
    format_tile_path,
    full_tiles,
    node_in_grown_tile,
    node_in_tile,
    nodes_in_tile,
    parse_entries,
    parse_tile,
    parse_tile_path,
    partial_tiles,
    tile_of,
    tile_reader,
    tile_root,
    tile_width,
    tiles_of,
)

LEAF_COUNT = 70_000
LEAF_HASHES = [merkle.leaf_hash(b"%d" % index) for index in range(LEAF_COUNT)]
PATHS: dict[Tile | EntryBundle, str] = {
    Tile(0, 0): "tile/0/000",
    Tile(0, 1234067): "tile/0/x001/x234/067",
    Tile(1, 0, 17): "tile/1/000.p/17",
    Tile(63, 1000, 1): "tile/63/x001/000.p/1",
    Tile(5, 999, 255): "tile/5/999.p/255",
    Tile(0, TILE_INDEX_MAX): "tile/0/x009/x223/x372/x036/x854/x775/807",
    EntryBundle(0): "tile/entries/000",
    EntryBundle(1234067, 7): "tile/entries/x001/x234/067.p/7",
}


# --- paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tile", "path"), PATHS.items())
def test_a_path_names_its_tile(tile: Tile | EntryBundle, path: str) -> None:
    assert format_tile_path(tile) == path
    assert parse_tile_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/000/000",
        "tile/0/x001",
        "tile/0/x001/x234",
        "tile/0/001/234",
        "tile/0/X001/234",
        "tile/0/x1/234",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/1e1/000",
        "tile//000",
        "tile/entries",
        "tile/data/000",
        "tile/Entries/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/1000",
        "tile/0/000.p/-1",
        "tile/0/000.p/1.p/1",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/000\n",
        "tile/0/000 ",
        "tile/0/../000",
        "tile/0/%30%30%30",
        "tile/0/x009/x223/x372/x036/x854/x775/808",
        "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
        pytest.param("tile/0/" + "x001/" * 100_000 + "000", id="100000 folders"),
    ],
)
def test_a_path_written_otherwise_is_refused(path: str) -> None:
    with pytest.raises(InvalidNote):
        parse_tile_path(path)


@given(st.text() | st.from_regex(r"tile/[0-9a-z]{1,7}/[x0-9/]{1,12}(\.p/[0-9]{1,4})?"))
def test_any_path_is_parsed_to_itself_or_refused(path: str) -> None:
    try:
        tile = parse_tile_path(path)
    except InvalidNote:
        return
    assert format_tile_path(tile) == path


@given(st.integers(0, 63), st.integers(0, TILE_INDEX_MAX), st.integers(1, 256))
def test_a_tile_is_read_back_from_its_path(level: int, index: int, width: int) -> None:
    tiles: list[Tile | EntryBundle] = [Tile(level, index, width), EntryBundle(index, width)]
    assert [parse_tile_path(format_tile_path(tile)) for tile in tiles] == tiles


# --- which tiles there are ------------------------------------------------------------------------


def test_a_tree_of_70000_has_the_tiles_the_spec_says() -> None:
    assert len([tile for tile in full_tiles(0, 70_000) if tile.level == 0]) == 273
    assert [tile for tile in full_tiles(0, 70_000) if tile.level > 0] == [Tile(1, 0)]
    assert partial_tiles(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]


def test_a_tree_of_256_has_a_full_tile_and_one_of_width_1_above() -> None:
    assert full_tiles(0, 256) == [Tile(0, 0)]
    assert partial_tiles(256) == [Tile(1, 0, 1)]
    assert (full_tiles(0, 0), partial_tiles(0), full_tiles(0, 255)) == ([], [], [])


@given(st.integers(0, 2**40), st.integers(0, 2000), st.integers(0, 2000))
def test_full_tiles_of_two_steps_are_those_of_one(size: int, step1: int, step2: int) -> None:
    whole = set(full_tiles(size, size + step1 + step2))
    first = full_tiles(size, size + step1)
    second = full_tiles(size + step1, size + step1 + step2)
    assert set(first).isdisjoint(second)
    assert whole == {*first, *second}
    for tile in whole:
        assert tile_width(tile.level, tile.index, size) < 256
        assert tile_width(tile.level, tile.index, size + step1 + step2) == 256


@given(st.integers(0, 2**62))
def test_partial_tiles_are_those_between_empty_and_full(size: int) -> None:
    for tile in partial_tiles(size):
        assert tile.width == tile_width(tile.level, tile.index, size)
        assert 0 < tile.width < 256
        assert tile_width(tile.level, tile.index + 1, size) == 0
        assert tile.index == 0 or tile_width(tile.level, tile.index - 1, size) == 256


# --- hashes in tiles ------------------------------------------------------------------------------


def tiles_of_tree(size: int) -> dict[Tile, bytes]:
    """Every tile of the tree of the first ``size`` leaves, made row by row."""
    tiles, row, level = {}, LEAF_HASHES[:size], 0
    while row:
        for start in range(0, len(row), 256):
            hashes = row[start : start + 256]
            tiles[Tile(level, start // 256, len(hashes))] = format_tile(hashes)
        row = [merkle.root(row[start : start + 256]) for start in range(0, len(row) - 255, 256)]
        level += 1
    return tiles


def test_the_tiles_of_a_tree_are_those_counted() -> None:
    for size in (0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000):
        assert set(tiles_of_tree(size)) == {*full_tiles(0, size), *partial_tiles(size)}


def test_any_node_follows_from_one_tile() -> None:
    size = 70_000
    tiles = tiles_of_tree(size)
    for level in range(17):
        for index in {0, 1, (size >> level) // 2, (size >> level) - 1}:
            if (index + 1) << level > size:
                continue
            data = tiles[tile_of((level, index), size)]
            expected = merkle.root(LEAF_HASHES[index << level : (index + 1) << level])
            assert node_in_tile((level, index), data) == expected


@settings(max_examples=60)
@given(st.data(), st.sampled_from([1, 2, 255, 256, 257, 65_536, 65_793, 70_000]))
def test_proofs_need_tiles_only(data: st.DataObject, size: int) -> None:
    """The tiles named beforehand are the ones read, and the proofs from them verify."""
    index = data.draw(st.integers(0, size - 1))
    size1 = data.draw(st.integers(1, size))
    tiles = TREES[size]
    root = merkle.root(LEAF_HASHES[:size])

    wanted = tiles_of((n for step in merkle.inclusion_nodes(index, size) for n in step), size)
    reader = tile_reader({tile: tiles[tile] for tile in wanted}, size)
    proof = merkle.inclusion_proof_from(reader, index, size)
    merkle.verify_inclusion(index, size, LEAF_HASHES[index], proof, root)

    wanted = tiles_of((n for step in merkle.consistency_nodes(size1, size) for n in step), size)
    reader = tile_reader({tile: tiles[tile] for tile in wanted}, size)
    proof = merkle.consistency_proof_from(reader, size1, size)
    merkle.verify_consistency(size1, size, proof, merkle.root(LEAF_HASHES[:size1]), root)


TREES = {size: tiles_of_tree(size) for size in (1, 2, 255, 256, 257, 65_536, 65_793, 70_000)}


def test_a_missing_or_short_tile_is_refused() -> None:
    with pytest.raises(InvalidProof, match=r"tile/0/000\.p/2 is missing"):
        merkle.inclusion_proof_from(tile_reader({}, 2), 0, 2)
    with pytest.raises(InvalidProof, match="does not reach"):
        merkle.inclusion_proof_from(tile_reader({Tile(0, 0, 2): b"\0" * 63}, 2), 0, 2)


def test_the_root_of_a_full_tile_is_its_hash_in_the_level_above() -> None:
    tiles = TREES[70_000]
    above = parse_tile(tiles[Tile(1, 0)], 256)
    assert [tile_root(tiles[Tile(0, index)]) for index in range(256)] == above


@pytest.mark.parametrize("data", [b"", b"\0" * 31, b"\0" * 33, b"\0" * 96])
def test_a_tile_of_another_width_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidNote, match="width 2"):
        parse_tile(data, 2)


def test_tiles_filled_batch_by_batch_are_those_of_the_tree() -> None:
    frontier = merkle.EMPTY_FRONTIER
    partial: dict[Tile, bytes] = {}
    full: dict[Tile, bytes] = {}
    for count in (1, 254, 1, 1, 0, 255, 300, 1000, 60_000, 8188):
        extension = merkle.extend(frontier, LEAF_HASHES[frontier.size : frontier.size + count])
        before = frontier.size
        frontier = extension.frontier
        partial, completed = fill_tiles(partial, extension)
        assert list(partial) == partial_tiles(frontier.size)
        assert list(completed) == full_tiles(before, frontier.size)
        full |= completed
        reader = tile_reader(partial, frontier.size)
        assert merkle.frontier_from(reader, frontier.size) == frontier
    assert full | partial == TREES[70_000]


# --- entry bundles --------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_entries_are_read_back_as_they_were_written(entries: list[bytes]) -> None:
    assert parse_entries(format_entries(entries), len(entries)) == entries


def test_an_entry_is_behind_its_length_big_endian() -> None:
    assert format_entries([b"abc", b"", b"d"]) == b"\0\3abc\0\0\0\1d"
    longest = b"\1" * ENTRY_BYTES_MAX
    assert parse_entries(format_entries([longest]), 1) == [longest]


def test_an_entry_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidNote, match="entry 1 is 65536 bytes"):
        format_entries([b"", b"\1" * 65536])


@pytest.mark.parametrize(
    ("data", "width"),
    [
        (b"", 1),
        (b"\0", 1),
        (b"\0\1", 1),
        (b"\0\2a", 1),
        (b"\0\1a", 2),
        (b"\0\1a", 0),
        (b"\0\1a\0", 1),
        (b"\0\1a\0", 2),
        (b"\0\1a\0\1b", 1),
        (b"\xff\xff", 1),
    ],
)
def test_a_malformed_bundle_is_refused(data: bytes, width: int) -> None:
    with pytest.raises(InvalidNote):
        parse_entries(data, width)


@given(st.binary(max_size=60), st.integers(-1, 30))
def test_any_bundle_is_parsed_to_itself_or_refused(data: bytes, width: int) -> None:
    try:
        entries = parse_entries(data, width)
    except InvalidNote:
        return
    assert (format_entries(entries), len(entries)) == (data, width)


def test_hashes_worked_out_beforehand_are_those_that_follow_from_the_tile() -> None:
    """For every node of a full tile, on whichever level the tile stands."""
    data = format_tile([bytes((place,)) * 32 for place in range(256)])
    nodes = nodes_in_tile(data)
    for height in range(8):
        for index in range(256 >> height):
            node = 8 + height, (256 >> height) * 3 + index
            assert node_in_grown_tile(node, nodes) == node_in_tile(node, data)
