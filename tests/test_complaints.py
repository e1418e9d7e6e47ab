"""Complaints: about whatever members do here, read by coordinators whom they are not about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from client.complaints import complaints
from client.node_session import NodeSession
from client.transport import Transport
from ledger.orders import Close, Dismiss, Holder
from node.care.complaints import OPEN_MAX
from node.care.retention import COMPLAINTS_KEPT_MS, forget_care
from node.erase import erase
from tests.calendar_circle import calendar_circle, make_event, reply
from tests.care_circle import COMPLAINTS, complain
from tests.circle_node import HOUR, CircleNode, Member
from tests.directory_circle import attempt, offer
from tests.help_circle import ask, help_circle, put


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """The coordinators ann and ben, and the members mia, noa and zoe."""
    async with calendar_circle(postgres_dsn, tmp_path / "circle", "mia", "noa", "zoe") as live:
        await live.welcome("ben", office="coordinator")
        yield live


async def listed(node: CircleNode, reader: Member) -> list[dict[str, Any]]:
    """The complaints that a coordinator is shown."""
    found: list[dict[str, Any]] = (await node.read(COMPLAINTS, reader))["complaints"]
    return found


async def write(node: CircleNode, by: Member, to: Member, about: str, words: str) -> str:
    """Write a message; the path of it as something to complain of."""
    body = {"about": about, "to": to.person, "words": words}
    status, answer = await node.request("POST", "/api/v1/messages", by, json=body)
    assert status == 200, answer
    return f"messages/{answer['number']}"


async def listing_of(node: CircleNode, member: Member, title: str = "Hedges cut") -> str:
    """Offer something; its path."""
    return f"listings/{(await offer(node, member, title))['id']}"


async def test_a_complaint_reaches_the_coordinators_and_not_whom_it_is_about(
    node: CircleNode,
) -> None:
    """All are in one list, whatever they are about, and end in one way."""
    ann, ben, mia, noa = node["ann"], node["ben"], node["mia"], node["noa"]
    rude, rude_too = await listing_of(node, mia, "Rude"), await listing_of(node, ann, "Rude too")
    message = await write(node, mia, noa, await listing_of(node, noa), "You are rude")
    for about in (rude, rude_too, message):
        assert await complain(node, noa, about) == "ok"
    assert [(each["about"], each["title"]) for each in await listed(node, ben)] == [
        *((message, "You are rude"), (rude_too, "Rude too"), (rude, "Rude")),
    ]
    assert [each["person"]["handle"] for each in await listed(node, ann)] == ["mia", "mia"]
    [of_ann] = [each["number"] for each in await listed(node, ben) if each["about"] == rude_too]
    [seen] = [each for each in await listed(node, ann) if each["about"] == rude]
    assert (seen["by"]["name"], seen["text"], seen["closed"]) == ("Noa", "It is not nice.", None)
    assert await node.refusal(COMPLAINTS, noa) == "not-yours"
    outcome = {"outcome": "Mia wrote it anew"}
    path = f"{COMPLAINTS}/{seen['number']}"
    assert await attempt(node, "PUT", path, noa, outcome) == "not-permitted"
    assert await attempt(node, "PUT", f"{COMPLAINTS}/{of_ann}", ann, outcome) == "not-found"
    assert await attempt(node, "PUT", f"{COMPLAINTS}/99", ann, outcome) == "not-found"
    assert await attempt(node, "PUT", path, ann, outcome) == "ok"
    [seen] = [each for each in await listed(node, ann) if each["about"] == rude]
    assert (seen["outcome"], seen["closed"] is None) == ("Mia wrote it anew", False)


async def test_the_same_words_are_one_complaint_until_somebody_has_dealt_with_it(
    node: CircleNode,
) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    body = {"about": await listing_of(node, mia), "text": "it is rude"}
    _, first = await node.request("POST", COMPLAINTS, noa, json=body)
    assert await node.request("POST", COMPLAINTS, noa, json=body) == (200, first)
    assert await complain(node, noa, body["about"], "and it is still there") == "ok"
    assert len(await listed(node, ann)) == 2
    outcome = {"outcome": "Mia says sorry"}
    assert await attempt(node, "PUT", f"{COMPLAINTS}/{first['number']}", ann, outcome) == "ok"
    status, again = await node.request("POST", COMPLAINTS, noa, json=body)
    assert (status, again != first) == (200, True)
    assert await complain(node, noa, body["about"], " ") == "request-invalid"


async def test_a_member_has_a_few_open_complaints_however_many_are_sent_at_once(
    node: CircleNode,
) -> None:
    mia, noa = node["mia"], node["noa"]
    about = await listing_of(node, mia)
    codes = await asyncio.gather(
        *(complain(node, noa, about, f"it is rude {number}") for number in range(OPEN_MAX + 3))
    )
    assert sorted(codes) == ["ok"] * OPEN_MAX + ["too-many"] * 3


async def test_a_message_is_complained_of_by_whom_it_is_to(node: CircleNode) -> None:
    """Also when they have blocked its author since, or have left."""
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    message = await write(node, noa, mia, await listing_of(node, mia), "Something rude")
    for nobody in (noa, node["zoe"], ann):
        assert await complain(node, nobody, message) == "not-found"
    blocks = f"/api/v1/people/{mia.person}/blocks/{noa.person}"
    assert await attempt(node, "PUT", blocks, mia) == "ok"
    await node.do(ann, Close(), account=mia.account)
    assert await complain(node, mia, message) == "ok"


async def test_a_listing_is_complained_of_by_others_who_may_see_it(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    about = await listing_of(node, mia)
    assert await complain(node, mia, about) == "not-found"
    assert await complain(node, noa, about, person=ann.person) == "not-found"
    assert await complain(node, noa, about, person=mia.person) == "ok"
    await node.do(ann, Close(), account=noa.account)
    assert await complain(node, noa, about, "again") == "not-permitted"
    for nothing in ("listings/99", "messages/99", "events/99", "help/99"):
        assert await complain(node, node["zoe"], nothing) == "not-found"
    for wrong in ("people/1", "listings/0", "listings", "listings/1/x"):
        assert await complain(node, node["zoe"], wrong) == "request-invalid"


async def test_an_event_is_complained_of_to_its_host_and_by_the_host_of_who_comes(
    node: CircleNode,
) -> None:
    ann, mia, noa, zoe = node["ann"], node["mia"], node["noa"], node["zoe"]
    event = await make_event(node, mia)
    about = f"events/{event['number']}"
    assert await complain(node, mia, about) == "not-found"
    for member in (noa, zoe):
        await reply(node, member, event)
    assert await complain(node, noa, about) == "ok"
    assert await complain(node, mia, about) == "request-invalid"
    assert await complain(node, mia, about, person=ann.person) == "not-found"
    assert await complain(node, mia, about, person=zoe.person) == "ok"
    assert [each["person"]["handle"] for each in await listed(node, ann)] == ["zoe", "mia"]


async def test_help_is_complained_of_by_those_who_asked_and_came(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with help_circle(postgres_dsn, tmp_path / "circle", "noa", "zoe") as node:
        ann, mia, noa, zoe = node["ann"], node["mia"], node["noa"], node["zoe"]
        number = (await ask(node, mia))["number"]
        about = f"help/{number}"
        assert await complain(node, noa, about) == "not-found"
        assert await put(node, f"help/{number}/yes", noa) == "ok"
        assert await complain(node, noa, about) == "ok"
        assert await complain(node, mia, about) == "ok"
        assert await complain(node, zoe, about) == "not-found"
        seen = [(each["by"]["handle"], each["title"]) for each in await listed(node, ann)]
        assert seen == [("mia", "Roses to cut"), ("noa", "Roses to cut")]


async def test_of_what_somebody_complained_is_told_to_nobody_who_reads_what_is_held_on_them(
    node: CircleNode,
) -> None:
    """A coordinator may be whom it is about, and sees complaints where those are left out."""
    ann, noa = node["ann"], node["noa"]
    assert await complain(node, noa, await listing_of(node, ann, "Not nice"), "it is rude") == "ok"
    everything = f"/api/v1/people/{noa.person}/everything"
    assert "it is rude" not in await node.text(everything, ann)
    assert (await node.read(everything, ann))["complaints"] == []
    [own] = (await node.read(everything, noa))["complaints"]
    assert (own["title"], own["text"]) == ("Not nice", "it is rude")


async def test_a_complaint_goes_with_either_of_the_two_and_a_while_after_it_is_dealt_with(
    node: CircleNode,
) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    about = await listing_of(node, mia)
    assert await complain(node, noa, about) == "ok"
    assert await complain(node, node["zoe"], about) == "ok"
    closed = f"{COMPLAINTS}/{(await listed(node, ann))[1]['number']}"
    assert await attempt(node, "PUT", closed, ann, {"outcome": "They made up."}) == "ok"
    over = node.clock.wall() + COMPLAINTS_KEPT_MS
    await forget_care(node.circle.pool, over - HOUR)
    assert len(await listed(node, ann)) == 2
    await forget_care(node.circle.pool, over + HOUR)
    [left] = await listed(node, ann)
    assert left["by"]["handle"] == "zoe"
    await node.do(ann, Close(), account=mia.account)
    async with node.home.database() as database:
        await erase(database, mia.person)
    assert await listed(node, ann) == []


async def test_a_coordinators_client_reads_all_complaints_however_many(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    async with node.home.database() as database:
        await database.execute(
            """
            INSERT INTO complaints (number, about, title, person, by, body, made)
            SELECT number, 'listings/1', 'Rude', $1, $2, 'x', 401 - number / 2
            FROM generate_series(1, 401) AS number
            """,
            *(mia.person, noa.person),
        )
    async with Transport(node.url) as transport:
        read = await complaints(NodeSession(transport, await node.sign_in(ann), 0))
    assert [each.made for each in read] == sorted((each.made for each in read), reverse=True)
    assert sorted(each.number for each in read) == list(range(1, 402))


async def test_a_complaint_is_not_read_by_whom_its_subject_lives_with(node: CircleNode) -> None:
    """Nor closed by them: a household is as the ledger has it, as it is for concerns."""
    ann, ben, mia = node["ann"], node["ben"], node["mia"]
    joined = Holder(mia.person, 1)
    await node.do(ann, joined, account=ben.account, cosigners=(ben,), text="they moved")
    assert await complain(node, node["noa"], await listing_of(node, mia)) == "ok"
    assert await listed(node, ben) == []
    [seen] = await listed(node, ann)
    path, outcome = f"{COMPLAINTS}/{seen['number']}", {"outcome": "It is nothing"}
    assert await attempt(node, "PUT", path, ben, outcome) == "not-found"
    assert await attempt(node, "PUT", path, ann, outcome) == "ok"


async def test_a_complaint_that_nobody_would_read_is_refused_and_not_kept(
    node: CircleNode,
) -> None:
    """Whoever complains of the only coordinator is told so, and whom to turn to."""
    ann, noa = node["ann"], node["noa"]
    about = await listing_of(node, ann)
    await node.do(ann, Dismiss(node["ben"].person, "coordinator"), text="he moved")
    body = {"about": about, "text": "It is not nice."}
    status, problem = await node.request("POST", COMPLAINTS, noa, json=body)
    assert (status, problem["code"]) == (409, "no-coordinator")
    assert "auditor" in problem["detail"]
    assert (await node.read(f"/api/v1/people/{noa.person}/everything", noa))["complaints"] == []


async def test_the_number_of_a_complaint_says_nothing_of_others(node: CircleNode) -> None:
    """A coordinator who is shown 1, 2 and 4 would know of whom the third is."""
    ann, noa = node["ann"], node["noa"]
    about = await listing_of(node, node["mia"])
    for number in range(9):
        assert await complain(node, noa, about, f"it is rude {number}") == "ok"
    numbers = [each["number"] for each in await listed(node, ann)]
    assert [each["text"][-1] for each in await listed(node, ann)] == list("876543210")
    assert numbers not in (sorted(numbers), sorted(numbers, reverse=True))
    found = await node.read(COMPLAINTS, ann, limit=4, cursor=numbers[3])
    assert [each["number"] for each in found["complaints"]] == numbers[4:8]
