"""Paying into a circle that one's own has no agreement with, over one that has, by gossip."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal import Person, Result, Shown
from tests.two_circles import Circles, Side, serving, two_circles
from tests.waiting import COMES_SECONDS_MAX


@pytest.fixture
def circles(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Circles, Side]]:
    """Southwark and Exeter, and Bristol, which has an agreement with Exeter alone."""
    monkeypatch.setenv("DATABASE_URL", postgres_dsn)
    tokens = ("--unit", "token", "--scale", "2")
    with (
        two_circles(postgres_dsn, tmp_path) as circles,
        serving(postgres_dsn, tmp_path / "bristol", "bristol", *tokens) as bristol,
    ):
        invitation = circles.exeter.tallyd("peer invite", "--rate", "6:60").splitlines()[0]
        bristol.tallyd("peer accept", invitation, "--yes", "--rate", "600:60")
        bristol.welcome("bob")
        yield circles, bristol


def pay_once_known(payer: Person, *arguments: str) -> Result:
    """Pay as soon as a way there is known."""
    end = time.monotonic() + COMES_SECONDS_MAX
    while "no way" in (result := payer("pay", *arguments, "--yes")).err:
        assert time.monotonic() < end, result
        time.sleep(0.5)
    return result


def test_a_payment_crosses_two_links_or_comes_back(
    circles: tuple[Circles, Side], capsys: Shown
) -> None:
    (known, bristol) = circles
    ann = Person(known.southwark.home("ann"), capsys)
    bob = Person(bristol.home("bob"), capsys)
    began = bob.json("balance")["accounts"][0]["balance"]
    paid = pay_once_known(ann, "bob@bristol.example", "1h", "--for", "a lift")
    assert paid.status == 0, paid
    assert "it cost you 1 hour" in paid.out
    assert bob.json("balance")["accounts"][0]["balance"] == began + 600
    line = bob.json("statement")["lines"][0]
    assert (line["kind"], line["text"]) == ("arrive", "ann@southwark.example\na lift")
    assert line["counterparty"]["name"] == "Exeter Circle"
    back = ann("pay", "zed@bristol.example", "1h", "--yes")
    assert back.status == 1
    assert "has nobody called zed who can take as much now" in back.out
    assert [peer["owed"] for peer in peers(known.southwark)] == [-60]
    assert [peer["owed"] for peer in peers(bristol)] == [60]
    assert sorted(peer["owed"] for peer in peers(known.exeter)) == [-60, 60]
    assert all(peer["incoming"] == peer["outgoing"] == 0 for peer in peers(known.exeter))
    assert ann.json("verify")["ok"]
    assert bob.json("verify")["ok"]


def peers(side: Side) -> list[dict[str, int]]:
    listed: list[dict[str, int]] = json.loads(side.tallyd("peer list", "--json"))["peers"]
    return listed
