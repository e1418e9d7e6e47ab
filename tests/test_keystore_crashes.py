"""The key store killed at any moment, and used by several processes at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from client import errors, private_files
from client.keystore import KeyStore
from tests.keystore_samples import CIRCLE, SEED, receipt
from tests.keystore_victim import NONCES

ROOT = Path(__file__).parents[1]
KILLS = 20
OLD = receipt(0, wire=b"signed 0")


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    store = KeyStore(tmp_path / "keys")
    store.create("peckham", CIRCLE, "phone", seed=SEED)
    store.confirm("peckham", 101, (0,))
    store.journal().keep_receipts([OLD])
    return store


def start(act: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.keystore_victim", act, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(*victims: subprocess.Popen[str]) -> list[list[str]]:
    outputs = []
    for victim in victims:
        output, _ = victim.communicate("go\n", timeout=60)
        assert victim.returncode == 0
        outputs.append(output.split("\n")[:-1])
    return outputs


def test_nothing_acknowledged_is_lost_to_a_kill(store: KeyStore) -> None:
    """Killed again and again, at any of its steps: keys, nonces, orders and receipts are there."""
    chance = random.Random(7)
    said: dict[str, list[list[str]]] = {}
    for _ in range(KILLS):
        with start("keep_busy", store.folder) as victim:
            assert victim.stdout is not None
            lines = [victim.stdout.readline() for _ in range(chance.randrange(1, 12))]
            time.sleep(chance.uniform(0, 0.005))
            os.kill(victim.pid, signal.SIGKILL)
            lines += victim.stdout.readlines()
        for line in lines:
            if line.endswith("\n"):
                act, *arguments = line.split()
                said.setdefault(act, []).append(arguments)
        _check_what_was_said(KeyStore(store.folder), said)
    assert len(said["settled"]) > KILLS // 2


def _check_what_was_said(store: KeyStore, said: dict[str, list[list[str]]]) -> None:
    journal = store.journal("peckham")
    assert store.load("peckham").seed == SEED
    for name, seed in said.get("created", []):
        assert store.load(name).seed.hex() == seed
    prepared = {int(nonce) for (nonce,) in said.get("prepared", [])}
    assert len(prepared) == len(said.get("prepared", []))
    waiting = {order.nonce for order in journal.unanswered()}
    kept = {receipt.index: receipt for receipt in journal.receipts()}
    for nonce, index in said.get("settled", []):
        assert int(nonce) not in waiting
        assert kept[int(index)].order is not None
    # Each kill leaves at most one order whose settling was not acknowledged.
    assert prepared - {int(nonce) for nonce, _ in said.get("settled", [])} <= waiting | {
        int(order.wire.split()[1]) for receipt in kept.values() if (order := receipt.order)
    }
    assert journal.reserve_nonce() > max(prepared | waiting)
    checkpoint = journal.checkpoint()
    for (index,) in said.get("checkpoint", [])[-1:]:
        assert checkpoint is not None
        assert int(checkpoint) >= int(index)
    for (index,) in said.get("confirmed", [])[-1:]:
        assert store.membership("peckham").accounts[0] >= int(index)


def test_crash_at_any_step_leaves_the_old_or_the_new(store: KeyStore, tmp_path: Path) -> None:
    """Paying, settling, confirming and joining, each ended at each of its steps."""
    (lines,) = finish(start("crash_at_every_step", store.folder))
    assert lines[-1].startswith("finished")
    assert len(lines) > 30
    stages = [_stage(KeyStore(tmp_path / line.split()[1])) for line in lines]
    assert stages == sorted(stages)
    assert set(stages) == {0, 1, 2, 3, 4, 5}


def _stage(store: KeyStore) -> int:
    """How far the acts came: each is seen whole or not at all, and only after the one before."""
    journal = store.journal("peckham")
    assert store.load("peckham").seed == SEED
    waiting = len(journal.unanswered())
    kept = len(journal.receipts())
    (account,) = store.membership("peckham").accounts
    joined = "brixton" in store.names()
    if joined:
        assert store.load("brixton").seed == bytes(32)
    else:
        store.create("brixton", CIRCLE, "phone")
    assert store.default_name() == "peckham"
    stages = [(0, 1, 0), (1, 1, 0), (1, 2, 0), (0, 2, 0), (0, 2, 1)]
    return stages.index((waiting, kept, account)) + joined


def test_processes_never_share_a_nonce(store: KeyStore) -> None:
    """With a clock that stands still, three processes count on where the others are."""
    outputs = finish(*(start("reserve_nonces", store.folder) for _ in range(3)))
    for output in outputs:
        assert [int(nonce) for nonce in output] == sorted(int(nonce) for nonce in output)
    assert sorted(int(nonce) for output in outputs for nonce in output) == list(range(3 * NONCES))


def test_threads_never_share_a_nonce(store: KeyStore) -> None:
    """The lock is held against threads of one process too."""
    journal = KeyStore(store.folder, now_us=lambda: 0).journal()
    with ThreadPoolExecutor(4) as pool:
        nonces = list(pool.map(lambda _: journal.reserve_nonce(), range(100)))
    assert sorted(nonces) == list(range(100))


def test_two_taps_in_two_processes_make_one_order(store: KeyStore) -> None:
    """Both send the same bytes, which the node answers alike."""
    first, second = finish(*(start("tap", store.folder) for _ in range(2)))
    assert first == second
    assert [str(order.nonce) for order in store.journal().unanswered()] == first


def test_full_disk_is_said_and_harms_nothing(store: KeyStore) -> None:
    """What was kept is still there, and room again is all that is needed."""
    before = store.load("peckham")
    (output,) = finish(start("fill_disk", store.folder))
    assert output == ["key-store-unusable"] * 4
    assert store.load("peckham") == before
    assert store.journal().receipts() == (OLD,)
    assert store.journal().unanswered() == ()
    store.journal().keep_receipts([receipt(2)])
    assert store.journal().receipts() == (OLD, receipt(2))
    store.create("brixton", CIRCLE, "phone")


def test_lock_held_by_another_program_is_said_and_ends_with_it(store: KeyStore) -> None:
    """Waiting has an end; a killed holder holds nothing."""
    lock = store.folder / "lock"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys; file = open(sys.argv[1], 'r+');"
            "fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()",
            str(lock),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with (
            pytest.raises(errors.KeyStoreBusy, match="Another program"),
            private_files.exclusive(lock, 0.05),
        ):
            pass
        holder.kill()
    store.journal().reserve_nonce()
