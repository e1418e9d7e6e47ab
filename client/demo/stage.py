"""Where the demo plays: a fresh directory, and a ``tallyd`` of its own in it."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from client.errors import DemoFailed

START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 60


@dataclass(frozen=True, slots=True)
class Stage:
    """A circle being served: its node's address, its directory, and the first invitation's code."""

    url: str
    directory: Path
    invitation: str

    async def check(self) -> dict[str, object]:
        """What ``tallyd check`` says of the whole log."""
        told = await _tallyd("check", str(self.directory), "--json", may_fail=True)
        result: dict[str, object] = json.loads(told)
        return result


def _program() -> Path:
    program = Path(sys.executable).with_name("tallyd")
    if not program.exists():
        raise DemoFailed("tallyd is not beside this Python; install tallystick[node]")
    return program


async def _tallyd(*arguments: str, may_fail: bool = False) -> str:
    process = await asyncio.create_subprocess_exec(_program(), *arguments, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    if process.returncode and not (may_fail and out):
        raise DemoFailed(f"tallyd {arguments[0]} said: {err.decode(errors='replace').strip()}")
    return out.decode()


@asynccontextmanager
async def raise_curtain(directory: Path, listen: str) -> AsyncIterator[Stage]:
    """Found a circle in ``directory`` and serve it until the block ends."""
    told = json.loads(
        await _tallyd(
            *("init", str(directory), "--name", "Elm Street Circle", "--json"),
            *("--address", "elm-street.example", "--listen", listen, "--ceiling", "100"),
        )
    )
    log = (directory / "node.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        _program(), "serve", str(directory), stdout=PIPE, stderr=log, start_new_session=True
    )
    try:
        yield Stage(await _address(process, directory), directory, told["invitation"])
    finally:
        log.close()
        await _end(process)


async def _address(process: Process, directory: Path) -> str:
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS_MAX)
    except TimeoutError:
        line = b""
    if b" at " not in line:
        raise DemoFailed(f"the node did not start; {directory / 'node.log'} says why")
    return line.decode().rsplit(" ", 1)[1].strip()


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
    except TimeoutError:
        process.kill()
        await process.wait()
