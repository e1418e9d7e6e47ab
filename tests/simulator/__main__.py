"""``make simulate``: many seeds over all processors, and what came of them."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from time import perf_counter
from typing import Any

from tests.simulator import mutants

CHUNK = 25


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make simulate ARGS=...", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many (2000)")
    parser.add_argument("--seed", type=int, default=0, help="the first one (0)")
    parser.add_argument("--circles", type=int, help="in each; 2 to 5, as each seed draws")
    parser.add_argument("--processes", type=int, default=2, help="to run them in (2)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--mutants", action="store_true", help="see that every mutant is caught")
    parser.add_argument("--mutant", help="run this mutant's code, until it is caught")
    options = parser.parse_args(arguments)
    if options.mutants:
        return catch_mutants(options.processes, options.json)
    if options.mutant:
        caught = mutants.catch(options.mutant, mutants.SEEDS_MAX)
        print(json.dumps(caught))
        return 1 if caught.seed is None else 0
    report = simulate(options.seed, options.seeds, options.circles, options.processes, True)
    violations = report["violations"]
    for violation in violations[:20]:
        print(f"seed {violation['seed']}: {violation['what']}", file=sys.stderr)
    if options.json:
        print(json.dumps(report))
    else:
        rate = report["seeds"] / report["seconds"]
        print(
            f"{report['seeds']} seeds, {report['events']} events, {len(violations)} violations, "
            f"{report['seconds']:.1f} s ({rate:.1f} seeds/s), digest {report['digest'][:16]}"
        )
    return 1 if violations else 0


def catch_mutants(processes: int, as_json: bool) -> int:
    """Try all mutants, and say which seed caught each."""
    started = perf_counter()

    def tell(caught: mutants.Catch) -> None:
        where = "ESCAPED" if caught.seed is None else f"seed {caught.seed}"
        print(f"{where:>9}  {caught.mutant}: {caught.what}", file=sys.stderr)

    found = mutants.catch_all(list(mutants.ALL), processes, tell)
    escaped = list(mutants.escaped(found))
    caught = len(found) - len(escaped)
    seconds = round(perf_counter() - started, 3)
    if as_json:
        print(json.dumps({"mutants": caught, "escaped": escaped, "seconds": seconds}))
    else:
        print(f"{caught} of {len(found)} mutants caught, {seconds:.0f} s")
    return 1 if escaped else 0


def simulate(
    first: int, seeds: int, circles: int | None, processes: int, progress: bool
) -> dict[str, Any]:
    """Run so many seeds from ``first`` on; the report, as ``--json`` prints it."""
    started = perf_counter()
    events, faults = 0, Counter[str]()
    violations: list[dict[str, Any]] = []
    digest = b""
    chunks = [
        (start, min(start + CHUNK, first + seeds), circles)
        for start in range(first, first + seeds, CHUNK)
    ]
    outcomes = _outcomes(chunks, processes)
    for count, (seed, more, kinds, wrong, ended) in enumerate(outcomes, 1):
        events += more
        faults.update(kinds)
        violations += [{"seed": seed, "what": what} for what in wrong]
        digest = sha256(digest + ended).digest()
        if progress and sys.stderr.isatty():
            print(f"\r{count}/{seeds} {len(violations)} violations", end="", file=sys.stderr)
    if progress and sys.stderr.isatty():
        print(file=sys.stderr)
    return {
        "seeds": seeds,
        "events": events,
        "faults": {kind: number for kind, number in sorted(faults.items()) if number},
        "violations": violations,
        "seconds": round(perf_counter() - started, 3),
        "digest": digest.hex(),
    }


def _outcomes(
    chunks: list[tuple[int, int, int | None]], processes: int
) -> Iterator[tuple[int, int, dict[str, int], list[str], bytes]]:
    if processes == 1:
        for chunk in chunks:
            yield from run_chunk(chunk)
        return
    with ProcessPoolExecutor(processes) as pool:
        for outcomes in pool.map(run_chunk, chunks):
            yield from outcomes


def run_chunk(
    chunk: tuple[int, int, int | None],
) -> Iterable[tuple[int, int, dict[str, int], list[str], bytes]]:
    """What came of the seeds from the first of the chunk up to its second."""
    from tests.simulator.run import run  # after a mutant's code is put in place

    first, end, circles = chunk
    outcomes = (run(seed, circles) for seed in range(first, end))
    return [
        (each.seed, each.events, dict(each.faults), each.violations, each.digest)
        for each in outcomes
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
