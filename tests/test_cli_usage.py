"""What ``tally`` says of a command line that it cannot read; it needs no node for that."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import click
import pytest

from client.cli.lazy_group import LazyGroup
from client.cli.tally import run_tally, tally
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


def test_help_is_there_at_once() -> None:
    """The best of five, as this computer may have other things to do."""

    def seconds() -> float:
        began = perf_counter()
        subprocess.run(
            [sys.executable, "-m", "client.cli", "--help"], check=True, stdout=subprocess.DEVNULL
        )
        return perf_counter() - began

    assert min(seconds() for _ in range(5)) < HELP_SECONDS_MAX
