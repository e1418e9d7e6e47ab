"""A real node for tests: ``tallyd`` as its own process, with a PostgreSQL and a port of its own.

::

    @pytest.fixture(scope="module")
    def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
        with live_node(tmp_path_factory.mktemp("node")) as node:
            yield node

    async def test_something(node: LiveNode, tmp_path: Path) -> None:
        ann = await node.officer(KeyStore(tmp_path / "ann"), "ann")
        ben = await node.join(KeyStore(tmp_path / "ben"), "ben")
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from client.address import format_invitation, parse_invitation
from client.clock import unix_ms
from client.drafts import Draft
from client.joining import NewDevice, join
from client.keystore import KeyStore
from client.member import open_member
from client.records import Membership
from ledger import keys
from ledger.orders import Invite
from ledger.paper import INVITATION_BYTES, invitation_seed, read_code, write_code
from tests.live_ports import free_port

START_SECONDS_MAX: Final = 60
STOP_SECONDS_MAX: Final = 20
INVITATION_MS: Final = 3600 * 1000

# On Linux the node is told to stop when the tests are killed (PR_SET_PDEATHSIG of prctl(2)).
_TALLYD = """
import ctypes, signal, sys
sys.platform == "linux" and ctypes.CDLL(None).prctl(1, signal.SIGTERM)
from node.cli import main
sys.argv[0] = "tallyd"
main()
"""


@dataclass(slots=True)
class LiveNode:
    """A circle's node. ``invitation`` is the first coordinator's code, good once."""

    directory: Path
    circle: bytes
    origin: str
    invitation: str
    paper_key: str
    identity_key: str
    url: str = ""
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    script: str = _TALLYD
    process: subprocess.Popen[str] | None = None
    officer_store: KeyStore | None = None

    @property
    def link(self) -> str:
        """The first coordinator's invitation as a link."""
        return format_invitation(self.url, self.invitation)

    @property
    def paper_seed(self) -> bytes:
        """The paper key's 32 bytes."""
        return read_code(self.paper_key, 32)

    def start(self) -> None:
        """Serve, and wait until it says where. Raises AssertionError with what it said instead."""
        listen = f"127.0.0.1:{self.port}"
        log = (self.directory.parent / f"{self.directory.name}.log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.script, "serve", str(self.directory)],
            env={**os.environ, "TALLYD_LISTEN": listen, **self.environment},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        assert self.process.stdout is not None
        watchdog = threading.Timer(START_SECONDS_MAX, self.process.kill)
        watchdog.start()
        try:
            line = self.process.stdout.readline()
        finally:
            watchdog.cancel()
        assert line.startswith("Serving "), f"tallyd said {line!r}; its log: {self.log()[-2000:]}"
        self.url = line.rsplit(" at ", 1)[1].strip()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process and return its status."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(how)
        try:
            return process.wait(STOP_SECONDS_MAX)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def log(self) -> str:
        """What it wrote to its standard error so far."""
        return (self.directory.parent / f"{self.directory.name}.log").read_text()

    async def officer(self, store: KeyStore, handle: str, name: str | None = None) -> Membership:
        """The first coordinator joins; afterwards ``invite`` and ``join`` go through them."""
        invitation = parse_invitation(self.link)
        membership = await join(store, invitation, handle, name or handle.title(), NewDevice())
        self.officer_store = store
        return membership

    async def invite(self, *, floor: int, ceiling: int, starter: int, office: str = "") -> str:
        """A link for one more member, from the first coordinator. Amounts are minor units."""
        assert self.officer_store is not None, "the first coordinator joins first: await officer()"
        code = os.urandom(INVITATION_BYTES)
        key = keys.public_key(invitation_seed(code))
        act = Invite(key, floor, ceiling, starter, office, unix_ms() + INVITATION_MS)
        async with open_member(self.officer_store) as officer:
            await officer.order(Draft(act, text="A test's invitation"))
        return format_invitation(self.url, write_code(code))

    async def join(
        self,
        store: KeyStore,
        handle: str,
        name: str | None = None,
        *,
        floor: int = -1000,
        ceiling: int = 100_000,
        starter: int = 0,
    ) -> Membership:
        """Somebody is invited and joins; their keys are in ``store`` from then on."""
        link = await self.invite(floor=floor, ceiling=ceiling, starter=starter)
        return await join(store, parse_invitation(link), handle, name or handle.title())


def init_node(directory: Path, *options: str, name: str, address: str) -> LiveNode:
    """Run ``tallyd init`` in a directory that is not there yet."""
    arguments = ["init", str(directory), "--name", name, "--address", address, "--json", *options]
    made = subprocess.run(
        [sys.executable, "-c", _TALLYD, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS_MAX,
    )
    assert made.returncode == 0, f"tallyd init: {made.stdout}{made.stderr}"
    printed = json.loads(made.stdout)
    return LiveNode(
        directory,
        bytes.fromhex(printed["circle"]),
        printed["origin"],
        printed["invitation"],
        printed["paper_key"],
        printed["identity_key"],
    )


@contextmanager
def live_node(
    folder: Path,
    *options: str,
    name: str = "Peckham Circle",
    address: str = "peckham.example",
    environment: dict[str, str] | None = None,
) -> Iterator[LiveNode]:
    """A new circle in ``folder``, served until the end; ``options`` go to ``tallyd init``."""
    node = init_node(folder / "circle", *options, name=name, address=address)
    node.environment = environment or {}
    node.start()
    try:
        yield node
    finally:
        node.stop()
