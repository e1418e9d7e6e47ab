"""``tally`` for safeguarding and duty: what people type, and what they read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from client.cli.concern import EMERGENCY
from client.cli.officer.duty import WEEKDAYS, read_hours
from client.cli.words import write_day
from client.errors import InputRefused
from tests.at_terminals import circle_at_terminals, unwrapped
from tests.live_node import LiveNode
from tests.terminal import Person, Shown


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """A circle with the coordinator olive, and the members lou, mia and noa."""
    with circle_at_terminals(tmp_path_factory.mktemp("node"), "lou", "mia", "noa") as node:
        yield node


@pytest.fixture
def lou(node: LiveNode, capsys: Shown) -> Person:
    """The safeguarding lead, in the end."""
    return Person(node.directory.parent / "lou", capsys)


def test_a_member_says_that_they_are_worried_and_the_lead_reads_it(
    olive: Person, lou: Person, mia: Person, noa: Person
) -> None:
    before = unwrapped(noa.tell("concern"))
    assert before.startswith(EMERGENCY)
    assert before.endswith('To say it: tally concern WHO --for "what worries you"')
    assert "goes to the coordinators whom it is not about." in before
    assert olive.tell("officer", "safeguarding", "--lead", "lou").strip() == (
        "The lead is Lou. The deputy is nobody yet."
    )
    assert "goes to Lou; if it is about them" in unwrapped(noa.tell("concern"))
    told = unwrapped(
        noa.tell(
            *("concern", "mia", "--for", "She had a bruise.", "--about", "offer", "3", "--urgent")
        )
    )
    assert told.startswith(EMERGENCY)
    assert (
        "The safeguarding lead will read it, and nobody else; Mia is not told that you did." in told
    )
    number = told.rpartition(" ")[2].rstrip(".")
    assert "There is no concern for you to read." in olive.tell("officer", "concerns")
    assert "There is no concern of that number" in olive.fail("officer", "concerns", number)
    refused = mia.fail("officer", "concerns")
    assert refused.startswith("You may not see what others are worried about")
    listed = lou.tell("officer", "concerns")
    assert f"{number}. " in listed
    assert f"To read one: tally officer concerns {number}" in listed
    read = unwrapped(lou.tell("officer", "concerns", number, "--note", "Rang her sister."))
    for part in ("Urgent.", "Noa, about Mia, on listings 3", "She had a bruise.", "Lou: Rang her"):
        assert part in read
    closed = unwrapped(lou.tell("officer", "concerns", number, "--close", "All is well.", "--keep"))
    assert "What came of it: All is well. It is kept until you let it go." in closed
    assert "Read by: Lou," in closed
    assert "no open concern of that number" in lou.fail(
        "officer", "concerns", number, "--close", "x"
    )
    kept = noa.json("concern", "mia", "--for", "Again.")
    assert kept["readers"] == "lead"
    lou.tell("officer", "concerns", str(kept["concern"]), "--hand-on")


def test_what_cannot_be_meant_is_answered_in_one_sentence(
    olive: Person, lou: Person, noa: Person
) -> None:
    olive.tell("officer", "safeguarding", "--lead", "lou")
    assert noa.fail("concern", "mia") == 'Say what worries you, in your own words: --for "...".'
    assert "Nobody here is called zed" in noa.fail("concern", "zed", "--for", "x")
    assert olive.fail("officer", "concerns", "--note", "x") == (
        "Say which one: its number comes first."
    )
    assert "Only members may look after safeguarding" not in olive.tell("officer", "safeguarding")
    assert "lead and deputy must be two people" in olive.fail(
        *("officer", "safeguarding", "--lead", "lou", "--deputy", "lou")
    )
    assert olive.tell("officer", "suspend", "noa").strip() == (
        'Noa is not suspended. To suspend them, say why: --reason "...".'
    )
    assert "Only others of" in lou.fail("officer", "suspend", "lou", "--reason", "x")
    assert "Only the coordinators and those who" in noa.fail("officer", "unsuspend", "lou")


def test_one_tap_suspends_and_lifts(olive: Person, mia: Person) -> None:
    told = unwrapped(olive.tell("officer", "suspend", "mia", "--reason", "We look into it."))
    assert "tally officer unsuspend mia. They are not told why." in told
    assert "Mia (mia) since" in olive.tell("officer", "suspend")
    assert mia.fail("officer", "suspend").startswith("You may not see who is suspended")
    assert olive.tell("officer", "unsuspend", "mia").strip() == "Mia may be matched again."
    assert olive.tell("officer", "suspend").strip() == "Nobody is suspended."
    history = unwrapped(olive.tell("officer", "suspend", "mia"))
    assert "lifted by Olive Oyl" in history
    assert "suspended by Olive Oyl: We look into it." in history


def test_the_rota_is_set_shown_and_swapped_and_notes_are_handed_over(
    olive: Person, mia: Person
) -> None:
    assert "tally events zone Europe/London" in unwrapped(mia.tell("duty"))
    assert "time zone" in olive.fail("officer", "duty", "set", "monday", "9-17", "olive")
    olive.tell("events", "zone", "Europe/London")
    assert "Nobody is on duty now." in mia.tell("duty")
    for weekday in WEEKDAYS:
        olive.tell("officer", "duty", "set", weekday, "0-0", "olive")
    olive.tell("profile", "--channel", "call", "--contact", "020 7946 0018")
    assert "On duty now: Olive Oyl (olive)." in mia.tell("duty")
    assert "Members do not see how to reach you." in unwrapped(olive.tell("officer", "duty"))
    olive.tell("profile", "--show", "contact")
    assert "Members do not see" not in unwrapped(olive.tell("officer", "duty"))
    shown = mia.tell("duty")
    assert "On duty now: Olive Oyl (olive), by telephone: 020 7946 0018." in shown.replace(
        "\n  ", " "
    )
    assert shown.count("00:00 to 00:00") == 7
    assert "Handed over to you:\nNothing yet." in olive.tell("officer", "duty")
    olive.tell("officer", "duty", "note", "Dot's boiler is mended.")
    assert "Olive Oyl: Dot's boiler is mended." in unwrapped(olive.tell("officer", "duty"))
    assert "Dot's boiler" in unwrapped(olive.tell("officer", "duty", "notes"))
    assert mia.fail("officer", "duty", "notes").startswith("You may not see the handover notes")
    assert "coordinators may be on duty" in olive.fail(
        "officer", "duty", "set", "monday", "9-17", "mia"
    )
    day = olive.json("officer", "duty", "show")["turns"][6]["begins"][:10]
    told = olive.tell("officer", "duty", "set", day, "--nobody")
    assert told.strip() == f"On {write_day(date.fromisoformat(day))}: nobody is on duty."
    assert mia.tell("duty").count("00:00 to 00:00") == 6
    assert olive.tell("officer", "duty", "set", day, "--usual").strip() == (
        f"{day} is as in every week again."
    )
    assert olive.fail("officer", "duty", "swap", day, "olive", "olive") == "Name two people."
    assert "Only coordinators" in olive.fail("officer", "duty", "swap", day, "olive", "mia")


def test_hours_are_read_as_people_write_them() -> None:
    for written, expected in {
        "9-17": ("09:00", "17:00"),
        "9:30 - 12:00": ("09:30", "12:00"),
        "22-6": ("22:00", "06:00"),
        "18-24": ("18:00", "00:00"),
    }.items():
        assert read_hours(written) == expected
    for wrong in ("", "9", "9-25", "24-3", "9:60-10", "9-10-11", "٩-١٠", "-1-3", "9:5-10"):
        with pytest.raises(InputRefused, match="are no hours"):
            read_hours(wrong)


def test_days_and_turns_that_cannot_be_meant_are_refused(olive: Person) -> None:
    for arguments, said in {
        ("someday", "9-17", "olive"): "is no day",
        ("monday",): "Say who is on duty",
        ("monday", "9-17"): "in turn",
        ("monday", "9-17", "olive", "--nobody"): "Say who is on duty",
        ("monday", "--usual"): "Only a single day",
        ("2026-02-30", "--nobody"): "day",
    }.items():
        assert said in olive.fail("officer", "duty", "set", *arguments)
