"""``make bench``: what the node does on this machine, against what the machine can do.

All figures are ratios of rates that were taken in one run, so that they mean the same on another
machine; medians of several windows, so that one disturbed window does not move them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.bench import (
    between,
    clearing,
    client_size,
    directory,
    gossip,
    matching,
    real_input,
)
from tests.bench.figures import table
from tests.bench.run import FULL, QUICK, Report, Sizes, measure_node
from tests.bench.windows import say

PARTS = (
    "lists",
    "singles",
    "growth",
    "sarafu",
    "between",
    "clearing",
    "gossip",
    "directory",
    "matching",
    "client",
)
ON_NODE = {"lists", "singles", "growth"}
PROCESSES = 2


def main() -> None:
    """Parse the command line, measure, and tell."""
    chosen = _parse()
    began = time.perf_counter()
    report = Report()
    with (
        tempfile.TemporaryDirectory(prefix="tallystick-bench-") as folder,
        ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool,
    ):
        _measure(set(chosen.only), QUICK if chosen.quick else FULL, Path(folder), pool, report)
    seconds = time.perf_counter() - began
    print(f"\n{table(report.figures)}\n")
    for note in report.notes:
        print(note)
    if chosen.quick:
        print("A quick run: its sizes are too small for figures that can be compared.")
    print(f"Measured in {seconds:.0f} seconds.")
    if chosen.json:
        print(json.dumps({**report.figures, **report.facts, "seconds": round(seconds, 1)}))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--quick", action="store_true", help="a minute; figures not to be compared")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS)
    )
    return parser.parse_args()


def _measure(parts: set[str], sizes: Sizes, folder: Path, pool: Executor, report: Report) -> None:
    if parts & ON_NODE:
        measure_node(parts, sizes, folder, pool, report)
    if "sarafu" in parts:
        real_input.measure(folder, pool, report)
    if "between" in parts:
        between.measure(folder, report.figures, report.notes)
    if "clearing" in parts and sizes is FULL:  # of a small graph the ratio says nothing
        say("Clearing")
        clearing.measure(report)
    if "gossip" in parts:
        gossip.measure(sizes is QUICK, report.figures, report.notes)
    if "directory" in parts:
        directory.measure(folder, report, quick=sizes is QUICK)
    if "matching" in parts:
        matching.measure(folder, report, quick=sizes is QUICK)
    if "client" in parts:
        say("The light client, installed on its own")
        report.figures["client_mb"] = client_size.measure()


if __name__ == "__main__":
    main()
