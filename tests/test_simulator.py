"""The simulator: no seed breaks an invariant, a seed is always the same, and bugs are caught."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulator import mutants
from tests.simulator.__main__ import simulate
from tests.simulator.run import run

SEEDS = 2_000
ROOT = Path(__file__).resolve().parents[1]
FAULTS = (
    *("loss", "duplication", "delay", "reordering", "partition", "crash", "restored backup"),
    *("clock", "slow disk", "fork", "false statement", "replay", "forge commit", "inflate"),
    *("release early", "commit early", "sat on a payment", "fall silent", "defer", "cycles"),
)


def test_no_seed_breaks_an_invariant() -> None:
    """Circles under all faults at once end with books that agree."""
    report = simulate(0, SEEDS, None, 2, progress=False)
    assert report["violations"] == []
    assert report["seeds"] == SEEDS
    assert [fault for fault in FAULTS if not report["faults"].get(fault)] == []


def test_equal_seeds_have_equal_digests() -> None:
    """Whatever the process, and however its hashes are salted."""
    command = [sys.executable, "-m", "tests.simulator", "--seeds", "8", "--seed", "70", "--json"]
    digests = set()
    for salt in ("1", "2"):
        ended = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": salt},
        )
        digests.add(json.loads(ended.stdout)["digest"])
    assert len(digests) == 1
    assert run(70).digest == run(70).digest != run(71).digest


def test_no_mutant_is_stale() -> None:
    """The text that each mutant replaces is in the code exactly once."""
    mutants.check_fresh()


def test_every_mutant_is_caught() -> None:
    """A simulator that finds nothing may be blind: this one is not."""
    found = mutants.catch_all(list(mutants.MUTANTS), 2)
    assert list(mutants.escaped(found)) == []


def test_a_stale_mutant_fails() -> None:
    """Text that is not there, or there twice, is not replaced in silence."""
    change = mutants.Change("a.module", "x = 1\n", "x = 2\n")
    assert mutants.mutate("a.module", "x = 1\ny = 1\n", (change,)) == "x = 2\ny = 1\n"
    for source in ("", "x = 1\nx = 1\n"):
        with pytest.raises(ValueError, match="exactly once"):
            mutants.mutate("a.module", source, (change,))
