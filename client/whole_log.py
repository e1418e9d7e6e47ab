"""Checking the whole public log: every leaf hashes up to the head that the circle signed.

Anybody can do it; it needs no membership, and shows nothing of anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from client.errors import AnswerInvalid
from client.history import SignedHead
from client.node_client import NodeClient
from ledger import merkle, tile
from ledger.entry import decode_leaf
from ledger.errors import InvalidNote, MalformedObject
from ledger.merkle import EMPTY_FRONTIER
from ledger.tile import TILE_WIDTH, EntryBundle, Tile

AT_ONCE: Final = 8
"""Bundles fetched at one time."""


async def verify_whole_log(
    node: NodeClient, head: SignedHead, progress: Callable[[int], None] | None = None
) -> int:
    """Read every leaf up to ``head``, hash all to its root, and return how many there are.

    The tiles of hashes must be those of the leaves too. ``progress`` is told how many were read.
    Raises AnswerInvalid naming the first bundle, tile or leaf that is wrong.
    """
    frontier, log_time = EMPTY_FRONTIER, 0
    count = -(-head.size // TILE_WIDTH)
    for start in range(0, count, AT_ONCE):
        indexes = range(start, min(start + AT_ONCE, count))
        fetched = await asyncio.gather(*(_bundle(node, index, head.size) for index in indexes))
        for leaves in fetched:
            first = frontier.size
            log_time = _check_leaves(leaves, first, log_time)
            frontier = merkle.extend(frontier, list(map(merkle.leaf_hash, leaves))).frontier
        if progress is not None:
            progress(frontier.size)
    if frontier.root != head.root:
        raise AnswerInvalid("has entries that do not lead to the head it signed")
    return frontier.size


async def _bundle(node: NodeClient, index: int, size: int) -> list[bytes]:
    width = tile.tile_width(0, index, size)
    bundle, hashes = await asyncio.gather(
        node.entries(EntryBundle(index, width)), node.tile(Tile(0, index, width))
    )
    try:
        leaves = tile.parse_entries(bundle, width)
    except InvalidNote as error:
        raise AnswerInvalid(f"has a bundle {index} of entries that is none: {error}") from None
    if b"".join(map(merkle.leaf_hash, leaves)) != hashes:
        raise AnswerInvalid(f"has a tile {index} that is not that of its entries")
    return leaves


def _check_leaves(leaves: list[bytes], first: int, log_time: int) -> int:
    for index, data in enumerate(leaves, first):
        try:
            leaf = decode_leaf(data)
        except MalformedObject as error:
            raise AnswerInvalid(f"has an entry {index} that is none: {error}") from None
        if leaf.log_time < log_time:
            raise AnswerInvalid(f"has an entry {index} that is older than the one before it")
        log_time = leaf.log_time
    return log_time
