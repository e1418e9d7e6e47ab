"""The same circles, what they write written by the real writer into a real PostgreSQL.

Every batch of the simulation goes through ``node.writer`` and is committed. A crash kills the
writer at some point of ``node.crash_points``, and what the circle goes on with is what the database
says: all that was committed, and nothing else. A circle that cheats, or comes back from an old
backup, goes on in memory from then on.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import asyncpg

from ledger import merkle, tile
from ledger.charter import origin_of
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.federation.link import FederationChange
from ledger.merkle import EMPTY_FRONTIER
from ledger.note import Signer, make_signer
from ledger.state import State
from node import crash_points
from node.connections import Connection
from node.errors import Frozen
from node.loading import load
from node.log_clock import LogClock
from node.mark import Mark
from node.migrate import migrate, service_role
from node.postgres import embedded_postgres
from node.store import Batch, NewHead, commit
from node.work import PeerEvent, Stepped
from node.writer import Writer
from tests.circle import NOON
from tests.simulator.circle import SECRET, Book, Circle, Made
from tests.simulator.founding import copy_state, found_entries, seed_of
from tests.simulator.invariants import Row, check_all
from tests.simulator.run import Outcome
from tests.simulator.run import run as run_seed
from tests.simulator.stored import StoredBooks, read_books

CIRCLES = 3
CRASHES = 2
QUICK = {"synchronous_commit": "off"}
"""Writers are killed here, and not the server."""

DEADLY = ("commit-before", "commit-after", "mark-after", "answer-before")


class Killed(BaseException):
    """The process ends here: nothing catches it."""


@dataclass(slots=True)
class Server:
    """Where databases are, and the loop that all writers run in. ``point`` is where to die next."""

    dsn: str
    folder: Path
    loop: asyncio.AbstractEventLoop
    point: str = ""
    wrong: list[str] = field(default_factory=list)

    def reach(self, point: str) -> None:
        if point == self.point:
            self.point = ""
            raise Killed


@dataclass(slots=True)
class Depot:
    """A circle's database, and the writer of its present life. ``now`` is its clock."""

    server: Server
    number: int
    schema: str
    mark: Mark
    signer: Signer
    now: int = NOON
    writer: Writer | None = None
    running: asyncio.Task[None] | None = None

    async def found(self) -> None:
        """Store the circle as it is founded."""
        connection: Connection = await asyncpg.connect(self.server.dsn, server_settings=QUICK)
        state, entries = found_entries(self.number)
        leaves = [merkle.leaf_hash(entry.leaf) for entry in entries]
        extension = merkle.extend(EMPTY_FRONTIER, leaves)
        checkpoint = Checkpoint(self.signer.key.name, len(entries), extension.root)
        signed = sign_checkpoint(checkpoint, self.signer)
        frontier = b"".join(extension.frontier.hashes)
        head = NewHead(len(entries), extension.root, NOON, frontier, signed)
        _, full = tile.fill_tiles({}, extension)
        try:
            await migrate(connection, self.schema)
            await connection.execute(f"SET search_path TO {self.schema}")
            empty = "INSERT INTO head (size, root, log_time, frontier, checkpoint) "
            await connection.execute(f"{empty} VALUES (0, $1, 0, '', '')", merkle.root([]))
            await commit(connection, Batch(0, list(entries)), head, full, state.accounts)
        finally:
            await connection.close()

    async def open(self) -> None:
        """Begin a life: read what there is."""
        connection = await self.connect()
        loaded = await load(connection)
        clock = LogClock(lambda: self.now, lambda: self.now)
        parts = self.connect, self.signer, self.mark, clock, _no_entropy, loaded, connection
        self.writer = Writer(*parts)
        self.writer.raise_mark()
        self.running = asyncio.create_task(self.writer.run())

    async def connect(self) -> Connection:
        settings = {"search_path": self.schema, "role": service_role(self.schema), **QUICK}
        connection: Connection = await asyncpg.connect(self.server.dsn, server_settings=settings)
        return connection

    async def write(self, batch: Sequence[Made]) -> None:
        """Have the writer commit the steps of one moment. Raises Frozen when it dies of it."""
        assert self.writer is not None, "it lives"
        self.now = batch[0].now
        outcomes = await self.writer.submit([_event(made) for made in batch])
        self.server.wrong += (
            f"it was not written: {outcome}"
            for outcome in outcomes
            if not isinstance(outcome, Stepped)
        )

    async def end(self) -> None:
        """End this life, as a process ends."""
        if self.writer is None or self.running is None:
            return
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        self.writer.connection.terminate()
        self.writer = None

    async def read(self, name: str, circle: Circle) -> StoredBooks:
        """The circle's books as they are stored."""
        settings = {"search_path": self.schema}
        connection: Connection = await asyncpg.connect(self.server.dsn, server_settings=settings)
        try:
            return await read_books(connection, name, circle.state.unconfirmed)
        finally:
            await connection.close()

    async def drop(self) -> None:
        connection: Connection = await asyncpg.connect(self.server.dsn, server_settings=QUICK)
        await connection.execute(f"DROP SCHEMA {self.schema} CASCADE")
        await connection.execute(f"DROP ROLE {service_role(self.schema)}")
        await connection.close()
        self.mark.close()


@dataclass(slots=True)
class StoredCircle(Circle):
    """A circle with a database: what is written in memory is written there, too."""

    depot: Depot | None = None

    def write(self, most: int | None = None) -> list[bytes]:
        depot = self._depot()
        if depot is not None:
            for batch in _moments(self.pending[:most]):
                depot.server.loop.run_until_complete(depot.write(batch))
        return Circle.write(self, most)

    def crash(self, backup: Book | None) -> None:
        depot = self._depot()
        if depot is not None and backup is None:
            self._die(depot)
            Circle.crash(self, None)
            self._come_back(depot)
            return
        if backup is not None:
            self.depot = None
        Circle.crash(self, backup)

    def _depot(self) -> Depot | None:
        return self.depot if self.honest else None

    def _die(self, depot: Depot) -> None:
        """Be killed, perhaps while something is written; what became durable is in the books."""
        server, loop = depot.server, depot.server.loop
        batch = next(_moments(self.pending), [])
        chance = Random(f"{self.number} {self.life}")
        if batch and chance.random() < 0.8:
            # Without an entry there is no new head to mark.
            deadly = DEADLY if any(made.entry for made in batch) else (*DEADLY[:2], DEADLY[3])
            server.point = point = chance.choice(deadly)
            try:
                loop.run_until_complete(depot.write(batch))
                server.wrong.append(f"{self.name}: answered, and killed at {point}")
            except Frozen:
                pass
            if point != "commit-before":
                Circle.write(self, len(batch))
        loop.run_until_complete(depot.end())

    def _come_back(self, depot: Depot) -> None:
        """Go on with what the database says."""
        loop = depot.server.loop
        loop.run_until_complete(depot.open())
        depot.server.wrong += (f"{self.name}: {wrong}" for wrong in self.differences())
        assert depot.writer is not None, "it lives"
        self.state = copy_state(depot.writer.loaded.state)
        # A node forgets payments that are over, and the invariants ask about them.
        self.state.transits = self.book.state.transits | self.state.transits

    def stored(self) -> StoredBooks | None:
        """What the database says, of a circle that still has one."""
        depot = self._depot()
        if depot is None:
            return None
        return depot.server.loop.run_until_complete(depot.read(self.name, self))

    def differences(self) -> Iterator[str]:
        """Where what is stored is not what was written."""
        stored = self.stored()
        if stored is None:
            return
        for kind in ("accounts", "holds", "links", "link_holds", "transits"):
            if getattr(stored.state, kind) != getattr(self.book.state, kind):
                yield f"the {kind} that are stored are not those that were written"
        for link in self.book.state.links:
            if list(stored.messages(link)) != self.book.written.get(link, []):
                yield "the messages that are stored are not those that were written"
        if set(stored.evidence) != set(self.book.evidence):
            yield "the evidence that is stored is not what was written"
        founding = len(found_entries(self.number)[1])
        if [_told(row) for row in stored.rows[founding:]] != [_told(row) for row in self.rows]:
            yield "the entries that are stored are not those that were written"


def run(seed: int, server: Server) -> Outcome:
    """Run one seed with its circles in databases; what is wrong is told as the simulator does."""
    circles: list[StoredCircle] = []
    depots: list[Depot] = []
    complete = server.loop.run_until_complete

    def make(number: int, book: Book, state: State) -> Circle:
        schema = f"simulated_{secrets.token_hex(4)}"
        origin = origin_of(state.rules.address, state.circle, 1)
        signer = make_signer(origin, seed_of(number, "log"))
        depots.append(Depot(server, number, schema, Mark(server.folder / schema), signer))
        complete(depots[-1].found())
        complete(depots[-1].open())
        circles.append(StoredCircle(number, book, state, depot=depots[-1]))
        return circles[-1]

    server.wrong = []
    try:
        outcome = run_seed(seed, CIRCLES, make)
        server.wrong += check_all({circle.id: circle.stored() or circle for circle in circles})
        for circle in circles:
            server.wrong += (f"{circle.name}: {wrong}" for wrong in circle.differences())
    finally:
        for depot in depots:
            complete(depot.end())
            complete(depot.drop())
    return outcome._replace(violations=[*outcome.violations, *server.wrong])


def eventful(seeds: Iterable[int]) -> Iterator[int]:
    """Those of the seeds in which circles are killed as they write, and never lose their past."""
    for seed in seeds:
        faults = run_seed(seed, CIRCLES).faults
        if faults["crash in mid-write"] >= CRASHES and not faults["restored backup"]:
            yield seed


@contextmanager
def serving(dsn: str, folder: Path) -> Iterator[Server]:
    """Where circles can be written; until it ends, points of ``node.crash_points`` are deadly."""
    loop = asyncio.new_event_loop()
    server = Server(dsn, folder, loop)
    before = crash_points.reach
    crash_points.reach = server.reach
    try:
        yield server
    finally:
        crash_points.reach = before
        loop.close()


@contextmanager
def embedded() -> Iterator[Server]:
    """The same with a server of its own, which is gone in the end."""
    with TemporaryDirectory() as folder, serving("", Path(folder)) as server:
        complete = server.loop.run_until_complete
        postgres = embedded_postgres(Path(folder))
        server.dsn = complete(postgres.__aenter__()).dsn
        try:
            yield server
        finally:
            complete(postgres.__aexit__(None, None, None))
            complete(server.loop.shutdown_default_executor())


def _moments(pending: Sequence[Made]) -> Iterator[list[Made]]:
    """What is pending, by when it was decided: a batch of the writer has one log time."""
    for _, batch in groupby(pending, key=lambda made: made.now):
        yield list(batch)


def _event(made: Made) -> PeerEvent:
    """A step for the writer. What a member's order changes between circles is beside its entry."""
    step, entry = made.step(), made.entry
    if entry is not None:
        between = tuple(each for each in entry.changes if isinstance(each, FederationChange))
        own = tuple(each for each in entry.changes if not isinstance(each, FederationChange))
        step = step._replace(entry=entry._replace(changes=own), changes=(*between, *step.changes))
    return PeerEvent(lambda state, now: step)


def _no_entropy(count: int) -> bytes:
    """Every entry's secret is the simulator's."""
    return SECRET[:1] * count


def _told(row: Row) -> tuple[object, ...]:
    moves = [(move.account, move.delta) for move in row.moves]
    return row.kind, row.authority, row.wire, moves, row.log_time, row.public
