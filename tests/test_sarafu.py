"""Real input: nearly ten thousand real movements end where an independent sum of them does."""

from __future__ import annotations

import asyncio
import json
import subprocess
from decimal import Decimal
from pathlib import Path

from tests import sarafu
from tests.bench import reads
from tests.bench.node_process import TALLYD, init, serving


def test_a_week_of_sarafu_ends_at_the_balances_of_an_independent_sum(
    shared_data: Path, tmp_path: Path
) -> None:
    """All 9,999 movements are accepted, every balance is right to the last minor unit, and the
    replay by the second model agrees."""
    movements = sarafu.read_movements(shared_data / "sarafu-10k.csv")
    told = init(tmp_path / "node", *sarafu.INIT_FLAGS)
    with serving(tmp_path / "node", told["invitation"]) as node:
        village = asyncio.run(sarafu.settle_in(node.url, told["invitation"], movements))
        run = sarafu.replay(village, sarafu.requests(village, movements))
        results = [
            result
            for body in run.bodies
            for result in json.loads(body).get("results", [json.loads(body)])
        ]
        assert [result for result in results if "entry" not in result] == []
        assert len(results) == len(movements)
        token = reads.sign_in(node.url, told["origin"], village.coordinator)
        balances = sarafu.read_balances(village, token)
    assert balances == sarafu.expected_balances(movements)
    assert sum(balances.values()) == 0
    checked = subprocess.run(
        [TALLYD, "check", tmp_path / "node", "--json"], capture_output=True, text=True, check=False
    )
    assert json.loads(checked.stdout)["problems"] == []
    assert checked.returncode == 0


def test_sarafu_amounts_are_rounded_half_to_even_and_the_difference_is_known(
    shared_data: Path,
) -> None:
    movements = sarafu.read_movements(shared_data / "sarafu-10k.csv")
    assert sum(each.kind == "STANDARD" for each in movements) == 1371
    assert sarafu.rounding_difference(movements) == Decimal("0.00001153415963121")
