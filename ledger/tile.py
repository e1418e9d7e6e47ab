"""Tiles and entry bundles (C2SP tlog-tiles): the tree and its leaves as immutable files.

::

    tile/0/x001/x234/067          256 leaf hashes, from leaf 1234067 * 256
    tile/1/000.p/17               a partial tile: 17 hashes, each of a full tile of level 0
    tile/entries/000.p/3          three leaves, each behind its length

A tile of level L holds nodes of ``merkle`` level 8 * L; those between are computed from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ledger.errors import InvalidNote, InvalidProof
from ledger.merkle import Extension, Node, Reader, node_hash, root
from ledger.note import parse_decimal

TILE_HEIGHT = 8
TILE_WIDTH = 256
HASH_BYTES = 32
TILE_BYTES = TILE_WIDTH * HASH_BYTES
TILE_LEVEL_MAX = 63
TILE_INDEX_MAX = 2**63 - 1

ENTRY_BYTES_MAX = 65535
"""A leaf's length is a uint16."""

_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?")


@dataclass(frozen=True, slots=True)
class Tile:
    """``width`` hashes of merkle level ``8 * level`` from index ``index * 256``; 256 is full."""

    level: int
    index: int
    width: int = TILE_WIDTH


@dataclass(frozen=True, slots=True)
class EntryBundle:
    """``width`` leaves from index ``index * 256``; 256 is full."""

    index: int
    width: int = TILE_WIDTH


# --- paths ----------------------------------------------------------------------------------------


def format_tile_path(tile: Tile | EntryBundle) -> str:
    """The path under the log's prefix, without a leading slash."""
    kind = "entries" if isinstance(tile, EntryBundle) else str(tile.level)
    digits = str(tile.index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    suffix = "" if tile.width == TILE_WIDTH else f".p/{tile.width}"
    folders = "".join(f"x{group}/" for group in groups[:-1])
    return f"tile/{kind}/{folders}{groups[-1]}{suffix}"


def parse_tile_path(path: str) -> Tile | EntryBundle:
    """What the path names. InvalidNote unless this is exactly how it is written."""
    matched = _PATH.fullmatch(path)
    if matched is None:
        raise InvalidNote(f"{path!r:.80} is not tile/<level or entries>/<index>[.p/<width>]")
    kind, groups, partial = matched.groups()
    width = TILE_WIDTH if partial is None else parse_decimal(partial, TILE_WIDTH - 1)
    digits = groups.replace("/", "").replace("x", "")
    index = parse_decimal(digits.lstrip("0") or "0", TILE_INDEX_MAX)
    tile: Tile | EntryBundle
    if kind == "entries":
        tile = EntryBundle(index, width)
    else:
        tile = Tile(parse_decimal(kind, TILE_LEVEL_MAX), index, width)
    if width == 0:
        raise InvalidNote(f"{path!r:.80} has a width of 0, and empty tiles do not exist")
    if format_tile_path(tile) != path:
        raise InvalidNote(f"{path!r:.80} is not how {format_tile_path(tile)} is written")
    return tile


# --- which tiles there are ------------------------------------------------------------------------


def tile_width(level: int, index: int, size: int) -> int:
    """How many hashes the tile has in a tree of ``size`` leaves: 0 (none) to 256 (full).

    An entry bundle is as wide as the tile of level 0 with its index.
    """
    return max(0, min(TILE_WIDTH, (size >> TILE_HEIGHT * level) - index * TILE_WIDTH))


def partial_tiles(size: int) -> list[Tile]:
    """The partial tiles of a tree of ``size`` leaves, lowest level first; at most one a level."""
    tiles = []
    for level in range(-(-size.bit_length() // TILE_HEIGHT)):
        count = size >> TILE_HEIGHT * level
        if count % TILE_WIDTH:
            tiles.append(Tile(level, count // TILE_WIDTH, count % TILE_WIDTH))
    return tiles


def full_tiles(size1: int, size2: int) -> list[Tile]:
    """The tiles that become full as the tree grows from ``size1`` to ``size2``, lowest first."""
    tiles: list[Tile] = []
    for level in range(size2.bit_length() // TILE_HEIGHT):
        shift = TILE_HEIGHT * (level + 1)
        tiles.extend(Tile(level, index) for index in range(size1 >> shift, size2 >> shift))
    return tiles


# --- hashes in tiles ------------------------------------------------------------------------------


def format_tile(hashes: Sequence[bytes]) -> bytes:
    """The content of a tile: its 1 to 256 hashes one after another."""
    assert 0 < len(hashes) <= TILE_WIDTH, "a tile has 1 to 256 hashes"
    return b"".join(hashes)


def parse_tile(data: bytes, width: int) -> list[bytes]:
    """The hashes in the content of a tile. InvalidNote unless there are exactly ``width``."""
    if len(data) != width * HASH_BYTES:
        raise InvalidNote(f"a tile of width {width} is {width * HASH_BYTES} bytes, not {len(data)}")
    return [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]


def tile_root(data: bytes) -> bytes:
    """The hash of the subtree over a tile; of a full one, its entry in the level above."""
    return root(parse_tile(data, len(data) // HASH_BYTES))


def tile_of(node: Node, size: int) -> Tile:
    """The tile, as it is in a tree of ``size`` leaves, from which ``node``'s hash follows."""
    level, index = node
    tile_level, height = divmod(level, TILE_HEIGHT)
    tile_index = index << height >> TILE_HEIGHT
    return Tile(tile_level, tile_index, tile_width(tile_level, tile_index, size))


def tiles_of(nodes: Iterable[Node], size: int) -> list[Tile]:
    """The distinct tiles to fetch for ``nodes``, such as those of ``merkle.inclusion_nodes``."""
    return list(dict.fromkeys(tile_of(node, size) for node in nodes))


def node_in_tile(node: Node, data: bytes) -> bytes:
    """The hash of ``node`` from the content of its tile. InvalidProof if the tile is too short."""
    level, index = node
    height = level % TILE_HEIGHT
    start = (index << height) % TILE_WIDTH * HASH_BYTES
    piece = data[start : start + (HASH_BYTES << height)]
    if len(piece) != HASH_BYTES << height:
        raise InvalidProof(f"a tile of {len(data)} bytes does not reach node {node}")
    return tile_root(piece)


def nodes_in_tile(data: bytes) -> bytes:
    """All hashes that follow from a full tile, its own 256 first, then each level's above them.

    :func:`node_in_grown_tile` finds one of them without hashing anything.
    """
    row = parse_tile(data, TILE_WIDTH)
    rows = [data]
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
        rows.append(b"".join(row))
    return b"".join(rows)


def node_in_grown_tile(node: Node, nodes: bytes) -> bytes:
    """The hash of ``node`` out of :func:`nodes_in_tile` of its tile."""
    level, index = node
    height = level % TILE_HEIGHT
    before = 2 * TILE_WIDTH - (2 * TILE_WIDTH >> height)
    start = (before + index % (TILE_WIDTH >> height)) * HASH_BYTES
    return nodes[start : start + HASH_BYTES]


def tile_reader(
    tiles: Mapping[Tile, bytes], size: int, grown: Mapping[Tile, bytes] | None = None
) -> Reader:
    """A reader of nodes for ``merkle``'s proofs. It raises InvalidProof where a tile is missing.

    ``grown`` has :func:`nodes_in_tile` of full tiles, which are looked at first.
    """
    ready = grown or {}

    def read(level: int, index: int) -> bytes:
        tile = tile_of((level, index), size)
        nodes = ready.get(tile)
        if nodes is not None:
            return node_in_grown_tile((level, index), nodes)
        data = tiles.get(tile)
        if data is None:
            raise InvalidProof(f"{format_tile_path(tile)} is missing")
        return node_in_tile((level, index), data)

    return read


def fill_tiles(
    partial: Mapping[Tile, bytes], extension: Extension
) -> tuple[dict[Tile, bytes], dict[Tile, bytes]]:
    """The content of the partial tiles after the tree grew, and of those that became full.

    ``partial`` has the content of exactly ``partial_tiles(extension.old_size)``: at most 255 hashes
    a level, from which ``merkle.frontier_from(tile_reader(partial, size), size)`` follows too. A
    writer that keeps it never reads a tile.
    """
    assert set(partial) == set(partial_tiles(extension.old_size)), "tiles of another tree size"
    begun = {tile.level: tile for tile in partial}
    still_partial: dict[Tile, bytes] = {}
    full: dict[Tile, bytes] = {}
    for merkle_level, first, hashes in extension.completed():
        level, height = divmod(merkle_level, TILE_HEIGHT)
        if height:
            continue
        data = b"".join(hashes)
        if level in begun:
            data = partial[begun.pop(level)] + data
        for start in range(0, len(data), TILE_BYTES):
            content = data[start : start + TILE_BYTES]
            index = first // TILE_WIDTH + start // TILE_BYTES
            tile = Tile(level, index, len(content) // HASH_BYTES)
            (full if tile.width == TILE_WIDTH else still_partial)[tile] = content
    return still_partial | {tile: partial[tile] for tile in begun.values()}, full


# --- entry bundles --------------------------------------------------------------------------------


def format_entries(entries: Sequence[bytes]) -> bytes:
    """The content of an entry bundle: each leaf behind its length, two bytes big-endian."""
    for position, entry in enumerate(entries):
        if len(entry) > ENTRY_BYTES_MAX:
            raise InvalidNote(f"entry {position} is {len(entry)} bytes, over {ENTRY_BYTES_MAX}")
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def parse_entries(data: bytes, width: int) -> list[bytes]:
    """The leaves in the content of an entry bundle. InvalidNote unless exactly ``width``."""
    entries: list[bytes] = []
    start = 0
    while start < len(data) and len(entries) < width:
        end = start + 2 + int.from_bytes(data[start : start + 2], "big")
        if end > len(data) or start + 2 > len(data):
            raise InvalidNote(f"entry {len(entries)} of the bundle is cut short")
        entries.append(data[start + 2 : end])
        start = end
    if len(entries) != width or start != len(data):
        rest = len(data) - start
        raise InvalidNote(
            f"the bundle holds {len(entries)} entries and {rest} bytes more, not {width} entries"
        )
    return entries
