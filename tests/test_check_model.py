"""What `tallyd check` notices: a table of tamperings, each with the first entry that is wrong."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import asyncpg
import pytest

from ledger.orders import ORDER_KINDS, Pay
from node.check import CheckResult, Progress, check_log
from node.check.opening import Row, open_rows
from node.check.worker import WorkerDied, Workers
from node.connections import Connection
from tests.check_history import Edge, create, eventful, store
from tests.check_readings import compare, row_of
from tests.circle import Circle, key

LEDGER_MODULES_ALLOWED = {"codec", "errors", "merkle"}
PAYS = 300
"""Enough for a full tile."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A circle in a database, right in every respect."""

    dsn: str
    schema: str
    circle: Circle

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Connection]:
        """A connection on which everything done is undone; the owner's, whom no trigger stops."""
        connection: Connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(f"SET search_path TO {self.schema}")
            undone = connection.transaction(isolation="repeatable_read")
            await undone.start()
            for table in ("entries", "postings", "tiles"):
                await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            yield connection
            await undone.rollback()
        finally:
            await connection.close()

    def first(self, kind: str) -> int:
        """The number of the first entry of a kind."""
        return next(entry.number for entry in self.circle.entries if entry.kind == kind)


@pytest.fixture(scope="module")
def stored(postgres_dsn: str) -> Stored:
    """An eventful circle of which one tile is full."""
    circle = eventful()
    mia, ada = circle["mia"], circle["ada"]
    circle.do(circle["ann"], Pay(((mia.account, 1),)))
    for _ in range(PAYS // 2):
        circle.do(mia, Pay(((ada.account, 1),)))
        circle.do(ada, Pay(((mia.account, 1),)))

    async def build() -> None:
        connection = await asyncpg.connect(postgres_dsn)
        await create(connection, "check_model", circle)
        await store(connection, circle, Edge())
        await connection.close()

    asyncio.run(build())
    return Stored(postgres_dsn, "check_model", circle)


async def test_a_right_log_of_every_kind_of_entry_has_no_problem(stored: Stored) -> None:
    """Each kind of order within a circle has been accepted in it at least once."""
    entries = stored.circle.entries
    between = {"join", "defer"}
    assert {entry.kind for entry in entries} == {*ORDER_KINDS, "charter", "state"} - between
    heard: list[Progress] = []
    async with stored.opened() as connection:
        result = await check_log(connection, log_key=key("log"), progress=heard.append)
    assert result.problems == ()
    assert result.entries == len(entries)
    assert result.signatures > len(entries)
    assert (heard[-1].done, heard[-1].total) == (len(entries), len(entries))
    assert heard[-1].rate > 0


async def test_processes_come_to_the_same_result(stored: Stored) -> None:
    async with stored.opened() as connection:
        inside = await check_log(connection, processes=0)
        result = await check_log(connection, processes=2)
    assert result.problems == ()
    assert (result.entries, result.signatures) == (inside.entries, inside.signatures)


async def test_a_process_that_dies_is_told() -> None:
    async with Workers(1) as workers:
        workers.send(([], []))
        assert await workers.receive() == ([], [])
        workers._processes[0].kill()
        workers.send(([], []))
        with pytest.raises(WorkerDied):
            await workers.receive()


async def test_what_is_written_meanwhile_does_not_disturb(postgres_dsn: str) -> None:
    """The check sees the log as it was when it began."""
    circle, edge = eventful(), Edge()
    writing = await asyncpg.connect(postgres_dsn)
    reading = await asyncpg.connect(postgres_dsn)
    try:
        await create(writing, "check_meanwhile", circle)
        await store(writing, circle, edge)
        await reading.execute("SET search_path TO check_meanwhile")
        size = circle.state.size
        circle.do(circle["ann"], Pay(((circle["mia"].account, 1),)))
        begun = asyncio.Event()

        async def write() -> None:
            await begun.wait()
            await store(writing, circle, edge)

        async def check() -> CheckResult:
            return await check_log(reading, progress=lambda _: begun.set())

        result, _ = await asyncio.gather(check(), write())
        assert (result.entries, result.problems) == (size, ())
        again = await check_log(reading)
        assert (again.entries, again.problems) == (size + 1, ())
    finally:
        await writing.close()
        await reading.close()


async def test_a_schema_without_a_circle_is_a_problem_and_no_crash(stored: Stored) -> None:
    async with stored.opened() as connection:
        await connection.execute("DELETE FROM head")
        result = await check_log(connection)
    assert [str(problem) for problem in result.problems] == [
        "Row head: there is none: no circle was founded here."
    ]


async def test_erased_texts_are_no_problem(stored: Stored) -> None:
    async with stored.opened() as connection:
        await connection.execute("DELETE FROM personal")
        result = await check_log(connection)
    assert result.problems == ()


@dataclass(frozen=True, slots=True)
class Tampering:
    """Something done behind the node's back. ``entry`` is the kind of the first entry that must be
    named, or its number (below 0 from the end), or None; ``row`` what row, and ``reason`` why."""

    name: str
    sql: str
    entry: str | int | None
    row: str
    reason: str


TAMPERINGS = (
    # The log itself. {n} is the entry's number.
    Tampering(
        "leaf of another entry",
        "UPDATE entries SET leaf = (SELECT leaf FROM entries WHERE index = {n} + 1) "
        "WHERE index = {n}",
        "pay",
        "",
        "its postings are not those that its leaf commits to",
    ),
    Tampering(
        "leaf of nonsense", "UPDATE entries SET leaf = '' WHERE index = {n}", "levy", "", "leaf"
    ),
    Tampering(
        "posting body",
        "UPDATE entries SET postings = (SELECT postings FROM entries WHERE index = {n} + 1) "
        "WHERE index = {n}",
        "pay",
        "",
        "its postings are not those that its leaf commits to",
    ),
    Tampering(
        "signed order",
        "UPDATE entries SET wire = set_byte(wire, 60, 1) WHERE index = {n}",
        "sell",
        "",
        "its order, or its authority, is not what its leaf commits to",
    ),
    Tampering(
        "authority",
        "UPDATE entries SET authority = 'member' WHERE index = {n}",
        "sell",
        "",
        "its order, or its authority, is not what its leaf commits to",
    ),
    Tampering(
        "secret",
        "UPDATE entries SET secret = sha256('') WHERE index = {n}",
        "state",
        "",
        "NOTHING",
    ),
    Tampering(
        "log time",
        "UPDATE entries SET log_time = log_time + 1 WHERE index = {n}",
        "hold",
        "",
        "its row has the log time",
    ),
    Tampering(
        "deleted entry", "DELETE FROM entries WHERE index = {n}", "levy", "", "it is missing"
    ),
    Tampering("deleted end", "DELETE FROM entries WHERE index = {n}", -1, "", "it is missing"),
    Tampering(
        "entry beyond the end",
        "INSERT INTO entries SELECT index + 1, log_time, leaf, authority, wire, secret, postings "
        "FROM entries WHERE index = {n} - 1",
        "end",
        "",
        "it is beyond the end of the log",
    ),
    Tampering(
        "reordered entries",
        "UPDATE entries SET index = 900000 WHERE index = {n}; "
        "UPDATE entries SET index = {n} WHERE index = {n} + 1; "
        "UPDATE entries SET index = {n} + 1 WHERE index = 900000",
        "levy",
        "",
        "a posting of account",
    ),
    # The statement's lines.
    Tampering(
        "posting row",
        "UPDATE postings SET delta = delta - 1 WHERE entry = {n}",
        "pay",
        "postings ({n}, 104)",
        "its delta is",
    ),
    Tampering(
        "posting's counterparty",
        "UPDATE postings SET counterparty = 999 WHERE entry = {n} AND delta < 0",
        "pay",
        "postings ({n}, 104)",
        "its counterparty is 999, and the log makes it 105",
    ),
    Tampering(
        "posting of another time",
        "UPDATE postings SET log_time = log_time - 1 WHERE entry = {n}",
        "redeem",
        "postings ({n}, 1)",
        "its log_time is",
    ),
    Tampering(
        "posting gone", "DELETE FROM postings WHERE entry = {n}", "sell", "postings", "missing"
    ),
    Tampering(
        "posting of another entry",
        "UPDATE postings SET entry = entry + 1 WHERE entry = {n} AND delta > 0",
        "redeem",
        "postings ({n}, 1)",
        "it is missing",
    ),
    Tampering(
        "posting too many",
        "INSERT INTO postings VALUES (104, 9999, {n}, 1, 0, 5, 0, NULL)",
        "sell",
        "postings ({n}, 104)",
        "nothing in the log makes it",
    ),
    Tampering(
        "posting after the end",
        "INSERT INTO postings VALUES (104, 9999, {n}, 1, 0, 5, 0, NULL)",
        "end",
        "postings ({n}, 104)",
        "nothing in the log makes it",
    ),
    # What people wrote.
    Tampering(
        "text",
        "UPDATE personal SET body = 'I never said so' WHERE entry = {n}",
        "payout",
        "personal ({n})",
        "it is not the text that the entry commits to",
    ),
    Tampering(
        "text where there is none",
        "INSERT INTO personal VALUES ({n}, 104, '', 'a text')",
        "claim",
        "personal ({n})",
        "it is not the text that the entry commits to",
    ),
    # The tree.
    Tampering(
        "tile",
        "UPDATE tiles SET data = set_byte(data, 32 * 17 + 3, get_byte(data, 32 * 17 + 3) # 1)",
        17,
        "tiles (0, 0)",
        "hash 17 in it is not that of the log's entries",
    ),
    Tampering("tile gone", "DELETE FROM tiles", 255, "tiles (0, 0)", "it is missing"),
    Tampering(
        "tile too many",
        "INSERT INTO tiles SELECT 1, 0, data FROM tiles",
        None,
        "tiles (1, 0)",
        "no such tile is full",
    ),
    Tampering(
        "root", "UPDATE head SET root = sha256('')", None, "head", "its root is not the one over"
    ),
    Tampering(
        "frontier",
        "UPDATE head SET frontier = set_byte(frontier, 40, get_byte(frontier, 40) # 1)",
        None,
        "head",
        "its frontier does not have the hash over entries 256 to 383",
    ),
    Tampering(
        "frontier too long", "UPDATE head SET frontier = frontier || root", None, "head", "too many"
    ),
    Tampering(
        "head's time", "UPDATE head SET log_time = log_time + 1", None, "head", "its log_time is"
    ),
    Tampering(
        "head's size", "UPDATE head SET size = size - 1", "last", "", "beyond the end of the log"
    ),
    Tampering(
        "size beyond the entries", "UPDATE head SET size = size + 1", "end", "", "it is missing"
    ),
    Tampering(
        "checkpoint",
        "UPDATE head SET checkpoint = replace(checkpoint, 'southwark', 'sauthwark')",
        None,
        "head",
        "its checkpoint does not say the log's origin, size and root",
    ),
    Tampering(
        "checkpoint's signature",
        "UPDATE head SET checkpoint = regexp_replace(checkpoint, '.{{12}}\n$', 'AAAAAAAAAAA=\n')",
        None,
        "head",
        "its checkpoint is not signed by the log key of leaf 0",
    ),
    # What the circle is now.
    Tampering(
        "balance",
        "UPDATE accounts SET balance = balance + 1 WHERE number = 104",
        None,
        "accounts (104)",
        "its balance is",
    ),
    Tampering(
        "limits",
        "UPDATE accounts SET floor = floor - 1, lowest = lowest - 1 WHERE number = 105",
        None,
        "accounts (105)",
        "its floor is -1001, and the log makes it -1000",
    ),
    Tampering(
        "effective limit",
        "UPDATE accounts SET lowest = lowest - 1 WHERE number = 105",
        None,
        "accounts (105)",
        "its lowest is",
    ),
    Tampering(
        "closed account",
        "UPDATE accounts SET closed = false WHERE closed",
        None,
        "accounts (107)",
        "its closed is False, and the log makes it True",
    ),
    Tampering(
        "account too many",
        "INSERT INTO accounts SELECT 999, kind, floor, ceiling, lowest, highest, 0, 0, seq, last, "
        "deviceless, closed FROM accounts WHERE number = 104",
        None,
        "accounts (999)",
        "nothing in the log makes it",
    ),
    Tampering(
        "holder", "INSERT INTO holders VALUES (104, 101)", None, "holders (104, 101)", "nothing"
    ),
    Tampering(
        "device",
        "INSERT INTO devices VALUES (sha256(''), 104, 'device', 'mine', 'active', 0, 0, 0)",
        None,
        "devices (e3b0",
        "nothing in the log makes it",
    ),
    Tampering(
        "revoked device",
        "UPDATE devices SET status = 'active' WHERE label = 'mia''s tablet''s phone'",
        None,
        "devices (",
        "its status is active, and the log makes it revoked",
    ),
    Tampering(
        "cap", "UPDATE devices SET spent = 0 WHERE spent > 0", None, "devices (", "its spent is 0"
    ),
    Tampering("hold", "UPDATE holds SET amount = amount - 1", None, "holds (", "its amount is"),
    Tampering(
        "payee",
        "UPDATE holds SET payee = 106 WHERE payee = 105",
        None,
        "holds (",
        "its payee is 106, and the log makes it 105",
    ),
    Tampering(
        "window",
        "UPDATE holds SET claim_window = 1 WHERE payee = 105",
        None,
        "holds (",
        "its claim_window is 1",
    ),
    Tampering("claim", "UPDATE holds SET claimed = NULL", None, "holds (", "its claimed is None"),
    Tampering(
        "person",
        "INSERT INTO persons VALUES (999)",
        None,
        "persons (999)",
        "nothing in the log makes it",
    ),
    Tampering("hold gone", "DELETE FROM holds", None, "holds (", "it is missing"),
    Tampering("mandate", "UPDATE mandates SET used = 0", None, "mandates (", "its used is 0"),
    Tampering(
        "invitation",
        "UPDATE invitations SET starter = 4000",
        None,
        "invitations (",
        "its starter is 4000, and the log makes it 5",
    ),
    Tampering(
        "office", "INSERT INTO offices VALUES (104, 'coordinator')", None, "offices (104", "nothing"
    ),
    Tampering(
        "rules",
        "UPDATE rules SET encoded = set_byte(encoded, 3, 65)",
        None,
        "rules ()",
        "its encoded is not the one that the log makes",
    ),
    Tampering("reversal gone", "DELETE FROM reversals", "reverse", "reversals ({n}", "missing"),
    Tampering(
        "reversal too many", "INSERT INTO reversals VALUES (1, {n})", "sell", "reversals", "nothing"
    ),
    Tampering(
        "slip",
        "UPDATE slips SET number = '9' WHERE number = '1' AND channel = 'telephone'",
        "slip",
        "slips ({n}, telephone, 1)",
        "it is missing",
    ),
    Tampering(
        "payment of a request",
        "UPDATE requests SET paid_by = NULL",
        "request",
        "requests (",
        "no row says that this entry paid it",
    ),
    Tampering(
        "request of another amount",
        "UPDATE requests SET wire = (SELECT wire FROM requests WHERE paid_by IS NULL), "
        "account = (SELECT account FROM requests WHERE paid_by IS NULL) "
        "WHERE paid_by IS NOT NULL",
        "request",
        "requests (",
        "its id is not that of the request in it",
    ),
    Tampering(
        "request that nobody paid",
        "UPDATE requests SET paid_by = {n} WHERE paid_by IS NULL",
        "sell",
        "requests (",
        "that entry does not answer it",
    ),
)


def _number(stored: Stored, tampering: Tampering) -> int | None:
    """The number of the entry that must be named."""
    entries, named = stored.circle.entries, tampering.entry
    match named:
        case "slip":
            return next(e.number for e in entries if b"telephone" in e.wire)
        case "request":
            request = next(iter(stored.circle.facts.requests))
            return next(e.number for e in entries if request in e.wire)
        case "end":
            return len(entries)
        case "last":
            return len(entries) - 1
        case str():
            return stored.first(named)
        case int():
            return named % len(entries)
    return None


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.name)
async def test_tampering_is_noticed_at_the_first_wrong_entry(
    stored: Stored, tampering: Tampering
) -> None:
    number = _number(stored, tampering)
    async with stored.opened() as connection:
        await connection.execute(tampering.sql.format(n=number))
        result = await check_log(connection)
    if tampering.reason == "NOTHING":
        assert result.problems == ()
        return
    first = result.problems[0]
    assert first.entry == number, result.problems
    assert first.row.startswith(tampering.row.format(n=number)), first
    assert bool(first.row) == bool(tampering.row), first
    assert tampering.reason in first.reason, first


async def test_another_log_key_than_the_nodes_is_noticed(stored: Stored) -> None:
    async with stored.opened() as connection:
        result = await check_log(connection, log_key=key("witness"))
    assert [problem.entry for problem in result.problems] == [0]
    assert "another log key" in result.problems[0].reason


async def test_the_first_of_several_wrong_entries_is_named_first(stored: Stored) -> None:
    early, late = sorted((stored.first("sell"), stored.first("hold")))
    async with stored.opened() as connection:
        await connection.execute("UPDATE entries SET wire = '' WHERE index = $1", late)
        await connection.execute("UPDATE postings SET held = 7 WHERE entry = $1", early)
        result = await check_log(connection)
    assert [problem.entry for problem in result.problems] == [early, early, late]
    assert result.entries == late


async def test_no_more_problems_are_told_than_anybody_reads(stored: Stored) -> None:
    async with stored.opened() as connection:
        await connection.execute("UPDATE postings SET held = held + 1")
        result = await check_log(connection)
    assert len(result.problems) == 20
    assert result.problems[0].entry == 0


async def test_a_flipped_bit_anywhere_in_an_entry_is_noticed_at_that_entry(stored: Stored) -> None:
    """Except in the secret of an entry that has neither order nor postings: it opens nothing."""
    random = Random(5)
    async with stored.opened() as connection:
        for column in ("leaf", "wire", "secret", "postings") * 10:
            entry = random.choice([e for e in stored.circle.entries[:90] if e.wire])
            flip = (
                f"UPDATE entries SET {column} = set_bit({column}, $2, 1 - get_bit({column}, $2)) "
                "WHERE index = $1"
            )
            length = await connection.fetchval(
                f"SELECT length({column}) FROM entries WHERE index = $1", entry.number
            )
            bit = random.randrange(8 * length)
            await connection.execute(flip, entry.number, bit)
            result = await check_log(connection)
            assert result.problems, (entry.number, column, bit)
            assert result.problems[0].entry == entry.number, (column, bit, result.problems)
            await connection.execute(flip, entry.number, bit)


def test_hostile_rows_are_told_and_crash_nothing() -> None:
    """Whatever bytes stand in a row, opening it ends in a sentence."""
    random = Random(6)
    rows = [row_of(entry) for entry in eventful().entries]
    hostile: list[Row] = []
    for _ in range(3000):
        index, log_time, leaf, authority, wire, secret, postings = random.choice(rows)
        texts = [leaf, wire, secret, postings]
        place = random.randrange(4)
        data = bytearray(texts[place])
        for _ in range(random.choice((1, 2, 8))):
            start = random.randrange(len(data) + 1)
            data[start : start + random.choice((0, 1, 9))] = random.randbytes(random.choice((0, 1)))
        texts[place] = bytes(data)
        leaf, wire, secret, postings = texts
        hostile.append((index, log_time, leaf, authority, wire, secret, postings))
    told = [opened for opened in open_rows(hostile) if isinstance(opened, str)]
    assert len(told) > 2000


@pytest.mark.parametrize("seed", range(4))
def test_both_readings_of_the_rules_decide_alike(seed: int) -> None:
    """What the ledger accepts the model takes, and what the ledger refuses it refuses."""
    readings = compare(seed, 800)
    assert readings.accepted > 40
    assert readings.refused > 400


def test_the_model_shares_no_rule_with_the_ledger() -> None:
    folder = Path(__file__).resolve().parents[1] / "node" / "check"
    shared = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "ledger":
                shared |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ledger."):
                shared.add((node.module or "").split(".")[1])
            elif isinstance(node, ast.Import):
                names = (alias.name.split(".") for alias in node.names)
                shared |= {name[-1] for name in names if name[0] == "ledger"}
    assert shared == LEDGER_MODULES_ALLOWED
