"""What ``tally`` says of a command line that it cannot read; it needs no node for that."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from client.cli.lazy_group import LazyGroup
from client.cli.message_words import tell_errand
from client.cli.tally import run_tally, tally
from client.cli.unfit import tell_unfit
from client.cli.words import fit
from client.ring_list import ErrandView
from tests.terminal import Person, Shown

HELP_SECONDS_MAX = 0.3


@pytest.fixture
def ann(tmp_path: Path, capsys: Shown) -> Person:
    """Somebody who is in no circle yet."""
    return Person(tmp_path / "ann", capsys)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pya",), "There is no command 'pya' (did you mean pay?): see tally --help."),
        (("officer", "x"), "There is no command 'x': see tally officer --help."),
        (("devices", "x"), "There is no command 'x': see tally devices --help."),
        ((), "Say what to do: tally --help lists it."),
        (("pay",), "tally pay also needs WHO AMOUNT: see tally pay --help."),
        (
            ("pay", "ann", "1", "--fro", "jam"),
            "tally pay has no option '--fro' (did you mean --for?): see tally pay --help.",
        ),
        (("pay", "ann", "-5"), "An amount is written without a sign: 5, not -5."),
        (("pay", "ann", "1", "--for"), "--for has to be followed by something: see tally --help."),
        (
            ("officer", "close", "ann"),
            "tally officer close also needs --reason TEXT: why; it stays on record.",
        ),
        (
            ("balance", "of", "mine"),
            "tally balance has no use for 'of mine': put words that belong together in quotes, and"
            " see tally balance --help.",
        ),
        (
            ("statement", "--from", "yesterday"),
            "'yesterday' is no day for --from: write one like 2026-05-31.",
        ),
        (
            ("events", "add", "Tea", "--at", "tomorrow"),
            "'tomorrow' is no time for --at: write one like \"2026-05-31 10:00\".",
        ),
        (
            ("officer", "appoint", "ann", "queen", "--reason", "x"),
            "'queen' is nothing that OFFICE can be: write coordinator or auditor.",
        ),
        (
            ("request", "1", "--days", "0"),
            "0 cannot be --days: write a whole number from 1 to 365.",
        ),
        (("free", "it"), "'it' cannot be PROMISE: write a whole number, such as 102."),
        (
            ("balance", "--account", "mine"),
            "'mine' cannot be --account: write a whole number, such as 102.",
        ),
        (
            ("set-aside", "ann", "1"),
            "tally set-aside has no use for '1', only for AMOUNT: put words that belong together"
            " in quotes, and see tally set-aside --help.",
        ),
        (("rsvp", "1", "maybe"), "'maybe' cannot be said here: write yes or no."),
        (("rsvp", "1"), "tally rsvp also needs yes or no: see tally rsvp --help."),
        (("yes",), "tally yes also needs N, a number: see tally yes --help."),
        (
            ("claim", "x" * 100),
            f"'{'x' * 59}... cannot be PROMISE: write a whole number, such as 102.",
        ),
        (
            ("offer", "\udcff"),
            "There are letters in this command that cannot be read: type it again.",
        ),
        (
            ("officer", "pay-out", "--csv", "none.csv", "--reason", "x"),
            "File 'none.csv' does not exist (--csv).",
        ),
    ],
)
def test_command_line_that_cannot_be_read_is_told_in_one_sentence(
    ann: Person, arguments: tuple[str, ...], sentence: str
) -> None:
    """With status 2, on standard error, and without jargon."""
    result = ann(*arguments)
    assert (result.status, result.out, result.err) == (2, "", f"{sentence}\n")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "body.title: String should have at least 1 character, not ''.",
            "The title is empty: write something there.",
        ),
        (
            "body.words: String should have at most 2000 characters.",
            "The text is too long: write at most 2000 letters.",
        ),
        (
            "body.place: String should match pattern '^[^\\n]*$', not 'a\\nb'.",
            "There are letters or signs in the place that cannot stand there: write it without.",
        ),
        (
            "body.guests: Input should be less than or equal to 5, not 9.",
            "That is too much (the guests): 5 is the most.",
        ),
        (
            "body.windows.0: it is over, or begins too soon.",
            "That cannot be taken as it is (the time): it is over, or begins too soon.",
        ),
        (
            "body.skills: there is no category x here; /api/v1/categories lists them.",
            "That cannot be taken as it is (what kind of help it is): there is no category x here.",
        ),
        (
            "body.most: say how much it may cost; nobody has said yet what an hour of help is.",
            "Say with --most AMOUNT what it may cost at most. A coordinator can say once what an"
            " hour of help costs here, with tally desk terms AMOUNT; then it need not be said each"
            " time.",
        ),
    ],
)
def test_what_a_node_finds_unfit_is_told_without_its_own_names(said: str, told: str) -> None:
    """As somebody would say it who reads the command over the telephone."""
    assert tell_unfit(f"The request does not fit its description: {said}") == told


def test_ranges_are_told_without_signs_of_mathematics(capsys: Shown) -> None:
    for command in (["rsvp"], ["offer"], ["events", "add"], ["allow"]):
        assert run_tally([*command, "--help"]) == 0
        told = capsys.readouterr().out
        assert "<=" not in told
        assert "INTEGER" not in told


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "We are asking. Not needed any more: tally cancel 12",
            ["We are asking. Not needed any", "more: tally cancel 12"],
        ),
        (
            "  Bob comes on Friday. Afterwards: tally confirm 1",
            ["  Bob comes on Friday.", "  Afterwards: tally confirm 1"],
        ),
        (
            "To join: tally join http://127.0.0.1:8470/join#abcde-fghij",
            ["To join: tally join http://127.0.0.1:8470/join#abcde-fghij"],
        ),
    ],
)
def test_lines_fit_the_terminal_and_a_command_stays_on_one(
    text: str, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is to be copied whole is not taken apart."""
    monkeypatch.setenv("COLUMNS", "31")
    assert fit(text).splitlines() == lines


def groups(group: LazyGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            assert isinstance(command, LazyGroup)
            yield from groups(command, (*path, name))


def test_no_summary_in_a_list_of_commands_is_cut(capsys: Shown) -> None:
    """On the narrowest terminal that click writes for."""
    assert isinstance(tally, LazyGroup)
    found = list(groups(tally))
    members = {("devices",), ("events",), ("messages",)}
    assert set(found) == {(), *members, ("desk",), ("officer",), ("officer", "duty")}
    for path in found:
        assert run_tally([*path, "--help"]) == 0
        assert "..." not in capsys.readouterr().out.partition("\n")[2]


def commands(group: LazyGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield (*path, name)
        if isinstance(command, LazyGroup):
            yield from commands(command, (*path, name))


def test_no_help_text_has_words_that_members_are_never_shown(capsys: Shown) -> None:
    """Those of the protocol and of programmers."""
    assert isinstance(tally, LazyGroup)
    never = re.compile(
        r"\b(waves?|orders?|ordered|entry|entries|checkpoints?|peers?|nonces?|hash(es)?|leaf|leaves"
        r"|merkle|boolean|integer|float|string)\b",
        re.IGNORECASE,
    )
    found = [*commands(tally)]
    assert len(found) > 100
    for path in found:
        assert run_tally([*path, "--help"]) == 0
        told = capsys.readouterr().out
        assert not never.search(told), (path, never.search(told))


def test_help_is_there_at_once() -> None:
    """By the processor's time, as this computer may have other things to do; the best of five."""

    def seconds() -> float:
        began = os.times()
        subprocess.run(
            [sys.executable, "-m", "client.cli", "--help"], check=True, stdout=subprocess.DEVNULL
        )
        ended = os.times()
        return ended.children_user + ended.children_system - sum(began[2:4])

    assert min(seconds() for _ in range(5)) < HELP_SECONDS_MAX


@pytest.mark.parametrize("asked", [("help",), ("help", "pay"), ("help", "officer", "sell")])
def test_help_is_what_help_asks_for(asked: tuple[str, ...], capsys: Shown) -> None:
    assert run_tally(asked) == 0
    assert capsys.readouterr().out.startswith(" ".join(("Usage: tally", *asked[1:])))


def test_what_cannot_be_printed_is_told_in_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            [sys.executable, "-c", "from client.cli import main; main()", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert (finished.returncode, finished.stderr) == (
        1,
        "What there is to say cannot be written (No space left on device).\n",
    )


def test_calls_to_make_are_set_in_and_fit_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    words = "The hall is closed on Friday. (From ann, for the circle)"
    call = ErrandView(
        *(11, "call", 102, "bob", "Bob", "call", "020 7946 0018", words, False, 0),
        *("they have no device", 0, None),
    )
    told = tell_errand(call)
    assert fit(told) == told
    assert told.splitlines() == [
        "11. Call Bob: 020 7946 0018",
        "   The hall is closed on Friday. (From",
        "   ann, for the circle)",
        "   Because they have no device.",
    ]
