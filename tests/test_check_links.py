"""What `tallyd check` notices of payments between circles: the log, the links, and their tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from ledger.entry import BETWEEN_CIRCLES
from ledger.federation.link import statement_of
from ledger.federation.message import Prepare, sign_statement
from ledger.federation.payment import payment_id
from ledger.federation.resume import resume
from ledger.orders import SUSPENSE, Pay
from node.check import check_log
from node.connections import Connection
from node.loading import load
from tests.check_history import Edge, create, store
from tests.check_links import Neighbourhood, eventful_neighbourhood, neighbourhood, way
from tests.circle import DAY, key, seed


@dataclass(frozen=True, slots=True)
class Stored:
    """An eventful circle in a database, right in every respect."""

    dsn: str
    here: Neighbourhood

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Connection]:
        """A connection on which everything done is undone; the owner's, whom no trigger stops."""
        connection: Connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute("SET search_path TO check_links")
            await connection.execute("SET session_replication_role = replica")
            undone = connection.transaction(isolation="repeatable_read")
            await undone.start()
            yield connection
            await undone.rollback()
        finally:
            await connection.close()


@pytest.fixture(scope="module")
def stored(postgres_dsn: str) -> Stored:
    here = eventful_neighbourhood()

    async def build() -> None:
        connection = await asyncpg.connect(postgres_dsn)
        await create(connection, "check_links", here.circle)
        await store(connection, here.circle, Edge(), here.changes)
        await connection.close()

    asyncio.run(build())
    return Stored(postgres_dsn, here)


async def test_a_right_log_with_every_kind_of_payment_between_circles_has_no_problem(
    stored: Stored,
) -> None:
    entries = stored.here.circle.entries
    kinds = {(entry.kind, entry.authority) for entry in entries}
    assert {*BETWEEN_CIRCLES, "settle", "release"} <= {kind for kind, _ in kinds}
    assert {("settle", "peer"), ("release", "peer"), ("defer", "officer")} <= kinds
    async with stored.opened() as connection:
        result = await check_log(connection, log_key=key("log"))
    assert list(map(str, result.problems)) == []
    assert result.entries == len(entries)


async def test_processes_come_to_the_same_result(stored: Stored) -> None:
    async with stored.opened() as connection:
        inside = await check_log(connection, processes=0)
        result = await check_log(connection, processes=2)
    assert result.problems == ()
    assert (result.entries, result.signatures) == (inside.entries, inside.signatures)


@dataclass(frozen=True, slots=True)
class Tampering:
    """Something done behind the node's back. {exeter} and the others are the links' ids; ``row`` is
    the table that must be named first, and ``reason`` why."""

    name: str
    sql: str
    row: str
    reason: str


_LAST = "seq = (SELECT max(seq) FROM link_messages WHERE link = {luton} AND sent)"
TAMPERINGS = (
    Tampering("tally", "UPDATE links SET owed = owed - 1 WHERE id = {kent}", "links", "its owed"),
    Tampering("held sum", "UPDATE links SET outgoing = outgoing + 1", "links", "its outgoing"),
    Tampering("held sum in", "UPDATE links SET incoming = 7", "links", "its incoming"),
    Tampering("count", "UPDATE links SET incoming_count = 9", "links", "its incoming_count"),
    Tampering("rounding", "UPDATE links SET rounding = rounding + 1", "links", "its rounding"),
    Tampering("limit", "UPDATE links SET may_owe = may_owe * 2", "links", "its may_owe"),
    Tampering("their limit", "UPDATE links SET may_be_owed = 9999", "links", "its may_be_owed"),
    Tampering("end", "UPDATE links SET sent_hash = sha256('')", "links", "its sent_hash"),
    Tampering("number", "UPDATE links SET received_seq = 1", "links", "its received_seq"),
    Tampering("suspended", "UPDATE links SET status = 'suspended'", "links", "messages make it"),
    Tampering("peer's wish", "UPDATE links SET peer_suspended = true", "links", "its peer_susp"),
    Tampering("acked", "UPDATE links SET sent_seq = 99, acked = 99", "links", "its sent_seq is 99"),
    Tampering(
        "agreement",
        "UPDATE links SET agreement = (SELECT wire FROM entries WHERE index = {n}) "
        "WHERE id = {luton}",
        "links",
        "its agreement is not the one",
    ),
    Tampering("link gone", "DELETE FROM links WHERE id = {luton}", "links", "it is missing"),
    Tampering(
        "another's statement",
        "UPDATE links SET agreed = (SELECT agreed FROM links WHERE id = {luton}) WHERE id = {kent}",
        "links",
        "its peer's statement is",
    ),
    Tampering(
        "statement of nonsense",
        "UPDATE links SET agreed = set_byte(agreed, 150, 255 - get_byte(agreed, 150))",
        "links",
        "its peer's statement is",
    ),
    Tampering("hold", "UPDATE link_holds SET amount = amount + 1", "link_holds", "its amount is"),
    Tampering(
        "hold's value", "UPDATE link_holds SET value = value - 1", "link_holds", "its value is"
    ),
    Tampering("hold's gain", "UPDATE link_holds SET gain = gain + 1", "link_holds", "its gain is"),
    Tampering("left", "UPDATE links SET has_left = true", "links", "its has_left is"),
    Tampering("hold gone", "DELETE FROM link_holds", "link_holds", "it is missing"),
    Tampering(
        "hold too many",
        "INSERT INTO link_holds VALUES ({luton}, sha256(''), true, 5, 30, 0, 0)",
        "link_holds",
        "nothing in the log makes it",
    ),
    Tampering(
        "message",
        "UPDATE link_messages SET wire = set_byte(wire, 150, 255 - get_byte(wire, 150)) "
        "WHERE link = {luton} AND sent AND seq = 2",
        "link_messages",
        "",
    ),
    Tampering(
        "message's signature",
        "UPDATE link_messages SET wire = set_byte(wire, length(wire) - 1, 99) "
        "WHERE link = {luton} AND NOT sent AND seq = 2",
        "link_messages",
        "its sender's link key did not sign it",
    ),
    Tampering(
        "newest message's signature gone",
        "UPDATE link_messages SET wire = substring(wire FOR length(wire) - 66) || '\\xc400' "
        "WHERE link = {kent} AND NOT sent AND seq = (SELECT received_seq FROM links "
        "WHERE id = {kent})",
        "links",
        "its peer signed no message after number",
    ),
    Tampering(
        "message that an entry stands on",
        "UPDATE link_messages SET wire = set_byte(wire, length(wire) - 1, 1) "
        "WHERE link = {luton} AND NOT sent AND seq = 1",
        "link_messages",
        "an entry stands on another in its place",
    ),
    Tampering(
        "message that an entry stands on, gone",
        "DELETE FROM link_messages WHERE link = {luton} AND NOT sent AND seq = 1",
        "link_messages",
        "it is missing",
    ),
    Tampering(
        "message of another number",
        "UPDATE link_messages SET seq = 999 WHERE link = {kent} AND sent AND seq = 1",
        "link_messages",
        "it has another link or number than its row",
    ),
    Tampering(
        "message gone",
        "DELETE FROM link_messages WHERE link = {luton} AND sent AND seq = 2",
        "link_messages",
        "",
    ),
    Tampering(
        "last message gone",
        "DELETE FROM link_messages WHERE link = {luton} AND sent AND " + _LAST,
        "links",
        "of messages that are not there",
    ),
    Tampering(
        "messages in another order",
        "ALTER TABLE link_messages ALTER number SET GENERATED BY DEFAULT; "
        "UPDATE link_messages SET number = -1 WHERE link = {kent} AND sent AND seq = 2",
        "link_messages",
        "",
    ),
    Tampering(
        "answer gone",
        "DELETE FROM link_messages WHERE number = (SELECT max(number) FROM link_messages)",
        "links",
        "its last PREPARE was not answered",
    ),
    Tampering("payment", "UPDATE transits SET most = most + 1", "transits", "its most is"),
    Tampering(
        "payment's COMMIT",
        "UPDATE transits SET commit = sha512('') WHERE status = 'committed'",
        "transits",
        "its commit is not the one",
    ),
    Tampering("its account", "UPDATE transits SET account = 1", "transits", "its account is 1"),
    Tampering(
        "its end",
        "UPDATE transits SET status = 'released' WHERE hold <> 0 AND status = 'committed'",
        "transits",
        "its status is released",
    ),
    Tampering(
        "its sealed part",
        "UPDATE transits SET sealed = 'other' WHERE status = 'open'",
        "transits",
        "its sealed is not the one",
    ),
    Tampering(
        "what should be forgotten",
        "UPDATE transits SET sealed = 'kept' WHERE status = 'committed'",
        "transits",
        "its sealed is not the one",
    ),
    Tampering("payments gone", "DELETE FROM transits WHERE hold = {hold}", "transits", "missing"),
    Tampering(
        "payment too many",
        "INSERT INTO transits SELECT sha256(''), header, sealed, since, deadline, incoming, "
        "outgoing, came_from, hold, account, most, ways, deferred, mine, collected, status, "
        "commit, reason FROM transits WHERE hold = {hold}",
        "transits",
        "and the messages make",
    ),
    Tampering(
        "hold freed",
        "UPDATE holds SET evidence = NULL",
        "holds",
        "its evidence is",
    ),
    Tampering(
        "mirror account",
        "UPDATE accounts SET balance = balance + 1 WHERE number = 4",
        "accounts",
        "its balance is",
    ),
    Tampering(
        "mirror posting",
        "UPDATE postings SET delta = delta + 1 WHERE account = 4 AND seq = 2",
        "postings",
        "its delta is",
    ),
)


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda case: case.name.replace(" ", "_"))
async def test_what_is_changed_between_circles_is_noticed(
    stored: Stored, tampering: Tampering
) -> None:
    here = stored.here
    names = {name: f"'\\x{each.link.hex()}'" for name, each in here.neighbours.items()}
    numbers = {
        "n": next(e.number for e in here.circle.entries if e.kind == "link"),
        "hold": next(e.number for e in here.circle.entries if e.kind == "hold"),
    }
    async with stored.opened() as connection:
        await connection.execute(tampering.sql.format(**names, **numbers))
        result = await check_log(connection)
    first = result.problems[0]
    assert first.row.startswith(tampering.row), first
    assert tampering.reason in first.reason, first


async def test_what_could_not_be_told_yet_outlives_its_deadline_and_a_restart(
    postgres_dsn: str,
) -> None:
    """Suspense has advanced it: it comes back whenever the circle before is heard again."""
    here = neighbourhood()
    _, header, sealed = here.header("exeter", 20)
    here.hear("luton", Prepare(header, 4, way(("exeter", 20))), sealed)
    link = here.link("luton")
    here.circle.state.unconfirmed.add(link.id)
    here.commit("exeter", payment_id(header), "exeter")
    here.circle.now += 2 * DAY
    here.circle.do(here.circle["mia"], Pay(((here.circle["noa"].account, 1),)))
    connection = await asyncpg.connect(postgres_dsn)
    try:
        await create(connection, "check_waiting", here.circle)
        await store(connection, here.circle, Edge(), here.changes)
        assert (await check_log(connection)).problems == ()
        state = (await load(connection)).state
    finally:
        await connection.close()
    assert state.transits == {payment_id(header): here.circle.state.transits[payment_id(header)]}
    statement = sign_statement(statement_of(link), seed("luton link"))
    resumed = resume(state, link.id, statement, here.circle.now)
    assert resumed.entry is not None
    assert [tuple(move) for move in resumed.entry.moves][:2] == [(5, -24, 0), (SUSPENSE, 20, 0)]
