"""Paying into another circle with ``tally``, between two nodes: what people type, and are told."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from client.cli.payment_words import tell_rounding
from client.errors import NodeRefused, NodeUnreachable, ReceiptInvalid
from client.keystore import KeyStore
from client.member import Member, open_member
from client.node_client import NodeClient
from client.payments import Wanted, prepare, quote, send
from client.receipts import verify_kept
from client.transport import Patience
from ledger.amount import Unit, UnitKind
from ledger.federation.message import Commit
from ledger.federation.payment import decode_header, payment_id, verify_commit
from tests.at_terminals import unwrapped
from tests.live_ports import free_port
from tests.terminal import Person, Shown
from tests.two_circles import Circles, two_circles
from tests.waiting import COMES_SECONDS_MAX

T = TypeVar("T")
TOKEN = Unit("token", "tokens", UnitKind.DECIMAL, 2)
HOUR = Unit("hour", "hours", UnitKind.MINUTES)


@pytest.fixture(scope="module")
def circles(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Circles]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", postgres_dsn)
        with two_circles(postgres_dsn, tmp_path_factory.mktemp("circles")) as circles:
            yield circles


@pytest.fixture
def ann(circles: Circles, capsys: Shown) -> Person:
    """A member of Southwark Circle."""
    return Person(circles.southwark.home("ann"), capsys)


@pytest.fixture
def cat(circles: Circles, capsys: Shown) -> Person:
    """A member of Exeter Circle."""
    return Person(circles.exeter.home("cat"), capsys)


def as_member(home: Path, act: Callable[[Member], Awaitable[T]]) -> T:
    """Do something with the library, as the member whose keys are in ``home``."""

    async def job() -> T:
        async with open_member(KeyStore(home)) as member:
            return await act(member)

    return asyncio.run(job())


def newest_line(person: Person) -> dict[str, Any]:
    line: dict[str, Any] = person.json("statement", "--all")["lines"][0]
    return line


def balance(person: Person) -> tuple[int, int]:
    """The balance, and what is set aside of it."""
    account = person.json("balance")["accounts"][0]
    return account["balance"], account["held"]


def verify_all(person: Person) -> dict[str, Any]:
    """``tally verify`` once neighbours vouch for the head with every line, a moment later."""
    lines = len(person.json("statement", "--all")["lines"])
    end = time.monotonic() + COMES_SECONDS_MAX
    while (report := person.json("verify", "--whole-log"))["lines"] < lines:
        assert time.monotonic() < end, report
        time.sleep(0.3)
    assert report["ok"], report
    return report


def test_hours_arrive_as_tokens_and_the_remainder_stays(ann: Person, cat: Person) -> None:
    before, theirs = balance(ann)[0], balance(cat)[0]
    result = ann("pay", "cat@exeter.example", "2h05", "--for", "the garden", "--yes")
    assert result.status == 0
    assert result.err.removesuffix("Waiting for Exeter Circle.\n") == "Sent.\n"
    assert result.out.startswith("Arrived: cat@exeter.example got 12 tokens; it cost you 2 hours.")
    assert balance(ann) == (before - 120, 0)
    assert balance(cat) == (theirs + 12, 0)


def test_what_is_to_arrive_can_be_said_in_their_unit_and_the_circle_by_its_short_name(
    ann: Person,
) -> None:
    told = ann.json("pay", "cat@exeter", "--arrive", "3 tokens", "--yes")
    assert (told["state"], told["arrive"], told["most"], told["cost"]) == ("committed", 3, 30, 30)
    assert ann.fail("pay", "cat@exeter", "20min", "--arrive", "3", "--yes") == (
        "That costs more than you said may be spent: say more, or less there."
    )


def test_both_amounts_are_shown_before_anything_is_signed(ann: Person) -> None:
    before = balance(ann)
    result = ann("pay", "cat@exeter", "1h05", "--for", "tea")
    assert (result.status, result.out) == (1, "")
    assert result.err == (
        "You pay cat@exeter.example in Exeter Circle.\n"
        "  6 tokens will arrive.\n"
        "  It costs you 1 hour.\n"
        "  Set aside until it is there: 1 hour and 5 minutes; what is left over comes back to"
        " you.\n"
        "  For: tea\n"
        "There is nobody here to ask (Pay this): add --yes if you mean it.\n"
    )
    assert balance(ann) == before


def test_what_is_lost_by_rounding_is_shown_before_anything_is_signed(cat: Person) -> None:
    """Exeter counts whole tokens, of ten minutes each: five minutes cost as much as ten."""
    result = cat("pay", "ann@southwark.example", "--arrive", "5min")
    assert result.err.splitlines()[:4] == [
        "You pay ann@southwark.example in Southwark Circle.",
        "  5 minutes will arrive.",
        "  It costs you 1 token.",
        "  At the agreed rate it is worth 0.5 tokens; the other 0.5 tokens are lost by rounding.",
    ]


@pytest.mark.parametrize(
    ("cost", "millionths", "unit", "told"),
    [
        (100, 0, TOKEN, None),
        (150, 250_000, TOKEN, "Less than 0.01 tokens of that is lost by rounding."),
        (
            2,
            500_000,
            TOKEN,
            "At the agreed rate it is worth 0.015 tokens; the other 0.005 tokens are lost by"
            " rounding.",
        ),
        (
            7,
            333_334,
            HOUR,
            "At the agreed rate it is worth 6.67 minutes; the other 0.33 minutes are lost by"
            " rounding.",
        ),
    ],
)
def test_rounding_is_told_in_one_sentence(
    cost: int, millionths: int, unit: Unit, told: str | None
) -> None:
    """Nothing where nothing is lost, and little of what is next to nothing."""
    assert tell_rounding(cost, millionths, unit) == told


def test_a_name_that_nobody_has_comes_back(ann: Person) -> None:
    before = balance(ann)
    result = ann("pay", "zed@exeter", "1", "--for", "a stranger", "--yes")
    assert result.status == 1
    assert result.out.startswith(
        "Came back: Exeter Circle has nobody called zed who can take as much now. It cost you"
        " nothing."
    )
    assert balance(ann) == before
    line = newest_line(ann)
    assert (line["kind"], line["authority"], line["delta"]) == ("release", "peer", 0)
    assert line["elsewhere"]["reason"] == "payee"
    assert "what was on its way to zed@exeter.example came back" in unwrapped(ann.tell("statement"))
    assert "Came back: Exeter Circle has nobody called zed" in unwrapped(ann.tell("payments"))


def test_more_than_the_agreement_has_room_for_is_refused_before_it_is_signed(
    ann: Person, circles: Circles
) -> None:
    before = balance(ann)
    assert ann.fail("pay", "cat@exeter", "11", "--yes") == (
        "There is no way to Exeter Circle with room for just that at the moment;"
        " try another amount, or later."
    )
    journal = KeyStore(circles.southwark.home("ann")).journal("southwark-circle")
    assert journal.unanswered() == ()
    assert balance(ann) == before


def test_more_than_the_payer_may_spend_is_refused_before_it_is_signed(
    circles: Circles, capsys: Shown
) -> None:
    circles.southwark.welcome("poor", floor=0)
    poor = Person(circles.southwark.home("poor"), capsys)
    assert poor.fail("pay", "cat@exeter", "1", "--yes") == (
        "You can spend no hours now, so 1 hour is too much; nothing was done."
    )
    assert poor.json("statement", "--all")["lines"][0]["kind"] == "open"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("cat@nowhere", "1"), "No neighbouring circle is called 'nowhere': this circle has an"),
        (
            ("cat@nowhere.example", "1"),
            "nowhere.example is another circle, and no way there is known",
        ),
        (("Cat!@exeter", "1"), "'cat!' cannot be a short name"),
        (("cat@exeter",), "Say how much: an AMOUNT of your own, or --arrive and what they get."),
        (("cat@exeter", "1", "--on", "2026-01-01"), "A payment into another circle says no day"),
        (("cat@exeter", "1", "--for", "a\u200bb"), "A text for another circle cannot have the"),
        (("cat@exeter", "1", "--for", "x" * 1601), "Another circle takes a text of 1600 bytes"),
        (("olive", "1", "--arrive", "1"), "--arrive is for somebody in another circle"),
        (("cat@exeter", "1", "olive", "1"), "exeter is another circle: its people can be paid"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(
    ann: Person, arguments: tuple[str, ...], told: str
) -> None:
    assert ann.fail("pay", *arguments, "--yes").startswith(told)


def test_statements_on_both_sides_read_well_and_verify(ann: Person, cat: Person) -> None:
    ann.tell("pay", "cat@exeter", "1", "--for", "the hedge", "--yes")
    paid, got = newest_line(ann), newest_line(cat)
    assert (paid["kind"], paid["authority"], paid["delta"]) == ("settle", "peer", -60)
    assert paid["counterparty"]["name"] == "Exeter Circle"
    assert paid["elsewhere"]["who"] == "cat@exeter.example"
    assert paid["elsewhere"]["text"] == "the hedge"
    assert (got["kind"], got["authority"], got["delta"]) == ("arrive", "peer", 6)
    assert got["text"] == "ann@southwark.example\nthe hedge"
    assert paid["elsewhere"]["payment"] == got["elsewhere"]["payment"]
    assert ": you paid cat@exeter.example 1 hour, for the hedge." in ann.tell("balance")
    assert ": ann@southwark.example paid you 6 tokens, for the hedge." in cat.tell("balance")
    for person, said in ((ann, "cat@exeter.example: "), (cat, "ann@southwark.example: ")):
        rows = list(csv.DictReader(io.StringIO(person.tell("statement", "--csv"))))
        assert rows[0]["text"] == f"{said}the hedge"
        assert verify_all(person)["findings"] == []


def test_a_coordinator_sees_and_verifies_payments_of_others(
    circles: Circles, ann: Person, capsys: Shown
) -> None:
    ann.tell("pay", "cat@exeter", "1", "--yes")
    number = ann.json("balance")["accounts"][0]["number"]
    olive = Person(circles.southwark.home("olive"), capsys)
    whole = unwrapped(olive.tell("statement", "--account", str(number)))
    assert "you paid cat@exeter.example 1 hour" in whole
    mirror = unwrapped(olive.tell("statement", "--account", "4", "--all"))
    assert "Ann paid cat@exeter.example 1 hour" in mirror
    assert "an agreement with another circle began" in mirror
    verify_all(olive)
    saved = circles.southwark.folder / "everything.json"
    ann.tell("everything", str(saved))
    lines = json.loads(saved.read_text())["statements"][0]["lines"]
    assert lines[0]["elsewhere"]["who"] == "cat@exeter.example"


def test_the_other_circles_signature_is_kept_and_anybody_can_check_it(
    circles: Circles, ann: Person
) -> None:
    told = ann.json("pay", "cat@exeter", "1", "--yes")
    journal = KeyStore(circles.southwark.home("ann")).journal("southwark-circle")
    sent = journal.payment(bytes.fromhex(told["payment"]))
    assert sent is not None
    assert sent.commit is not None
    verify_commit(sent.header, sent.commit)
    assert payment_id(sent.header).hex() == told["payment"]
    assert decode_header(sent.header).arrive == 6
    asked = ann.json("payments", "--ask")["payments"][0]
    assert (asked["payment"], asked["asked"]) == (told["payment"], "committed")


def test_payments_are_shown_to_those_who_see_the_account_alone(
    circles: Circles, ann: Person, capsys: Shown
) -> None:
    told = ann.json("pay", "cat@exeter", "1", "--yes")
    circles.southwark.welcome("nosy")
    Person(circles.southwark.home("nosy"), capsys).tell("balance")

    async def ask(member: Member) -> None:
        session = await member.session()
        with pytest.raises(NodeRefused, match="There is no"):
            await session.payment(bytes.fromhex(told["payment"]))
        with pytest.raises(NodeRefused, match="There is no"):
            await session.payments(told["account"])

    as_member(circles.southwark.home("nosy"), ask)


def test_a_payment_waits_for_a_circle_that_is_away_and_then_arrives(
    circles: Circles, ann: Person, cat: Person
) -> None:
    before, theirs = balance(ann)[0], balance(cat)[0]
    circles.exeter.node.stop()
    try:
        result = ann("pay", "cat@exeter", "1", "--for", "patience", "--yes", "--wait", "1")
        assert result.status == 0
        assert result.err == "Sent.\nWaiting for Exeter Circle.\n"
        assert result.out == (
            "On its way: 6 tokens for cat@exeter.example, waiting for Exeter Circle. Set aside"
            " until then: 1 hour; see tally payments.\n"
        )
        assert balance(ann) == (before, 60)
        assert "on the way into another circle" in unwrapped(ann.tell("promises"))
        assert "Exeter Circle cannot be reached now." in unwrapped(ann.tell("payments", "--ask"))
    finally:
        circles.exeter.node.start()
    end = time.monotonic() + COMES_SECONDS_MAX
    while ann.json("payments")["payments"][0]["state"] == "open":
        assert time.monotonic() < end
        time.sleep(0.2)
    assert balance(ann) == (before - 60, 0)
    assert balance(cat) == (theirs + 6, 0)
    assert newest_line(cat)["text"] == "ann@southwark.example\npatience"
    verify_all(ann)
    verify_all(cat)


def test_another_circle_at_a_known_address_is_refused(circles: Circles, ann: Person) -> None:
    ann.tell("pay", "cat@exeter", "10min", "--yes")
    [path] = circles.southwark.home("ann").rglob("other-circles")
    kept = path.read_bytes()
    record = json.loads(kept)
    record["circles"][0]["circle"] = "ab" * 32
    path.write_text(json.dumps(record))
    try:
        assert ann.fail("pay", "cat@exeter", "10min", "--yes") == (
            "Another circle than Exeter Circle, which you paid before, is said to be at"
            " exeter.example: pay nothing there, and ask your coordinator what happened."
        )
    finally:
        path.write_bytes(kept)


def test_a_payment_that_was_interrupted_goes_out_once(circles: Circles, ann: Person) -> None:
    before = balance(ann)[0]
    number = ann.json("balance")["accounts"][0]["number"]
    wanted = Wanted(number, "ann@southwark.example", "cat", "exeter.example", "only once", 30, None)

    async def lose_connection(member: Member) -> None:
        prepared = prepare(wanted, await quote(member, wanted))
        nowhere = f"http://127.0.0.1:{free_port()}"
        async with NodeClient(nowhere, Patience(attempts=1)) as nobody:
            member.node = nobody
            with pytest.raises(NodeUnreachable):
                await send(member, prepared, wanted.intent())

    as_member(circles.southwark.home("ann"), lose_connection)
    result = ann("pay", "cat@exeter", "30min", "--for", "only once", "--yes")
    assert result.status == 0
    assert "Something that was interrupted is done now, once: " in result.err
    assert "sends at most half an hour into another circle" in result.err
    assert result.out.startswith("Arrived: cat@exeter.example got 3 tokens; it cost you half an")
    assert balance(ann)[0] == before - 30


def test_erasing_a_payee_takes_who_paid_them_and_what_for(
    circles: Circles, ann: Person, capsys: Shown
) -> None:
    circles.exeter.welcome("eve")
    eve = Person(circles.exeter.home("eve"), capsys)
    dan = Person(circles.exeter.home("dan"), capsys)
    ann.tell("pay", "eve@exeter", "10min", "--for", "a secret", "--yes")
    eve.tell("pay", "dan", "1")
    me = eve.json("whoami")
    dan.tell("officer", "close", "eve", "--reason", "moved away")
    circles.exeter.tallyd("erase", str(me["person"]), "--yes")
    lines = dan.json("statement", "--account", str(me["accounts"][0]), "--all")["lines"]
    [arrived] = [line for line in lines if line["kind"] == "arrive"]
    assert (arrived["text"], arrived["elsewhere"]["who"]) == (None, None)
    assert arrived["counterparty"]["name"] == "Southwark Circle"
    shown = unwrapped(dan.tell("statement", "--account", str(me["accounts"][0])))
    assert "another circle paid" not in shown
    assert "Southwark Circle paid" in shown


def test_the_evidence_of_an_entry_is_shown_to_its_parties(circles: Circles, ann: Person) -> None:
    ann.tell("pay", "cat@exeter", "10min", "--yes")
    entry = newest_line(ann)["entry"]

    async def look(member: Member) -> None:
        shown = await (await member.session()).entry(entry)
        assert shown.order is not None
        proved = verify_kept(shown, member.circle)
        assert (proved.authority, proved.order, proved.leaf.kind) == ("peer", None, "settle")
        assert proved.evidence is not None
        assert isinstance(proved.evidence.content, Commit)
        public = await member.node.entry(entry)
        assert (public.order, public.openings) == (None, ())
        lying = replace(shown, order=replace(shown.order, authority="member"))
        with pytest.raises(ReceiptInvalid):
            verify_kept(lying, member.circle)

    as_member(circles.southwark.home("ann"), look)
    as_member(circles.southwark.home("olive"), look)


def test_the_books_of_both_circles_check(circles: Circles) -> None:
    """After all that was paid above."""
    for side in (circles.southwark, circles.exeter):
        side.node.stop()
        try:
            side.tallyd("check")
        finally:
            side.node.start()
