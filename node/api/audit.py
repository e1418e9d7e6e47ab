"""The books, opened for auditors: all that is financial, and nothing that people wrote.

With it anybody can replay the log, compare each entry with its public leaf, and the leaves with a
witnessed checkpoint (protocol.md, "Auditing").
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ledger.codec import to_base64url
from node.api.bounds import Number
from node.api.orders import Base64, Model
from node.api.sessions import Session
from node.circle import Circle
from node.errors import NotYours

PAGE_BYTES_MAX = 1_500_000
"""Of leaves, orders and postings in one page, unless a single entry has more."""

_Limit = Annotated[int, Field(ge=1, le=1000, description="How many at most")]


class AuditedEntry(Model):
    """An entry opened. ``order`` is the signed wire form, empty for the circle's own entries.

    ``postings`` is the canonical array of all postings as committed. The salts of the order and of
    each posting derive from ``secret``.
    """

    index: int
    log_time: int
    leaf: Base64
    authority: str
    order: Base64
    postings: Base64
    secret: Base64


class AuditPage(Model):
    """Entries in the log's order, under the head ``checkpoint`` (a signed note).

    ``next`` is the cursor of what follows, null at the end of that head's tree.
    """

    checkpoint: str
    entries: list[AuditedEntry]
    next: str | None


async def audit_entries(
    state: Circle, session: Session, cursor: Number = 0, limit: _Limit = 200
) -> AuditPage:
    """Entries from ``cursor`` on with their financial openings, for auditors and coordinators.

    Texts, names and handles are not among them.
    """
    if not (session.is_auditor or session.is_coordinator):
        raise NotYours("the openings of all entries")
    head = state.writer.loaded.head
    rows = await state.pool.fetch(
        """
        SELECT index, log_time, leaf, authority, wire, postings, secret
        FROM (
            SELECT *, sum(length(leaf) + length(wire) + length(postings))
                OVER (ORDER BY index) AS bytes
            FROM entries WHERE index >= $1 AND index < $2
        ) AS measured
        WHERE bytes <= $3 OR index = $1
        ORDER BY index
        """,
        cursor,
        min(cursor + limit, head.size),
        PAGE_BYTES_MAX,
    )
    following = rows[-1]["index"] + 1 if rows else head.size
    return AuditPage(
        checkpoint=head.checkpoint,
        entries=[
            AuditedEntry(
                index=row["index"],
                log_time=row["log_time"],
                leaf=to_base64url(row["leaf"]),
                authority=row["authority"],
                order=to_base64url(row["wire"]),
                postings=to_base64url(row["postings"]),
                secret=to_base64url(row["secret"]),
            )
            for row in rows
        ],
        next=str(following) if following < head.size else None,
    )
