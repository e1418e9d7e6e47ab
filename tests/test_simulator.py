"""The simulator: no seed breaks an invariant, a seed is always the same, and bugs are caught."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from itertools import count, islice
from pathlib import Path

import pytest

from ledger.federation.link import PutTransit, Transit
from ledger.federation.payment import PaymentHeader, encode_header, payment_id
from node.federation.changes import write_federation
from tests.circle_node import found_circle
from tests.simulator import heads, mutants, on_postgres
from tests.simulator.__main__ import simulate
from tests.simulator.change import Change
from tests.simulator.run import run
from tests.simulator.stored import read_books

SEEDS = 2_000
HEADS_SEEDS = 200
POSTGRES_SEEDS = 6
ROOT = Path(__file__).resolve().parents[1]
FAULTS = (
    *("loss", "duplication", "delay", "reordering", "partition", "crash", "restored backup"),
    *("clock", "slow disk", "fork", "false statement", "replay", "forge commit", "inflate"),
    *("release early", "commit early", "sat on a payment", "fall silent", "defer", "cycles"),
    *("payer takes back", "payer gives away"),
)
HEADS_FAULTS = (
    *("bulletin", "cosigned", "crash", "loss", "repeated", "request again", "restored backup"),
    *("fork", "head of another", "two stories", "forgery", "old bulletin"),
)


def test_no_seed_breaks_an_invariant() -> None:
    """Circles under all faults at once end with books that agree."""
    report = simulate(0, SEEDS, None, 2, progress=False)
    assert report["violations"] == []
    assert report["seeds"] == SEEDS
    assert [fault for fault in FAULTS if not report["faults"].get(fault)] == []


def test_no_seed_vouches_for_two_histories_or_convicts_the_honest() -> None:
    """The cores of witnesses and of gossip, under faults and lies."""
    outcomes = [heads.run(seed) for seed in range(HEADS_SEEDS)]
    assert {seed: each.wrong for seed, each in enumerate(outcomes) if each.wrong} == {}
    done = sum((each.done for each in outcomes), Counter[str]())
    assert [fault for fault in HEADS_FAULTS if not done[fault]] == []


def test_circles_on_postgresql_go_on_with_what_was_committed(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """The same seeds, written by the real writer, which is killed again and again."""
    seeds = islice(on_postgres.eventful(count()), POSTGRES_SEEDS)
    with on_postgres.serving(postgres_dsn, tmp_path) as server:
        violations = {seed: on_postgres.run(seed, server).violations for seed in seeds}
    assert len(violations) == POSTGRES_SEEDS
    assert [each for each in violations.items() if each[1]] == []


def test_a_seed_without_crashes_is_the_same_on_postgresql(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """Down to every byte that circles say to each other."""
    in_memory = (run(seed, on_postgres.CIRCLES) for seed in count())
    expected = next(each for each in in_memory if not each.faults["crash"] and each.events > 200)
    with on_postgres.serving(postgres_dsn, tmp_path) as server:
        found = on_postgres.run(expected.seed, server)
    assert (found.digest, found.violations) == (expected.digest, [])


async def test_a_payment_is_stored_as_it_was_changed_last(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """Whatever a step may change of it."""
    header = encode_header(PaymentHeader(b"d" * 32, b"k" * 32, 9_000, 5, b"s" * 32))
    payment = payment_id(header)
    first = Transit(payment, header, b"sealed", 1, ways=(((b"a" * 32, 7),),), outgoing=b"o" * 32)
    last = Transit(
        *(payment, header, b"", 1, b"i" * 32, b"", b"", 0, 105, 12, ()),
        deferred=True,
        collected=3,
        status="committed",
        commit=b"c" * 64,
        reason="value",
    )
    home = await found_circle(postgres_dsn, tmp_path)
    try:
        async with home.database() as connection:
            for transit in (first, last):
                await write_federation(connection, [PutTransit(transit)])
                state = (await read_books(connection, "circle", ())).state
                assert state.transits == {payment: transit}
    finally:
        await home.drop()


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
    found = mutants.catch_all(list(mutants.ALL), 2)
    assert list(mutants.escaped(found)) == []


def test_a_stale_mutant_fails() -> None:
    """Text that is not there, or there twice, is not replaced in silence."""
    change = Change("a.module", "x = 1\n", "x = 2\n")
    assert mutants.mutate("a.module", "x = 1\ny = 1\n", (change,)) == "x = 2\ny = 1\n"
    for source in ("", "x = 1\nx = 1\n"):
        with pytest.raises(ValueError, match="exactly once"):
            mutants.mutate("a.module", source, (change,))
