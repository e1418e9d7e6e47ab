"""What a circle's database says, for the invariants: the other two tiers than the simulator's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ledger.entry import decode_leaf, decode_postings
from ledger.federation.link import PutEvidence, Transit
from ledger.federation.route import decode_ways
from ledger.state import State
from ledger.verdict import Move
from node.connections import Connection
from node.loading import load
from tests.simulator.invariants import Row


@dataclass(frozen=True, slots=True)
class StoredBooks:
    """An honest circle's books, as they are in its database."""

    name: str
    state: State
    rows: Sequence[Row]
    evidence: Sequence[PutEvidence]
    by_link: Mapping[bytes, Sequence[tuple[bool, bytes]]]
    sound: bool = True
    honest: bool = True

    def messages(self, link: bytes) -> Sequence[tuple[bool, bytes]]:
        return self.by_link.get(link, ())


async def read_books(
    connection: Connection, name: str, unconfirmed: Iterable[bytes]
) -> StoredBooks:
    """All of it, at rest. Which links are still ``unconfirmed`` the node alone knows."""
    state = (await load(connection)).state
    state.unconfirmed = set(unconfirmed)
    for row in await connection.fetch("SELECT * FROM transits"):
        fields = dict(row) | {"ways": decode_ways(row["ways"])}
        del fields["deadline"]
        state.transits[row["payment"]] = Transit(**fields)
    entries = await connection.fetch(
        "SELECT leaf, authority, wire, postings FROM entries ORDER BY index"
    )
    evidence = await connection.fetch("SELECT link, kind, wire FROM evidence ORDER BY number")
    by_link: dict[bytes, list[tuple[bool, bytes]]] = {}
    for row in await connection.fetch("SELECT link, sent, wire FROM link_messages ORDER BY number"):
        by_link.setdefault(row["link"], []).append((row["sent"], row["wire"]))
    return StoredBooks(
        name,
        state,
        [_row(each["leaf"], each["authority"], each["wire"], each["postings"]) for each in entries],
        [PutEvidence(**each) for each in evidence],
        by_link,
    )


def _row(encoded: bytes, authority: str, wire: bytes, postings: bytes) -> Row:
    leaf = decode_leaf(encoded)
    moves = tuple(Move(each.account, each.delta) for each in decode_postings(postings))
    return Row(leaf.kind, authority, wire, moves, leaf.log_time, leaf.public)
