"""How help ends when not all goes well: too late, not at all, taken back, or by silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from ledger.orders import Assign, Claim, Holder, Release, Settle
from node.help.afterwards import confirm_miss
from node.help.request import DAILY_MAX
from tests.circle_node import HOUR, CircleNode, Member
from tests.directory_circle import attempt
from tests.help_circle import (
    SILENCE_MS,
    accept,
    agreed,
    ask,
    draft,
    go_round,
    help_circle,
    help_with,
    item,
    notices,
    put,
    read,
    set_aside,
)

DAY = 24 * HOUR


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle in which mia asks, and bob helps."""
    async with help_circle(postgres_dsn, tmp_path / "circle", "bob") as live:
        yield live


async def tell_all(node: CircleNode) -> None:
    """As if everybody's device had been shown all that there is to tell."""
    async with node.home.database() as database:
        await database.execute(
            "UPDATE notices SET told = $1, due = NULL WHERE told IS NULL", node.clock.wall()
        )


async def test_silence_pays_for_the_visit_that_is_done_and_for_no_other(node: CircleNode) -> None:
    bob = node["bob"]
    seen = await agreed(node, weeks=2)
    first, second = seen["visits"]
    node.later(2 * DAY + 2 * HOUR)
    assert await put(node, f"visits/{first['number']}/done", bob, {"minutes": 60}) == "ok"
    await tell_all(node)
    for visit in (first, second):
        await node.do(bob, Claim(visit["hold"], 60))
    node.later(SILENCE_MS + HOUR)
    assert await node.attempt(bob, Settle(second["hold"], bob.account, 60)) == "asker-untold"
    await node.do(bob, Settle(first["hold"], bob.account, 60))


async def test_silence_pays_what_was_claimed_after_it_was_said_and_no_more(
    node: CircleNode,
) -> None:
    bob = node["bob"]
    [visit] = (await agreed(node))["visits"]
    await node.do(bob, Claim(visit["hold"], 90))
    node.later(2 * DAY + 2 * HOUR)
    assert await put(node, f"visits/{visit['number']}/done", bob, {"minutes": 90}) == "ok"
    await tell_all(node)
    node.later(SILENCE_MS + HOUR)
    assert await node.attempt(bob, Settle(visit["hold"], bob.account, 90)) == "asker-untold"
    [other] = (await agreed(node))["visits"]
    node.later(2 * DAY + 2 * HOUR)
    assert await put(node, f"visits/{other['number']}/done", bob, {"minutes": 60}) == "ok"
    await tell_all(node)
    await node.do(bob, Claim(other["hold"], 90))
    node.later(SILENCE_MS + HOUR)
    settle = Settle(other["hold"], bob.account, 90)
    assert await node.attempt(bob, settle) == "asker-untold", "they were told of 60 minutes"


async def test_silence_pays_nobody_who_was_not_there(node: CircleNode) -> None:
    mia, bob = node["mia"], node["bob"]
    [visit] = (await agreed(node))["visits"]
    node.later(2 * DAY + 2 * HOUR)
    assert await put(node, f"visits/{visit['number']}/done", bob, {"minutes": 60}) == "ok"
    await node.do(bob, Claim(visit["hold"], 60))
    await tell_all(node)
    missed = f"visits/{visit['number']}/missed"
    assert await put(node, missed, mia, {"who": "helper"}) == "ok"
    node.later(SILENCE_MS + HOUR)
    assert await node.attempt(bob, Settle(visit["hold"], bob.account, 60)) == "asker-untold"


async def test_what_has_begun_is_not_cancelled_by_either(node: CircleNode) -> None:
    """The one would not be paid, the other would not have come."""
    mia, bob = node["mia"], node["bob"]
    seen = await agreed(node)
    [visit] = seen["visits"]
    node.later(2 * DAY + 2 * HOUR)
    assert await attempt(node, "DELETE", f"/api/v1/help/{seen['number']}", mia) == "help-over"
    assert await put(node, f"visits/{visit['number']}/left", bob) == "help-over"
    assert await put(node, f"visits/{visit['number']}/done", bob, {"minutes": 60}) == "ok"


async def test_who_agreed_is_told_at_once_and_who_was_only_asked_when_it_suits_them(
    node: CircleNode,
) -> None:
    """So an early visit that is off is not told when it is too late."""
    mia, bob, eve = node["mia"], node["bob"], await node.welcome("eve")
    await help_with(node, "eve")
    asked = await ask(node, mia, helpers=2)
    assert await put(node, f"help/{asked['number']}/yes", bob) == "ok"
    assert await accept(node, mia, asked["number"], bob) == "ok"
    assert await attempt(node, "DELETE", f"/api/v1/help/{asked['number']}", mia) == "ok"
    async with node.home.database() as database:
        starts = await database.fetchval("SELECT min(starts) FROM visits")
        for member, kinds in ((bob, ["booked", "off"]), (eve, ["off"])):
            rows = await database.fetch(
                "SELECT kind, urgent, begins FROM notices WHERE person = $1 AND kind = ANY($2)"
                " ORDER BY number",
                *(member.person, kinds),
            )
            expected = (True, starts) if member is bob else (False, None)
            assert [tuple(row) for row in rows] == [(kind, *expected) for kind in kinds]


async def test_of_a_series_the_rest_is_cancelled_and_what_has_begun_goes_on(
    node: CircleNode,
) -> None:
    mia, bob = node["mia"], node["bob"]
    seen = await agreed(node, weeks=3)
    node.later(2 * DAY + 2 * HOUR)
    assert await attempt(node, "DELETE", f"/api/v1/help/{seen['number']}", mia) == "ok"
    states = [each["status"] for each in (await read(node, mia, seen["number"]))["visits"]]
    assert states == ["booked", "cancelled", "cancelled"]
    done = f"visits/{seen['visits'][0]['number']}/done"
    assert await put(node, done, bob, {"minutes": 60}) == "ok"


async def test_where_it_is_stays_unknown_to_who_was_not_accepted_or_is_blocked(
    node: CircleNode,
) -> None:
    mia, bob = node["mia"], node["bob"]
    asked = await ask(node, mia)
    assert await put(node, f"help/{asked['number']}/yes", bob) == "ok"
    assert await attempt(node, "DELETE", f"/api/v1/help/{asked['number']}", mia) == "ok"
    assert (await read(node, bob, asked["number"]))["address"] is None
    seen = await agreed(node)
    assert (await read(node, bob, seen["number"]))["address"] == "12 Elm Road"
    assert await put(node, f"people/{mia.person}/blocks/{bob.person}", mia) == "ok"
    told = await read(node, bob, seen["number"])
    assert (told["address"], told["private"], told["reach"]) == (None, None, None)


async def test_a_helper_is_paid_on_an_account_of_their_own_and_never_on_the_askers(
    node: CircleNode,
) -> None:
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    await node.do(ann, Holder(bob.person, 1), account=mia.account, cosigners=(mia,))
    asked = await ask(node, mia)
    assert await put(node, f"help/{asked['number']}/yes", bob) == "ok"
    [visit] = (await read(node, mia, asked["number"]))["visits"]
    assert visit["account"] == bob.account
    assert await accept(node, mia, asked["number"], bob) == "ok"


@pytest.mark.parametrize("when", ["before the yes", "before it is accepted"])
@pytest.mark.parametrize("who", ["bob", "mia"])
async def test_who_is_suspended_after_the_question_is_not_brought_together_with_anybody(
    node: CircleNode, when: str, who: str
) -> None:
    mia, bob = node["mia"], node["bob"]
    asked = await ask(node, mia)
    suspend = f"people/{node[who].person}/suspension"
    if when == "before the yes":
        assert await put(node, suspend, node["ann"], {"reason": "We look into it."}) == "ok"
        assert await put(node, f"help/{asked['number']}/yes", bob) == "help-taken"
        return
    assert await put(node, f"help/{asked['number']}/yes", bob) == "ok"
    assert await put(node, suspend, node["ann"], {"reason": "We look into it."}) == "ok"
    assert await accept(node, mia, asked["number"], bob) == "help-taken"
    assert (await read(node, bob, asked["number"]))["address"] is None


async def test_a_suspended_askers_request_waits_at_the_desk(node: CircleNode) -> None:
    ann, mia, bob = node["ann"], node["mia"], node["bob"]
    suspend = f"people/{mia.person}/suspension"
    assert await put(node, suspend, ann, {"reason": "We look into it."}) == "ok"
    asked = await ask(node, mia)
    assert await notices(node, bob) == []
    desk = await node.read("/api/v1/desk", ann)
    assert [each["number"] for each in desk["requests"]] == [asked["number"]]


async def test_a_series_whose_first_week_nobody_came_to_goes_on_with_the_next(
    node: CircleNode,
) -> None:
    mia, bob = node["mia"], node["bob"]
    await help_with(node, "bob", skills=["food"])
    other = await ask(node, mia)
    asked = await ask(node, mia, weeks=2)
    node.later(3 * DAY)
    await help_with(node, "bob")
    await go_round(node)
    assert (await read(node, mia, other["number"]))["status"] == "over"
    seen = await read(node, mia, asked["number"])
    assert [each["status"] for each in seen["visits"]] == ["dropped", "open"]
    assert seen["status"] == "open"
    await go_round(node)
    assert await put(node, f"help/{asked['number']}/yes", bob) == "ok"
    assert await accept(node, mia, asked["number"], bob) == "ok"


async def test_a_yes_that_nobody_accepts_in_time_is_over_and_both_are_told(
    node: CircleNode,
) -> None:
    mia, bob = node["mia"], node["bob"]
    asked = await ask(node, mia)
    assert await put(node, f"help/{asked['number']}/yes", bob) == "ok"
    node.later(3 * DAY)
    await go_round(node)
    seen = await read(node, mia, asked["number"])
    assert (seen["status"], seen["visits"][0]["status"]) == ("over", "dropped")
    assert (await notices(node, mia))[-1] == "over"
    assert (await notices(node, bob))[-1] == "off"
    await node.do(mia, Release(seen["visits"][0]["hold"]))


async def test_nobody_is_asked_for_what_is_set_aside_no_longer(node: CircleNode) -> None:
    """Until it is so again: then it goes on where it was."""
    mia, bob = node["mia"], node["bob"]
    asked = await ask(node, mia)
    [visit] = asked["visits"]
    await node.do(mia, Release(visit["hold"]))
    await go_round(node)
    assert (await read(node, mia, asked["number"]))["status"] == "draft"
    assert (await notices(node, mia)) == ["unpromised"]
    assert await put(node, f"help/{asked['number']}/yes", bob) == "help-over"
    holds = await set_aside(node, mia, asked)
    assert await put(node, f"help/{asked['number']}/promise", mia, {"holds": holds}) == "ok"
    assert await put(node, f"help/{asked['number']}/yes", bob) == "ok"


async def test_whoever_was_accepted_is_cancelled_and_not_declined(node: CircleNode) -> None:
    mia, bob = node["mia"], node["bob"]
    seen = await agreed(node)
    path = f"help/{seen['number']}/declined"
    assert await put(node, path, mia, {"helper": bob.person}) == "help-taken"
    assert (await notices(node, bob))[-1] == "booked"
    other = await ask(node, mia, hours=60)
    assert await put(node, f"help/{other['number']}/yes", bob) == "ok"
    path = f"help/{other['number']}/declined"
    assert await put(node, path, mia, {"helper": bob.person}) == "ok"
    assert (await notices(node, bob))[-1] == "taken"
    assert (await read(node, mia, other["number"]))["visits"][0]["status"] == "open"


async def test_what_was_missed_by_mistake_can_be_done_after_all(node: CircleNode) -> None:
    mia, bob = node["mia"], node["bob"]
    [visit] = (await agreed(node))["visits"]
    node.later(2 * DAY + 2 * HOUR)
    assert await put(node, f"visits/{visit['number']}/missed", mia, {"who": "helper"}) == "ok"
    async with node.home.database() as database, database.transaction():
        await confirm_miss(database, visit["number"], failed=False, happened=True)
    assert await put(node, f"visits/{visit['number']}/done", bob, {"minutes": 60}) == "ok"
    node.later(4 * DAY)
    missed = f"visits/{visit['number']}/missed"
    assert await put(node, missed, mia, {"who": "helper"}) == "help-over", "days later it is late"


async def test_thanks_are_told_once_and_not_through_a_block(node: CircleNode) -> None:
    mia, bob = node["mia"], node["bob"]
    [visit] = (await agreed(node))["visits"]
    node.later(2 * DAY + 2 * HOUR)
    assert await put(node, f"visits/{visit['number']}/done", bob, {"minutes": 60}) == "ok"
    path = f"visits/{visit['number']}/thanks"
    for words in ("Thank you.", "Thank you very much."):
        assert await put(node, path, mia, {"words": words}) == "ok"
    assert (await notices(node, bob)).count("thanks") == 1
    assert await put(node, f"people/{bob.person}/blocks/{mia.person}", bob) == "ok"
    assert await put(node, path, mia, {"words": "And another thing."}) == "help-over"


async def test_one_promise_is_for_one_of_two_drafts_named_at_once(node: CircleNode) -> None:
    mia = node["mia"]
    for _ in range(5):
        first, second = await draft(node, mia), await draft(node, mia)
        [hold] = await set_aside(node, mia, first)
        paths = [f"help/{each['number']}/promise" for each in (first, second)]
        results = await asyncio.gather(*(put(node, path, mia, {"holds": [hold]}) for path in paths))
        assert sorted(results) == ["ok", "request-invalid"]


async def test_somebody_asks_so_often_a_day_and_no_more(node: CircleNode) -> None:
    mia = node["mia"]
    for _ in range(DAILY_MAX):
        made = await draft(node, mia)
        assert await attempt(node, "DELETE", f"/api/v1/help/{made['number']}", mia) == "ok"
    assert await attempt(node, "POST", "/api/v1/help", mia, item(node)) == "too-many"


async def test_a_promise_that_is_handed_back_late_is_given_to_the_next(node: CircleNode) -> None:
    mia, bob = node["mia"], node["bob"]
    eve: Member = await node.welcome("eve")
    await help_with(node, "eve")
    seen = await agreed(node)
    [visit] = seen["visits"]
    assert await put(node, f"visits/{visit['number']}/left", bob) == "ok"
    await go_round(node)
    assert await put(node, f"help/{seen['number']}/yes", eve) == "ok"
    assert await node.attempt(mia, Assign(visit["hold"], (eve.account,))) == "hold-locked"
    await node.do(bob, Assign(visit["hold"], ()))
    assert await accept(node, mia, seen["number"], eve) == "ok"


async def test_who_was_asked_for_a_week_that_is_over_may_come_in_the_next(
    node: CircleNode,
) -> None:
    """The asker may pick them then, too, and what they are shown is when they would come."""
    mia, bob = node["mia"], node["bob"]
    for picks in (False, True):
        asked = await ask(node, mia, weeks=2, picks=picks)
        number = asked["number"]
        if picks:
            assert await put(node, f"help/{number}/yes", bob) == "ok"
        node.later(3 * DAY)
        await go_round(node)
        seen = await read(node, bob, number)
        [last] = asked["windows"]
        begins = datetime.fromisoformat(last["begins"]) + timedelta(days=7)
        assert seen["own"]["begins"] == begins.isoformat(timespec="minutes")
        said = f"help/{number}/{'picked' if picks else 'yes'}"
        by, body = (mia, {"helper": bob.person}) if picks else (bob, {})
        assert await put(node, said, by, body) == "ok"
        assert await accept(node, mia, number, bob) == "ok"
        states = [each["status"] for each in (await read(node, mia, number))["visits"]]
        assert states == ["dropped", "booked"]
        node.later(14 * DAY)


@pytest.mark.parametrize("minutes", [75, 60])
async def test_whoever_mends_how_long_it_took_is_still_paid_by_silence(
    node: CircleNode, minutes: int
) -> None:
    """What was claimed is claimed once, and the asker has three days from the last word on."""
    bob = node["bob"]
    [visit] = (await agreed(node))["visits"]
    node.later(2 * DAY + 2 * HOUR)
    path = f"visits/{visit['number']}/done"
    assert await put(node, path, bob, {"minutes": 60}) == "ok"
    await node.do(bob, Claim(visit["hold"], 60))
    node.later(DAY)
    assert await put(node, path, bob, {"minutes": 75}) == "ok"
    assert await put(node, path, bob, {"minutes": minutes}) == "ok"
    await tell_all(node)
    node.later(2 * DAY + 2 * HOUR)
    settle = Settle(visit["hold"], bob.account, 60)
    assert await node.attempt(bob, settle) == "asker-untold"
    node.later(DAY)
    await node.do(bob, settle)


async def test_somebody_can_be_accepted_while_another_place_lacks_its_promise(
    node: CircleNode,
) -> None:
    mia, bob = node["mia"], node["bob"]
    asked = await ask(node, mia, helpers=2)
    assert await put(node, f"help/{asked['number']}/yes", bob) == "ok"
    lacking = next(
        each for each in (await read(node, mia, asked["number"]))["visits"] if not each["helper"]
    )
    await node.do(mia, Release(lacking["hold"]))
    await go_round(node)
    assert (await read(node, mia, asked["number"]))["status"] == "draft"
    assert await accept(node, mia, asked["number"], bob) == "ok"


async def test_what_happened_after_all_goes_on_though_the_rest_was_cancelled(
    node: CircleNode,
) -> None:
    mia, bob = node["mia"], node["bob"]
    seen = await agreed(node, weeks=2)
    node.later(2 * DAY + 2 * HOUR)
    first = f"visits/{seen['visits'][0]['number']}"
    assert await put(node, f"{first}/missed", mia, {"who": "helper"}) == "ok"
    assert await attempt(node, "DELETE", f"/api/v1/help/{seen['number']}", mia) == "ok"
    found = {"failed": False, "happened": True}
    assert await put(node, f"{first}/found", node["ann"], found) == "ok"
    assert (await read(node, mia, seen["number"]))["status"] == "filled"
    assert await put(node, f"{first}/done", bob, {"minutes": 60}) == "ok"
    assert (await read(node, mia, seen["number"]))["status"] == "over"


@pytest.mark.parametrize("who", ["mia", "ann", "bob"])
async def test_a_helper_is_told_when_others_say_that_it_took_another_time(
    node: CircleNode, who: str
) -> None:
    """They are paid by it."""
    bob = node["bob"]
    [visit] = (await agreed(node))["visits"]
    node.later(2 * DAY + 2 * HOUR)
    path = f"visits/{visit['number']}/done"
    assert await put(node, path, bob, {"minutes": 60}) == "ok"
    assert await put(node, path, node[who], {"minutes": 45}) == "ok"
    assert (await notices(node, bob)).count("done") == (who != "bob")
