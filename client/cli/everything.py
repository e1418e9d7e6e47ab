"""``tally everything``: what the circle's node holds on a member, for them to keep or to read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from client.cli.command import Told, command
from client.cli.run import Run
from client.errors import InputRefused


@command("everything")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
async def everything(run: Run, file: Path) -> Told:
    """Save all that the circle's node holds on you in FILE, as JSON; it must not be there yet."""
    member = await run.member()
    data = await (await member.session()).everything(member.person)
    try:
        await asyncio.to_thread(write_new, file, data)
    except OSError as error:
        raise InputRefused(f"{file} cannot be written ({error.strerror}).") from None
    told = f"All that is held on you is in {file} now: {len(data)} bytes."
    return Told(told, {"saved": str(file), "bytes": len(data)})


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, for its owner alone. Raises OSError."""
    with path.open("xb") as file:
        path.chmod(0o600)
        file.write(data)
