"""The node and its PostgreSQL are killed while members pay, again and again.

Whoever got no answer sends the same bytes until there is one. Afterwards every order is in the log
exactly once, every checkpoint that anybody was shown is a beginning of the log, and a replay of the
whole finds nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from ledger.checkpoint import Checkpoint, open_checkpoint
from ledger.codec import from_base64url
from ledger.merkle import verify_consistency
from ledger.note import parse_vkey
from node.writer import DATABASE_AWAY
from tests.bench.population import Signatory, populate
from tests.live_database import connect, postmaster
from tests.live_node import LiveNode, init_node

ROUNDS = 5
PAYERS = 12
LIST_MAX = 40
AGAIN_MAX = 500
ANSWER_SECONDS_MAX = 45

Item = dict[str, str]


@dataclass(slots=True)
class Load:
    """Members who pay until they are told to stop, and what the node acknowledged to them."""

    node: LiveNode
    payers: list[Signatory]
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    sent: int = 0
    enough: bool = False

    async def pay(self, client: aiohttp.ClientSession, place: int) -> None:
        """Let one member pay the next, singly and in lists, each until it is answered."""
        payer, payee = self.payers[place], self.payers[(place + 1) % len(self.payers)]
        while not self.enough:
            count = random.choice((1, 1, 2, LIST_MAX))
            items = [payer.pay(payee.account, 1) for _ in range(count)]
            self.sent += count
            for item, result in zip(items, await self.ask(client, items), strict=True):
                assert "entry" in result, result
                self.answers[item["order"]] = result["entry"]
                self.notes.add(result["receipt"].split("\n\n", 1)[1])

    async def ask(self, client: aiohttp.ClientSession, items: list[Item]) -> list[dict[str, Any]]:
        """Send the same bytes until they are answered."""
        body = items[0] if len(items) == 1 else {"orders": items}
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            while True:
                try:
                    async with client.post(f"{self.node.url}/api/v1/orders", json=body) as response:
                        self.statuses[response.status] += 1
                        answer = await response.json(content_type=None)
                        if response.status == 200:
                            results: list[dict[str, Any]] = answer.get("results", [answer])
                            return results
                        assert response.status == 503, answer
                except (aiohttp.ClientError, ConnectionError):
                    self.statuses[0] += 1
                await asyncio.sleep(0.05)

    async def wait_for(self, count: int) -> None:
        """Wait until that many more orders were acknowledged, so that the next kill hits a load."""
        wanted = len(self.answers) + count
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            while len(self.answers) < wanted:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def loaded_node(folder: Path) -> AsyncIterator[Load]:
    """A node under load; what it acknowledged is checked in the end."""
    node = init_node(folder / "circle", name="Peckham", address="peckham.example")
    node.start()
    try:
        people = await populate(node.url, node.invitation, PAYERS, floor=-10_000)
        load = Load(node, people.members)
        connector = aiohttp.TCPConnector(limit=2 * PAYERS)
        async with aiohttp.ClientSession(connector=connector) as client:
            async with asyncio.TaskGroup() as group:
                for place in range(PAYERS):
                    group.create_task(load.pay(client, place))
                yield load
                await load.wait_for(50)
                load.enough = True
            await check_answers(load, client)
            await check_checkpoints(load, client)
        await check_database(load, people.members)
        check_log(node)
    finally:
        node.stop()


async def check_answers(load: Load, client: aiohttp.ClientSession) -> None:
    """What is sent once more is the entry that was acknowledged; no two are the same."""
    assert len(load.answers) == load.sent
    assert len({entry["index"] for entry in load.answers.values()}) == load.sent
    asked = random.sample(list(load.answers), min(AGAIN_MAX, load.sent))
    results = await load.ask(client, [{"order": order} for order in asked])
    assert [result["entry"] for result in results] == [load.answers[order] for order in asked]


async def check_checkpoints(load: Load, client: aiohttp.ClientSession) -> None:
    """Each checkpoint that was acknowledged is a beginning of the newest."""

    async def read(path: str) -> bytes:
        async with client.get(f"{load.node.url}{path}") as response:
            assert response.status == 200
            return await response.read()

    key = parse_vkey(json.loads(await read("/.well-known/tallystick"))["log_key"])
    newest = open_checkpoint(await read("/checkpoint"), [key])
    seen: list[Checkpoint] = [open_checkpoint(note, [key]) for note in load.notes]
    assert len({each.size for each in seen}) == len({each.root for each in seen}) == len(seen)
    for each in seen:
        path = f"/api/v1/consistency?from={each.size}&to={newest.size}"
        proof = [from_base64url(part, "hash") for part in json.loads(await read(path))["proof"]]
        verify_consistency(each.size, newest.size, proof, each.root, newest.root)


async def check_database(load: Load, members: list[Signatory]) -> None:
    """Each order's bytes stand in one entry, the one that was acknowledged, and no others do."""
    connection = await connect(load.node)
    try:
        found = await connection.fetch(
            "SELECT index, wire FROM entries WHERE authority = 'member' ORDER BY index"
        )
        known = sorted(
            (entry["index"], from_base64url(order, "order"))
            for order, entry in load.answers.items()
        )
        assert [(row["index"], row["wire"]) for row in found] == known
        assert await connection.fetchval("SELECT sum(balance) FROM accounts") == 0
        assert await connection.fetchval("SELECT size FROM head") == len(known) + 3 + PAYERS
        assert await connection.fetchval("SELECT count(*) FROM verdicts") == len(known) + PAYERS + 2
    finally:
        await connection.close()


def check_log(node: LiveNode) -> None:
    """``tallyd check`` replays all of it with another model."""
    tallyd = "import sys; from node.cli import main; sys.argv[0] = 'tallyd'; main()"
    checked = subprocess.run(
        [sys.executable, "-c", tallyd, "check", str(node.directory), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


async def again_and_again(
    load: Load, harm: Callable[[], Awaitable[None]], rounds: int = ROUNDS
) -> None:
    """Do harm in the midst of payments."""
    for _ in range(rounds):
        await load.wait_for(random.randrange(50, 400))
        await harm()
    assert load.statuses[200] > ROUNDS


async def test_a_node_that_is_killed_under_load_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    async with loaded_node(tmp_path) as load:

        async def harm() -> None:
            if chance.random() < 0.5:  # both at once, as when the power fails
                os.kill(postmaster(load.node), signal.SIGKILL)
            assert load.node.stop(signal.SIGKILL) == -signal.SIGKILL
            await asyncio.to_thread(load.node.start)

        chance = random.Random(2)
        await again_and_again(load, harm)


async def test_a_node_that_is_stopped_under_load_ends_well(tmp_path: Path) -> None:
    """It answers what it has taken, and takes no more."""
    async with loaded_node(tmp_path) as load:

        async def harm() -> None:
            assert await asyncio.to_thread(load.node.stop) == 0
            await asyncio.to_thread(load.node.start)

        await again_and_again(load, harm, rounds=2)
    log = [json.loads(line) for line in load.node.log().splitlines()]
    assert {line["event"] for line in log} <= {"http_request"}


async def test_a_postgres_that_is_killed_under_load_ends_its_node_and_loses_nothing(
    tmp_path: Path,
) -> None:
    """The node goes with it, tells in one sentence why, and starts again."""
    async with loaded_node(tmp_path) as load:

        async def harm() -> None:
            process = load.node.process
            assert process is not None
            before = len(load.node.log())
            os.kill(postmaster(load.node), signal.SIGKILL)
            assert await asyncio.to_thread(process.wait, 15) == 1
            said = load.node.log()[before:].splitlines()
            [sentence] = [line for line in said if not line.startswith("{")]
            assert "The PostgreSQL in " in sentence
            assert "was killed by signal 9; its log, " in sentence
            load.node.stop()
            await asyncio.to_thread(load.node.start)

        await again_and_again(load, harm)


async def writing_session(node: LiveNode) -> int | None:
    """The server process that writes for the node, unless PostgreSQL is just recovering."""
    try:
        connection = await connect(node)
        pid: int | None = await connection.fetchval(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
        )
    except DATABASE_AWAY:
        return None
    connection.terminate()
    return pid


async def test_a_node_gets_over_the_death_of_a_server_process_by_itself(tmp_path: Path) -> None:
    """PostgreSQL then drops all its sessions and recovers as after a power cut."""
    async with loaded_node(tmp_path) as load:

        async def harm() -> None:
            while (pid := await writing_session(load.node)) is None:
                await asyncio.sleep(0.02)
            os.kill(pid, signal.SIGKILL)

        await again_and_again(load, harm)
        assert load.node.process is not None
        assert load.node.process.poll() is None
