"""The demo's beginning and end: what it prints, and how it is left standing."""

from __future__ import annotations

import asyncio
import json
import signal
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from client.demo.narrator import Narrator
from client.demo.stage import raise_curtain
from client.demo.story import Story, play
from client.errors import DemoFailed

ADDRESS = "127.0.0.1:8471"
ANY_ADDRESS = "127.0.0.1:0"


async def main(*, once: bool, as_json: bool) -> None:
    """Play the circle; then leave the node up until interrupted, unless ``once``.

    ``as_json`` prints one JSON object of figures in place of the story, and implies ``once``.
    Raises DemoFailed.
    """
    narrator = Narrator(silent=as_json)
    began = time.monotonic()
    listen = ANY_ADDRESS if once or as_json or not await _is_free() else ADDRESS
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tallystick-")))
        narrator.say("Elm Street Circle: a node is starting, on a database of its own...")
        stage = await stack.enter_async_context(raise_curtain(folder / "node", listen))
        story = Story(stage, folder, narrator)
        await play(story, stack)
        checked = await stage.check()
        if checked["problems"]:
            raise DemoFailed(f"tallyd check found something wrong: {checked['problems']}")
        seconds = round(time.monotonic() - began, 1)
        narrator.event(f"A second model replayed all {checked['entries']} entries and agrees.")
        figures = {
            "entries": checked["entries"],
            "refused": story.refused,
            "verified": story.verified,
            "seconds": seconds,
        }
        if as_json:
            print(json.dumps(figures))
            return
        narrator.say()
        narrator.say("   ".join(f"{name}: {figure}" for name, figure in figures.items()))
        if not once:
            await _stay(narrator, stage.url, folder)


async def _is_free() -> bool:
    """Whether the demo's usual address is free; a second demo takes any."""
    host, port = ADDRESS.split(":")
    try:
        server = await asyncio.start_server(lambda *_: None, host, int(port))
    except OSError:
        return False
    server.close()
    await server.wait_closed()
    return True


async def _stay(narrator: Narrator, url: str, folder: Path) -> None:
    """Leave the node up until Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    narrator.say(f"""
The circle is still here: {url}
Look around as Edith, in another terminal:
   .venv/bin/tally --home {folder / "edith"} statement
   .venv/bin/tally --home {folder / "edith"} verify
Ctrl-C ends it, and leaves nothing behind.""")
    await stop.wait()
    narrator.say("\nThe node stops.")
