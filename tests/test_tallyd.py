"""What ``tallyd`` prints for the volunteer who runs it."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.commands import tallyd
from node.config import write_config

LOG_ONCE = (
    "import structlog; from node.logs import configure_logs; configure_logs();"
    "structlog.get_logger().warning('disk_almost_full', free=7)"
)


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
    assert "disk_almost_full" in told
    assert "\x1b[" in told
    assert not told.startswith("{")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colours_is_told_in_words_alone(environment: dict[str, str]) -> None:
    told = on_a_terminal(**environment)
    assert "disk_almost_full" in told
    assert "free=7" in told
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


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from node.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
