"""What the operator's commands wish for is done or refused in a sentence, whatever it is."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live_database import connect
from tests.live_node import LiveNode, live_node
from tests.waiting import COMES_SECONDS_MAX


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with live_node(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.mark.parametrize(
    "wish",
    [
        {},
        [],
        "open",
        {"kind": "dance"},
        {"kind": "open", "agreement": "", "who": [], "name": "Exeter"},
        {"kind": "open", "agreement": "AA", "who": ["AA", "AA", "AA"], "name": "Exeter"},
        {"kind": "suspend", "peer": "exeter", "suspended": True},
        {"kind": "suspend", "peer": "00" * 32, "suspended": True},
        {"kind": "allow", "peer": "00" * 32, "owes_max": 2**80},
        {"kind": "propose", "peer": "00" * 32, "agreement": "AAAA"},
        {"kind": "accept", "peer": "00" * 32},
        {"kind": "accept", "peer": "00" * 32, "offer": "00" * 32},
        *({"kind": kind, "peer": "00" * 32} for kind in ("decline", "withdraw", "leave")),
        {"kind": "give-up", "payments": ["00" * 32, "11" * 32]},
        {"kind": "give-up", "payments": "no"},
        {"kind": "give-up"},
    ],
    ids=lambda wish: json.dumps(wish)[:50],
)
async def test_wish_that_cannot_be_granted_is_answered_and_the_node_serves_on(
    node: LiveNode, wish: Any
) -> None:
    connection = await connect(node)
    try:
        number = await connection.fetchval(
            "INSERT INTO wishes (wish) VALUES ($1) RETURNING number", json.dumps(wish)
        )
        deadline = time.monotonic() + COMES_SECONDS_MAX
        answer = None
        while answer is None:
            assert time.monotonic() < deadline, node.log()[-2000:]
            await asyncio.sleep(0.1)
            answer = await connection.fetchval(
                "SELECT answer FROM wishes WHERE number = $1", number
            )
        assert answer
    finally:
        await connection.close()
