"""``tally events`` and ``tally rsvp``, by people at their own terminals and a node that serves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from client.cli.event_times import read_length, write_rule
from client.errors import InputRefused
from tests.at_terminals import circle_at_terminals
from tests.live_node import LiveNode
from tests.terminal import Person, Shown

SUNDAY = date.today() + timedelta(days=13 - date.today().weekday())
"""Next week's, or the one after."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """A circle with the coordinator olive and the member ben."""
    with circle_at_terminals(tmp_path_factory.mktemp("node"), "ben") as served:
        yield served


@pytest.fixture
def ben(node: LiveNode, capsys: Shown) -> Person:
    return Person(node.directory.parent / "ben", capsys)


def test_an_event_is_added_answered_moved_and_cancelled_in_plain_words(
    olive: Person, ben: Person, tmp_path: Path
) -> None:
    told = ben.fail("events")
    assert "does not know yet which time zone the circle is in" in told
    assert "Only the coordinators may" in ben.fail("events", "zone", "Europe/London")
    told = olive.tell("events", "zone", "Europe/London")
    assert told == "The calendar goes by the clocks of Europe/London.\n"
    assert ben.tell("events") == "There is nothing in the calendar for these days.\n"
    arguments = (
        *("events", "add", "Coffee morning", "--at", f"{SUNDAY} 10:00", "--for", "1h30"),
        *("--place", "12 Elm Road", "--access", "Step-free", "--room", "2", "--every", "week"),
        *("--times", "3"),
    )
    told = ben.tell(*arguments)
    assert told.startswith("It is in the calendar as number 1, on Sunday ")
    assert "and 2 more times until Sunday" in told
    day = f"{SUNDAY:%A} {SUNDAY.day} {SUNDAY:%B %Y}"
    assert olive.tell("rsvp", "1", "yes", "--guests", "1", "--lift-offered", "2") == (
        f"Coffee morning on {day} at 10:00: you said yes, with 1 guest, offering a lift to 2.\n"
    )
    guests = "Coming: Olive Oyl (with 1 guest, offering a lift to 2)"
    assert guests in olive.tell("events", "1")
    assert olive.tell("events", "1") == olive.tell("events", "show", "1")
    listed = olive.tell("events", "--from", str(SUNDAY), "--to", str(SUNDAY))
    assert listed.splitlines()[0] == day
    assert "10:00 to 11:30: Coffee morning (no. 1), 12 Elm Road. Full; you said yes" in listed
    told = ben.tell("rsvp", "1", "yes")
    assert "is full. You are on the waiting list" in told
    assert "you said no" in olive.tell("rsvp", "1", "no")
    assert ben.tell("events").startswith(
        "There is a place for you now: Coffee morning (no. 1), Sun"
    )
    shown = ben.tell("events", "show", "1")
    for words in ("Coffee morning (no. 1)", "Getting in: Step-free", "Coming: Ben", "Also on"):
        assert words in shown
    second = SUNDAY + timedelta(days=7)
    told = ben.tell("events", "move", "1", "--on", str(second), "--to", f"{second} 15:00")
    assert "at 15:00 now; tally events says so to all who come" in told
    assert "say either --on DAY or --all" in ben.fail("events", "cancel", "1")
    told = ben.tell("events", "cancel", "1", "--on", str(second), "--why", "Ben is ill")
    assert "It is cancelled on" in told
    listed = ben.tell("events", "--from", str(second), "--to", str(second))
    assert "Cancelled (Ben is ill)" in listed
    minutes = tmp_path / "minutes.txt"
    minutes.write_text("We agreed on biscuits.")
    assert ben.tell("events", "minutes", "1", str(minutes)) == "The minutes are kept.\n"
    assert "We agreed on biscuits." in olive.tell("events", "show", "1")
    assert ben.tell("events", "change", "1", "--title", "Tea", "--room", "0") == (
        "That is changed.\n"
    )
    assert ben.json("events", "show", "1")["occurrence"]["capacity"] is None
    week = ben.json("events", "--week", "--from", str(SUNDAY))["events"]
    assert [each["begins"] for each in week] == [f"{SUNDAY}T10:00"]


def test_what_was_cancelled_can_be_added_again(olive: Person, ben: Person) -> None:
    olive.tell("events", "zone", "Europe/London")
    arguments = ("events", "add", "Bingo", "--at", f"{SUNDAY} 14:00")
    first = ben.json(*arguments)["event"]
    ben.tell("events", "cancel", str(first), "--all")
    second = ben.json(*arguments)
    assert second["event"] != first
    assert [each["cancelled"] for each in second["occurrences"]] == [False]
    ben.tell("events", "cancel", str(second["event"]), "--all")


def test_a_feed_is_told_once_and_ended(olive: Person) -> None:
    made = olive.json("events", "feed")
    assert made["feed"].startswith("https://peckham.example/calendar/")
    assert "give it to nobody" in olive.tell("events", "feed")
    assert olive.tell("events", "feed", "--end") == ("Your address leads nowhere from now on.\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("rsvp", "99", "yes"), "There is no event of that number"),
        (("rsvp", "1", "no", "--guests", "1"), "Who does not come brings nobody"),
        (("rsvp", "1", "yes", "--lift-wanted", "--lift-offered", "1"), "leave one of them out"),
        (("rsvp", "1", "yes", "--on", "2020-01-01"), "is not on 2020-01-01"),
        (("events", "change", "1"), "Say what to change"),
        (("events", "move", "1"), "Say where to"),
        (("events", "minutes", "1", "/nowhere/at/all"), "cannot be read"),
        (("events", "add", "x", "--at", f"{SUNDAY} 10:00", "--for", "long"), "write 2h, 1h30"),
        (("events", "add", "x", "--at", f"{SUNDAY} 10:00", "--every", "week"), "when it ends"),
        (("events", "add", "x", "--at", f"{SUNDAY} 10:00", "--times", "2"), "how often it is"),
        (("events", "add", "x", "--at", "2020-01-01 10:00"), "the day must be from"),
        (("events", "add", "x", "--at", f"{SUNDAY} 10:00", "--kind", "trading"), "Only the coord"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_sentence(
    olive: Person, ben: Person, arguments: tuple[str, ...], sentence: str
) -> None:
    olive.tell("events", "zone", "Europe/London")
    if not ben.json("events", "--to", str(SUNDAY + timedelta(days=30)))["events"]:
        ben.tell("events", "add", "Choir", "--at", f"{SUNDAY} 19:00")
    assert sentence in ben.fail(*arguments)


def test_lengths_and_repeats_are_read_as_people_write_them() -> None:
    lengths = ("2h", "1h30", "90", "90min", "45m", "24h")
    assert [read_length(text) for text in lengths] == [120, 90, 90, 90, 45, 1440]
    for text in ("", "h", "2", "200h", "-1h", "two hours"):
        with pytest.raises(InputRefused):
            read_length(text)
    tuesday, until = datetime(2027, 3, 9, 19), datetime(2027, 12, 31)
    assert write_rule("2 weeks", tuesday, None, 5) == "FREQ=WEEKLY;INTERVAL=2;COUNT=5"
    assert write_rule("month", tuesday, until, None) == "FREQ=MONTHLY;BYDAY=2TU;UNTIL=20271231"
    last = datetime(2027, 3, 30, 19)
    assert write_rule("Month", last, None, 2) == "FREQ=MONTHLY;BYDAY=-1TU;COUNT=2"
    assert write_rule(None, tuesday, None, None) is None
    for every in ("year", "0 weeks", "often"):
        with pytest.raises(InputRefused):
            write_rule(every, tuesday, until, None)
