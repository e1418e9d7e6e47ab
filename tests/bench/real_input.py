"""The Sarafu file as part of the benchmark: how long a real week takes, one request at a time."""

from __future__ import annotations

import asyncio
import subprocess
from concurrent.futures import Executor
from pathlib import Path

from tests import sarafu
from tests.bench import reads, receipts
from tests.bench.node_process import TALLYD, init, serving
from tests.bench.run import Report, pinned_log
from tests.bench.windows import say

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "sarafu-10k.csv"


def measure(folder: Path, pool: Executor, report: Report) -> None:
    """Replay the file, prove every receipt, compare every balance, and check the whole log."""
    if not DATA.is_file():
        report.notes.append("Sarafu was left out: its file is not beside the checkout.")
        return
    say("Sarafu: a real week, replayed")
    movements = sarafu.read_movements(DATA)
    told = init(folder / "sarafu", *sarafu.INIT_FLAGS)
    with serving(folder / "sarafu", told["invitation"]) as node:
        village = asyncio.run(sarafu.settle_in(node.url, told["invitation"], movements))
        signed = sarafu.requests(village, movements)
        run = sarafu.replay(village, signed)
        count = receipts.verify_all(pool, pinned_log(node, told), signed, run.bodies)
        token = reads.sign_in(node.url, told["origin"], village.coordinator)
        balances = sarafu.read_balances(village, token)
    if count != len(movements) or balances != sarafu.expected_balances(movements):
        raise receipts.ReceiptWrong("the balances are not those of the independent sum")
    subprocess.run([TALLYD, "check", folder / "sarafu"], check=True, capture_output=True)
    difference = sarafu.rounding_difference(movements)
    report.facts |= {
        "sarafu_entries": count,
        "sarafu_seconds": round(run.seconds, 2),
        "sarafu_rounding": str(difference),
    }
    report.notes.append(
        f"Sarafu: {count:,} movements of {len(balances):,} accounts in {run.seconds:.1f} s over "
        f"one connection, at the balances of an independent sum; rounding to {sarafu.SCALE} "
        f"decimals added {difference:f} in all."
    )
