"""A node whose past was lost takes no orders: neither by its own mark, nor by what members hold."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest_asyncio

from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.codec import to_base64url
from ledger.declarations import SessionOpening, sign_session
from ledger.note import make_signer
from ledger.orders import Pay
from node.errors import HistoryLost
from tests.bench.population import JSON, Population, populate, post
from tests.circle_node import CircleNode, Home, circle_node, serving, unserved
from tests.live_node import LiveNode, init_node


def serve_in_vain(node: LiveNode) -> str:
    """Start a node that must not start; returns what it says, which is all that it says."""
    tallyd = "import sys; from node.cli import main; sys.argv[0] = 'tallyd'; main()"
    ended = subprocess.run(
        [sys.executable, "-c", tallyd, "serve", str(node.directory)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    [sentence] = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    return sentence


def copy(folder: Path, to: Path) -> None:
    """Copy a folder, with the owners and modes of all that is in it."""
    subprocess.run(["cp", "-a", folder, to], check=True)


async def pay(node: LiveNode, people: Population, count: int) -> None:
    """Make payments, which must be accepted."""
    payer, payee = people.members
    async with aiohttp.ClientSession(headers=JSON) as client:
        await post(client, node.url, [payer.pay(payee.account, 1) for _ in range(count)])


async def test_an_old_backup_is_refused(tmp_path: Path) -> None:
    """The database's files as they were an hour ago are put back under the node."""
    node = init_node(tmp_path / "circle", name="Peckham", address="peckham.example")
    cluster = node.directory / "postgres" / "cluster"
    try:
        node.start()
        people = await populate(node.url, node.invitation, 2)
        await pay(node, people, 20)
        assert node.stop() == 0
        copy(cluster, tmp_path / "backup")
        node.start()
        await pay(node, people, 10)
        assert node.stop() == 0
        cluster.rename(tmp_path / "newest")
        copy(tmp_path / "backup", cluster)
        said = serve_in_vain(node)
        assert said == (
            "The 25 entries in the database do not continue the 35 that this node's own mark knows "
            "of: it is an old backup. Restore the newest one; SECURITY.md says what to do when "
            "there is none."
        )
        shutil.rmtree(cluster)
        (tmp_path / "newest").rename(cluster)
        node.start()
        await pay(node, people, 1)
    finally:
        node.stop()


@pytest_asyncio.fixture
async def home(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Home]:
    """A circle with ann, mia and noa, whom no node serves yet."""
    async with unserved(postgres_dsn, tmp_path / "circle", "mia", "noa") as home:
        yield home


def sign_head(home: Home, size: int, root: bytes) -> str:
    """A head of this log, signed with its own key: what a member kept from a past since lost."""
    signer = make_signer(home.founded.origin, home.founded.keyring.log)
    return sign_checkpoint(Checkpoint(home.founded.origin, size, root), signer)


async def sign_in(node: CircleNode, newest: str) -> tuple[int, Any]:
    """Let mia sign in, with the newest checkpoint that she holds."""
    mia = node["mia"]
    opening = SessionOpening(
        node.home.founded.circle,
        mia.key,
        node.home.founded.origin,
        next(node.home.nonces),
        node.clock.wall() + 60_000,
    )
    body = {"opening": to_base64url(sign_session(opening, mia.seed)), "newest": newest}
    return await node.request("POST", "/api/v1/sessions", json=body)


async def is_frozen(node: CircleNode) -> bool:
    """Whether it takes no orders, and says so."""
    order = node.sign(node["mia"], Pay(((node["noa"].account, 1),)))
    status, answer = await node.request("POST", "/api/v1/orders", json=order.body)
    frozen = (status, answer.get("code")) == (503, "frozen")
    assert frozen or status == 200
    status, health = await node.request("GET", "/health")
    assert status == (503 if frozen else 200)
    assert (health["status"] == "frozen") == frozen
    return frozen


async def test_a_member_with_a_larger_checkpoint_freezes_the_node_for_good(home: Home) -> None:
    """It still answers who reads; and when it is started again it knows that its past is lost."""
    async with serving(home) as node:
        size = (await node.read("/health"))["size"]
        status, answer = await sign_in(node, sign_head(home, size + 5, bytes(32)))
        assert (status, answer["code"]) == (503, "history-lost")
        assert (answer["found"], answer["known"]) == (size, size + 5)
        assert await is_frozen(node)
        _, health = await node.request("GET", "/health")
        assert health["size"] == size
        await node.read("/api/v1/me", node["mia"])
    try:
        async with serving(home):
            started = True
    except HistoryLost as lost:
        started = False
        assert lost.known == size + 5
    assert not started


async def test_a_member_with_another_past_freezes_the_node(home: Home) -> None:
    """A backup that went on for long enough is larger than what was lost, and still not it."""
    async with serving(home) as node:
        await node.pay(node["mia"], node["noa"], 1)
        head = node.circle.writer.loaded.head
        assert not await is_frozen(node)
        status, answer = await sign_in(node, sign_head(home, head.size - 2, bytes(32)))
        assert (status, answer["code"]) == (503, "history-lost")
        assert await is_frozen(node)


async def test_checkpoints_that_the_log_continues_freeze_nothing(home: Home) -> None:
    """Nor do notes that are none of ours, or none at all."""
    async with serving(home) as node:
        old = await node.text("/checkpoint")
        await node.pay(node["mia"], node["noa"], 1)
        new = await node.text("/checkpoint")
        signer = make_signer(home.founded.origin, bytes(32))
        forged = sign_checkpoint(Checkpoint(home.founded.origin, 10**6, bytes(32)), signer)
        empty = sign_head(home, 0, bytes(32))
        for newest in (old, new, forged, empty, "", "nonsense", old[:-5], "\0" * 1000):
            status, _ = await sign_in(node, newest)
            assert status == 200
        assert not await is_frozen(node)


async def test_what_was_under_way_when_the_node_froze_lowers_no_mark(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with circle_node(postgres_dsn, tmp_path / "circle") as node:
        mark = node.circle.writer.mark
        known = mark.read()
        assert known is not None
        mark.write(known._replace(size=known.size + 3))
        mark.write(known)
        assert mark.read() == known._replace(size=known.size + 3)
