"""What a ranking costs among many helpers, over few of the same density and over reading one row.

All through the API of one node, as a coordinator asks for it. Helpers are drawn as for the circles
that are simulated, and all have a place: whoever has none is looked at wherever a request is.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from math import isqrt
from pathlib import Path
from statistics import median

import aiohttp
import asyncpg

from node.connections import Connection
from node.help.minutes import WEEK, minute_at
from node.help.requests import Asker, add_request
from node.postgres import running_postgres
from tests.bench import load, reads
from tests.bench.matching_circle import LARGE, draw_helper, draw_request
from tests.bench.matching_store import add_helpers, add_people, item_of
from tests.bench.matching_time import ZONE
from tests.bench.node_process import NodeProcess, init, serving
from tests.bench.population import JSON, join_coordinator
from tests.bench.run import Report
from tests.bench.windows import say

SEED = 70
FEW, MANY = 1_000, 100_000
QUICK = 10_000
FIRST = 100_000
"""The number of the first person who is made up."""
MARGIN = 5_000
"""Metres to the border: as far as anybody goes, so that helpers are all around each request."""
REQUESTS, TURNS = 60, 9


def measure(folder: Path, report: Report, *, quick: bool) -> None:
    """Put the figures under ``ranking_growth`` and ``ranking_over_row``; all are medians."""
    say("Ranking helpers")
    told = init(folder / "helpers")
    few, many = FEW, QUICK if quick else MANY
    with serving(folder / "helpers", told["invitation"]) as node:
        token = asyncio.run(_join(node, told))
        spent: dict[int, tuple[float, float]] = {}
        for count in (few, many):
            began = time.perf_counter()
            numbers = asyncio.run(_grow(node.directory, count))
            say(f"  {count:,} helpers, made in {time.perf_counter() - began:.0f} s")
            spent[count] = _spend(node, token, numbers)
    (among_few, _), (among_many, row) = spent[few], spent[many]
    report.figures["ranking_growth"] = among_many / among_few
    report.figures["ranking_over_row"] = among_many / row
    report.notes.append(
        f"Ranking took {among_few * 1e3:.1f} ms among {few:,} helpers and"
        f" {among_many * 1e3:.1f} ms among {many:,}, reading what one of them offers"
        f" {row * 1e3:.1f} ms."
    )


async def _join(node: NodeProcess, told: dict[str, str]) -> str:
    async with aiohttp.ClientSession(headers=JSON) as client:
        coordinator = await join_coordinator(client, node.url, told["invitation"])
    return await asyncio.to_thread(reads.sign_in, node.url, told["origin"], coordinator)


def _spend(node: NodeProcess, token: str, numbers: list[int]) -> tuple[float, float]:
    """The seconds that a ranking takes, and reading one helper's row, in turns; medians."""
    rankings = [load.get(node.url, f"/api/v1/help/{each}/ranking", token) for each in numbers]
    rows = [
        load.get(node.url, f"/api/v1/people/{FIRST + REQUESTS + place}/helper", token)
        for place in range(REQUESTS)
    ]
    turns = [
        [load.run(node.url, wanted, 1).latency(0.5) for wanted in (rankings, rows)]
        for _ in range(1 + TURNS)
    ]
    ranking, row = (median(each) for each in zip(*turns[1:], strict=True))
    return ranking, row


@asynccontextmanager
async def _owner(directory: Path) -> AsyncIterator[Connection]:
    dsn = running_postgres(directory)
    assert dsn is not None, "a node serves on its own PostgreSQL here"
    connection: Connection = await asyncpg.connect(dsn, server_settings={"search_path": "circle"})
    try:
        yield connection
    finally:
        await connection.close()


async def _grow(directory: Path, count: int) -> list[int]:
    """Have so many helpers, and as many requests as ever; the requests' numbers.

    They stay drafts, so that nobody is asked while it is measured.
    """
    chance = random.Random(SEED)
    side = isqrt(count * LARGE.side**2 // LARGE.helpers)
    people = range(FIRST, FIRST + REQUESTS + count)
    async with _owner(directory) as connection:
        await connection.execute(
            f"""
            DELETE FROM help_requests;
            DELETE FROM helpers;
            DELETE FROM profiles;
            DELETE FROM holders WHERE person >= {FIRST};
            DELETE FROM accounts WHERE number >= {FIRST};
            DELETE FROM people WHERE person >= {FIRST};
            UPDATE calendar SET zone = '{ZONE.key}';
            """
        )
        await add_people(connection, people[0], people[-1])
        helpers = [
            draw_helper(chance, person, (chance.randrange(side), chance.randrange(side)))
            for person in people[REQUESTS:]
        ]
        await add_helpers(connection, helpers)
        numbers = [await _ask(connection, chance, person, side) for person in people[:REQUESTS]]
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
    return numbers


async def _ask(connection: Connection, chance: random.Random, person: int, side: int) -> int:
    easting, northing = (chance.randrange(MARGIN, side - MARGIN) for _ in range(2))
    await connection.execute(
        "INSERT INTO profiles VALUES ($1, '{}', '', '', $2, $3, 100, 'app', '', '{}')",
        *(person, easting, northing),
    )
    now = time.time_ns() // 1_000_000
    monday = minute_at(now, ZONE) // WEEK * WEEK + WEEK
    request = draw_request(chance, person, monday + 9 * 60, person, phones=False)
    asker = Asker(person, person, person, phones=False)
    item = item_of(replace(request, vetting=None))
    async with connection.transaction():
        return await add_request(connection, asker, item, request.windows, 1, None, ZONE, now)
