"""``tally`` and the directory: what people type to offer and to find, and what they read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli.find import read_distance
from client.cli.profile import read_spot
from client.errors import InputRefused
from tests.at_terminals import circle_at_terminals
from tests.live_node import LiveNode
from tests.terminal import Person


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """A circle that counts minutes, with the coordinator olive and the members mia and noa."""
    options = ("--minutes", "--unit", "hour", "--scale", "0", "--credit-limit-max", "1000")
    folder = tmp_path_factory.mktemp("node")
    with circle_at_terminals(folder, "mia", "noa", options=options) as node:
        yield node


def number_of(person: Person, *arguments: str) -> str:
    """Make a listing, and return its number."""
    return str(person.json(*arguments)["listing"]["id"])


def test_a_member_offers_another_finds_and_reads_plain_words(mia: Person, noa: Person) -> None:
    told = mia.tell(
        *("offer", "Hedges cut", "--category", "garden", "--price", "1h30"),
        *("--cash", "£5 for petrol", "--text", "With my own ladder"),
    )
    assert told.startswith(
        "Hedges cut is in the directory under Garden (1 and a half hours, and in"
    )
    found = noa.tell("find", "hedge", "cutting")
    for words in (
        *("Mia (mia) offers: Hedges cut", "With my own ladder"),
        "1 and a half hours, and in cash: £5 for petrol.",
    ):
        assert words in found.replace("\n  ", " ")
    assert "Nothing was found for hegde; this is for hedges." in noa.tell("find", "hegde")
    assert noa.json("find", "hegde")["words"] == "hedges"
    assert "Nothing was found." in noa.tell("find", "zyzzyva")
    assert noa.json("find", "--wanted", "hedges")["listings"] == []


def test_what_is_wanted_is_renewed_and_ended(mia: Person, noa: Person) -> None:
    number = number_of(
        mia, "want", "A tall ladder", "--borrow", "--category", "tools", "--days", "3"
    )
    mine = mia.tell("offers")
    assert f"{number}. Wanted: A tall ladder; what it costs is to be agreed" in mine
    assert f"tally offers --renew {number}" in mine.replace("\n  ", " ")
    assert "would like to borrow: A tall ladder" in noa.tell("find", "ladders", "--wanted")
    assert "stays in the directory until" in mia.tell("offers", "--renew", number)
    assert noa.fail("offers", "--end", number) == (
        "There is no listing of yours with that number that you can see."
    )
    assert mia.tell("offers", "--end", number).strip() == (
        f"Number {number} is no longer in the directory."
    )
    assert number not in {str(each["id"]) for each in mia.json("offers")["listings"]}


def test_a_profile_shows_what_its_member_lets_it(mia: Person, noa: Person) -> None:
    told = mia.tell("profile", "--about", "I like roses", "--languages", "English, Yoruba")
    assert "Only the coordinators see this" in told
    assert "roses" not in noa.tell("profile", "mia")
    mia.tell("profile", "--show", "about", "--show", "contact")
    mia.tell("profile", "--channel", "call", "--contact", "020 7946 0018")
    seen = noa.tell("profile", "mia")
    assert "I like roses" in seen
    assert "To be reached by telephone: 020 7946 0018." in seen
    assert "Yoruba" not in seen
    mia.tell("profile", "--hide", "contact")
    assert "7946" not in noa.tell("profile", "mia")
    assert noa.fail("profile", "mia", "--about", "x") == "What Mia told is theirs to change."


def test_a_way_to_be_reached_needs_what_belongs_to_it(mia: Person) -> None:
    """A telephone number is no address; one number is for calls and for texts."""
    number = ("--contact", "020 7946 0018")
    assert mia.fail("profile", "--channel", "letter", "--quiet", "9-10") == (
        'Say the address, too: --channel letter --contact "...".'
    )
    assert "9:00" not in mia.tell("profile", "--channel", "call", *number)
    assert "by text message: 020 7946 0018." in mia.tell("profile", "--channel", "sms")
    assert mia.fail("profile", "--channel", "email", *number) == (
        "'020 7946 0018' is no email address: write one like ann@mail.example."
    )
    assert "in the app" in mia.tell("profile", "--channel", "app")


def test_what_is_near_is_found_from_ones_own_square(mia: Person, noa: Person) -> None:
    number = number_of(mia, "offer", "Fresh bread", "--free", "--give", "--category", "Food")
    mia.tell("profile", "--place", "Camberwell", "--map", "532650, 176810", "--show", "place")
    assert "before your profile says" in noa.fail("find", "bread", "--near", "2 km")
    told = noa.json("profile", "--map", "534123,176999", "--square", "500")
    assert told["profile"]["square"] == {"easting": 534_250, "northing": 176_750, "side": 500}
    [found] = noa.json("find", "bread", "--near", "2km")["listings"]
    assert (str(found["id"]), found["metres"], found["price"]) == (number, 1800, 0)
    assert "Free; Camberwell; about 1.8 km away." in noa.tell("find", "--near", "1.5 miles")
    assert noa.json("find", "bread", "--near", "800 m")["listings"] == []
    mia.tell("offers", "--end", number)


def test_the_directory_is_saved_to_be_printed_and_for_a_spreadsheet(
    mia: Person, noa: Person, tmp_path: Path
) -> None:
    number = number_of(mia, "offer", "=Knitting", "--category", "clothes")
    paper, sheet = tmp_path / "directory.html", tmp_path / "directory.csv"
    assert "is in" in noa.tell("find", "--category", "clothes", "--print", str(paper))
    page = paper.read_text()
    assert "<h3>=Knitting</h3>" in page
    assert "<h2 id=" in page
    noa.tell("find", "--category", "clothes", "--csv", str(sheet))
    [line] = csv.DictReader(io.StringIO(sheet.read_text(), newline=""))
    assert line["title"] == "'=Knitting"
    assert "cannot be written" in noa.fail("find", "--print", str(paper))
    mia.tell("offers", "--end", number)


def test_blocks_and_complaints_are_told_to_nobody_whom_they_are_about(
    mia: Person, noa: Person
) -> None:
    number = number_of(mia, "offer", "Rude jokes")
    complain = ("complain", "offer", number, "They are not funny", "--who")
    assert "There is no listing" in noa.fail(*complain, "olive")
    assert "not told" in noa.tell(*complain, "mia").replace("\n", " ")
    assert "do not see each other" in noa.tell("block", "mia")
    assert noa.json("find", "jokes")["listings"] == []
    assert noa.tell("profile", "mia") == "Mia shows nothing of themselves.\n"
    assert "may see each other" in noa.tell("unblock", "mia")
    assert len(noa.json("find", "jokes")["listings"]) == 1
    assert noa.fail("block", "noa") == "That is you."
    mia.tell("offers", "--end", number)


def test_a_coordinator_lists_for_a_member_without_a_device(olive: Person, mia: Person) -> None:
    olive.tell("officer", "open", "dot", "Dot", "--no-device", "--reason", "no telephone")
    olive.tell("profile", "dot", "--channel", "call", "--contact", "020", "--show", "contact")
    number = number_of(olive, "offer", "Jam", "--member", "dot", "--give")
    assert "Dot (dot) gives away: Jam" in mia.tell("find", "jam")
    assert "Jam" in olive.tell("offers", "--member", "dot")
    assert "Only the member" in mia.fail("offer", "Jam", "--member", "dot")
    olive.tell("offers", "--end", number)


def test_coordinators_deal_with_complaints_categories_and_checks(
    olive: Person, mia: Person, noa: Person
) -> None:
    assert "are" in olive.tell("officer", "category", "bees", "--name", "Bees and honey")
    number = number_of(mia, "offer", "Honey", "--category", "bees", "--price", "1")
    assert "You may not see the complaints" in noa.fail("officer", "complaints")
    noa.tell("complain", "offer", number, "It is syrup")
    told = olive.tell("officer", "complaints").replace("\n  ", " ")
    assert f"noa complains of mia (offer or want {number}, Honey): It is syrup (open)" in told
    [open_one] = [
        each for each in olive.json("officer", "complaints")["complaints"] if not each["closed"]
    ][:1]
    close = ("--close", str(open_one["number"]), "--outcome", "It is honey")
    assert "is dealt with" in olive.tell("officer", "complaints", *close)
    assert "dealt with: It is honey" in olive.tell("officer", "complaints").replace("\n  ", " ")
    assert "checks nothing yet" in olive.tell("officer", "vet")
    olive.tell("officer", "vet", "references", "--new-level", "two references")
    assert "two references (references)" in noa.tell("officer", "vet")
    told = olive.tell("officer", "vet", "mia", "references", "--until", "2099-05-31")
    assert told.endswith("it is good until 31 May 2099.\n")
    assert "Checked by the circle: two references." in noa.tell("find", "honey")
    assert "Only another coordinator may" in olive.fail(
        "officer", "vet", "olive", "references", "--until", "2099-05-31"
    )
    assert "Only the coordinators may" in mia.fail("officer", "category", "x1", "--name", "X")
    olive.tell("officer", "vet", "mia", "references", "--end")
    assert "Checked" not in noa.tell("find", "honey")
    assert "Bees" not in olive.tell("officer", "category", "bees", "--drop")
    assert "Honey" in noa.tell("find", "--category", "everything")
    olive.tell("offers", "--end", number)


def test_a_category_stays_where_it_is_when_it_is_called_something_else(olive: Person) -> None:
    named = ("officer", "category", "garden", "--name")
    before = olive.json(*named, "Garden")["categories"]
    after = olive.json(*named, "Gardens and yards")["categories"]
    assert [each["category"] for each in after] == [each["category"] for each in before]
    assert after[0] == {"category": "garden", "name": "Gardens and yards"}
    moved = olive.json(*named, "Garden", "--position", "10000")["categories"]
    assert moved[-1] == {"category": "garden", "name": "Garden"}
    olive.tell(*named, "Garden", "--position", "10")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("offer", "x", "--category", "zoo"), "Which category is 'zoo'? There are garden, home,"),
        (("offer", "x", "--category", "fo"), "Which category is 'fo'? There are food and forms."),
        (("offer", "x", "--price", "1", "--free"), "It is free, or it has a price"),
        (("offer", "x", "--price", "-1"), "'-1' has a sign; write the amount without it."),
        (("offers", "--renew", "1", "--end", "1"), "One thing at a time"),
        (("find", "--near", "far"), "'far' is no distance: write one like 800 m, 2 km or 1 mile."),
        (("find", "--near", "20"), "A distance is from 100 m to 100 km."),
        (("find", "x", "--print", "x.html"), "--print goes with"),
        (("profile", "--map", "SE5 8TR"), "A place on the map is written as EAST,NORTH"),
        (("officer", "category", "a/../b", "--drop"), "'a/../b' is no short name"),
        (("officer", "category", "bees"), "Write either --name TEXT or --drop."),
        (("officer", "vet", "noa", "Two references"), "'Two references' is no short name"),
        (("officer", "complaints", "--close", "1"), "Write both"),
        (("block", "nobody-here"), "Nobody here is called nobody-here"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_sentence(
    mia: Person, arguments: tuple[str, ...], words: str
) -> None:
    result = mia(*arguments)
    assert result.status in (1, 2)
    assert result.out == ""
    assert words in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("written", "metres"),
    [
        ("800 m", 800),
        ("2km", 2000),
        ("1,5 KM", 1500),
        ("1 mile", 1609),
        ("300", 300),
        ("2 mi", 3218),
    ],
)
def test_distances_are_read_as_people_write_them(written: str, metres: int) -> None:
    assert read_distance(written) == metres


@pytest.mark.parametrize(
    "written", ["", "1", "1,2,3", "1;2", "a,b", "1.5,2", "1,٣", "9" * 9 + ",1"]
)
def test_no_place_is_read_where_none_is_written(written: str) -> None:
    with pytest.raises(InputRefused):
        read_spot(written, 1000)
