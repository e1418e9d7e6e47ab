"""The description of the application is true, and a contradictory one is refused."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from prometheus_client import CollectorRegistry
from schemathesis.core.result import Ok

from node.http import ApiInfo, Model, build_app, endpoint
from tests.http_layer.toy import (
    Account,
    Greeting,
    Running,
    fail,
    overdraw,
    read_self,
    read_statement,
)


async def test_document_is_valid_openapi_and_describes_the_operations(toy: Running) -> None:
    _, document = await toy.json("GET", "/api/v1/openapi.json")
    schemathesis.openapi.from_dict(document).validate()
    assert document["openapi"].startswith("3.1")
    accounts = document["paths"]["/accounts"]["get"]
    assert accounts["operationId"] == "list_accounts"
    assert accounts["summary"] == "All accounts, or those that fit"
    assert {one["name"]: one["schema"].get("default") for one in accounts["parameters"]} == {
        "limit": 10,
        "closed": False,
        "kind": None,
        "from": None,
        "since": None,
        "until": None,
        "name": "",
    }
    one_account = document["paths"]["/accounts/{account}"]["get"]
    assert one_account["description"] == "Its balance is in `minor units`."
    missing = one_account["responses"]["404"]["content"]["application/problem+json"]["schema"]
    assert {"$ref": "#/components/schemas/AccountUnknownProblem"} in missing["oneOf"]
    assert document["paths"]["/me"]["get"]["security"] == [{"session": []}]
    assert document["paths"]["/greeting"]["get"]["security"] == [{}, {"session": []}]
    problem = document["components"]["schemas"]["CreditLimitExceededProblem"]
    assert problem["properties"]["accounts"] == {"items": {"type": "integer"}, "type": "array"}
    assert "/gate" not in document["paths"]


async def test_docs_page_lists_every_operation_and_runs_no_script(toy: Running) -> None:
    _, document = await toy.json("GET", "/api/v1/openapi.json")
    async with toy.client.get("/api/v1/docs") as response:
        page = await response.text()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert f'<h3 id="{operation["operationId"]}">' in page
            assert f'<span class="method">{method.upper()}</span> {path}' in page
    for name in document["components"]["schemas"]:
        assert f'id="type-{name}"' in page
    assert "<script" not in page
    assert "style=" not in page
    async with toy.client.get("/static/site.css") as response:
        assert response.headers["Content-Type"] == "text/css; charset=utf-8"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_schemathesis_finds_no_answer_outside_the_document(toy: Running) -> None:
    _, document = await toy.json("GET", "/api/v1/openapi.json")
    toy.state.accounts[1] = Account(account=1, balance=0)
    document["paths"].pop("/fault")
    document["paths"].pop("/broken.csv")
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=toy.at.url)

    def run() -> None:
        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            check_operation(found.ok(), schemathesis.GenerationMode.POSITIVE)
            # What takes nothing cannot be asked wrongly.
            with suppress(Unsatisfiable):
                check_operation(found.ok(), schemathesis.GenerationMode.NEGATIVE)

    await asyncio.to_thread(run)
    assert not toy.log.faults


def check_operation(operation: Any, mode: schemathesis.GenerationMode) -> None:
    """Send generated requests, right ones or wrong ones, and check each answer."""

    @settings(
        max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate()

    check()


async def _untyped(limit) -> Greeting:  # type: ignore[no-untyped-def]
    return Greeting(greeting=str(limit))


async def _fraction(limit: float) -> Greeting:
    return Greeting(greeting=str(limit))


class _Dated(Model):
    days: list[date | None]


async def _dated_body(body: _Dated) -> Greeting:
    return Greeting(greeting=str(body.days))


async def _listed(limit: list[int]) -> Greeting:
    return Greeting(greeting=str(limit))


async def _raw_body(body: bytes) -> Greeting:
    return Greeting(greeting=body.hex())


def _not_async() -> Greeting:
    return Greeting(greeting="")


@pytest.mark.parametrize(
    ("path", "handler", "reason"),
    [
        ("/x", _untyped, "no type hint for 'limit'"),
        ("/x", _fraction, "must be text, an integer"),
        ("/x", _dated_body, "use Day or Instant"),
        ("/x", _listed, "must be text, an integer"),
        ("/x", _not_async, "async def"),
        ("/x/{account}", read_self, "account"),
        ("/x", read_statement, "say in produces="),
        ("/x", _raw_body, "say in accepts="),
    ],
)
def test_endpoint_without_its_types_is_refused_at_start(
    path: str, handler: Any, reason: str
) -> None:
    with pytest.raises(TypeError, match=reason):
        endpoint("GET", path, handler)


@pytest.mark.parametrize(
    ("endpoints", "reason"),
    [
        ([endpoint("GET", "/me", read_self)], "pass bearer="),
        ([endpoint("GET", "/a", fail), endpoint("GET", "/b", fail)], "handler named fail"),
        ([endpoint("GET", "/a", fail), endpoint("GET", "/a", overdraw)], "have GET /a"),
    ],
)
def test_application_that_contradicts_itself_is_refused(endpoints: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        build_app(endpoints, info=ApiInfo("x", "1", ""), registry=CollectorRegistry())
