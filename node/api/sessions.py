"""Sessions: a device proves its key once, and may then read. No token ever moves tokens.

It changes what is its person's beside the ledger, and nothing in it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import structlog

from ledger import declarations
from ledger.checkpoint import Checkpoint, open_checkpoint
from ledger.codec import from_base64url, to_base64url
from ledger.declarations import SESSION_LIFETIME_MS_MAX, SessionOpening
from ledger.errors import InvalidNote, InvalidProof, MalformedObject, WrongCircle
from ledger.merkle import verify_consistency
from node.api.entries import consistency
from node.api.orders import Base64, Model
from node.circle import Circle
from node.errors import HistoryLost, SessionRefused
from node.loading import Head
from node.mark import Marked

SESSION_MS = 24 * 3600 * 1000
SESSIONS_PER_DEVICE_MAX = 8

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Session:
    """Who is reading. ``offices`` are the person's."""

    person: int
    device: bytes
    token_hash: bytes
    offices: frozenset[str]

    @property
    def is_coordinator(self) -> bool:
        return "coordinator" in self.offices

    @property
    def is_auditor(self) -> bool:
        return "auditor" in self.offices


class SessionRequest(Model):
    """A signed session opening; ``newest`` is the newest checkpoint that the device holds."""

    opening: Base64
    newest: str | None = None


class SessionToken(Model):
    """A bearer token, and when it ends (Unix milliseconds)."""

    token: str
    expires: int


async def open_session(state: Circle, body: SessionRequest) -> SessionToken:
    """Sign in with a device's key, to read.

    A checkpoint of this log that the node's own does not continue proves that the node lost its
    history: it then stops taking orders.
    """
    opening = declarations.open_session(from_base64url(body.opening, "session opening"))
    _check_opening(state, opening)
    if body.newest is not None:
        await _check_history(state, body.newest)
    token = secrets.token_bytes(32)
    expires = state.clock() + SESSION_MS
    async with state.pool.acquire() as connection, connection.transaction():
        person = await connection.fetchval(
            "SELECT person FROM devices WHERE key = $1 AND status = 'active' AND active_from <= $2",
            opening.device,
            state.clock(),
        )
        if person is None:
            raise SessionRefused("this device is not enrolled here, or not usable now")
        fresh = await connection.fetchval(
            """
            INSERT INTO session_nonces VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING true
            """,
            opening.device,
            opening.nonce,
            opening.expires,
        )
        if not fresh:
            raise SessionRefused("this opening was used before")
        await connection.execute(
            """
            DELETE FROM sessions WHERE token_hash IN (
                SELECT token_hash FROM sessions WHERE device = $1 ORDER BY expires DESC OFFSET $2)
            """,
            opening.device,
            SESSIONS_PER_DEVICE_MAX - 1,
        )
        await connection.execute(
            "INSERT INTO sessions VALUES ($1, $2, $3, $4)",
            hashlib.sha256(token).digest(),
            opening.device,
            person,
            expires,
        )
    return SessionToken(token=to_base64url(token), expires=expires)


def _check_opening(state: Circle, opening: SessionOpening) -> None:
    now = state.clock()
    if opening.circle != state.writer.loaded.certificate.circle:
        raise WrongCircle(opening.circle.hex())
    if opening.origin != state.origin:
        raise SessionRefused(f"the opening is for {opening.origin}, and this is {state.origin}")
    if not now < opening.expires <= now + 2 * SESSION_LIFETIME_MS_MAX:
        raise SessionRefused("the opening's time is over or too far off; is the clock right?")


async def _check_history(state: Circle, newest: str) -> None:
    """Freeze when somebody holds a head that we signed and that our log does not continue.

    A larger one is marked, so that the node does not start again either.
    """
    try:
        seen = open_checkpoint(newest, [state.writer.loaded.log_key])
    except InvalidNote:
        return
    head = state.writer.loaded.head
    if await _is_continued(state, head, seen):
        return
    if seen.size > head.size:
        state.writer.mark.write(Marked(seen.size, seen.root))
    lost = HistoryLost(head.size, seen.size, "a member's receipt")
    state.writer.frozen = str(lost).rstrip(".")
    log.error("history_lost", found=lost.found, known=lost.known, reason=state.writer.frozen)
    raise lost


async def _is_continued(state: Circle, head: Head, seen: Checkpoint) -> bool:
    if not 0 < seen.size <= head.size:
        return seen.size == 0
    async with state.pool.acquire() as connection:
        proof = await consistency(connection, head, seen.size, head.size)
    try:
        verify_consistency(seen.size, head.size, proof, seen.root, head.frontier.root)
    except InvalidProof:
        return False
    return True


async def close_session(state: Circle, session: Session) -> None:
    """Sign out."""
    await state.pool.execute("DELETE FROM sessions WHERE token_hash = $1", session.token_hash)


async def find_session(state: Circle, token: str) -> Session:
    """Who holds this token. Raises SessionRefused when it is over, or its device is."""
    try:
        token_hash = hashlib.sha256(from_base64url(token, "token")).digest()
    except MalformedObject:
        raise SessionRefused("the token is none of this node's") from None
    row = await state.pool.fetchrow(
        """
        SELECT sessions.person, sessions.device,
            ARRAY(SELECT office FROM offices WHERE offices.person = sessions.person) AS offices
        FROM sessions JOIN devices ON devices.key = sessions.device AND devices.status = 'active'
        WHERE token_hash = $1 AND sessions.expires > $2
        """,
        token_hash,
        state.clock(),
    )
    if row is None:
        raise SessionRefused("the token is unknown, or its time is over")
    return Session(row["person"], row["device"], token_hash, frozenset(row["offices"]))
