"""The tables of links, compared with what the messages and the entries on them come to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from hashlib import sha256
from typing import Any

import asyncpg

from ledger.errors import MalformedObject
from node.check.findings import PROBLEMS_MAX, Findings, WrongEntry
from node.check.link_fields import (
    MESSAGE_CONTEXT,
    STATEMENT_CONTEXT,
    Said,
    read_message,
    read_run,
    read_statement,
)
from node.check.link_rows import LinkRow, Links, PaymentRow
from node.check.links import take
from node.check.opening import Opened
from node.check.rows import Beside, Table, compare
from node.check.signing import is_signed
from node.connections import Connection

Rows = Iterator[tuple[Any, ...]]

MESSAGES = Table(
    "link_messages", "SELECT number, link, sent, seq, wire FROM link_messages ORDER BY number", 1
)
LINKS = Table(
    "links",
    """
    SELECT id, peer, account, agreement, peer_suspended, sent_seq, sent_hash, received_seq,
        received_hash, owed, incoming, outgoing, incoming_count, outgoing_count, rounding,
        may_owe, may_be_owed, proposed, offered, has_left
    FROM links ORDER BY id LIMIT $1
    """,
    1,
)
HOLDS = Table(
    "link_holds",
    """
    SELECT link, payment, incoming, amount, value, gain
    FROM link_holds ORDER BY link, payment LIMIT $1
    """,
    2,
)
PAYMENTS = Table(
    "transits",
    """
    SELECT payment, header, deadline, incoming, outgoing, came_from, hold, account, most, deferred,
        mine, collected, status, commit, reason, CASE WHEN account <> 0 THEN since END AS since,
        sha256(sealed) AS sealed
    FROM transits WHERE payment = ANY($1) ORDER BY payment
    """,
    1,
)


class LinkTables:
    """Reads the messages of all links beside the entries that stand on some of them."""

    def __init__(self) -> None:
        self._messages = Beside(MESSAGES, 1000)
        self._agreed: dict[bytes, tuple[Any, ...]] = {}
        self._read = False
        self._last = b""
        self._lasting = 0

    async def until(
        self, connection: Connection, links: Links, entry: Opened, findings: Findings
    ) -> bool:
        """Take the messages that were written before the one that an entry stands on.

        Returns False when one of them is wrong, which is then among the findings.
        """
        if entry.act[0] != "message":
            return True
        said = Said._make(entry.act[1:])
        row = await connection.fetchrow(
            "SELECT number, wire FROM link_messages WHERE link = $1 AND NOT sent AND seq = $2",
            said.link,
            said.seq,
        )
        if row is None or row["wire"] != entry.wire:
            reason = "it is missing" if row is None else "an entry stands on another in its place"
            findings.note(entry.number, _name(said.link, False, said.seq), reason)
            return False
        async for rows in self._until(connection, row["number"]):
            before = rows[:-1] if rows[-1]["number"] == row["number"] else rows
            if not await self._take(connection, links, before, findings):
                return False
        self._last = said.link
        return True

    async def _take(
        self,
        connection: Connection,
        links: Links,
        rows: Sequence[asyncpg.Record],
        findings: Findings,
    ) -> bool:
        if not self._read:
            self._read = True
            await self._read_agreed(connection, links, findings)
        self._meet(links.rows.get(self._last), findings)
        for _, link_id, sent, seq, wire in rows:
            try:
                said = read_message(wire)
                if (said.link, said.seq) != (link_id, seq):
                    raise WrongEntry("it has another link or number than its row")
                take(links, said, sent)
            except (WrongEntry, MalformedObject) as error:
                findings.note(None, _name(link_id, sent, seq), str(error).removesuffix("."))
                return False
            self._meet(links.rows[link_id], findings)
        return True

    async def _read_agreed(self, connection: Connection, links: Links, findings: Findings) -> None:
        """The peers' statements by which they confirmed our books."""
        for row in await connection.fetch("SELECT id, agreed FROM links WHERE agreed <> ''"):
            try:
                self._agreed[row["id"]] = read_statement(row["agreed"])
            except (WrongEntry, MalformedObject) as error:
                findings.note(None, _link_name(row["id"]), str(error).removesuffix("."))

    def _meet(self, link: LinkRow | None, findings: Findings) -> None:
        """Compare where a link stands with what its peer has signed of this very position."""
        if link is None or link.id not in self._agreed:
            return
        body, signature, agreed = self._agreed[link.id]
        position = link.position()
        if (agreed[2], agreed[4]) != (position[2], position[4]):
            return
        del self._agreed[link.id]
        _, theirs = link.terms.sides(link.circle)
        if not is_signed(STATEMENT_CONTEXT + body, signature, theirs.link):
            findings.note(None, _link_name(link.id), "its peer's statement is forged")
        elif agreed != position:
            reason = "its peer's statement is not of where it stood then"
            findings.note(None, _link_name(link.id), reason)

    async def compare(self, connection: Connection, links: Links, findings: Findings) -> None:
        """Compare payments of which nothing more can become, and forget those that are past."""
        self._lasting += await _compare_payments(connection, links.finished, findings)
        links.finished.clear()
        links.forget()

    async def rest(self, connection: Connection, links: Links, findings: Findings) -> None:
        """Take the messages after the last entry, and compare all tables of links."""
        async for rows in self._until(connection, None):
            if not await self._take(connection, links, rows, findings):
                return
        await self._take(connection, links, (), findings)
        if not _has_ends(links, findings):
            return
        await self.compare(connection, links, findings)
        self._compare_agreed(findings)
        for table, expected in ((LINKS, list(_links(links))), (HOLDS, list(_holds(links)))):
            found = await connection.fetch(table.query, len(expected) + PROBLEMS_MAX)
            compare(table, expected, found, findings)
        unfinished = [row for row in links.payments.values() if not row.finished]
        self._lasting += await _compare_payments(connection, unfinished, findings)
        await self._compare_states(connection, links, findings)

    def _compare_agreed(self, findings: Findings) -> None:
        """A statement of before the first message, and of what never was."""
        for link_id, (_, _, agreed) in self._agreed.items():
            if agreed[1:] != (1, 0, bytes(32), 0, bytes(32), 0, 0, 0):
                reason = "its peer's statement is of messages that are not there"
                findings.note(None, _link_name(link_id), reason)

    async def _compare_states(
        self, connection: Connection, links: Links, findings: Findings
    ) -> None:
        """What the messages only bound: how a link is, what was acknowledged, what was refused."""
        for row in await connection.fetch("SELECT id, status, acked FROM links ORDER BY id"):
            link = links.rows.get(row["id"])
            if link is None:
                continue
            ours = "suspended" if link.suspended else "open"
            if row["status"] in ("open", "suspended") and row["status"] != ours:
                reason = f"it is {row['status']}, and the messages make it {ours}"
                findings.note(None, _link_name(link.id), reason)
            if row["acked"] > link.sent[0]:
                findings.note(None, _link_name(link.id), "it has more acknowledged than was sent")
            if link.proven < link.received[0] and not await _has_proof(connection, link):
                reason = f"its peer signed no message after number {link.proven}"
                findings.note(None, _link_name(link.id), reason)
        count = await connection.fetchval(
            """
            SELECT count(*) FROM transits WHERE NOT (status = 'released' AND incoming = ''
                AND outgoing = '' AND hold = 0 AND NOT mine AND commit = '')
            """
        )
        if count != self._lasting:
            reason = f"there are {count} of payments, and the messages make {self._lasting}"
            findings.note(None, "transits", reason)

    async def _until(
        self, connection: Connection, number: int | None
    ) -> AsyncIterator[Sequence[asyncpg.Record]]:
        """The messages up to a number that were not taken yet, not too many at once."""
        while rows := await self._messages.rest(connection):
            last = rows[-1]["number"] if number is None else min(rows[-1]["number"], number)
            taken = await self._messages.until(connection, last)
            if not taken:
                return
            yield taken


def _name(link: bytes, sent: bool, seq: int) -> str:
    return f"link_messages ({link.hex()}, {'sent' if sent else 'received'}, {seq})"


def _link_name(link: bytes) -> str:
    return f"links ({link.hex()})"


def _has_ends(links: Links, findings: Findings) -> bool:
    """Whether everything begun was also done. Else what was not is noted."""
    if links.unanswered is not None:
        findings.note(None, _link_name(links.unanswered[0]), "its last PREPARE was not answered")
    for link, payment in links.due:
        reason = f"the COMMIT of the payment {payment.hex()} was booked and not shown"
        findings.note(None, _link_name(link), reason)
    idle = [row for row in links.payments.values() if row.hold and row.status == "open"]
    for row in idle:
        if not row.outgoing:
            reason = "it was ordered, and is not on its way"
            findings.note(row.hold, f"transits ({row.payment.hex()})", reason)
    idle = [row for row in idle if not row.outgoing]
    return not (links.unanswered or links.due or idle)


def _links(links: Links) -> Rows:
    for id_, row in sorted(links.rows.items()):
        yield (
            *(id_, row.peer, row.account, row.agreement, row.peer_suspended),
            *(*row.sent, *row.received, row.owed, row.incoming_sum, row.outgoing_sum),
            *(len(row.incoming), len(row.outgoing), row.rounding, row.may_owe, row.may_be_owed),
            *(row.proposed, row.offered, row.left),
        )


def _holds(links: Links) -> Rows:
    for id_, row in sorted(links.rows.items()):
        held = [(each, True) for each in row.incoming.values()]
        held += [(each, False) for each in row.outgoing.values()]
        for each, incoming in sorted(held):
            yield (id_, each.payment, incoming, each.amount, each.value, each.gain)


async def _has_proof(connection: Connection, link: LinkRow) -> bool:
    """Whether what the peer signed last is kept as evidence, and follows what was taken."""
    _, theirs = link.terms.sides(link.circle)
    for row in await connection.fetch("SELECT wire FROM evidence WHERE link = $1", link.id):
        try:
            run = read_run(row["wire"])
        except (WrongEntry, MalformedObject):  # of another kind
            continue
        last = run[-1]
        if run[0].previous == link.received[1] and is_signed(
            MESSAGE_CONTEXT + last.body, last.signature, theirs.link
        ):
            return True
    return False


async def _compare_payments(
    connection: Connection, rows: Sequence[PaymentRow], findings: Findings
) -> int:
    """Compare the rows of some payments; returns how many of them are more than refusals."""
    made = sorted(map(_payment, rows))
    found = await connection.fetch(PAYMENTS.query, [row.payment for row in rows])
    compare(PAYMENTS, made, found, findings)
    return sum(row.is_lasting for row in rows)


def _payment(row: PaymentRow) -> tuple[Any, ...]:
    """As the table has it. What is sealed is kept while the payment is open."""
    header = row.fields
    return (
        *(row.payment, row.header, header.deadline, row.incoming, row.outgoing, row.came_from),
        *(row.hold, row.account, row.most, row.deferred, row.mine, row.collected),
        *(row.status, row.commit, row.reason, row.since if row.account else None),
        header.sealed if row.status == "open" else sha256(b"").digest(),
    )
