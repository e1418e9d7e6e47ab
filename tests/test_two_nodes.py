"""Two nodes of one circle on one database: the second ends at once, and says why."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from tests.bench.population import JSON, Population, populate, post
from tests.live_node import LiveNode, init_node

SECONDS_MAX = 30


@pytest_asyncio.fixture
async def node(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LiveNode]:
    """A node on a database that is not its own, serving."""
    monkeypatch.setenv("DATABASE_URL", postgres_dsn)
    schema = f"twice_{secrets.token_hex(4)}"
    address = "peckham.example"
    node = init_node(tmp_path / "one", "--schema", schema, name="Peckham", address=address)
    try:
        node.start()
        yield node
    finally:
        node.stop()
        connection = await asyncpg.connect(postgres_dsn)
        await connection.execute(f"DROP SCHEMA {schema} CASCADE; DROP ROLE {schema}_service")
        await connection.close()


async def pay(node: LiveNode, people: Population) -> int:
    """Make a payment; returns its entry's index."""
    payer, payee = people.members
    async with aiohttp.ClientSession(headers=JSON) as client:
        [result] = await post(client, node.url, [payer.pay(payee.account, 1)])
    index: int = result["entry"]["index"]
    return index


async def test_a_second_node_with_a_copy_of_the_directory_ends(
    node: LiveNode, tmp_path: Path
) -> None:
    people = await populate(node.url, node.invitation, 2)
    first = await pay(node, people)
    shutil.copytree(node.directory, tmp_path / "two")
    tallyd = "import sys; from node.cli import main; sys.argv[0] = 'tallyd'; main()"
    second = subprocess.run(
        [sys.executable, "-c", tallyd, "serve", str(tmp_path / "two")],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert second.returncode == 1
    assert second.stdout == ""
    assert second.stderr == "Another node is writing this circle's log; stop it first.\n"
    assert await pay(node, people) == first + 1


async def test_a_node_takes_over_from_one_that_was_killed(node: LiveNode) -> None:
    """Its sessions may outlive it for a moment, and the lock with them."""
    people = await populate(node.url, node.invitation, 2)
    before = await pay(node, people)
    for times in range(1, 4):
        assert node.process is not None
        node.process.kill()
        node.stop()
        node.start()
        assert await pay(node, people) == before + times
