"""How each change between circles is written: one row put or removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger import codec
from ledger.federation.link import (
    EndLinkHold,
    FederationChange,
    Link,
    LinkHold,
    PutEvidence,
    PutLink,
    PutLinkHold,
    PutMessage,
    PutTransit,
    Transit,
)
from ledger.federation.payment import decode_header
from node.connections import Connection


async def write_federation(connection: Connection, changes: Iterable[FederationChange]) -> None:
    """Write the changes of a whole batch: of what changed more than once, only how it ended."""
    links: dict[bytes, Link] = {}
    holds: dict[tuple[bytes, bytes], LinkHold] = {}
    ended: list[tuple[bytes, bytes]] = []
    transits: dict[bytes, Transit] = {}
    messages: list[tuple[bytes, bool, int, bytes]] = []
    evidence: list[tuple[bytes, str, bytes]] = []
    for change in changes:
        match change:
            case PutLink(link):
                links[link.id] = link
            case PutLinkHold(hold):
                holds[hold.link, hold.payment] = hold
            case EndLinkHold(link_id, payment):
                if holds.pop((link_id, payment), None) is None:
                    ended.append((link_id, payment))
            case PutTransit(transit):
                transits[transit.payment] = transit
            case PutMessage():
                messages.append((change.link, change.sent, change.seq, change.wire))
            case PutEvidence(link_id, kind, wire):
                evidence.append((link_id, kind, wire))
    for link in links.values():
        await _put_link(connection, link)
    if ended:
        await _end_holds(connection, ended)
    if holds:
        await _put_holds(connection, holds.values())
    if transits:
        await _put_transits(connection, transits.values())
    if messages:
        await connection.copy_records_to_table(
            "link_messages", records=messages, columns=("link", "sent", "seq", "wire")
        )
    if evidence:
        await connection.executemany(
            "INSERT INTO evidence (link, kind, wire) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            evidence,
        )


async def _put_link(connection: Connection, link: Link) -> None:
    await connection.execute(
        """
        INSERT INTO links (id, peer, account, agreement, status, peer_suspended, sent_seq,
            sent_hash, received_seq, received_hash, acked, owed, incoming, outgoing,
            incoming_count, outgoing_count, rounding, agreed, may_owe, may_be_owed, proposed,
            offered, suspending, has_left)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23, $24)
        ON CONFLICT (id) DO UPDATE SET agreement = excluded.agreement, status = excluded.status,
            peer_suspended = excluded.peer_suspended, sent_seq = excluded.sent_seq,
            sent_hash = excluded.sent_hash, received_seq = excluded.received_seq,
            received_hash = excluded.received_hash, acked = excluded.acked, owed = excluded.owed,
            incoming = excluded.incoming, outgoing = excluded.outgoing,
            incoming_count = excluded.incoming_count, outgoing_count = excluded.outgoing_count,
            rounding = excluded.rounding, agreed = excluded.agreed, may_owe = excluded.may_owe,
            may_be_owed = excluded.may_be_owed, proposed = excluded.proposed,
            offered = excluded.offered, suspending = excluded.suspending,
            has_left = excluded.has_left
        """,
        link.id,
        link.peer,
        link.account,
        link.agreement,
        link.status,
        link.peer_suspended,
        link.sent.seq,
        link.sent.hash,
        link.received.seq,
        link.received.hash,
        link.acked,
        link.owed,
        link.incoming,
        link.outgoing,
        link.incoming_count,
        link.outgoing_count,
        link.rounding,
        link.agreed,
        link.may_owe,
        link.may_be_owed,
        link.proposed,
        link.offered,
        link.suspending,
        link.left,
    )


async def _end_holds(connection: Connection, ended: Sequence[tuple[bytes, bytes]]) -> None:
    await connection.execute(
        """
        DELETE FROM link_holds USING unnest($1::bytea[], $2::bytea[]) AS ended (link, payment)
        WHERE link_holds.link = ended.link AND link_holds.payment = ended.payment
        """,
        [link for link, _ in ended],
        [payment for _, payment in ended],
    )


async def _put_holds(connection: Connection, holds: Iterable[LinkHold]) -> None:
    await connection.copy_records_to_table(
        "link_holds",
        columns=("link", "payment", "incoming", "amount", "value", "gain", "since"),
        records=[
            (
                *(hold.link, hold.payment, hold.incoming, hold.amount, hold.value),
                *(hold.gain, hold.since),
            )
            for hold in holds
        ],
    )


async def _put_transits(connection: Connection, transits: Iterable[Transit]) -> None:
    rows = [
        (
            transit.payment,
            transit.header,
            transit.sealed,
            transit.since,
            decode_header(transit.header).deadline,
            transit.incoming,
            transit.outgoing,
            transit.came_from,
            transit.hold,
            transit.account,
            transit.most,
            codec.encode(transit.ways),
            transit.deferred,
            transit.mine,
            transit.collected,
            transit.status,
            transit.commit,
            transit.reason,
        )
        for transit in transits
    ]
    await connection.execute(
        """
        INSERT INTO transits (payment, header, sealed, since, deadline, incoming, outgoing,
            came_from, hold, account, most, ways, deferred, mine, collected, status, commit, reason)
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[],
            $6::bytea[], $7::bytea[], $8::bytea[], $9::bigint[], $10::bigint[], $11::bigint[],
            $12::bytea[], $13::boolean[], $14::boolean[], $15::bigint[], $16::text[], $17::bytea[],
            $18::text[])
        ON CONFLICT (payment) DO UPDATE SET sealed = excluded.sealed, incoming = excluded.incoming,
            outgoing = excluded.outgoing, account = excluded.account, most = excluded.most,
            ways = excluded.ways, deferred = excluded.deferred, collected = excluded.collected,
            status = excluded.status, commit = excluded.commit, reason = excluded.reason
        """,
        *zip(*rows, strict=True),
    )
