"""The one writer of a circle.

It takes what came in while the last commit ran, decides it in order against the state in memory,
writes everything in one transaction, moves the high-water mark, and only then answers. Whatever
goes wrong in between, it throws the state away and reads it again: nothing half-done is ever kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import structlog

from ledger import merkle, orders, tile
from ledger.append import Entry, append, state_entry
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.decide import Decision, Facts, Prior, decide_order
from ledger.errors import Refused, TallystickError
from ledger.federation.forget import forget
from ledger.federation.link import FederationChange, PutLink
from ledger.note import Signer
from ledger.state import apply
from node import crash_points
from node.connections import Connection
from node.errors import Frozen, HistoryLost, NodeUnfit, Overloaded, Quarantined
from node.loading import Head, Loaded, load
from node.log_clock import LogClock
from node.mark import Mark, Marked
from node.store import Batch, Needs, NewHead, VerdictRow, commit, look_up
from node.work import (
    Accepted,
    Outcome,
    Parcel,
    PeerEvent,
    Stepped,
    Submission,
    Work,
    encode_refusal,
    is_timely,
)

BATCH_ORDERS_MAX = 2000
QUEUE_ORDERS_MAX = 20_000
RECONNECT_SECONDS = 0.2
RECONNECT_SECONDS_MAX = 5.0
QUARANTINED_MAX = 10_000
HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS

CONNECTION_LOST = (
    *(asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError),
    *(asyncpg.InsufficientResourcesError, asyncpg.ReadOnlySQLTransactionError),
    asyncpg.InternalClientError,  # of a connection that dies just as it is used again
    OSError,
)
"""The database is away, going down, full or a standby: the batch is tried again when it is back."""

DATABASE_AWAY = (*CONNECTION_LOST, asyncpg.PostgresError, asyncpg.InterfaceError)
"""The same, and asyncpg's other words for it: whoever only looks things up tries again later."""

log = structlog.get_logger()


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
    ``outbox`` is set when a link has changed.
    """

    connect: Callable[[], Awaitable[Connection]]
    signer: Signer
    mark: Mark
    clock: LogClock
    entropy: Callable[[int], bytes]
    loaded: Loaded
    connection: Connection
    frozen: str | None = None
    outbox: asyncio.Event = field(default_factory=asyncio.Event)
    _queue: deque[Parcel] = field(default_factory=deque)
    _queued: int = 0
    _writing: list[Parcel] = field(default_factory=list)
    _quarantined: set[bytes] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def waiting(self) -> int:
        """How many orders wait for the next batch."""
        return self._queued

    async def submit(self, submissions: Sequence[Work]) -> list[Outcome]:
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
        crash_points.reach("answer-before")
        start = 0
        for parcel in parcels:
            end = start + len(parcel.submissions)
            if not parcel.answer.done():
                parcel.answer.set_result(outcomes[start:end])
            start = end

    async def _persist(self, submissions: Sequence[Work]) -> list[Outcome]:
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

    async def _one_by_one(self, submissions: Sequence[Work]) -> list[Outcome]:
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
                name = submission.signed.id if isinstance(submission, Submission) else b""
                _log_fault("order_quarantined", error, order=name.hex())
                failed.append(name)
                outcomes.append(Quarantined(name.hex()))
        if len(failed) < len(submissions) and len(self._quarantined) < QUARANTINED_MAX:
            self._quarantined.update(name for name in failed if name)
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
                self.outbox.set()  # no peer was heard since, and one may not have been told
                return
            except DATABASE_AWAY as error:
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

    async def _attempt(self, submissions: Sequence[Work]) -> list[Outcome]:
        """Decide and commit one batch. Raises asyncpg's errors, with the state then spoilt."""
        state = self.loaded.state
        facts = await look_up(self.connection, self._needs(submissions))
        now = self.clock.read(state.log_time)
        if now is None:
            return [Frozen("its clock jumped; set it right and start it again")] * len(submissions)
        draft = self._decide(submissions, facts, now)
        if not draft.batch.entries:
            if draft.batch.verdicts or draft.batch.changes:
                await commit(self.connection, draft.batch, None, {}, state.accounts)
                self._publish(draft.batch)
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
        crash_points.reach("mark-after")
        upper = self.loaded.head.upper
        self.loaded.head = Head(state.size, checkpoint, extension.frontier, partial, upper)
        self._publish(draft.batch)
        lines = extension.proof_lines()
        first = draft.batch.old_size
        for place, entry in draft.accepted:
            draft.outcomes[place] = Accepted(entry, lines[entry.number - first], checkpoint)
        return [outcome for outcome in draft.outcomes if outcome is not None]

    def _publish(self, batch: Batch) -> None:
        """After the commit: let what was written between circles be seen, and be sent."""
        if any(type(change) is PutLink for change in batch.changes):
            self.loaded.links = dict(self.loaded.state.links)
            self.outbox.set()

    def _needs(self, submissions: Sequence[Work]) -> Needs:
        needs = Needs()
        highest = self.loaded.highest
        for submission in submissions:
            if isinstance(submission, PeerEvent):
                continue
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

    def _decide(self, submissions: Sequence[Work], facts: Facts, now: int) -> _Draft:
        loaded, state = self.loaded, self.loaded.state
        batch = Batch(state.size)
        draft = _Draft(batch)
        secrets = self.entropy(32 * (len(submissions) + 1))
        if now // DAY_MS > state.log_time // DAY_MS and any(
            isinstance(item, Submission) and is_timely(state, item.signed, now)
            for item in submissions
        ):
            batch.entries.append(state_entry(state, secrets[-32:], now))
        if now // HOUR_MS > state.log_time // HOUR_MS:
            forget(state, now)
        for place, submission in enumerate(submissions):
            secret = secrets[32 * place : 32 * place + 32]
            if isinstance(submission, PeerEvent):
                draft.outcomes.append(self._step(batch, submission, secret, now))
                continue
            signed = submission.signed
            header = signed.order.header
            if signed.id in self._quarantined:
                draft.outcomes.append(Quarantined(signed.id.hex()))
                continue
            verdict = decide_order(state, facts, signed, now, submission.handle, submission.route)
            if type(verdict) is Decision:
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

    def _step(self, batch: Batch, event: PeerEvent, secret: bytes, now: int) -> Outcome:
        """Decide something between circles, and write what it comes to into the batch."""
        state = self.loaded.state
        try:
            step = event.step(state, now)
        except TallystickError as error:
            return error.with_traceback(None)
        number = None
        if step.entry is not None:
            entry = append(state, step.entry, step.wire, step.personal, secret, now)
            batch.entries.append(entry)
            number = entry.number
            if event.text is not None and step.personal:
                batch.texts.append((number, event.person, event.text))
        apply(state, step.changes)
        batch.changes += step.changes
        if event.confirms and not step.fault:
            state.unconfirmed.discard(event.confirms)
        return Stepped(number, step.fault)

    def _record(self, batch: Batch, submission: Submission, entry: Entry) -> None:
        if entry.changes:
            batch.changes += [each for each in entry.changes if isinstance(each, FederationChange)]
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
