"""The one writer of a circle.

It takes what came in while the last commit ran, decides it in order against the state in memory,
writes everything in one transaction, moves the high-water mark, and only then answers. Whatever
goes wrong in between, it throws the state away and reads it again: nothing half-done is ever kept.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import asyncpg
import structlog

from ledger import merkle, orders, tile
from ledger.append import Entry, append, state_entry
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.decide import Decision, Facts, Prior, decide_order
from ledger.errors import Refused, TallystickError
from ledger.note import Signer
from ledger.orders import SignedOrder
from ledger.state import State
from node.connections import Connection
from node.errors import Frozen, HistoryLost, NodeUnfit, Overloaded, Quarantined
from node.loading import Head, Loaded, load
from node.log_clock import LogClock
from node.mark import Mark, Marked
from node.store import Batch, Needs, NewHead, Text, VerdictRow, commit, look_up

BATCH_ORDERS_MAX = 2000
QUEUE_ORDERS_MAX = 20_000
RECONNECT_SECONDS = 0.2
RECONNECT_SECONDS_MAX = 5.0
QUARANTINED_MAX = 10_000
DAY_MS = 24 * 3600 * 1000

CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
)
"""The database is away, going down, full or a standby: the batch is tried again when it is back."""

log = structlog.get_logger()


class Submission(NamedTuple):
    """An order whose signatures were verified, its text, and a new member's names out of it."""

    signed: SignedOrder
    text: Text | None = None
    handle: str = ""
    name: str = ""


class Accepted(NamedTuple):
    """An order's entry, its inclusion proof as tlog-proof lines, and the head it is under."""

    entry: Entry
    proof_lines: str
    checkpoint: str


Outcome = Accepted | Prior | TallystickError
"""What an order came to; a Prior is the answer given before to the very same order."""


@dataclass(slots=True)
class Parcel:
    """The orders of one request, answered together."""

    submissions: Sequence[Submission]
    answer: asyncio.Future[list[Outcome]]


@dataclass(slots=True)
class _Draft:
    """A batch as decided, before it is committed. ``accepted`` pairs places with their entries."""

    batch: Batch
    outcomes: list[Outcome | None] = field(default_factory=list)
    accepted: list[tuple[int, Entry]] = field(default_factory=list)


@dataclass(slots=True)
class Writer:
    """Owns the writing connection and the circle's state. :meth:`run` is its one task.

    ``connect`` opens a connection that holds the circle's lock; ``entropy`` gives random bytes.
    """

    connect: Callable[[], Awaitable[Connection]]
    signer: Signer
    mark: Mark
    clock: LogClock
    entropy: Callable[[int], bytes]
    loaded: Loaded
    connection: Connection
    frozen: str | None = None
    _queue: deque[Parcel] = field(default_factory=deque)
    _queued: int = 0
    _writing: list[Parcel] = field(default_factory=list)
    _quarantined: set[bytes] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def waiting(self) -> int:
        """How many orders wait for the next batch."""
        return self._queued

    async def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Have orders decided, in this order; returns one outcome each, after the commit.

        Raises Overloaded or Frozen: then nothing was decided, and the same may be sent again.
        """
        self.check_room(len(submissions))
        answer: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._queue.append(Parcel(submissions, answer))
        self._queued += len(submissions)
        self._wake.set()
        return await answer

    def check_room(self, count: int) -> None:
        """Raise Overloaded or Frozen if as many orders would not be taken now."""
        if self.frozen is not None:
            raise Frozen(self.frozen)
        if self._queued + count > QUEUE_ORDERS_MAX:
            raise Overloaded()

    async def run(self) -> None:
        """Write batches until cancelled. Raises NodeUnfit when the log is no longer ours."""
        try:
            while True:
                await self._wake.wait()
                self._writing = self._take()
                await self._write(self._writing)
        finally:
            self.stop()

    def stop(self) -> None:
        """Take no more orders, and let go of all that wait; those in mid-commit may be decided."""
        self.frozen = "the node is stopping"
        for parcel in (*self._writing, *self._queue):
            if not parcel.answer.done():
                parcel.answer.set_exception(Frozen(self.frozen))
        self._queue.clear()
        self._queued = 0

    def _take(self) -> list[Parcel]:
        taken: list[Parcel] = []
        count = 0
        while self._queue and (
            not taken or count + len(self._queue[0].submissions) <= BATCH_ORDERS_MAX
        ):
            parcel = self._queue.popleft()
            count += len(parcel.submissions)
            if not parcel.answer.done():  # its client may have gone away
                taken.append(parcel)
        self._queued -= count
        if not self._queue:
            self._wake.clear()
        return taken

    async def _write(self, parcels: Sequence[Parcel]) -> None:
        """Write one batch, whatever it takes, and answer it."""
        submissions = [order for parcel in parcels for order in parcel.submissions]
        if not submissions:
            return
        try:
            outcomes = await self._persist(submissions)
        except NodeUnfit:
            raise
        except Exception as error:
            # Not the connection: something in the batch. Find it, and let the others through.
            _log_fault("batch_failed", error, orders=len(submissions))
            outcomes = await self._one_by_one(submissions)
        start = 0
        for parcel in parcels:
            end = start + len(parcel.submissions)
            if not parcel.answer.done():
                parcel.answer.set_result(outcomes[start:end])
            start = end

    async def _persist(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Attempt a batch until its outcome is known; a lost connection leaves it unknown.

        What was committed after all is found again by its nonces. Other failures are raised, with
        the state already read afresh.
        """
        delay = RECONNECT_SECONDS
        while True:
            try:
                return await self._attempt(submissions)
            except (*CONNECTION_LOST, asyncpg.InterfaceError) as error:
                # asyncpg's word for a value that it cannot send: that would be tried for ever.
                if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
                    await self._recover()
                    raise
                log.warning("outcome_unknown", error=type(error).__name__, orders=len(submissions))
            except NodeUnfit:
                raise
            except Exception as error:
                # asyncpg has other words, too, for a connection that ended under it.
                if not self.connection.is_closed():
                    await self._recover()
                    raise
                log.warning("outcome_unknown", error=type(error).__name__, orders=len(submissions))
            self.connection.terminate()
            await asyncio.sleep(delay)
            delay = min(2 * delay, RECONNECT_SECONDS_MAX)
            await self._recover()

    async def _one_by_one(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Each order in a transaction of its own, so that only the one at fault is set apart.

        It is remembered, unless all failed: then the fault is not the orders'.
        """
        outcomes: list[Outcome] = []
        failed: list[bytes] = []
        for submission in submissions:
            try:
                outcomes.extend(await self._persist([submission]))
            except NodeUnfit:
                raise
            except Exception as error:
                order_id = submission.signed.id.hex()
                _log_fault("order_quarantined", error, order=order_id)
                failed.append(submission.signed.id)
                outcomes.append(Quarantined(order_id))
        if len(failed) < len(submissions) and len(self._quarantined) < QUARANTINED_MAX:
            self._quarantined.update(failed)
        return outcomes

    async def _recover(self) -> None:
        """Read everything again, over a new connection if need be, until the database is there.

        Raises NodeUnfit when what it reads cannot be gone on from.
        """
        delay = RECONNECT_SECONDS
        while True:
            try:
                if self.connection.is_closed():
                    self.connection = await self.connect()
                self.loaded = await load(self.connection)
                self.raise_mark()
                return
            except (*CONNECTION_LOST, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("database_away", error=type(error).__name__)
                self.connection.terminate()
                await asyncio.sleep(delay)
                delay = min(2 * delay, RECONNECT_SECONDS_MAX)

    def raise_mark(self) -> None:
        """Bring the mark up to what was just read: the answer to what was committed and not yet
        marked may come from there. Raises HistoryLost when the mark is another past's."""
        head = self.loaded.head
        newest = Marked(head.size, head.frontier.root)
        marked = self.mark.read()
        if marked is not None and marked.size >= newest.size and marked != newest:
            raise HistoryLost(newest.size, marked.size, "this node's own mark")
        if marked != newest:
            self.mark.write(newest)

    async def _attempt(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Decide and commit one batch. Raises asyncpg's errors, with the state then spoilt."""
        state = self.loaded.state
        facts = await look_up(self.connection, self._needs(submissions))
        now = self.clock.read(state.log_time)
        if now is None:
            return [Frozen("its clock jumped; set it right and start it again")] * len(submissions)
        draft = self._decide(submissions, facts, now)
        if not draft.batch.entries:
            if draft.batch.verdicts:
                await commit(self.connection, draft.batch, None, {}, state.accounts)
            return [outcome for outcome in draft.outcomes if outcome is not None]
        leaves = [merkle.leaf_hash(entry.leaf) for entry in draft.batch.entries]
        extension = merkle.extend(self.loaded.head.frontier, leaves)
        partial, full = tile.fill_tiles(self.loaded.head.partial, extension)
        checkpoint = sign_checkpoint(
            Checkpoint(self.signer.key.name, state.size, extension.root), self.signer
        )
        frontier = b"".join(extension.frontier.hashes)
        new_head = NewHead(state.size, extension.root, now, frontier, checkpoint)
        await commit(self.connection, draft.batch, new_head, full, state.accounts)
        self.mark.write(Marked(state.size, extension.root))
        self.loaded.head = Head(state.size, checkpoint, extension.frontier, partial)
        lines = extension.proof_lines()
        first = draft.batch.old_size
        for place, entry in draft.accepted:
            draft.outcomes[place] = Accepted(entry, lines[entry.number - first], checkpoint)
        return [outcome for outcome in draft.outcomes if outcome is not None]

    def _needs(self, submissions: Sequence[Submission]) -> Needs:
        needs = Needs()
        highest = self.loaded.highest
        for submission in submissions:
            header, act = submission.signed.order
            if header.nonce <= highest.get(header.device, -1):
                needs.nonces.append((header.device, header.nonce))
            if header.slip:
                needs.slips.append(header.slip[0])
            if submission.handle:
                needs.handles.append(submission.handle)
            if type(act) is orders.Reverse:
                needs.entries.append(act.entry)
            elif type(act) is orders.Pay and act.request:
                needs.requests.append(act.request[0])
        return needs

    def _decide(self, submissions: Sequence[Submission], facts: Facts, now: int) -> _Draft:
        loaded, state = self.loaded, self.loaded.state
        batch = Batch(state.size)
        draft = _Draft(batch)
        secrets = self.entropy(32 * (len(submissions) + 1))
        if now // DAY_MS > state.log_time // DAY_MS and any(
            _is_timely(state, submission.signed, now) for submission in submissions
        ):
            batch.entries.append(state_entry(state, secrets[-32:], now))
        for place, submission in enumerate(submissions):
            signed = submission.signed
            header = signed.order.header
            if signed.id in self._quarantined:
                draft.outcomes.append(Quarantined(signed.id.hex()))
                continue
            verdict = decide_order(state, facts, signed, now, submission.handle)
            if type(verdict) is Decision:
                secret = secrets[32 * place : 32 * place + 32]
                entry = append(state, verdict, signed.wire, header.text, secret, now)
                self._record(batch, submission, entry)
                draft.accepted.append((place, entry))
                draft.outcomes.append(None)
                prior = Prior(signed.id, entry.number, None)
            elif isinstance(verdict, Refused):
                prior = Prior(signed.id, None, encode_refusal(verdict))
                draft.outcomes.append(verdict)
            else:
                assert not isinstance(verdict, Decision)
                draft.outcomes.append(verdict)
                continue
            facts.priors[header.device, header.nonce] = prior
            batch.verdicts.append(
                VerdictRow(header.device, header.nonce, *prior, expires=header.expires)
            )
            if header.nonce > loaded.highest.get(header.device, -1):
                loaded.highest[header.device] = header.nonce
        return draft

    def _record(self, batch: Batch, submission: Submission, entry: Entry) -> None:
        batch.entries.append(entry)
        header = submission.signed.order.header
        person = header.person
        if submission.handle and entry.kind == "open":
            person = self.loaded.state.next_person - 1
            batch.names.append((person, submission.handle, submission.name))
        if submission.text is not None:
            batch.texts.append((entry.number, person, submission.text))


def _log_fault(event: str, error: Exception, **fields: Any) -> None:
    """Log an exception, without the row that PostgreSQL quotes: it may be about a person."""
    if isinstance(error, asyncpg.PostgresError):
        error.detail = None
    log.error(event, exc_info=error, **fields)


def _is_timely(state: State, signed: SignedOrder, now: int) -> bool:
    """Whether a device of this circle, too, takes ``now`` for a time at which its order lives.

    Only then does the log move on to another day: the clock of a node that was just started may be
    years ahead, and log time never goes back.
    """
    header, act = signed.order
    known = header.device in state.devices or (
        type(act) is orders.Join and act.invitation in state.invitations
    )
    return known and now < header.expires <= now + orders.LIFETIME_MS_MAX


def encode_refusal(refusal: TallystickError) -> str:
    """A refusal as it is remembered: its code, its sentence, and its attributes."""
    return json.dumps({"code": refusal.code, "detail": str(refusal), **vars(refusal)})
