"""The desk: whom coordinators ring, what they note for others, and what is not theirs to judge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from asyncpg.connection import LoggedQuery

from ledger.orders import Assign, Release, Settle
from node.api.help_views import render_requests
from node.api.sessions import Session
from tests.circle_node import HOUR, CircleNode, Member
from tests.directory_circle import attempt, tell
from tests.help_at_terminals import help_circle as circle_at_terminals
from tests.help_at_terminals import written
from tests.help_circle import (
    agreed,
    ask,
    go_round,
    help_circle,
    help_with,
    notices,
    put,
    read,
)
from tests.terminal import Shown
from tests.waiting import wait_until

DAY = 24 * HOUR


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle in which mia asks, bob and eve help, and ann is the coordinator."""
    async with help_circle(postgres_dsn, tmp_path / "circle", "bob", "eve") as live:
        yield live


async def _share_an_account(node: CircleNode, one: Member, other: Member) -> None:
    async with node.home.database() as database:
        await database.execute(
            "INSERT INTO holders (account, person) VALUES ($1, $2)", one.account, other.person
        )


async def _calls(node: CircleNode) -> list[tuple[str, int, str]]:
    """Of what kind the calls are, about which request, and whom to ring."""
    calls = (await node.read("/api/v1/desk", node["ann"]))["calls"]
    return [(call["what"], call["request"], call["person"]["handle"]) for call in calls]


async def _duty_words(node: CircleNode) -> str:
    async with node.home.database() as database:
        words = await database.fetchval(
            "SELECT words FROM notices WHERE kind = 'duty' ORDER BY number DESC LIMIT 1"
        )
    return str(words)


@pytest.mark.parametrize("shared", [False, True])
async def test_coordinators_look_nobody_up_for_themselves_or_their_household(
    node: CircleNode, shared: bool
) -> None:
    """They would learn who blocked them, and how reliable their neighbours are."""
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    asker = mia if shared else ann
    asked = await ask(node, asker, hours=30)
    if shared:
        await _share_an_account(node, mia, ann)
    path = f"help/{asked['number']}"
    assert await node.refusal(f"/api/v1/{path}/ranking", ann) == "not-permitted"
    assert await node.refusal(f"/api/v1/{path}/ranking/{bob.person}", ann) == "not-permitted"
    assert await put(node, f"{path}/asks/{bob.person}", ann) == "not-permitted"
    assert await put(node, f"{path}/asks/{bob.person}/no-reply", ann) == "not-permitted"
    for answer in ("yes", "no"):
        body = {"person": bob.person}
        assert await put(node, f"{path}/{answer}", ann, body) == "not-permitted"
    async with node.home.database() as database:
        await database.execute("UPDATE help_requests SET desk_since = opened")
    [shown] = (await node.read("/api/v1/desk", ann))["requests"]
    assert shown["offers"] == [], "nor are they told of those who have not said yes"


async def test_coordinators_do_not_look_up_why_they_are_not_asked_themselves(
    node: CircleNode,
) -> None:
    ann = node["ann"]
    asked = await ask(node, node["mia"])
    path = f"/api/v1/help/{asked['number']}/ranking/{ann.person}"
    assert await node.refusal(path, ann) == "not-permitted"


@pytest.mark.parametrize("answer", ["yes", "no"])
async def test_what_is_said_for_a_helper_is_told_to_them_and_kept_with_who_said_it(
    node: CircleNode, answer: str
) -> None:
    ann, mia, bob, eve = node["ann"], node["mia"], node["bob"], node["eve"]
    asked = await ask(node, mia)
    path, body = f"help/{asked['number']}/{answer}", {"person": bob.person}
    assert await put(node, path, eve, body) == "not-permitted"
    assert await put(node, path, ann, body) == "ok"
    assert await put(node, path, ann, body) == "ok", "said again, nothing is told again"
    assert (await notices(node, bob)).count("answered") == 1
    own = (await read(node, bob, asked["number"]))["own"]
    assert (own["answer"], own["entered_by"]["handle"]) == (answer, "ann")
    seen = (await read(node, ann, asked["number"]))["offers"]
    entered = {each["helper"]["handle"]: each["entered_by"] for each in seen}
    assert entered["bob"]["handle"] == "ann"
    assert entered["eve"] is None
    for each in (await read(node, mia, asked["number"]))["offers"]:
        assert each["entered_by"] is None, "that is not for who asked"


async def test_who_answers_for_themselves_has_nobody_beside_them(node: CircleNode) -> None:
    mia, bob = node["mia"], node["bob"]
    asked = await ask(node, mia)
    assert await put(node, f"help/{asked['number']}/no", bob) == "ok"
    assert (await read(node, bob, asked["number"]))["own"]["entered_by"] is None
    assert await notices(node, bob) == ["ask"]


async def test_a_coordinator_says_which_of_the_two_was_not_there(node: CircleNode) -> None:
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    for by, body, words in (
        (ann, {"who": "asker"}, "nobody was in"),
        (ann, {"who": "helper"}, "the helper did not come"),
        (bob, {}, "nobody was in"),
        (mia, {}, "the helper did not come"),
    ):
        booked = await agreed(node, "bob")
        path = f"visits/{booked['visits'][0]['number']}/missed"
        node.later(2 * DAY + HOUR)
        assert await put(node, path, ann) == "request-invalid"
        assert await put(node, path, ann, {"who": "nobody"}) == "request-invalid"
        assert await put(node, path, by, body) == "ok"
        assert f": {words}." in await _duty_words(node)


@pytest.mark.parametrize("shared", [False, True])
async def test_coordinators_do_not_find_out_about_themselves(
    node: CircleNode, shared: bool
) -> None:
    ann, mia = node["ann"], node["mia"]
    if shared:
        booked = await agreed(node, "bob")
        await _share_an_account(node, mia, ann)
    else:
        await help_with(node, "ann")
        booked = await agreed(node, "ann")
    visit = booked["visits"][0]["number"]
    node.later(2 * DAY + HOUR)
    assert await put(node, f"visits/{visit}/missed", mia) == "ok"
    assert await put(node, f"visits/{visit}/found", ann, {"failed": False}) == "not-permitted"


async def test_what_was_said_missed_and_took_place_is_done_after_all(node: CircleNode) -> None:
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    booked = await agreed(node, "bob")
    visit = booked["visits"][0]["number"]
    node.later(2 * DAY + HOUR)
    assert await put(node, f"visits/{visit}/missed", mia) == "ok"
    found = {"failed": False, "happened": True}
    assert await put(node, f"visits/{visit}/found", ann, found) == "ok"
    assert await put(node, f"visits/{visit}/done", bob, {"minutes": 60}) == "ok"


@pytest.mark.parametrize("answer", ["no", "no-reply"])
async def test_who_did_not_come_into_it_is_asked_anew_by_hand(
    node: CircleNode, answer: str
) -> None:
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    asked = await ask(node, mia)
    path = f"help/{asked['number']}"
    said = f"{path}/no" if answer == "no" else f"{path}/asks/{bob.person}/no-reply"
    assert await put(node, said, bob if answer == "no" else ann) == "ok"
    before = await read(node, bob, asked["number"])
    assert before["own"]["answer"] == answer
    async with node.home.database() as database:
        await database.execute(
            "UPDATE notices SET told = made, due = NULL WHERE person = $1", bob.person
        )
    node.later(HOUR)
    assert await put(node, f"{path}/asks/{bob.person}", ann) == "ok"
    after = await read(node, bob, asked["number"])
    assert after["own"]["answer"] is None
    assert after["own"]["asked"] > before["own"]["asked"]
    assert await notices(node, bob) == ["ask", "ask"]
    assert await put(node, f"{path}/yes", bob) == "ok"


async def test_who_came_too_late_is_asked_anew_by_hand(node: CircleNode) -> None:
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    asked = await ask(node, mia)
    async with node.home.database() as database:
        await database.execute(
            "UPDATE asks SET answer = 'late', answered = asked WHERE helper = $1", bob.person
        )
    assert await put(node, f"help/{asked['number']}/asks/{bob.person}", ann) == "ok"
    assert (await read(node, bob, asked["number"]))["own"]["answer"] is None


async def test_nobody_is_asked_anew_over_a_block_nor_who_gave_it_back(node: CircleNode) -> None:
    ann, mia, bob, eve = node["ann"], node["mia"], node["bob"], node["eve"]
    booked = await agreed(node, "eve")
    await node.do(eve, Assign(booked["visits"][0]["hold"], ()))
    assert await put(node, f"visits/{booked['visits'][0]['number']}/left", eve) == "ok"
    path = f"help/{booked['number']}"
    assert await put(node, f"{path}/no", bob) == "ok"
    assert await put(node, f"people/{bob.person}/blocks/{mia.person}", bob) == "ok"
    for helper in (bob, eve):
        assert await put(node, f"{path}/asks/{helper.person}", ann) == "help-taken"
    assert (await read(node, bob, booked["number"]))["own"]["answer"] == "no"
    why = await node.read(f"/api/v1/{path}/ranking/{bob.person}", ann)
    assert why["why"] == ["They were asked already.", "They cannot be asked for this."]


async def test_who_is_rung_and_does_not_answer_passes_it_on_at_once(node: CircleNode) -> None:
    ann, mia = node["ann"], node["mia"]
    for handle in ("kit", "lou"):
        await node.welcome(handle)
        await help_with(node, handle)
    asked = await ask(node, mia, hours=24 * 10)
    path = f"help/{asked['number']}/asks"
    async with node.home.database() as database:
        first = await database.fetch("SELECT helper FROM asks")
        assert len(first) == 2
        for row in first:
            assert await put(node, f"{path}/{row['helper']}/no-reply", ann) == "ok"
        await go_round(node)
        count = await database.fetchval("SELECT count(*) FROM asks")
    assert count == 4, "the next ones are asked, though no time has passed"
    assert await put(node, f"{path}/{ann.person}/no-reply", ann) == "not-found"


async def test_who_phones_is_rung_about_a_helper_for_later_weeks_once(node: CircleNode) -> None:
    bob, eve = node["bob"], node["eve"]
    booked = await agreed(node, "bob", weeks=3)
    async with node.home.database() as database:
        await database.execute("UPDATE help_requests SET phones = true")
    for visit in booked["visits"][1:]:
        await node.do(bob, Assign(visit["hold"], ()))
    later = booked["visits"][1]["number"]
    assert await put(node, f"visits/{later}/left", bob, {"rest": True}) == "ok"
    node.later(HOUR)
    assert await _calls(node) == []
    now = node.clock.wall()
    assert await put(node, f"help/{booked['number']}/yes", eve) == "ok"
    assert await _calls(node) == [("accept", booked["number"], "mia")]
    [call] = (await node.read("/api/v1/desk", node["ann"]))["calls"]
    assert call["words"] == "May Eve come for Roses to cut?"
    assert call["since"] >= now, "since somebody said yes"


async def test_a_visit_of_which_nobody_says_anything_is_asked_about_after_a_day(
    node: CircleNode,
) -> None:
    bob = node["bob"]
    booked = await agreed(node, "bob")
    node.later(3 * DAY)
    assert await _calls(node) == [], "it was over 23 hours ago"
    node.later(2 * HOUR)
    assert await _calls(node) == [("over", booked["number"], "bob")]
    visit = booked["visits"][0]["number"]
    assert await put(node, f"visits/{visit}/done", bob, {"minutes": 60}) == "ok"
    assert await _calls(node) == []


async def test_who_leaves_without_handing_back_is_rung_at_once(node: CircleNode) -> None:
    """Nobody else could be accepted meanwhile."""
    bob, eve = node["bob"], node["eve"]
    booked = await agreed(node, "bob")
    [visit] = booked["visits"]
    assert await put(node, f"visits/{visit['number']}/left", bob) == "ok"
    assert await _calls(node) == [("free", booked["number"], "bob")]
    assert await put(node, f"help/{booked['number']}/yes", eve) == "ok"
    assert await _calls(node) == [("free", booked["number"], "bob")]
    await node.do(bob, Assign(visit["hold"], ()))
    assert await _calls(node) == []


async def test_what_is_off_and_still_set_aside_for_somebody_is_on_the_desk_after_a_day(
    node: CircleNode,
) -> None:
    mia, bob = node["mia"], node["bob"]
    booked = await agreed(node, "bob", weeks=2)
    assert await attempt(node, "DELETE", f"/api/v1/help/{booked['number']}", mia) == "ok"
    assert await _calls(node) == [], "they have a day to hand it back by themselves"
    node.later(DAY + HOUR)
    assert await _calls(node) == [("free", booked["number"], "bob")], "once for both weeks"
    for visit in booked["visits"]:
        await node.do(bob, Assign(visit["hold"], ()))
    assert await _calls(node) == []


async def test_what_was_missed_is_found_out_first_and_handed_back_then(node: CircleNode) -> None:
    ann, mia = node["ann"], node["mia"]
    booked = await agreed(node, "bob")
    [visit] = booked["visits"]
    node.later(2 * DAY + HOUR)
    assert await put(node, f"visits/{visit['number']}/missed", mia) == "ok"
    node.later(DAY + HOUR)
    assert await _calls(node) == [("miss", booked["number"], "bob")]
    assert await put(node, f"visits/{visit['number']}/found", ann, {"failed": True}) == "ok"
    assert await _calls(node) == [("free", booked["number"], "bob")]


async def test_who_is_rung_up_anyway_is_not_told_what_they_just_said(node: CircleNode) -> None:
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    await tell(node, bob, channel="call", contact="020 7946 0111")
    asked = await ask(node, mia)
    assert ("ask", asked["number"], "bob") in await _calls(node)
    body = {"person": bob.person}
    assert await put(node, f"help/{asked['number']}/yes", ann, body) == "ok"
    assert await notices(node, bob) == []
    assert (await read(node, bob, asked["number"]))["own"]["entered_by"]["handle"] == "ann"


async def test_who_cannot_come_is_not_told_afterwards_that_they_are_expected(
    node: CircleNode,
) -> None:
    """Nobody had rung them yet; for the weeks that they still come, they are rung."""
    bob = node["bob"]
    await tell(node, bob, channel="call", contact="020 7946 0111")
    booked = await agreed(node, "bob", weeks=2)
    first, second = booked["visits"]
    assert await put(node, f"visits/{first['number']}/left", bob) == "ok"
    assert "booked" in await notices(node, bob)
    assert await put(node, f"visits/{second['number']}/left", bob) == "ok"
    assert "booked" not in await notices(node, bob)


async def test_many_requests_take_as_many_questions_to_the_database_as_one(
    node: CircleNode,
) -> None:
    ann, mia = node["ann"], node["mia"]
    for hours in (48, 60, 72):
        await ask(node, mia, hours=hours)
    session = Session(ann.person, b"", b"", frozenset({"coordinator"}))
    counts = []
    async with node.home.database() as database:
        rows = await database.fetch("SELECT * FROM help_requests ORDER BY number")
        for some in (rows, rows[:1], rows):  # the first time it learns the types of columns
            asked: list[LoggedQuery] = []
            with database.query_logger(asked.append):
                shown = await render_requests(database, some, session, ())
            assert [each.number for each in shown] == [row["number"] for row in some]
            assert all(len(each.visits) == 1 and each.offers for each in shown)
            counts.append(len(asked))
    assert counts[1] == counts[2]


def test_at_a_terminal_the_desk_is_told_what_to_say_for_each_call(
    tmp_path: Path, capsys: Shown
) -> None:
    with circle_at_terminals(tmp_path) as circle:
        olive, ann, bob = (circle.person(who, capsys) for who in ("olive", "ann", "bob"))
        olive.tell("events", "zone", "Europe/London")
        bob.tell("helping", "--with", "garden", "--hours", "every day 0-24", "--weekly", "100h")

        def desk() -> str:
            return " ".join(olive.tell("desk").split())

        def book() -> str:
            when = written(circle.at(48))
            number = str(
                ann.json("ask", "Roses", "--with", "garden", "--at", when)["help"]["number"]
            )
            wait_until(lambda: number in bob.tell("asked") and "tally yes" in bob.tell("asked"))
            olive.tell("desk", "yes", number, "bob")
            ann.tell("yes", number)
            return number

        number = book()
        circle.pass_time(hours=74)
        assert f"(tally desk done {number}, or tally desk missed {number})" in desk()
        assert "Say who was not there" in olive.fail("desk", "missed", number)
        olive.tell("desk", "missed", number, "--nobody-in")
        assert "nobody was in" in " ".join(olive.tell("messages").split())
        olive.tell("desk", "found", number, "--happened")
        assert ann.tell("confirm", number).startswith("Bob is paid 1 hour")
        number = book()
        ann.tell("cancel", number, "--yes")
        circle.pass_time(hours=26)
        assert f"(tally desk cancel {number} bob)" in desk()
        assert "is handed back" in olive.tell("desk", "cancel", number, "bob")
        assert desk() == "Nothing waits at the desk."
        own = ("ask", "Hedge", "--with", "garden", "--at", written(circle.at(24)), "--most", "0:30")
        olive.tell(*own)
        wait_until(lambda: "Hedge" in desk())
        assert "another coordinator rings" in desk()


@pytest.mark.parametrize("deviceless", [True, False])
async def test_a_helper_whom_silence_does_not_pay_is_asked_after(
    node: CircleNode, deviceless: bool
) -> None:
    """Who has no device collects nothing; who has one may forget to."""
    bob = node["bob"]
    booked = await agreed(node, "bob")
    async with node.home.database() as database:
        flag = "UPDATE accounts SET deviceless = $1 WHERE number = $2"
        await database.execute(flag, deviceless, bob.account)
    node.later(2 * DAY + 2 * HOUR)
    path = f"visits/{booked['visits'][0]['number']}/done"
    assert await put(node, path, node["ann"], {"minutes": 60}) == "ok"
    node.later((3 if deviceless else 7) * DAY - HOUR)
    assert await _calls(node) == [], "they have their time first"
    node.later(2 * HOUR)
    assert await _calls(node) == [("confirm", booked["number"], "mia")]
    hold = booked["visits"][0]["hold"]
    await node.do(node["mia"], Settle(hold, bob.account, 60))
    assert await _calls(node) == []


async def test_what_is_set_aside_by_who_phones_for_what_does_not_come_about_is_on_the_desk(
    node: CircleNode,
) -> None:
    bob, mia = node["bob"], node["mia"]
    nobody = await ask(node, mia)
    booked = await agreed(node, "bob", hours=60)
    async with node.home.database() as database:
        await database.execute("UPDATE accounts SET deviceless = number = $1", mia.account)
    node.later(2 * DAY + 2 * HOUR)
    await go_round(node)
    assert ("free", nobody["number"], "mia") in await _calls(node)
    [dropped], [visit] = nobody["visits"], booked["visits"]
    await node.do(mia, Release(dropped["hold"]))
    assert await attempt(node, "DELETE", f"/api/v1/help/{booked['number']}", mia) == "ok"
    assert await _calls(node) == [], "whoever was to come gives it back first"
    await node.do(bob, Assign(visit["hold"], ()))
    assert await _calls(node) == [("free", booked["number"], "mia")]
    await node.do(mia, Release(visit["hold"]))
    assert await _calls(node) == []
