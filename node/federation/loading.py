"""Reads what a circle has with others from the database."""

from __future__ import annotations

from ledger.federation.agreement import open_agreement
from ledger.federation.link import End, Link, LinkHold, Transit
from ledger.federation.route import decode_ways
from ledger.state import State
from node.connections import Connection


async def read_links(connection: Connection, circle: bytes) -> dict[bytes, Link]:
    """The links of the circle, by their ids."""
    links = {}
    for row in await connection.fetch("SELECT * FROM links"):
        fields = dict(row)
        sent = End(fields.pop("sent_seq"), fields.pop("sent_hash"))
        received = End(fields.pop("received_seq"), fields.pop("received_hash"))
        fields["rounding"] = int(fields["rounding"])
        fields["left"] = fields.pop("has_left")
        terms = open_agreement(fields["agreement"])
        link = Link(circle=circle, terms=terms, sent=sent, received=received, **fields)
        links[link.id] = link
    return links


async def load_federation(connection: Connection, state: State) -> None:
    """Fill in the links, their open holds, and the payments that are not over yet.

    Every link is unconfirmed until its peer has said where it stands.
    """
    state.links = await read_links(connection, state.circle)
    state.unconfirmed = set(state.links)
    for row in await connection.fetch(
        "SELECT link, payment, incoming, amount, value, gain, since FROM link_holds"
    ):
        hold = LinkHold(**row)
        state.link_holds[hold.link, hold.payment] = hold
    for row in await connection.fetch(
        """
        SELECT payment, header, sealed, since, incoming, outgoing, came_from, hold, account, most,
            ways, deferred, mine, collected, status, commit, reason
        FROM transits WHERE status = 'open' OR incoming <> '' OR deadline >= $1
        """,
        state.log_time,
    ):
        transit = Transit(**dict(row) | {"ways": decode_ways(row["ways"])})
        state.transits[transit.payment] = transit
