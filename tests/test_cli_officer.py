"""``tally officer``: what coordinators do, alone and several together, against a real node."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.at_terminals import WHY, Newcomer, circle_at_terminals, handle, type_in
from tests.live_node import LiveNode
from tests.terminal import Person, Shown


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """A circle whose weighty acts two of the committee sign."""
    options = ("--committee", "2")
    with circle_at_terminals(tmp_path_factory.mktemp("node"), options=options) as node:
        yield node


def balance(person: Person) -> int:
    read: int = person.json("balance")["accounts"][0]["balance"]
    return read


def test_every_act_gives_its_reason(olive: Person) -> None:
    """It is asked for on the command line, and stays on record."""
    result = olive("officer", "limits", "olive", "--up-to", "600")
    assert result.status == 2
    assert "--reason" in result.err


def test_invitation_is_taken_back_before_it_is_used(
    olive: Person, tmp_path: Path, capsys: Shown
) -> None:
    link = olive.json("officer", "invite", *WHY)["link"]
    olive.tell("officer", "uninvite", link, *WHY)
    late = Person(tmp_path / "late", capsys)
    told = late.fail("join", link, "--handle", "late", "--name", "Late")
    assert "This invitation cannot be used" in told
    assert "unknown here, or was used" in olive.fail("officer", "uninvite", link, *WHY)


def test_limits_of_an_invitation_are_as_asked_for(
    olive: Person, tmp_path: Path, capsys: Shown
) -> None:
    terms = ("--down-to", "7", "--up-to", "70", "--starter", "0")
    link = olive.json("officer", "invite", *terms, *WHY)["link"]
    ann = Person(tmp_path / "ann", capsys)
    ann.tell("join", link, "--handle", handle(tmp_path, "ann"), "--name", "Ann")
    (account,) = ann.json("balance")["accounts"]
    assert (account["floor"], account["ceiling"], account["balance"]) == (-700, 7000, 0)
    told = olive.tell("officer", "limits", handle(tmp_path, "ann"), "--down-to", "9", *WHY)
    assert told == "Ann can now go down to 9 tokens below zero, and up to 70 tokens.\n"
    assert "rules allow 100 tokens" in olive.fail(
        *("officer", "limits", handle(tmp_path, "ann"), "--down-to", "900", *WHY)
    )


def test_tokens_are_sold_and_taken_back_for_cash(
    olive: Person, newcomer: Newcomer, tmp_path: Path
) -> None:
    """The line of the cash book is on the statement."""
    ann, name = newcomer("ann"), handle(tmp_path, "ann")
    olive.tell("officer", "sell", name, "3", "--ref", "cash 12", *WHY)
    olive.tell("officer", "redeem", name, "1", "--ref", "cash 13", *WHY)
    assert balance(ann) == 700
    lines = ann.json("statement")["lines"]
    assert [line["reference"] for line in lines] == ["cash 13", "cash 12", None]
    assert [line["by"] for line in lines[:2]] == ["olive", "olive"]
    assert ann.json("verify")["ok"]


def test_circle_fee_is_collected_from_all_or_nobody(
    olive: Person, newcomer: Newcomer, tmp_path: Path
) -> None:
    """Those who cannot pay are named, or left out if that is asked for."""
    ann, ben = newcomer("ann"), newcomer("ben")
    names = (handle(tmp_path, "ann"), handle(tmp_path, "ben"))
    olive.tell("officer", "levy", "1", *names, *WHY)
    assert (balance(ann), balance(ben)) == (400, 400)
    olive.tell("officer", "limits", names[1], "--down-to", "0", *WHY)
    assert "can spend 4 tokens now" in olive.fail("officer", "levy", "5", *names, *WHY)
    dry = olive.json("officer", "levy", "5", *names, "--skip-low", "--dry-run", *WHY)
    assert (len(dry["legs"]), len(dry["skipped"]), dry["total"]) == (1, 1, 500)
    assert (balance(ann), balance(ben)) == (400, 400)
    told = olive.tell("officer", "levy", "5", *names, "--skip-low", *WHY)
    assert "Left out, as they cannot go down that far: Ben." in told
    assert (balance(ann), balance(ben)) == (-100, 400)


def test_a_file_says_who_is_paid_how_much(
    olive: Person, newcomer: Newcomer, tmp_path: Path
) -> None:
    """A mistake in it is named with its line, and nothing is done."""
    ann, ben = newcomer("ann"), newcomer("ben")
    file = tmp_path / "fees.csv"
    names = (handle(tmp_path, "ann"), handle(tmp_path, "ben"))
    file.write_text(f"who,amount\r\n{names[0]},1\r\n\r\n{names[1]},0.5\r\n")
    olive.tell("officer", "levy", "--csv", str(file), *WHY)
    assert (balance(ann), balance(ben)) == (400, 450)
    olive.tell("officer", "pay-out", "--csv", str(file), "--fund", "treasury", *WHY)
    assert (balance(ann), balance(ben)) == (500, 500)
    file.write_text(f"{names[0]},1\n{names[1]},lots\n")
    assert "In line 2 of the file" in olive.fail("officer", "levy", "--csv", str(file), *WHY)
    file.write_text(f"{names[0]},1,2\n")
    assert "Line 1 of" in olive.fail("officer", "levy", "--csv", str(file), *WHY)
    file.write_bytes(b"\xff\xfe")
    assert "UTF-8" in olive.fail("officer", "levy", "--csv", str(file), *WHY)
    assert "Write AMOUNT WHO" in olive.fail("officer", "levy", "1", *WHY)
    everyone = olive.json("officer", "pay-out", "1", "--everyone", "--dry-run", *WHY)
    assert len(everyone["legs"]) >= 3


def test_a_line_is_undone_once_by_a_new_one(
    olive: Person, newcomer: Newcomer, tmp_path: Path
) -> None:
    ann = newcomer("ann")
    number = str(ann.json("pay", "olive", "2")["entry"])
    # Olive was paid by it, so the committee has to agree; another officer's say would do.
    assert "sign" in olive.fail("officer", "reverse", number, *WHY)
    sold = olive.json("officer", "sell", handle(tmp_path, "ann"), "2", "--ref", "x", *WHY)
    olive.tell("officer", "reverse", str(sold["entry"]), *WHY)
    assert "reversed before" in olive.fail("officer", "reverse", str(sold["entry"]), *WHY)
    assert balance(ann) == 300
    assert "an earlier line was undone" in ann.tell("statement")


def test_members_without_a_device_pay_by_numbered_slips(
    olive: Person, newcomer: Newcomer, tmp_path: Path
) -> None:
    """A slip is good once; both names show; set aside with a slip too."""
    ann, gran = newcomer("ann"), handle(tmp_path, "gran")
    olive.tell("officer", "open", gran, "Gran", "--no-device", "--starter", "5", *WHY)
    pay = ("officer", "act", gran, handle(tmp_path, "ann"), "2", "--channel", "paper")
    number = str(abs(hash(tmp_path)) % 10**6)
    assert "from slip" in olive.tell(*pay, "--slip", number, "--for", "Jam")
    assert "was entered before" in olive.fail(*pay, "--slip", number)
    (line, _) = ann.json("statement")["lines"]
    assert (line["text"], line["by"], line["slip"]) == ("Jam", "olive", ["paper", number])
    assert ann.json("verify")["ok"]
    slip = ("--slip", "telephone", number)
    olive.tell("set-aside", "1", "--as", gran, *slip)
    assert "1 token" in olive.tell("promises", "--account", gran)
    agreed = olive.json("set-aside", "1", "--as", gran, "--coordinator", *slip[:2], f"{number}0")
    given = ("assign", str(agreed["promise"]), "--as", gran)
    told = olive.tell(*given, handle(tmp_path, "ann"), "--reason", "ann is free")
    assert told == f"Promise {agreed['promise']} is for Ann now.\n"
    told = olive.tell(*given, "--nobody", "--reason", "ann is ill")
    assert told == f"Promise {agreed['promise']} was given back; it is for nobody now.\n"
    paid = ("hand-over", str(agreed["promise"]), "--as", gran, "--whom", handle(tmp_path, "ann"))
    assert "gives its reason" in olive.fail(*paid)
    assert "was paid 1 token" in olive.tell(*paid, "--reason", "done, she said")
    assert "signs for itself" in olive.fail(
        *("pay", gran, "1", "--as", handle(tmp_path, "ann"), "--slip", "paper", f"{number}9")
    )


def test_a_member_is_helped_with_a_new_phone_and_a_lost_one(
    olive: Person, newcomer: Newcomer, node: LiveNode, tmp_path: Path, capsys: Shown
) -> None:
    """Face to face it works at once; at a distance it waits, and the old one can stop it."""
    ann, name = newcomer("ann"), handle(tmp_path, "ann")
    phone, fake = Person(tmp_path / "phone", capsys), Person(tmp_path / "fake", capsys)
    code = phone.json("new-device", node.url, "--device", "phone")["code"]
    assert "can be used at once" in olive.tell("officer", "enrol", name, code, *WHY)
    phone.tell("pay", "olive", "1")
    code = fake.json("new-device", node.url, "--device", "fake")["code"]
    told = olive.tell("officer", "enrol", name, code, "--at-a-distance", *WHY)
    assert "can be used from" in told
    assert "does not know this device" in fake.fail("balance")
    assert "veto it if you do not know it" in ann("balance").err
    ann.tell("devices", "veto", "fake")
    assert "phone: in use" in olive.tell("officer", "devices", name)
    olive.tell("officer", "freeze", name, "phone", *WHY)
    assert "does not know this device" in phone.fail("balance")
    olive.tell("officer", "thaw", name, "phone", *WHY)
    phone.tell("balance")
    olive.tell("officer", "revoke", name, "phone", *WHY)
    assert ann.json("verify")["ok"]


def test_weighty_acts_are_signed_by_several_in_a_file(
    olive: Person,
    newcomer: Newcomer,
    node: LiveNode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One saves it, the paper key or another officer signs, anybody sends it, once."""
    ben, name = newcomer("ben"), handle(tmp_path, "ben")
    appoint = ("officer", "appoint", name, "coordinator", *WHY)
    assert "2 of the committee must sign this, and 1 did" in olive.fail(*appoint)
    file = str(tmp_path / "appoint.json")
    assert "and not sent" in olive.tell(*appoint, "--save", file)
    assert "2 of the committee" in olive.fail("officer", "send", file)
    olive.tell(*appoint, "--save", file)
    type_in(monkeypatch, node.paper_key)
    assert "2 have now" in olive.tell("officer", "cosign", file, "--paper-key", "--yes")
    assert f"Ben (person {ben.json('whoami')['person']}) becomes coordinator" in ben.tell(
        *("officer", "send", file)
    )
    assert ben.json("officer", "send", file)["kind"] == "appoint"
    assert ben.json("whoami")["offices"] == ["coordinator"]
    # Now Ben's own device is one of the two.
    dismiss = ("officer", "dismiss", name, "coordinator", *WHY)
    olive.tell(*dismiss, "--save", file)
    told = ben("officer", "cosign", file, "--yes")
    assert told.status == 0
    ben.tell("officer", "send", file)
    assert ben.json("whoami")["offices"] == []


def test_paper_key_signs_beside_a_coordinator_or_alone(
    olive: Person,
    newcomer: Newcomer,
    node: LiveNode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Alone it is one of the committee, which is not enough where two are needed."""
    ann, name = newcomer("ann"), handle(tmp_path, "ann")
    appoint = ("officer", "appoint", name, "auditor", "--paper-key", *WHY)
    type_in(monkeypatch, node.paper_key)
    olive.tell(*appoint)
    type_in(monkeypatch, node.paper_key)
    assert "2 of the committee must sign" in ann.fail(
        *("officer", "dismiss", name, "auditor", "--paper-key", *WHY)
    )
    type_in(monkeypatch, node.paper_key[:-1] + "!")
    assert "not a valid code" in olive.fail(*appoint)
    assert [each["office"] for each in ann.json("officer", "officers")["officers"]].count(
        "auditor"
    ) == 1


def test_rules_are_amended_by_the_names_that_founding_has_for_them(
    olive: Person, node: LiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changes is said, before and after."""
    amend = ("officer", "amend")
    type_in(monkeypatch, node.paper_key)
    told = olive.tell(*amend, "ceiling", "700", "device-wait-days", "5", "--paper-key", *WHY)
    assert told == (
        "ceiling: 500 tokens, from now on 700 tokens.\n"
        "device-wait-days: 3 days, from now on 5 days.\n"
    )
    assert "is no setting" in olive.fail(*amend, "colour", "blue", *WHY)
    assert "are so already" in olive.fail(*amend, "ceiling", "700", *WHY)
    assert "pairs" in olive.fail(*amend, "ceiling", *WHY)
    assert "no whole number" in olive.fail(*amend, "committee", "many", *WHY)
    assert "2 of the committee" in olive.fail(*amend, "starter", "1", *WHY)


def test_orders_in_files_are_read_as_hostile(olive: Person, tmp_path: Path) -> None:
    """What is signed is what is shown: neither the text nor the order can be swapped."""
    file = tmp_path / "order.json"
    olive.tell("officer", "appoint", "olive", "auditor", *WHY, "--save", str(file))
    record = json.loads(file.read_text())
    for change in (
        {"text": "a raise for all"},
        {"order": record["order"][:-4] + "AAAA"},
        {"order": "!"},
        {"circle": 7, "tallystick": "order/2"},
        {"salt": None},
    ):
        file.write_text(json.dumps(record | change))
        told = olive.fail("officer", "cosign", str(file), "--yes")
        assert "holds no usable order" in told or "is not a file that --save has written" in told
    file.write_text("{" * 200_000)
    assert "longer than" in olive.fail("officer", "send", str(file))
    assert "cannot be read" in olive.fail("officer", "send", str(tmp_path / "none.json"))


def test_accounts_are_shared_and_closed(olive: Person, newcomer: Newcomer, tmp_path: Path) -> None:
    """A holder agrees to another; what is left at the end is the community's."""
    ann, ben = newcomer("ann"), newcomer("ben")
    number = str(ann.json("whoami")["accounts"][0])
    add = ("officer", "holder", number, "add", handle(tmp_path, "ben"), *WHY)
    assert "a holder of the account has to sign it too" in olive.fail(*add)
    file = str(tmp_path / "holder.json")
    olive.tell(*add, "--save", file)
    assert ann("officer", "cosign", file, "--yes").status == 0
    olive.tell("officer", "send", file)
    assert len(ben.json("balance")["accounts"]) == 2
    assert "several accounts" in ben.fail("pay", "olive", "1")
    assert "You paid Olive Oyl 1 token." in ben.tell("pay", "olive", "1", "--account", number)
    assert balance(ann) == 400
    assert ben.json("verify")["ok"]
    olive.tell("officer", "close", number, *WHY)
    assert "closed" in ann.tell("balance")
    assert "You have no open account" in ann.fail("pay", "olive", "1")
    olive.tell("officer", "open", "--holder", handle(tmp_path, "ann"), *WHY)
    assert len(ann.json("whoami")["accounts"]) == 1
    assert ann.json("verify")["ok"]
