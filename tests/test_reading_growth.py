"""Reading one's own costs the same however long the log and however large the circle is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from node.api.statement import SEARCHED_MAX
from node.connections import Connection
from tests.circle_node import DAY, CircleNode, Clock, Home, found_circle, serving

ENTRIES, PEOPLE = 200_000, 20_000
ROWS_MAX = SEARCHED_MAX + 2_000
"""More rows of one table than the reads below take together, and far fewer than it has."""
SETTINGS = ("force_custom_plan", "force_generic_plan")


@pytest_asyncio.fixture
async def home(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Home]:
    """A circle of ann, mia and noa, with a long past and many other people."""
    founded = await found_circle(postgres_dsn, tmp_path / "circle")
    try:
        async with serving(founded) as node:
            await node.join("ann", founded.founded.invitation_code)
            mia, noa = await node.welcome("mia"), await node.welcome("noa")
            paid = await node.pay(mia, noa, 1, "apples")
            await node.ask(mia, 5)
        async with founded.database() as connection:
            await lengthen(connection, paid["entry"]["index"])
            await populate(connection, mia.account)
            await connection.execute("VACUUM ANALYZE")
        yield founded
    finally:
        await founded.drop()


async def lengthen(connection: Connection, entry: int) -> None:
    """Repeat an entry with its postings and text, a second after the other."""
    await connection.execute(
        """
        INSERT INTO entries
        SELECT index + n, log_time + n * 1000, leaf, authority, wire, secret, postings
        FROM entries, generate_series(1, $1::bigint) AS n WHERE index = $2
        """,
        ENTRIES,
        entry,
    )
    await connection.execute(
        """
        INSERT INTO postings
        SELECT account, seq + n, entry + n, log_time + n * 1000, delta, balance, held, counterparty
        FROM postings, generate_series(1, $1::bigint) AS n WHERE entry = $2
        """,
        ENTRIES,
        entry,
    )
    await connection.execute(
        """
        INSERT INTO personal
        SELECT entry + n, person, salt, body
        FROM personal, generate_series(1, $1::bigint) AS n WHERE entry = $2
        """,
        ENTRIES,
        entry,
    )
    await connection.execute(
        """
        UPDATE accounts SET seq = seq + $1
        WHERE number IN (SELECT account FROM postings WHERE entry = $2)
        """,
        ENTRIES,
        entry,
    )


async def populate(connection: Connection, pattern: int) -> None:
    """Give many other people an account, a device, and something of everything else."""
    numbers = f"generate_series(1001, {1000 + PEOPLE}) AS n"
    key = "decode(lpad(to_hex(n), 64, '0'), 'hex')"
    await connection.execute(
        f"""
        INSERT INTO accounts
        SELECT n, kind, floor, ceiling, lowest, highest, balance, held, 1, last, deviceless, closed
        FROM accounts, {numbers} WHERE number = {pattern};
        INSERT INTO holders SELECT n, n FROM {numbers};
        INSERT INTO people SELECT n, 'p' || n, 'Person ' || n FROM {numbers};
        INSERT INTO devices SELECT {key}, n, 'device', '', 'active', 0, 0, 0 FROM {numbers};
        INSERT INTO mandates SELECT n, n, n, '{{pay}}', 1, 1, {2**52}, 0, 0 FROM {numbers};
        INSERT INTO holds (index, account, payee, amount, until, coordinator, counted)
        SELECT n, n, {2001 + PEOPLE} - n, 1, 0, false, false FROM {numbers};
        INSERT INTO requests
        SELECT {key}, wire, n, expires, NULL FROM requests, {numbers} WHERE account = {pattern};
        INSERT INTO verdicts SELECT {key}, n, '', 1, NULL, {2**52} FROM {numbers};
        """
    )


async def read_own(node: CircleNode) -> None:
    """What a member's device reads, each more than once."""
    mia, noa = node["mia"], node["noa"]
    statement = f"/api/v1/accounts/{mia.account}/statement"
    tomorrow = Clock(node.clock.ahead + DAY).day()
    for _ in range(3):
        page = await node.read(statement, mia, limit=50)
        assert len(page["lines"]) == 50
        deep = await node.read(statement, mia, cursor=ENTRIES // 2, limit=50)
        assert deep["lines"][0]["seq"] == ENTRIES // 2 - 1
        dated = await node.read(statement, mia, from_=tomorrow, to=tomorrow, limit=10)
        assert len(dated["lines"]) == 10
        await node.read("/api/v1/me", mia)
        await node.read("/api/v1/people", mia, handle="noa")
        await node.read(f"/api/v1/accounts/{mia.account}", mia)
        await node.read("/api/v1/holds", mia, account=mia.account)
        await node.read("/api/v1/requests", mia, account=mia.account)
        await node.read("/api/v1/people", node["ann"], limit=20)
        await node.read("/api/v1/entries/5", mia)
        await node.read("/api/v1/entries/6", noa)
        await node.ask(mia, 7)
    searched = await node.read(statement, mia, counterparty=2)
    assert not searched["lines"]
    assert searched["next"] is not None


async def rows_read(home: Home) -> dict[str, int]:
    """Per table, how many rows were read so far, by scans of it and of its indexes."""
    async with home.database() as connection:
        rows = await connection.fetch(
            """
            SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows
            FROM pg_stat_user_tables WHERE schemaname = $1
            """,
            home.config.schema,
        )
    return {row["relname"]: row["rows"] for row in rows}


@pytest.mark.parametrize("plans", SETTINGS)
async def test_no_read_looks_at_more_rows_than_it_shows(home: Home, plans: str) -> None:
    """By PostgreSQL's own count, with the plans it makes for known values and for any."""
    home.dsn += f"&plan_cache_mode={plans}"
    counts = [await rows_read(home)]
    async with serving(home):
        pass
    counts.append(await rows_read(home))
    async with serving(home) as node:
        await read_own(node)
    counts.append(await rows_read(home))
    # To start takes all of the present, so what the first run took is taken off the second.
    before, started, done = counts
    read = {name: done[name] - 2 * started[name] + before[name] for name in done}
    assert read["postings"] > SEARCHED_MAX
    assert {name: rows for name, rows in read.items() if rows > ROWS_MAX} == {}
