"""What this circle says of itself in its bulletin: from what is committed, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from ledger import codec, keys
from ledger.codec import binary
from ledger.federation.gossip_envelope import (
    CHECKPOINT_BYTES_MAX,
    LINKS_MAX,
    Bulletin,
    LinkPosition,
    Totals,
    Unit,
    encode_bulletin,
    read_joined,
)
from ledger.federation.link import Link
from ledger.federation.message import STATEMENT_BYTES_MAX
from node.connections import Pool
from node.errors import NotCosigned
from node.loading import Loaded
from node.witness.cosigning import Cosigner

_AGREED = codec.record(body=binary(1, STATEMENT_BYTES_MAX), signature=binary(keys.SIGNATURE_BYTES))


async def make_body(
    pool: Pool, loaded: Loaded, cosigner: Cosigner, address: str, link_seed: bytes
) -> bytes:
    """The body of a bulletin. Raises MalformedObject for what no bulletin may say."""
    rules = loaded.state.rules
    return encode_bulletin(
        Bulletin(
            _newest_head(loaded, cosigner),
            await _read_totals(pool),
            address,
            Unit(rules.unit_name, rules.unit_plural, rules.unit_kind, rules.unit_scale),
            show_links(loaded.links.values(), link_seed),
        )
    )


def _newest_head(loaded: Loaded, cosigner: Cosigner) -> bytes:
    try:
        note = cosigner.current().encode()
    except NotCosigned:
        note = b""
    if 0 < len(note) <= CHECKPOINT_BYTES_MAX:
        return note
    return loaded.head.checkpoint.encode()


async def _read_totals(pool: Pool) -> Totals:
    """Of the members' open accounts: how many, and the credit granted; of all: what they have."""
    row = await pool.fetchrow(
        """
        SELECT count(*) FILTER (WHERE kind = 'member' AND NOT closed),
            coalesce(sum(balance) FILTER (WHERE balance > 0 AND kind <> 'link'), 0)::bigint,
            coalesce(-sum(floor) FILTER (WHERE kind = 'member' AND NOT closed), 0)::bigint
        FROM accounts
        """
    )
    assert row is not None, "an aggregate has a row"
    return Totals(*row)


def show_links(links: Iterable[Link], link_seed: bytes) -> tuple[LinkPosition, ...]:
    """Our links as others may see them; where there are more than fit, those with most room."""
    shown = [_show(link, link_seed) for link in links if not link.left]
    shown.sort(key=lambda position: -(position.inward + position.outward))
    return tuple(sorted(shown[:LINKS_MAX]))


def _show(link: Link, link_seed: bytes) -> LinkPosition:
    """The rooms are those of one payment: nothing where none is taken."""
    most = link.terms.hold_max if link.takes_payments else 0
    return LinkPosition(
        link.peer,
        link.terms.unit,
        join_statement(link, link_seed) if link.agreed else b"",
        link.ours.own,
        link.ours.linked,
        max(0, min(link.room_in, most)),
        max(0, min(link.room_out, most)),
    )


def join_statement(link: Link, link_seed: bytes) -> bytes:
    """The newest statement that the peer confirmed: [body, low's signature, high's signature]."""
    body, theirs = codec.decode(link.agreed, _AGREED, STATEMENT_BYTES_MAX, "link statement")
    ours = keys.sign(keys.STATEMENT, body, link_seed)
    we_are_low = link.circle == link.terms.low.circle
    return codec.encode((body, ours, theirs) if we_are_low else (body, theirs, ours))


def peers_statement(link: Link, joined: bytes) -> bytes:
    """Out of a statement with both signatures, what the link's peer signed: [body, signature].

    The signature is not verified. Raises MalformedObject.
    """
    body, low, high = read_joined(joined)
    return codec.encode((body, high if link.circle == link.terms.low.circle else low))
