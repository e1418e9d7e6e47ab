"""A program for the tests of the key store to kill: ``python -m tests.keystore_victim ACT FOLDER``.

It prints a line for each call that came back, once it came back.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

from client.errors import KeyStoreError
from client.journal import Journal
from client.keystore import KeyStore, UnansweredOrder
from tests.keystore_samples import CIRCLE, receipt, unanswered

NONCES: Final = 150
MEMBERSHIPS: Final = 40
FILE_BYTES: Final = 150
_STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.listdir", "os.scandir"}


def keep_busy(folder: Path) -> None:
    """Do everything that writes, again and again, until killed."""
    store = KeyStore(folder)
    journal = store.journal("peckham")
    for index in count(len(journal.receipts())):
        order = pay(journal, f"pay {os.getpid()} {index}")
        print("prepared", order.nonce, flush=True)
        journal.settle_order(order.nonce, receipt(index, wire=order.wire))
        print("settled", order.nonce, index, flush=True)
        journal.keep_checkpoint(f"{index}\n", replacing=journal.checkpoint())
        print("checkpoint", index, flush=True)
        store.confirm("peckham", 101, (index,))
        print("confirmed", index, flush=True)
        if len(store.names()) < MEMBERSHIPS:
            new = store.create(store.free_name("new"), CIRCLE, "phone")
            print("created", new.membership.name, new.seed.hex(), flush=True)


def crash_at_every_step(folder: Path) -> None:
    """Pay and join once in copies of the folder, ending the first at its first step, and so on.

    A step is a call that touches a name or opens a file. The copies are called 1, 2, ... beside it.
    """
    for step in count(1):
        copy = folder.with_name(str(step))
        shutil.copytree(folder, copy)
        child = os.fork()
        if child == 0:
            _exit_at(step)
            store = KeyStore(copy)
            order = pay(store.journal("peckham"), "pay")
            store.journal("peckham").settle_order(order.nonce, receipt(1, wire=order.wire))
            store.confirm("peckham", 101, (1,))
            store.create("brixton", CIRCLE, "phone", seed=bytes(32))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("crashed" if status else "finished", step, flush=True)
        if not status:
            return


def reserve_nonces(folder: Path) -> None:
    """Reserve some, with a clock that stands still."""
    journal = KeyStore(folder, now_us=lambda: 0).journal("peckham")
    for _ in range(NONCES):
        print(journal.reserve_nonce(), flush=True)


def tap(folder: Path) -> None:
    """Pay what every other process pays at the same moment."""
    journal = KeyStore(folder).journal("peckham")
    sys.stdin.readline()
    print(pay(journal, "pay once").nonce, flush=True)


def fill_disk(folder: Path) -> None:
    """Try to write where no file may be longer than ``FILE_BYTES``."""
    store = KeyStore(folder)
    journal = store.journal("peckham")
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    for act in (
        partial(store.confirm, "peckham", 101, (9,)),
        partial(pay, journal, "pay"),
        partial(journal.keep_receipts, [receipt(2)]),
        partial(store.create, "brixton", CIRCLE, "phone"),
    ):
        try:
            act()
        except KeyStoreError as error:
            print(error.code, flush=True)


def pay(journal: Journal, intent: str) -> UnansweredOrder:
    """One order, as a command would make it."""
    return journal.prepare_order(intent, partial(unanswered, intent=intent))


def _exit_at(step: int) -> None:
    steps = count(1)

    def hook(event: str, _: object) -> None:
        if event in _STEPS and next(steps) == step:
            os._exit(9)

    sys.addaudithook(hook)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
