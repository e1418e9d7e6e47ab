"""``tally messages``: what people type to write and to read, and what coordinators do by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli.hours import read_digest, read_quiet
from client.errors import InputRefused
from tests.at_terminals import circle_at_terminals
from tests.live_node import LiveNode
from tests.terminal import Person
from tests.waiting import COMES_SECONDS_MAX


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """A circle with the coordinator olive and the members mia and noa."""
    with circle_at_terminals(tmp_path_factory.mktemp("node"), "mia", "noa") as node:
        yield node


def test_members_write_and_read_and_answer(olive: Person, mia: Person, noa: Person) -> None:
    number = mia.json("offer", "Hedges cut", "--category", "garden", "--free")["listing"]["id"]
    assert noa.tell("messages") == "There is nothing new. You have no messages.\n"
    assert noa.fail("messages", "to", "mia", "Hello") == (
        "Say what it is about, such as --about offer 12."
    )
    about = ("--about", "offer", str(number))
    told = noa.tell("messages", "to", "mia", "Could you do mine?", *about)
    assert told == "Mia has it, and is told.\n"
    news = mia.tell("messages").splitlines()
    assert news[0] == f"Noa (noa), about Hedges cut (no. {number}):"
    assert news[1].endswith(", Noa [1]: Could you do mine?")
    news = mia.tell("messages").splitlines()
    assert news == [
        f"Noa (noa), about Hedges cut (no. {number}): read; tally messages with noa shows it."
    ]
    mia.tell("messages", "to", "noa", "On Friday.")
    thread = noa.tell("messages", "with", "mia").splitlines()
    assert [line.rpartition(": ")[2] for line in thread[1:]] == ["Could you do mine?", "On Friday."]
    assert noa.tell("messages", "with", "olive").startswith("You and Olive Oyl have not written")
    told = mia.tell("complain", "message", "1", "He is not polite.")
    assert told.startswith("The coordinators have it now")
    assert "Could you do mine?" not in mia.fail("officer", "complaints")
    told = olive.tell("officer", "complaints").replace("\n  ", " ")
    assert "mia complains of noa (message 1, Could you do mine?): He is not polite. (open)" in told
    complaint = told.partition(".")[0]
    olive.tell("officer", "complaints", "--close", complaint, "--outcome", "He will be.")
    assert "There is no member" in noa.fail("messages", "to", "olive", "Hello", *about)


def test_coordinators_announce_call_and_post(
    node: LiveNode, olive: Person, mia: Person, noa: Person, tmp_path: Path
) -> None:
    for each in (mia, noa):
        each.tell("messages")  # so that what is still to be read is not told by hand as well
    noa.tell("profile", "--channel", "call", "--contact", "020 7946 0018", "--quiet", "none")
    mia.tell("profile", "--channel", "letter", "--contact", "12 Elm Road", "--quiet", "none")
    told = olive.tell("announce", "The hall is closed on Friday.")
    assert told == "3 people are being told.\n"
    assert "The hall is closed on Friday. (From olive, for the" in olive.tell("messages")
    assert "Only the coordinators may" in mia.fail("announce", "Buy my roses.")
    errands = wait_for_errands(olive, 2)
    call = next(each for each in errands if each["how"] == "call")
    letter = next(each for each in errands if each["how"] == "letter")
    told = olive.tell("messages", "ring")
    assert f"{call['number']}. Call Noa: 020 7946 0018" in told
    assert f"{letter['number']}. Write to Mia: 12 Elm Road" in told
    told = olive.tell("messages", "called", str(call["number"]), "--no-reply")
    assert told == "Nobody answered: it stays on the list.\n"
    assert "Nobody answered once, the last time on" in olive.tell("messages", "ring")
    assert olive.tell("messages", "called", str(call["number"])) == "They are told.\n"
    page = tmp_path / "letters.html"
    assert olive.tell("messages", "letters", str(page)) == f"The letters are in {page} now.\n"
    assert "12 Elm Road" in page.read_text()
    assert olive.tell("messages", "posted", str(letter["number"])) == "The letter is posted.\n"
    assert olive.tell("messages", "ring") == "There is nobody to call and no letter to post.\n"
    assert "The hall is closed" in noa.tell("messages", "notices")


def wait_for_errands(olive: Person, count: int) -> list[dict[str, object]]:
    """The list, once the node has put so many onto it: it looks every two seconds."""
    deadline = time.monotonic() + COMES_SECONDS_MAX
    while time.monotonic() < deadline:
        errands: list[dict[str, object]] = olive.json("messages", "ring")["errands"]
        if len(errands) == count:
            return errands
        time.sleep(0.1)
    raise AssertionError("the list stays as it is")


EMAIL = ("--channel", "email", "--contact", "mia@mail.example")


def test_hours_are_written_as_people_do(mia: Person) -> None:
    told = mia.tell("profile", "--quiet", "22-7", "--digest", "9", *EMAIL)
    assert " ".join(told.split()).endswith(
        "Not to be disturbed from 22:00 to 7:00. What can wait comes in one email a day, at 9:00."
    )
    assert mia.tell("profile", "--quiet", "none", "--digest", "none").endswith("At any hour.\n")
    assert mia.json("profile")["hours"] == {"quiet": None, "digest": None}
    assert "are no hours" in mia.fail("profile", "--quiet", "25-8")
    assert (read_quiet("21:00 - 8:00"), read_quiet("20-24"), read_digest("18:00")) == (
        *((21, 8), (20, 0)),
        18,
    )
    for wrong in ("8-8", "21", "", "a-b", "0-24"):
        with pytest.raises(InputRefused):
            read_quiet(wrong)
    for wrong in ("24", "", "noon"):
        with pytest.raises(InputRefused):
            read_digest(wrong)
