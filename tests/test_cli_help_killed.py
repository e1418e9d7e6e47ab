"""Asking for help and giving it by programs that are killed between any two of their steps."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from itertools import count

import pytest

from client import help as help_calls
from client.keystore import KeyStore
from client.member import open_member
from tests.help_at_terminals import HelpCircle, help_circle, written
from tests.help_victim import KILLED
from tests.terminal import Person, Shown
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HelpCircle]:
    with help_circle(tmp_path_factory.mktemp("circle")) as served:
        yield served


@pytest.fixture
def ann(circle: HelpCircle, capsys: Shown) -> Person:
    """Who asks."""
    circle.person("olive", capsys).tell("events", "zone", "Europe/London")
    return circle.person("ann", capsys)


@pytest.fixture
def bob(ann: Person, circle: HelpCircle, capsys: Shown) -> Person:
    """Who helps."""
    person = circle.person("bob", capsys)
    told = ("--with", "garden", "--hours", "every day 0-24", "--weekly", "100h")
    person.tell("helping", *told)
    return person


@pytest.fixture
def eve(ann: Person, circle: HelpCircle, capsys: Shown) -> Person:
    """Who helps, too."""
    person = circle.person("eve", capsys)
    person.tell("helping", "--with", "garden", "--hours", "every day 0-24", "--weekly", "100h")
    return person


@pytest.fixture
def olive(circle: HelpCircle, capsys: Shown) -> Person:
    """The coordinator."""
    return circle.person("olive", capsys)


def kill_at_every_step(person: Person, *arguments: str) -> Iterator[bool]:
    """Run a command, killed at one step further each time; at last it comes to its end: True.

    What is asked for has to be done anew in between, where the command shall find it again.
    """
    for step in count(1):
        for moment in ("before", "after"):
            victim = [sys.executable, "-m", "tests.help_victim", str(step), moment]
            ended = subprocess.run(
                [*victim, str(person.home), *arguments], capture_output=True, text=True, check=False
            )
            assert ended.returncode in (0, KILLED), ended.stderr
            yield ended.returncode == 0
            if ended.returncode == 0:
                return


def money(person: Person) -> tuple[int, int]:
    """Somebody's balance, and what is set aside of it."""
    account = person.json("balance")["accounts"][0]
    return account["balance"], account["held"]


def ask(ann: Person, circle: HelpCircle) -> tuple[str, ...]:
    """The command with which two people are asked for."""
    return (
        *("ask", "Roses to cut", "--with", "garden", "--at", written(circle.at(48))),
        *("--helpers", "2", "--weeks", "2"),
    )


def test_asking_that_was_killed_at_any_step_is_finished_by_looking(
    circle: HelpCircle, ann: Person
) -> None:
    """All is set aside once, helpers are asked once, and what is cancelled comes back whole."""
    before = money(ann)
    for ended in kill_at_every_step(ann, *ask(ann, circle)):
        if not ended:
            shown = " ".join(ann.tell("ask").split())
            told = ("You wait for no help.", "Go on with it: tally ask --yes", "We are asking;")
            assert any(words in shown for words in told)
        ann.tell("ask", "--yes")
        requests = ann.json("ask")["requests"]
        assert [each["status"] for each in requests] == ["open"] * len(requests)
        assert len(requests) <= 1
        assert money(ann) == (before[0], 4 * 90 * len(requests))
        for each in requests:
            assert len({visit["hold"] for visit in each["visits"]}) == 4
            ann.tell("cancel", str(each["number"]), "--yes")
        assert money(ann) == before


def test_a_draft_that_was_killed_is_taken_back_whole(circle: HelpCircle, ann: Person) -> None:
    before = money(ann)
    for _ in kill_at_every_step(ann, *ask(ann, circle)):
        for each in ann.json("ask")["requests"]:
            ann.tell("cancel", str(each["number"]), "--yes")
        assert money(ann) == before
        assert ann.json("ask")["requests"] == []


def offered(circle: HelpCircle, ann: Person, bob: Person) -> str:
    """A request to which bob said yes."""
    asked = ("ask", "Roses to cut", "--with", "garden", "--at", written(circle.at(48)))
    number = str(ann.json(*asked)["help"]["number"])
    wait_until(lambda: any(str(e["number"]) == number for e in bob.json("asked")["requests"]))
    bob.tell("yes", number)
    return number


def booked(circle: HelpCircle, ann: Person, bob: Person) -> str:
    """A request to which bob is to come."""
    number = offered(circle, ann, bob)
    ann.tell("yes", number)
    return number


def visit_of(person: Person, number: str) -> dict[str, object]:
    """The one visit of a request."""
    views = person.json("ask")["requests"]
    found = next(each for each in views if str(each["number"]) == number)
    visit: dict[str, object] = found["visits"][0]
    return visit


def run_killed(person: Person, step: int, moment: str, *arguments: str) -> bool:
    """Run a command that is killed at a step; whether it came to its end before."""
    victim = [sys.executable, "-m", "tests.help_victim", str(step), moment, str(person.home)]
    ended = subprocess.run([*victim, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode in (0, KILLED), ended.stderr
    return ended.returncode == 0


def left_meanwhile(circle: HelpCircle, ann: Person, bob: Person) -> str:
    """A request whose promise names bob, who left at just that moment."""
    number = offered(circle, ann, bob)
    run_killed(ann, 2, "after", "yes", number)

    async def go() -> None:
        async with open_member(KeyStore(bob.home)) as member:
            session = await member.session()
            [visit] = (await help_calls.read_help(session, int(number))).visits
            await help_calls.leave(session, visit.number, rest=False)

    asyncio.run(go())
    visit = visit_of(ann, number)
    assert (visit["status"], visit["payee"] is None) == ("open", False)
    return number


def test_what_was_promised_to_somebody_as_they_left_comes_back(
    circle: HelpCircle, ann: Person, bob: Person, eve: Person, olive: Person
) -> None:
    """By looking, or by a coordinator; until then nobody else can be booked."""
    number = left_meanwhile(circle, ann, bob)
    wait_until(lambda: any(str(e["number"]) == number for e in eve.json("asked")["requests"]))
    eve.tell("yes", number)
    assert "is still for Bob, who cannot come" in ann.fail("yes", number, "eve")
    assert "What was set aside for you is Ann's again." in " ".join(bob.tell("asked").split())
    assert ann.tell("yes", number, "eve").startswith("Eve comes, ")
    ann.tell("cancel", number, "--yes")
    eve.tell("asked")
    eve.tell("helping", "--stop")
    ann.tell("ask")
    number = left_meanwhile(circle, ann, bob)
    told = olive.tell("desk", "cancel", number, "bob")
    assert told == "What was set aside for Bob is there for the next.\n"
    assert visit_of(ann, number)["payee"] is None
    ann.tell("cancel", number, "--yes")
    assert money(ann)[1] == 0


STEPS = [(step, moment) for step in (2, 3, 4) for moment in ("before", "after")]
"""The first is to sign in."""


@pytest.mark.parametrize(("step", "moment"), STEPS)
def test_agreeing_leaving_and_paying_may_be_killed_anywhere_and_said_again(
    circle: HelpCircle, ann: Person, bob: Person, step: int, moment: str
) -> None:
    """The promise names who comes once they are booked, is there for the next once they left, and
    is paid once."""
    number = offered(circle, ann, bob)
    run_killed(ann, step, moment, "yes", number)
    ann.tell("yes", number)
    visit = visit_of(ann, number)
    assert (visit["status"], visit["payee"]) == ("booked", visit["account"])
    run_killed(bob, step, moment, "cancel", number)
    if visit_of(ann, number)["status"] == "booked":
        bob.tell("cancel", number)
    visit = visit_of(ann, number)
    assert (visit["status"], visit["payee"]) == ("open", None)
    ann.tell("cancel", number, "--yes")
    number = booked(circle, ann, bob)
    circle.pass_time(hours=50)
    run_killed(bob, step, moment, "done", number, "--took", "1h15")
    bob.tell("done", number, "--took", "1h15")
    assert [each["claimed"] for each in ann.json("promises")["promises"]] == [75]
    before = money(ann)[0]
    run_killed(ann, step, moment, "confirm", number, "--took", "1h10")
    if ann("confirm", number, "--took", "1h10").status:
        assert "was paid for" in ann.fail("confirm", number)
    assert money(ann) == (before - 70, 0)
    ann.tell("thank", number, "Thank you")
