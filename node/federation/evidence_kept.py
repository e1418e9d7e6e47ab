"""All evidence in a circle's database: of its links, of logs that it witnesses, and from gossip."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from ledger.federation.gossip_envelope import (
    open_announcement,
    parse_announcement,
    parse_envelope,
)
from ledger.federation.gossip_items import Kind
from ledger.federation.proof import Evidence, Heads, Versions
from ledger.federation.proof_link import Finding, Who
from ledger.note import Note, format_note, parse_note, parse_vkey
from node.connections import Connection
from node.federation.evidence import LinkProofs, proving
from node.federation.standing import own_identity, read_neighbours


class Piece(NamedTuple):
    """A piece of evidence, what it proves, and what the circle is called here."""

    name: str
    finding: Finding
    data: bytes

    def is_about(self, name: str) -> bool:
        """Whether this is the circle that is called so, has this address, or a number like it."""
        wanted, finding = name.casefold(), self.finding
        address = finding.origin.partition("/")[0]
        return wanted in (self.name.casefold(), address, finding.origin.casefold()) or (
            len(wanted) >= 8 and finding.circle.hex().startswith(wanted)
        )


async def kept_evidence(connection: Connection, link_seed: bytes) -> list[Piece]:
    """Every piece, those first that convict."""
    _, certificate, _ = await own_identity(connection)
    pieces = []
    for neighbour in await read_neighbours(connection):
        who = await _who_is(connection, neighbour.link.id)
        if who is None:
            continue
        proofs = LinkProofs(connection, neighbour.link, who, link_seed)
        found = await proofs.collect()
        found += [proved async for proved in proving(proofs.verdicts())]
        pieces += [Piece(neighbour.name, *proved) for proved in found]
    async for finding, data in proving(_elsewhere(connection)):
        if finding.circle != certificate.circle:
            pieces.append(Piece(finding.origin.partition("/")[0], finding, data))
    return sorted(pieces, key=lambda piece: not piece.finding.convicted)


async def _who_is(connection: Connection, link: bytes) -> Who | None:
    row = await connection.fetchrow(
        "SELECT identity, certificate, signature FROM peers WHERE link = $1", link
    )
    return None if row is None else Who(*row)


async def _elsewhere(connection: Connection) -> AsyncIterator[Evidence]:
    forks = await connection.fetch(
        "SELECT origin, vkey, kept, shown FROM log_forks JOIN witnessed_logs USING (origin)"
    )
    for row in forks:
        who = await _who_logs(connection, row["origin"], row["vkey"])
        kept, shown = (_only_its_own(row[name], row["vkey"]) for name in ("kept", "shown"))
        yield Heads(who, row["vkey"].encode(), kept, shown, b"", ())
    for row in await connection.fetch(
        "SELECT data FROM gossip_records WHERE kind = $1 ORDER BY circle", int(Kind.CONFLICT)
    ):
        yield Versions(row["data"])


def _only_its_own(note: str, vkey: str) -> bytes:
    """A head with the log's signature and nobody else's."""
    key, parsed = parse_vkey(vkey), parse_note(note)
    lines = [
        each for each in parsed.signatures if (each.name, each.key_id) == (key.name, key.key_id)
    ]
    return format_note(Note(parsed.text, tuple(lines[:1]))).encode()


async def _who_logs(connection: Connection, origin: str, vkey: str) -> tuple[Who, ...]:
    """The circle whose log this is, if its keys have come by gossip."""
    rows = await connection.fetch(
        "SELECT data FROM gossip_records WHERE kind = $1 AND position($2::bytea IN data) > 0",
        int(Kind.ANNOUNCEMENT),
        origin.encode(),
    )
    for row in rows:
        envelope = parse_envelope(row["data"])
        certificate = open_announcement(envelope)
        if (certificate.origin, certificate.log) == (origin, parse_vkey(vkey).public_key):
            return (Who(*parse_announcement(envelope)),)
    return ()
