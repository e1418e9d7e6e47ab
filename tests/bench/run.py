"""The measurements on one node, in their order: small log, singles against plain, large log."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Collection
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import asyncpg

from node.postgres import running_postgres
from tests.bench import load, reads
from tests.bench.node_process import TALLYD, NodeProcess, init, serving, started
from tests.bench.population import Population, populate
from tests.bench.reads import Reads
from tests.bench.receipts import Log
from tests.bench.windows import Bench, Window, middle, say, show
from tests.bench.workload import Workload

FLAGS = ("--credit-limit-max", "100000", "--credit-total-max", "900000000")
FLOOR = -1_000_000
LIST = 100
LIST_CONNECTIONS = 64
SINGLE_CONNECTIONS = 64
PLAIN_CONNECTIONS = (4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done: members, entries of the small and the large log, orders of a window."""

    members: int
    small: int
    large: int
    windows: int
    lists: int
    singles: int
    fill: int
    reads: int


FULL = Sizes(1_000, 10_000, 1_000_000, 5, 20_000, 6_000, 50_000, 2_000)
QUICK = Sizes(1_000, 3_000, 40_000, 3, 6_000, 2_000, 10_000, 400)


@dataclass(slots=True)
class Report:
    """Figures by their keys, plain facts for the JSON beside them, and notes for people."""

    figures: dict[str, float] = field(default_factory=dict)
    facts: dict[str, float | str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stage:
    """The node at one size of its log."""

    size: int
    windows: list[Window]
    memory: int
    reads: Reads | None


def measure_node(
    parts: Collection[str], sizes: Sizes, folder: Path, pool: Executor, report: Report
) -> None:
    """Found a circle, load it as ``parts`` ask, and let ``tallyd check`` have the last word."""
    told = init(folder / "node", *FLAGS)
    with serving(folder / "node", told["invitation"]) as node:
        say(f"A node with {sizes.members:,} members")
        settings = asyncio.run(_settings(node.directory))
        report.notes.append(f"The node's PostgreSQL: {settings}.")
        bench, population = _prepare(node, told, sizes, pool)
        growing = "growth" in parts
        fill(bench, sizes.small, sizes)
        small = _stage(bench, population, sizes, growing)
        if "lists" in parts:
            _report_lists(small, report)
        if "singles" in parts:
            _measure_singles(bench, sizes, folder, report)
        if growing:
            fill(bench, sizes.large, sizes)
            _report_growth(small, _stage(bench, population, sizes, growing), report)
    _check(node.directory, small.windows, report)


@asynccontextmanager
async def _connected(directory: Path) -> AsyncIterator[asyncpg.Connection]:
    dsn = running_postgres(directory)
    assert dsn is not None, "a node serves on its own PostgreSQL here"
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def _settings(directory: Path) -> str:
    names = ("fsync", "synchronous_commit", "full_page_writes")
    async with _connected(directory) as connection:
        shown = [f"{name} = {await connection.fetchval(f'SHOW {name}')}" for name in names]
    return ", ".join(shown)


async def _settle(directory: Path) -> None:
    """Have PostgreSQL do what a burst of writing left it to do later, so that a log's size is
    compared and not how it was made."""
    async with _connected(directory) as connection:
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")


def _prepare(
    node: NodeProcess, told: dict[str, str], sizes: Sizes, pool: Executor
) -> tuple[Bench, Population]:
    population = asyncio.run(populate(node.url, told["invitation"], sizes.members, floor=FLOOR))
    workload = Workload(pool, node.url, population.members)
    return Bench(node, pool, pinned_log(node, told), workload), population


def pinned_log(node: NodeProcess, told: dict[str, str]) -> Log:
    """What a client pins of the node's log."""
    [described] = load.run(node.url, [load.get(node.url, "/.well-known/tallystick")], 1).bodies
    return Log(json.loads(described)["log_key"], told["origin"])


def log_size(node: NodeProcess) -> int:
    """How many entries the node's log has."""
    [health] = load.run(node.url, [load.get(node.url, "/health")], 1).bodies
    size: int = json.loads(health)["size"]
    return size


def fill(bench: Bench, target: int, sizes: Sizes) -> None:
    """Let the log grow to so many entries, every receipt proved, and say how long it takes."""
    began, first = time.perf_counter(), log_size(bench.node)
    while (size := log_size(bench.node)) < target:
        orders = max(LIST, min(sizes.fill, target - size) // LIST * LIST)
        window = bench.window(orders, LIST, LIST_CONNECTIONS)
        done = size + orders
        left = (target - done) * (time.perf_counter() - began) / (done - first)
        say(f"  {done:,} of {target:,} entries, {window.rate:,.0f}/s, {left:.0f} s left")


def _stage(bench: Bench, population: Population, sizes: Sizes, reading: bool) -> Stage:
    size = log_size(bench.node)
    asyncio.run(_settle(bench.node.directory))
    found = _read(bench, population, size, sizes) if reading else None
    windows = []
    for _ in range(sizes.windows):
        windows.append(bench.window(sizes.lists, LIST, LIST_CONNECTIONS))
        show(f"lists of {LIST}", windows[-1])
    return Stage(size, windows, bench.node.memory_bytes(), found)


def _read(bench: Bench, population: Population, size: int, sizes: Sizes) -> Reads:
    token = reads.sign_in(bench.node.url, bench.log.origin, population.coordinator)
    accounts = [member.account for member in population.members]
    return reads.measure(bench.node.url, token, accounts, size, sizes.reads)


def _report_lists(small: Stage, report: Report) -> None:
    windows = small.windows
    report.figures["lists_over_verify2"] = middle(windows, lambda w: w.rate / w.verify.two)
    report.figures["cpu_over_verify"] = middle(windows, lambda w: w.cpu / w.verify.cpu)
    report.facts["lists_per_second"] = round(middle(windows, lambda w: w.rate))
    report.facts["verify1_per_second"] = round(middle(windows, lambda w: w.verify.one))
    report.facts["verify2_per_second"] = round(middle(windows, lambda w: w.verify.two))
    report.facts["cpu_us"] = round(middle(windows, lambda w: w.cpu) * 1e6, 1)
    others = middle(windows, lambda w: w.others)
    if others > 0.1:
        report.notes.append(
            f"Other programs kept {others:.2f} processors busy: repeat this on a quiet machine."
        )


def _measure_singles(bench: Bench, sizes: Sizes, folder: Path, report: Report) -> None:
    command = [sys.executable, "-m", "tests.bench.plain", str(folder / "plain"), str(sizes.members)]
    with started(command, folder / "plain") as service:
        workload = Workload(bench.pool, service.url, bench.workload.members)
        plain = {level: [_plain(service, workload, sizes, level)] for level in PLAIN_CONNECTIONS}
        best = max(plain, key=lambda level: plain[level][0])
        say(f"  plain is best with {best} connections")
        windows = []
        for _ in range(sizes.windows):
            windows.append(bench.window(sizes.singles, 1, SINGLE_CONNECTIONS))
            show("singles", windows[-1])
            plain[best].append(_plain(service, workload, sizes, best))
    rate, baseline = middle(windows, lambda w: w.rate), median(plain[best])
    report.figures["singles_over_plain"] = rate / baseline
    report.figures["singles_p99_over_median"] = middle(windows, lambda w: w.p99 / w.p50)
    report.facts["singles_per_second"] = round(rate)
    report.facts["plain_per_second"] = round(baseline)
    report.notes.append(
        f"Plain was best with {best} connections. It is a service as the node is, over the same "
        "HTTP layer and the same make of PostgreSQL."
    )


def _plain(service: NodeProcess, workload: Workload, sizes: Sizes, level: int) -> float:
    requests = workload.requests(sizes.singles // 2, 1)
    rate = len(requests) / load.run(service.url, requests, level).seconds
    say(f"  plain, {level} connections: {rate:,.0f}/s")
    return rate


def _report_growth(small: Stage, large: Stage, report: Report) -> None:
    rate = middle(large.windows, lambda w: w.rate) / middle(small.windows, lambda w: w.rate)
    report.figures["rate_growth"] = rate
    report.figures["memory_growth"] = large.memory / small.memory
    assert small.reads is not None
    assert large.reads is not None
    pages = large.reads.statement / small.reads.statement
    proofs = large.reads.proof / small.reads.proof
    report.figures["read_growth"] = max(pages, proofs)
    report.facts |= {"entries": large.size, "memory_mb": round(large.memory / 1e6, 1)}
    report.notes.append(
        f"From {small.size:,} to {large.size:,} entries a statement's page went from "
        f"{small.reads.statement * 1e3:.1f} to {large.reads.statement * 1e3:.1f} ms (p99), a proof "
        f"from {small.reads.proof * 1e3:.1f} to {large.reads.proof * 1e3:.1f} ms, memory from "
        f"{small.memory / 1e6:.0f} to {large.memory / 1e6:.0f} MB."
    )


def _check(directory: Path, windows: list[Window], report: Report) -> None:
    say("tallyd check")
    done = subprocess.run(
        [TALLYD, "check", directory, "--json"], capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout)
    rate = result["entries"] / result["seconds"]
    report.figures["check_over_verify1"] = rate / middle(windows, lambda w: w.verify.one)
    report.notes.append(
        f"tallyd check replayed {result['entries']:,} entries in {result['seconds']:.0f} s: "
        "everything is as the log says."
    )
