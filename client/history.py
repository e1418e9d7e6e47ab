"""Whether the log a node shows now continues the log that this device saw before.

A log that only grows can prove it (RFC 6962 section 2.1.2). When the node's own proof fails, the
tree's tiles tell the two cases apart: they lead to the new root, and then the old one is or is not
on their way; or they lead nowhere, and the node proves nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from client.errors import AnswerInvalid, HistoryRewritten, HistoryUnproven, NodeRefused
from client.journal import Journal
from client.node_client import NodeClient
from client.records import PinnedCircle
from ledger import merkle
from ledger.checkpoint import Checkpoint, open_checkpoint
from ledger.errors import InvalidNote, InvalidProof
from ledger.merkle import Node
from ledger.note import parse_vkey
from ledger.tile import Tile, tile_reader, tiles_of

CHANGED = "what it signed before and what it signs now are two different histories"
UNPROVEN = "it will not show that what it signs now continues what it signed before"
SHORTER = "entries that it signed before are no longer there"


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A checkpoint that the circle's log key signed, and the note it came in."""

    note: str
    checkpoint: Checkpoint

    @property
    def size(self) -> int:
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        return self.checkpoint.root


def verify_head(note: str, circle: PinnedCircle) -> SignedHead:
    """The head in a note that the circle's pinned log key signed. Raises AnswerInvalid."""
    try:
        key = parse_vkey(circle.log_vkey)
        return SignedHead(note, open_checkpoint(note, [key], circle.origin))
    except InvalidNote as error:
        raise AnswerInvalid(f"has a head of its books that is not signed by it: {error}") from None


async def follow(node: NodeClient, circle: PinnedCircle, journal: Journal, note: str) -> SignedHead:
    """Prove that a head and the newest known one are of one log; keep and return the newer.

    Raises HistoryConflict, AnswerInvalid and what the node's errors are.
    """
    shown = verify_head(note, circle)
    while True:
        known_note = journal.checkpoint()
        if known_note is not None:
            known = verify_head(known_note, circle)
            await check_same_history(node, circle, known, shown)
            if known.size >= shown.size:
                return known
        if journal.keep_checkpoint(note, replacing=known_note):
            return shown


async def check_same_history(
    node: NodeClient, circle: PinnedCircle, known: SignedHead, shown: SignedHead
) -> None:
    """Raise HistoryConflict unless one of two heads continues the other, whichever is larger.

    It is HistoryRewritten where the heads alone prove it, and else HistoryUnproven.
    """
    first, second = sorted((known, shown), key=lambda head: head.size)
    if first.size == second.size:
        if first.root != second.root:
            raise HistoryRewritten(CHANGED, known.note, shown.note)
        return
    try:
        proof = await node.consistency(first.size, second.size)
        merkle.verify_consistency(first.size, second.size, proof, first.root, second.root)
    except NodeRefused as refused:
        if refused.status >= 500:
            raise
    except (AnswerInvalid, InvalidProof):
        pass
    else:
        return
    root = await _root_in_tiles(node, first.size, second)
    if root is None:
        newest = verify_head(await node.checkpoint(), circle)
        if newest.size < known.size:
            raise HistoryRewritten(SHORTER, known.note, newest.note)
        raise HistoryUnproven(UNPROVEN, known.note, shown.note)
    if root != first.root:
        raise HistoryRewritten(CHANGED, known.note, shown.note)


async def _root_in_tiles(node: NodeClient, size: int, head: SignedHead) -> bytes | None:
    """The root of the first ``size`` leaves of the tree that ``head`` signs; None if hidden."""
    groups = merkle.consistency_nodes(size, head.size)
    nodes = [*merkle.subtrees(0, size), *(each for group in groups for each in group)]
    try:
        tiles = await fetch_tiles(node, nodes, head.size)
        reader = tile_reader(tiles, head.size)
        root = merkle.frontier_from(reader, size).root
        proof = merkle.consistency_proof_from(reader, size, head.size)
        merkle.verify_consistency(size, head.size, proof, root, head.root)
    except (AnswerInvalid, InvalidProof, NodeRefused):
        return None
    return root


async def fetch_tiles(node: NodeClient, nodes: Sequence[Node], size: int) -> dict[Tile, bytes]:
    """The tiles of a tree of ``size`` leaves that the hashes of ``nodes`` follow from."""
    return {tile: await node.tile(tile) for tile in tiles_of(nodes, size)}
