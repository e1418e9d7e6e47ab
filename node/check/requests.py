"""Payment requests that entries answered: signed by the payee, of the same terms, paid once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from ledger.errors import MalformedObject
from node.check.fields import DECLARATION, REQUEST, read
from node.check.findings import Findings, WrongEntry
from node.check.opening import Opened, open_declaration
from node.check.rows import Table
from node.connections import Connection

PAID = Table(
    "requests",
    """
    SELECT paid_by, id, wire, account, expires
    FROM requests WHERE paid_by IS NOT NULL ORDER BY paid_by, id
    """,
    2,
    0,
)
CONTEXT = b"tallystick/request/v1\0"

RequestRow = tuple[int, bytes, bytes, int, int]
"""paid_by, id, wire, account, expires."""


def open_requests(rows: Sequence[RequestRow]) -> list[tuple[Any, ...]]:
    """Per row paid_by, id, what is wrong with it or "", and the request's fields."""
    return [(row[0], row[1], *_open(row)) for row in rows]


def _open(row: RequestRow) -> tuple[str, tuple[Any, ...]]:
    _, named, wire, account, expires = row
    try:
        body, _ = read(wire, DECLARATION, 1024, "payment request")
        fields = open_declaration(wire, REQUEST, CONTEXT, "payment request")
    except (WrongEntry, MalformedObject) as error:
        return str(error).removesuffix("."), ()
    if named != sha256(CONTEXT + body).digest():
        return "its id is not that of the request in it", ()
    if (account, expires) != (fields[1], fields[6]):
        return "its account or time is not that of the request in it", ()
    return "", fields


def check_requests(
    opened: Sequence[tuple[Any, ...]], paying: Mapping[int, Opened], findings: Findings
) -> None:
    """``paying`` are the entries that answer requests: each has exactly its own row, whose terms
    are those of the payment."""
    unpaid = dict(paying)
    for paid_by, id_, wrong, fields in opened:
        name = f"requests ({id_.hex()})"
        entry = unpaid.get(paid_by)
        if entry is None or entry.act[2] != (id_,):
            findings.note(paid_by, name, "that entry does not answer it, or not once")
            continue
        del unpaid[paid_by]
        if wrong:
            findings.note(paid_by, name, wrong)
        elif fields[0] != entry.circle:
            findings.note(paid_by, name, "it is for another circle")
        elif entry.now >= fields[6]:
            findings.note(paid_by, name, "it had expired when it was paid")
        elif entry.act[0] != ((fields[1], fields[4]),):
            findings.note(
                paid_by, name, f"it asks for {fields[4]} into account {fields[1]}, and got other"
            )
    for index, entry in unpaid.items():
        findings.note(
            index, f"requests ({entry.act[2][0].hex()})", "no row says that this entry paid it"
        )


async def check_paid_once(connection: Connection, findings: Findings) -> None:
    """The table's key says so; it is asked, in case that somebody dropped it."""
    for row in await connection.fetch(
        """
        SELECT id, max(paid_by) AS entry FROM requests WHERE paid_by IS NOT NULL
        GROUP BY id HAVING count(*) > 1 ORDER BY 2 LIMIT 20
        """
    ):
        findings.note(row["entry"], f"requests ({row['id'].hex()})", "it was paid before")
