"""Open numbers: right against what the test itself counted, for everybody, and for little."""

from __future__ import annotations

import asyncio
import csv
import io
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from ledger.orders import COMMUNITY, Hold, Levy, Pay, Reverse, Settle
from node.clock import wall_clock
from node.numbers import keeping
from node.numbers.keeping import ENTRIES_MAX, GRACE_MS, go_on
from node.writer import DATABASE_AWAY
from tests.calendar_circle import set_zone
from tests.circle_node import DAY, HOUR, CircleNode, Clock, Home, found_circle, serving
from tests.help_circle import ask, help_circle, put
from tests.numbers_circle import (
    HANDLES,
    LONDON,
    Past,
    catch_up,
    count_requests,
    go_to,
    milliseconds,
    numbers,
    some_pairs,
    some_requests,
    told,
    trade,
    write_requests,
)
from tests.test_pages import Tags
from tests.test_reading_growth import rows_read

JANUARY = datetime(2027, 1, 20, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIRST = ("trades", "members", "requests")


@pytest_asyncio.fixture
async def home(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Home]:
    """A circle in London, founded on 20 January 2027, with ann and eight members."""
    clock = Clock(ahead=milliseconds(JANUARY) - wall_clock())
    founded = await found_circle(postgres_dsn, tmp_path / "circle", clock=clock)
    try:
        async with serving(founded) as node:
            await node.join("ann", founded.founded.invitation_code)
            for handle in HANDLES:
                await node.welcome(handle)
            await set_zone(node, LONDON.key)
        yield founded
    finally:
        await founded.drop()


@pytest_asyncio.fixture
async def node(home: Home) -> AsyncIterator[CircleNode]:
    """It is served."""
    async with serving(home) as live:
        yield live


async def live_until_july(node: CircleNode) -> Past:
    """Trades in each month but May, those of March and April a minute before and after midnight in
    London, where it is an hour later than in UTC by then."""
    past = Past()
    midnight = datetime(2027, 4, 1, tzinfo=LONDON).astimezone(UTC)
    assert midnight.hour == 23
    await trade(node, past, JANUARY + timedelta(days=2), some_pairs(node, 9, 1))
    await trade(node, past, datetime(2027, 2, 28, 23, 59, tzinfo=UTC), some_pairs(node, 3, 2))
    await trade(node, past, datetime(2027, 3, 1, 0, 1, tzinfo=UTC), some_pairs(node, 6, 3))
    await trade(node, past, midnight - MINUTE, some_pairs(node, 7, 4))
    await trade(node, past, midnight + MINUTE, some_pairs(node, 11, 5))
    await trade(node, past, datetime(2027, 6, 15, tzinfo=UTC), some_pairs(node, 20, 6))
    return past


async def test_trades_are_counted_by_the_months_of_the_wall_clock(node: CircleNode) -> None:
    past = await live_until_july(node)
    go_to(node, datetime(2027, 7, 2, tzinfo=UTC))
    await catch_up(node)
    told_months = await numbers(node)
    assert list(told_months) == ["2027-06", "2027-05", "2027-04", "2027-03", "2027-02", "2027-01"]
    assert [past.of(month)[0] for month in told_months] == [20, 0, 11, 13, 3, 9]
    for month, shown in told_months.items():
        trades, members = past.of(month)
        if trades == 3:
            assert told(shown, "trades") == "fewer-than-5"
            assert told(shown, "members") == "too-few"
        else:
            assert (told(shown, "trades"), told(shown, "members")) == (trades, members)
        assert told(shown, "requests") == 0
        assert shown["neighbours"] == []


async def test_what_members_pay_each_other_is_a_trade_and_nothing_else_is(
    node: CircleNode,
) -> None:
    """A settled promise is one, a payment to five is five; a circle fee, a gift to the circle, a
    promise that is open and what undoes a trade are none."""
    ann, *people = (node[handle] for handle in ("ann", *HANDLES))
    one, two, *others = people
    legs = tuple((each.account, 1) for each in others[:5])
    paid = await node.do(one, Pay(((COMMUNITY, 1), *legs)))
    until = node.clock.wall() + 24 * HOUR
    await node.do(one, Hold((two.account,), 5, until, (), 0))
    held = await node.do(one, Hold((two.account,), 6, until, (), 0))
    await node.do(one, Settle(held["entry"]["index"], two.account, 4, ()))
    await node.do(ann, Levy(legs), account=COMMUNITY)
    await node.do(two, Pay(((COMMUNITY, 3),)))
    await node.do(ann, Reverse(paid["entry"]["index"]))
    go_to(node, datetime(2027, 2, 3, tzinfo=UTC))
    await catch_up(node)
    [shown] = (await numbers(node)).values()
    assert (told(shown, "trades"), told(shown, "members")) == (6, 7)


async def test_what_became_of_requests_is_right_and_told_a_month_later(node: CircleNode) -> None:
    begins = [JANUARY, datetime(2027, 3, 31, 12, tzinfo=UTC), datetime(2027, 5, 3, tzinfo=UTC)]
    counts = zip(begins, (40, 30, 3), strict=True)
    requests = [
        each
        for seed, (day, count) in enumerate(counts)
        for each in some_requests(node, day, count, seed)
    ]
    go_to(node, datetime(2027, 6, 2, tzinfo=UTC))
    async with node.home.database() as database:
        await write_requests(database, requests)
    await catch_up(node)
    before = await numbers(node)
    assert told(before["2027-05"], "requests") == "fewer-than-5"
    assert told(before["2027-05"], "unfilled") == told(before["2027-05"], "helped_minutes")
    assert told(before["2027-05"], "unfilled") == "later"
    go_to(node, datetime(2027, 7, 2, tzinfo=UTC))
    await catch_up(node)
    shown, right = await numbers(node), count_requests(requests)
    assert {**shown, "2027-05": 0, "2027-06": 0} == {**before, "2027-05": 0, "2027-06": 0}
    assert sorted(right) == ["2027-01", "2027-03", "2027-04", "2027-05"]
    for month in ("2027-01", "2027-04"):
        expected, there = right[month], shown[month]
        assert expected["asked"] - expected["unfilled"] >= 5 <= expected["unfilled"]
        took = sorted(expected["took"])
        assert len(took) >= 5
        assert told(there, "requests") == expected["asked"]
        assert told(there, "unfilled") == expected["unfilled"]
        assert told(there, "filled_percent") == 100 * expected["filled"] // expected["places"]
        assert told(there, "half_minutes") == took[-(-len(took) // 2) - 1]
        most = took[-(-len(took) * 9 // 10) - 1] if len(took) >= 10 else "too-few"
        assert told(there, "most_minutes") == most
        assert told(there, "helped_minutes") == expected["helped"]
    for name in ("unfilled", "filled_percent", "half_minutes", "most_minutes", "helped_minutes"):
        assert told(shown["2027-05"], name) == "too-few"
    assert told(shown["2027-02"], "helped_minutes") == 0


async def test_when_all_places_were_first_filled_is_kept_when_a_helper_leaves(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with help_circle(postgres_dsn, tmp_path / "circle", "bob", "eve") as node:
        asked = await ask(node, node["mia"])
        number, [visit] = asked["number"], asked["visits"]
        query = "SELECT matched - opened FROM help_requests"
        assert await node.circle.pool.fetchval(query) is None
        node.clock.pass_(HOUR)
        assert await put(node, f"help/{number}/yes", node["bob"]) == "ok"
        took = await node.circle.pool.fetchval(query)
        assert HOUR <= took < 2 * HOUR
        assert await put(node, f"visits/{visit['number']}/left", node["bob"]) == "ok"
        node.clock.pass_(HOUR)
        assert await put(node, f"help/{number}/yes", node["eve"]) == "ok"
        assert await node.circle.pool.fetchval(query) == took


async def test_a_month_is_told_an_hour_after_it_is_over(node: CircleNode) -> None:
    midnight = datetime(2027, 2, 1, tzinfo=UTC)
    go_to(node, midnight + timedelta(milliseconds=GRACE_MS) - MINUTE)
    await catch_up(node)
    assert await numbers(node) == {}
    page = await node.text("/open")
    assert "No month is over yet." in page
    go_to(node, midnight + timedelta(milliseconds=GRACE_MS) + MINUTE)
    await catch_up(node)
    assert list(await numbers(node)) == ["2027-01"]
    read = await node.read("/api/v1/open")
    assert (
        midnight < datetime.fromtimestamp(read["worked_out"] / 1000, UTC) < midnight + 70 * MINUTE
    )


async def test_a_job_that_is_stopped_anywhere_counts_nothing_twice_and_forgets_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a piece and between pieces, its connection cut, its node started again."""
    monkeypatch.setattr(keeping, "ENTRIES_MAX", 1)
    async with serving(home) as node:
        past = await live_until_july(node)
        go_to(node, datetime(2027, 7, 2, tzinfo=UTC))
        finished = [await stop_somewhere(node, random.Random(seed)) for seed in range(50)]
        assert set(finished) == {True, False}
    async with serving(home) as node:
        assert await catch_up(node) > 1
        assert await catch_up(node) == 1
        shown = await numbers(node)
        assert len(shown) == 6
        for month, there in shown.items():
            trades, members = past.of(month)
            if trades not in range(1, 5):
                assert (told(there, "trades"), told(there, "members")) == (trades, members)


async def stop_somewhere(node: CircleNode, chance: random.Random) -> bool:
    """Have a piece counted, and stop that at once, after a moment or not; whether it was done."""
    job = asyncio.create_task(go_on(node.circle.pool, node.clock.wall()))
    await asyncio.wait([job], timeout=chance.choice((0, chance.random() * 0.01, None)))
    if chance.random() < 0.3:
        async with node.home.database() as database:
            await database.execute(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE query LIKE '%open_%' AND state <> 'idle' AND pid <> pg_backend_pid()
                """
            )
    job.cancel()
    [result] = await asyncio.gather(job, return_exceptions=True)
    assert isinstance(result, (bool, asyncio.CancelledError, *DATABASE_AWAY)), result
    return isinstance(result, bool)


async def test_everybody_is_shown_the_same_and_coordinators_no_more(node: CircleNode) -> None:
    await trade(node, Past(), JANUARY + timedelta(days=1), some_pairs(node, 3, 1))
    go_to(node, datetime(2027, 3, 5, tzinfo=UTC))
    await catch_up(node)
    for path in ("/open", "/api/v1/open", "/api/v1/open?format=csv"):
        shown = await node.text(path)
        assert await node.text(path, node["ann"]) == await node.text(path, node["member1"]) == shown
    read = await node.read("/api/v1/open", node["ann"])
    assert (read["responsible"], read["auditors"]) == (["ann@southwark.example"], [])
    assert (read["circle"], read["zone"]) == ("Southwark Circle", "Europe/London")
    async with node.home.database() as database:
        kept = await database.fetchrow("SELECT * FROM open_months WHERE trades IS NULL")
        assert kept is not None
        assert (kept["few"], kept["month"].month) == (["trades"], 1), "not kept either"


async def test_the_page_is_plain_and_says_who_is_responsible(node: CircleNode) -> None:
    requests = some_requests(node, JANUARY, 40, 0)
    await trade(node, Past(), JANUARY + timedelta(days=1), some_pairs(node, 2, 1))
    go_to(node, datetime(2027, 3, 5, tzinfo=UTC))
    async with node.home.database() as database:
        await write_requests(database, requests)
    await catch_up(node)
    page = await node.text("/open")
    january = (await numbers(node))["2027-01"]
    for words in (
        *("Southwark Circle in numbers", "January 2027", "February 2027"),
        "Members traded with each other fewer than 5 times.",
        "Help was asked for 40 times.",
        f"Of every 100 places for helpers, {told(january, 'filled_percent')} were filled.",
        f'<rect width="{told(january, "filled_percent")}" height="8"',
        f"For {told(january, 'unfilled')} requests we found nobody, or not enough people.",
        *("Nobody traded.", "Nobody asked for help.", "worked out on 5 March 2027 at 00:00"),
        *("ann@southwark.example", "complain to a coordinator", "/api/v1/open?format=csv"),
    ):
        assert words in page
    tags = Tags(page)
    assert tags.open == []
    assert not {tag for tag, _ in tags.seen} & {"script", "style", "iframe", "img", "form"}
    assert not any(handle in page.lower() for handle in HANDLES)
    assert [tag for tag, _ in tags.seen if tag in ("h1", "h2")] == ["h1", "h2", "h2", "h2"]
    assert "/open" in await node.text("/")


async def test_numbers_are_a_table_for_spreadsheets(node: CircleNode) -> None:
    past = await live_until_july(node)
    go_to(node, datetime(2027, 7, 2, tzinfo=UTC))
    await catch_up(node)
    async with node.http.get("/api/v1/open?format=csv") as response:
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert "open-numbers.csv" in response.headers["Content-Disposition"]
        lines = list(csv.DictReader(io.StringIO(await response.text())))
    assert [line["month"] for line in lines] == list(await numbers(node))
    assert [line["trades"] for line in lines[:5]] == ["20", "0", "11", "13", "fewer than 5"]
    assert lines[0]["members"] == str(past.of("2027-06")[1])
    assert (lines[0]["unfilled"], lines[1]["unfilled"]) == ("later", "0")
    assert lines[4]["members"] == "too few"


async def test_what_did_not_change_is_not_sent_again(node: CircleNode) -> None:
    go_to(node, datetime(2027, 3, 5, tzinfo=UTC))
    await catch_up(node)
    tag = ""
    for path in ("/api/v1/open", "/api/v1/open?format=csv", "/open"):
        async with node.http.get(path) as response:
            tag = response.headers["ETag"]
            assert response.headers["Cache-Control"] == "public, max-age=900"
        for known in (tag, f'"other", W/{tag}'):
            async with node.http.get(path, headers={"If-None-Match": known}) as response:
                assert (response.status, await response.read()) == (304, b"")
    go_to(node, datetime(2027, 4, 5, tzinfo=UTC))
    await catch_up(node)
    async with node.http.get("/open") as response:
        assert response.headers["ETag"] != tag


async def test_a_circle_without_members_or_a_time_zone_has_numbers_too(
    postgres_dsn: str, tmp_path: Path
) -> None:
    clock = Clock(ahead=milliseconds(JANUARY) - wall_clock())
    founded = await found_circle(postgres_dsn, tmp_path / "circle", clock=clock)
    try:
        async with serving(founded) as node:
            assert (await node.read("/api/v1/open"))["months"] == []
            clock.pass_(80 * DAY)
            await catch_up(node)
            shown, read = await numbers(node), await node.read("/api/v1/open")
            assert list(shown) == ["2027-03", "2027-02", "2027-01"]
            assert {told(each, name) for each in shown.values() for name in FIRST} == {0}
            assert (read["zone"], read["responsible"]) == ("UTC", [])
            assert "whoever runs the circle" in await node.text("/open")
    finally:
        await founded.drop()


async def test_reading_costs_the_same_however_long_the_log_is(home: Home) -> None:
    """By PostgreSQL's own count: two years of months are read, and no entry. What is counted is
    counted in pieces."""
    async with home.database() as database:
        await database.execute(
            """
            INSERT INTO entries
            SELECT index + n, log_time + n, leaf, authority, wire, secret, postings
            FROM (SELECT * FROM entries ORDER BY index DESC LIMIT 1) AS last,
                generate_series(1, 30000) AS n
            """
        )
        await database.execute(
            """
            INSERT INTO open_months (month, worked_out, settled, few, hidden, mirrors, positions)
            SELECT '2020-01-01'::date + n * interval '1 month', 0, true, '{}', '{}', '{}', '{}'
            FROM generate_series(0, 79) AS n
            """
        )
        await database.execute("VACUUM ANALYZE")
    before = await rows_read(home)
    async with serving(home) as node:
        for _ in range(20):
            assert len((await node.read("/api/v1/open"))["months"]) == 24
            await node.text("/open")
            await node.text("/api/v1/open?format=csv")
    after = await rows_read(home)
    read = {name: after[name] - before[name] for name in after}
    assert read["open_months"] == 60 * 24
    assert max(read[name] for name in ("entries", "postings", "visits", "help_requests")) < 1000
    async with serving(home) as node:
        for _ in range(3):
            assert await go_on(node.circle.pool, node.clock.wall())
        counted = await node.circle.pool.fetchval("SELECT next_entry FROM open_counting")
    assert counted == 2 * ENTRIES_MAX
