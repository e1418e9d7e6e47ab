"""At terminals: what becomes of help for which nothing is set aside any more, and of a no."""

from __future__ import annotations

from pathlib import Path

from tests.at_terminals import unwrapped
from tests.help_at_terminals import HelpCircle, help_circle, written
from tests.terminal import Person, Shown
from tests.waiting import wait_until

HELPS = ("helping", "--with", "garden", "--hours", "every day 0-24", "--weekly", "100h")


def _book(circle: HelpCircle, ann: Person, bob: Person) -> tuple[str, str]:
    """Bob is to come to Ann: the number of the request, and of what is set aside for it."""
    arguments = ("ask", "Roses", "--with", "garden", "--at", written(circle.at(48)))
    number = str(ann.json(*arguments)["help"]["number"])
    _say_yes(bob, number)
    seen = ann.json("yes", number)["help"]
    return number, str(seen["visits"][0]["hold"])


def _say_yes(helper: Person, number: str) -> None:
    wait_until(lambda: f"tally yes {number}" in helper.tell("asked"))
    helper.tell("yes", number)


def test_at_a_terminal_it_is_told_and_set_aside_again_and_paid_or_not(
    tmp_path: Path, capsys: Shown
) -> None:
    with help_circle(tmp_path) as circle:
        olive, ann, bob, eve = (
            circle.person(who, capsys) for who in ("olive", "ann", "bob", "eve")
        )
        olive.tell("events", "zone", "Europe/London")
        bob.tell(*HELPS)
        eve.tell(*HELPS)
        _check_promised_anew(circle, ann, bob)
        _check_unpaid(circle, ann, bob)
        _check_by_telephone(circle, olive, bob)
        _check_no(circle, ann, eve)


def _check_promised_anew(circle: HelpCircle, ann: Person, bob: Person) -> None:
    number, hold = _book(circle, ann, bob)
    stands = f"It is for help {number}, Roses; how that stands: tally ask"
    assert stands in unwrapped(ann.tell("promises"))
    assert f"{stands}ed {number}" in unwrapped(bob.tell("promises"))
    assert f"for help {number}, and goes to who comes" in unwrapped(ann.fail("assign", hold, "eve"))
    bob.tell("free", hold)
    lacking = "Nothing is set aside for it any more; first: tally ask --yes"
    wait_until(lambda: lacking in unwrapped(ann.tell("ask")))
    assert "All that it may cost is set aside now." in unwrapped(ann.tell("ask", "--yes"))
    assert lacking not in unwrapped(ann.tell("ask"))
    circle.pass_time(hours=50)
    assert "You asked for 1 hour" in unwrapped(bob.tell("done", number))
    assert ann.tell("confirm", number).startswith("Bob is paid 1 hour")


def _check_unpaid(circle: HelpCircle, ann: Person, bob: Person) -> None:
    number, hold = _book(circle, ann, bob)
    circle.pass_time(hours=50)
    bob.tell("done", number)
    bob.tell("free", hold)
    unpaid = "it was not paid, as nothing is set aside any more"
    wait_until(lambda: f"{unpaid}: tally pay bob" in unwrapped(ann.tell("ask")))
    assert f"{unpaid}: speak to Ann" in unwrapped(bob.tell("asked", number))
    assert "pay them with tally pay bob" in unwrapped(ann.fail("confirm", number))
    assert "tally pay bob AMOUNT" in unwrapped(ann.tell("messages"))


def _check_by_telephone(circle: HelpCircle, olive: Person, bob: Person) -> None:
    named = ("officer", "open", "dot", "Dot", "--no-device", "--starter", "5")
    olive.tell(*named, "--reason", "has a landline")
    olive.tell("profile", "dot", "--channel", "call", "--contact", "020 7946 0999")
    when = written(circle.at(48))
    asking = olive.json("ask", "Roses", "--with", "garden", "--at", when, "--as", "dot")
    number, hold = str(asking["help"]["number"]), str(asking["help"]["visits"][0]["hold"])
    assert f"What request {number} may cost is set aside." in olive.fail("desk", "promise", number)
    _say_yes(bob, number)
    olive.tell("desk", "accept", number)
    bob.tell("free", hold)
    call = f"is it still wanted? (tally desk promise {number}, or tally desk cancel {number})"
    wait_until(lambda: call in unwrapped(olive.tell("desk")))
    told = unwrapped(olive.tell("desk", "promise", number))
    assert told == f"What request {number} may cost is set aside again, for Dot."
    circle.pass_time(hours=50)
    bob.tell("done", number)
    assert olive.tell("desk", "pay", number).startswith("Bob is paid 1 hour")


def _check_no(circle: HelpCircle, ann: Person, eve: Person) -> None:
    begins = circle.at(48)
    asking = ann.json("ask", "A secret", "--with", "garden", "--at", written(begins))
    number = str(asking["help"]["number"])
    wait_until(lambda: f"tally yes {number}" in eve.tell("asked"))
    eve.tell("no", number)
    told = unwrapped(eve.tell("asked", number))
    day = f"{begins:%A} {begins.day} {begins:%B}"
    assert told.startswith(f"{number}. You were asked for help with garden, {day}")
    assert told.endswith(". You said no.")
    assert "secret" not in told
