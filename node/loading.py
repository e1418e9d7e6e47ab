"""Reads a circle's state and the right edge of its tree from the database."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger import merkle
from ledger.charter import Certificate, Charter, decode_charter, decode_rules
from ledger.checkpoint import Checkpoint, open_checkpoint
from ledger.entry import decode_leaf
from ledger.federation.link import Link
from ledger.merkle import Frontier
from ledger.note import ED25519, VerifierKey
from ledger.orders import FIRST_MEMBER
from ledger.state import (
    Account,
    Device,
    Invitation,
    LivingMandate,
    OpenHold,
    State,
)
from ledger.tile import TILE_WIDTH, Tile, partial_tiles, tile_reader, tile_root
from node.connections import Connection
from node.errors import DatabaseUnsuitable
from node.federation.loading import load_federation
from node.upper_tiles import UpperTiles


@dataclass(frozen=True, slots=True)
class Head:
    """The newest committed head: the signed note, and the tree's right edge under it.

    ``upper`` are tiles above the lowest that were read before, which never change.
    """

    size: int
    checkpoint: str
    frontier: Frontier
    partial: dict[Tile, bytes]
    upper: UpperTiles


@dataclass(slots=True)
class Loaded:
    """A circle as stored. ``head`` is what is committed; ``state`` may be ahead of it in mid-batch.

    ``highest`` is per device the greatest nonce with a remembered verdict; ``links`` are those of
    the state as they are committed.
    """

    charter: Charter
    certificate: Certificate
    state: State
    head: Head
    highest: dict[bytes, int]
    links: dict[bytes, Link] = field(default_factory=dict)

    @property
    def log_key(self) -> VerifierKey:
        return VerifierKey(self.certificate.origin, ED25519, self.certificate.log)


async def load(connection: Connection) -> Loaded:
    """Read everything in one snapshot. Raises DatabaseUnsuitable when its parts do not fit."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        head = await connection.fetchrow(
            "SELECT size, root, log_time, frontier, checkpoint FROM head"
        )
        first = await connection.fetchval("SELECT leaf FROM entries WHERE index = 0")
        if head is None or first is None:
            raise DatabaseUnsuitable("The database has a circle's tables and no circle in them.")
        charter, certificate, rules = decode_charter(decode_leaf(first).public)
        encoded = await connection.fetchval("SELECT encoded FROM rules")
        state = State(certificate.circle, decode_rules(encoded) if encoded else rules)
        state.size, state.log_time = head["size"], head["log_time"]
        await _load_accounts(connection, state)
        await _load_people(connection, state)
        await _load_open_things(connection, state)
        await load_federation(connection, state)
        partial = await _load_edge(connection, state.size)
        highest = {
            row["device"]: row["nonce"]
            for row in await connection.fetch(
                "SELECT device, max(nonce) AS nonce FROM verdicts GROUP BY device"
            )
        }
    frontier = merkle.frontier_from(tile_reader(partial, state.size), state.size)
    newest = Head(state.size, head["checkpoint"], frontier, partial, UpperTiles())
    loaded = Loaded(charter, certificate, state, newest, highest, dict(state.links))
    signed = open_checkpoint(newest.checkpoint, [loaded.log_key])
    stored = Checkpoint(certificate.origin, head["size"], head["root"])
    edge = frontier.root, b"".join(frontier.hashes)
    if signed != stored or edge != (head["root"], head["frontier"]):
        raise DatabaseUnsuitable(
            f"The stored tree of {head['size']} entries does not have the root of the signed head; "
            "run: tallyd check"
        )
    return loaded


async def _load_accounts(connection: Connection, state: State) -> None:
    for row in await connection.fetch(
        """
        SELECT number, kind, floor, ceiling, balance, held, seq, last, lowest, highest,
            deviceless, closed,
            ARRAY(SELECT person FROM holders WHERE account = number) AS holders
        FROM accounts
        """
    ):
        fields = dict(row) | {"holders": frozenset(row["holders"])}
        account = Account(**fields)
        state.accounts[account.number] = account
        for person in account.holders:
            state.holdings.setdefault(person, set()).add(account.number)
        if account.kind == "member" and not account.closed:
            state.granted -= account.floor
    state.next_account = max(FIRST_MEMBER, max(state.accounts) + 1)


async def _load_people(connection: Connection, state: State) -> None:
    for row in await connection.fetch(
        "SELECT key, person, role, label, status, active_from, capped_until, spent FROM devices"
    ):
        device = Device(**row)
        state.devices[device.key] = device
        state.persons.setdefault(device.person, set()).add(device.key)
    for row in await connection.fetch("SELECT person FROM persons"):
        state.persons.setdefault(row["person"], set())
    for row in await connection.fetch("SELECT person, office FROM offices"):
        state.offices.add((row["person"], row["office"]))
    state.next_person = max(FIRST_MEMBER, max(state.persons) + 1)


async def _load_open_things(connection: Connection, state: State) -> None:
    for row in await connection.fetch(
        """
        SELECT index, account, payee, amount, until, claim_window, coordinator, evidence,
            claimed_at, claimed, counted
        FROM holds
        """
    ):
        fields = dict(row)
        claim = fields.pop("claimed_at"), fields.pop("claimed")
        hold = OpenHold(**fields, claimed=None if claim[0] is None else claim)
        state.holds[hold.index] = hold
    for row in await connection.fetch(
        """
        SELECT index, account, person, scope, cap, "window", until, window_began, used
        FROM mandates
        """
    ):
        mandate = LivingMandate(**dict(row) | {"scope": tuple(row["scope"])})
        state.mandates[mandate.index] = mandate
    for row in await connection.fetch(
        "SELECT key, index, floor, ceiling, starter, office, until FROM invitations"
    ):
        invitation = Invitation(**row)
        state.invitations[invitation.key] = invitation


async def _load_edge(connection: Connection, size: int) -> dict[Tile, bytes]:
    """The partial tiles of the right edge: of leaves, and of the roots of full tiles below."""
    edge: dict[Tile, bytes] = {}
    for tile in partial_tiles(size):
        first = tile.index * TILE_WIDTH
        if tile.level == 0:
            rows = await connection.fetch(
                "SELECT leaf FROM entries WHERE index >= $1 AND index < $2 ORDER BY index",
                first,
                size,
            )
            hashes = [merkle.leaf_hash(row["leaf"]) for row in rows]
        else:
            rows = await connection.fetch(
                "SELECT data FROM tiles WHERE level = $1 AND index >= $2 ORDER BY index",
                tile.level - 1,
                first,
            )
            hashes = [tile_root(row["data"]) for row in rows]
        if len(hashes) != tile.width:
            raise DatabaseUnsuitable(
                f"The database has {len(hashes)} of the {tile.width} hashes at the tree's edge; "
                "run: tallyd check"
            )
        edge[tile] = b"".join(hashes)
    return edge
