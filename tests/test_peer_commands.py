"""``tallyd peer`` between two nodes that serve: what two coordinators type, and are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.terminal import Person, Shown
from tests.two_circles import SECONDS_MAX, Circles, Side, two_circles
from tests.waiting import wait_until

_TALLYD = "import sys; from node.cli import main; sys.argv[0] = 'tallyd'; main()"


@pytest.fixture(scope="module")
def circles(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Circles]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", postgres_dsn)
        with two_circles(postgres_dsn, tmp_path_factory.mktemp("circles")) as circles:
            yield circles


def refused(side: Side, command: str, *arguments: str) -> str:
    """What a command says that is refused."""
    words = [*command.split(), str(side.node.directory), *arguments]
    made = subprocess.run(
        [sys.executable, "-c", _TALLYD, *words],
        env={**os.environ, "TALLYD_LISTEN": f"127.0.0.1:{side.node.port}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )
    assert made.returncode != 0, made.stdout
    assert "Traceback" not in made.stderr
    return made.stderr


def stands(side: Side) -> dict[str, Any]:
    """How the circle stands with its one neighbour."""
    [peer] = json.loads(side.tallyd("peer list", "--json"))["peers"]
    found: dict[str, Any] = peer
    return found


def test_who_saw_the_terms_may_agree_at_another_rate(circles: Circles) -> None:
    """What the two count in is known from the terms alone; once it is signed, it is settled."""
    south, exeter = circles.southwark, circles.exeter
    invitation = south.tallyd("peer invite").splitlines()[0]
    seen = refused(exeter, "peer accept", invitation)
    assert "1 of this circle's smallest units are worth 1 minutes;" in seen
    seen = refused(exeter, "peer accept", invitation, "--rate", "6:60")
    assert "6 of this circle's smallest units are worth 60 minutes;" in seen
    exeter.tallyd("peer accept", invitation, "--rate", "6:60", "--yes")
    assert "or on other terms" in refused(exeter, "peer accept", invitation)


def test_terms_are_proposed_seen_withdrawn_declined_and_agreed(circles: Circles) -> None:
    south, exeter = circles.southwark, circles.exeter
    assert "what is agreed already" in refused(south, "peer propose", "exeter circle")
    offer = ("exeter.example", "--they-may-owe", "300", "--rate", "2:3")
    proposed = south.tallyd("peer propose", *offer)
    assert "Exeter Circle may owe this circle up to 300 minutes. (Now: 600 minutes.)" in proposed
    assert "still with the peer" in refused(south, "peer propose", *offer)
    wait_until(lambda: bool(stands(exeter)["offered"]))
    seen = exeter.tallyd("peer terms", "southwark circle")
    assert "Southwark Circle proposes:" in seen
    assert "This circle may owe Southwark Circle up to 300 minutes. (Now: 600 minutes.)" in seen
    assert "3 minutes are worth 2 of the smallest units of Southwark Circle." in seen
    south.tallyd("peer withdraw", "exeter.example")
    wait_until(lambda: not stands(exeter)["offered"] and not stands(south)["proposed"])
    assert "proposes nothing" in refused(exeter, "peer accept", "southwark.example", "--yes")
    south.tallyd("peer propose", *offer)
    wait_until(lambda: bool(stands(exeter)["offered"]))
    exeter.tallyd("peer decline", "southwark.example")
    wait_until(lambda: not stands(south)["proposed"])
    assert stands(south)["agreement"] == stands(exeter)["agreement"] == 1


def test_how_two_circles_stand_is_told_payment_by_payment_through_rounding_and_a_new_rate(
    circles: Circles, capsys: Shown
) -> None:
    """A token is ten minutes. At first one costs ten; then, at two for three, one costs seven,
    and of two come thirteen."""
    south, exeter = circles.southwark, circles.exeter
    ann = Person(south.home("ann"), capsys)
    cat = Person(exeter.home("cat"), capsys)
    assert ann("pay", "cat@exeter.example", "10min", "--yes").status == 0
    owing = refused(south, "peer leave", "exeter.example", "--yes")
    assert "members there pay members here 10 minutes in all" in owing
    south.tallyd("peer propose", "exeter.example", "--rate", "2:3", "--they-may-owe", "300")
    wait_until(lambda: bool(stands(exeter)["offered"]))
    assert "Agreed" in exeter.tallyd("peer accept", "southwark.example", "--yes")
    wait_until(lambda: stands(south)["agreement"] == 2)
    assert ann("pay", "cat@exeter.example", "7min", "--yes").status == 0
    told = south.tallyd("peer why", "exeter.example")
    assert "ann sent 10 minutes there (10 min here). This circle owes Exeter Circle 10" in told
    assert "ann sent 10 minutes there (7 min here). This circle owes Exeter Circle 20" in told
    assert cat("pay", "ann@southwark.example", "2", "--yes").status == 0
    wait_until(lambda: stands(south)["owed"] == stands(exeter)["owed"] == 0)
    lines = south.tallyd("peer why", "exeter.example").splitlines()
    assert lines[0].startswith("Exeter Circle and this circle are even. At most 300 may be owed")
    assert lines[1] == "  Agreement 1 began, at 1 of this circle's smallest units for 1 minutes."
    assert lines[3] == "  Agreement 2 began, at 2 of this circle's smallest units for 3 minutes."
    assert lines[5].endswith(
        "ann got 20 minutes from there (13 min here). Exeter Circle and this circle are even."
    )
    assert "stands at +4 min. By rounding, 0.667 of its smallest units" in lines[6]
    assert lines[7] == "By new rates for what was owed already, 3.333 have been gained."
    theirs = exeter.tallyd("peer why", "southwark.example")
    assert "cat got 10 minutes from there (1 token here)" in theirs
    assert "cat sent 20 minutes there (2 tokens here)" in theirs
    assert "DOES NOT ADD UP" not in theirs + "".join(lines)


def test_an_agreement_ends_and_begins_again(circles: Circles, capsys: Shown) -> None:
    south, exeter = circles.southwark, circles.exeter
    cat = Person(exeter.home("cat"), capsys)
    south.tallyd("peer leave", "exeter.example", "--yes")
    wait_until(lambda: stands(exeter)["status"] == "left")
    assert "The agreement has ended." in exeter.tallyd("peer list")
    assert cat("pay", "ann@southwark.example", "2", "--yes").status != 0
    invitation = exeter.tallyd("peer invite").splitlines()[0]
    again = refused(south, "peer accept", invitation, "--yes")
    assert "has ended; propose new terms" in again
    begin = exeter.tallyd("peer propose", "southwark.example", "--largest", "100")
    assert "begins again" in begin
    wait_until(lambda: bool(stands(south)["offered"]))
    south.tallyd("peer accept", "exeter.example", "--yes")
    wait_until(lambda: stands(exeter)["status"] == "open")
    assert cat("pay", "ann@southwark.example", "2", "--yes").status == 0
    assert stands(exeter)["owed"] == -20
    for side in (south, exeter):
        side.tallyd("check")


def test_a_circle_that_is_gone_has_its_procedure(circles: Circles, capsys: Shown) -> None:
    """The node starts afresh, and its neighbour does not say where the link stands."""
    south, exeter = circles.southwark, circles.exeter
    cat, dan = (Person(exeter.home(handle), capsys) for handle in ("cat", "dan"))
    south.node.stop()
    cat("pay", "ann@southwark.example", "2", "--yes")
    assert stands(exeter)["outgoing"] == 20
    assert "20 minutes to there are under way." in exeter.tallyd("peer why", "southwark.example")
    under_way = refused(exeter, "peer leave", "southwark.example", "--yes")
    assert "Payments with Southwark Circle are still under way, the oldest since" in under_way
    assert "for 30 days" in refused(exeter, "peer give-up", "southwark.example", "--yes")
    [promise] = dan.json("promises", "--account", "cat")["promises"]
    early = dan.fail("officer", "free", "cat", str(promise["index"]), "--reason", "they are away")
    assert "the other circle has three days to answer" in early
    exeter.node.stop()
    exeter.node.start()
    assert "suspended" in exeter.tallyd("peer suspend", "southwark.example")
    assert stands(exeter)["status"] == "suspended"
    south.node.start()
    wait_until(lambda: bool(stands(south)["suspended_by_peer"]))
    wait_until(lambda: stands(exeter)["outgoing"] == 0)
    exeter.tallyd("peer resume", "southwark.example")
    wait_until(lambda: not stands(south)["suspended_by_peer"])
