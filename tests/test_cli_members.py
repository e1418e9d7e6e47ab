"""Addresses, names and devices: what ``tally`` gives away, and whom it says it is about."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.keystore import KeyStore
from tests.at_terminals import WHY, Newcomer, circle_at_terminals, handle
from tests.live_node import LiveNode, live_node
from tests.terminal import Person, Shown

PUBLIC = "https://circle.peckham.example"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """It is reached at another address than the one by which these members do."""
    folder, environment = tmp_path_factory.mktemp("node"), {"TALLYD_PUBLIC_URL": PUBLIC}
    with circle_at_terminals(folder, environment=environment) as node:
        yield node


def invite(olive: Person) -> str:
    code: str = olive.json("officer", "invite", *WHY)["code"]
    return code


def account(person: Person) -> str:
    return str(person.json("whoami")["accounts"][0])


class Terminal(io.StringIO):
    """Somebody who types these lines."""

    def isatty(self) -> bool:
        return True


# Addresses


def test_what_is_given_away_leads_to_the_public_address(olive: Person, newcomer: Newcomer) -> None:
    """Not to the one by which its maker happens to reach the circle."""
    ann = newcomer("ann")
    assert olive.json("officer", "invite", *WHY)["link"].startswith(f"{PUBLIC}/join#")
    assert ann.json("request", "1")["link"].startswith(f"{PUBLIC}/pay#")
    assert f"{PUBLIC}/pay#" in ann.tell("requests")
    assert f"tally new-device {PUBLIC} --recovery-sheet" in ann.tell("devices", "recovery-sheet")


def test_the_address_of_a_circle_can_be_changed(
    newcomer: Newcomer, node: LiveNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the old one does not answer, and under a passphrase."""
    ann = newcomer("ann")
    assert ann.tell("address") == f"Peckham Circle is reached at {node.url}\n"
    elsewhere = node.url.replace("127.0.0.1", "localhost")
    told = ann.tell("address", elsewhere)
    assert told == f"Peckham Circle is from now on reached at {elsewhere}\n"
    assert ann.json("whoami")["node"] == elsewhere
    assert "cannot be reached" in ann.fail("address", "http://127.0.0.1:9")
    assert "use https" in ann.fail("address", "http://peckham.example")
    assert ann.json("address")["node"] == elsewhere
    monkeypatch.setattr(sys, "stdin", io.StringIO("roses\n"))
    ann.tell("passphrase")
    monkeypatch.setattr(sys, "stdin", io.StringIO("roses\n"))
    ann.tell("address", node.url)
    monkeypatch.setattr(sys, "stdin", io.StringIO("roses\n"))
    ann.tell("balance")


def test_address_of_another_circle_is_refused(newcomer: Newcomer, tmp_path: Path) -> None:
    ann = newcomer("ann")
    before = ann.json("address")["node"]
    with live_node(tmp_path, name="Brixton Circle", address="brixton.example") as brixton:
        told = ann.fail("address", brixton.url)
    assert told.startswith(f"Another circle answers at {brixton.url} (Brixton Circle)")
    assert ann.json("address")["node"] == before


# Joining


def test_joining_a_circle_twice_is_asked_for_by_name(
    olive: Person, newcomer: Newcomer, node: LiveNode, tmp_path: Path, capsys: Shown
) -> None:
    """Nothing is sent, so that the invitation is still good for whom it was meant."""
    ann, code = newcomer("ann"), invite(olive)
    names = ("--handle", handle(tmp_path, "mum"), "--name", "Mum")
    told = ann.fail("join", node.url, code, *names)
    assert told.startswith("This device is in Peckham Circle already, as Ann (peckham-circle)")
    assert "--again" in told
    assert KeyStore(ann.home).names() == ("peckham-circle",)
    ann.tell("join", node.url, code, *names, "--again")
    assert len(KeyStore(ann.home).names()) == 2


def test_names_that_no_circle_takes_leave_nothing_behind(
    olive: Person, node: LiveNode, tmp_path: Path, capsys: Shown
) -> None:
    """They are refused before a key is made, with the limit."""
    ann, code = Person(tmp_path / "ann", capsys), invite(olive)
    join = ("join", node.url, code)
    assert "2 to 32 of the letters" in ann.fail(*join, "--handle", "A nn", "--name", "Ann")
    assert "at most 100 letters" in ann.fail(*join, "--handle", "ann", "--name", "A" * 101)
    named = ("--handle", handle(tmp_path, "ann"), "--name", "Ann")
    assert "without accents" in ann.fail(*join, *named, "--device", "K\u00fcche")
    assert KeyStore(ann.home).names() == ()
    ann.tell(*join, *named)
    assert "at most 2000 bytes" in ann.fail("pay", "olive", "1", "--for", "x" * 2001)
    assert "at most 2000 bytes" in ann.fail("request", "1", "--for", "x" * 2001)
    assert ann.json("balance")["notices"] == []


# Devices


def test_a_device_is_ended_only_after_a_yes(
    newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named in the question and afterwards; most of all if it is the one in use."""
    ann = newcomer("ann")
    for act in ("revoke", "freeze"):
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        assert "add --yes if you mean it" in ann.fail("devices", act, "1")
        monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
        result = ann("devices", act, "1")
        assert result.status == 130
        assert "first device is the device that you are using now" in result.err
        assert "you have no other" in result.err
        assert ann.json("devices")["devices"][0]["status"] == "active"
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert ann("devices", "freeze", "1").out.startswith("first device is reported lost.")
    assert "does not know this device" in ann.fail("balance")


def test_an_officer_is_asked_before_they_end_their_own_device(
    olive: Person, newcomer: Newcomer, tmp_path: Path
) -> None:
    """That of a member is named; their reason was asked for already."""
    ann = newcomer("ann")
    assert "is the device that you are using now" in olive.fail(
        *("officer", "freeze", "olive", "1", *WHY)
    )
    told = olive.tell("officer", "freeze", handle(tmp_path, "ann"), "1", *WHY)
    assert told == "first device (Ann's) is reported lost.\n"
    told = olive.tell("officer", "thaw", handle(tmp_path, "ann"), "first device", *WHY)
    assert told == "first device (Ann's) can be used again.\n"
    assert ann.json("devices")["devices"][0]["status"] == "active"


# Names


def test_promises_name_both_sides(newcomer: Newcomer) -> None:
    ann, ben = newcomer("ann"), newcomer("ben")
    number = str(ann.json("set-aside", "2", "--whom", account(ben))["promise"])
    assert f"Promise {number}: you set 2 tokens aside for Ben, until" in ann.tell("promises")
    assert f"Promise {number}: Ann set 2 tokens aside for you, until" in ben.tell("promises")
    assert "only Ben can free it" in ann.fail("free", number)
    told = ann.tell("hand-over", number)
    assert told.startswith(f"Ben was paid 2 tokens of promise {number}.")
    for_circle = ann.tell("set-aside", "1", "--whom", "community")
    assert "set aside for the community account" in for_circle
    assert "for the community account, until" in ann.tell("promises")


def test_refusals_name_whom_they_are_about(
    olive: Person, newcomer: Newcomer, tmp_path: Path
) -> None:
    """As far as they came up before."""
    ann, _ = newcomer("ann"), newcomer("ben")
    names = (handle(tmp_path, "ann"), handle(tmp_path, "ben"))
    fee = ("officer", "levy", "90", *WHY)
    told = olive.fail(*fee[:3], names[0], *WHY)
    assert told.startswith("Ann can spend 25 tokens now")
    assert olive.fail(*fee[:3], *names, *WHY).startswith("Ann and Ben cannot go down that far")
    olive.tell("officer", "close", account(ann), *WHY)
    assert olive.fail("pay", names[0], "1") == "Ann has no open account."
    olive.tell("pay", "community", "1")
    assert "you paid the community account 1 token" in olive.tell("statement").replace(
        "\n" + " " * 43, " "
    )


def test_orders_in_files_name_whom_they_are_about(
    olive: Person, newcomer: Newcomer, tmp_path: Path
) -> None:
    """Beside the numbers, which are what is signed."""
    ann, file = newcomer("ann"), str(tmp_path / "close.json")
    olive.tell("officer", "close", account(ann), *WHY, "--save", file)
    said = olive.json("officer", "cosign", file, "--yes")["says"]
    assert said.startswith("Olive Oyl (person 101) wants this done, with 1 signed: Ann's account")


def test_nobody_is_named_once_their_name_was_erased(
    olive: Person, newcomer: Newcomer, node: LiveNode, tmp_path: Path
) -> None:
    ann, ben = newcomer("ann"), newcomer("ben")
    ann.tell("pay", handle(tmp_path, "ben"), "1")
    person = str(ann.json("whoami")["person"])
    olive.tell("officer", "close", account(ann), *WHY)
    erase(node, person)
    assert "a former member paid you 1 token" in " ".join(ben.tell("statement").split())


def erase(node: LiveNode, person: str) -> None:
    """``tallyd erase`` while the node does not run."""
    node.stop()
    program = "from node.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", program, "erase", str(node.directory), person, "--yes"],
        check=True,
        capture_output=True,
    )
    node.start()


# What is held


def test_everything_held_on_a_member_is_saved_in_a_file_of_their_own(
    newcomer: Newcomer, tmp_path: Path
) -> None:
    ann, file = newcomer("ann"), tmp_path / "mine.json"
    assert ann.json("everything", str(file))["bytes"] == file.stat().st_size
    assert json.loads(file.read_bytes())["person"] == ann.json("whoami")["person"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert "cannot be written" in ann.fail("everything", str(file))
