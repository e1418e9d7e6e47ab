"""A circle that rehearses: its members ask for help and give it at their terminals, by a clock that
is behind and is moved on, as their node's is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from client.clock import unix_ms
from client.keystore import KeyStore
from tests.help_circle import until_tuesday
from tests.live_node import LiveNode, live_node
from tests.terminal import Person

ZONE = ZoneInfo("Europe/London")
STARTER = 1200
"""Minutes."""

BEGINNING = timedelta(days=100)
"""So long ago: no test goes further."""


@dataclass(slots=True)
class HelpCircle:
    """A node that serves, the folder with everybody's keys, and the clock that all go by."""

    node: LiveNode
    folder: Path
    behind: timedelta = BEGINNING

    def pass_time(self, **span: float) -> None:
        """Let so much time pass, for everybody."""
        self.behind -= timedelta(**span)
        set_behind(self.folder, self.behind)

    def at(self, hours: float, *, minutes: int = 0) -> datetime:
        """So many hours from now, at a full quarter, on the circle's clock."""
        now = datetime.fromtimestamp(unix_ms() / 1000, ZONE).replace(tzinfo=None)
        quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
        return quarter + timedelta(hours=hours, minutes=minutes)

    def person(self, handle: str, shown: pytest.CaptureFixture[str]) -> Person:
        """Somebody at their own terminal."""
        return Person(self.folder / handle, shown)


def set_behind(folder: Path, behind: timedelta) -> Path:
    """Say how far behind it is, in the file that is returned."""
    path = folder / "behind"
    fresh = path.with_suffix(".new")
    fresh.write_text(f"{behind // timedelta(milliseconds=1)}\n")
    return fresh.replace(path)


def written(when: datetime) -> str:
    """As people write it in a command."""
    return f"{when:%Y-%m-%d %H:%M}"


@contextmanager
def help_circle(folder: Path) -> Iterator[HelpCircle]:
    """A circle that counts minutes: the coordinator olive, members ann, bob and eve, and dot and
    sam, who have no device."""
    options = ("--minutes", "--unit", "hour", "--scale", "0")
    with ExitStack() as stack:
        setting = stack.enter_context(pytest.MonkeyPatch.context())
        setting.setenv("TALLYD_BEHIND", str(set_behind(folder, BEGINNING)))
        node = stack.enter_context(live_node(folder, *options))
        circle = HelpCircle(node, folder)
        asyncio.run(node.officer(KeyStore(folder / "olive"), "olive"))
        for handle in ("ann", "bob", "eve"):
            asyncio.run(node.join(KeyStore(folder / handle), handle, floor=0, starter=STARTER))
        circle.pass_time(milliseconds=until_tuesday(unix_ms()))
        yield circle
