"""A circle that rehearses: its clocks are behind as a file says, together, and never ahead."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from client.clock import unix_ms
from client.errors import InputRefused
from ledger.orders import Pay
from node.clock import BEHIND_MS_MAX, read_behind, rehearsal_clock, steady_clock, wall_clock
from node.clock import Clock as NodeClock
from node.config import BadSettings, Config, read_config
from node.log_clock import LogClock
from tests.circle_node import DAY, HOUR, CircleNode, Clock, Home, found_circle, serving

SLACK_MS = 2000
FORTNIGHT = 14 * DAY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file that says how far behind it is: a fortnight, at first."""
    path = tmp_path / "behind"
    say(path, FORTNIGHT)
    return path


def say(path: Path, behind: int) -> None:
    path.write_text(f"{behind}\n")


def settings(folder: Path, **environment: str) -> Config:
    (folder / "node.toml").write_text('schema = "circle"\n')
    return read_config(folder, environment)


def test_both_clocks_are_behind_and_go_on_together(path: Path) -> None:
    """So that the log's clock, which compares them, takes days that go by for days."""
    clock = rehearsal_clock(path)
    log_clock = LogClock(clock.wall, clock.steady)
    first = log_clock.read(0)
    assert first is not None
    assert first == pytest.approx(wall_clock() - FORTNIGHT, abs=SLACK_MS)
    for behind in (FORTNIGHT - 3 * DAY, HOUR, 0):
        say(path, behind)
        later = log_clock.read(first)
        assert later == pytest.approx(wall_clock() - behind, abs=SLACK_MS)
        assert clock.steady() == pytest.approx(steady_clock() - behind, abs=SLACK_MS)


def test_the_log_does_not_go_back_with_a_rehearsal(path: Path) -> None:
    clock = rehearsal_clock(path)
    log_clock = LogClock(clock.wall, clock.steady)
    first = log_clock.read(0)
    assert first is not None
    say(path, FORTNIGHT + DAY)
    assert log_clock.read(first) is None
    say(path, FORTNIGHT - DAY)
    assert log_clock.read(first) is not None


@pytest.mark.parametrize(
    "written", ["", "5", "5\n6\n", "-5\n", "+5\n", "a while\n", f"{BEHIND_MS_MAX + 1}\n", "٣\n"]
)
def test_what_says_no_time_changes_nothing(path: Path, written: str) -> None:
    """Such as a file that is just being written. There is no way to say ahead."""
    clock = rehearsal_clock(path)
    path.write_text(written)
    assert read_behind(path) is None
    assert clock.wall() == pytest.approx(wall_clock() - FORTNIGHT, abs=SLACK_MS)
    path.unlink()
    assert clock.wall() == pytest.approx(wall_clock() - FORTNIGHT, abs=SLACK_MS)


def test_without_the_setting_the_clocks_are_the_computers_own(tmp_path: Path, path: Path) -> None:
    assert settings(tmp_path).make_clock() == NodeClock()
    rehearsing = settings(tmp_path, TALLYD_BEHIND=str(path))
    assert rehearsing.behind == path
    assert rehearsing.make_clock().wall() < wall_clock() - FORTNIGHT + SLACK_MS


@pytest.mark.parametrize("listen", ["127.0.0.1:8470", "[::1]:8470", "localhost:0"])
def test_a_rehearsal_listens_on_its_own_computer(tmp_path: Path, path: Path, listen: str) -> None:
    public = "http://127.0.0.1:8471"
    config = settings(
        tmp_path, TALLYD_BEHIND=str(path), TALLYD_LISTEN=listen, TALLYD_PUBLIC_URL=public
    )
    assert config.behind == path


@pytest.mark.parametrize(
    ("environment", "where"),
    [
        ({"TALLYD_LISTEN": "0.0.0.0:8470"}, "0.0.0.0"),
        ({"TALLYD_LISTEN": "[::]:8470"}, "::"),
        ({"TALLYD_LISTEN": "192.168.1.20:8470"}, "192.168.1.20"),
        ({"TALLYD_LISTEN": "circle.example:8470"}, "circle.example"),
        ({"TALLYD_PUBLIC_URL": "https://circle.example"}, "circle.example"),
    ],
)
def test_a_rehearsal_is_refused_where_others_reach_it(
    tmp_path: Path, path: Path, environment: dict[str, str], where: str
) -> None:
    with pytest.raises(BadSettings) as refused:
        settings(tmp_path, TALLYD_BEHIND=str(path), **environment)
    said = str(refused.value)
    assert "TALLYD_BEHIND is set" in said
    assert "reached from its own computer only" in said
    assert where in said


def test_a_rehearsal_without_its_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="should name a file with one line"):
        settings(tmp_path, TALLYD_BEHIND=str(tmp_path / "none"))


def test_a_device_goes_by_the_clock_of_the_rehearsal(path: Path) -> None:
    now = unix_ms({"TALLYD_BEHIND": str(path)})
    assert now == pytest.approx(wall_clock() - FORTNIGHT, abs=SLACK_MS)
    assert unix_ms({}) == pytest.approx(wall_clock(), abs=SLACK_MS)
    for written in ("", "soon\n", "-5\n"):
        path.write_text(written)
        with pytest.raises(InputRefused, match="should name a file with one line"):
            unix_ms({"TALLYD_BEHIND": str(path)})


@dataclass(slots=True)
class Rehearsed(Clock):
    """The clock of a test's circle, read from a file as a node's is."""

    clock: NodeClock = field(default_factory=NodeClock)

    def wall(self) -> int:
        return self.clock.wall()

    def steady(self) -> int:
        return self.clock.steady()


@pytest_asyncio.fixture
async def home(postgres_dsn: str, tmp_path: Path, path: Path) -> AsyncIterator[Home]:
    clock = Rehearsed(clock=rehearsal_clock(path))
    home = await found_circle(postgres_dsn, tmp_path / "circle", clock=clock)
    home.config = replace(home.config, behind=path)
    try:
        yield home
    finally:
        await home.drop()


async def test_a_circle_that_rehearses_says_so_and_moves_on(home: Home, path: Path) -> None:
    async with serving(home) as node:
        await node.join("ann", home.founded.invitation_code)
        await node.welcome("mia")
        shown = await node.read("/.well-known/tallystick")
        assert shown["rehearsal"] == pytest.approx(FORTNIGHT, abs=SLACK_MS)
        async with node.http.get("/") as page:
            assert "This circle rehearses." in await page.text()
        assert "entry" in await pay(node)
        say(path, DAY)
        assert "entry" in await pay(node)
        say(path, FORTNIGHT)
        refused = await pay(node)
        assert refused["problem"]["code"] == "frozen"
        say(path, 0)
        assert "entry" in await pay(node)
    async with home.database() as database:
        rows = await database.fetch("SELECT log_time FROM entries ORDER BY index")
    times = [row["log_time"] for row in rows]
    assert times == sorted(times)
    assert times[0] == pytest.approx(times[-1] - FORTNIGHT, abs=60_000)
    assert times[-1] <= wall_clock()


async def pay(node: CircleNode) -> Any:
    """What an order that is good for an hour comes to."""
    act = Pay(((node["ann"].account, 1),))
    order = node.sign(node["mia"], act, expires=node.clock.wall() + HOUR)
    [result] = await node.submit(order)
    return result


async def test_a_circle_says_that_it_does_not_rehearse(home: Home) -> None:
    home.config = replace(home.config, behind=None)
    async with serving(home) as node:
        assert (await node.read("/.well-known/tallystick"))["rehearsal"] is None
        async with node.http.get("/") as page:
            assert "rehearses" not in await page.text()
