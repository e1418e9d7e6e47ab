"""The demo's beginning and end: what it prints, and how it is left standing."""

from __future__ import annotations

import asyncio
import json
import signal
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from client.demo import between, fortnight, picture, story, trouble
from client.demo.between import Between
from client.demo.clock import begin_fortnight
from client.demo.narrator import Narrator
from client.demo.neighbourhood import ELM_STREET, raise_rehearsal
from client.demo.story import Story


async def main(*, once: bool, as_json: bool) -> None:
    """Play the circles; then leave their nodes up until interrupted, unless ``once``.

    ``as_json`` prints one JSON object of figures in place of the story, and implies ``once``.
    Raises DemoFailed; CancelledError when it was told to end before that.
    """
    task = asyncio.current_task()
    assert task is not None, "this is run by one"
    # Both, as whatever runs this in the background has Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    narrator = Narrator(silent=as_json)
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tallystick-")))
        narrator.say("Elm Street Circle: a node is starting, on a database of its own...")
        clock = begin_fortnight(folder / "behind")
        elm_street = await raise_rehearsal(stack, folder, ELM_STREET, clock)
        inside = Story(elm_street, folder, narrator, clock)
        await story.begin(inside, stack)
        await fortnight.play(inside)
        await story.end(inside)
        outside = Between(folder, narrator, stack, {ELM_STREET: elm_street})
        await _play_between(outside)
        entries = await _check(outside)
        figures = {
            "entries": entries,
            "refused": inside.refused,
            "verified": inside.verified,
            "requests_for_help": inside.asked,
            "visits": inside.visits,
            "minutes_helped": inside.minutes,
            "paid_by_silence": inside.silent,
            "moved_up_from_waiting": inside.moved_up,
            "circles": len(outside.circles),
            "payments_between_circles": outside.arrived,
            "minutes_freed_by_clearing": outside.freed,
            "liars_caught": outside.liars,
            "seconds": round(time.monotonic() - began, 1),
        }
        if as_json:
            print(json.dumps(figures))
            return
        narrator.figures(figures)
        if not once:
            await stay(narrator, outside)


async def _play_between(outside: Between) -> None:
    await between.begin(outside)
    await between.clear_cycle(outside)
    await between.welcome_fourth(outside)
    await trouble.kill_node(outside)
    await trouble.cut_line(outside)
    await trouble.catch_liar(outside)


async def _check(outside: Between) -> int:
    """Replay every log, and compare what circles say of each other. Returns how many entries."""
    narrator = outside.narrator
    narrator.chapter("How it stands in the end")
    narrator.picture(picture.draw_standings(await outside.standings()))
    circles = outside.circles.values()
    entries = sum(await asyncio.gather(*(circle.stage.check() for circle in circles)))
    narrator.say()
    narrator.event("Of each link both circles say the same, to the minute.")
    narrator.event(f"A second model replayed all {entries} entries of the four, and agrees.")
    return entries


async def stay(narrator: Narrator, outside: Between) -> None:
    """Leave the nodes up until Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    circles = outside.circles.values()
    listed = "\n".join(f"   {each.title:<14}{each.stage.gate.url}" for each in circles)
    home = outside.folder / "edith"
    narrator.say(f"""
The four circles are still here:
{listed}
Look around as Edith, in another terminal:
   .venv/bin/tally --home {home} statement
   .venv/bin/tally --home {home} find bycicles
   .venv/bin/tally --home {home} verify
   .venv/bin/tally --home {home} pay gus@mill-lane 0.5
Or as the operator of Elm Street:
   .venv/bin/tallyd peer list {outside.circles[ELM_STREET].stage.directory}
Ctrl-C ends it, and leaves nothing behind.""")
    await stop.wait()
    narrator.say("\nThe nodes stop.")
