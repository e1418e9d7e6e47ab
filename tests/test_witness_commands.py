"""``tallyd witness``: two circles that keep watch over each other, set up by hand."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from ledger.cosignature import verify_cosignatures
from ledger.note import parse_vkey
from node.errors import WitnessUnusable
from node.witness.client import witness_client
from tests.circle_node import CircleNode, circle_node
from tests.live_node import LiveNode, live_node
from tests.waiting import wait_until


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[LiveNode, LiveNode]]:
    """Two circles, each with a node of its own."""
    with (
        live_node(make_folder(tmp_path, "exeter"), name="exeter", address="exeter.example") as one,
        live_node(make_folder(tmp_path, "totnes"), name="totnes", address="totnes.example") as two,
    ):
        yield one, two


def make_folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def tallyd(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the node."""
    program = "import sys; from node.cli import main; sys.argv[0] = 'tallyd'; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "witness", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def tell(*arguments: str | Path) -> str:
    """What a command prints that must work."""
    done = tallyd(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fail(*arguments: str | Path) -> str:
    """The one sentence of a command that must not work."""
    done = tallyd(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    return done.stderr.strip()


def read(node: LiveNode, path: str) -> str:
    with urllib.request.urlopen(node.url + path, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def is_cosigned(node: LiveNode, vkey: str) -> bool:
    return bool(verify_cosignatures(read(node, "/checkpoint"), [parse_vkey(vkey)]))


def test_two_circles_vouch_for_each_other(pair: tuple[LiveNode, LiveNode]) -> None:
    """Each adds the other; both nodes are serving, and neither is started again."""
    exeter, totnes = pair
    told = tell("add", exeter.directory, totnes.url)
    assert told.startswith("totnes is asked from now on")
    assert totnes.circle.hex() in told
    tell("add", totnes.directory, exeter.url)
    for node, other in ((exeter, totnes), (totnes, exeter)):
        vkey = tell("list", other.directory).splitlines()[1].split()[-1]
        wait_until(partial(is_cosigned, node, vkey))
        [listed] = json.loads(read(node, "/.well-known/tallystick"))["witnesses"]
        assert listed["key"] == vkey
    told = tell("list", exeter.directory)
    assert f"totnes, at {totnes.url}" in told
    assert f"{totnes.origin}: 2 entries" in told
    assert "1 of the witnesses" in tell("need", exeter.directory, "1")
    assert "(1 needed)" in tell("list", exeter.directory)
    assert "heads need 1 witnesses" in fail("remove", exeter.directory, totnes.origin)
    tell("need", exeter.directory, "0")
    tell("remove", exeter.directory, totnes.origin)
    assert totnes.origin not in tell("list", exeter.directory)
    assert "no witness and no log here" in fail("remove", exeter.directory, totnes.origin)


def test_what_cannot_be_used_is_said_in_one_sentence(pair: tuple[LiveNode, LiveNode]) -> None:
    exeter, totnes = pair
    log_key, witness_key = (
        line.split()[-1] for line in tell("list", totnes.directory).splitlines()[:2]
    )
    own = tell("list", exeter.directory).split()[3]
    for arguments, sentence in {
        ("add", "http://totnes.example"): "http is not safe beyond this computer",
        ("add", "http://127.0.0.1:9"): "it cannot be reached",
        ("add", exeter.url): "it is this circle's own node",
        ("add", totnes.url + "/api"): "no circle answers there",
        ("add", totnes.url, "--key", log_key): "its key is a log's",
        ("add", totnes.url, "--key", "totnes"): "it is no verifier key",
        ("accept", witness_key): "its key is a witness's",
        ("accept", own): "it is this circle's own log",
        ("accept", "nonsense"): "it is no verifier key",
        ("need", "1"): "there are 0 witnesses",
    }.items():
        name, *rest = arguments
        assert sentence in fail(name, exeter.directory, *rest)


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> Any:
    async with circle_node(postgres_dsn, tmp_path / "circle") as node:
        yield node


async def test_a_description_is_believed_as_far_as_its_identity_key_signed_it(
    node: CircleNode,
) -> None:
    """Whatever else a node says, its keys are those of its certificate."""
    honest = await node.read("/.well-known/tallystick")
    described: list[Any] = [honest]

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(described[0])

    application = web.Application()
    application.router.add_get("/.well-known/tallystick", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with witness_client(node.url) as client:
            found = await client.describe(url)
            assert found == await client.describe(node.url)
            assert found.circle == honest["circle"]
            described[0] = honest | {"log_key": "x", "circle": "0" * 64, "witnesses": None}
            assert await client.describe(url) == found
            wrong: Any
            for wrong in (
                *([], None, {}, "x", honest | {"keys": {}}, honest | {"keys": {"identity": "0"}}),
                *(honest | {"keys": {"identity": "0" * 64}}, honest | {"certificate": "AAAA"}),
                *(honest | {"certificate_signature": 7}, honest | {"name": "a\nb"}),
            ):
                described[0] = wrong
                with pytest.raises(WitnessUnusable):
                    await client.describe(url)
    finally:
        await runner.cleanup()
