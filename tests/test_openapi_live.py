"""The OpenAPI document of a node that serves, and a tool that believes nothing but it.

Schemathesis makes requests from the document, right ones and wrong ones, and holds every answer
against it: once as a stranger, once as a coordinator who signed in.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import jsonschema_rs
import pytest
import schemathesis

from client.member import unix_ms
from ledger.codec import to_base64url
from ledger.declarations import SESSION_LIFETIME_MS_MAX, SessionOpening, sign_session
from ledger.orders import Hold, Pay
from tests.bench.node_process import init, serving
from tests.bench.population import JSON, populate, post

SCHEMATHESIS: Final = Path(sys.executable).with_name("schemathesis")
SECONDS: Final = 12
"""Of requests, by each."""
CHECKS: Final = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance"),
    *("missing_required_header", "unsupported_method", "allow_header_conformance"),
)
WRONG_IS_REFUSED: Final = "negative_data_rejection"
EXISTING: Final = """
[parameters]
"path.number" = 101
"path.person" = 101
"path.index" = 5
"path.event" = 1
"path.listing" = 1
"path.path" = "0/000"
"""
"""What a coordinator has to ask for, to be answered with more than that it is not there."""
SHOWN: Final = (
    *("get_me", "get_account", "get_statement", "get_entry", "get_everything", "find_people"),
    *("get_entry_proof", "get_tile", "list_events", "get_event", "list_reminders"),
    *("get_calendar", "get_public_feed", "make_feed"),
    *("get_listing", "extend_listing", "find_listings", "get_profile", "print_directory"),
)


@dataclass(frozen=True, slots=True)
class Served:
    """A node's address, and the token of its coordinator's session."""

    url: str
    token: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node in which there is something of everything that can be read."""
    directory = tmp_path_factory.mktemp("node") / "circle"
    told = init(directory)
    with serving(directory, told["invitation"]) as node:
        yield Served(node.url, asyncio.run(_live_a_little(node.url, told)))


async def _live_a_little(url: str, told: dict[str, str]) -> str:
    people = await populate(url, told["invitation"], 3)
    payer, payee, _ = people.members
    acts = [Pay(((payee.account, 1),)) for _ in range(260)]
    async with aiohttp.ClientSession(headers=JSON) as client:
        await post(client, url, [payer.sign(act, "apples") for act in acts])
        await post(client, url, [payer.sign(Hold((payee.account,), 5, unix_ms()))])
        opening = SessionOpening(
            people.circle,
            people.coordinator.key,
            told["origin"],
            people.coordinator.nonce + 1,
            unix_ms() + SESSION_LIFETIME_MS_MAX,
        )
        body = {"opening": to_base64url(sign_session(opening, people.coordinator.seed))}
        async with client.post(f"{url}/api/v1/sessions", json=body) as response:
            answer: dict[str, Any] = await response.json()
        await _put_into_the_calendar(client, url, answer["token"])
        await _put_into_the_directory(client, url, answer["token"])
    return str(answer["token"])


async def _put_into_the_calendar(client: aiohttp.ClientSession, url: str, token: str) -> None:
    signed_in = {"Authorization": f"Bearer {token}"}
    zone = {"zone": "Europe/London"}
    begins = f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%d}T10:00"
    event = {"key": "0" * 32, "title": "Choir", "begins": begins, "duration": 60, "public": True}
    for method, path, body in (("PUT", "calendar", zone), ("POST", "events", event)):
        sent = client.request(method, f"{url}/api/v1/{path}", json=body, headers=signed_in)
        async with sent as response:
            assert response.status == 200, await response.text()


async def _put_into_the_directory(client: aiohttp.ClientSession, url: str, token: str) -> None:
    listing = {"kind": "offer", "title": "Hedges cut", "category": "garden"}
    profile = {"place": "Camberwell", "square": {"easting": 5, "northing": 5, "side": 100}}
    changes = (("POST", "listings", listing), ("PUT", "people/101/profile", profile))
    for method, path, body in changes:
        headers = {"Authorization": f"Bearer {token}"}
        sent = client.request(method, f"{url}/api/v1/{path}", json=body, headers=headers)
        async with sent as response:
            assert response.status == 200, await response.text()


async def read(url: str) -> Any:
    """The JSON that is found at an address."""
    async with aiohttp.ClientSession() as client, client.get(url) as response:
        assert response.status == 200
        return await response.json()


async def test_document_is_valid_openapi_and_so_is_every_schema_in_it(served: Served) -> None:
    """By the schema of OpenAPI 3.1, and by that of JSON Schema 2020-12, its dialect."""
    document = await read(f"{served.url}/api/v1/openapi.json")
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()
    schemas = document["components"]["schemas"]
    assert len(schemas) > 50
    for schema in schemas.values():
        jsonschema_rs.meta.validate(schema | {"components": document["components"]})


async def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(served: Served) -> None:
    document = await read(f"{served.url}/api/v1/openapi.json")
    operations = [one for item in document["paths"].values() for one in item.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names) > 20
    assert all(one["summary"] for one in operations)


def run_schemathesis(served: Served, folder: Path, *options: str) -> str:
    """Let it ask for a while; what it says when an answer is not in the document."""
    settings = folder / "schemathesis.toml"
    settings.touch()
    finished = subprocess.run(
        [
            *(SCHEMATHESIS, "--config-file", settings, "run", f"{served.url}/api/v1/openapi.json"),
            *("--phases", "coverage,fuzzing", "--max-time", str(SECONDS), "--warnings", "off"),
            *("--generation-database", "none", "--continue-on-failure", "--no-color", *options),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if finished.returncode == 0 else finished.stdout + finished.stderr


async def answered(served: Served) -> set[tuple[str, int]]:
    """The operations that were answered so far, each with every status that it was answered by."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{served.url}/metrics") as response,
    ):
        counted = await response.text()
    labels = re.findall(r'_requests_total\{operation="(\w+)",status="(\d+)"\}', counted)
    return {(operation, int(status)) for operation, status in labels}


async def test_a_stranger_is_told_nothing_that_the_document_does_not_say(
    served: Served, tmp_path: Path
) -> None:
    """What does not fit the document is refused, but for orders: each of a list is answered."""
    checks = ",".join((*CHECKS, WRONG_IS_REFUSED))
    orders_apart = ("--exclude-operation-id", "submit_orders")
    assert run_schemathesis(served, tmp_path, "--checks", checks, *orders_apart) == ""
    assert {one for one in await answered(served) if one[1] >= 500} == set()


async def test_a_coordinator_is_told_nothing_that_the_document_does_not_say(
    served: Served, tmp_path: Path
) -> None:
    """Of all operations but the one that ends the session."""
    (tmp_path / "schemathesis.toml").write_text(EXISTING, "utf-8")
    signed_in = ("-H", f"Authorization: Bearer {served.token}", "--exclude-method", "DELETE")
    assert run_schemathesis(served, tmp_path, "--checks", ",".join(CHECKS), *signed_in) == ""
    seen = await answered(served)
    assert {one for one in seen if one[1] >= 500} == set()
    assert {(name, 200) for name in SHOWN} <= seen
