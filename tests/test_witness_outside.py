"""A witness and a log that nobody here wrote (aics-witness, aics-tlog): each accepts the other's.

They are installed into an environment of their own, since they need a newer Python than the node.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import aiohttp
import pytest

from client.keystore import KeyStore
from ledger.checkpoint import open_checkpoint
from ledger.cosignature import verify_cosignatures
from ledger.note import parse_vkey
from tests.live_node import LiveNode, live_node
from tests.terminal import Person, Shown
from tests.test_wheel import find_python, install
from tests.waiting import COMES_SECONDS_MAX

FEEDER = Path(__file__).with_name("outside") / "feed_witness.py"
NAME = "witness.example/nobody-here-wrote"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory, absent: Callable[[str], NoReturn]) -> Path:
    """The folder of aics-witness, aics-tlog and their Python."""
    folder = tmp_path_factory.mktemp("aics") / "environment"
    return install(find_python("3.13", absent), folder, "aics-witness==0.1.0")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    with live_node(tmp_path) as node:
        yield node


def run(*command: str | Path) -> str:
    """What a program prints that must work."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tallyd(*arguments: str | Path) -> str:
    """What a command of the node prints."""
    program = "import sys; from node.cli import main; sys.argv[0] = 'tallyd'; main()"
    return run(sys.executable, "-c", program, *arguments)


def own_keys(node: LiveNode) -> list[str]:
    """The verifier keys of the node's log, and of the node as a witness."""
    return [line.split()[-1] for line in tallyd("witness", "list", node.directory).splitlines()[:2]]


@dataclass(frozen=True)
class Outside:
    """The witness nobody here wrote."""

    url: str
    vkey: str


@contextmanager
def outside_witness(programs: Path, folder: Path, log_key: str) -> Iterator[Outside]:
    """It knows one log and serves it."""
    config = ("--config", folder / "witness.json")
    printed = run(programs / "aics-witness", "init", "--name", NAME, *config)
    vkey = next(line for line in printed.splitlines() if line.startswith(f"{NAME}+"))
    origin = log_key.partition("+")[0]
    run(programs / "aics-witness", "add-log", "--origin", origin, "--vkey", log_key, *config)
    serving = subprocess.Popen(
        [programs / "aics-witness", "serve", "--listen", "127.0.0.1:0", *config],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert serving.stderr is not None
        lines = iter(serving.stderr.readline, "")
        found = (re.search(r"listening on (http://\S+)", line) for line in lines)
        url = next(each[1] for each in found if each)
        yield Outside(url, vkey)
    finally:
        serving.terminate()
        serving.communicate(timeout=20)


async def cosigned(node: LiveNode, log_key: str, witness: str, size: int) -> str:
    """The head of this size that the node serves, once the witness has cosigned it."""
    deadline = time.monotonic() + COMES_SECONDS_MAX
    async with aiohttp.ClientSession(node.url) as http:
        while True:
            async with http.get("/checkpoint") as answer:
                note = await answer.text()
            shown = open_checkpoint(note, [parse_vkey(log_key)])
            if shown.size == size and verify_cosignatures(note, [parse_vkey(witness)]):
                return note
            assert time.monotonic() < deadline, f"{note}\n{node.log()[-2000:]}"
            await asyncio.sleep(0.05)


def test_a_witness_nobody_here_wrote_vouches_for_a_circle(
    programs: Path, node: LiveNode, tmp_path: Path, capsys: Shown
) -> None:
    """Its cosignature is good to our client and to the verifier that came with it; and when the
    whole node is put back as it was an hour ago, it is what notices."""
    log_key, _ = own_keys(node)
    store = KeyStore(tmp_path / "olive")
    with outside_witness(programs, tmp_path, log_key) as witness:
        told = tallyd("witness", "add", node.directory, witness.url, "--key", witness.vkey)
        assert log_key in told
        assert f"at {witness.url}" in tallyd("witness", "list", node.directory)
        asyncio.run(cosigned(node, log_key, witness.vkey, 2))
        asyncio.run(node.officer(store, "olive"))
        note = asyncio.run(cosigned(node, log_key, witness.vkey, 3))
        path = tmp_path / "checkpoint"
        path.write_text(note)
        keys = ("--log-key", log_key, "--witness-key", witness.vkey, "--quorum", "1")
        origin = ("--origin", node.origin, "--max-age", "600")
        told = run(programs / "aics-tlog", "verify-checkpoint", "--note", path, *keys, *origin)
        assert '"ok": true' in told
        olive = Person(store.folder, capsys)
        assert "One neighbour's copy matches yours." in olive.tell("verify")
        assert olive.json("verify")["neighbours"] == [NAME]

        assert node.stop() == 0
        run("cp", "-a", node.directory, tmp_path / "backup")
        node.start()
        asyncio.run(node.invite(floor=0, ceiling=1, starter=0))
        asyncio.run(cosigned(node, log_key, witness.vkey, 4))
        assert node.stop() == 0
        node.directory.rename(tmp_path / "lost")
        (tmp_path / "backup").rename(node.directory)
        node.start()
        health = asyncio.run(read_health(node))
        assert health["status"] == "frozen"
        assert f"do not continue the 4 that the witness {NAME} knows of" in health["reason"]


async def read_health(node: LiveNode) -> dict[str, str]:
    async with aiohttp.ClientSession(node.url) as http, http.get("/health") as answer:
        health: dict[str, str] = await answer.json()
        return health


def test_a_log_nobody_here_wrote_is_cosigned_by_a_node(programs: Path, node: LiveNode) -> None:
    """Fed by its own program, which verifies each cosignature; another history of it is refused."""
    _, witness_key = own_keys(node)
    log_key = run(programs / "python", FEEDER).strip()
    told = tallyd("witness", "accept", node.directory, log_key)
    assert log_key.partition("+")[0] in told
    fed = run(programs / "python", FEEDER, node.url, witness_key)
    assert fed == "1\n2\n5\n5\n300\nrefused 422\n"
    assert "300 entries" in tallyd("witness", "list", node.directory)
    tallyd("witness", "remove", node.directory, log_key.partition("+")[0])
    assert "300 entries" not in tallyd("witness", "list", node.directory)
