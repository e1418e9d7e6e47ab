"""The public log at the root, by C2SP tlog-tiles, and proofs from it."""

from __future__ import annotations

from ledger import tile
from ledger.codec import to_base64url
from ledger.errors import InvalidNote
from ledger.receipt import format_receipt
from ledger.tile import TILE_WIDTH, EntryBundle, Tile
from node.api.entries import consistency, inclusion_lines
from node.api.orders import Model
from node.circle import Circle
from node.errors import NotFound, RequestInvalid
from node.http.reply import IMMUTABLE, Reply
from node.loading import Head

CHECKPOINT_CACHE = "public, max-age=1"


async def get_checkpoint(state: Circle) -> Reply:
    """The newest signed head of the log (c2sp.org/tlog-checkpoint).

    It has the cosignatures that the circle asks for, and those of other witnesses that came in.
    """
    return Reply(state.cosigner.current(), headers={"Cache-Control": CHECKPOINT_CACHE})


async def get_tile(state: Circle, path: str) -> Reply:
    """A tile of hashes, or a bundle of leaves (c2sp.org/tlog-tiles).

    Every tile that exists is immutable, partial ones included.
    """
    head = state.writer.loaded.head
    try:
        asked = tile.parse_tile_path(f"tile/{path}")
    except InvalidNote:
        raise NotFound("tile of that name") from None
    if isinstance(asked, EntryBundle):
        content = await _entry_bundle(state, head, asked)
    else:
        content = await _hash_tile(state, head, asked)
    return Reply(content, headers={"Cache-Control": IMMUTABLE})


async def _hash_tile(state: Circle, head: Head, asked: Tile) -> bytes:
    if asked.width > tile.tile_width(asked.level, asked.index, head.size):
        raise NotFound("tile of that width")
    for edge, data in head.partial.items():
        if (edge.level, edge.index) == (asked.level, asked.index):
            return data[: asked.width * tile.HASH_BYTES]
    full: bytes | None = await state.pool.fetchval(
        "SELECT data FROM tiles WHERE level = $1 AND index = $2", asked.level, asked.index
    )
    if full is None:
        raise NotFound("tile of that name")
    return full[: asked.width * tile.HASH_BYTES]


async def _entry_bundle(state: Circle, head: Head, asked: EntryBundle) -> bytes:
    first = asked.index * TILE_WIDTH
    if first + asked.width > head.size:
        raise NotFound("bundle of that width")
    rows = await state.pool.fetch(
        "SELECT leaf FROM entries WHERE index >= $1 AND index < $2 ORDER BY index",
        first,
        first + asked.width,
    )
    return tile.format_entries([row["leaf"] for row in rows])


async def get_entry_proof(state: Circle, index: int) -> Reply:
    """The proof that an entry is in the log (c2sp.org/tlog-proof@v1).

    It is under the newest head that witnesses cosigned, or where none has the entry, the newest.
    """
    head = state.writer.loaded.head
    if not 0 <= index < head.size:
        raise NotFound(f"entry {index}")
    cosigned = state.cosigner.covering(index)
    size, note = (cosigned or head).size, cosigned.note if cosigned else head.checkpoint
    async with state.pool.acquire() as connection:
        lines = await inclusion_lines(connection, head, index, size)
    return Reply(format_receipt(index, lines, note))


class Consistency(Model):
    """The hashes that prove one tree to be a beginning of the other (RFC 6962 section 2.1.2)."""

    from_size: int
    to_size: int
    proof: list[str]


async def get_consistency(state: Circle, from_: int, to: int) -> Consistency:
    """Prove that the log of ``to`` entries continues the one of ``from``."""
    head = state.writer.loaded.head
    if not 0 < from_ <= to <= head.size:
        raise RequestInvalid([f"from and to must be sizes, 0 < from <= to <= {head.size}"])
    async with state.pool.acquire() as connection:
        proof = await consistency(connection, head, from_, to)
    return Consistency(
        from_size=from_, to_size=to, proof=[to_base64url(sibling) for sibling in proof]
    )
