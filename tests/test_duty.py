"""The duty rota: who is on duty when, right across clock changes, and who is told what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
import pytest_asyncio

from ledger.orders import Close, Dismiss
from node.calendar.local_time import local_of
from node.care.duty import alert_duty, reached_at, read_on_duty
from node.care.handover import NOTES_A_DAY_MAX, NOTES_SHOWN
from node.care.retention import NOTES_KEPT_MS, forget_care
from node.erase import erase
from tests.calendar_circle import ZONE, calendar_circle
from tests.care_circle import put, told
from tests.circle_node import HOUR, CircleNode
from tests.directory_circle import attempt, tell

DUTY = "/api/v1/duty"
LONDON = ZoneInfo(ZONE)


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """On Monday, 1 March 2027, at nine: the coordinators ann, ben and cat, and the member mia."""
    async with calendar_circle(postgres_dsn, tmp_path / "circle", "mia") as live:
        for handle in ("ben", "cat"):
            await live.welcome(handle, office="coordinator")
        yield live


def turn(node: CircleNode, handle: str, begins: str, ends: str) -> dict[str, Any]:
    return {"begins": begins, "ends": ends, "person": node[handle].person}


async def set_weekday(node: CircleNode, weekday: str, *turns: dict[str, Any]) -> Any:
    path = f"{DUTY}/week/{weekday}"
    return await put(node, "PUT", path, node["ann"], turns=list(turns))


async def set_day(node: CircleNode, day: str, *turns: dict[str, Any]) -> None:
    await put(node, "PUT", f"{DUTY}/days/{day}", node["ann"], turns=list(turns))


async def on_duty(node: CircleNode, when: datetime) -> list[str]:
    """Who is on duty at a moment."""
    async with node.home.database() as database:
        people = await read_on_duty(database, int(when.timestamp() * 1000))
    return [handle for person in people for handle in node.home.people if _is(node, handle, person)]


def _is(node: CircleNode, handle: str, person: int) -> bool:
    return node[handle].person == person


async def shown(node: CircleNode, day: str, days: int = 1, by: str = "mia") -> list[str]:
    """The turns that begin on some days, as a member is shown them."""
    query = {"from": day, "days": str(days)}
    read = await node.read(DUTY, node[by], **query)
    names = {each["person"]: each["handle"] for each in read["people"]}
    return [
        f"{each['begins'][5:]}-{each['ends'][11:]} {names[each['person']]}"
        for each in read["turns"]
    ]


async def test_who_is_on_duty_follows_the_clock_on_the_wall(node: CircleNode) -> None:
    """Nine in London is nine UTC in March and eight in April; a turn may end on the next day."""
    await set_weekday(node, "monday", turn(node, "ann", "09:00", "17:00"))
    await set_weekday(node, "sunday", turn(node, "ben", "22:00", "06:00"))
    now = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
    assert (await node.read(DUTY, node["mia"]))["now"] == [node["ann"].person]
    for when, expected in {
        now - timedelta(minutes=1): [],
        now + timedelta(hours=8, minutes=-1): ["ann"],
        now + timedelta(hours=8): [],
        datetime(2027, 4, 5, 8, 0, tzinfo=UTC): ["ann"],
        datetime(2027, 4, 5, 7, 59, tzinfo=UTC): [],
        datetime(2027, 3, 7, 22, 0, tzinfo=UTC): ["ben"],
        datetime(2027, 3, 8, 5, 59, tzinfo=UTC): ["ben"],
        datetime(2027, 3, 8, 6, 0, tzinfo=UTC): [],
    }.items():
        assert await on_duty(node, when) == expected, when


async def test_a_night_is_an_hour_shorter_or_longer_when_the_clocks_change(
    node: CircleNode,
) -> None:
    await set_weekday(
        node, "sunday", turn(node, "ann", "00:00", "01:30"), turn(node, "ben", "01:30", "06:00")
    )
    read = await node.read(DUTY, node["mia"], **{"from": "2027-03-28", "days": 1})
    hours = [(each["stops"] - each["starts"]) / HOUR for each in read["turns"]]
    assert hours == [1.0, 4.0]  # 01:30 is not on the clock, which goes from one to two
    assert read["turns"][0]["stops"] == read["turns"][1]["starts"]
    read = await node.read(DUTY, node["mia"], **{"from": "2027-10-31", "days": 1})
    assert [(each["stops"] - each["starts"]) / HOUR for each in read["turns"]] == [1.5, 5.5]
    for minute in range(0, 6 * 60, 15):
        when = datetime(2027, 10, 30, 23, 0, tzinfo=UTC) + timedelta(minutes=minute)
        assert len(await on_duty(node, when)) == 1, when


def test_the_clock_reaches_every_time_once_and_in_order() -> None:
    for day in (date(2027, 3, 28), date(2027, 10, 31), date(2027, 6, 1)):
        begin = datetime.combine(day, datetime.min.time())
        times = [begin + timedelta(minutes=minute) for minute in range(24 * 60)]
        reached = [reached_at(each, LONDON) for each in times]
        assert reached == sorted(reached)
        for local, moment in zip(times, reached, strict=True):
            assert local_of(moment, LONDON) >= local
            assert local_of(moment - 60_000, LONDON) < local


async def test_single_days_override_the_usual_week_and_are_taken_back(node: CircleNode) -> None:
    await set_weekday(
        node, "monday", turn(node, "ann", "09:00", "12:00"), turn(node, "ben", "12:00", "17:00")
    )
    usual = ["03-08T09:00-12:00 ann", "03-08T12:00-17:00 ben"]
    assert await shown(node, "2027-03-08") == usual
    await set_day(node, "2027-03-08", turn(node, "cat", "10:00", "11:00"))
    assert await shown(node, "2027-03-08") == ["03-08T10:00-11:00 cat"]
    await set_day(node, "2027-03-08")
    assert await shown(node, "2027-03-08") == []
    assert len(await shown(node, "2027-03-01", 14)) == 2
    assert await attempt(node, "DELETE", f"{DUTY}/days/2027-03-08", node["ben"]) == "ok"
    assert await shown(node, "2027-03-08") == usual
    week = (await node.read(f"{DUTY}/week", node["ann"]))["turns"]
    assert [(each["weekday"], each["begins"], each["person"]["handle"]) for each in week] == [
        ("monday", "09:00", "ann"),
        ("monday", "12:00", "ben"),
    ]


async def test_a_swap_changes_just_the_days_that_it_names_and_both_are_told(
    node: CircleNode,
) -> None:
    ann, ben, cat = node["ann"], node["ben"], node["cat"]
    await set_weekday(
        node, "monday", turn(node, "ann", "09:00", "12:00"), turn(node, "cat", "09:00", "10:00")
    )
    await set_weekday(node, "tuesday", turn(node, "ben", "09:00", "12:00"))
    swap = {"person": ann.person, "day": "2027-03-08", "other": ben.person}
    await put(node, "POST", f"{DUTY}/swap", cat, **swap, other_day="2027-03-09")
    assert await shown(node, "2027-03-08", 2) == [
        "03-08T09:00-10:00 cat",
        "03-08T09:00-12:00 ben",
        "03-09T09:00-12:00 ann",
    ]
    assert await shown(node, "2027-03-15", 2) == [
        "03-15T09:00-10:00 cat",
        "03-15T09:00-12:00 ann",
        "03-16T09:00-12:00 ben",
    ]
    words = (
        "Ben is on duty on Monday 8 March, instead of Ann. Ann is on duty on Tuesday 9 March,"
        " instead of Ben."
    )
    assert await told(node, ann) == await told(node, ben) == [("rota", "duty", words)]
    assert await attempt(node, "POST", f"{DUTY}/swap", cat, swap) == "not-found"
    merged = {"person": cat.person, "day": "2027-03-08", "other": ben.person}
    await put(node, "POST", f"{DUTY}/swap", cat, **merged)
    assert await shown(node, "2027-03-08") == ["03-08T09:00-12:00 ben"]
    half = {**swap, "day": "2027-03-15", "other_day": "2027-03-17"}
    assert await attempt(node, "POST", f"{DUTY}/swap", cat, half) == "not-found"
    assert len(await shown(node, "2027-03-15")) == 2, "half a swap is none"


async def test_a_duty_that_is_given_away_twice_at_one_instant_has_one_taker(
    node: CircleNode,
) -> None:
    ann, ben, cat = node["ann"], node["ben"], node["cat"]
    await set_weekday(node, "monday", turn(node, "ann", "09:00", "12:00"))
    for week in range(1, 21):
        day = date(2027, 3, 1) + timedelta(weeks=week)
        both = (
            attempt(
                *(node, "POST", f"{DUTY}/swap", ann),
                {"person": ann.person, "day": f"{day}", "other": other.person},
            )
            for other in (ben, cat)
        )
        assert sorted(await asyncio.gather(*both)) == ["not-found", "ok"]
        assert len(await shown(node, f"{day}")) == 1


HOSTILE: list[Any] = [
    {"turns": None},
    {},
    {"turns": [{}]},
    {"turns": [{"begins": "9:00", "ends": "10:00", "person": 1}]},
    {"turns": [{"begins": "24:00", "ends": "10:00", "person": 1}]},
    {"turns": [{"begins": "09:60", "ends": "10:00", "person": 1}]},
    {"turns": [{"begins": "٠٩:٠٠", "ends": "10:00", "person": 1}]},
    {"turns": [{"begins": "0٩:0٠", "ends": "10:00", "person": 1}]},
    {"turns": [{"begins": "09:00:00", "ends": "10:00", "person": 1}]},
    {"turns": [{"begins": 9, "ends": "10:00", "person": 1}]},
    {"turns": [{"begins": "09:00", "ends": "10:00", "person": "ann"}]},
    {"turns": [{"begins": "09:00", "ends": "10:00", "person": 1}] * 2},
    {"turns": [{"begins": "09:00", "ends": "10:00", "person": n} for n in range(21)]},
]


async def test_what_is_no_rota_is_refused(node: CircleNode) -> None:
    ann, mia = node["ann"], node["mia"]
    week, day = f"{DUTY}/week/monday", f"{DUTY}/days/2027-03-08"
    for body in HOSTILE:
        for path in (week, day):
            assert await attempt(node, "PUT", path, ann, body) == "request-invalid", body
    good = {"turns": [turn(node, "ann", "09:00", "10:00")]}
    for path in (f"{DUTY}/week/someday", f"{DUTY}/days/x", f"{DUTY}/days/2027-02-30"):
        assert await attempt(node, "PUT", path, ann, good) == "request-invalid"
    for far in ("2027-01-28", "2029-03-02", "0001-01-01", "9999-12-31"):
        assert await attempt(node, "PUT", f"{DUTY}/days/{far}", ann, good) == "request-invalid", far
        assert await attempt(node, "DELETE", f"{DUTY}/days/{far}", ann) == "ok"
        swap = {"person": ann.person, "day": far, "other": node["ben"].person}
        assert await attempt(node, "POST", f"{DUTY}/swap", ann, swap) == "request-invalid"
    for wrong in ({"from": "0001-01-01"}, {"from": "9999-12-31"}, {"days": "0"}, {"days": "63"}):
        assert await node.refusal(DUTY, mia, **wrong) == "request-invalid"
    not_fit = {"turns": [turn(node, "mia", "09:00", "10:00")]}
    nobody = {"turns": [{"begins": "09:00", "ends": "10:00", "person": 999}]}
    for path in (week, day):
        assert await attempt(node, "PUT", path, ann, not_fit) == "not-permitted"
        assert await attempt(node, "PUT", path, ann, nobody) == "person-unknown"
        assert await attempt(node, "PUT", path, mia, good) == "not-permitted"
    assert await attempt(node, "DELETE", day, mia) == "not-permitted"
    assert await node.refusal(f"{DUTY}/week", mia) == "not-permitted"
    same = {"person": ann.person, "day": "2027-03-08", "other": ann.person}
    assert await attempt(node, "POST", f"{DUTY}/swap", ann, same) == "request-invalid"


async def test_without_a_time_zone_there_is_no_rota(postgres_dsn: str, tmp_path: Path) -> None:
    async with calendar_circle(postgres_dsn, tmp_path / "circle", zone=None) as node:
        ann = node["ann"]
        assert await node.read(DUTY, ann) == {"zone": None, "now": [], "turns": [], "people": []}
        body = {"turns": [turn(node, "ann", "09:00", "10:00")]}
        for path in (f"{DUTY}/week/monday", f"{DUTY}/days/2027-03-08"):
            assert await attempt(node, "PUT", path, ann, body) == "calendar-zone-unset"
        async with node.home.database() as database:
            await alert_duty(database, "help/1", "Nobody was in.", node.clock.wall())
        assert [about for _, about, _ in await told(node, ann)] == ["help/1"]


async def test_members_are_shown_how_to_reach_who_is_on_duty_only_if_they_show_it(
    node: CircleNode,
) -> None:
    ann, mia, ben = node["ann"], node["mia"], node["ben"]
    await set_weekday(node, "monday", turn(node, "ann", "09:00", "17:00"))
    contact: dict[str, Any] = {"channel": "call", "contact": "020 7946 0018"}
    await tell(node, ann, **contact)

    async def seen(by: str) -> tuple[Any, ...]:
        [person] = (await node.read(DUTY, node[by]))["people"]
        return (person["handle"], person["channel"], person["contact"])

    assert await seen("mia") == ("ann", None, None)
    assert await seen("ben") == await seen("ann") == ("ann", "call", "020 7946 0018")
    await tell(node, ann, **contact, shown=["contact"])
    assert await seen("mia") == ("ann", "call", "020 7946 0018")
    await put(node, "PUT", f"/api/v1/people/{ann.person}/blocks/{mia.person}", ann)
    assert await seen("mia") == ("ann", None, None)
    await node.do(ben, Close(), account=mia.account)
    assert await node.refusal(DUTY, mia) == "not-permitted"


async def alerted(node: CircleNode, about: str, *never: str) -> list[str]:
    """Who is told of something that cannot wait."""
    people = frozenset(node[handle].person for handle in never)
    async with node.home.database() as database:
        await alert_duty(database, about, "Nobody was in.", node.clock.wall(), never=people)
    return [
        handle
        for handle in node.home.people
        if ("duty", about, "Nobody was in.") in await told(node, node[handle])
    ]


async def test_an_alert_goes_to_who_is_on_duty_or_else_to_all_coordinators(
    node: CircleNode,
) -> None:
    assert await alerted(node, "help/1") == ["ann", "ben", "cat"]
    await set_weekday(
        node, "monday", turn(node, "ann", "09:00", "17:00"), turn(node, "cat", "08:00", "12:00")
    )
    assert await alerted(node, "help/2") == ["ann", "cat"]
    assert await alerted(node, "help/3", "cat") == ["ann"]
    assert await alerted(node, "help/4", "ann", "cat") == ["ben"]
    assert await alerted(node, "help/5", "ann", "cat", "ben") == []
    cosigned = {"cosigners": (node["ben"], node["cat"]), "text": "she moved away"}
    await node.do(node["ann"], Dismiss(node["cat"].person, "coordinator"), **cosigned)
    assert await alerted(node, "help/6", "ann") == ["ben"]
    async with node.home.database() as database:
        assert await database.fetchval("SELECT bool_and(urgent) FROM notices WHERE kind = 'duty'")
        kept = "SELECT never FROM notices WHERE kind = 'duty' AND about = 'help/6'"
        assert await database.fetchval(kept) == [node["ann"].person]


async def test_handover_notes_are_added_to_and_shown_to_coordinators(node: CircleNode) -> None:
    ann, ben, mia = node["ann"], node["ben"], node["mia"]
    path = f"{DUTY}/notes"
    for number in range(NOTES_SHOWN + 1):
        await put(node, "POST", path, ann, text=f"Note {number}.")
    await put(node, "POST", path, ben, text="Rang Dot.\nShe is well.")
    newest = await node.read(path, ann)
    assert len(newest["notes"]) == NOTES_SHOWN
    assert newest["notes"][0]["text"] == "Rang Dot.\nShe is well."
    assert newest["notes"][0]["by"]["handle"] == "ben"
    older = await node.read(path, ann, cursor=newest["next"])
    assert [each["text"] for each in older["notes"]] == ["Note 1.", "Note 0."]
    assert await node.refusal(path, mia) == "not-yours"
    assert await attempt(node, "POST", path, mia, {"text": "x"}) == "not-permitted"
    for wrong in ({"text": ""}, {"text": "x" * 501}, {"text": "a\0"}, {"text": 1}, {}):
        assert await attempt(node, "POST", path, ann, wrong) == "request-invalid"
    async with node.home.database() as database:
        await database.execute(f"SET ROLE {node.home.config.schema}_service")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.execute("UPDATE handover_notes SET body = ''")
        await database.execute(
            """
            INSERT INTO handover_notes (author, made, body)
            SELECT $1, $2, 'x' FROM generate_series(1, $3)
            """,
            *(ann.person, node.clock.wall(), NOTES_A_DAY_MAX),
        )
    assert await attempt(node, "POST", path, ann, {"text": "x"}) == "too-many"
    await forget_care(node.circle.pool, node.clock.wall() + NOTES_KEPT_MS + HOUR)
    assert (await _notes_left(node)) == 0


async def _notes_left(node: CircleNode) -> int:
    async with node.home.database() as database:
        count: int = await database.fetchval("SELECT count(*) FROM handover_notes")
    return count


async def test_duty_and_handover_are_given_out_and_erased_with_a_person(node: CircleNode) -> None:
    ann, cat = node["ann"], node["cat"]
    await set_weekday(node, "monday", turn(node, "cat", "09:00", "17:00"))
    await set_day(node, "2027-03-09", turn(node, "cat", "10:00", "11:00"))
    await put(node, "POST", f"{DUTY}/notes", cat, text="Rang Dot.")
    held = await node.read(f"/api/v1/people/{cat.person}/everything", cat)
    assert held["duty"] == [
        {"day": None, "weekday": 0, "begins": "09:00", "ends": "17:00"},
        {"day": "2027-03-09", "weekday": None, "begins": "10:00", "ends": "11:00"},
    ]
    assert [each["text"] for each in held["handover_notes"]] == ["Rang Dot."]
    cosigned = {"cosigners": (node["ben"], cat), "text": "she moved away"}
    await node.do(ann, Dismiss(cat.person, "coordinator"), **cosigned)
    assert await shown(node, "2027-03-08", 2) == []
    await node.do(ann, Close(), account=cat.account)
    async with node.home.database() as database:
        await erase(database, cat.person)
        left = await database.fetchval(
            "SELECT (SELECT count(*) FROM duty_week) + (SELECT count(*) FROM duty_turns)"
        )
    assert left == 0
    [note] = (await node.read(f"{DUTY}/notes", ann))["notes"]
    assert (note["by"], note["text"]) == (None, "Rang Dot.")
