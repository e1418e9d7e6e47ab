"""Profiles, blocks and vetting: who sees what of a member, and who may say it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ledger.orders import Close
from node.people.blocks import BLOCKS_MAX
from node.people.profiles import GRID_MAX
from tests.care_circle import complain
from tests.circle_node import DAY, CircleNode, circle_node
from tests.directory_circle import HERE, attempt, offer, tell, titles

MIA: dict[str, Any] = {
    "languages": ["English", "Yorùbá"],
    "about": "I like roses.\nAnd dogs 👩‍🌾.",
    "place": "near Camberwell Green",
    "square": HERE,
    "channel": "call",
    "contact": "020 7946 0018",
}


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle with the coordinator ann, the members mia and noa, and dot, who has no device."""
    async with circle_node(postgres_dsn, tmp_path / "circle") as live:
        await live.welcome("mia", "Mia Müller")
        await live.welcome("noa")
        await live.open_deviceless("dot", "Dot Cotton")
        yield live


def profile_path(node: CircleNode, handle: str) -> str:
    return f"/api/v1/people/{node[handle].person}/profile"


async def test_a_profile_is_private_until_its_member_shows_parts_of_it(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    told = await tell(node, mia, **MIA)
    assert told["about"] == MIA["about"]
    assert told["shown"] == []
    nobody = await node.refusal("/api/v1/people/999/profile", noa)
    assert await node.refusal(profile_path(node, "mia"), noa) == nobody == "not-found"
    await tell(node, mia, **MIA, shown=["languages", "place"])
    seen = await node.read(profile_path(node, "mia"), noa)
    assert seen["languages"] == ["English", "Yorùbá"]
    assert seen["place"] == "near Camberwell Green"
    assert (seen["handle"], seen["name"], seen["shown"]) == ("mia", "Mia Müller", None)
    assert (seen["about"], seen["contact"], seen["channel"]) == (None, None, None)
    await tell(node, mia, **MIA, shown=["contact"])
    seen = await node.read(profile_path(node, "mia"), noa)
    assert (seen["channel"], seen["contact"], seen["square"]) == ("call", "020 7946 0018", None)


async def test_coordinators_see_all_of_a_profile_and_others_see_who_said_nothing(
    node: CircleNode,
) -> None:
    await tell(node, node["mia"], **MIA)
    assert (await node.read(profile_path(node, "mia"), node["ann"]))["contact"] == MIA["contact"]
    empty = await node.read(profile_path(node, "noa"), node["noa"])
    assert (empty["channel"], empty["about"], empty["languages"]) == ("app", "", [])


SQUARES = {
    (532_650, 176_810, 1000): (532_500, 176_500, 1000),
    (532_500, 176_500, 1000): (532_500, 176_500, 1000),
    (-1, -1, 100): (-50, -50, 100),
    (0, 0, 10_000): (5000, 5000, 10_000),
    (GRID_MAX - 1, -GRID_MAX, 10_000): (GRID_MAX - 5000, -GRID_MAX + 5000, 10_000),
}


async def test_a_place_is_never_kept_finer_than_chosen(node: CircleNode) -> None:
    names = ("easting", "northing", "side")
    for sent, kept in SQUARES.items():
        told = await tell(node, node["mia"], square=dict(zip(names, sent, strict=True)))
        assert told["square"] == dict(zip(names, kept, strict=True))
        async with node.home.database() as database:
            row = await database.fetchrow("SELECT easting, northing, side FROM profiles")
        assert tuple(row or ()) == kept


HOSTILE: list[dict[str, Any]] = [
    {"about": "x" * 2001},
    {"about": "a\0b"},
    {"about": "pay \u202eann"},
    {"place": "two\nlines"},
    {"languages": ["x"] * 11},
    {"languages": [""]},
    {"languages": ["   "]},
    {"channel": "pigeon"},
    {"contact": "\x1b[2J"},
    {"shown": ["about", "balance"]},
    {"square": {"easting": GRID_MAX, "northing": 0, "side": 100}},
    {"square": {"easting": 0, "northing": 0, "side": 1}},
    {"square": {"easting": 0.5, "northing": 0, "side": 100}},
    {"square": {"easting": True, "northing": 0, "side": 100}},
    {"square": {"easting": 0, "side": 100}},
    {"person": 1},
    {"vetted": ["saint"]},
    {"about": None},
    {"about": 7},
]


async def test_what_is_no_profile_is_refused(node: CircleNode) -> None:
    mia = node["mia"]
    for body in HOSTILE:
        code = await attempt(node, "PUT", profile_path(node, "mia"), mia, body)
        assert code == "request-invalid", body
    assert (await node.read(profile_path(node, "mia"), mia))["about"] == ""


async def test_only_the_member_changes_their_profile_or_a_coordinator_without_a_device(
    node: CircleNode,
) -> None:
    ann, noa, dot = node["ann"], node["noa"], node["dot"]
    for member in (ann, noa):
        path = profile_path(node, "mia")
        assert await attempt(node, "PUT", path, member, MIA) == "not-permitted"
    assert await attempt(node, "PUT", profile_path(node, "dot"), noa, MIA) == "not-permitted"
    await tell(node, dot, ann, channel="call", contact="020 7946 0000", shown=["contact"])
    assert (await node.read(profile_path(node, "dot"), noa))["contact"] == "020 7946 0000"
    for nobody in ("/api/v1/people/999/profile", "/api/v1/people/1/profile"):
        assert await attempt(node, "PUT", nobody, ann, MIA) == "not-permitted"
        assert await node.refusal(nobody, ann) == "not-found"
    assert await attempt(node, "PUT", "/api/v1/people/9007199254740992/profile", ann, MIA) == (
        "request-invalid"
    )


async def test_a_former_member_tells_nothing_more_and_is_seen_by_nobody(node: CircleNode) -> None:
    mia = node["mia"]
    await tell(node, mia, **MIA, shown=["about"])
    await node.do(node["ann"], Close(), account=mia.account)
    path = profile_path(node, "mia")
    assert await node.refusal(path, node["noa"]) == "not-found"
    assert await attempt(node, "PUT", path, mia, MIA) == "not-permitted"
    assert await attempt(node, "POST", "/api/v1/listings", mia, {"kind": "want", "title": "x"}) == (
        "not-permitted"
    )


@pytest.mark.parametrize(("by", "other"), [("mia", "noa"), ("noa", "mia")])
async def test_a_block_hides_two_members_from_each_other_and_tells_neither(
    node: CircleNode, by: str, other: str
) -> None:
    mia, noa = node["mia"], node["noa"]
    for member in (mia, noa):
        await tell(node, member, **MIA, shown=["about", "contact", "languages", "place"])
    roses = await offer(node, mia, "Roses", category="garden")
    await offer(node, noa, "Bread", category="food")
    path = f"/api/v1/people/{node[by].person}/blocks/{node[other].person}"
    for _ in range(2):
        assert await attempt(node, "PUT", path, node[by]) == "ok"
    assert await titles(node, mia) == ["Roses"]
    assert await titles(node, noa) == ["Bread"]
    assert await titles(node, noa, words="roses") == []
    assert await titles(node, node["ann"]) == ["Bread", "Roses"]
    for one, two in (("mia", "noa"), ("noa", "mia")):
        assert await node.refusal(profile_path(node, one), node[two]) == "not-found"
    gone = f"/api/v1/listings/{roses['id']}"
    assert await node.refusal(gone, noa) == await node.refusal("/api/v1/listings/99", noa)
    assert await complain(node, noa, f"listings/{roses['id']}") == "not-found"
    assert "Roses" not in await node.text("/api/v1/directory", noa)
    assert "Roses" not in await node.text("/api/v1/listings", noa, format="csv")
    made = {by: [node[other].person], other: []}
    for handle, people in made.items():
        mine = f"/api/v1/people/{node[handle].person}"
        assert (await node.read(f"{mine}/blocks", node[handle]))["people"] == people
        held = (await node.read(f"{mine}/everything", node[handle]))["blocks"]
        assert [row["person"] for row in held] == people
        assert (await node.read(f"{mine}/everything", node["ann"]))["blocks"] == []
    assert await attempt(node, "DELETE", path, node[by]) == "ok"
    assert await titles(node, noa) == ["Bread", "Roses"]
    assert (await node.read(profile_path(node, "mia"), noa))["about"] == MIA["about"]


async def test_blocks_are_for_their_owner_and_bounded(node: CircleNode) -> None:
    ann, mia, noa, dot = node["ann"], node["mia"], node["noa"], node["dot"]
    mine = f"/api/v1/people/{mia.person}/blocks"
    assert await node.refusal(mine, noa) == "not-permitted"
    assert await node.refusal(mine, ann) == "not-permitted"
    assert await attempt(node, "PUT", f"{mine}/{ann.person}", noa) == "not-permitted"
    assert await attempt(node, "PUT", f"{mine}/999", mia) == "person-unknown"
    assert await attempt(node, "PUT", f"{mine}/{mia.person}", mia) == "ok"
    assert (await node.read(mine, mia))["people"] == []
    theirs = f"/api/v1/people/{dot.person}/blocks/{noa.person}"
    assert await attempt(node, "PUT", theirs, ann) == "ok"
    async with node.home.database() as database:
        await database.execute(
            "INSERT INTO people SELECT n, 'p' || n, 'P' FROM generate_series(1000, $1) AS n",
            1000 + BLOCKS_MAX,
        )
        await database.execute(
            "INSERT INTO blocks SELECT $1, n FROM generate_series(1001, $2) AS n",
            *(mia.person, 1000 + BLOCKS_MAX),
        )
    assert await attempt(node, "PUT", f"{mine}/1000", mia) == "too-many"
    assert len((await node.read(mine, mia))["people"]) == BLOCKS_MAX


async def test_vetting_is_told_as_a_level_and_never_as_detail(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    level = {"name": "Two references", "position": 1}
    path = "/api/v1/vetting-levels/references"
    assert await attempt(node, "PUT", path, mia, level) == "not-permitted"
    assert await attempt(node, "PUT", path, ann, level) == "ok"
    of_mia = f"/api/v1/people/{mia.person}/vetting"
    days = {"checked_on": "2020-02-29", "expires": node.clock.day()}
    assert await attempt(node, "PUT", f"{of_mia}/references", noa, days) == "not-permitted"
    assert await attempt(node, "PUT", f"{of_mia}/saint", ann, days) == "not-found"
    assert await attempt(node, "PUT", "/api/v1/people/999/vetting/references", ann, days) == (
        "person-unknown"
    )
    assert await attempt(node, "PUT", f"{of_mia}/references", ann, days) == "ok"
    roses = await offer(node, mia, "Roses")
    assert roses["vetted"] == ["Two references"]
    assert (await node.read(profile_path(node, "mia"), noa))["vetted"] == ["Two references"]
    assert (await node.read("/api/v1/listings", noa))["listings"][0]["vetted"] == ["Two references"]
    assert await node.refusal(of_mia, noa) == "not-yours"
    [told] = (await node.read(of_mia, mia))["vetting"]
    assert told == {"level": "references", "name": "Two references", "checked_by": "Ann", **days}
    node.later(DAY)
    assert await node.refusal(profile_path(node, "mia"), noa) == "not-found"
    assert (await node.read("/api/v1/listings", noa))["listings"][0]["vetted"] == []
    assert len((await node.read(of_mia, mia))["vetting"]) == 1
    assert await attempt(node, "DELETE", f"{of_mia}/references", ann) == "ok"
    assert (await node.read(of_mia, mia))["vetting"] == []


async def test_nobody_vets_themselves_and_a_dropped_level_is_nobodys(node: CircleNode) -> None:
    ann, mia = node["ann"], node["mia"]
    for number in range(20):
        path = f"/api/v1/vetting-levels/level-{number}"
        assert await attempt(node, "PUT", path, ann, {"name": f"Level {number}"}) == "ok"
    path = "/api/v1/vetting-levels/one-more"
    assert await attempt(node, "PUT", path, ann, {"name": "More"}) == "too-many"
    days = {"checked_on": "2026-01-01", "expires": "2099-01-01"}
    own = f"/api/v1/people/{ann.person}/vetting/level-1"
    assert await attempt(node, "PUT", own, ann, days) == "not-permitted"
    assert await attempt(node, "DELETE", own, ann) == "not-permitted"
    of_mia = f"/api/v1/people/{mia.person}/vetting/level-1"
    for wrong in (
        {"checked_on": "2026-01-01", "expires": "2026-01-01"},
        {"checked_on": "0", "expires": "2099-01-01"},
        {"checked_on": "2026-02-30", "expires": "2099-01-01"},
        {"checked_on": "2026-01-01"},
    ):
        assert await attempt(node, "PUT", of_mia, ann, wrong) == "request-invalid"
    assert await attempt(node, "PUT", of_mia, ann, days) == "ok"
    assert await attempt(node, "DELETE", "/api/v1/vetting-levels/level-1", ann) == "ok"
    assert (await node.read(profile_path(node, "mia"), mia))["vetted"] == []
    assert len((await node.read("/api/v1/vetting-levels", mia))["levels"]) == 19
