"""What ``tallyd`` prints for the volunteer who runs it."""

from __future__ import annotations

import json
import logging
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
import structlog
from click.testing import CliRunner

from node.cli import run_tallyd
from node.commands import tallyd
from node.config import write_config
from node.telling import fit
from tests.terminal import Shown

LOG_ONCE = (
    "import structlog; from node.logs import configure_logs; configure_logs();"
    "structlog.get_logger().warning('disk_almost_full', free=7)"
)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """What ``tallyd`` sets up for its own process is not for the tests that come after."""
    yield
    structlog.reset_defaults()
    logging.basicConfig(handlers=[], force=True)


def on_a_terminal(**environment: str) -> str:
    """What a process prints to a terminal on its standard error."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        subprocess.run(
            [sys.executable, "-c", LOG_ONCE],
            stderr=theirs,
            check=True,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **environment},
        )
        os.close(theirs)
        return terminal.read(10_000).decode()


def test_a_terminal_is_told_in_words_and_colours() -> None:
    told = on_a_terminal()
    assert "Warning: disk almost full" in told
    assert "\x1b[" in told
    assert not told.startswith("{")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colours_is_told_in_words_alone(environment: dict[str, str]) -> None:
    told = on_a_terminal(**environment)
    assert told.endswith(" Warning: disk almost full (free 7)\r\n")
    assert "\x1b" not in told


def test_whatever_reads_the_log_from_a_pipe_gets_lines_of_json() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", LOG_ONCE], capture_output=True, text=True, check=True
    )
    event = json.loads(finished.stderr)
    assert (event["event"], event["level"], event["free"]) == ("disk_almost_full", "warning", 7)


def test_every_command_is_summed_up_whole() -> None:
    _, _, listed = CliRunner().invoke(tallyd, ["--help"]).output.partition("Commands:\n")
    commands = {"check", "clear", "erase", "export", "init", "peer", "serve", "witness"}
    assert {line.split()[0] for line in listed.splitlines()} == commands
    assert "..." not in listed
    for group in ("peer", "witness"):
        told = CliRunner().invoke(tallyd, [group, "--help"]).output
        assert "..." not in told.partition("Commands:\n")[2]


INIT = ("init", "circle", "--name", "Circle", "--address", "circle.example")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("srve",), "There is no command 'srve': see tallyd --help."),
        (("peer", "lst"), "There is no command 'lst': see tallyd peer --help."),
        (
            ("serve",),
            "tallyd serve also needs DIRECTORY, the folder that your circle is in:"
            " see tallyd serve --help.",
        ),
        (
            ("erase", "circle"),
            "tallyd erase also needs PERSON, their number, as tally officer people shows it:"
            " see tallyd erase --help.",
        ),
        (("init", "--nmae", "x"), "tallyd init has no option '--nmae': see tallyd init --help."),
        (
            ("init", "circle", "--name"),
            "--name has to be followed by something: see tallyd --help.",
        ),
        (
            ("serve", "a", "b"),
            "tallyd serve has no use for 'b': put words that belong together in quotes, and see"
            " tallyd serve --help.",
        ),
        (
            ("erase", "circle", "x"),
            "'x' cannot be PERSON: write their number, as tally officer people shows it.",
        ),
        ((*INIT, "--scale", "x"), "'x' cannot be --scale: write a whole number, such as 102."),
        (
            ("init", "\udcff"),
            "There are letters in this command that cannot be read: type it again.",
        ),
    ],
)
def test_command_line_that_cannot_be_read_is_told_in_one_sentence(
    arguments: tuple[str, ...], sentence: str, capsys: Shown
) -> None:
    """With status 2, on standard error, and without jargon."""
    status = run_tallyd(arguments)
    assert (status, *capsys.readouterr()) == (2, "", f"{sentence}\n")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--name", ""), "--name is empty: write what your circle is called."),
        (("--name", "x" * 201), "--name is longer than 200 letters."),
        (("--name", "a\nb"), "--name has characters that do not print."),
        (("--address", ""), "--address cannot be '': write a host such as circle.example."),
        (
            ("--address", "http://circle.example"),
            "--address cannot be 'http://circle.example': write a host such as circle.example.",
        ),
        (
            ("--credit-limit", "abc"),
            "--credit-limit cannot be taken: 'abc' is not an amount in tokens; write for example"
            " 1.5.",
        ),
        (("--credit-limit", "200"), "--credit-limit is more than --credit-limit-max."),
        (("--starter", "501"), "--starter is more than --ceiling."),
        (("--committee", "0"), "--committee has to be a number from 1 to 16."),
        (("--device-wait-days", "-1"), "--device-wait-days has to be a number from 0 to 90."),
        (
            ("--unit", ""),
            "The unit cannot be taken: '' cannot be the name of a unit; write 1 to 40 bytes of"
            " printable text without digits.",
        ),
    ],
)
def test_circle_that_cannot_be_made_is_told_in_one_sentence(
    options: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    """And nothing is left behind, so that the next attempt works."""
    finished = _run("init", str(tmp_path / "circle"), *INIT[2:], *options)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr == f"{sentence}\n"
    assert list(tmp_path.iterdir()) == []


def test_what_a_founding_prints_is_not_among_log_lines(tmp_path: Path) -> None:
    """It is a page to print: nothing else is on it, wherever the two streams go."""
    finished = _run("init", str(tmp_path / "circle"), *INIT[2:])
    assert finished.returncode == 0
    assert finished.stderr == ""
    assert finished.stdout.startswith("The circle is made")
    assert max(map(len, finished.stdout.splitlines()[1:-3])) <= 80


def test_lines_fit_a_terminal_and_keep_what_is_to_be_typed_together() -> None:
    """Lists stay set in; addresses and commands are not taken apart."""
    text = (
        "Offers:\n\n  This circle may owe Exeter Circle up to 600 minutes.\n"
        "To take that back: tallyd peer withdraw\n"
        "Join with: tally join http://127.0.0.1:8470/join#abcde"
    )
    assert fit(text, 34).splitlines() == [
        "Offers:",
        "",
        "  This circle may owe Exeter",
        "  Circle up to 600 minutes.",
        "To take that back:",
        "tallyd peer withdraw",
        "Join with: tally join http://127.0.0.1:8470/join#abcde",
    ]


def test_a_port_in_use_is_told_in_one_sentence_with_what_to_change(tmp_path: Path) -> None:
    init = ("init", str(tmp_path / "circle"), "--name", "Circle", "--address", "circle.example")
    assert _run(*init).returncode == 0
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        write_config(tmp_path / "circle", "circle", f"127.0.0.1:{port}")
        finished = _run("serve", str(tmp_path / "circle"))
    assert finished.returncode == 1
    assert finished.stdout == ""
    sentence = finished.stderr.splitlines()[-1]
    assert f"cannot listen on port {port} of 127.0.0.1: another program listens" in sentence
    assert "listen in node.toml" in sentence
    assert "Errno" not in finished.stderr
    assert "Traceback" not in finished.stderr


def test_ctrl_c_ends_a_question_at_once() -> None:
    """Also where a command waits for something meanwhile, as all of them could."""
    ours, theirs = pty.openpty()
    program = (
        "from node.running import run; from node.telling import confirm\n"
        "async def job(): confirm('Erase it?')\n"
        "run(job)"
    )
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        asked = subprocess.Popen(
            [sys.executable, "-c", program], stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        told = b""
        while b"[y/N]" not in told:
            told += terminal.read(1000)
        asked.send_signal(signal.SIGINT)
        try:
            assert asked.wait(timeout=20) != 0
        finally:
            asked.kill()


def test_ctrl_c_while_it_loads_is_told_in_one_sentence() -> None:
    stopped = (
        "import node.cli, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'node.commands': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "node.cli.main()"
    )
    finished = _run_program(stopped, "check", "circle")
    assert (finished.returncode, finished.stderr) == (130, "Stopped; nothing was done.\n")


def test_help_is_what_help_asks_for(capsys: Shown) -> None:
    assert run_tallyd(["help", "check"]) == 0
    assert capsys.readouterr().out.startswith("Usage: tallyd check")


def test_what_cannot_be_printed_is_told_in_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        finished = _run("--help", stdout=full)
    assert (finished.returncode, finished.stderr) == (
        1,
        "What there is to say cannot be written (No space left on device).\n",
    )


def test_who_reads_no_more_is_told_nothing() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as unread:
        finished = _run("--help", stdout=unread)
    assert (finished.returncode, finished.stderr) == (1, "")


def test_a_folder_that_cannot_be_used_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finished = _run("init", str(tmp_path / "file" / "circle"), *INIT[2:])
    assert finished.returncode == 1
    assert finished.stderr == f"{tmp_path / 'file' / 'circle'} cannot be used (Not a directory).\n"


def _run(
    *arguments: str, stdout: int | TextIO = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    return _run_program("from node.cli import main; main()", *arguments, stdout=stdout)


def _run_program(
    program: str, *arguments: str, stdout: int | TextIO = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
