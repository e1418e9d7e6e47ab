"""Requests for help that pass to a neighbouring circle, and what comes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.orders import Close, Release
from node.erase import erase
from node.referrals.held import forget_referrals
from tests.circle_node import CircleNode, Member
from tests.directory_circle import HERE, attempt, tell
from tests.help_circle import help_with, notices, put, read, written
from tests.line_of_circles import at_rest, balance, pay_by, quote
from tests.neighbouring_help import HOUR, Neighbours, neighbours
from tests.waiting import until

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
async def both(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Neighbours]:
    async with neighbours(postgres_dsn, tmp_path) as both:
        yield both


async def book(both: Neighbours, hours: int = 48) -> tuple[int, int]:
    """Mia asks, and takes olga of Truro; the request's number in Exeter, and in Truro."""
    asked = await both.ask(hours=hours, helpers=1)
    [seen] = await both.asked("olga")
    await both.offer("olga", seen["number"])
    assert await decide(both, asked["number"], "accepted") == "ok"
    return asked["number"], seen["number"]


async def decide(both: Neighbours, number: int, word: str, place: int = 0) -> str:
    """Mia accepts or declines one of those whom Truro offers, and both circles hear of it."""
    offer = (await both.seen(number))["neighbours"][place]["offer"]
    told = await put(both.exeter, f"help/{number}/neighbours/{offer}/{word}", both.mia)
    await both.go_round()
    return told


async def visit_of(node: CircleNode, member: Member, number: int) -> dict[str, Any]:
    """The first visit of a request, as somebody sees it."""
    visit: dict[str, Any] = (await read(node, member, number))["visits"][0]
    return visit


async def test_somebody_of_a_neighbour_comes_and_is_paid_once(both: Neighbours) -> None:
    """From asking to being paid; names and addresses pass on acceptance, and not before."""
    exeter, truro, mia, olga = both.exeter, both.truro, both.mia, both.truro["olga"]
    asked = await both.ask(hours=48, area="St Thomas")
    number = asked["number"]
    assert asked["referred"] == ["truro"]
    [seen] = await both.asked("olga")
    assert (seen["title"], seen["area"]) == ("Garden for somebody of exeter", "St Thomas")
    assert (seen["asker"], seen["address"], seen["account"]) == (None, None, None)
    assert seen["asks_for"] == {
        "circle": "exeter",
        "address": "exeter.example",
        "handle": None,
        "name": None,
    }
    assert "Roses" not in str(seen)
    await both.offer("olga", seen["number"])
    waits = await both.seen(number)
    [offer] = waits["neighbours"]
    assert (offer["circle"], offer["name"], offer["hour"]) == ("truro", None, HOUR)
    assert (waits["status"], waits["visits"][0]["status"]) == ("filled", "held")
    assert (await read(truro, olga, seen["number"]))["address"] is None
    assert await decide(both, number, "accepted") == "ok"
    [known] = (await both.seen(number))["neighbours"]
    assert (known["name"], known["reach"]) == ("Olga", "olga@truro.example")
    comes = await read(truro, olga, seen["number"])
    assert (comes["address"], comes["reach"]) == ("12 Elm Road", "01392 496 0018")
    assert comes["asks_for"]["handle"] == "mia"
    both.pass_time(50 * HOUR_MS)
    done = comes["visits"][0]["number"]
    assert await put(truro, f"visits/{done}/done", olga, {"minutes": 90}) == "ok"
    await both.go_round()
    visit = await visit_of(exeter, mia, number)
    assert (visit["status"], visit["minutes"], visit["helper"]) == ("done", 90, None)
    await pay(both, visit, HOUR * 90 // 60)
    assert await put(exeter, f"visits/{visit['number']}/thanks", mia, {"words": "Lovely"}) == "ok"
    await both.go_round()
    assert (await visit_of(exeter, mia, number))["status"] == "paid"
    theirs = await visit_of(truro, olga, seen["number"])
    assert (theirs["status"], theirs["thanks"]) == ("paid", "Lovely")
    assert (await balance(truro, olga), await balance(exeter, mia)) == (650, 350)
    assert await notices(exeter, mia) == ["booked", "done"]
    assert await notices(truro, olga) == ["ask", "booked", "thanks"]


async def pay(both: Neighbours, visit: dict[str, Any], arrive: int) -> None:
    """Mia frees what is set aside, pays olga as any payment, and says by which one."""
    exeter, mia = both.exeter, both.mia
    await exeter.do(mia, Release(visit["hold"]))
    _, quoted = await quote(exeter, "truro.example", arrive)
    payment = await pay_by(exeter, quoted, "olga")
    path = f"visits/{visit['number']}/payment"
    assert await put(exeter, path, mia, {"payment": payment.hex()}) == "ok"
    assert await put(exeter, path, mia, {"payment": payment.hex()}) == "ok"
    other = {"payment": bytes(32).hex()}
    assert await put(exeter, path, mia, other) == "request-invalid"
    nodes = [exeter, both.truro]
    await until(lambda: at_rest(nodes))


async def test_it_passes_only_if_asker_and_both_circles_allow_it(both: Neighbours) -> None:
    exeter, mia = both.exeter, both.mia
    made = await both.ask(hours=48, wider=False)
    assert made["referred"] == []
    assert await both.allow(exeter, refer=False) == "ok"
    path = f"help/{made['number']}/wider"
    assert await put(exeter, path, mia, {"wider": True}) == "ok"
    await both.go_round()
    assert (await both.seen(made["number"]))["referred"] == []
    assert await both.allow(exeter) == "ok"
    assert await both.allow(both.truro, take=False) == "ok"
    await both.go_round()
    assert (await both.seen(made["number"]))["referred"] == []
    assert await both.asked("olga") == []
    assert await put(exeter, path, exeter["ann"], {"wider": True}) == "not-found"
    denied = f"referral-terms/{both.truro.home.founded.circle.hex()}"
    assert await put(exeter, denied, mia, {"refer": True, "take": True}) == "not-permitted"
    unknown = f"referral-terms/{bytes(32).hex()}"
    assert await put(exeter, unknown, exeter["ann"], {"refer": True, "take": True}) == "not-found"


async def test_what_repeats_weekly_is_asked_of_neighbours_week_by_week(both: Neighbours) -> None:
    """Each week may be somebody else's; one that is free again is asked for before later ones."""
    number = (await both.ask(weeks=3))["number"]
    people = {"olga": both.truro["olga"], "pete": both.truro["pete"]}
    begins = []
    for week, handle in enumerate(("olga", "pete", "olga")):
        newest = (await both.asked(handle))[0]
        assert len(await both.asked("pete")) == week + 1, "one week after the other"
        begins.append(datetime.fromisoformat(newest["own"]["begins"]))
        await both.offer(handle, newest["number"])
        waits = await both.seen(number)
        [offer] = [each for each in waits["neighbours"] if each["name"] is None]
        assert offer["begins"] == newest["own"]["begins"]
        place = waits["neighbours"].index(offer)
        assert await decide(both, number, "accepted", place) == "ok"
    assert [each - begins[0] for each in begins] == [timedelta(days=7 * week) for week in range(3)]
    seen = await both.seen(number)
    assert (seen["status"], {each["status"] for each in seen["visits"]}) == ("filled", {"booked"})
    theirs = [each for each in await both.asked("olga") if each["visits"]]
    [first] = [each for each in theirs if each["visits"][0]["begins"] == written(begins[0])]
    path = f"visits/{first['visits'][0]['number']}/left"
    assert await put(both.truro, path, people["olga"]) == "ok"
    await both.go_round()
    states = [each["status"] for each in (await both.seen(number))["visits"]]
    assert states == ["open", "booked", "booked"]
    await both.go_round()
    assert await put(both.truro, f"help/{first['number']}/yes", people["pete"]) == "ok"
    await both.go_round()
    states = [each["status"] for each in (await both.seen(number))["visits"]]
    assert states == ["held", "booked", "booked"]


async def test_a_week_that_nobody_came_to_is_followed_by_the_next(both: Neighbours) -> None:
    number = (await both.ask(weeks=2))["number"]
    both.pass_time(3 * DAY_MS)
    await both.go_round()
    await both.go_round()
    newest, _ = await both.asked("olga")
    await both.offer("olga", newest["number"])
    states = [each["status"] for each in (await both.seen(number))["visits"]]
    assert states == ["dropped", "held"]
    async with both.exeter.home.database() as database:
        await forget_referrals(both.exeter.circle.pool, both.exeter.clock.wall() + 29 * DAY_MS)
        kept = "SELECT half <> '' FROM referrals ORDER BY week"
        rows = [row[0] for row in await database.fetch(kept)]
    assert rows == [False, True]


async def test_no_more_is_asked_once_the_asker_takes_it_back(both: Neighbours) -> None:
    made = await both.ask(hours=48)
    [seen] = await both.asked("olga")
    path = f"help/{made['number']}/wider"
    assert await put(both.exeter, path, both.mia, {"wider": False}) == "ok"
    await both.go_round()
    assert (await read(both.truro, both.truro["ann"], seen["number"]))["status"] == "filled"
    assert "taken" in await notices(both.truro, both.truro["olga"])


async def test_a_neighbours_vetting_counts_only_where_it_is_accepted(both: Neighbours) -> None:
    exeter, truro = both.exeter, both.truro
    for node, level in ((exeter, "checked"), (truro, "dbs")):
        path = f"vetting-levels/{level}"
        assert await put(node, path, node["ann"], {"name": "Security check"}) == "ok"
    made = await both.ask(hours=48, vetting="checked")
    assert made["referred"] == []
    counts = [{"level": "checked", "theirs": "dbs"}]
    assert await both.allow(exeter, vettings=counts) == "ok"
    wrong = [{"level": "dbs", "theirs": "dbs"}]
    assert await both.allow(exeter, vettings=wrong) == "request-invalid"
    today = datetime.fromtimestamp(truro.clock.wall() / 1000, UTC).date()
    until_day = str(today + timedelta(days=90))
    checked = {"checked_on": str(today), "expires": until_day}
    path = f"people/{truro['pete'].person}/vetting/dbs"
    assert await put(truro, path, truro["ann"], checked) == "ok"
    await both.go_round()
    assert await both.asked("olga") == []
    [seen] = await both.asked("pete")
    await both.offer("pete", seen["number"])
    [offer] = (await both.seen(made["number"]))["neighbours"]
    assert str(today + timedelta(days=2)) <= offer["vetted"] < until_day


async def test_places_are_compared_only_on_one_grid_and_told_coarsely(both: Neighbours) -> None:
    """Olga lives far off, on the grid that both use; where they do not, that keeps nobody away."""
    exeter, truro = both.exeter, both.truro
    await tell(exeter, both.mia, square=HERE | {"side": 100})
    far = HERE | {"easting": HERE["easting"] + 9000}
    await tell(truro, truro["olga"], square=far)
    await help_with(truro, "olga")
    await both.ask(hours=48)
    assert len(await both.asked("olga")) == 1
    for node in (exeter, truro):
        assert await both.allow(node, same_grid=True) == "ok"
    await both.ask(hours=72)
    assert len(await both.asked("olga")) == 1
    async with truro.home.database() as database:
        spot = await database.fetchrow(
            "SELECT easting, northing FROM help_requests WHERE easting IS NOT NULL"
        )
    assert spot is not None
    assert tuple(spot) == (532_500, 176_500)


async def test_whoever_is_declined_or_late_is_told_kindly_and_not_why(both: Neighbours) -> None:
    made = await both.ask(hours=48)
    [seen] = await both.asked("olga")
    await both.offer("olga", seen["number"])
    assert await put(both.truro, f"help/{seen['number']}/yes", both.truro["pete"]) == "help-taken"
    assert await decide(both, made["number"], "declined") == "ok"
    assert await notices(both.truro, both.truro["olga"]) == ["ask", "taken"]
    after = await read(both.truro, both.truro["ann"], seen["number"])
    assert (after["status"], after["visits"][0]["status"]) == ("open", "open")
    await both.offer("pete", seen["number"])  # who came too late is asked again
    waits = await both.seen(made["number"])
    assert [each["refused"] for each in waits["neighbours"]] == [None]
    assert waits["visits"][0]["status"] == "held"
    assert await decide(both, made["number"], "accepted") == "ok"
    assert await decide(both, made["number"], "declined") == "help-taken"


async def test_somebody_of_ones_own_circle_may_be_quicker(both: Neighbours) -> None:
    made = await both.ask(hours=48)
    [seen] = await both.asked("olga")
    await both.exeter.welcome("eve")
    await help_with(both.exeter, "eve")
    path = f"help/{made['number']}"
    eve = both.exeter["eve"]
    assert await put(both.exeter, f"{path}/asks/{eve.person}", both.exeter["ann"]) == "ok"
    assert await put(both.exeter, f"{path}/yes", eve) == "ok"
    assert await put(both.truro, f"help/{seen['number']}/yes", both.truro["olga"]) == "ok"
    await both.go_round()
    assert (await both.seen(made["number"]))["visits"][0]["helper"]["handle"] == "eve"
    assert await notices(both.truro, both.truro["olga"]) == ["ask", "taken"]
    assert await both.truro.read("/api/v1/help?asked=true", both.truro["olga"])


async def test_who_cannot_come_after_all_is_replaced_before_all_others(both: Neighbours) -> None:
    number, there = await book(both)
    olga = both.truro["olga"]
    visit = await visit_of(both.truro, olga, there)
    assert await put(both.truro, f"visits/{visit['number']}/left", olga) == "ok"
    await both.go_round()
    seen = await both.seen(number)
    assert (seen["status"], seen["visits"][0]["status"]) == ("open", "open")
    assert (await notices(both.exeter, both.mia))[-1] == "left"
    assert "ask" in await notices(both.truro, both.truro["pete"])
    await both.offer("pete", there)
    assert await decide(both, number, "accepted") == "ok"
    [known] = (await both.seen(number))["neighbours"]
    assert known["handle"] == "pete"


async def test_what_is_cancelled_is_told_and_forgotten_there(both: Neighbours) -> None:
    number, there = await book(both)
    assert await attempt(both.exeter, "DELETE", f"/api/v1/help/{number}", both.mia) == "ok"
    await both.go_round()
    seen = await read(both.truro, both.truro["olga"], there)
    assert (seen["status"], seen["address"], seen["reach"]) == ("over", None, None)
    assert (await notices(both.truro, both.truro["olga"]))[-1] == "off"
    async with both.truro.home.database() as database:
        kept = await database.fetchval("SELECT theirs FROM referrals WHERE NOT outward")
    assert b"Elm Road" not in kept


async def test_several_are_offered_to_who_picks(both: Neighbours) -> None:
    made = await both.ask(hours=48, picks=True)
    [seen] = await both.asked("olga")
    for handle in ("olga", "pete"):
        await both.offer(handle, seen["number"])
    waits = await both.seen(made["number"])
    assert len(waits["neighbours"]) == 2
    assert waits["visits"][0]["status"] == "open"
    assert await decide(both, made["number"], "accepted", 1) == "ok"
    names = [each["handle"] for each in (await both.seen(made["number"]))["neighbours"]]
    assert names == ["pete"]
    assert (await notices(both.truro, both.truro["olga"]))[-1] == "taken"
    assert (await notices(both.truro, both.truro["pete"]))[-1] == "booked"


@pytest.mark.parametrize("who", ["asker", "helper"])
async def test_whoever_was_not_there_both_circles_look_into_it(both: Neighbours, who: str) -> None:
    number, there = await book(both)
    both.pass_time(49 * HOUR_MS)
    node, member, where = (
        (both.exeter, both.mia, number)
        if who == "helper"
        else (both.truro, both.truro["olga"], there)
    )
    visit = await visit_of(node, member, where)
    assert await put(node, f"visits/{visit['number']}/missed", member) == "ok"
    await both.go_round()
    for circle in (both.exeter, both.truro):
        assert (await notices(circle, circle["ann"]))[-1] == "duty"
    said = "nobody was in" if who == "asker" else "the helper did not come"
    for circle in (both.exeter, both.truro):
        async with circle.home.database() as database:
            words = await database.fetchval("SELECT words FROM notices WHERE kind = 'duty'")
        assert said in words


async def test_erasing_somebody_takes_their_name_out_of_the_other_circle(both: Neighbours) -> None:
    number, _ = await book(both)
    assert await attempt(both.exeter, "DELETE", f"/api/v1/help/{number}", both.mia) == "ok"
    for visit in (await both.seen(number))["visits"]:
        await both.exeter.do(both.mia, Release(visit["hold"]))
    await erase_member(both.exeter, both.mia)
    await both.go_round()
    async with both.truro.home.database() as database:
        kept = await database.fetchval("SELECT theirs FROM referrals WHERE NOT outward")
    assert b"Mia" not in kept
    assert b"Elm Road" not in kept


async def test_erasing_a_helper_takes_their_name_out_of_the_other_circle(both: Neighbours) -> None:
    number, _ = await book(both)
    await erase_member(both.truro, both.truro["olga"])
    await both.go_round()
    assert (await both.seen(number))["neighbours"] == []
    async with both.exeter.home.database() as database:
        kept = await database.fetchval("SELECT theirs FROM referrals WHERE outward")
    assert b"Olga" not in kept
    assert (await both.seen(number))["status"] == "open"


async def erase_member(node: CircleNode, member: Member) -> None:
    """Close their account, and erase them."""
    await node.do(node["ann"], Close(), account=member.account)
    async with node.home.database() as database:
        await erase(database, member.person)


async def test_a_circle_that_lost_its_last_halves_is_heard_again(both: Neighbours) -> None:
    """As a backup remembers it: what was said since had later numbers, and the neighbour knows."""
    made = await both.ask(hours=48)
    async with both.exeter.home.database() as database:
        await database.execute("UPDATE referrals SET seq = 0, acked = 0, half = ''")
    async with both.truro.home.database() as database:
        await database.execute("UPDATE referrals SET heard = 7")
    await both.go_round()
    path = f"/api/v1/help/{made['number']}"
    assert await attempt(both.exeter, "DELETE", path, both.mia) == "ok"
    await both.go_round()
    async with both.truro.home.database() as database:
        assert await database.fetchval("SELECT status FROM help_requests") == "cancelled"


async def test_words_that_are_as_long_as_can_be_still_pass(both: Neighbours) -> None:
    """More than a half can have: then thanks stay at home, and nothing else does."""
    most = "\N{GRINNING FACE}" * 2000
    made = await both.ask(hours=48, address=most, private=most, area="\N{GRINNING FACE}" * 120)
    [seen] = await both.asked("olga")
    await both.offer("olga", seen["number"])
    assert await decide(both, made["number"], "accepted") == "ok"
    both.pass_time(49 * HOUR_MS)
    visit = await visit_of(both.exeter, both.mia, made["number"])
    path = f"visits/{visit['number']}"
    assert await put(both.exeter, f"{path}/done", both.mia, {"minutes": 60}) == "ok"
    assert await put(both.exeter, f"{path}/thanks", both.mia, {"words": most}) == "ok"
    await both.go_round()
    there = await read(both.truro, both.truro["olga"], seen["number"])
    assert (there["visits"][0]["status"], there["private"]) == ("done", most)


async def test_whoever_was_late_may_offer_again_when_help_is_wanted_again(both: Neighbours) -> None:
    """Pete is quicker, cannot come after all, and olga, who was late, is heard then."""
    made = await both.ask(hours=48)
    [seen] = await both.asked("olga")
    await both.exeter.welcome("eve")
    await help_with(both.exeter, "eve")
    eve, path = both.exeter["eve"], f"help/{made['number']}"
    assert await put(both.exeter, f"{path}/asks/{eve.person}", both.exeter["ann"]) == "ok"
    assert await put(both.exeter, f"{path}/yes", eve) == "ok"
    await both.offer("olga", seen["number"])  # at the same moment
    visit = (await both.seen(made["number"]))["visits"][0]["number"]
    assert await put(both.exeter, f"visits/{visit}/left", eve) == "ok"
    await both.go_round()
    await both.offer("olga", seen["number"])
    [offer] = (await both.seen(made["number"]))["neighbours"]
    assert (offer["refused"], offer["visit"]) == (None, visit)


async def test_nobody_is_booked_whom_something_keeps_away_since_they_said_yes(
    both: Neighbours,
) -> None:
    made = await both.ask(hours=48)
    [seen] = await both.asked("olga")
    await both.offer("olga", seen["number"])
    olga = both.truro["olga"].person
    path = f"people/{olga}/suspension"
    offer = (await both.seen(made["number"]))["neighbours"][0]["offer"]
    assert await put(both.truro, path, both.truro["ann"], {"reason": "a worry"}) == "ok"
    accept = f"help/{made['number']}/neighbours/{offer}/accepted"
    assert await put(both.exeter, accept, both.mia) == "ok"  # it has not heard of it yet
    await both.go_round()
    assert (await both.seen(made["number"]))["visits"][0]["status"] == "open"
    assert (await read(both.truro, both.truro["ann"], seen["number"]))["address"] == ""
    assert "booked" not in await notices(both.truro, both.truro["olga"])


async def test_a_coordinator_may_note_that_a_neighbours_helper_rang(both: Neighbours) -> None:
    """The place is open in both circles then, and somebody else of the neighbour can have it."""
    number, there = await book(both)
    visit = await visit_of(both.exeter, both.mia, number)
    assert await put(both.exeter, f"visits/{visit['number']}/left", both.exeter["ann"]) == "ok"
    await both.go_round()
    assert (await notices(both.truro, both.truro["olga"]))[-1] == "off"
    await both.offer("pete", there)
    assert await decide(both, number, "accepted") == "ok"


async def test_it_is_looked_into_when_one_says_done_and_the_other_that_nobody_came(
    both: Neighbours,
) -> None:
    number, there = await book(both)
    both.pass_time(50 * HOUR_MS)
    olga = both.truro["olga"]
    theirs = (await visit_of(both.truro, olga, there))["number"]
    assert await put(both.truro, f"visits/{theirs}/done", olga, {"minutes": 60}) == "ok"
    await both.go_round()
    visit = (await visit_of(both.exeter, both.mia, number))["number"]
    assert await put(both.exeter, f"visits/{visit}/missed", both.mia) == "ok"
    await both.go_round()
    assert (await visit_of(both.truro, olga, there))["status"] == "missed"
    assert (await notices(both.truro, both.truro["ann"]))[-1] == "duty"


@pytest.mark.parametrize("first", ["exeter", "truro"])
async def test_what_was_said_while_the_other_circle_looked_into_it_counts_afterwards(
    both: Neighbours, first: str
) -> None:
    """It took place after all, as one circle finds out, and says so; then so does the other."""
    number, there = await book(both)
    both.pass_time(50 * HOUR_MS)
    sides = [(both.exeter, both.mia, number), (both.truro, both.truro["olga"], there)]
    visits = [(await visit_of(*side))["number"] for side in sides]
    assert await put(both.exeter, f"visits/{visits[0]}/missed", both.mia) == "ok"
    await both.go_round()
    found = {"failed": False, "happened": True}
    order = (0, 1) if first == "exeter" else (1, 0)
    for place in order:
        node, member, _ = sides[place]
        path = f"visits/{visits[place]}"
        assert await put(node, f"{path}/found", node["ann"], found) == "ok"
        if place == order[0]:
            assert await put(node, f"{path}/done", member, {"minutes": 75}) == "ok"
        await both.go_round()
    for side in sides:
        visit = await visit_of(*side)
        assert (visit["status"], visit["minutes"]) == ("done", 75)


async def test_a_payment_of_something_else_pays_nobody(both: Neighbours) -> None:
    """Too little, or to somebody else: the asker's circle believes them, the helper's looks."""
    number, there = await book(both)
    both.pass_time(50 * HOUR_MS)
    visit = await visit_of(both.exeter, both.mia, number)
    path = f"visits/{visit['number']}"
    assert (
        await put(both.exeter, f"{path}/payment", both.mia, {"payment": "00" * 32}) == "not-found"
    )
    assert await put(both.exeter, f"{path}/done", both.mia, {"minutes": 60}) == "ok"
    _, quoted = await quote(both.exeter, "truro.example", 1)
    payment = await pay_by(both.exeter, quoted, "pete")
    named = {"payment": payment.hex()}
    assert await put(both.exeter, f"{path}/payment", both.mia, named) == "ok"
    nodes = [both.exeter, both.truro]
    await until(lambda: at_rest(nodes))
    await both.go_round()
    assert (await visit_of(both.truro, both.truro["olga"], there))["status"] == "done"


async def test_nothing_is_asked_for_a_neighbour_from_which_nothing_is_taken(
    both: Neighbours,
) -> None:
    await both.ask(hours=48)
    [seen] = await both.asked("olga")
    assert await both.allow(both.truro, take=False) == "ok"
    await both.go_round()
    assert (await read(both.truro, both.truro["ann"], seen["number"]))["status"] == "filled"
    assert (await notices(both.truro, both.truro["olga"]))[-1] == "taken"


async def test_an_offer_that_crosses_with_a_no_to_neighbours_takes_no_place(
    both: Neighbours,
) -> None:
    made = await both.ask(hours=48)
    [seen] = await both.asked("olga")
    path = f"help/{made['number']}/wider"
    assert await put(both.truro, f"help/{seen['number']}/yes", both.truro["olga"]) == "ok"
    assert await put(both.exeter, path, both.mia, {"wider": False}) == "ok"
    await both.go_round()
    after = await both.seen(made["number"])
    assert (after["status"], after["visits"][0]["status"]) == ("open", "open")
    assert (await notices(both.truro, both.truro["olga"]))[-1] == "taken"


async def test_days_and_hours_as_large_as_members_may_write_them_stop_nothing(
    both: Neighbours,
) -> None:
    """Vetted for ever, and a visit that took a whole day."""
    exeter, truro = both.exeter, both.truro
    for node in (exeter, truro):
        path = "vetting-levels/dbs"
        assert await put(node, path, node["ann"], {"name": "Security check"}) == "ok"
    assert await both.allow(exeter, vettings=[{"level": "dbs", "theirs": "dbs"}]) == "ok"
    checked = {"checked_on": "2026-01-01", "expires": "9999-12-31"}
    path = f"people/{truro['olga'].person}/vetting/dbs"
    assert await put(truro, path, truro["ann"], checked) == "ok"
    made = await both.ask(hours=48, vetting="dbs")
    [seen] = await both.asked("olga")
    await both.offer("olga", seen["number"])
    assert await decide(both, made["number"], "accepted") == "ok"
    both.pass_time(49 * HOUR_MS)
    visit = (await visit_of(exeter, both.mia, made["number"]))["number"]
    assert await put(exeter, f"visits/{visit}/done", both.mia, {"minutes": 1440}) == "ok"
    await both.go_round()
    assert (await visit_of(truro, truro["olga"], seen["number"]))["minutes"] == 1440


async def test_coordinators_of_the_helper_can_tell_where_it_is(both: Neighbours) -> None:
    """Whoever is rung up has no other way to learn it."""
    _, there = await book(both)
    seen = await read(both.truro, both.truro["ann"], there)
    assert (seen["address"], seen["asks_for"]["name"]) == ("12 Elm Road", "Mia")
