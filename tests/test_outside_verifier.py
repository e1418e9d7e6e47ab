"""Tools that nobody here wrote read the log of a live node."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import aiohttp

from ledger.codec import from_base64url
from tests.bench.node_process import init, serving
from tests.bench.population import JSON, populate, post

PROGRAM = Path(__file__).with_name("outside") / "verify.go"


def build(folder: Path, absent: Callable[[str], NoReturn]) -> Path:
    """Compile the Go program with Debian's packages, offline."""
    go = shutil.which("go")
    if go is None:
        absent("Go is not installed; on Debian: golang-go golang-golang-x-mod-dev")
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
    }
    program = folder / "verify"
    subprocess.run([go, "build", "-o", program, PROGRAM], check=True, env=environment)
    return program


async def test_go_reads_checkpoint_tiles_leaves_and_a_receipt(
    tmp_path: Path, absent: Callable[[str], NoReturn]
) -> None:
    """600 entries make two full tiles and a partial one; each leaf and one receipt are checked."""
    program = build(tmp_path, absent)
    directory = tmp_path / "circle"
    told = init(directory)
    with serving(directory, told["invitation"]) as node:
        people = await populate(node.url, told["invitation"], 20)
        payer, payee = people.members[:2]
        async with aiohttp.ClientSession(headers=JSON) as client:
            paid = await post(client, node.url, [payer.pay(payee.account, 1) for _ in range(600)])
            async with client.get(f"{node.url}/.well-known/tallystick") as response:
                vkey = (await response.json())["log_key"]
        receipt, leaf = tmp_path / "receipt.tlog-proof", tmp_path / "leaf"
        receipt.write_text(paid[300]["receipt"], "utf-8")
        leaf.write_bytes(from_base64url(paid[300]["entry"]["leaf"], "leaf"))
        checked = subprocess.run(
            [program, node.url, vkey, receipt, leaf], capture_output=True, text=True, check=False
        )
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith("verified 623 leaves"), checked.stdout


async def test_go_refuses_a_receipt_of_another_leaf(
    tmp_path: Path, absent: Callable[[str], NoReturn]
) -> None:
    """The program can fail: a changed leaf is found out."""
    program = build(tmp_path, absent)
    directory = tmp_path / "circle"
    told = init(directory)
    with serving(directory, told["invitation"]) as node:
        people = await populate(node.url, told["invitation"], 2)
        payer, payee = people.members
        async with aiohttp.ClientSession(headers=JSON) as client:
            [paid] = await post(client, node.url, [payer.pay(payee.account, 1)])
            async with client.get(f"{node.url}/.well-known/tallystick") as response:
                vkey = (await response.json())["log_key"]
        receipt, leaf = tmp_path / "receipt.tlog-proof", tmp_path / "leaf"
        receipt.write_text(paid["receipt"], "utf-8")
        leaf.write_bytes(from_base64url(paid["entry"]["leaf"], "leaf")[:-1] + b"x")
        checked = subprocess.run(
            [program, node.url, vkey, receipt, leaf], capture_output=True, text=True, check=False
        )
    assert checked.returncode != 0
