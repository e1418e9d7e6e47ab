"""Anybody does anything about help in any order, and afterwards everybody does as they are told.

Whatever is done, each request has somebody or something that goes on with it, nobody is to be in
two places, and no visit is paid twice; and once all did what the circle tells them, nothing is
open, nothing rings, and nothing stays set aside.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from ledger.orders import Act, Assign, Claim, Release, Settle
from node.people.standing import member_condition
from tests.circle_node import HOUR, Member
from tests.help_circle import go_round, help_circle
from tests.help_walk import EVENTS, LOOSE, Walk, account_holder, be_shown, begin, settle_noted

SEEDS = range(4)
STEPS = 110
DAY = 24 * HOUR
ENDED = ("over", "cancelled")

WRONG = {
    "a request that is over has visits to come": """
        SELECT help_requests.number FROM help_requests JOIN visits ON request = help_requests.number
        WHERE help_requests.status IN ('over', 'cancelled')
            AND visits.status IN ('open', 'held', 'booked')
    """,
    "a request that is filled has a place that nobody has, or nothing to come": """
        SELECT number FROM help_requests WHERE status = 'filled' AND (
            EXISTS (SELECT FROM visits WHERE request = help_requests.number AND status = 'open')
            OR NOT EXISTS (SELECT FROM visits WHERE request = help_requests.number
                AND status IN ('held', 'booked')))
    """,
    "nobody and nothing goes on with an open request": """
        SELECT number FROM help_requests WHERE status = 'open' AND (
            next_wave IS NULL AND desk_since IS NULL
            OR NOT EXISTS (SELECT FROM visits WHERE request = help_requests.number
                AND status = 'open'))
    """,
    "helpers are looked for with nothing set aside": """
        SELECT visits.number FROM visits JOIN help_requests ON request = help_requests.number
        WHERE help_requests.status = 'open' AND visits.status = 'open'
            AND NOT EXISTS (SELECT FROM holds WHERE index = hold)
    """,
    "a draft lacks nothing": """
        SELECT number FROM help_requests WHERE status = 'draft' AND NOT EXISTS (
            SELECT FROM visits WHERE request = help_requests.number
                AND status = 'open' AND hold IS NULL)
    """,
    "somebody is to be in two places": """
        SELECT one.number FROM visits AS one JOIN visits AS other USING (helper)
        WHERE one.number < other.number AND one.status IN ('held', 'booked')
            AND other.status IN ('held', 'booked') AND one.begins < other.begins + other.minutes
            AND other.begins < one.begins + one.minutes
    """,
    "an unanswered question is about a time that is over, or that nobody wants": """
        SELECT asks.request FROM asks JOIN help_requests ON number = request
        WHERE help_requests.status = 'open' AND answer IS NULL AND week <> (
            SELECT min(week) FROM visits
            WHERE visits.request = asks.request AND visits.status = 'open')
    """,
    "a visit is paid, and something is still set aside for it": """
        SELECT number FROM visits JOIN holds ON index = hold WHERE status = 'paid'
    """,
    "somebody without a device is told by none": """
        SELECT number FROM notices WHERE person = ANY($1::bigint[]) AND told IS NULL
            AND due IS NULL AND coalesce(expires > $2, true)
            AND coalesce(route NOT IN ('call', 'letter'), true)
    """,
}


IS_TOLD = f"""
    SELECT (NOT {member_condition("$2")} OR answer = 'left' OR (
            SELECT kind IN ('off', 'taken') FROM notices
            WHERE notices.about = it.about AND person = $2 ORDER BY notices.number DESC LIMIT 1
        )) AND (NOT {member_condition("asker")} OR $3 = 'cancelled' OR answer = 'declined'
        OR EXISTS (
            SELECT FROM notices
            WHERE notices.about = it.about AND person = asker AND kind IN ('left', 'over')
        ))
    FROM help_requests LEFT JOIN asks ON request = help_requests.number AND helper = $2
        CROSS JOIN LATERAL (SELECT 'help/' || help_requests.number AS about) AS it
    WHERE help_requests.number = $1
"""


async def check(walk: Walk) -> None:
    """What has to be so once the node has done what it does by itself."""
    await go_round(walk.node)
    await go_round(walk.node)
    await walk.node.circle.delivery.turn()
    phoning = [walk.node["dot"].person, walk.node["kit"].person]
    for what, statement in WRONG.items():
        more = (phoning, walk.node.clock.wall()) if "$1" in statement else ()
        rows = await walk.database.fetch(statement, *more)
        assert not rows, f"{what}: {[tuple(row) for row in rows]}{walk.told()}"
    await check_told(walk)


async def check_told(walk: Walk) -> None:
    """Whoever is not to come any more was told, or said so; and so was who expected them."""
    visits = {each["number"]: each for each in await walk.visits()}
    for number, helper in walk.agreed.items():
        visit = visits[number]
        if visit["status"] in ("open", "cancelled", "dropped") or visit["helper"] != helper:
            about = (visit["request"], helper, visit["status"])
            assert await walk.database.fetchval(IS_TOLD, *about), f"{about}{walk.told()}"
    walk.agreed = {
        number: each["helper"]
        for number, each in visits.items()
        if each["status"] in ("held", "booked") and each["helper"] is not None
    }


async def do_as_told(walk: Walk) -> None:
    """Everybody does what the circle tells them: askers, helpers, and who looks after the desk."""
    ann = walk.node["ann"]
    for handle in ("mia", "eve"):
        await do_as_asker(walk, walk.node[handle])
    for handle in ("bob", "eve"):
        await do_as_helper(walk, walk.node[handle])
    for call in (await walk.node.read("/api/v1/desk", ann))["calls"]:
        await do_as_coordinator(walk, call)


async def do_as_asker(walk: Walk, asker: Member) -> None:
    for view in (await walk.node.read("/api/v1/help", asker, limit=100))["requests"]:
        if view["status"] not in ENDED and view["account"] == asker.account:
            await walk.call("DELETE", f"help/{view['number']}", asker)
    await free(walk, asker)


async def free(walk: Walk, asker: Member) -> None:
    """As ``tally ask`` frees what is set aside for what does not come about."""
    for hold in await walk.database.fetch(LOOSE):
        visit = await walk.database.fetchrow("SELECT * FROM visits WHERE hold = $1", hold["index"])
        if hold["account"] != asker.account:
            continue
        is_past = walk.node.clock.wall() >= hold["until"]
        if visit is None or (
            visit["status"] in ("cancelled", "dropped", "missed")
            and (visit["status"] != "missed" or visit["confirmed"] or is_past)
            and (hold["payee"] is None or is_past)
        ):
            await walk.order(asker, Release(hold["index"]), asker.account)


async def do_as_helper(walk: Walk, helper: Member) -> None:
    """As ``tally asked`` does: give back what is not theirs, claim and collect what is."""
    for hold in await walk.database.fetch(LOOSE):
        visit = await walk.database.fetchrow("SELECT * FROM visits WHERE hold = $1", hold["index"])
        if visit is None or hold["payee"] != helper.account:
            continue
        if visit["helper"] != helper.person or visit["status"] in ("cancelled", "open", "dropped"):
            await walk.order(helper, Assign(hold["index"], ()), helper.account)
        elif visit["status"] == "done" and hold["claim_window"] is not None:
            price = min(visit["minutes"], hold["amount"])
            if hold["claimed"] is None:
                await walk.order(helper, Claim(hold["index"], price), helper.account)
            elif walk.node.clock.wall() >= hold["claimed_at"] + hold["claim_window"]:
                act = Settle(hold["index"], helper.account, hold["claimed"])
                await settle_noted(walk, hold, helper, act, helper.account)


async def do_as_coordinator(walk: Walk, call: dict[str, Any]) -> None:
    """What stands beside each call at the desk."""
    ann, number = walk.node["ann"], call["request"]
    person = walk.member(call["person"]["person"])
    assert person is not None
    visits = await walk.database.fetch("SELECT * FROM visits WHERE request = $1", number)
    match call["what"]:
        case "ask":
            await walk.call("PUT", f"help/{number}/no", ann, person=person.person)
        case "accept" | "promise":
            await walk.call("DELETE", f"help/{number}", ann)
        case "confirm":
            for visit in visits:
                if visit["status"] == "done" and visit["hold"] is not None:
                    await pay_by_desk(walk, visit)
        case "miss":
            for visit in visits:
                if visit["status"] == "missed":
                    await walk.call("PUT", f"visits/{visit['number']}/found", ann, failed=True)
        case "look":
            for visit in visits:
                await walk.call("PUT", f"visits/{visit['number']}/left", ann, rest=True)
        case "over":
            for visit in visits:
                if visit["status"] == "booked":
                    await walk.call("PUT", f"visits/{visit['number']}/done", ann, minutes=60)
        case "free" if person.handle == "dot":
            await free(walk, person)
        case "free":
            for visit in visits:
                hold = await walk.database.fetchrow(
                    "SELECT * FROM holds WHERE index = $1", visit["hold"]
                )
                if hold is not None and hold["payee"] == person.account:
                    await walk.order(ann, Assign(hold["index"], ()), hold["account"])


async def pay_by_desk(walk: Walk, visit: Any) -> None:
    hold = await walk.database.fetchrow("SELECT * FROM holds WHERE index = $1", visit["hold"])
    if hold is None:
        return
    payer = account_holder(walk, hold["account"])
    assert payer is not None
    act: Act = Settle(hold["index"], visit["account"], min(visit["minutes"], hold["amount"]))
    closed = "SELECT closed FROM accounts WHERE number = $1"
    if await walk.database.fetchval(closed, visit["account"]):
        act = Release(hold["index"])
    by = payer if walk.signer(payer) is not payer else walk.node["ann"]
    await settle_noted(walk, hold, by, act, hold["account"])


async def check_end(walk: Walk) -> None:
    """Nothing is open, nothing rings, nothing is set aside for ever, and nobody was paid twice."""
    left = [tuple(row) for row in await walk.database.fetch(LOOSE)]
    assert not left, f"set aside for ever: {left}{walk.told()}"
    open_now = [row["number"] for row in await walk.requests() if row["status"] not in ENDED]
    assert not open_now, f"{open_now} go on for ever{walk.told()}"
    desk = await walk.node.read("/api/v1/desk", walk.node["ann"])
    assert not desk["calls"], f"{desk['calls']}{walk.told()}"
    for visit in await walk.visits():
        if visit["status"] == "paid":
            assert len(walk.paid[visit["number"]]) == 1, walk.told()
    assert await walk.database.fetchval("SELECT sum(balance) FROM accounts") == 0


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_is_done_help_ends_and_is_paid_at_most_once(
    postgres_dsn: str, tmp_path: Path, seed: int
) -> None:
    chance = Random(seed)
    async with (
        help_circle(postgres_dsn, tmp_path / "circle", "bob", "eve") as node,
        node.home.database() as database,
    ):
        await begin(node, seed % 2)
        walk = Walk(node, database, chance)
        weights, events = zip(*EVENTS, strict=True)
        for _ in range(STEPS):
            [event] = chance.choices(events, weights)
            await event(walk)
            await check(walk)
        await database.execute("DELETE FROM suspensions")
        for _ in range(12):
            await do_as_told(walk)
            await be_shown(walk)
            node.later(4 * DAY)
            await check(walk)
        await check_end(walk)
