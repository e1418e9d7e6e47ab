"""Somebody at their own terminal: runs ``tally`` in this process, and reads what it prints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from client.cli.tally import run_tally

Shown = pytest.CaptureFixture[str]


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at their own terminal."""

    home: Path
    shown: Shown

    def __call__(self, *arguments: str) -> Result:
        """Run ``tally`` with these arguments."""
        status = run_tally(["--home", str(self.home), *arguments])
        out, err = self.shown.readouterr()
        return Result(status, out, err)

    def tell(self, *arguments: str) -> str:
        """What is printed by a command that must work."""
        result = self(*arguments)
        assert result.status == 0, result
        return result.out

    def fail(self, *arguments: str) -> str:
        """The one sentence of a command that must not work."""
        result = self(*arguments)
        assert (result.status, result.out) == (1, ""), result
        assert result.err.count("\n") == 1, result
        return result.err.strip()

    def json(self, *arguments: str) -> dict[str, Any]:
        """The one JSON object of a command that must work."""
        printed: dict[str, Any] = json.loads(self.tell(*arguments, "--json"))
        return printed
