"""Asking this node's witnesses to cosign its heads (C2SP tlog-witness), and what it then serves.

Every head is shown to every witness, at most about once a second, with the proof that it continues
the one which that witness knows. Nothing waits for a witness: the newest head with as many
cosignatures as the circle asks for is what ``/checkpoint`` serves. A witness that knows more than
this node ends the taking of orders, since then the database is an old backup.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog

from ledger.checkpoint import Checkpoint, open_checkpoint
from ledger.cosignature import add_cosignatures, verify_cosignatures
from ledger.errors import InvalidNote, InvalidProof
from ledger.merkle import verify_consistency
from ledger.note import VerifierKey
from ledger.witness import format_request, parse_size
from node import crash_points
from node.api.entries import consistency
from node.connections import Pool
from node.errors import HistoryLost, NotCosigned, WitnessUnusable
from node.loading import Head
from node.mark import Marked
from node.witness.client import WitnessClient, witness_client
from node.witness.policy import Witness, read_policy
from node.writer import DATABASE_AWAY, Writer

ROUND_SECONDS = 0.75
"""Between two heads shown to the witnesses: with their answer, less than a second."""
BEHIND_SECONDS_MAX = 1.0
"""How long a cosigned head is preferred to a newer one, where the circle asks for none."""
REFRESH_SECONDS = 2.0
"""After which a change to the list of witnesses is noticed."""
START_SECONDS_MAX = 5.0
RETRY_SECONDS = 0.5
RETRY_SECONDS_MAX = 300.0
HEARD_SECONDS = 5.0
"""After which a witness that failed is asked again once it is heard."""
ATTEMPTS_MAX = 3
RECENT_MAX = 8
"""Heads whose cosignatures are still coming in."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CosignedHead:
    """The newest head that witnesses vouched for, ``count`` of those there are now.

    ``since`` is when it was the newest of all, by the loop's clock.
    """

    size: int
    note: str
    count: int
    since: float


@dataclass(slots=True)
class _Standing:
    """How things are with a witness: which size it ``knows``, and which head it cosigned last."""

    witness: Witness
    knows: int = 0
    cosigned: int = -1
    failures: int = 0
    again: float = 0.0
    is_asked: bool = False


@dataclass(slots=True)
class _Candidate:
    """A head for which cosignatures come in."""

    note: str
    since: float


@dataclass(slots=True)
class Cosigner:
    """Owns what the witnesses said. :meth:`run` is its one task; made by :func:`open_cosigner`."""

    pool: Pool
    writer: Writer
    client: WitnessClient
    needed: int = 0
    cosigned: CosignedHead | None = None
    _standings: dict[str, _Standing] = field(default_factory=dict)
    _candidates: dict[int, _Candidate] = field(default_factory=dict)
    _storing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def witnesses(self) -> list[Witness]:
        """Who is asked, by the names of their keys."""
        return [self._standings[name].witness for name in sorted(self._standings)]

    def current(self) -> str:
        """The newest head that meets the circle's policy, as a signed note. Raises NotCosigned.

        Without a policy it may be one that was cosigned and is at most a second behind.
        """
        newest, held = self.writer.loaded.head, self.cosigned
        if held is not None and held.count >= max(1, self.needed):
            is_close = _now() - held.since <= BEHIND_SECONDS_MAX
            if self.needed or is_close or held.size == newest.size:
                return held.note
        if self.needed:
            raise NotCosigned(self.needed)
        return newest.checkpoint

    def covering(self, index: int) -> CosignedHead | None:
        """The newest cosigned head, if an entry is in its tree."""
        held = self.cosigned
        return held if held is not None and held.count and index < held.size else None

    def hear(self, origin: str) -> None:
        """The circle of that log is there: as a witness, too, it can soon be asked again."""
        standing = self._standings.get(origin)
        if standing is not None:
            standing.again = min(standing.again, _now() + HEARD_SECONDS)

    async def start(self) -> None:
        """Read the witnesses, and offer each the stored head: one may know of a lost past."""
        await self._refresh()
        head = self.writer.loaded.head
        await self._restore(head)
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS_MAX), asyncio.TaskGroup() as group:
                for standing in self._due(head):
                    group.create_task(self._ask(standing, head))

    async def run(self) -> None:
        """Show every new head to the witnesses until cancelled."""
        refresh_at = _now() + REFRESH_SECONDS
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(ROUND_SECONDS)
                if _now() >= refresh_at:
                    await self._refresh_again()
                    refresh_at = _now() + REFRESH_SECONDS
                head = self.writer.loaded.head
                for standing in self._due(head):
                    group.create_task(self._ask(standing, head))

    def _due(self, head: Head) -> list[_Standing]:
        now = _now()
        due = [
            standing
            for standing in self._standings.values()
            if not standing.is_asked and standing.again <= now and standing.cosigned != head.size
        ]
        for standing in due:
            standing.is_asked = True
        if due:
            self._candidates.setdefault(head.size, _Candidate(head.checkpoint, now))
            while len(self._candidates) > RECENT_MAX:
                del self._candidates[min(self._candidates)]
        return due

    async def _ask(self, standing: _Standing, head: Head) -> None:
        """Show a head to a witness; a failure is told, and it is asked later and later again."""
        try:
            await self._offer(standing, head)
            standing.failures = 0
        except (WitnessUnusable, InvalidNote, InvalidProof, *DATABASE_AWAY) as error:
            standing.failures += 1
            pause = RETRY_SECONDS * 2 ** min(standing.failures, 20)
            standing.again = _now() + min(pause, RETRY_SECONDS_MAX)
            log.warning(
                "witness_failed",
                witness=standing.witness.key.name,
                failures=standing.failures,
                error=str(error),
            )
        finally:
            standing.is_asked = False

    async def _offer(self, standing: _Standing, head: Head) -> None:
        witness = standing.witness
        for _ in range(ATTEMPTS_MAX):
            proof = await self._proof(standing.knows, head)
            request = format_request(standing.knows, proof, head.checkpoint)
            crash_points.reach("offer-before")
            answer = await self.client.add_checkpoint(witness.url, request)
            crash_points.reach("offer-answered")
            match answer.status:
                case 200:
                    standing.knows = head.size
                    await self._collect(witness.key, head.size, answer.body)
                    standing.cosigned = head.size
                    return
                case 409:
                    size = parse_size(answer.body)
                    if size > head.size:
                        await self._face_larger(standing, size)
                        return
                    if size < standing.knows:
                        log.warning("witness_forgot", witness=witness.key.name, size=size)
                    standing.knows = size
                case 422:
                    await self._compare(witness)
                    raise WitnessUnusable(witness.url, "it knows another history of this log")
                case status:
                    raise WitnessUnusable(witness.url, f"it answers with the status {status}")
        raise WitnessUnusable(witness.url, "it contradicts itself")

    async def _proof(self, size: int, head: Head) -> Sequence[bytes]:
        if size in (0, head.size):
            return ()
        async with self.pool.acquire() as connection:
            return await consistency(connection, head, size, head.size)

    async def _collect(self, key: VerifierKey, size: int, lines: bytes) -> None:
        """Put a cosignature to its head, which is served from when it has enough of them."""
        candidate = self._candidates.get(size)
        if candidate is None:
            return
        note = add_cosignatures(candidate.note, lines, [key])
        if not verify_cosignatures(note, [key]):
            raise WitnessUnusable(key.name, "it answers without its cosignature")
        candidate.note = note
        count = len(verify_cosignatures(note, self._keys()))
        if count < max(1, self.needed):
            return
        # Stored before it is served: what was seen of this log once is still there after a crash.
        async with self._storing:
            if self.cosigned and size < self.cosigned.size:
                return
            crash_points.reach("cosigned-before")
            await self.pool.execute("UPDATE cosigning SET checkpoint = $1", note)
            crash_points.reach("cosigned-after")
            self.cosigned = CosignedHead(size, note, count, candidate.since)
        for older in [each for each in self._candidates if each < size]:
            del self._candidates[older]

    def _keys(self) -> list[VerifierKey]:
        return [standing.witness.key for standing in self._standings.values()]

    async def _face_larger(self, standing: _Standing, size: int) -> None:
        """A witness names a larger size than it was shown: that of a later head, or a lost one."""
        head = self.writer.loaded.head
        if size <= head.size:
            standing.knows = size
            return
        await self._compare(standing.witness)
        if self.writer.frozen is None:
            self._freeze(
                HistoryLost(head.size, size, f"the witness {standing.witness.title}"),
                "; that is its word alone: if it errs, remove it (tallyd witness remove) and start "
                "this node again",
            )
        raise WitnessUnusable(standing.witness.url, "it knows more of this log than is here")

    async def _compare(self, witness: Witness) -> None:
        """Freeze if the witness can show a head that we signed and that our log does not continue.

        A larger one is marked, so that the node does not start again either.
        """
        loaded = self.writer.loaded
        note = await self.client.checkpoint(witness.url, loaded.certificate.origin)
        try:
            seen = None if note is None else open_checkpoint(note, [loaded.log_key])
        except InvalidNote:
            return
        head = self.writer.loaded.head
        if seen is None or await self._is_continued(seen, head):
            return
        if seen.size > head.size:
            self.writer.mark.write(Marked(seen.size, seen.root))
        self._freeze(HistoryLost(head.size, seen.size, f"the witness {witness.title}"))

    async def _is_continued(self, seen: Checkpoint, head: Head) -> bool:
        if not 0 < seen.size <= head.size:
            return seen.size == 0
        proof = await self._proof(seen.size, head)
        try:
            verify_consistency(seen.size, head.size, proof, seen.root, head.frontier.root)
        except InvalidProof:
            return False
        return True

    def _freeze(self, lost: HistoryLost, advice: str = "") -> None:
        self.writer.frozen = str(lost).rstrip(".") + advice
        log.error("history_lost", found=lost.found, known=lost.known, reason=self.writer.frozen)

    async def _refresh_again(self) -> None:
        try:
            await self._refresh()
        except DATABASE_AWAY as error:
            log.warning("witnesses_unread", error=type(error).__name__)

    async def _refresh(self) -> None:
        """Read who the witnesses are, and how many of them a head needs."""
        async with self.pool.acquire() as connection:
            policy = await read_policy(connection)
        self.needed = policy.needed
        before = self._standings
        self._standings = {}
        for witness in policy.witnesses:
            standing = before.get(witness.key.name)
            if standing is None or standing.witness != witness:
                standing = _Standing(witness)
            self._standings[witness.key.name] = standing
        held = self.cosigned
        if held is not None and before.keys() != self._standings.keys():
            count = len(verify_cosignatures(held.note, self._keys()))
            self.cosigned = CosignedHead(held.size, held.note, count, held.since)

    async def _restore(self, head: Head) -> None:
        """Serve what was cosigned before the node stopped, until there is something newer."""
        note = await self.pool.fetchval("SELECT checkpoint FROM cosigning")
        if note is not None:
            size = open_checkpoint(note, [self.writer.loaded.log_key]).size
            count = len(verify_cosignatures(note, self._keys()))
            since = _now() if size == head.size else float("-inf")
            self.cosigned = CosignedHead(size, note, count, since)


def _now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def open_cosigner(pool: Pool, writer: Writer, own_url: str) -> AsyncIterator[Cosigner]:
    """The cosigner of a writer that does not run yet; its witnesses were shown the stored head."""
    async with witness_client(own_url) as client:
        cosigner = Cosigner(pool, writer, client)
        await cosigner.start()
        yield cosigner
