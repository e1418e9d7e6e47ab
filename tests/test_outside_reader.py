"""A verifier in another language, written from protocol.md, agrees with every test vector."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

PROGRAM = Path(__file__).with_name("outside") / "verify.mjs"
VECTORS = Path(__file__).with_name("vectors")


@pytest.fixture
def node(absent: Callable[[str], NoReturn]) -> str:
    """The JavaScript runtime."""
    found = shutil.which("node")
    if found is None:
        absent("Node.js is not installed; on Debian: nodejs")
    return found


def read(node: str, vectors: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [node, str(PROGRAM), str(vectors)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_reader_in_javascript_agrees_on_every_vector(node: str) -> None:
    told = read(node, VECTORS)
    assert told.returncode == 0, told.stderr
    files = [json.loads(path.read_text()) for path in VECTORS.glob("*valid/*.json")]
    cases = sum(len(file.get("cases", ["the worked example"])) for file in files)
    assert told.stdout == f"agreed on {cases} cases, differ on 0\n"


def test_the_reader_finds_what_was_changed(node: str, tmp_path: Path) -> None:
    """It can fail: one digit in a file, and it says in which case."""
    changes: dict[str, Callable[[Any], None]] = {
        "valid/order.json": lambda file: change(file["cases"][3], "id"),
        "valid/charter.json": lambda file: change(file["cases"][1], "encoded"),
        "valid/history.json": lambda file: change(file["cases"][5], "root"),
        "valid/commitment.json": lambda file: change(file["cases"][0], "hash"),
        "valid/merkle-tree.json": lambda file: change(file["cases"][4], "root"),
        "valid/worked-example.json": lambda file: change(file, "level_0_tile"),
        "invalid/opening.json": lambda file: file["cases"][2].update(error="malformed"),
    }
    shutil.copytree(VECTORS, tmp_path / "vectors", ignore=shutil.ignore_patterns("*.py"))
    for name, make in changes.items():
        path = tmp_path / "vectors" / name
        file = json.loads(path.read_text())
        make(file)
        path.write_text(json.dumps(file))
    told = read(node, tmp_path / "vectors")
    assert told.returncode == 1
    assert {line.split()[0] for line in told.stderr.splitlines()} == set(changes)


def change(case: dict[str, str], field: str) -> None:
    """Another last digit."""
    last = case[field][-1]
    case[field] = case[field][:-1] + ("0" if last != "0" else "1")
