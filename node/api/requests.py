"""Payment requests: a payee asks, once and until a day, for an amount.

They are no entries of the log. What pays one is an order that names it.
"""

from __future__ import annotations

from typing import Annotated

import asyncpg
from pydantic import Field

from ledger import declarations
from ledger.codec import from_base64url, to_base64url
from ledger.declarations import DECLARATION_BYTES_MAX, REQUEST_LIFETIME_MS_MAX, PaymentRequest
from ledger.errors import (
    AccountClosed,
    DeviceUnusable,
    NotAuthorised,
    PersonMismatch,
    UnknownDevice,
    WrongCircle,
)
from node.api.accounts import see_account
from node.api.bounds import Hash, Limit, Number
from node.api.names import Party, parties_of
from node.api.orders import Base64, Model
from node.api.sessions import Session
from node.api.submission import read_text
from node.circle import Circle
from node.connections import Reader
from node.errors import NotFound, RequestInvalid, TooManyOpenRequests
from node.store import Text

OPEN_MAX = 200
"""Unpaid requests of one account that have not expired."""

_Wire = Annotated[Base64, Field(max_length=2 * DECLARATION_BYTES_MAX * 4 // 3)]
_Cursor = Annotated[str, Field(pattern="^[0-9]{1,16}-[0-9a-f]{64}$")]


class RequestItem(Model):
    """A payment request that the payee's device signed, and the text that it commits to."""

    request: _Wire
    text: str | None = None
    salt: Base64 | None = None


class Request(Model):
    """A payment request: ``account`` asks for ``amount`` minor units until ``expires`` (Unix ms).

    ``handle`` and ``name`` are the payee's, ``wire`` what they signed, ``paid_by`` the entry that
    paid it. ``salt`` opens the commitment to ``text``.
    """

    id: Hash
    account: int
    handle: str | None
    name: str | None
    amount: int
    expires: int
    text: str | None
    salt: Base64 | None
    paid_by: int | None
    wire: Base64


class Requests(Model):
    """Payment requests, those that last longest first; ``next`` is the cursor of what follows."""

    requests: list[Request]
    next: str | None


async def make_request(state: Circle, body: RequestItem) -> Request:
    """Leave a signed payment request here, for whoever learns its id.

    The signature is the authority: no session is needed. The same request again gets the same
    answer.
    """
    request, request_id = declarations.open_request(from_base64url(body.request, "payment request"))
    text = read_text(body.text, body.salt, request.text)
    if request.circle != state.writer.loaded.certificate.circle:
        raise WrongCircle(request.circle.hex())
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        await _lock_requests_of(connection, request.account)
        if not await connection.fetchval("SELECT true FROM requests WHERE id = $1", request_id):
            await _check_payee(connection, request, now)
            await _check_terms(connection, request, now)
            wire = from_base64url(body.request, "payment request")
            await _store(connection, request_id, wire, request, text)
        return await _read_request(connection, request_id)


async def _lock_requests_of(connection: Reader, account: int) -> None:
    """Let nobody else add a request to this account until the transaction ends."""
    await connection.execute(
        """
        SELECT pg_advisory_xact_lock(
            hashtextextended('tallystick requests ' || current_schema || ' ' || $1::bigint, 0))
        """,
        account,
    )


async def _check_payee(connection: Reader, request: PaymentRequest, now: int) -> None:
    """Raise a ledger error unless a usable device of a holder signed for an open account."""
    row = await connection.fetchrow(
        """
        SELECT devices.person, role, status, active_from, number IS NOT NULL AS holds, closed
        FROM devices
            LEFT JOIN holders ON holders.person = devices.person AND holders.account = $2
            LEFT JOIN accounts ON number = holders.account
        WHERE key = $1
        """,
        request.device,
        request.account,
    )
    if row is None:
        raise UnknownDevice(request.device.hex())
    if row["status"] != "active":
        raise DeviceUnusable(f"it is {row['status']}")
    if row["active_from"] > now:
        raise DeviceUnusable(f"it waits until {row['active_from']}")
    if row["role"] != "device":
        raise DeviceUnusable("a printed key makes no requests")
    if row["person"] != request.person:
        raise PersonMismatch(request.person)
    if not row["holds"]:
        reason = f"they are no holder of account {request.account}"
        raise NotAuthorised(request.person, "request", reason)
    if row["closed"]:
        raise AccountClosed(request.account)


async def _check_terms(connection: Reader, request: PaymentRequest, now: int) -> None:
    if not now < request.expires <= now + REQUEST_LIFETIME_MS_MAX:
        latest = now + REQUEST_LIFETIME_MS_MAX
        raise RequestInvalid([f"request.expires must be after {now} and at most {latest}"])
    waiting = await connection.fetchval(
        """
        SELECT count(*) FROM (
            SELECT FROM requests WHERE account = $1 AND expires > $2 AND paid_by IS NULL LIMIT $3
        ) AS waiting
        """,
        request.account,
        now,
        OPEN_MAX,
    )
    if waiting >= OPEN_MAX:
        raise TooManyOpenRequests(request.account, OPEN_MAX)


async def _store(
    connection: Reader, request_id: bytes, wire: bytes, request: PaymentRequest, text: Text | None
) -> None:
    await connection.execute(
        "INSERT INTO requests (id, wire, account, expires) VALUES ($1, $2, $3, $4)",
        request_id,
        wire,
        request.account,
        request.expires,
    )
    if text is not None:
        await connection.execute(
            "INSERT INTO request_texts (request, person, salt, body) VALUES ($1, $2, $3, $4)",
            request_id,
            request.person,
            text.salt,
            text.body,
        )


async def get_request(state: Circle, session: Session, request_id: Hash) -> Request:
    """One payment request. Whoever was given its id may see it."""
    async with state.pool.acquire() as connection:
        return await _read_request(connection, bytes.fromhex(request_id))


async def _read_request(connection: Reader, request_id: bytes) -> Request:
    row = await connection.fetchrow(
        """
        SELECT id, account, expires, paid_by, wire, salt, body
        FROM requests LEFT JOIN request_texts ON request = id WHERE id = $1
        """,
        request_id,
    )
    if row is None:
        raise NotFound("payment request of that id")
    parties = await parties_of(connection, [row["account"]])
    return _render(row, parties)


async def list_requests(
    state: Circle,
    session: Session,
    account: Number,
    cursor: _Cursor | None = None,
    limit: Limit = 50,
) -> Requests:
    """The payment requests of an account, also those that were paid or expired."""
    async with state.pool.acquire() as connection:
        sight = await see_account(connection, session, account, state.clock())
        requests, following = await read_requests(
            connection, account, cursor, limit, with_texts=sight.texts
        )
    return Requests(requests=requests, next=following)


async def read_requests(
    connection: Reader, account: int, cursor: str | None, limit: int, *, with_texts: bool = True
) -> tuple[list[Request], str | None]:
    """Requests of an account, those that last longest first, and the cursor of what follows."""
    expires, _, last = (cursor or f"{2**53}-").partition("-")
    rows = await connection.fetch(
        """
        SELECT id, account, expires, paid_by, wire, salt, body
        FROM requests LEFT JOIN request_texts ON request = id
        WHERE account = $1 AND expires <= $2 AND (expires, id) < ($2, $3)
        ORDER BY expires DESC, id DESC LIMIT $4
        """,
        account,
        int(expires),
        bytes.fromhex(last),
        limit,
    )
    parties = await parties_of(connection, [account])
    requests = [_render(row, parties, with_texts=with_texts) for row in rows]
    if len(requests) < limit:
        return requests, None
    return requests, f"{requests[-1].expires}-{requests[-1].id}"


def _render(row: asyncpg.Record, parties: dict[int, Party], *, with_texts: bool = True) -> Request:
    request, _ = declarations.open_request(row["wire"])
    party = parties[row["account"]]
    has_text = with_texts and row["body"] is not None
    return Request(
        id=row["id"].hex(),
        account=row["account"],
        handle=party.handle,
        name=party.name,
        amount=request.amount,
        expires=row["expires"],
        text=row["body"].decode() if has_text else None,
        salt=to_base64url(row["salt"]) if has_text else None,
        paid_by=row["paid_by"],
        wire=to_base64url(row["wire"]),
    )
