"""What tests share: one PostgreSQL for the session, the real data, people at their terminals, no
silent skips in CI, and no deadline for an example that a busy computer is slow with.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from threading import Thread
from typing import NoReturn, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from node.postgres import embedded_postgres
from tests.at_terminals import Newcomer, welcome
from tests.live_node import LiveNode
from tests.terminal import Person, Shown

settings.register_profile(
    "patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

_SLOW = frozenset(
    f"test_{name}"
    for name in (
        *("simulator", "wheel", "killed_under_load", "between_under_faults", "demo", "storm"),
        *("history_checked", "sarafu", "peer_commands", "witness_commands", "witness_outside"),
        *("slow_clients", "openapi_live", "hostile_bodies", "cli_help_killed", "crash_points"),
        *("reading_growth", "clearing_node", "pay_two_links", "two_nodes", "outside_verifier"),
    )
)
"""Modules that take a quarter of a minute and more."""
_QUICK = ("ledger", "federation", "http_layer")
"""Folders whose modules take seconds."""

_DAY_SECONDS = 24 * 3600
_TEST_SECONDS_MAX = 90
"""Of those that go by this computer's clock."""

_SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def postgres_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that lives as long as the session; tests make their own schemas.

    It is supervised from a thread with an event loop of its own, since those of tests come and go.
    """
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="postgres")
    thread.start()
    try:
        server = embedded_postgres(tmp_path_factory.mktemp("session"))
        started = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
        try:
            yield started.dsn
        finally:
            # All that is in it goes: so nothing of it is written to the disk first.
            started.process.send_signal(signal.SIGQUIT)
            ended = server.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(ended, loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that is kept beside the checkout, as shared/data."""
    if not _SHARED_DATA.is_dir():
        pytest.skip(f"the real data are not at {_SHARED_DATA}")
    return _SHARED_DATA


@pytest.fixture
def olive(node: LiveNode, capsys: Shown) -> Person:
    """The coordinator of the circle that the module's node serves."""
    return Person(node.directory.parent / "olive", capsys)


@pytest.fixture
def mia(node: LiveNode, capsys: Shown) -> Person:
    """A member of that circle."""
    return Person(node.directory.parent / "mia", capsys)


@pytest.fixture
def noa(node: LiveNode, capsys: Shown) -> Person:
    """Another."""
    return Person(node.directory.parent / "noa", capsys)


@pytest.fixture
def newcomer(node: LiveNode, olive: Person, tmp_path: Path) -> Newcomer:
    """Invites somebody, who joins with a handle of their own, and is in this test only."""
    return lambda name: welcome(node, olive, tmp_path / name)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin no test so late that midnight (UTC) might come while it runs: there is an entry more in
    every log then, and today is another day."""
    left = _DAY_SECONDS - time.time() % _DAY_SECONDS
    if left < _TEST_SECONDS_MAX:
        time.sleep(left)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that in the end no process is left alone with it."""
    items.sort(key=lambda item: (item.path.stem not in _SLOW, item.path.parent.name in _QUICK))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test has failed: nobody is there to read why it was skipped."""
    return _not_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself while it is imported."""
    return _not_skipped((yield))


def _not_skipped(report: Report) -> Report:
    if report.skipped and os.environ.get("CI") == "true":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"With CI=true a test may not be skipped. {reason}"
    return report


@pytest.fixture(scope="session")
def absent() -> Callable[[str], NoReturn]:
    """How a test says that the machine lacks a program it needs; CI has them all."""

    def skip(reason: str) -> NoReturn:
        pytest.skip(reason)

    return skip
