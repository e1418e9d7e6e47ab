"""Where the demo plays: a fresh directory for each circle, and a ``tallyd`` of its own in it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from client.demo.gate import Gate, open_gate
from client.errors import DemoFailed

START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 60
SETTINGS = ("DATABASE_URL", "TALLYD_LISTEN", "TALLYD_PUBLIC_URL", "TALLYD_BEHIND")
"""Settings of an operator's own node, which the demo's circles must not take for theirs."""


@dataclass(slots=True)
class Stage:
    """A circle and its node. ``invitation`` is the first coordinator's code.

    ``url`` is where the node itself listens, the ``gate`` is how other circles reach it. The
    ``database`` is where others keep their books too, or None for one that is the node's own. The
    file ``behind`` says how far its clock is behind, if it is.
    """

    directory: Path
    gate: Gate
    invitation: str = ""
    url: str = ""
    database: str | None = None
    behind: Path | None = None
    _process: Process | None = field(default=None, repr=False)

    @property
    def own_database(self) -> str:
        """Where the PostgreSQL is that the node supervises: it says so itself, on line 5."""
        pid_file = self.directory / "postgres" / "cluster" / "postmaster.pid"
        folder = quote(pid_file.read_text().splitlines()[4])
        return f"postgresql://tallystick@/postgres?host={folder}&port=5432&sslmode=disable"

    async def tallyd(self, command: str, *arguments: str, may_fail: bool = False) -> str:
        """What a command of ``tallyd`` about this circle prints. Raises DemoFailed."""
        words = (*command.split(), str(self.directory), *arguments)
        return await run_tallyd(*words, environment=self._environment(), may_fail=may_fail)

    async def check(self) -> int:
        """Have ``tallyd check`` replay the whole log; returns how many entries. Raises
        DemoFailed."""
        told = json.loads(await self.tallyd("check", "--json", may_fail=True))
        if told["problems"]:
            raise DemoFailed(f"tallyd check of {self.directory.name} found {told['problems']}")
        return int(told["entries"])

    async def found(self, name: str, address: str, *options: str) -> None:
        """Make the circle. Raises DemoFailed."""
        told = await self.tallyd("init", "--name", name, "--address", address, "--json", *options)
        self.invitation = json.loads(told)["invitation"]

    async def serve(self) -> None:
        """Start the node, where it listened before if it did. Raises DemoFailed."""
        with (self.directory / "node.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(_program(), "serve", str(self.directory)),
                env=self._environment(),
                stdout=PIPE,
                stderr=log,
                start_new_session=True,
            )
        self.url = await _address(self._process, self.directory)
        host, _, port = self._listen.rpartition(":")
        self.gate.target = host, int(port)

    async def kill(self) -> None:
        """Pull the plug: the node does nothing more, not even what it has begun."""
        assert self._process is not None, "the node serves"
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def end(self) -> None:
        """Stop the node as its operator would."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()
        except asyncio.CancelledError:
            process.kill()
            raise

    @property
    def _listen(self) -> str:
        return self.url.removeprefix("http://") or "127.0.0.1:0"

    def _environment(self) -> dict[str, str]:
        own = {"TALLYD_LISTEN": self._listen, "TALLYD_PUBLIC_URL": self.gate.url}
        if self.database is not None:
            own["DATABASE_URL"] = self.database
        if self.behind is not None:
            own["TALLYD_BEHIND"] = str(self.behind)
        return {name: value for name, value in os.environ.items() if name not in SETTINGS} | own


def _program() -> Path:
    program = Path(sys.executable).with_name("tallyd")
    if not program.exists():
        raise DemoFailed("tallyd is not beside this Python; install tallystick[node]")
    return program


async def run_tallyd(*words: str, environment: Mapping[str, str], may_fail: bool = False) -> str:
    """What a command prints. It ends with the demo. Raises DemoFailed."""
    process = await asyncio.create_subprocess_exec(
        _program(), *words, env=environment, stdout=PIPE, stderr=PIPE
    )
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise
    if process.returncode and not (may_fail and out):
        raise DemoFailed(f"tallyd {words[0]} said: {_last_line(err)}")
    return out.decode()


@asynccontextmanager
async def raise_curtain(
    stage: Stage, port: int, name: str, address: str, *options: str
) -> AsyncIterator[Stage]:
    """Found a circle, reached at ``port`` unless that is taken, and serve it until the block ends.

    ``options`` go to ``tallyd init``. Raises DemoFailed.
    """
    async with open_gate(port) as stage.gate:
        await stage.found(name, address, *options)
        try:
            await stage.serve()
            yield stage
        finally:
            await stage.end()


async def _address(process: Process, directory: Path) -> str:
    """Where a node that starts says that it serves. Raises DemoFailed."""
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS_MAX)
    except TimeoutError:
        line = b""
    if b" at " not in line:
        said = _last_line((directory / "node.log").read_bytes())
        raise DemoFailed(f"the node in {directory.name} did not start; it said: {said}")
    return line.decode().rsplit(" ", 1)[1].strip()


def _last_line(said: bytes) -> str:
    return said.decode(errors="replace").strip().rpartition("\n")[2].rstrip(".")
