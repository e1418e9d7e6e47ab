"""``tally demo``: the story, as its figures tell it, and how it is left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from client.demo import picture
from client.demo.between import Between
from client.demo.gate import Gate
from client.demo.narrator import WIDTH, Narrator
from client.demo.neighbourhood import (
    AGREEMENTS,
    BRANCH,
    FOUNDINGS,
    RING,
    Circle,
    Standing,
)
from client.demo.play import stay
from client.demo.stage import Stage

TALLY = Path(sys.executable).with_name("tally")
SECONDS_MAX = 180


def environment(folder: Path) -> dict[str, str]:
    """Everything goes into ``folder``; an operator's own settings are none of the demo's."""
    own = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "TALLYD_LISTEN": "nowhere"}
    return {**os.environ, "TMPDIR": str(folder), **own}


def left_behind(folder: Path) -> list[str]:
    """Files in a folder, and processes that were started with it in their words."""
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if str(folder) in words:
            commands.append(words)
    return commands + [str(path) for path in folder.iterdir()]


def test_demo_plays_four_circles_to_the_end(tmp_path: Path) -> None:
    """Every payment arrives, each wrong is refused, a cycle is cleared, the liar is caught."""
    done = subprocess.run(
        [TALLY, "demo", "--once", "--json"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    assert figures.pop("seconds") > 0
    assert figures.pop("entries") >= 60
    assert figures == {
        "refused": 2,
        "verified": 20,
        "circles": 4,
        "payments_between_circles": 7,
        "minutes_freed_by_clearing": 180,
        "liars_caught": 1,
    }
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("how", "before"),
    [(signal.SIGINT, ""), (signal.SIGINT, "trap '' INT; "), (signal.SIGTERM, "")],
    ids=["interrupted", "interrupted in the background", "terminated"],
)
def test_demo_that_is_stopped_leaves_nothing_behind(
    tmp_path: Path, how: signal.Signals, before: str
) -> None:
    """In the middle of the story, with a node serving; what a shell runs in the background has its
    interrupts ignored from the start."""
    with subprocess.Popen(
        ["sh", "-c", f'{before}exec "$0" demo', TALLY],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        while "Neighbours join" not in demo.stdout.readline():
            assert demo.poll() is None
        demo.send_signal(how)
        try:
            _, said = demo.communicate(timeout=SECONDS_MAX)
        finally:
            demo.kill()
    assert (demo.returncode, said.strip()) == (130, "Stopped.")
    assert left_behind(tmp_path) == []


async def test_demo_says_where_its_circles_are_until_it_is_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with AsyncExitStack() as stack:
        circles = {
            founding: Circle(founding, Stage(tmp_path / founding.domain, Gate(url)))
            for founding, url in zip(FOUNDINGS, ("http://a", "http://b", "c", "d"), strict=True)
        }
        between = Between(tmp_path, Narrator(), stack, circles)
        asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGINT)
        await stay(Narrator(), between)
    told = capsys.readouterr().out
    assert "   Elm Street    http://a\n   Mill Lane     http://b\n" in told
    assert "The nodes stop." in told


def test_picture_of_the_circles_is_plain_and_fits_a_terminal() -> None:
    even = Standing(0, True, "open")
    told = {founding.address: dict.fromkeys(_addresses(), even) for founding in FOUNDINGS}
    told[BRANCH.one.address][BRANCH.other.address] = Standing(-90, True, "frozen")
    told[RING[0].one.address][RING[0].other.address] = Standing(600, True, "open")
    for drawn in (picture.draw_limits(), picture.draw_standings(told)):
        assert all(line.isascii() and len(line) <= WIDTH for line in drawn)
        assert len(drawn) == len(picture.MAP) + 1 + len(AGREEMENTS)
    assert drawn[-4:] == [
        "   1  Mill Lane owes Elm Street 10 h (at most 10 h)",
        "   2  Mill Lane and Harbour are even",
        "   3  Harbour and Elm Street are even",
        "   4  Harbour owes Chapel Hill 1 h 30 (at most 10 h): CLOSED, it lied",
    ]


def _addresses() -> list[str]:
    return [founding.address for founding in FOUNDINGS]


def test_story_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    narrator = Narrator()
    narrator.quote("On its way: 1 token, waiting for a circle with a long name. " * 4)
    narrator.figures({f"a_figure_of_number_{number}": number for number in range(9)})
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "a figure of number 8: 8" in lines[-1]
