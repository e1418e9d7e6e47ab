"""The node's own PostgreSQL: it starts anywhere, as anyone, after anything, and loses nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from node.errors import PostgresUnavailable
from node.postgres import embedded_postgres
from node.writer import DATABASE_AWAY

ROOT = os.geteuid() == 0
AS_SOMEBODY = ("unshare", "--user", "--map-user=1000", "--map-group=1000") if ROOT else ()
"""Runs a command as an ordinary user who may nevertheless read this checkout."""

NODE = """
import asyncio, sys
from pathlib import Path
from node.postgres import embedded_postgres

async def main():
    async with embedded_postgres(Path(sys.argv[1])) as server:
        print(server.process.pid, server.dsn, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@contextmanager
def node_process(directory: Path, *prefix: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that supervises ``directory`` until its standard input is closed."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", NODE, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def address(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The process id and the DSN of the server, once it is ready."""
    assert process.stdout is not None
    for line in process.stdout:
        if "postgresql://" in line:
            server, dsn = line.split()
            return int(server), dsn
    raise AssertionError("the node ended before its PostgreSQL was ready")


async def write_rows(dsn: str, count: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (n bigserial)")
        for _ in range(count):
            await connection.execute("INSERT INTO kept DEFAULT VALUES")
    finally:
        # Not close(): the server may be about to die, and is owed no goodbye.
        connection.terminate()


async def count_rows(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM kept"))
    finally:
        await connection.close()


async def test_a_new_server_is_durable_checksummed_and_reachable_by_its_socket_only(
    tmp_path: Path,
) -> None:
    wanted = {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
    }
    async with embedded_postgres(tmp_path) as server:
        connection = await asyncpg.connect(server.dsn)
        found = {name: await connection.fetchval(f"SHOW {name}") for name in wanted}
        await connection.close()
        assert found == wanted
        home = tmp_path / "postgres"
        assert home.stat().st_mode & 0o777 == 0o700
        assert [path.name for path in (home / "run").glob(".s.PGSQL.*[0-9]")] == [".s.PGSQL.5432"]
    assert server.process.returncode == 0
    assert not (home / "run").exists()


async def test_a_stopped_server_starts_again_with_its_rows(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path) as server:
        await write_rows(server.dsn, 10)
    async with embedded_postgres(tmp_path) as server:
        assert await count_rows(server.dsn) == 10


async def test_a_killed_server_is_noticed_and_loses_no_acknowledged_row(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path) as server:
        await write_rows(server.dsn, 200)
        os.kill(server.process.pid, signal.SIGKILL)
        error = await asyncio.wait_for(server.failure(), timeout=10)
        assert "was killed by signal 9" in str(error)
    async with embedded_postgres(tmp_path) as server:
        assert await count_rows(server.dsn) == 200


async def test_the_server_of_a_killed_node_is_stopped_before_the_next_one_starts(
    tmp_path: Path,
) -> None:
    with node_process(tmp_path) as node:
        orphan, dsn = await asyncio.to_thread(address, node)
        await write_rows(dsn, 100)
        left_open = await asyncpg.connect(dsn)
        node.kill()
        node.wait()
        assert await left_open.fetchval("SELECT count(*) FROM kept") == 100
    async with embedded_postgres(tmp_path) as server:
        assert server.process.pid != orphan
        with pytest.raises(DATABASE_AWAY):
            await left_open.fetchval("SELECT count(*) FROM kept")
        assert await count_rows(server.dsn) == 100


async def test_a_process_that_was_given_the_id_of_a_dead_server_is_left_alone(
    tmp_path: Path,
) -> None:
    """Both of PostgreSQL's lock files can name it, and PostgreSQL by itself would not start."""
    async with embedded_postgres(tmp_path) as server:
        socket_lock = (tmp_path / "postgres/run/.s.PGSQL.5432.lock").read_text()
        process_file = (tmp_path / "postgres/cluster/postmaster.pid").read_text()
        old = str(server.process.pid)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        new = str(stranger.pid)
        (tmp_path / "postgres/run").mkdir(mode=0o700)
        (tmp_path / "postgres/run/.s.PGSQL.5432.lock").write_text(socket_lock.replace(old, new))
        (tmp_path / "postgres/cluster/postmaster.pid").write_text(process_file.replace(old, new))
        try:
            async with embedded_postgres(tmp_path) as server:
                await write_rows(server.dsn, 1)
            assert stranger.poll() is None
        finally:
            stranger.kill()


async def test_two_nodes_cannot_share_a_directory(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path) as server:
        with pytest.raises(PostgresUnavailable, match="another node's"):
            async with embedded_postgres(tmp_path):
                pass
        await write_rows(server.dsn, 1)


async def test_a_node_killed_while_it_makes_the_cluster_makes_it_anew(tmp_path: Path) -> None:
    partial = tmp_path / "postgres" / "cluster.new" / "base"
    with node_process(tmp_path) as node:
        deadline = time.monotonic() + 30
        while not partial.exists() and time.monotonic() < deadline:
            await asyncio.sleep(0.001)
        node.kill()
    assert not (tmp_path / "postgres" / "cluster").exists()
    async with embedded_postgres(tmp_path) as server:
        await write_rows(server.dsn, 1)


async def test_a_start_that_is_cancelled_leaves_nothing_running(tmp_path: Path) -> None:
    async def run() -> None:
        async with embedded_postgres(tmp_path):
            await asyncio.sleep(60)

    for seconds in (0.1, 0.3, 1.0):
        task = asyncio.create_task(run())
        await asyncio.sleep(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with embedded_postgres(tmp_path) as server:
        await write_rows(server.dsn, 1)


@pytest.mark.parametrize(
    "name", ["with spaces", "long-" * 30, "comma, quote' and \u00fcmlaut", "per%20cent&host=x"]
)
async def test_any_directory_will_do(tmp_path: Path, name: str) -> None:
    """Also one whose path is too long for a socket, or that a DSN has to quote, in a closed one."""
    parent = tmp_path / "closed"
    parent.mkdir(mode=0o700)
    async with embedded_postgres(parent / name) as server:
        await write_rows(server.dsn, 1)


async def test_an_ordinary_user_can_run_it(tmp_path: Path) -> None:
    with node_process(tmp_path, *AS_SOMEBODY) as node:
        _, dsn = await asyncio.to_thread(address, node)
        await write_rows(dsn, 1)
        node.communicate()
        assert node.returncode == 0


async def test_damaged_files_are_reported_in_one_sentence_with_the_servers_own_words(
    tmp_path: Path,
) -> None:
    async with embedded_postgres(tmp_path):
        pass
    (tmp_path / "postgres/cluster/global/pg_control").unlink()
    with pytest.raises(PostgresUnavailable, match=r"could not be started; .*pg_control") as caught:
        async with embedded_postgres(tmp_path):
            pass
    assert "\n" not in str(caught.value)


async def test_a_directory_that_cannot_be_made_is_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PostgresUnavailable, match="cannot be made: Not a directory"):
        async with embedded_postgres(tmp_path / "file" / "node"):
            pass


async def test_a_missing_wheel_is_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with pytest.raises(
        PostgresUnavailable, match=r"install tallystick\[node\] or set DATABASE_URL"
    ):
        async with embedded_postgres(tmp_path):
            pass


if ROOT:

    @pytest.fixture
    def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The only folder on PATH, and empty: there is no command to step down from root."""
        folder = tmp_path / "commands"
        folder.mkdir()
        monkeypatch.setenv("PATH", str(folder))
        return folder

    async def test_root_without_user_namespaces_hands_the_files_to_nobody(
        tmp_path: Path, commands: Path
    ) -> None:
        setpriv = shutil.which("setpriv", path=os.defpath)
        assert setpriv is not None
        (commands / "setpriv").symlink_to(setpriv)
        async with embedded_postgres(tmp_path) as server:
            await write_rows(server.dsn, 1)
            assert (tmp_path / "postgres/cluster").stat().st_uid == 65534

    async def test_files_of_nobody_stay_usable_where_user_namespaces_are_on(
        tmp_path: Path,
    ) -> None:
        """A directory owned by a service's account is served as that account, by root too."""
        os.chown(tmp_path, 65534, 65534)
        for _ in range(2):
            async with embedded_postgres(tmp_path) as server:
                await write_rows(server.dsn, 1)
        assert {path.stat().st_uid for path in (tmp_path / "postgres").iterdir()} == {65534}

    @pytest.mark.usefixtures("commands")
    async def test_root_without_any_way_down_is_told_what_to_do(tmp_path: Path) -> None:
        with pytest.raises(PostgresUnavailable, match="run the node as an ordinary user"):
            async with embedded_postgres(tmp_path):
                pass

    async def test_binaries_that_the_account_cannot_reach_are_copied(
        tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import_path = tmp_path_factory.mktemp("closed") / "site-packages"
        import_path.mkdir(mode=0o700)
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            [found] = [Path(entry, name) for entry in sys.path if Path(entry, name).exists()]
            (import_path / name).symlink_to(found)
        os.chown(import_path, 65534, 65534)
        monkeypatch.syspath_prepend(import_path)
        for _ in range(2):
            async with embedded_postgres(tmp_path / "node") as server:
                await write_rows(server.dsn, 1)
                [copy] = (tmp_path / "node/postgres").glob("software-*")
                assert str(copy) in str(server.process.args)
