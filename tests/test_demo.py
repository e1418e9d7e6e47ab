"""``tally demo``: the story, as its figures tell it, and how it is left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from client.clock import wall_ms
from client.demo import picture
from client.demo.between import Between
from client.demo.clock import DAYS, LAST_HOUR, begin_fortnight
from client.demo.diary import Diary, Mark
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
from client.errors import DemoFailed
from node.clock import read_behind

TALLY = Path(sys.executable).with_name("tally")
SECONDS_MAX = 180
DAY_MS = 24 * 3600 * 1000
SLACK_MS = 2000


def environment(folder: Path) -> dict[str, str]:
    """Everything goes into ``folder``; an operator's own settings are none of the demo's."""
    own = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "TALLYD_LISTEN": "nowhere",
        "TALLYD_BEHIND": "nowhere",
    }
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


def test_demo_plays_a_fortnight_and_four_circles_to_the_end(tmp_path: Path) -> None:
    """Help is found and paid, every payment arrives, each wrong is refused, a cycle is cleared,
    the liar is caught."""
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
    assert figures.pop("entries") >= 80
    assert figures == {
        "refused": 3,
        "verified": 34,
        "requests_for_help": 3,
        "visits": 3,
        "minutes_helped": 210,
        "paid_by_silence": 1,
        "moved_up_from_waiting": 1,
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


def test_fortnight_is_over_and_only_goes_on(tmp_path: Path) -> None:
    """It begins on a Monday morning; then the circle's clock catches up with the real one."""
    clock = begin_fortnight(tmp_path / "behind")
    assert clock.today().startswith("Monday ")
    assert clock.read() <= wall_ms() - (DAYS - 1) * DAY_MS
    assert clock.read() == pytest.approx(wall_ms() - clock.behind, abs=SLACK_MS)
    clock.go_to(13, LAST_HOUR)
    assert clock.today().startswith("Sunday ")
    assert read_behind(tmp_path / "behind") == clock.behind
    with pytest.raises(DemoFailed, match="back in time"):
        clock.go_to(13, 9)
    with pytest.raises(DemoFailed, match="in the future"):
        clock.go_to(40, 9)
    clock.catch_up()
    assert clock.read() == pytest.approx(wall_ms(), abs=SLACK_MS)
    assert read_behind(tmp_path / "behind") == 0


def test_diary_of_the_fortnight_is_plain_and_fits_a_terminal() -> None:
    diary = Diary()
    diary.note("Edith's garden", 0, Mark.ASKED, Mark.AGREED)
    diary.note("Edith's garden", 2, Mark.DONE)
    diary.note("Edith's garden", 2, Mark.PAID)
    diary.note("Grace's lift", 13, Mark.OFF)
    drawn = diary.draw(datetime(2026, 11, 2))
    assert all(line.isascii() and len(line) <= WIDTH for line in drawn)
    assert [line.split() for line in drawn] == [
        "Mo Tu We Th Fr Sa Su Mo Tu We Th Fr Sa Su".split(),
        [str(day) for day in range(2, 16)],
        ["Edith's", "garden", "?+", ".", "o$", *"..........."],
        ["Grace's", "lift", *".............", "x"],
        [],
        "? asked + agreed x off o done $ paid".split(),
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
