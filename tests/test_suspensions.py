"""Suspensions: one tap leaves somebody out of matching; they are not told why, and may ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from ledger.orders import Close, Holder
from node.care.retention import CONCERNS_KEPT_MS, forget_care
from node.erase import erase
from tests.care_circle import name_lead, put, told
from tests.circle_node import HOUR, CircleNode, circle_node
from tests.directory_circle import attempt

LIST = "/api/v1/suspensions"


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """The coordinators ann and ben, and the members lou, mia and noa."""
    async with circle_node(postgres_dsn, tmp_path / "circle") as live:
        await live.welcome("ben", office="coordinator")
        for handle in ("lou", "mia", "noa"):
            await live.welcome(handle)
        yield live


def path_of(node: CircleNode, handle: str) -> str:
    return f"/api/v1/people/{node[handle].person}/suspension"


async def suspended(node: CircleNode) -> list[int]:
    """Whom matching leaves out."""
    async with node.home.database() as database:
        rows = await database.fetch("SELECT person FROM suspensions ORDER BY person")
    return [row["person"] for row in rows]


async def test_lead_and_coordinators_suspend_and_lift_and_nobody_else(node: CircleNode) -> None:
    await name_lead(node, node["lou"])
    of_mia = path_of(node, "mia")
    for handle in ("lou", "ann", "ben"):
        made = await put(node, "PUT", of_mia, node[handle], reason="A worry.")
        assert (made["reason"], made["by"]["handle"]) == ("A worry.", handle)
        assert await suspended(node) == [node["mia"].person]
        for _ in range(2):
            assert await attempt(node, "DELETE", of_mia, node[handle]) == "ok"
        assert await suspended(node) == []
    for handle in ("mia", "noa"):
        assert await attempt(node, "PUT", of_mia, node[handle], {"reason": "x"}) == "not-permitted"
        assert await attempt(node, "DELETE", of_mia, node[handle]) == "not-permitted"
        assert await node.refusal(LIST, node[handle]) == "not-yours"
    for wrong in ({"reason": ""}, {"reason": "x" * 2001}, {"reason": 1}, {}, {"why": "x"}):
        assert await attempt(node, "PUT", of_mia, node["ann"], wrong) == "request-invalid"
    nobody = "/api/v1/people/999/suspension"
    assert await attempt(node, "PUT", nobody, node["ann"], {"reason": "x"}) == "person-unknown"
    assert await node.refusal(nobody, node["ann"]) == "person-unknown"


async def test_nobody_suspends_or_lifts_for_themselves_or_their_household(
    node: CircleNode,
) -> None:
    ann, ben, noa = node["ann"], node["ben"], node["noa"]
    joined = Holder(ben.person, 1)
    await node.do(ann, joined, account=noa.account, cosigners=(noa,), text="they moved in")
    for of, by in (("ben", "ben"), ("noa", "ben")):
        path = path_of(node, of)
        assert await attempt(node, "PUT", path, node[by], {"reason": "x"}) == "not-permitted"
        await put(node, "PUT", path, ann, reason="secret")
        assert await attempt(node, "DELETE", path, node[by]) == "not-permitted"
        shown = await node.read(path, node[by])
        assert shown["since"] is not None
        assert (shown["reason"], shown["by"]) == (None, None)
    assert (await node.read(LIST, ben))["suspensions"] == []
    listed = (await node.read(LIST, ann))["suspensions"]
    assert [(each["handle"], each["reason"]) for each in listed] == [
        ("ben", "secret"),
        ("noa", "secret"),
    ]
    first = await node.read(LIST, ann, limit=1)
    rest = await node.read(LIST, ann, limit=1, cursor=first["next"])
    assert [each["handle"] for each in rest["suspensions"]] == ["noa"]


async def test_the_person_learns_that_they_are_suspended_if_they_ask_and_not_why(
    node: CircleNode,
) -> None:
    mia = node["mia"]
    before = await node.read(path_of(node, "mia"), mia)
    assert (before["since"], before["reason"]) == (None, None)
    await put(node, "PUT", path_of(node, "mia"), node["ann"], reason="A bruise was seen.")
    asked = await node.read(path_of(node, "mia"), mia)
    assert (asked["since"] is not None, asked["reason"], asked["by"]) == (True, None, None)
    assert await node.refusal(path_of(node, "mia"), node["noa"]) == "not-yours"
    everything = f"/api/v1/people/{mia.person}/everything"
    held = await node.read(everything, mia)
    assert held["suspension"] == [{"since": asked["since"]}]
    assert "bruise" not in await node.text(everything, mia)
    assert await told(node, mia) == []


async def test_who_looks_after_safeguarding_is_told_of_what_others_did(node: CircleNode) -> None:
    await name_lead(node, node["lou"])
    await put(node, "PUT", path_of(node, "mia"), node["ann"], reason="secret")
    await attempt(node, "DELETE", path_of(node, "mia"), node["ben"])
    await put(node, "PUT", path_of(node, "mia"), node["lou"], reason="secret")
    words = [words for kind, _, words in await told(node, node["lou"]) if kind == "suspension"]
    assert words == [
        "Mia was suspended from being matched, by Ann.",
        "Mia may be matched again, by Ben.",
    ]


async def test_a_suspension_goes_with_the_person_and_forgets_who_made_it(node: CircleNode) -> None:
    ann, mia, noa, lou = node["ann"], node["mia"], node["noa"], node["lou"]
    await name_lead(node, lou)
    for handle in ("mia", "noa"):
        await put(node, "PUT", path_of(node, handle), lou, reason="x")
    for member in (mia, lou):
        await node.do(ann, Close(), account=member.account)
        async with node.home.database() as database:
            await erase(database, member.person)
    [left] = (await node.read(LIST, ann))["suspensions"]
    assert (left["person"], left["by"]) == (noa.person, None)
    assert await node.read("/api/v1/safeguarding", ann) == {"lead": None, "deputy": None}


async def test_what_was_done_of_suspensions_is_only_added_to(node: CircleNode) -> None:
    """Whoever writes another reason, or lifts it, takes nothing away from what was before."""
    ann, ben, mia = node["ann"], node["ben"], node["mia"]
    await put(node, "PUT", path_of(node, "mia"), ann, reason="A bruise was seen.")
    first = (await node.read(path_of(node, "mia"), ann))["since"]
    node.clock.pass_(HOUR)
    again = await put(node, "PUT", path_of(node, "mia"), ben, reason="Nothing, really.")
    assert (again["since"], again["reason"], again["by"]["handle"]) == (
        *(first, "Nothing, really."),
        "ben",
    )
    assert await attempt(node, "DELETE", path_of(node, "mia"), ben) == "ok"
    seen = await node.read(path_of(node, "mia"), ann)
    assert seen["since"] is None
    assert [(each["act"], each["by"]["handle"], each["reason"]) for each in seen["history"]] == [
        ("lifted", "ben", ""),
        ("suspended", "ben", "Nothing, really."),
        ("suspended", "ann", "A bruise was seen."),
    ]
    assert (await node.read(path_of(node, "mia"), mia))["history"] is None
    held = await node.read(f"/api/v1/people/{mia.person}/everything", mia)
    assert [each["act"] for each in held["suspensions"]] == ["lifted", "suspended", "suspended"]
    assert "bruise" not in str(held)
    async with node.home.database() as database:
        await database.execute(f"SET ROLE {node.home.config.schema}_service")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.execute("UPDATE suspension_acts SET reason = ''")
        await database.execute("RESET ROLE")
    await put(node, "PUT", path_of(node, "noa"), ann, reason="x")
    await forget_care(node.circle.pool, node.clock.wall() + CONCERNS_KEPT_MS + HOUR)
    async with node.home.database() as database:
        acts = "SELECT array_agg(person) FROM suspension_acts"
        assert await database.fetchval(acts) == [node["noa"].person], "while it lasts it stays"
