"""The writer's one transaction, and the look-ups a batch needs before it is decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger import orders
from ledger.append import Entry, pack_postings
from ledger.decide import Facts, KnownRequest, Prior, Transfer
from ledger.declarations import open_request
from ledger.entry import decode_postings
from ledger.federation.link import FederationChange
from ledger.state import Account, PutAccount
from ledger.tile import Tile
from node import crash_points
from node.changes import write_changes
from node.connections import Connection
from node.errors import HeadMoved
from node.federation.changes import write_federation


@dataclass(slots=True)
class Needs:
    """What the orders of a batch refer to in the past; filled from the orders alone."""

    nonces: list[tuple[bytes, int]] = field(default_factory=list)
    slips: list[tuple[str, str]] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    handles: list[str] = field(default_factory=list)


async def look_up(connection: Connection, needs: Needs) -> Facts:
    """Read what ``needs`` names; what isn't there is left out."""
    facts = Facts()
    if needs.nonces:
        rows = await connection.fetch(
            """
            SELECT device, nonce, order_id, entry, refusal
            FROM verdicts JOIN unnest($1::bytea[], $2::bigint[]) AS asked (device, nonce)
                USING (device, nonce)
            """,
            [device for device, _ in needs.nonces],
            [nonce for _, nonce in needs.nonces],
        )
        for row in rows:
            facts.priors[row["device"], row["nonce"]] = Prior(
                row["order_id"], row["entry"], row["refusal"]
            )
    if needs.slips:
        rows = await connection.fetch(
            """
            SELECT channel, number
            FROM slips JOIN unnest($1::text[], $2::text[]) AS asked (channel, number)
                USING (channel, number)
            """,
            [channel for channel, _ in needs.slips],
            [number for _, number in needs.slips],
        )
        facts.slips.update((row["channel"], row["number"]) for row in rows)
    if needs.entries:
        facts.transfers.update(await _transfers(connection, needs.entries))
    if needs.requests:
        rows = await connection.fetch(
            "SELECT id, wire, paid_by FROM requests WHERE id = ANY($1)", needs.requests
        )
        for row in rows:
            request, _ = open_request(row["wire"])
            facts.requests[row["id"]] = KnownRequest(request, row["paid_by"] is not None)
    if needs.handles:
        rows = await connection.fetch(
            "SELECT handle FROM people WHERE handle = ANY($1)", needs.handles
        )
        facts.handles.update(row["handle"] for row in rows)
    return facts


async def _transfers(connection: Connection, entries: list[int]) -> dict[int, Transfer]:
    rows = await connection.fetch(
        """
        SELECT index, wire, authority, postings, reversals.entry IS NOT NULL AS reversed
        FROM entries LEFT JOIN reversals ON reversals.entry = index
        WHERE index = ANY($1) AND wire <> '' AND authority NOT IN ('peer', 'circle')
        """,
        entries,
    )
    transfers = {}
    for row in rows:
        header = orders.parse(row["wire"]).order.header
        moves = tuple((p.account, p.delta) for p in decode_postings(row["postings"]))
        by_officer = row["authority"] == "officer"
        kind = "open" if header.kind == "join" else header.kind
        transfers[row["index"]] = Transfer(
            kind, moves, header.person if by_officer else 0, row["reversed"]
        )
    return transfers


@dataclass(slots=True)
class Text:
    """The free text beside an order, as its device wrote it, and the salt it drew."""

    salt: bytes
    body: bytes


class VerdictRow(NamedTuple):
    """What is remembered of a decided order until it expires (Unix milliseconds): a table's row."""

    device: bytes
    nonce: int
    order_id: bytes
    entry: int | None
    refusal: str | None
    expires: int


@dataclass(slots=True)
class Batch:
    """All that one commit writes. ``texts`` and ``names`` are by entry: (person, ...).

    ``changes`` are those between circles, of entries and without one.
    """

    old_size: int
    entries: list[Entry] = field(default_factory=list)
    verdicts: list[VerdictRow] = field(default_factory=list)
    texts: list[tuple[int, int, Text]] = field(default_factory=list)
    names: list[tuple[int, str, str]] = field(default_factory=list)
    changes: list[FederationChange] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NewHead:
    """The head after a batch: ``frontier`` as stored, ``checkpoint`` the signed note."""

    size: int
    root: bytes
    log_time: int
    frontier: bytes
    checkpoint: str


async def commit(
    connection: Connection,
    batch: Batch,
    head: NewHead | None,
    tiles: Mapping[Tile, bytes],
    accounts: Mapping[int, Account],
) -> None:
    """Write a batch in one transaction; ``head`` is None when no order was accepted.

    Raises HeadMoved when another writer was there first; asyncpg's errors otherwise.
    """
    crash_points.reach("commit-before")
    await _commit(connection, batch, head, tiles, accounts)
    crash_points.reach("commit-after")


async def _commit(
    connection: Connection,
    batch: Batch,
    head: NewHead | None,
    tiles: Mapping[Tile, bytes],
    accounts: Mapping[int, Account],
) -> None:
    async with connection.transaction():
        if head is None:
            await _check_head(connection, batch.old_size)
        else:
            await _write_head(connection, batch.old_size, head)
            await _write_accounts(connection, batch.entries, accounts)
            await _write_entries(connection, batch.entries)
            await _write_tiles(connection, tiles)
            changed = [(entry.number, entry.changes) for entry in batch.entries if entry.changes]
            if changed:
                await write_changes(connection, changed)
            await _write_people(connection, batch)
        if batch.changes:
            await write_federation(connection, batch.changes)
        if batch.verdicts:
            await _write_verdicts(connection, batch.verdicts)


async def _check_head(connection: Connection, size: int) -> None:
    """Refusals are final too, so they are decided at the newest head or not at all."""
    if await connection.fetchval("SELECT size FROM head FOR SHARE") != size:
        raise HeadMoved(size)


async def _write_head(connection: Connection, old_size: int, head: NewHead) -> None:
    written = await connection.execute(
        """
        UPDATE head SET size = $2, root = $3, log_time = $4, frontier = $5, checkpoint = $6
        WHERE size = $1
        """,
        old_size,
        head.size,
        head.root,
        head.log_time,
        head.frontier,
        head.checkpoint,
    )
    if written != "UPDATE 1":
        raise HeadMoved(old_size)


async def _write_accounts(
    connection: Connection, entries: Sequence[Entry], accounts: Mapping[int, Account]
) -> None:
    touched = {posting.account for entry in entries for posting in entry.postings}
    changed = {
        change.number for entry in entries for change in entry.changes if type(change) is PutAccount
    }
    if changed:
        await _put_accounts(connection, [accounts[number] for number in sorted(changed)])
    plain: list[Account] = []
    others: list[Account] = []
    for number in touched - changed:
        account = accounts[number]
        (plain if _is_plain(account) else others).append(account)
    if plain:
        await _move_plain_accounts(connection, plain)
    if others:
        await _move_accounts(connection, others)


def _is_plain(account: Account) -> bool:
    """Whether nothing is held of it, and it is within the limits that are set."""
    return (
        not account.held and account.lowest == account.floor and account.highest == account.ceiling
    )


async def _move_plain_accounts(connection: Connection, accounts: Sequence[Account]) -> None:
    """The same as :func:`_move_accounts` in half the time, for what most accounts are."""
    await connection.execute(
        """
        UPDATE accounts SET balance = new.balance, seq = new.seq, last = new.last, held = 0,
            lowest = floor, highest = ceiling
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])
            AS new (number, balance, seq, last)
        WHERE accounts.number = new.number
        """,
        [account.number for account in accounts],
        [account.balance for account in accounts],
        [account.seq for account in accounts],
        [account.last for account in accounts],
    )


async def _move_accounts(connection: Connection, accounts: Sequence[Account]) -> None:
    await connection.execute(
        """
        UPDATE accounts SET balance = new.balance, held = new.held, seq = new.seq,
            last = new.last, lowest = new.lowest, highest = new.highest
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[],
            $6::bigint[], $7::bigint[])
            AS new (number, balance, held, seq, last, lowest, highest)
        WHERE accounts.number = new.number
        """,
        [account.number for account in accounts],
        [account.balance for account in accounts],
        [account.held for account in accounts],
        [account.seq for account in accounts],
        [account.last for account in accounts],
        [account.lowest for account in accounts],
        [account.highest for account in accounts],
    )


async def _put_accounts(connection: Connection, accounts: Iterable[Account]) -> None:
    await connection.executemany(
        """
        INSERT INTO accounts (number, kind, floor, ceiling, lowest, highest, balance, held, seq,
            last, deviceless, closed)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (number) DO UPDATE SET floor = excluded.floor, ceiling = excluded.ceiling,
            lowest = excluded.lowest, highest = excluded.highest, balance = excluded.balance,
            held = excluded.held, seq = excluded.seq, last = excluded.last,
            deviceless = excluded.deviceless, closed = excluded.closed
        """,
        [
            (
                account.number,
                account.kind,
                account.floor,
                account.ceiling,
                account.lowest,
                account.highest,
                account.balance,
                account.held,
                account.seq,
                account.last,
                account.deviceless,
                account.closed,
            )
            for account in accounts
        ],
    )


async def _write_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    await connection.copy_records_to_table(
        "entries",
        records=[
            (
                entry.number,
                entry.log_time,
                entry.leaf,
                entry.authority,
                entry.wire,
                entry.secret,
                pack_postings(entry.packed),
            )
            for entry in entries
        ],
        columns=("index", "log_time", "leaf", "authority", "wire", "secret", "postings"),
    )
    lines = []
    for entry in entries:
        postings = entry.postings
        # Of more than two, the first is the one that pays or is paid by all the others.
        first = postings[1].account if len(postings) == 2 else None
        for place, posting in enumerate(postings):
            lines.append(
                (
                    posting.account,
                    posting.seq,
                    entry.number,
                    entry.log_time,
                    posting.delta,
                    posting.balance,
                    posting.held,
                    postings[0].account if place else first,
                )
            )
    await connection.copy_records_to_table("postings", records=lines)


async def _write_tiles(connection: Connection, tiles: Mapping[Tile, bytes]) -> None:
    if tiles:
        await connection.copy_records_to_table(
            "tiles", records=[(tile.level, tile.index, data) for tile, data in tiles.items()]
        )


async def _write_people(connection: Connection, batch: Batch) -> None:
    if batch.names:
        await connection.copy_records_to_table("people", records=batch.names)
    if batch.texts:
        await connection.copy_records_to_table(
            "personal",
            records=[(entry, person, text.salt, text.body) for entry, person, text in batch.texts],
        )


async def _write_verdicts(connection: Connection, verdicts: Sequence[VerdictRow]) -> None:
    await connection.copy_records_to_table(
        "verdicts",
        columns=VerdictRow._fields,
        records=verdicts,
    )
