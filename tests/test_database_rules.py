"""The rules that the database keeps by itself, and the settings that a node does not run on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
import pytest_asyncio

from ledger.orders import Pay
from node.circle import check_settings
from node.connections import Connection
from node.errors import DatabaseUnsuitable
from node.migrate import migrations
from node.postgres import embedded_postgres
from node.postgres_account import unprivileged_account
from tests.circle_node import Home, found_circle, serving
from tests.waiting import COMES_SECONDS_MAX

WRITTEN_ONCE = ("entries", "postings", "tiles")
HELD = "claimed_by_somebody"
TELL = "INSERT INTO open_months (month, worked_out, few, hidden, mirrors, positions, {}) "
TELL += "VALUES ('2026-{}', 0, '{{}}', '{{}}', '{{}}', '{{}}', {})"


@pytest_asyncio.fixture
async def home(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Home]:
    """A circle with ann, mia and noa, and one full tile and more of entries."""
    home = await found_circle(postgres_dsn, tmp_path / "circle")
    try:
        async with serving(home) as node:
            await node.join("ann", home.founded.invitation_code)
            mia, noa = await node.welcome("mia"), await node.welcome("noa")
            await node.submit(*(node.sign(mia, Pay(((noa.account, 1),))) for _ in range(300)))
        yield home
    finally:
        await home.drop()


@pytest.mark.parametrize("table", WRITTEN_ONCE)
async def test_what_the_log_commits_to_cannot_be_changed_by_the_service(
    home: Home, table: str
) -> None:
    async with home.database() as database:
        column = await database.fetchval(
            """
            SELECT attname FROM pg_attribute
            WHERE attrelid = to_regclass($1) AND attnum = 1
            """,
            f"{home.config.schema}.{table}",
        )
        assert await database.fetchval(f"SELECT count(*) FROM {table}") > 0
        await database.execute(f"SET ROLE {home.config.schema}_service")
        for statement in (
            f"UPDATE {table} SET {column} = {column}",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
            f"ALTER TABLE {table} DISABLE TRIGGER ALL",
            f"DROP TABLE {table}",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await database.execute(statement)


@pytest.mark.parametrize("table", WRITTEN_ONCE)
async def test_what_the_log_commits_to_is_guarded_from_the_owner_too(
    home: Home, table: str
) -> None:
    """A slip at the database's own prompt is caught; ill will is not, and then the log tells."""
    async with home.database() as database:
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(asyncpg.RaiseError, match="never changed"):
                await database.execute(statement)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE accounts SET balance = lowest - 1, held = 0 WHERE number = 102", "within_limits"),
        ("UPDATE accounts SET balance = lowest, held = 1 WHERE number = 102", "within_limits"),
        ("UPDATE accounts SET balance = highest + 1 WHERE number = 102", "within_limits"),
        ("UPDATE accounts SET lowest = floor + 1 WHERE number = 102", "accounts_check"),
        ("UPDATE accounts SET closed = true WHERE number = 102", "closed_is_empty"),
        ("UPDATE accounts SET held = -1 WHERE number = 102", "accounts_held_check"),
        ("INSERT INTO holds VALUES (9, 102, NULL, 1, 0, 5, false, NULL, NULL, NULL, false)", HELD),
        ("INSERT INTO holds VALUES (9, 102, NULL, 1, 0, NULL, false, NULL, 3, 1, false)", HELD),
        (TELL.format("members", "01-01", 4), "open_months_members_check"),
        (TELL.format("unfilled", "01-01", 1), "open_months_unfilled_check"),
        (TELL.format("trades", "01-02", 0), "open_months_month_check"),
        ("INSERT INTO head SELECT false, size, root, 0, frontier, '' FROM head", "head_one_check"),
    ],
)
async def test_what_can_never_be_is_refused_by_the_database(
    home: Home, statement: str, constraint: str
) -> None:
    async with home.database() as database:
        await database.execute(f"SET ROLE {home.config.schema}_service")
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await database.execute(statement)
        assert refused.value.constraint_name == constraint


async def test_what_was_told_of_a_month_stays(home: Home) -> None:
    """What became of its help is written beside it once, and nothing is taken away."""
    settle = "UPDATE open_months SET settled = true, unfilled = 0"
    async with home.database() as database:
        await database.execute(TELL.format("trades", "01-01", 5))
        await database.execute(f"SET ROLE {home.config.schema}_service")
        await database.execute(settle)
        with pytest.raises(asyncpg.RaiseError, match="never changed"):
            await database.execute(settle)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.execute("DELETE FROM open_months")
        await database.execute("RESET ROLE")
        with pytest.raises(asyncpg.RaiseError, match="never changed"):
            await database.execute("DELETE FROM open_months")


async def test_a_second_entry_or_posting_of_one_number_is_refused_by_the_database(
    home: Home,
) -> None:
    async with home.database() as database:
        await database.execute(f"SET ROLE {home.config.schema}_service")
        for table in WRITTEN_ONCE:
            with pytest.raises(asyncpg.UniqueViolationError):
                await database.execute(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1")


async def test_the_service_may_not_touch_the_record_of_migrations(home: Home) -> None:
    async with home.database() as database:
        await database.execute(f"SET ROLE {home.config.schema}_service")
        for statement in (
            "DELETE FROM migrations",
            "INSERT INTO migrations VALUES ('999', '')",
            "CREATE TABLE mine ()",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await database.execute(statement)


# Settings


async def start_fails(home: Home, dsn: str | None = None) -> str:
    """Why a node does not start; it says so in one sentence or two."""
    home.dsn = dsn or home.dsn
    with pytest.raises(DatabaseUnsuitable) as refused:
        async with serving(home):
            pass
    return str(refused.value)


@pytest.mark.parametrize("value", ["off", "local"])
async def test_a_database_that_may_forget_commits_is_refused(home: Home, value: str) -> None:
    async with home.database() as database:
        name = await database.fetchval("SELECT current_database()")
        await database.execute(f"ALTER DATABASE {name} SET synchronous_commit = {value}")
    try:
        said = await start_fails(home)
    finally:
        async with home.database() as database:
            await database.execute(f"ALTER DATABASE {name} RESET synchronous_commit")
    assert said == (
        f"PostgreSQL has synchronous_commit = {value}, so an acknowledged payment could be lost; "
        "set it to on."
    )


async def test_a_server_that_does_not_flush_to_the_disk_is_refused(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path) as made:
        folder, database = made.home, made.dsn
    [address] = parse_qs(urlsplit(database).query)["host"]
    socket = Path(address)
    socket.mkdir(mode=0o700)
    account = unprivileged_account(folder)
    with (folder / "log").open("ab") as log:
        server = account.start(
            *("postgres", "-D", str(folder / "cluster"), "-k", str(socket)),
            *("-h", "", "--fsync=off", "--full_page_writes=off"),
            lock=log,
            log=log,
        )
    try:
        connection = await connect_soon(database)
        try:
            with pytest.raises(DatabaseUnsuitable, match="PostgreSQL has fsync = off"):
                await check_settings(connection)
        finally:
            await connection.close()
    finally:
        server.terminate()
        await asyncio.to_thread(server.wait, 30)


async def connect_soon(dsn: str) -> Connection:
    """Connect to a server that is just being started."""
    async with asyncio.timeout(COMES_SECONDS_MAX):
        while True:
            try:
                connection: Connection = await asyncpg.connect(dsn)
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.02)
            else:
                return connection


async def test_a_schema_that_was_changed_or_is_newer_is_refused(home: Home) -> None:
    [first, *_] = migrations()
    async with home.database() as database:
        await database.execute("INSERT INTO migrations VALUES ('999_later.sql', '')")
    assert "999_later.sql, which this version does not know" in await start_fails(home)
    async with home.database() as database:
        await database.execute("DELETE FROM migrations WHERE name = '999_later.sql'")
        await database.execute("UPDATE migrations SET hash = '' WHERE name = $1", first[0])
    assert f"{first[0]} is not the one that was applied" in await start_fails(home)


async def test_a_tree_that_is_not_the_signed_one_is_refused(home: Home) -> None:
    """Somebody who switched the guards off has still not got the log's key."""
    async with home.database() as database:
        await database.execute("ALTER TABLE entries DISABLE TRIGGER append_only")
        await database.execute("UPDATE entries SET leaf = leaf || '\\x00' WHERE index = 301")
    assert "does not have the root of the signed head" in await start_fails(home)
