"""The OpenAPI document of a node that serves, and a tool that believes nothing but it.

Schemathesis makes requests from the document, right ones and wrong ones, and holds every answer
against it: once as a stranger, once as a coordinator who signed in.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import jsonschema_rs
import pytest
import schemathesis

from tests.bench.node_process import init, serving
from tests.lived_in import LivedIn, live_a_little

SCHEMATHESIS: Final = Path(sys.executable).with_name("schemathesis")
SECONDS: Final = 12
"""Of requests, at a time."""
TIMES_MAX: Final = 12
"""A busy machine gets fewer requests into these seconds, and is given more of them."""
CHECKS: Final = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance"),
    *("missing_required_header", "unsupported_method", "allow_header_conformance"),
)
ROOT: Final = Path(__file__).resolve().parents[1]
ANSWERED: Final = "answered.txt"
WRONG_IS_REFUSED: Final = "negative_data_rejection"
EXISTING: Final = """
[parameters]
"path.number" = 101
"path.person" = 101
"path.index" = 5
"path.event" = 1
"path.listing" = 1
"path.request" = 1
"path.visit" = 1
"path.thread" = 1
"path.concern" = {concern}
"path.at" = "{begins}"
"path.day" = "{day}"
"path.category" = "garden"
"path.other" = 104
"path.path" = "0/000"
"query.account" = 101

[[operations]]
include-operation-id = "explain_absence"
parameters = {{ "path.person" = 104 }}

[[operations]]
include-operation-id = "add_suspension"
parameters = {{ "path.person" = 104 }}

[[operations]]
include-operation-id = "get_thread"
parameters = {{ "query.person" = 101 }}

[[operations]]
include-operation-id = "list_threads"
parameters = {{ "query.person" = 101 }}

[[operations]]
include-operation-id = "get_consistency"
parameters = {{ "query.from" = 5, "query.to" = 9 }}
"""
"""What a coordinator has to ask for, to be answered with more than that it is not there."""
SHOWN: Final = (
    *(
        "get_me",
        "get_account",
        "get_statement",
        "get_entry",
        "get_everything",
        "find_people",
        "list_holds",
        "list_requests",
        "list_payments",
    ),
    *(
        "get_entry_proof",
        "get_tile",
        "get_consistency",
        "audit_entries",
        "list_peers",
        "list_circles",
        "get_open_numbers",
    ),
    *("list_events", "get_event", "make_event", "reply_to_event", "list_rsvps", "list_reminders"),
    *("get_calendar", "set_calendar", "get_public_feed", "make_feed"),
    *(
        "get_listing",
        "make_listing",
        "edit_listing",
        "extend_listing",
        "find_listings",
        "print_directory",
    ),
    *(
        "get_profile",
        "change_profile",
        "list_blocks",
        "add_block",
        "list_vetting",
        "list_vetting_levels",
        "list_complaints",
    ),
    *(
        "get_terms",
        "change_terms",
        "get_helper",
        "list_help_requests",
        "get_help_request",
        "answer_yes",
        "answer_no",
    ),
    *(
        "get_desk",
        "get_ranking",
        "explain_absence",
        "ask_by_hand",
        "note_no_reply",
        "list_referral_terms",
    ),
    *(
        "get_duty",
        "get_duty_week",
        "change_duty_weekday",
        "change_duty_day",
        "list_handover",
        "add_handover_note",
    ),
    *(
        "get_safeguarding",
        "change_safeguarding",
        "list_concerns",
        "get_concern",
        "add_concern_note",
    ),
    *("settle_concern", "hand_on_concern", "keep_concern"),
    *("list_suspensions", "get_suspension", "add_suspension"),
    *("list_notices", "get_wishes", "change_wishes", "list_errands", "print_letters"),
    *("list_announcements", "make_announcement", "list_threads", "get_thread"),
)
"""What the coordinator is seen to be answered by in full: reading and changing."""


@dataclass(frozen=True, slots=True)
class Served:
    """A node's address, and who reads there."""

    url: str
    found: LivedIn


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node in which there is something of everything that can be read."""
    directory = tmp_path_factory.mktemp("node") / "circle"
    told = init(directory)
    with serving(directory, told["invitation"]) as node:
        yield Served(node.url, asyncio.run(live_a_little(node.url, told)))


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
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            # Not imported here: what it hooks, it hooks for all other tests of a process, too.
            "SCHEMATHESIS_HOOKS": "tests.schemathesis_record",
            "ANSWERED": str(folder / ANSWERED),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if finished.returncode == 0 else finished.stdout + finished.stderr


def answered(folder: Path) -> set[tuple[str, int]]:
    """What each operation was answered that it asked for, by the record that it keeps."""
    lines = (folder / ANSWERED).read_text("utf-8").splitlines()
    return {(name, int(status)) for name, status in map(str.split, lines)}


async def test_a_stranger_is_told_nothing_that_the_document_does_not_say(
    served: Served, tmp_path: Path
) -> None:
    """What does not fit the document is refused, but for orders: each of a list is answered."""
    checks = ",".join((*CHECKS, WRONG_IS_REFUSED))
    orders_apart = ("--exclude-operation-id", "submit_orders")
    assert run_schemathesis(served, tmp_path, "--checks", checks, *orders_apart) == ""
    assert {one for one in answered(tmp_path) if one[1] >= 500} == set()


async def test_a_coordinator_is_told_nothing_that_the_document_does_not_say(
    served: Served, tmp_path: Path
) -> None:
    """Of all operations but the one that ends the session; for as long as it takes to see them."""
    existing = EXISTING.format(
        begins=served.found.begins, day=served.found.begins[:10], concern=served.found.concern
    )
    (tmp_path / "schemathesis.toml").write_text(existing, "utf-8")
    signed_in = ("-H", f"Authorization: Bearer {served.found.token}", "--exclude-method", "DELETE")
    unseen = set(SHOWN)
    for _ in range(TIMES_MAX):
        assert run_schemathesis(served, tmp_path, "--checks", ",".join(CHECKS), *signed_in) == ""
        seen = answered(tmp_path)
        assert {one for one in seen if one[1] >= 500} == set()
        unseen -= {name for name, status in seen if 200 <= status < 300}
        if not unseen:
            break
    assert unseen == set()
