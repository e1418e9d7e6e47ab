"""The logs that this node is a witness of: which it knows, and what it cosigned last of each.

A row of ``witnessed_logs`` is locked while a head of its log is decided and persisted, and the
cosignature leaves only after the commit: nobody can have one that this witness may forget.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
import structlog

from ledger.charter import Certificate
from ledger.note import (
    COSIGNATURE_V1,
    ED25519,
    Note,
    Signer,
    VerifierKey,
    format_note,
    format_vkey,
    parse_note,
    parse_signatures,
    parse_vkey,
)
from ledger.witness import (
    AddCheckpoint,
    Cosigned,
    Inconsistent,
    OldSizeDiffers,
    UnknownLog,
    Unsigned,
    Verdict,
    WitnessedLog,
    decide_cosigning,
    is_fork,
    origin_hash,
)
from node import crash_points
from node.connections import Pool, Reader
from node.errors import WitnessUnusable

LOGS_MAX = 10_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ListedLog:
    """A log that is witnessed: the size cosigned last, and whether it was caught with two heads."""

    origin: str
    size: int | None
    is_forked: bool


def witness_key(certificate: Certificate) -> VerifierKey:
    """A circle's key as a witness; it has the name of its log's key and is of another type."""
    return VerifierKey(certificate.origin, COSIGNATURE_V1, certificate.witness)


async def accept_log(connection: Reader, key: VerifierKey) -> None:
    """Witness the log of this key from now on; its origin is the key's name.

    What was cosigned of it before is remembered. Raises WitnessUnusable for a key that cannot be a
    log's, another key than the one known, or too many logs.
    """
    if key.signature_type != ED25519:
        raise WitnessUnusable(key.name, "its key is a witness's, not a log's")
    async with connection.transaction():
        if await connection.fetchval("SELECT count(*) FROM witnessed_logs") >= LOGS_MAX:
            raise WitnessUnusable(key.name, f"this node witnesses {LOGS_MAX} logs already")
        known = await connection.fetchval(
            """
            INSERT INTO witnessed_logs (origin, origin_hash, vkey) VALUES ($1, $2, $3)
            ON CONFLICT (origin) DO UPDATE SET accepted = true
            RETURNING vkey
            """,
            key.name,
            origin_hash(key.name),
            format_vkey(key),
        )
        if known != format_vkey(key):
            raise WitnessUnusable(key.name, "its log was known here under another key")


async def refuse_log(connection: Reader, origin: str) -> bool:
    """Witness this log no more; returns whether it was witnessed. What was cosigned is kept."""
    changed = await connection.fetchval(
        "UPDATE witnessed_logs SET accepted = false WHERE origin = $1 AND accepted RETURNING true",
        origin,
    )
    return changed is True


async def list_logs(connection: Reader) -> list[ListedLog]:
    """The logs that are witnessed, by origin."""
    rows = await connection.fetch(
        """
        SELECT origin, size, log_forks.found IS NOT NULL AS is_forked
        FROM witnessed_logs LEFT JOIN log_forks USING (origin) WHERE accepted ORDER BY origin
        """
    )
    return [ListedLog(**row) for row in rows]


async def add_checkpoint(
    pool: Pool, signer: Signer, request: AddCheckpoint, clock: Callable[[], int]
) -> Verdict:
    """Decide on a head, and persist it before this returns. ``clock`` gives Unix milliseconds."""
    origin = request.checkpoint.origin
    row = await pool.fetchrow(
        "SELECT vkey, size, root FROM witnessed_logs WHERE origin = $1 AND accepted", origin
    )
    # Before anything is locked: whoever cannot sign for the log holds up nobody.
    verdict = decide_cosigning(request, _witnessed(row), signer, clock() // 1000)
    if isinstance(verdict, UnknownLog | Unsigned):
        return verdict
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(
            "SELECT vkey, size, root FROM witnessed_logs WHERE origin = $1 AND accepted FOR UPDATE",
            origin,
        )
        known = _witnessed(row)
        verdict = decide_cosigning(request, known, signer, clock() // 1000)
        crash_points.reach("cosign-before")
        match verdict:
            case Cosigned() if known is not None:
                await _keep(connection, request, verdict, known.key)
            case Inconsistent() | OldSizeDiffers() if known and is_fork(request, known):
                await _keep_fork(connection, request, clock())
    crash_points.reach("cosign-after")
    return verdict


async def read_checkpoint(pool: Pool, digest: bytes) -> str | None:
    """The newest head cosigned of the log whose origin has this hash, with both signatures."""
    note: str | None = await pool.fetchval(
        "SELECT checkpoint FROM witnessed_logs WHERE origin_hash = $1", digest
    )
    return note


def _witnessed(row: asyncpg.Record | None) -> WitnessedLog | None:
    if row is None:
        return None
    key = parse_vkey(row["vkey"])
    return WitnessedLog(key) if row["size"] is None else WitnessedLog(key, row["size"], row["root"])


async def _keep(
    connection: Reader, request: AddCheckpoint, cosigned: Cosigned, key: VerifierKey
) -> None:
    checkpoint = cosigned.checkpoint
    kept = await connection.fetchval(
        """
        UPDATE witnessed_logs SET size = $2, root = $3, checkpoint = $4
        WHERE origin = $1 AND coalesce(size, 0) = $5
        RETURNING true
        """,
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root,
        _shown(request.note, cosigned.line, key),
        request.old_size,
    )
    assert kept, "the row is locked"


def _shown(note: str, line: str, key: VerifierKey) -> str:
    """The head with the log's signature and this witness's, and with nobody else's."""
    parsed = parse_note(note)
    lines = [
        each for each in parsed.signatures if (each.name, each.key_id) == (key.name, key.key_id)
    ]
    return format_note(Note(parsed.text, (lines[0], *parse_signatures(line))))


async def _keep_fork(connection: Reader, request: AddCheckpoint, now: int) -> None:
    """Two heads that the log signed, of one size and not of one tree, convict it to anybody."""
    origin = request.checkpoint.origin
    new = await connection.fetchval(
        """
        INSERT INTO log_forks (origin, kept, shown, found)
        SELECT origin, checkpoint, $2, $3 FROM witnessed_logs WHERE origin = $1
        ON CONFLICT DO NOTHING RETURNING true
        """,
        origin,
        request.note,
        now,
    )
    if new:
        log.error("log_forked", origin=origin, size=request.checkpoint.size)
