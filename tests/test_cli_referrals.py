"""Help from a neighbouring circle at the terminals of those whom it concerns.

Southwark counts hours, Exeter tokens, at six to the hour; both rehearse, by one clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import pytest

from client.clock import unix_ms
from tests.help_at_terminals import BEGINNING, HelpCircle, set_behind, written
from tests.help_circle import until_tuesday
from tests.terminal import Person, Shown
from tests.test_cli_help_killed import run_killed
from tests.two_circles import Circles, two_circles
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def circles(
    postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Circles, HelpCircle]]:
    """Both circles, and the clock that they go by."""
    folder = tmp_path_factory.mktemp("circles")
    with pytest.MonkeyPatch.context() as setting:
        setting.setenv("DATABASE_URL", postgres_dsn)
        setting.setenv("TALLYD_BEHIND", str(set_behind(folder, BEGINNING)))
        with two_circles(postgres_dsn, folder) as both:
            clock = HelpCircle(both.southwark.node, folder)
            clock.pass_time(milliseconds=until_tuesday(unix_ms()))
            yield both, clock


@dataclass(frozen=True, slots=True)
class People:
    """Who asks, the coordinator of Southwark, who helps, the coordinator of Exeter."""

    ann: Person
    olive: Person
    cat: Person
    dan: Person
    clock: HelpCircle


@pytest.fixture
def people(circles: tuple[Circles, HelpCircle], capsys: Shown) -> People:
    """Everybody, once cat helps with gardens and both circles allow it."""
    both, clock = circles
    ann, olive = (Person(both.southwark.home(each), capsys) for each in ("ann", "olive"))
    cat, dan = (Person(both.exeter.home(each), capsys) for each in ("cat", "dan"))
    for coordinator in (olive, dan):
        coordinator.tell("events", "zone", "Europe/London")
    dan.tell("desk", "terms", "6")
    olive.tell("desk", "neighbours", "exeter", "--ask")
    dan.tell("desk", "neighbours", "southwark", "--take")
    cat.tell("profile", "--contact", "cat@exeter.example", "--channel", "email")
    cat.tell("helping", "--with", "garden", "--hours", "every day 0-24", "--weekly", "100h")
    return People(ann, olive, cat, dan, clock)


def test_coordinators_say_what_passes(people: People) -> None:
    olive = people.olive
    told = said(olive, "desk", "neighbours", "exeter.example", "--not-ask", "--same-map")
    assert told == (
        "Exeter Circle (exeter.example): we ask nothing there; nothing of theirs is asked here."
        " Both use the same map grid."
    )
    assert "Say which circle" in olive.fail("desk", "neighbours", "--ask")
    assert "is not written like checked=dbs" in olive.fail(
        *("desk", "neighbours", "exeter", "--counts", "checked")
    )
    assert "no level nobody here" in olive.fail(
        *("desk", "neighbours", "exeter", "--counts", "nobody=dbs")
    )
    assert "No neighbouring circle is called 'truro'" in olive.fail("desk", "neighbours", "truro")
    assert "Only the coordinators" in people.ann.fail("desk", "neighbours", "exeter", "--ask")
    told = said(olive, "desk", "neighbours", "exeter", "--ask", "--other-map")
    assert "our members' requests may be asked there" in told


def test_somebody_of_exeter_helps_ann_of_southwark(people: People) -> None:
    """Asked with one word more, answered as usual, paid in the other circle's tokens, once."""
    ann, cat, clock = people.ann, people.cat, people.clock
    before = balance(cat), balance(ann)
    when = written(clock.at(48))
    ann.tell("ask", "Roses to cut", "--with", "garden", "--at", when, "--where", "12 Elm Road")
    number = max(each["number"] for each in ann.json("ask")["requests"])
    told = said(ann, "widen", str(number))
    assert "Who you are, and where, they learn only when you accept somebody." in told
    there = wait_for_request(cat)
    shown = cat.tell("asked")
    assert "Garden for somebody of Southwark Circle" in shown
    assert "Roses" not in shown
    told = said(cat, "yes", there)
    assert "Somebody of Southwark Circle is asked whether you may come" in told
    wait_until(lambda: "Somebody of Exeter Circle can come" in said(ann, "ask"))
    assert f"May they? tally yes {number} exeter" in said(ann, "ask")
    told = said(ann, "yes", str(number))
    assert told.startswith("Somebody of Exeter Circle comes, ")
    wait_until(lambda: "cat@exeter.example" in ann.tell("ask"))
    told = said(cat, "asked")
    assert "Where exactly: 12 Elm Road." in told
    assert "Ann (ann@southwark.example) expects you" in told or "Ann expects you" in told
    clock.pass_time(hours=50)
    told = said(cat, "done", there, "--took", "1h30")
    assert told.startswith("It is noted that it took 1 h 30. It is paid when")
    wait_until(lambda: "it took 1 h 30" in said(ann, "ask"))
    result = ann("confirm", str(number))
    assert result.status == 0, result
    assert "Arrived: cat@exeter.example got 9 tokens" in result.out
    wait_until(lambda: "it is paid" in ann.tell("ask"))
    assert "was paid" in ann.fail("confirm", str(number))
    ann.tell("thank", str(number), "You were quick")
    wait_until(lambda: "You were quick" in cat.tell("asked", there))
    assert (balance(cat), balance(ann)) == (before[0] + 9, before[1] - 90)


STEPS = list(product((2, 3, 4), ("before", "after")))
"""The first is to sign in; then what is set aside is freed, the payment named, and ordered."""


def test_paying_a_neighbour_may_be_killed_anywhere_and_said_again(people: People) -> None:
    ann, cat, clock = people.ann, people.cat, people.clock
    before = balance(cat)
    for step, moment in STEPS:
        when = written(clock.at(48))
        asked = ("ask", "Roses", "--with", "garden", "--at", when, "--wider")
        number = ann.json(*asked)["help"]["number"]
        there = wait_for_request(cat)
        cat.tell("yes", there)
        wait_until(lambda: "May they?" in said(ann, "ask"))
        ann.tell("yes", str(number))
        wait_until(lambda: "cat@exeter" in ann.tell("ask"))
        clock.pass_time(hours=50)
        cat.tell("done", there)
        wait_until(lambda: "tally confirm" in said(ann, "ask"))
        assert not run_killed(ann, step, moment, "confirm", str(number))
        ann("confirm", str(number))
        wait_until(lambda: "it is paid" in said(ann, "ask"))
        ann.tell("thank", str(number), "Thank you")
    assert balance(cat) == before + 6 * len(STEPS)
    assert ann.json("promises")["promises"] == []


def wait_for_request(helper: Person) -> str:
    """The number of what somebody is asked, once they are."""

    def find() -> list[str]:
        asked = helper.json("asked")["requests"]
        return [str(each["number"]) for each in asked if each["own"]["answer"] is None]

    wait_until(lambda: bool(find()))
    return find()[0]


def said(person: Person, *arguments: str) -> str:
    """What a command prints, as one line."""
    return " ".join(person.tell(*arguments).split())


def balance(person: Person) -> int:
    found: int = person.json("balance")["accounts"][0]["balance"]
    return found


def test_somebody_without_a_device_is_helped_by_a_neighbour_from_the_desk(people: People) -> None:
    olive, cat, clock = people.olive, people.cat, people.clock
    before = balance(cat)
    why = ("--reason", "has a landline")
    olive.tell("officer", "open", "dot", "Dot", "--no-device", "--starter", "5", *why)
    when = written(clock.at(48))
    asked = ("ask", "Roses", "--with", "garden", "--at", when, "--as", "dot", "--wider")
    number = str(olive.json(*asked)["help"]["number"])
    there = wait_for_request(cat)
    cat.tell("yes", there)
    wait_until(lambda: "May somebody of a neighbouring circle come" in said(olive, "desk"))
    told = said(olive, "desk", "accept", number)
    assert told.startswith("Read back: Somebody of Exeter Circle comes to you")
    wait_until(lambda: "Dot" in said(cat, "asked"))
    clock.pass_time(hours=50)
    cat.tell("done", there)
    wait_until(
        lambda: "somebody of a neighbouring circle come, for 60 minutes" in said(olive, "desk")
    )
    told = said(olive, "desk", "pay", number)
    assert "Arrived: cat@exeter.example got 6 tokens" in told
    wait_until(lambda: balance(cat) == before + 6)
    wait_until(lambda: "was paid" in olive("desk", "pay", number).err)
    assert balance(cat) == before + 6
