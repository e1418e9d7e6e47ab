"""``verify``: everything this device holds and is shown, held against the log as it is now.

1. The node still speaks for the circle that was joined. 2. Its head continues the one seen last.
3. Each kept receipt's entry is in the log under that head, at its place and unchanged. 4. Each line
of each own account's statement says what the log commits to, none is missing, and the balance is
that of the last. What was proved on the way is kept, so that next time only new lines are fetched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from client import history
from client.circle_info import check_pinned
from client.errors import AnswerInvalid, HistoryConflict, NodeRefused, ReceiptInvalid
from client.findings import Asker, Finding, Line, compare_account, compare_lines, lines_of
from client.history import SignedHead, verify_head
from client.member import Member
from client.neighbours import Change, Neighbour, compare, vouching
from client.payment_findings import payments_charged
from client.receipts import Proved, verify_kept
from client.records import KeptReceipt
from client.views import AccountView, StatementLine
from client.whole_log import verify_whole_log
from ledger import merkle
from ledger.errors import InvalidNote, InvalidProof
from ledger.receipt import format_proof_lines, format_receipt, parse_receipt
from ledger.tile import Tile, tile_reader, tiles_of

AT_ONCE: Final = 8
"""Requests under way at one time."""
ASKED_TIMES: Final = 4
ASK_AGAIN_SECONDS: Final = 0.5
"""How often, and how far apart, a head is asked for that all neighbours vouch for."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked: ``entries`` of the log are signed now, ``seen`` were when it was last.

    ``read`` are the entries of the log that were read themselves: all, or none. ``neighbours`` are
    the names of the circles whose copies match, ``changes`` what changed in who they are.
    """

    entries: int
    seen: int
    receipts: int
    lines: int
    read: int
    findings: tuple[Finding, ...]
    neighbours: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def is_sound(self) -> bool:
        return not self.findings


async def audit(
    member: Member, *, whole_log: bool = False, progress: Callable[[int], None] | None = None
) -> Report:
    """Check everything. Raises HistoryConflict, CircleChanged, and what the node's errors are."""
    before = member.journal.checkpoint()
    seen = 0 if before is None else verify_head(before, member.circle).size
    # Signing in shows the node what this device has seen: one that has lost it stops by itself.
    await member.session()
    info = await member.node.well_known()
    check_pinned(info, member.circle)
    trusted, changes = _pin_neighbours(member, info.neighbours)
    head, vouched = await _newest_head(member, trusted)
    me = await member.me(afresh=True)
    auditor = _Auditor(member, head, trusted)
    await auditor.check_receipts(member.journal.receipts())
    lines = 0
    devices = frozenset(device.key for device in me.devices)
    for account in me.accounts:
        asker = Asker(me.person, devices, frozenset(account.holders))
        lines += await auditor.check_account(account, asker)
    read = await auditor.check_log(progress) if whole_log else 0
    found = tuple(dict.fromkeys(auditor.findings))
    return Report(head.size, seen, auditor.receipts, lines, read, found, vouched, tuple(changes))


def _pin_neighbours(
    member: Member, shown: tuple[Neighbour, ...]
) -> tuple[tuple[Neighbour, ...], list[Change]]:
    """Those of the neighbours shown that count, and what changed; they are kept for the next time.

    One with another key than before does not count until that was told once.
    """
    kept = member.journal.neighbours()
    if kept == shown:
        return shown, []
    member.journal.keep_neighbours(shown)
    if kept is None:
        return shown, []
    changes = compare(kept, shown)
    known = {each.key.name: each.key for each in kept}
    trusted = tuple(each for each in shown if known.get(each.key.name, each.key) == each.key)
    return trusted, changes


async def _newest_head(
    member: Member, neighbours: Collection[Neighbour]
) -> tuple[SignedHead, tuple[str, ...]]:
    """The newest head, and who vouches for it; that takes them a second after it was signed."""
    for left in range(ASKED_TIMES - 1, -1, -1):
        note = await member.node.checkpoint()
        head, shown = await member.follow(note), verify_head(note, member.circle)
        vouched: tuple[str, ...] = ()
        if shown.size == head.size:
            head = shown
            try:
                vouched = vouching(note, neighbours)
            except InvalidNote as error:
                raise AnswerInvalid(f"has a head that a neighbour did not sign: {error}") from None
        if len(vouched) == len(neighbours) or not left:
            return head, vouched
        await asyncio.sleep(ASK_AGAIN_SECONDS)
    raise AssertionError("the last time returns")


class _Auditor:
    """One run under one head. ``proved`` are the postings proved so far, by account and seq."""

    def __init__(self, member: Member, head: SignedHead, neighbours: Collection[Neighbour]) -> None:
        self.findings: list[Finding] = []
        self.receipts = 0
        self._member = member
        self._accounts = frozenset(member.membership.accounts)
        self._head = head
        self._neighbours = neighbours
        self._proved: dict[int, dict[int, list[Line]]] = {}
        self._tiles: dict[Tile, bytes] = {}
        self._limit = asyncio.Semaphore(AT_ONCE)

    async def check_receipts(self, kept: Sequence[KeptReceipt]) -> None:
        """Every kept receipt proves what it did, and its entry is still there."""
        sound = []
        for receipt in kept:
            try:
                sound.append((receipt, verify_kept(receipt, self._member.circle)))
            except ReceiptInvalid as invalid:
                self._find("receipt-damaged", entry=receipt.index, detail=invalid.reason)
        self.receipts = len(sound)
        proofs = await self._proofs([receipt.index for receipt, _ in sound])
        better = []
        vouched = self._vouched(self._head.note)
        for receipt, proved in sound:
            if not self._is_included(receipt, proofs):
                await self._explain(receipt, proved)
                continue
            self._note(receipt, proved)
            if self._vouched(proved.note) < vouched:
                better.append(self._under_head(receipt, proofs[receipt.index]))
        if better:
            await asyncio.to_thread(self._member.journal.keep_receipts, better)

    def _vouched(self, note: str) -> int:
        """How many neighbours vouch for the head of a receipt; none where a line of theirs is bad.

        The receipt is as good without it.
        """
        try:
            return len(vouching(note, self._neighbours))
        except InvalidNote:
            return 0

    def _under_head(self, receipt: KeptReceipt, proof: list[bytes]) -> KeptReceipt:
        lines = format_proof_lines(proof)
        return replace(receipt, proof=format_receipt(receipt.index, lines, self._head.note))

    async def check_account(self, view: AccountView, asker: Asker) -> int:
        """An account's whole statement; returns how many lines were held against the log."""
        session = await self._member.session()
        shown = [line async for line in session.statement(view.number)]
        self.findings += compare_account(view, shown)
        # What came after the head that was proved is for the next time.
        lines = [line for line in shown if line.entry < self._head.size]
        known = self._proved.setdefault(view.number, {})
        reasons = await self._prove([line for line in lines if not _is_known(line, known)])
        headers = await self._headers([each.proved for line in known.values() for each in line])
        self.findings += compare_lines(view.number, shown, known, asker, headers)
        for line in lines:
            if line.seq not in known:
                self._find("line-unproved", view.number, line, reasons.get(line.seq, ""))
        return len(lines)

    async def check_log(self, progress: Callable[[int], None] | None) -> int:
        """Every public entry leads to the head."""
        try:
            return await verify_whole_log(self._member.node, self._head, progress)
        except AnswerInvalid as invalid:
            self._find("log-damaged", detail=invalid.reason)
            return 0

    async def _prove(self, lines: Sequence[StatementLine]) -> dict[int, str]:
        """Fetch and prove the entries of lines that no kept receipt opens, and keep them.

        Returns why an entry proves nothing, by the line's seq.
        """
        reasons = {}
        fetched = await asyncio.gather(*(self._fetch(line.entry) for line in lines))
        proofs = await self._proofs([receipt.index for receipt in fetched if receipt])
        keep = []
        for line, receipt in zip(lines, fetched, strict=True):
            if receipt is None or receipt.index not in proofs:
                continue
            receipt = self._under_head(receipt, proofs[receipt.index])
            try:
                proved = verify_kept(receipt, self._member.circle)
            except ReceiptInvalid as invalid:
                reasons[line.seq] = invalid.reason
                continue
            self._note(receipt, proved)
            keep.append(_own_part(receipt, proved, self._accounts))
        if keep:
            await asyncio.to_thread(self._member.journal.keep_receipts, keep)
        return reasons

    async def _headers(self, proved: Sequence[Proved]) -> dict[bytes, bytes]:
        """The headers of payments that were charged: kept here, or shown by the node."""
        session, headers = await self._member.session(), {}
        for payment in payments_charged(proved):
            sent = await asyncio.to_thread(self._member.journal.payment, payment)
            if sent is not None:
                headers[payment] = sent.header
                continue
            try:
                headers[payment] = (await session.payment(payment)).header
            except NodeRefused as error:
                if error.status >= 500:
                    raise
        return headers

    async def _fetch(self, index: int) -> KeptReceipt | None:
        session = await self._member.session()
        async with self._limit:
            try:
                receipt = await session.entry(index)
            except (AnswerInvalid, NodeRefused) as error:
                if isinstance(error, NodeRefused) and error.status >= 500:
                    raise
                return None
        return receipt if receipt.index == index else None

    async def _proofs(self, indexes: Iterable[int]) -> dict[int, list[bytes]]:
        """Inclusion proofs under the head, made from tiles; what has none is left out."""
        size = self._head.size
        nodes = {
            index: [node for group in merkle.inclusion_nodes(index, size) for node in group]
            for index in indexes
            if index < size
        }
        wanted = tiles_of([node for each in nodes.values() for node in each], size)
        await asyncio.gather(*(self._fetch_tile(tile) for tile in wanted))
        reader = tile_reader(self._tiles, size)
        proofs = {}
        for index in nodes:
            try:
                proofs[index] = merkle.inclusion_proof_from(reader, index, size)
            except InvalidProof:
                self._find("log-damaged", entry=index, detail="a tile is missing")
        return proofs

    async def _fetch_tile(self, tile: Tile) -> None:
        if tile in self._tiles:
            return
        async with self._limit:
            try:
                self._tiles[tile] = await self._member.node.tile(tile)
            except (AnswerInvalid, NodeRefused) as error:
                if isinstance(error, NodeRefused) and error.status >= 500:
                    raise

    def _is_included(self, receipt: KeptReceipt, proofs: dict[int, list[bytes]]) -> bool:
        head, hashed = self._head, merkle.leaf_hash(receipt.leaf)
        try:
            proof = proofs.get(receipt.index, [])
            merkle.verify_inclusion(receipt.index, head.size, hashed, proof, head.root)
        except InvalidProof:
            return False
        return True

    async def _explain(self, receipt: KeptReceipt, proved: Proved) -> None:
        """A kept receipt has no place under the head: raise HistoryConflict unless the head at
        least continues the one that the receipt came with."""
        note = parse_receipt(receipt.proof).checkpoint_note
        earlier = SignedHead(note, proved.checkpoint)
        try:
            await history.check_same_history(
                self._member.node, self._member.circle, earlier, self._head
            )
        except HistoryConflict as found:
            raise await self._member.keep_evidence(found, conflicting=(receipt,)) from None
        self._find("log-damaged", entry=receipt.index, detail="a tile is wrong")

    def _note(self, receipt: KeptReceipt, proved: Proved) -> None:
        for line in lines_of(receipt, proved):
            by_seq = self._proved.setdefault(line.posting.account, {})
            known = by_seq.setdefault(line.posting.seq, [])
            # A later receipt for the same entry may open more: its order, or its text.
            known[:] = [each for each in known if each.proved.index != proved.index]
            known.append(line)

    def _find(
        self,
        kind: str,
        account: int | None = None,
        line: StatementLine | None = None,
        detail: str = "",
        *,
        entry: int | None = None,
    ) -> None:
        seq = None if line is None else line.seq
        self.findings.append(
            Finding(kind, account, seq, entry if line is None else line.entry, detail)
        )


def _own_part(receipt: KeptReceipt, proved: Proved, accounts: frozenset[int]) -> KeptReceipt:
    """Without the postings of others, which officers are shown and have no business keeping."""
    pairs = zip(receipt.openings, proved.postings, strict=True)
    own = tuple(opening for opening, posting in pairs if posting.account in accounts)
    return replace(receipt, openings=own)


def _is_known(line: StatementLine, known: dict[int, list[Line]]) -> bool:
    """Whether what was proved before settles all that the line says."""
    return any(
        each.proved.index == line.entry and (line.text is None or each.proved.text == line.text)
        for each in known.get(line.seq, ())
    )
