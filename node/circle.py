"""A circle that is being served: its database, its writer, and what watches over both."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg
import structlog
from nacl.signing import SigningKey
from prometheus_client import CollectorRegistry

from ledger.note import Signer, make_signer
from node.calendar.rsvps import forget_answers
from node.care.readers import tell_new_readers
from node.care.retention import forget_care
from node.clock import steady_clock, wall_clock
from node.config import Config
from node.connections import Connection, Pool
from node.database import connection_settings, lock_name, owned
from node.directory.expiry import forget_old
from node.errors import AnotherWriter, DatabaseUnsuitable
from node.federation.agreements import open_agreed
from node.federation.clearing import make_clearing
from node.federation.forked import shut_forked
from node.federation.peers import Peers, open_peers
from node.federation.wishes import grant_forever
from node.gossip.meetings import Gossip, open_gossip
from node.help.held import forget_help
from node.help.rounds import run_rounds
from node.keyring import check_keyring, read_keyring
from node.loading import load
from node.log_clock import LogClock
from node.mark import Mark
from node.migrate import migrate
from node.numbers.keeping import keep_numbers
from node.referrals.exchanges import Referring
from node.referrals.held import forget_referrals
from node.talking.delivery import Delivery, open_delivery
from node.talking.event_notices import forget_told
from node.talking.expiry import forget_talk
from node.verifier import Verifier
from node.witness.cosigning import Cosigner, open_cosigner
from node.witness.logs import witness_key
from node.writer import DATABASE_AWAY, Writer

POOL_CONNECTIONS_MAX = 8
PURGE_SECONDS = 600
REQUEST_KEPT_MS = 24 * 3600 * 1000
"""How long a payment request that nobody paid can still be read when its time is over."""
STATEMENT_SECONDS_MAX = 60
LOCK_SECONDS_MAX = 3
CLOSE_SECONDS_MAX = 5
FREE_BYTES_MIN = 128 * 1024 * 1024
"""With less room on its disk than this, a node only reads."""
SPACE_SECONDS = 5

log = structlog.get_logger()


@dataclass(slots=True)
class Circle:
    """What the HTTP side works with. ``pool`` reads what is committed; ``writer`` alone writes.

    ``witness`` cosigns the heads of others; ``cosigner`` has those of this log cosigned. ``peers``
    are the exchanges with other circles; ``gossip`` is what is known of all others;
    ``referring`` are requests for help that pass to and from neighbours. ``delivery`` has members
    told what they are to be told.
    """

    config: Config
    writer: Writer
    verifier: Verifier
    pool: Pool
    clock: Callable[[], int]
    registry: CollectorRegistry
    witness: Signer
    cosigner: Cosigner
    peers: Peers
    gossip: Gossip
    referring: Referring
    delivery: Delivery

    @property
    def origin(self) -> str:
        return self.writer.loaded.certificate.origin

    @property
    def address(self) -> str:
        """Where others reach this node."""
        return self.config.address


@asynccontextmanager
async def open_circle(
    config: Config,
    dsn: str,
    *,
    clock: Callable[[], int] = wall_clock,
    steady: Callable[[], int] = steady_clock,
    entropy: Callable[[int], bytes] = os.urandom,
) -> AsyncIterator[Circle]:
    """Bring the schema up to date, take the circle's lock, read its state, and begin to write.

    Raises AnotherWriter, HistoryLost, DatabaseUnsuitable, KeyUnusable. When the writer has to end,
    its error cancels the body of the ``async with`` and comes out of it.
    """
    async with AsyncExitStack() as stack:
        owner = await asyncpg.connect(dsn)
        try:
            await check_settings(owner)
            await migrate(owner, config.schema)
        finally:
            await owner.close()

        async def connect() -> Connection:
            return await _connect_writer(dsn, config.schema)

        connection = await connect()
        stack.callback(connection.terminate)  # where something on the way is not as it must be
        loaded = await load(connection)
        keyring = read_keyring(config.keys)
        check_keyring(keyring, loaded.certificate)
        mark = Mark(config.directory / "mark")
        stack.callback(mark.close)
        pool = await _open_pool(dsn, config.schema)
        stack.push_async_callback(pool.close)
        verifier = Verifier()
        stack.callback(verifier.close)
        signer = make_signer(loaded.certificate.origin, keyring.log)
        log_clock = LogClock(clock, steady)
        writer = Writer(connect, signer, mark, log_clock, entropy, loaded, connection)
        stack.push_async_callback(_close_writer, writer)
        writer.raise_mark()
        watch = _watch_space(writer, config.directory)
        witness = Signer(witness_key(loaded.certificate), SigningKey(keyring.witness))
        cosigner = await stack.enter_async_context(open_cosigner(pool, writer, config.address))
        peers = await stack.enter_async_context(
            open_peers(writer, pool, clock, keyring, entropy, config.address)
        )
        referring = Referring(writer, pool, clock, keyring, peers.session, entropy)
        registry = CollectorRegistry()
        gossip = await stack.enter_async_context(
            open_gossip(peers, cosigner, config.address, registry)
        )
        clearing = make_clearing(gossip, registry)
        ways_out = (config.email, config.sms)
        delivery = await stack.enter_async_context(
            open_delivery(pool, writer, clock, ways_out, registry)
        )
        work = (
            *(writer.run(), _purge_forever(pool, clock), watch),
            *(cosigner.run(), peers.run(), gossip.run(), clearing.run()),
            *(delivery.run(), run_rounds(pool, clock, config.hurry), keep_numbers(pool, clock)),
            referring.run(config.hurry),
        )
        opening = partial(open_agreed, writer, pool)
        granting = grant_forever(pool, writer, keyring, opening, clearing.grant)
        async with owned(*work, granting):
            await shut_forked(writer, pool)
            yield Circle(
                *(config, writer, verifier, pool, clock, registry),
                *(witness, cosigner, peers, gossip, referring, delivery),
            )


async def _close_writer(writer: Writer) -> None:
    """All that was answered for is committed, so that a connection may as well be dropped."""
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await writer.connection.close(timeout=CLOSE_SECONDS_MAX)


async def _leave(_: Connection) -> None:
    """Nothing is to be undone on a connection that goes back to the pool: what is set is for one
    transaction. To have the server reset everything costs as much as a small query."""


async def _open_pool(dsn: str, schema: str) -> Pool:
    """Connections to read with, and to change what is beside the ledger."""
    pool: Pool = await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=POOL_CONNECTIONS_MAX,
        command_timeout=STATEMENT_SECONDS_MAX,
        server_settings=connection_settings(schema),
        reset=_leave,
    )
    return pool


async def _connect_writer(dsn: str, schema: str) -> Connection:
    """A connection that holds the circle's lock: to lose one is to lose the other.

    The session of a writer that was just killed may live on for a moment; so the lock is waited
    for.
    """
    connection: Connection = await asyncpg.connect(dsn, server_settings=connection_settings(schema))
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS_MAX}s'")
            await connection.execute(
                "SELECT pg_advisory_lock(hashtextextended($1, 0))", lock_name(schema)
            )
    except asyncpg.LockNotAvailableError:
        connection.terminate()
        raise AnotherWriter() from None
    return connection


async def check_settings(connection: Connection) -> None:
    if connection.get_server_version().major < 15:
        raise DatabaseUnsuitable("PostgreSQL 15 or newer is needed.")
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        value = await connection.fetchval(f"SHOW {name}")
        if value == "off" or (name == "synchronous_commit" and value == "local"):
            raise DatabaseUnsuitable(
                f"PostgreSQL has {name} = {value}, so an acknowledged payment could be lost; "
                f"set it to on."
            )
    if await connection.fetchval("SHOW data_checksums") == "off":
        log.warning(
            "data_checksums_off",
            mend="stop PostgreSQL and run: pg_checksums --enable -D DATA_DIRECTORY",
        )


async def _watch_space(writer: Writer, directory: Path) -> None:
    """Only read while the disk is almost full: PostgreSQL would stop, and not start again."""
    reason = "its disk is almost full"
    while True:
        free = (await asyncio.to_thread(shutil.disk_usage, directory)).free
        if writer.frozen is None and free < FREE_BYTES_MIN:
            log.error("disk_almost_full", free=free)
            writer.frozen = reason
        elif writer.frozen == reason and free > 2 * FREE_BYTES_MIN:
            log.info("disk_has_room", free=free)
            writer.frozen = None
        await asyncio.sleep(SPACE_SECONDS)


async def _purge_forever(pool: Pool, clock: Callable[[], int]) -> None:
    while True:
        await asyncio.sleep(PURGE_SECONDS)
        try:
            await purge(pool, clock())
            await tell_new_readers(pool, clock())
        except DATABASE_AWAY as error:
            log.warning("purge_failed", error=type(error).__name__)


async def purge(pool: Pool, now: int) -> None:
    """Drop what has expired: verdicts of orders that can no longer be sent, payment requests that
    nobody paid until a day after their time, listings that nobody renewed, answers to events of
    long ago, old messages and notices, help that is long over, and sessions.

    An order or a request is over by log time, which never goes back. By a clock that is ahead for a
    while, orders would be forgotten that can be sent again when it is right. So would what members
    wrote and asked for, which nothing brings back.
    """
    await pool.execute("DELETE FROM verdicts WHERE expires < (SELECT log_time FROM head)")
    await pool.execute(
        """
        WITH over AS (
            SELECT id FROM requests, head WHERE paid_by IS NULL AND expires < log_time - $1
        ), texts AS (
            DELETE FROM request_texts WHERE request IN (SELECT id FROM over)
        )
        DELETE FROM requests WHERE id IN (SELECT id FROM over)
        """,
        REQUEST_KEPT_MS,
    )
    await forget_old(pool, now)
    await forget_answers(pool, now)
    await forget_told(pool, now)
    logged = await pool.fetchval("SELECT log_time FROM head")
    await forget_talk(pool, logged)
    await forget_care(pool, logged)
    await forget_referrals(pool, logged)
    await forget_help(pool, logged)
    await pool.execute("DELETE FROM sessions WHERE expires < $1", now)
    await pool.execute("DELETE FROM session_nonces WHERE expires < $1", now)
