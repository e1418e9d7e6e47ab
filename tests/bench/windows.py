"""One measured window: sign, take the yardstick, run, and prove every answer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from statistics import median

from tests.bench import load, receipts, verify_rate
from tests.bench.node_process import NodeProcess, busy_seconds
from tests.bench.receipts import Log
from tests.bench.verify_rate import VerifyRate
from tests.bench.workload import Workload

SAMPLE = 6_000
"""Orders with which the yardstick is taken."""


@dataclass(frozen=True, slots=True)
class Window:
    """What one window came to. Rates are a second, times are seconds.

    ``cpu`` is what the node and its PostgreSQL used for a transfer; ``others`` how many processors
    were busy with things that are none of this run's: figures of a busy machine say little.
    """

    rate: float
    cpu: float
    p50: float
    p99: float
    verify: VerifyRate
    others: float


@dataclass(frozen=True, slots=True)
class Bench:
    """The node under measurement and the means to load it."""

    node: NodeProcess
    pool: Executor
    log: Log
    workload: Workload

    def window(self, orders: int, per_request: int, connections: int) -> Window:
        """Send so many transfers. Raises ReceiptWrong unless every one is proved."""
        requests = self.workload.requests(orders, per_request)
        verify = verify_rate.measure(verify_rate.sample_orders(requests, SAMPLE))
        busy, own = busy_seconds(), self._cpu()
        cpu = self.node.cpu_seconds()
        run = load.run(self.node.url, requests, connections)
        cpu = self.node.cpu_seconds() - cpu
        others = (busy_seconds() - busy) - (self._cpu() - own) - cpu
        count = receipts.verify_all(self.pool, self.log, requests, run.bodies)
        return Window(
            rate=count / run.seconds,
            cpu=cpu / count,
            p50=run.latency(0.5),
            p99=run.latency(0.99),
            verify=verify,
            others=max(0.0, others / run.seconds),
        )

    @staticmethod
    def _cpu() -> float:
        return time.process_time()


def middle(windows: list[Window], of: Callable[[Window], float]) -> float:
    """The median over windows, which one disturbed window does not move."""
    return median(of(window) for window in windows)


def say(text: str, *, end: str = "\n") -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, end=end, flush=True)


def show(name: str, window: Window) -> None:
    """One line on a window's progress."""
    say(
        f"  {name}: {window.rate:,.0f}/s, {window.cpu * 1e6:.0f} us of processor each, "
        f"median {window.p50 * 1e3:.1f} ms, p99 {window.p99 * 1e3:.1f} ms; verify "
        f"{window.verify.one:,.0f}/s and {window.verify.two:,.0f}/s"
        + (f"; other programs used {window.others:.2f} processors" if window.others > 0.1 else "")
    )
