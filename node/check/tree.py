"""The log's Merkle tree, built again from the leaves, and what is stored of it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256

import asyncpg

from ledger import merkle
from node.check.findings import Findings
from node.check.founding import Identity
from node.check.rows import Beside, Table
from node.check.signing import is_signed
from node.connections import Connection

WIDTH = 256
HASH_BYTES = 32
# A tile is written with the entry that fills it.
TILES = Table(
    "tiles",
    """
    SELECT (index + 1) * 256::numeric ^ (level + 1) - 1 AS entry, level, index, data
    FROM tiles ORDER BY 1, 2
    """,
    3,
    0,
)


class Tree:
    """Leaf hashes as they come; per level of tiles those of the one that is not full yet."""

    def __init__(self) -> None:
        self.size = 0
        self.levels: list[list[bytes]] = []
        self._tiles = Beside(TILES, 64)

    async def grow(
        self, connection: Connection, leaf_hashes: Sequence[bytes], findings: Findings
    ) -> None:
        """Append leaves, and compare the tiles that they fill with those stored."""
        made: list[tuple[int, int, int, bytes]] = []
        for start in range(0, len(leaf_hashes), WIDTH):
            # In steps that end where a tile does, so that no list grows beyond one.
            room = WIDTH - self.size % WIDTH
            self._append(leaf_hashes[start : start + room], made)
            self._append(leaf_hashes[start + room : start + WIDTH], made)
        stored = await self._tiles.until(connection, self.size - 1)
        if [tuple(row) for row in stored] != made:
            compare_tiles(made, stored, findings)

    def _append(self, hashes: Sequence[bytes], made: list[tuple[int, int, int, bytes]]) -> None:
        self.size += len(hashes)
        level, filled = 0, list(hashes)
        while filled:
            if level == len(self.levels):
                self.levels.append([])
            row = self.levels[level]
            row += filled
            if len(row) < WIDTH:
                return
            index = (self.size >> 8 * (level + 1)) - 1
            made.append((self.size - 1, level, index, b"".join(row)))
            filled = [merkle.root(row)]
            row.clear()
            level += 1

    async def rest(self, connection: Connection, findings: Findings) -> None:
        """Note tiles that belong to no part of the tree."""
        compare_tiles([], await self._tiles.rest(connection), findings)

    def frontier(self) -> list[tuple[int, bytes]]:
        """The complete subtrees of the size's binary digits, largest first: (leaves, hash)."""
        subtrees = []
        for level in reversed(range(len(self.levels))):
            row, start = self.levels[level], 0
            for height in reversed(range(8)):
                if len(row) & 1 << height:
                    part = row[start : start + (1 << height)]
                    subtrees.append((1 << height + 8 * level, merkle.root(part)))
                    start += 1 << height
        return subtrees


def compare_tiles(
    made: Sequence[tuple[int, int, int, bytes]],
    stored: Sequence[asyncpg.Record],
    findings: Findings,
) -> None:
    """Note every tile that is missing, too many, or different, and for which entry."""
    wanted = {row[1:3]: row for row in made}
    for _, level, index, data in stored:
        row = wanted.pop((level, index), None)
        name = f"tiles ({level}, {index})"
        if row is None:
            findings.note(None, name, "no such tile is full, or it is there twice")
            continue
        for place in range(WIDTH):
            part = slice(place * HASH_BYTES, (place + 1) * HASH_BYTES)
            if data[part] != row[3][part]:
                first = (index * WIDTH + place) << 8 * level
                findings.note(first, name, f"hash {place} in it is not that of the log's entries")
                break
    for last, level, index, _ in wanted.values():
        findings.note(last, f"tiles ({level}, {index})", "it is missing")


def check_head(head: asyncpg.Record, tree: Tree, log_time: int, findings: Findings) -> None:
    """The stored head, all but its checkpoint, is that of the tree."""
    subtrees = tree.frontier()
    if head["log_time"] != log_time:
        findings.note(
            None, "head", f"its log_time is {head['log_time']}, and the log makes it {log_time}"
        )
    start, stored = 0, head["frontier"]
    for place, (leaves, hashed) in enumerate(subtrees):
        if stored[place * HASH_BYTES : (place + 1) * HASH_BYTES] != hashed:
            among = f"entry {start}" if leaves == 1 else f"entries {start} to {start + leaves - 1}"
            findings.note(None, "head", f"its frontier does not have the hash over {among}")
            break
        start += leaves
    else:
        if len(stored) != len(subtrees) * HASH_BYTES:
            findings.note(None, "head", "its frontier has hashes too many")
    if head["root"] != merkle.fold([hashed for _, hashed in subtrees]):
        findings.note(None, "head", "its root is not the one over the log's entries")


def check_checkpoint(head: asyncpg.Record, identity: Identity, findings: Findings) -> None:
    """The head's checkpoint says its size and root, signed by the log key of leaf 0.

    C2SP tlog-checkpoint and signed-note; signatures of other keys are left to those who know them.
    """
    root = b64encode(head["root"]).decode()
    text = f"{identity.origin}\n{head['size']}\n{root}\n"
    signed, empty, signatures = head["checkpoint"].partition("\n\n")
    if not empty or signed + "\n" != text:
        findings.note(None, "head", "its checkpoint does not say the log's origin, size and root")
        return
    material = identity.origin.encode() + b"\n\x01" + identity.log_key
    key_id = sha256(material).digest()[:4]
    lines = signatures.split("\n")
    good = [
        line for line in lines[:-1] if _is_signature_line(line, text.encode(), identity, key_id)
    ]
    if lines[-1] or not good:
        findings.note(None, "head", "its checkpoint is not signed by the log key of leaf 0")


def _is_signature_line(line: str, text: bytes, identity: Identity, key_id: bytes) -> bool:
    parts = line.split(" ")
    if len(parts) != 3 or parts[:2] != ["\u2014", identity.origin]:
        return False
    try:
        blob = b64decode(parts[2], validate=True)
    except ValueError:
        return False
    return blob[:4] == key_id and len(blob) == 68 and is_signed(text, blob[4:], identity.log_key)
