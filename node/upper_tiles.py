"""Full tiles of the tree above the lowest level, kept in memory with all hashes that follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ledger.tile import Tile, nodes_in_tile

TILES_MAX = 512
"""16 KB each. One covers 65,536 entries, so that these cover 33 million."""


class UpperTiles(Mapping[Tile, bytes]):
    """The tiles read before. With them a proof in a long log costs what it does in a short one:
    one tile from the database, the lowest."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[Tile, bytes] = {}

    def keep(self, tile: Tile, data: bytes) -> None:
        """Keep a full tile, in place of the one that was kept first if there are too many."""
        if len(self._kept) >= TILES_MAX and tile not in self._kept:
            del self._kept[next(iter(self._kept))]
        self._kept[tile] = nodes_in_tile(data)

    def __getitem__(self, tile: Tile) -> bytes:
        return self._kept[tile]

    def __iter__(self) -> Iterator[Tile]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)
