"""Every operation, asked as everybody: who may, and what the others are told."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest_asyncio

from ledger.orders import Assign, Close, Freeze, Holder
from node.api.app import ENDPOINTS
from node.http.routing import Router
from tests.calendar_circle import make_event, send
from tests.care_circle import COMPLAINTS, name_lead, raise_about
from tests.circle_node import CircleNode
from tests.directory_circle import HERE, attempt, offer, tell
from tests.help_circle import accept, ask, at, help_circle, put, written
from tests.who_may import ALL, NO_SESSION, SECRETS, TABLE, Row

HELPERS = ("hal", "kit", "gil", "bob", "sam")
Scene = dict[str, str]
WORDS = "The climbing ones first."


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """Everybody whom the table names."""
    async with help_circle(postgres_dsn, tmp_path / "circle", *HELPERS) as live:
        await live.welcome("ben", office="coordinator")
        await live.welcome("aud", office="auditor")
        for handle in ("lou", "zoe", "fay"):
            await live.welcome(handle)
        await live.open_deviceless("dot")
        yield live


async def play(node: CircleNode) -> Scene:
    """Let happen what the table is about; what is filled into its paths and bodies."""
    ann, ben, mia, zoe = node["ann"], node["ben"], node["mia"], node["zoe"]
    joined = Holder(mia.person, 1)
    await node.do(ann, joined, account=ben.account, cosigners=(ben,), text="they moved")
    reached: dict[str, Any] = {"square": HERE, "channel": "call", "contact": "020 7946 0018"}
    await tell(node, mia, None, about="I sing.", shown=["about"], **reached)
    await tell(node, node["hal"], square=HERE)
    await node.pay(mia, zoe, 1, "the April rent")
    await name_lead(node, node["lou"])
    listing = await offer(node, mia, "Scones")
    event = await make_event(node, mia, begins=written(at(node, 24)), place="the hall")
    occurrence = f"events/{event['number']}/occurrences/{event['occurrences'][0]['at']}"
    await send(node, "PUT", f"/api/v1/{occurrence}/rsvp", node["kit"], answer="yes")
    message = {"about": f"listings/{listing['id']}", "to": mia.person, "words": "May I?"}
    thread = await send(node, "POST", "/api/v1/messages", zoe, **message)
    complaint = {"about": f"listings/{listing['id']}", "text": "They were stale."}
    complained = await send(node, "POST", COMPLAINTS, zoe, **complaint)
    concern, _ = await raise_about(node, zoe, mia)
    request, visit = await _be_helped(node)
    await node.do(ann, Close(), account=node["fay"].account)
    return {
        **{handle: str(member.person) for handle, member in node.home.people.items()},
        "account": str(mia.account),
        "payment_request": (await node.ask(mia, 5))["id"],
        "listing": str(listing["id"]),
        "event": str(event["number"]),
        "occurrence": occurrence,
        "thread": str(thread["thread"]),
        "complaint": str(complained["number"]),
        "concern": concern.rpartition("/")[2],
        "request": str(request),
        "visit": str(visit),
        "soon": written(at(node, 48)),
        "later": written(at(node, 49)),
        "day": f"{at(node, 48):%Y-%m-%d}",
    }


async def _be_helped(node: CircleNode) -> tuple[int, int]:
    """A request of mia's for two helpers, to which hal comes; and that visit."""
    ann, mia = node["ann"], node["mia"]
    request = (await ask(node, mia, helpers=2, hours=72, words=WORDS))["number"]
    for handle in HELPERS:
        path = f"help/{request}/asks/{node[handle].person}"
        assert await put(node, path, ann) in ("ok", "help-taken")
    given_back = await _be_agreed(node, request, "gil")
    await node.do(node["gil"], Assign(given_back["hold"], ()))
    assert await put(node, f"visits/{given_back['number']}/left", node["gil"]) == "ok"
    visit = (await _be_agreed(node, request, "hal"))["number"]
    blocks = f"/api/v1/people/{mia.person}/blocks/{node['bob'].person}"
    assert await attempt(node, "PUT", blocks, mia) == "ok"
    suspension = f"people/{node['sam'].person}/suspension"
    assert await put(node, suspension, ann, {"reason": "What kit said."}) == "ok"
    return request, visit


async def _be_agreed(node: CircleNode, request: int, handle: str) -> dict[str, Any]:
    """Let somebody be accepted; their visit."""
    assert await put(node, f"help/{request}/yes", node[handle]) == "ok"
    assert await accept(node, node["mia"], request, node[handle]) == "ok"
    [visit] = (await node.read(f"/api/v1/help/{request}", node[handle]))["visits"]
    found: dict[str, Any] = visit
    return found


def method_of(row: Row) -> str:
    """By which method an operation is asked; its path is one of that operation's."""
    [found] = [each for each in ENDPOINTS if each.operation == row.operation]
    return str(found.method)


def filled(value: Any, scene: Scene) -> Any:
    """A body with what stands in braces filled in; a person's number as a number."""
    match value:
        case dict():
            return {key: filled(each, scene) for key, each in value.items()}
        case list():
            return [filled(each, scene) for each in value]
        case str() if "{" in value:
            found = value.format(random=os.urandom(16).hex(), **scene)
            return int(found) if found.isdecimal() and value != "{random}" else found
        case _:
            return value


async def asked(node: CircleNode, row: Row, scene: Scene, token: str | None) -> tuple[str, str]:
    """Ask it with that token; "ok" or the code of the problem, and all that was answered."""
    path = f"/api/v1/{row.path.format(**scene)}"
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    sending = {} if row.body is None else {"json": filled(row.body, scene)}
    async with node.http.request(method_of(row), path, headers=headers, **sending) as response:
        content = await response.text()
    assert response.status < 500, (row, content)
    return "ok" if response.status < 300 else str(json.loads(content)["code"]), content


def test_of_every_operation_it_is_said_who_may() -> None:
    """Whoever adds one says so in the table, or that it needs no session."""
    sessions = {each.operation: each.signature.session for each in ENDPOINTS}
    assert {row.operation for row in TABLE} | NO_SESSION == set(sessions)
    assert {row.operation for row in TABLE} & NO_SESSION == set()
    assert {name for name, session in sessions.items() if session != "required"} == NO_SESSION


async def test_everybody_is_answered_what_the_table_says(node: CircleNode) -> None:
    """Also nobody, somebody who signed out, and a device that was reported lost: nothing at all."""
    scene = await play(node)
    tokens = {handle: await node.sign_in(node[handle]) for handle in sorted(ALL)}
    router = Router(ENDPOINTS)
    wrong = []
    for row in TABLE:
        resolved, _ = router.resolve(
            method_of(row), f"/api/v1/{row.path.format(**scene)}".partition("?")[0]
        )
        assert resolved.operation == row.operation
        may = sorted(row.may)[:1] if row.once else sorted(row.may)
        for handle in (*sorted(ALL - row.may), *may):
            expected = row.apart.get(handle, row.outcome if handle in row.may else row.refused)
            found, _ = await asked(node, row, scene, tokens[handle])
            if found != expected:
                wrong.append((row.operation, row.path, handle, found, expected))
    assert not wrong, "\n".join(map(str, wrong))


async def test_without_a_living_session_nothing_is_answered(node: CircleNode) -> None:
    """To nobody, to whoever signed out, and to a device that was reported lost."""
    scene = await play(node)
    over, lost = await node.sign_in(node["zoe"]), await node.sign_in(node["mia"])
    assert await attempt(node, "DELETE", "/api/v1/sessions", node["zoe"]) == "ok"
    await node.do(node["ann"], Freeze(node["mia"].key), text="she lost it")
    for row in TABLE:
        assert (await asked(node, row, scene, None))[0] == "session-missing", row
        for token in (over, lost):
            assert (await asked(node, row, scene, token))[0] == "session-refused", row


async def test_what_is_for_some_is_in_no_answer_to_others(node: CircleNode) -> None:
    """And in some answer to those whom it is for. Strangers read none of it anywhere."""
    scene = await play(node)
    readings = [row for row in TABLE if method_of(row) == "GET"]
    [held] = [row for row in readings if row.operation == "get_everything"]
    readings += [replace(held, path=f"people/{scene[each]}/everything") for each in sorted(ALL)]
    seen: dict[str, set[str]] = {secret: set() for secret in SECRETS}
    for handle in sorted(ALL):
        token = await node.sign_in(node[handle])
        for row in readings:
            _, content = await asked(node, row, scene, token)
            for secret in SECRETS:
                if secret in content:
                    seen[secret].add(handle)
    assert seen == SECRETS
    for each in ENDPOINTS:
        if each.method == "GET" and each.operation in NO_SESSION and "{" not in each.path:
            async with node.http.get(each.path) as response:
                content = await response.text()
            assert not [secret for secret in SECRETS if secret in content], each.path


async def test_what_signed_in_people_do_is_not_counted_for_strangers(node: CircleNode) -> None:
    """The metrics are for everybody: from them a lead could tell that a concern is about them."""
    await play(node)
    counted = set(re.findall(r'operation="(\w+)"', await node.text("/metrics")))
    assert {row.operation for row in TABLE} & counted == set()
    assert {"submit_orders", "open_session", "signed_in"} <= counted
