"""Concerns: read by the lead and never by whom they are about, with each reading noted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from ledger.orders import Appoint, Close, Dismiss, Holder
from node.care.concerns import NOTES_MAX, OPEN_MAX
from node.care.readers import tell_new_readers
from node.care.retention import CONCERNS_KEPT_MS, forget_care
from node.erase import erase
from tests.care_circle import CONCERNS, name_lead, put, raise_about, told
from tests.circle_node import HOUR, CircleNode, circle_node
from tests.directory_circle import attempt


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """The coordinators ann and ben, the members lou, dee, mia and noa, and dot without a device."""
    async with circle_node(postgres_dsn, tmp_path / "circle") as live:
        await live.welcome("ben", office="coordinator")
        for handle in ("lou", "dee", "mia", "noa"):
            await live.welcome(handle)
        await live.open_deviceless("dot", "Dot Cotton")
        yield live


async def numbers(node: CircleNode, handle: str) -> list[int]:
    """The concerns that somebody is shown a list of."""
    listed = await node.read(CONCERNS, node[handle])
    return [each["number"] for each in listed["concerns"]]


async def readers(node: CircleNode, path: str) -> list[str]:
    """Who of the circle may open a concern, found out by trying."""
    people = [handle for handle in node.home.people if handle != "dot"]
    tried = {handle: await attempt(node, "GET", path, node[handle]) for handle in people}
    assert set(tried.values()) <= {"ok", "not-found"}
    return [handle for handle, outcome in tried.items() if outcome == "ok"]


async def live_together(node: CircleNode, one: str, other: str) -> None:
    """Let somebody hold another's account together with them."""
    joined = Holder(node[one].person, 1)
    account = node[other].account
    await node.do(node["ann"], joined, account=account, cosigners=(node[other],), text="they moved")


async def test_a_concern_goes_to_the_lead_alone(node: CircleNode) -> None:
    await name_lead(node, node["lou"], node["dee"])
    path, named = await raise_about(node, node["noa"], node["mia"], about="help/17", urgent=True)
    assert (named, await readers(node, path)) == ("lead", ["lou"])
    assert [len(await numbers(node, handle)) for handle in ("lou", "dee", "ann")] == [1, 0, 0]
    for handle in ("mia", "noa"):
        assert await node.refusal(CONCERNS, node[handle]) == "not-yours"
    opened = await node.read(path, node["lou"])
    assert (opened["text"], opened["about"]) == ("She had a bruise again.", "help/17")
    assert (opened["person"]["handle"], opened["reporter"]["handle"]) == ("mia", "noa")
    async with node.home.database() as database:
        assert await database.fetchval("SELECT never FROM notices WHERE kind = 'concern'") == [
            node["mia"].person
        ], "nor is she shown that somebody has to be called for it"
    [notice] = [each for each in await told(node, node["lou"]) if each[0] == "concern"]
    assert "mia" not in str(notice).lower()
    assert "bruise" not in str(notice)
    assert await told(node, node["mia"]) == []


@pytest.mark.parametrize(
    ("lead", "deputy", "subject", "role", "expected"),
    [
        ("lou", "dee", "lou", "deputy", ["dee"]),
        ("lou", None, "lou", "coordinators", ["ann", "ben"]),
        (None, "dee", "mia", "deputy", ["dee"]),
        (None, None, "mia", "coordinators", ["ann", "ben"]),
        (None, None, "ben", "coordinators", ["ann"]),
        ("ben", None, "ben", "coordinators", ["ann"]),
        ("lou", "dee", "ann", "lead", ["lou"]),
        ("lou", "ann", "lou", "deputy", ["ann"]),
    ],
)
async def test_a_concern_is_never_read_by_its_subject(
    node: CircleNode,
    lead: str | None,
    deputy: str | None,
    subject: str,
    role: str,
    expected: list[str],
) -> None:
    """And the reporter is told as what somebody reads it, and nobody's name."""
    named = [None if each is None else node[each] for each in (lead, deputy)]
    await name_lead(node, *named)
    path, shown = await raise_about(node, node["noa"], node[subject])
    assert (shown, await readers(node, path)) == (role, expected)


async def test_neither_is_it_read_by_who_shares_an_account_with_its_subject(
    node: CircleNode,
) -> None:
    """A household is as the ledger has it: all who hold an account together."""
    await name_lead(node, node["lou"], node["dee"])
    await live_together(node, "lou", "mia")
    await live_together(node, "ben", "noa")
    about_mia, shown = await raise_about(node, node["noa"], node["mia"])
    assert (shown, await readers(node, about_mia)) == ("deputy", ["dee"])
    await name_lead(node, node["lou"], None)
    about_noa, shown = await raise_about(node, node["mia"], node["noa"])
    assert (shown, await readers(node, about_noa)) == ("lead", ["lou"])
    await name_lead(node, None, None)
    about_noa, shown = await raise_about(node, node["mia"], node["noa"])
    assert (shown, await readers(node, about_noa)) == ("coordinators", ["ann"])


async def test_where_nobody_may_read_it_the_reporter_is_told_whom_to_turn_to(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with circle_node(postgres_dsn, tmp_path / "small") as node:
        mia = await node.welcome("mia")
        body = {"person": node["ann"].person, "text": "x"}
        status, problem = await node.request("POST", CONCERNS, mia, json=body)
        assert (status, problem["code"]) == (409, "no-safeguarder")
        assert "council" in problem["detail"]


async def test_the_number_of_a_concern_says_nothing_of_others(node: CircleNode) -> None:
    """A lead who is shown 1, 2 and 4 would know of whom the third is. Cursors tell nothing more."""
    await name_lead(node, node["lou"], node["dee"])
    paths = [(await raise_about(node, node["noa"], node["mia"]))[0] for _ in range(3)]
    hidden, _ = await raise_about(node, node["noa"], node["lou"])
    drawn = [int(path.rpartition("/")[2]) for path in (*paths, hidden)]
    steps = {later - earlier for earlier, later in pairwise(drawn)}
    assert steps != {1}
    listed = []
    cursor: str | None = None
    while True:
        query = {} if cursor is None else {"cursor": cursor}
        page = await node.read(CONCERNS, node["lou"], limit=1, **query)
        listed += [each["number"] for each in page["concerns"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(listed) == sorted(drawn[:3])
    nothing = await node.read(CONCERNS, node["lou"], cursor=drawn[3])
    assert nothing == {"concerns": [], "next": None}


async def test_who_read_a_concern_and_when_is_noted(node: CircleNode) -> None:
    await name_lead(node, node["lou"])
    path, _ = await raise_about(node, node["noa"], node["mia"])
    for handle in ("ann", "mia", "noa"):
        assert await node.refusal(path, node[handle]) == "not-found"
    first = node.clock.wall()
    await node.read(path, node["lou"])
    await node.read(CONCERNS, node["lou"])
    node.clock.pass_(HOUR)
    await name_lead(node, node["dee"])
    assert await node.refusal(path, node["dee"]) == "not-found"
    await put(node, "PUT", f"{path}/handed-on", node["lou"])
    read = (await node.read(path, node["dee"]))["readings"]
    assert [each["by"]["handle"] for each in read] == ["dee", "lou"]
    assert 0 <= read[0]["made"] - read[1]["made"] - HOUR <= 60_000
    assert 0 <= first - read[1]["made"] <= 60_000


async def test_notes_are_added_and_never_changed_and_it_is_closed_once(node: CircleNode) -> None:
    await name_lead(node, node["lou"])
    path, _ = await raise_about(node, node["noa"], node["mia"])
    lou = node["lou"]
    for text in ("Rang her sister.", "Visited.\nAll is well."):
        await put(node, "POST", f"{path}/notes", lou, text=text)
    assert await attempt(node, "POST", f"{path}/notes", node["ann"], {"text": "x"}) == "not-found"
    assert await attempt(node, "PUT", f"{path}/outcome", node["ann"], {"outcome": "x"}) == (
        "not-found"
    )
    await put(node, "PUT", f"{path}/outcome", lou, outcome="Passed to the council.")
    assert await attempt(node, "PUT", f"{path}/outcome", lou, {"outcome": "No."}) == "not-found"
    await put(node, "POST", f"{path}/notes", lou, text="The council rang back.")
    read = await node.read(path, lou)
    assert [note["text"] for note in read["notes"]] == [
        *("Rang her sister.", "Visited.\nAll is well.", "The council rang back."),
    ]
    assert {note["by"]["handle"] for note in read["notes"]} == {"lou"}
    assert (read["outcome"], read["closed_by"]["handle"]) == ("Passed to the council.", "lou")
    async with node.home.database() as database:
        await database.execute(f"SET ROLE {node.home.config.schema}_service")
        for table in ("concern_notes", "concern_readings"):
            for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET made = 0"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await database.execute(statement)


async def test_a_block_and_a_suspension_stop_no_concern(node: CircleNode) -> None:
    await name_lead(node, node["lou"])
    noa, mia, lou = node["noa"], node["mia"], node["lou"]
    for one, other in ((noa, mia), (mia, noa), (lou, noa), (noa, lou)):
        await put(node, "PUT", f"/api/v1/people/{one.person}/blocks/{other.person}", one)
    suspension = f"/api/v1/people/{noa.person}/suspension"
    await put(node, "PUT", suspension, node["ann"], reason="for now")
    path, shown = await raise_about(node, noa, mia)
    assert (shown, await readers(node, path)) == ("lead", ["lou"])


async def test_a_coordinator_writes_for_a_member_without_a_device_but_not_about_themselves(
    node: CircleNode,
) -> None:
    ann, ben, mia, dot = node["ann"], node["ben"], node["mia"], node["dot"]
    await live_together(node, "ben", "noa")
    for about in (ben, node["noa"]):
        body = {"person": about.person, "text": "x", "by": dot.person}
        assert await attempt(node, "POST", CONCERNS, ben, body) == "not-permitted"
    path, shown = await raise_about(node, ann, ben, by=dot.person)
    assert shown == "coordinators"
    read = await node.read(path, ann)
    assert (read["reporter"]["handle"], read["entered_by"]["handle"]) == ("dot", "ann")
    for by, of in ((mia, dot), (ann, mia)):
        body = {"person": ben.person, "text": "x", "by": of.person}
        assert await attempt(node, "POST", CONCERNS, by, body) == "not-permitted"
    assert (await node.read(f"/api/v1/people/{dot.person}/everything", ann))["concerns"] == []


HOSTILE: list[dict[str, Any]] = [
    {"text": ""},
    {"text": "   "},
    {"text": "x" * 2001},
    {"text": "a\0b"},
    {"text": "a\u202eb"},
    {"text": None},
    {"about": "help/0"},
    {"about": "people/1"},
    {"about": "help/17/../../1"},
    {"about": "help/9999999999999999"},
    {"urgent": "yes"},
    {"urgent": None},
    {"person": -1},
    {"person": "1"},
    {"person": 2**53},
    {"by": 2**63},
    {"readers": []},
]


async def test_what_is_no_concern_is_refused(node: CircleNode) -> None:
    noa = node["noa"]
    usual = {"person": node["mia"].person, "text": "x"}
    for wrong in HOSTILE:
        assert await attempt(node, "POST", CONCERNS, noa, usual | wrong) == "request-invalid", wrong
    nobody = usual | {"person": 999}
    assert await attempt(node, "POST", CONCERNS, noa, nobody) == "person-unknown"
    for path in (f"{CONCERNS}/1", f"{CONCERNS}/1000000", f"{CONCERNS}/x"):
        assert await node.refusal(path, node["ann"]) == "request-invalid"
    assert await node.refusal(f"{CONCERNS}/123456", node["ann"]) == "not-found"
    await node.do(node["ann"], Close(), account=noa.account)
    assert await attempt(node, "POST", CONCERNS, noa, usual) == "not-permitted"


async def test_concerns_and_notes_are_bounded(node: CircleNode) -> None:
    await name_lead(node, node["lou"])
    noa, mia, lou = node["noa"], node["mia"], node["lou"]
    path = ""
    for _ in range(OPEN_MAX):
        path, _ = await raise_about(node, noa, mia)
    body = {"person": mia.person, "text": "x"}
    assert await attempt(node, "POST", CONCERNS, noa, body) == "too-many"
    number = int(path.rpartition("/")[2])
    async with node.home.database() as database:
        await database.execute(
            """
            INSERT INTO concern_notes (concern, author, made, body)
            SELECT $1, $2, 0, 'x' FROM generate_series(1, $3)
            """,
            *(number, lou.person, NOTES_MAX),
        )
    assert await attempt(node, "POST", f"{path}/notes", lou, {"text": "x"}) == "too-many"
    await put(node, "PUT", f"{path}/outcome", lou, outcome="done")
    assert await attempt(node, "POST", CONCERNS, noa, body) == "ok"


async def test_what_two_do_at_one_instant_is_done_once(node: CircleNode) -> None:
    """The last that may be open is one, what is closed is closed once, and one is the lead."""
    await name_lead(node, node["lou"])
    ann, ben, noa, mia = node["ann"], node["ben"], node["noa"], node["mia"]
    body = {"person": mia.person, "text": "x"}
    sent = [attempt(node, "POST", CONCERNS, noa, body) for _ in range(OPEN_MAX + 5)]
    assert Counter(await asyncio.gather(*sent)) == {"ok": OPEN_MAX, "too-many": 5}
    for number in await numbers(node, "lou"):
        closing = (
            attempt(node, "PUT", f"{CONCERNS}/{number}/outcome", node["lou"], each)
            for each in ({"outcome": "one"}, {"outcome": "two"})
        )
        assert sorted(await asyncio.gather(*closing)) == ["not-found", "ok"]
    path = "/api/v1/safeguarding"
    for _ in range(20):
        naming = (
            attempt(node, "PUT", path, by, {"lead": lead})
            for by, lead in ((ann, mia.person), (ben, noa.person))
        )
        assert await asyncio.gather(*naming) == ["ok", "ok"]
    leads = []
    for member in (mia, noa):
        words = [words for *_, words in await told(node, member)]
        begun = sum(each.startswith("You are the safeguarding lead") for each in words)
        leads.append(begun - sum("any more" in each for each in words))
    assert sorted(leads) == [0, 1]


async def test_the_lead_and_the_deputy_are_named_by_coordinators_and_told(
    node: CircleNode,
) -> None:
    ann, lou, dee, noa = node["ann"], node["lou"], node["dee"], node["noa"]
    path = "/api/v1/safeguarding"
    assert await node.read(path, noa) == {"lead": None, "deputy": None}
    assert await attempt(node, "PUT", path, noa, {"lead": noa.person}) == "not-permitted"
    for wrong in ({"lead": lou.person, "deputy": lou.person}, {"lead": "lou"}, {"head": 1}):
        assert await attempt(node, "PUT", path, ann, wrong) == "request-invalid"
    assert await attempt(node, "PUT", path, ann, {"lead": 999}) == "person-unknown"
    named = await name_lead(node, lou, dee)
    assert (named["lead"]["handle"], named["deputy"]["handle"]) == ("lou", "dee")
    await name_lead(node, lou, dee)
    await name_lead(node, dee, lou)
    assert [words for *_, words in await told(node, lou)] == [
        "You are the safeguarding lead of the circle now. What members are worried about comes to"
        " you from now on.",
        "You are not the safeguarding lead of the circle any more. Concerns that you read already"
        " stay with you; tally officer concerns NUMBER --hand-on lets who comes after you read"
        " one.",
        "You are the deputy of the safeguarding lead of the circle now. What members are worried"
        " about comes to you from now on, when the lead must not see it.",
    ]
    assert len(await told(node, dee)) == 3
    await node.do(ann, Close(), account=noa.account)
    assert await attempt(node, "PUT", path, ann, {"lead": noa.person}) == "not-permitted"
    assert await node.refusal(path, noa) == "not-permitted"


async def test_a_lead_who_left_reads_nothing_more_and_the_deputy_does(node: CircleNode) -> None:
    """And whoever comes to read it is told of it, once."""
    await name_lead(node, node["lou"], node["dee"])
    path, _ = await raise_about(node, node["noa"], node["mia"], urgent=True)
    closed, _ = await raise_about(node, node["noa"], node["mia"])
    await put(node, "PUT", f"{closed}/outcome", node["lou"], outcome="Nothing.")
    await node.do(node["ann"], Close(), account=node["lou"].account)
    assert await readers(node, path) == ["dee"]
    assert await node.refusal(CONCERNS, node["lou"]) == "not-yours"
    for _ in range(2):
        await tell_new_readers(node.circle.pool, node.clock.wall())
    [words] = [words for kind, _, words in await told(node, node["dee"]) if kind == "concern"]
    assert words.startswith("Urgent: a safeguarding concern is waiting")
    await name_lead(node, None, None)
    assert await readers(node, path) == ["dee"]
    await node.do(node["ann"], Close(), account=node["dee"].account)
    assert await readers(node, path) == ["ann", "ben"]
    ann, ben = node["ann"], node["ben"]
    await node.do(ann, Dismiss(ben.person, "coordinator"), cosigners=(ben,), text="he moved away")
    node.forget_sessions()
    assert await readers(node, path) == ["ann"]


@pytest.mark.parametrize(("lead", "before"), [("lou", ["lou"]), (None, ["ann"]), ("ben", ["ann"])])
async def test_nobody_reads_what_was_raised_before_by_being_named(
    node: CircleNode, lead: str | None, before: list[str]
) -> None:
    """Else its subject, a coordinator, could name a friend, who would read it and by whom it is."""
    await name_lead(node, None if lead is None else node[lead])
    path, _ = await raise_about(node, node["noa"], node["ben"])
    closed, _ = await raise_about(node, node["noa"], node["ben"])
    await put(node, "PUT", f"{closed}/outcome", node[before[0]], outcome="Nothing.")
    await name_lead(node, node["mia"], node["dee"], by="ben")
    assert await readers(node, path) == await readers(node, closed) == before
    for handle in ("mia", "dee"):
        assert await numbers(node, handle) == []
    later, _ = await raise_about(node, node["noa"], node["ben"])
    assert await readers(node, later) == ["mia"]
    assert len(await numbers(node, before[0])) == 2, "and they go on reading what they read"


async def test_a_reader_hands_a_concern_on_to_who_looks_after_safeguarding_now(
    node: CircleNode,
) -> None:
    await name_lead(node, node["lou"])
    path, _ = await raise_about(node, node["noa"], node["mia"])
    await name_lead(node, node["dee"])
    for handle in ("dee", "ann", "mia", "noa"):
        assert await attempt(node, "PUT", f"{path}/handed-on", node[handle]) == "not-found"
    for _ in range(2):
        await put(node, "PUT", f"{path}/handed-on", node["lou"])
    assert await readers(node, path) == ["lou", "dee"]
    assert [kind for kind, *_ in await told(node, node["dee"])] == ["safeguarding", "concern"]
    await live_together(node, "dee", "mia")
    assert await readers(node, path) == ["lou"], "never anybody of the subject's household"


async def test_the_reporter_has_their_own_report_in_what_is_held_on_them_and_the_subject_nothing(
    node: CircleNode,
) -> None:
    await name_lead(node, node["lou"])
    path, _ = await raise_about(node, node["noa"], node["mia"], about="events/2")
    await put(node, "POST", f"{path}/notes", node["lou"], text="Rang the police.")
    await put(node, "PUT", f"{path}/outcome", node["lou"], outcome="Passed on to the police.")
    mine = f"/api/v1/people/{node['noa'].person}/everything"
    [held] = (await node.read(mine, node["noa"]))["concerns"]
    assert (held["person"], held["text"]) == (node["mia"].person, "She had a bruise again.")
    assert held["about"] == "events/2"
    assert "police" not in str(held)
    assert (await node.read(mine, node["ann"]))["concerns"] == []
    theirs = f"/api/v1/people/{node['mia'].person}/everything"
    for reader in ("mia", "lou", "ann"):
        if reader == "lou":
            assert await node.refusal(theirs, node["lou"]) == "not-yours"
            continue
        everything = await node.text(theirs, node[reader])
        assert "bruise" not in everything
        assert "police" not in everything
    async with node.home.database() as database:
        words = "SELECT string_agg(words, ' ') FROM notices"
        assert "bruise" not in await database.fetchval(words)


async def test_a_concern_outlives_the_erasing_of_those_it_names_without_their_names(
    node: CircleNode,
) -> None:
    """It stays hidden from whom its subject lived with, though they have parted."""
    await name_lead(node, node["lou"], node["dee"])
    await live_together(node, "mia", "lou")
    path, shown = await raise_about(node, node["noa"], node["mia"])
    assert (shown, await readers(node, path)) == ("deputy", ["dee"])
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    parted = Holder(mia.person, 0)
    await node.do(ann, parted, account=node["lou"].account, text="she moved out")
    assert await readers(node, path) == ["dee"]
    for member in (mia, noa):
        await node.do(ann, Close(), account=member.account)
        async with node.home.database() as database:
            await erase(database, member.person)
    read = await node.read(path, node["dee"])
    assert read["person"] == {"person": mia.person, "handle": None, "name": None}
    assert read["reporter"] == {"person": noa.person, "handle": None, "name": None}
    assert read["text"] == "She had a bruise again."
    assert await node.refusal(path, node["lou"]) == "not-found"


async def test_a_closed_concern_is_deleted_after_three_years_unless_it_is_pinned(
    node: CircleNode,
) -> None:
    lou = node["lou"]
    await name_lead(node, lou)
    paths = [(await raise_about(node, node["noa"], node["mia"]))[0] for _ in range(3)]
    closed, pinned, still_open = paths
    for path in (closed, pinned):
        await put(node, "POST", f"{path}/notes", lou, text="x")
        await put(node, "PUT", f"{path}/outcome", lou, outcome="done")
    await put(node, "PUT", f"{pinned}/pin", lou)
    assert await attempt(node, "PUT", f"{pinned}/pin", node["ann"]) == "not-found"
    later = node.clock.wall() + CONCERNS_KEPT_MS
    await forget_care(node.circle.pool, later - HOUR)
    node.forget_sessions()
    assert await readers(node, closed) == ["lou"]
    await forget_care(node.circle.pool, later + HOUR)
    node.forget_sessions()
    assert [await readers(node, path) for path in paths] == [[], ["lou"], ["lou"]]
    await put(node, "DELETE", f"{pinned}/pin", lou)
    await forget_care(node.circle.pool, later + HOUR)
    node.forget_sessions()
    assert await readers(node, pinned) == []
    assert await readers(node, still_open) == ["lou"]
    async with node.home.database() as database:
        assert await database.fetchval("SELECT count(*) FROM concern_notes") == 0


async def test_an_auditor_is_no_reader(node: CircleNode) -> None:
    await node.do(node["ann"], Appoint(node["noa"].person, "auditor"), text="noa can count")
    path, _ = await raise_about(node, node["mia"], node["dee"])
    assert await readers(node, path) == ["ann", "ben"]
