"""Entries and proofs of the past, read in O(log n): a few rows, and the tree's edge in memory."""

from __future__ import annotations

from collections.abc import Iterable

from ledger import keys, merkle
from ledger.append import Entry
from ledger.entry import decode_leaf, decode_postings, encode_posting, posting_hash
from ledger.merkle import Node
from ledger.receipt import format_proof_lines
from ledger.tile import TILE_WIDTH, Tile, tile_reader, tiles_of
from node.connections import Reader as Connection
from node.errors import NotFound
from node.loading import Head
from node.work import Accepted


async def _node_reader(connection: Connection, head: Head, nodes: Iterable[Node]) -> merkle.Reader:
    """A reader of the hashes of ``nodes`` in the tree of ``head``."""
    edge = dict(zip(merkle.subtrees(0, head.size), head.frontier.hashes, strict=True))
    found = dict(head.partial)
    asked = tiles_of((node for node in nodes if node not in edge), head.size)
    wanted = [tile for tile in asked if tile not in found and tile not in head.upper]
    if wanted:
        rows = await connection.fetch(
            """
            SELECT level, index, data
            FROM tiles JOIN unnest($1::smallint[], $2::bigint[]) AS asked (level, index)
                USING (level, index)
            """,
            [tile.level for tile in wanted],
            [tile.index for tile in wanted],
        )
        for row in rows:
            tile = Tile(row["level"], row["index"], TILE_WIDTH)
            if tile.level:
                head.upper.keep(tile, row["data"])
            found[tile] = row["data"]
    read = tile_reader(found, head.size, head.upper)
    return lambda level, index: edge.get((level, index)) or read(level, index)


async def inclusion_lines(connection: Connection, head: Head, index: int, size: int) -> str:
    """The inclusion proof of a leaf in the tree of the first ``size`` leaves, which ``head`` has.

    It is the lines of a tlog-proof.
    """
    nodes = [node for group in merkle.inclusion_nodes(index, size) for node in group]
    reader = await _node_reader(connection, head, nodes)
    return format_proof_lines(merkle.inclusion_proof_from(reader, index, size))


async def consistency(connection: Connection, head: Head, size1: int, size2: int) -> list[bytes]:
    """The proof that the tree of ``size2`` leaves continues that of ``size1``."""
    nodes = [node for group in merkle.consistency_nodes(size1, size2) for node in group]
    reader = await _node_reader(connection, head, nodes)
    return merkle.consistency_proof_from(reader, size1, size2)


async def read_entry(connection: Connection, head: Head, index: int) -> Accepted:
    """A stored entry with its proof under ``head``. Raises NotFound."""
    row = await connection.fetchrow(
        """
        SELECT log_time, leaf, authority, wire, secret, postings FROM entries WHERE index = $1
        """,
        index,
    )
    if row is None or index >= head.size:
        raise NotFound(f"entry {index}")
    postings = decode_postings(row["postings"])
    packed = tuple(map(encode_posting, postings))
    salts = keys.derive_salts(row["secret"], len(postings))
    hashes = tuple(map(posting_hash, packed, salts[1:]))
    entry = Entry(
        index,
        decode_leaf(row["leaf"]).kind,
        row["log_time"],
        row["leaf"],
        row["authority"],
        row["wire"],
        row["secret"],
        salts,
        postings,
        packed,
        hashes,
        (),
    )
    return Accepted(
        entry, await inclusion_lines(connection, head, index, head.size), head.checkpoint
    )
