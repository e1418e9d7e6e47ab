"""A ``tallyd serve`` of its own for a benchmark, and what it costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TALLYD = Path(sys.executable).with_name("tallyd")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class NodeProcess:
    """A serving node: its address, its directory, and its process."""

    url: str
    directory: Path
    invitation: str
    process: subprocess.Popen[str]

    def cpu_seconds(self) -> float:
        """Processor time that the node and its PostgreSQL have used, ended children included."""
        return sum(_cpu(pid) for pid in _family(self.process.pid))

    def memory_bytes(self) -> int:
        """Resident memory of the node's own process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024


def _family(pid: int) -> list[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    family = [pid]
    for member in family:
        family.extend(child for child, parent in parents.items() if parent == member)
    return family


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def init(directory: Path, *flags: str) -> dict[str, str]:
    """Make a circle for measuring; returns what ``tallyd init --json`` tells."""
    done = subprocess.run(
        [TALLYD, "init", directory, "--name", "Bench", "--address", "bench.example", "--json"]
        + ["--listen", "127.0.0.1:0", *flags],
        check=True,
        capture_output=True,
        text=True,
    )
    told: dict[str, str] = json.loads(done.stdout)
    return told


@contextmanager
def serving(directory: Path, invitation: str) -> Iterator[NodeProcess]:
    """Serve the circle in ``directory`` until the block ends."""
    process = subprocess.Popen(
        [TALLYD, "serve", directory], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert " at " in line, f"the node did not start: {line!r}"
        yield NodeProcess(line.rsplit(" ", 1)[1].strip(), directory, invitation, process)
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()
