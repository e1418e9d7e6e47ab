"""Statements held against what was proved, without a node (client/findings.py, client/cli/)."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from client.cli.device_list import find_device
from client.cli.names import Names
from client.cli.refusals import explain
from client.cli.statement_words import tell_line, tell_row, write_csv
from client.cli.verify import counting, tell_finding
from client.cli.words import listed, plain, span
from client.errors import HistoryRewritten, HistoryUnproven, InputRefused, NodeRefused
from client.findings import Asker, Finding, Line, compare_account, compare_lines, lines_of
from client.history import CHANGED, UNPROVEN
from client.receipts import verify_kept
from client.views import AccountView, Counterparty, DeviceView, StatementLine
from ledger.amount import Unit, UnitKind
from tests.paper_book import open_book

TREASURY = 1
ANN = Asker(101, frozenset(), frozenset({101}))


def proved_line() -> Line:
    """The treasury's first posting, as the charter opened it."""
    book = open_book()
    receipt = book.receipt(0, TREASURY)
    (line,) = lines_of(receipt, verify_kept(receipt, book.circle))
    return line


def shown(line: Line, **changed: object) -> StatementLine:
    """What an honest statement says of it."""
    posting, leaf = line.posting, line.proved.leaf
    true = StatementLine(
        seq=posting.seq,
        entry=line.proved.index,
        log_time=leaf.log_time,
        kind=leaf.kind,
        authority="circle",
        delta=posting.delta,
        balance=posting.balance,
        held=posting.held,
    )
    return replace(true, **changed)  # type: ignore[arg-type]


def test_true_line_is_found_right() -> None:
    line = proved_line()
    assert list(compare_lines(TREASURY, [shown(line)], {1: [line]}, ANN, {})) == []


def test_two_entries_with_one_number_are_a_doubled_book() -> None:
    """Whichever of them the statement shows; each is in the log."""
    line = proved_line()
    other = replace(line, proved=replace(line.proved, index=7))
    kinds = {
        finding.kind
        for finding in compare_lines(TREASURY, [shown(line)], {1: [line, other]}, ANN, {})
    }
    assert kinds == {"line-doubled", "line-missing"}


def test_posting_that_names_another_predecessor_is_a_doubled_book() -> None:
    """Between it and the line before, something was taken out or put in."""
    first = proved_line()
    second = replace(
        first,
        proved=replace(first.proved, index=1),
        posting=first.posting._replace(seq=2, previous=first.link),
    )
    lines = [shown(second), shown(first)]
    assert list(compare_lines(TREASURY, lines, {1: [first], 2: [second]}, ANN, {})) == []
    torn = replace(second, posting=second.posting._replace(previous=bytes(32)))
    assert list(compare_lines(TREASURY, lines, {1: [first], 2: [torn]}, ANN, {})) == [
        Finding("line-doubled", TREASURY, 2, 1, "previous")
    ]


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"seq": 3}, "line-missing"),
        ({"balance": 1, "available": 1}, "balance-wrong"),
        ({"held": 1, "available": -1}, "balance-wrong"),
        ({"available": 9}, "balance-wrong"),
    ],
)
def test_account_is_held_against_its_last_line(changed: dict[str, int], kind: str) -> None:
    line = shown(proved_line())
    view = AccountView(1, "treasury", 0, 0, 0, 0, 100, 1, False, False, (), 1)
    assert list(compare_account(view, [line])) == []
    wrong = replace(view, **changed)  # type: ignore[arg-type]
    assert kind in {finding.kind for finding in compare_account(wrong, [line])}


# Words


HOSTILE = "Ann\x1b[2J\x07\u202e\nevil"
TOKENS = Unit("token", "tokens", UnitKind.DECIMAL, 2)


def test_what_others_wrote_cannot_act_on_the_terminal() -> None:
    """Neither names nor texts; every column of a statement is one of them."""
    line = StatementLine(
        seq=2,
        entry=9,
        log_time=1_790_000_000_000,
        kind="pay",
        authority="member",
        delta=-150,
        balance=350,
        held=0,
        counterparty=Counterparty(102, "ben", HOSTILE),
        text=HOSTILE,
        happened_on=date(2026, 5, 3),
        reference=HOSTILE,
        slip=(HOSTILE, HOSTILE),
        by=HOSTILE,
    )
    for told in (tell_line(line, TOKENS), tell_row(line, TOKENS)):
        assert all(letter.isprintable() or letter == "\n" for letter in told)
        assert "you paid Ann" in told
        assert "about 3 May 2026" in " ".join(told.split())
    assert plain("a\n b\t c") == "a b c"


def test_csv_has_figures_and_no_formulas() -> None:
    """As a spreadsheet would read them."""
    line = shown(proved_line(), delta=-150, text="=1+1", by="@ann")
    row = write_csv([line], TOKENS).splitlines()[1]
    assert ",-1.5," in row
    assert "'=1+1" in row
    assert "'@ann" in row


def test_lists_and_spans_read_as_spoken() -> None:
    assert listed([]) == ""
    assert listed(["one"]) == "one"
    assert listed(["one", "two", "three"]) == "one, two and three"
    assert [span(days * 24 * 3_600_000) for days in (1, 2, 7, 14)] == [
        "1 day",
        "2 days",
        "1 week",
        "2 weeks",
    ]


def test_device_is_found_by_number_or_name() -> None:
    """Nobody has to type a key, and what is meant is never guessed."""
    phone = DeviceView(bytes(32), "device", "Phone", "active", 0, 0)
    others = [replace(phone, label=label) for label in ("tablet", "Tablet", "7")]
    devices = [phone, *others]
    assert find_device(devices, "1") is phone
    assert find_device(devices, "phone") is phone
    assert find_device(devices, "7").label == "7"
    for wrong in ("tablet", "0", "5", "\u0661", "9" * 5000, ""):
        with pytest.raises(InputRefused):
            find_device(devices, wrong)


def test_what_is_not_proved_is_told_with_its_reason() -> None:
    """In words: of an account's number only where there are several."""
    finding = Finding("line-unproved", 102, 3, 17, "no holder ordered it")
    assert tell_finding(finding) == (
        "The circle shows line 3 of your account (no. 17), and does not prove it: no holder"
        " ordered it."
    )
    assert "line 3 of your account 102 (no. 17)" in tell_finding(finding, several=True)
    assert tell_finding(replace(finding, detail="")).endswith("does not prove it.")


def test_only_what_is_proved_is_called_rewritten() -> None:
    """A damaged tile proves nothing yet, and nobody is accused of it."""
    unit = Unit("token", "tokens", UnitKind.DECIMAL, 2)
    unproven = HistoryUnproven(UNPROVEN, "known", "shown", evidence=Path("evidence.json"))
    told = explain(unproven, unit, (), Names())
    assert told.startswith(
        "The node's copy of the log is damaged or was changed; nothing is proven yet: it will not"
    )
    assert "rewritten" not in told
    assert "proves what this circle signed" not in told
    assert "evidence.json" in told
    proven = explain(HistoryRewritten(CHANGED, "known", "shown"), unit, (), Names())
    assert proven.startswith("The circle's history was rewritten: ")
    assert (unproven.code, HistoryRewritten.code) == ("history-unproven", "history-rewritten")


def test_progress_on_a_terminal_ends_with_a_new_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the reading is broken off; elsewhere nothing is shown."""
    with counting() as count:
        assert count is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with contextlib.suppress(KeyError), counting() as count:
        assert count is not None
        count(256)
        raise KeyError
    assert capsys.readouterr().err == "\r256 lines read\n"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Account 104 is closed.", "Ben's account is closed."),
        ("Account 102 is closed.", "Your account is closed."),
        ("Account 105 is closed.", "Account 105 is closed."),
        ("There is no account 104 that you can see.", "There is no account 104 that you can see."),
        ("Person 103 has 16 devices.", "Ben has 16 devices."),
        ("Account 1 is full.", "The treasury is full."),
    ],
)
def test_numbers_in_a_refusal_are_names_where_they_are_known(said: str, told: str) -> None:
    refused = NodeRefused("whatever", said, 422, {})
    assert explain(refused, None, (102,), Names({104: "Ben"}, {103: "Ben"})) == told
