"""A circle whose people sit at their own terminals: what tests of ``tally`` begin with.

The fixtures ``olive``, ``mia``, ``noa`` and ``newcomer`` of conftest.py are of the circle that a
module's own fixture ``node`` serves.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from client.keystore import KeyStore
from tests.live_node import LiveNode, live_node
from tests.terminal import Person

WHY = ("--reason", "agreed at the meeting")

Newcomer = Callable[[str], Person]


@contextmanager
def circle_at_terminals(
    folder: Path,
    *handles: str,
    options: tuple[str, ...] = (),
    environment: dict[str, str] | None = None,
) -> Iterator[LiveNode]:
    """Serve a circle with the coordinator olive and members; ``options`` go to ``tallyd init``."""
    with live_node(folder, *options, environment=environment) as node:
        asyncio.run(node.officer(KeyStore(folder / "olive"), "olive", "Olive Oyl"))
        for member in handles:
            asyncio.run(node.join(KeyStore(folder / member), member))
        yield node


def welcome(node: LiveNode, olive: Person, home: Path, *terms: str) -> Person:
    """Invite somebody, who joins, called after their ``home`` and with a handle of their own."""
    person = Person(home, olive.shown)
    code = olive.json("officer", "invite", *terms, *WHY)["code"]
    named = ("--handle", handle(home.parent, home.name), "--name", home.name.title())
    told = person.tell("join", node.url, code, *named)
    assert f"Welcome to Peckham Circle, {home.name.title()}." in told
    return person


def handle(tmp_path: Path, name: str) -> str:
    """A handle of somebody who is in one test only, of the many that share a circle."""
    return f"{name}-{abs(hash(tmp_path)) % 10**8}"


def type_in(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Let lines be piped in."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def unwrapped(text: str) -> str:
    """On one line, however wide the terminal is."""
    return " ".join(text.split())
