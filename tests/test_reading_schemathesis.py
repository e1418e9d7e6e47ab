"""Generated requests, right and wrong, get answers that the OpenAPI document describes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from ledger.orders import Hold, Pay
from tests.circle_node import DAY, CircleNode, circle_node

READING = (
    *("/api/v1/me", "/api/v1/people", "/api/v1/people/{person}/everything", "/api/v1/officers"),
    *("/api/v1/accounts/{number}", "/api/v1/accounts/{number}/statement", "/api/v1/holds"),
    *("/api/v1/requests", "/api/v1/requests/{request_id}", "/api/v1/entries/{index}"),
    *("/api/v1/audit/entries", "/api/v1/people/{person}/devices", "/health"),
)


async def live_a_little(node: CircleNode) -> None:
    """Something of everything that can be read."""
    ann, mia = node["ann"], await node.welcome("mia")
    for amount in range(1, 10):
        await node.pay(mia, ann, amount, "apples")
    await node.do(mia, Hold((ann.account,), 5, node.clock.wall() + DAY))
    await node.do(ann, Pay(((mia.account, 1), (2, 1))))
    await node.ask(mia, 5, "for a cake")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", READING)
async def test_no_answer_is_outside_the_document(
    postgres_dsn: str, tmp_path: Path, path: str
) -> None:
    async with circle_node(postgres_dsn, tmp_path / "circle") as node:
        await live_a_little(node)
        headers = {"Authorization": f"Bearer {await node.sign_in(node['ann'])}"}
        document = await node.read("/api/v1/openapi.json")
        document["paths"] = {path: document["paths"][path]}
        schema = schemathesis.openapi.from_dict(document)
        schema.config.update(base_url=node.url)

        def run() -> None:
            for found in schema.get_all_operations():
                assert isinstance(found, Ok)
                for mode in schemathesis.GenerationMode:
                    # What takes nothing cannot be asked wrongly.
                    with suppress(Unsatisfiable):
                        check_operation(found.ok(), mode, headers)

        await asyncio.to_thread(run)
        counted = await node.text("/metrics")
    assert 'status="200"' in counted
    assert 'status="5' not in counted


def check_operation(
    operation: Any, mode: schemathesis.GenerationMode, headers: dict[str, str]
) -> None:
    """Send generated requests of a signed-in coordinator, and check each answer."""

    @settings(
        max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        # That bytes in base64url are a signed request is more than a schema can say.
        excluded = [positive_data_acceptance] if case.method == "POST" else []
        # A case without the header that signs in is sent with it, and so may be right after all.
        excluded.append(negative_data_rejection)
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    check()
