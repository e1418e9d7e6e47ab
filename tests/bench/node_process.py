"""A service as its own process for a benchmark, and what it and its PostgreSQL cost."""

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
STOP_SECONDS_MAX = 60
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class NodeProcess:
    """A serving process: its address, its directory, and itself."""

    url: str
    directory: Path
    invitation: str
    process: subprocess.Popen[str]

    def cpu_seconds(self) -> float:
        """Processor time that the service and its PostgreSQL have used, ended children included."""
        return sum(_cpu(pid) for pid in _family(self.process.pid))

    def memory_bytes(self) -> int:
        """Resident memory of the service's own processes, its PostgreSQL left out."""
        return sum(_resident(pid) for pid in _family(self.process.pid) if not _is_postgres(pid))


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
    """Of the process and the children that it waited for: proc(5), /proc/pid/stat."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _is_postgres(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    except OSError:
        return True


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def busy_seconds() -> float:
    """Processor time that the whole machine has used: proc(5), /proc/stat."""
    with Path("/proc/stat").open() as file:
        fields = list(map(int, file.readline().split()[1:9]))
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / _TICKS


def init(directory: Path, *flags: str) -> dict[str, str]:
    """Make a circle for measuring; returns what ``tallyd init --json`` tells."""
    command = [str(TALLYD), "init", str(directory), "--json", "--listen", "127.0.0.1:0"]
    circle = ["--name", "Bench", "--address", "bench.example", *flags]
    done = subprocess.run([*command, *circle], check=True, capture_output=True, text=True)
    told: dict[str, str] = json.loads(done.stdout)
    return told


@contextmanager
def serving(directory: Path, invitation: str) -> Iterator[NodeProcess]:
    """Serve the circle in ``directory`` until the block ends."""
    with started([str(TALLYD), "serve", str(directory)], directory, invitation) as node:
        yield node


@contextmanager
def started(command: list[str], directory: Path, invitation: str = "") -> Iterator[NodeProcess]:
    """Run a service, whose first line ends in its address, until the block ends."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert " at " in line, f"{command} did not start: {line!r}"
        yield NodeProcess(line.rsplit(" ", 1)[1].strip(), directory, invitation, process)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS_MAX)
        if process.stdout is not None:
            process.stdout.close()
