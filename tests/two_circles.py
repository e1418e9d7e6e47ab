"""Two circles with an agreement, each on its own node in its own process: Southwark counts hours,
Exeter tokens, at six to the hour.

::

    with two_circles(postgres_dsn, folder) as circles:
        ann = circles.southwark.person("ann", capsys)
        ann.tell("pay", "cat@exeter", "2", "--yes")
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from client.keystore import KeyStore
from tests.live_node import LiveNode, init_node

SECONDS_MAX = 60
_TALLYD = "import sys; from node.cli import main; sys.argv[0] = 'tallyd'; main()"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the circles; the folders of its members' keys are in ``folder`` by their handles."""

    node: LiveNode
    folder: Path

    def home(self, handle: str) -> Path:
        """Where a member's keys are."""
        return self.folder / handle

    def tallyd(self, command: str, *arguments: str) -> str:
        """Run a command of ``tallyd`` for this circle that must work; returns what it prints."""
        words = [*command.split(), str(self.node.directory), *arguments]
        made = subprocess.run(
            [sys.executable, "-c", _TALLYD, *words],
            env={**os.environ, "TALLYD_LISTEN": f"127.0.0.1:{self.node.port}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS_MAX,
        )
        assert made.returncode == 0, f"tallyd {command}: {made.stdout}{made.stderr}"
        return made.stdout

    def welcome(self, handle: str, floor: int = -6000) -> None:
        """Somebody joins: the first as the coordinator, the others invited by them."""
        store = KeyStore(self.home(handle))
        if self.node.officer_store is None:
            asyncio.run(self.node.officer(store, handle))
        else:
            asyncio.run(self.node.join(store, handle, floor=floor, ceiling=6000))


@dataclass(frozen=True, slots=True)
class Circles:
    """Both of them."""

    southwark: Side
    exeter: Side


@contextmanager
def serving(dsn: str, folder: Path, name: str, *options: str) -> Iterator[Side]:
    """A circle in a schema of its own, called after ``name``, and served on a fixed port."""
    folder.mkdir()
    schema = f"{name}_{secrets.token_hex(4)}"
    node = init_node(
        folder / "circle",
        *("--schema", schema, "--credit-limit-max", "100000", *options),
        name=f"{name.title()} Circle",
        address=f"{name}.example",
    )
    try:
        node.start()
        yield Side(node, folder)
    finally:
        node.stop()
        asyncio.run(_drop(dsn, schema))


async def _drop(dsn: str, schema: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"DROP SCHEMA {schema} CASCADE; DROP ROLE {schema}_service")
    await connection.close()


@contextmanager
def two_circles(dsn: str, folder: Path) -> Iterator[Circles]:
    """Southwark with ann and olive, Exeter with cat and dan; either may owe ten hours.

    ``DATABASE_URL`` has to be set to ``dsn``.
    """
    hours = ("--minutes", "--unit", "hour", "--scale", "0")
    tokens = ("--unit", "token", "--scale", "0")
    with ExitStack() as stack:
        southwark = stack.enter_context(serving(dsn, folder / "southwark", "southwark", *hours))
        exeter = stack.enter_context(serving(dsn, folder / "exeter", "exeter", *tokens))
        invitation = southwark.tallyd("peer invite").splitlines()[0]
        exeter.tallyd("peer accept", invitation, "--yes", "--rate", "6:60")
        for side, handles in ((southwark, ("olive", "ann")), (exeter, ("dan", "cat"))):
            for handle in handles:
                side.welcome(handle)
        yield Circles(southwark, exeter)
