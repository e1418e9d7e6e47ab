"""Checking a whole log and the tables made from it, in one snapshot, with bounded memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from hashlib import sha256
from typing import Any

from ledger.errors import MalformedObject
from node.check.book import Book, Transfer
from node.check.findings import CheckResult, Findings, Problem, Progress, WrongEntry
from node.check.founding import Identity, found
from node.check.link_tables import LinkTables
from node.check.names import Names
from node.check.opening import Opened, open_row
from node.check.parts import Part, read_parts
from node.check.replay import replay, write
from node.check.requests import check_paid_once, check_requests
from node.check.rows import Beside, Table, compare
from node.check.tables import check_tables
from node.check.tree import Tree, check_checkpoint, check_head
from node.check.worker import Workers
from node.connections import Connection

SMALL_LOG = 4000
"""Up to so many entries are opened here: to start processes would take longer."""
PROCESSES_MAX = 6
"""More would wait for the model, which takes a fifth of the time that opening does."""

POSTINGS = Table(
    "postings",
    """
    SELECT entry, account, seq, log_time, delta, balance, held, counterparty
    FROM postings ORDER BY entry, account, seq
    """,
    2,
    0,
)
SLIPS = Table(
    "slips",
    """
    SELECT entry, channel, number
    FROM slips ORDER BY entry, channel COLLATE "C", number COLLATE "C"
    """,
    3,
    0,
)
REVERSALS = Table("reversals", "SELECT by, entry FROM reversals ORDER BY by, entry", 2, 0)
PERSONAL = Table("personal", "SELECT entry, salt, body FROM personal ORDER BY entry", 1, 0)


async def check_log(
    connection: Connection,
    *,
    log_key: bytes | None = None,
    processes: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> CheckResult:
    """Replay the log of the circle in the connection's search path, and compare all made from it.

    Nothing is written, and a node may serve meanwhile. ``log_key``, where the caller knows it from
    elsewhere, is what leaf 0 has to certify: else a log is only checked against itself. Entries are
    opened in as many ``processes`` as there are processors, or for a short log in none. Raises
    WorkerDied, and asyncpg's errors.
    """
    began = time.monotonic()

    def tell(done: int, total: int) -> None:
        progress(Progress(done, total, done / max(time.monotonic() - began, 1e-9)))

    check = _Check(connection, log_key)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        # For putting the posting rows in order; the default spills much sooner.
        await connection.execute("SET LOCAL work_mem = '64MB'")
        await check.run(processes, tell)
    problems = sorted(check.findings.problems, key=_place)
    return CheckResult(check.done, time.monotonic() - began, check.signatures, tuple(problems))


def _place(problem: Problem) -> tuple[bool, int]:
    return problem.entry is None, problem.entry or 0


class _Check:
    """One check under way: ``done`` entries were replayed, with ``signatures`` good."""

    def __init__(self, connection: Connection, log_key: bytes | None) -> None:
        self.connection = connection
        self.log_key = log_key
        self.findings = Findings()
        self.done = 0
        self.signatures = 0
        self._tree = Tree()
        self._book: Book | None = None
        self._identity: Identity | None = None
        self._stopped = False
        self._postings = Beside(POSTINGS)
        self._slips = Beside(SLIPS)
        self._reversals = Beside(REVERSALS)
        self._personal = Beside(PERSONAL, 500)
        self._names = Names()
        self._links = LinkTables()

    async def run(self, processes: int | None, tell: Callable[[int, int], None]) -> None:
        """The whole check, inside its transaction. ``tell`` hears of entries done and in all."""
        head = await self.connection.fetchrow(
            "SELECT size, root, log_time, frontier, checkpoint FROM head"
        )
        if head is None or not head["size"]:
            self.findings.note(None, "head", "there is none: no circle was founded here")
            return
        total = head["size"]
        if processes is None:
            processes = 0 if total <= SMALL_LOG else min(os.cpu_count() or 1, PROCESSES_MAX)
        async with (
            Workers(processes) as workers,
            aclosing(read_parts(self.connection, workers, total)) as parts,
        ):
            async for part in parts:
                await self._take(part)
                tell(self.done, total)
                if self._stopped or self.findings.full:
                    return
        await self._finish(total)
        assert self._book is not None
        await self._links.rest(self.connection, self._book.links, self.findings)
        self.signatures += self._book.links.signatures
        assert self._identity is not None
        check_head(head, self._tree, self._book.log_time, self.findings)
        check_checkpoint(head, self._identity, self.findings)
        await check_tables(self.connection, self._book, self.findings)

    async def _take(self, part: Part) -> None:
        """Replay a part, and compare what the tables beside the log have of it."""
        entries = [Opened._make(e) if type(e) is tuple else None for e in part.entries]
        transfers = await self._transfers(entries)
        replayed: list[Opened] = []
        for index, opened, entry in zip(part.indices, part.entries, entries, strict=True):
            if index != self.done:
                break
            try:
                if entry is None:
                    raise WrongEntry(str(opened))
                if not await self._read_links(entry):
                    self._stopped = True
                    break
                self._replay(entry, transfers)
            except (WrongEntry, MalformedObject) as error:
                kind = f" ({entry.kind})" if entry else ""
                self._stop(str(error).removesuffix(".") + kind)
                break
            self.done += 1
            replayed.append(entry)
        if not self._stopped and self.done < part.end:
            self._stop("it is missing" if self.done not in part.indices else "it is there twice")
        await self._compare(replayed, part.requests)
        if self._book is not None:
            await self._links.compare(self.connection, self._book.links, self.findings)

    async def _read_links(self, entry: Opened) -> bool:
        """What was said between circles before an entry. Returns False when it is wrong."""
        if self._book is None or not entry.wire:
            return True
        links, findings = self._book.links, self.findings
        return await self._links.until(self.connection, links, entry, findings)

    def _stop(self, reason: str) -> None:
        self.findings.note(self.done, "", reason)
        self._stopped = True

    def _replay(self, entry: Opened, transfers: dict[int, Transfer]) -> None:
        if self._book is not None:
            replay(self._book, entry, transfers)
        else:
            self._book, self._identity, effect = found(entry)
            if self.log_key not in (None, self._identity.log_key):
                raise WrongEntry("the charter certifies another log key than this node has")
            write(self._book, entry, effect)
        self.signatures += entry.signatures

    async def _transfers(self, entries: Sequence[Opened | None]) -> dict[int, Transfer]:
        """What reversals refer to, read again: every entry before them is right, or found wrong."""
        targets = {entry.act[0] for entry in entries if entry and entry.order == "reverse"}
        if not targets:
            return {}
        rows = await self.connection.fetch(
            """
            SELECT index, log_time, leaf, authority, wire, secret, postings
            FROM entries WHERE index = ANY($1)
            """,
            list(targets),
        )
        transfers = {}
        for row in rows:
            try:
                entry = open_row(tuple(row))
            except (WrongEntry, MalformedObject):
                continue
            moved = tuple((line[0], line[2]) for line in entry.lines)
            transfers[entry.number] = Transfer(entry.order, entry.authority, entry.person, moved)
        return transfers

    async def _compare(self, entries: Sequence[Opened], requests: list[tuple[Any, ...]]) -> None:
        """The rows beside the log that these entries make."""
        last, connection, findings = self.done - 1, self.connection, self.findings
        lines = [row for entry in entries for row in posting_rows(entry)]
        compare(POSTINGS, lines, await self._postings.until(connection, last), findings)
        slips = [(entry.number, *entry.slip[0]) for entry in entries if entry.slip]
        compare(SLIPS, slips, await self._slips.until(connection, last), findings)
        reversals = [(e.number, e.act[0]) for e in entries if e.order == "reverse"]
        compare(REVERSALS, reversals, await self._reversals.until(connection, last), findings)
        paying = {e.number: e for e in entries if e.order == "pay" and e.act[2]}
        if self._stopped:
            requests = [row for row in requests if row[0] <= last]
        check_requests(requests, paying, findings)
        committed = {entry.number: entry.personal for entry in entries}
        texts: dict[int, bytes] = {}
        for index, salt, body in await self._personal.until(connection, last):
            texts[index] = body
            hashed = sha256(b"tallystick/text/v1\0" + salt + body).digest()
            if committed.get(index) != (hashed,):
                reason = "it is not the text that the entry commits to"
                findings.note(index, f"personal ({index})", reason)
        await self._names.compare(connection, entries, texts, findings)
        leaf_hashes = [entry.leaf_hash for entry in entries]
        await self._tree.grow(connection, leaf_hashes, findings)

    async def _finish(self, total: int) -> None:
        """Nothing is stored beyond the end of the log."""
        connection, findings = self.connection, self.findings
        beyond = await connection.fetchval(
            "SELECT min(index) FROM entries WHERE index < 0 OR index >= $1", total
        )
        if beyond is not None:
            findings.note(beyond, "", f"it is beyond the end of the log, which has {total}")
        for beside in (self._postings, self._slips, self._reversals, self._personal):
            compare(beside.table, [], await beside.rest(connection), findings)
        await self._names.rest(connection, findings)
        await self._tree.rest(connection, findings)
        await check_paid_once(connection, findings)


def posting_rows(entry: Opened) -> list[tuple[Any, ...]]:
    """The rows of ``postings`` that an entry makes, by account.

    The counterparty of one of two is the other; of several, the first faces all others.
    """
    lines = entry.lines
    if len(lines) == 2:
        (left, _, *_), (right, _, *_) = lines
        others: tuple[int | None, ...] = (right, left)
    else:
        others = (None, *[lines[0][0]] * (len(lines) - 1)) if lines else ()
    return sorted(
        (entry.number, account, seq, entry.now, delta, balance, held, other)
        for (account, seq, delta, balance, held, _), other in zip(lines, others, strict=True)
    )
