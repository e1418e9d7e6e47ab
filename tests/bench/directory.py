"""Word search in a large directory over one in a small, through the same API.

The listings are made up, and put into the database as they are stored: words of a seeded vocabulary
in which a few are in every other listing and most in very few, as in any language. What is searched
for stands in some listing, one word or two; every tenth search has a slip in it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import accumulate
from pathlib import Path
from statistics import median
from urllib.parse import quote

import aiohttp
import asyncpg

from node.postgres import running_postgres
from tests.bench import load, reads
from tests.bench.node_process import NodeProcess, init, serving
from tests.bench.population import JSON, join_coordinator
from tests.bench.run import Report
from tests.bench.windows import say

SEED = 1_348
SMALL, LARGE = 10_000, 1_000_000
QUICK = 100_000
EACH = 100
"""Listings of a member: as many as one may have."""
WORDS = 30_000
TITLE, BODY = 4, 14
CATEGORIES = ("garden", "home", "repairs", "lifts", "company", "food", "computers", "other")
FIRST = 100_000
"""The number of the first member who is made up."""
SEARCHES, TURNS, CONNECTIONS = 300, 5, 2
FAR_OFF = 2**52

COLUMNS = "person kind form category title body price cash made days expires".split()


def measure(folder: Path, report: Report, *, quick: bool) -> None:
    """Put the figure under ``search_growth``: the time of a search, p99, large over small."""
    say("A directory")
    told = init(folder / "directory")
    chance = random.Random(SEED)
    vocabulary = list(_vocabulary(chance))
    with serving(folder / "directory", told["invitation"]) as node:
        token = _sign_in(node, told)
        sizes = (SMALL, QUICK if quick else LARGE)
        found, size = [], 0
        for grown in sizes:
            began = time.perf_counter()
            texts = asyncio.run(_grow(node.directory, chance, vocabulary, size, grown))
            size = grown
            say(f"  {size:,} listings, made in {time.perf_counter() - began:.0f} s")
            found.append(_search(node, token, chance, texts))
    (small, small_middle), (large, large_middle) = found
    report.figures["search_growth"] = large / small
    report.notes.append(
        f"From {sizes[0]:,} to {sizes[1]:,} listings a search by words went from "
        f"{small * 1e3:.1f} to {large * 1e3:.1f} ms (p99), in the median from "
        f"{small_middle * 1e3:.1f} to {large_middle * 1e3:.1f} ms."
    )


def _sign_in(node: NodeProcess, told: dict[str, str]) -> str:
    async def join() -> str:
        async with aiohttp.ClientSession(headers=JSON) as client:
            coordinator = await join_coordinator(client, node.url, told["invitation"])
        return reads.sign_in(node.url, told["origin"], coordinator)

    return asyncio.run(join())


def _vocabulary(chance: random.Random) -> Iterator[str]:
    """Words that can be spoken, each once."""
    syllables = [one + two for one in "bcdfghjklmnprstvw" for two in ("a", "e", "i", "o", "ou")]
    known: set[str] = set()
    while len(known) < WORDS:
        word = "".join(chance.choices(syllables, k=chance.randint(2, 4))) + chance.choice("nrtls")
        if word not in known:
            known.add(word)
            yield word


@asynccontextmanager
async def _owner(directory: Path) -> AsyncIterator[asyncpg.Connection]:
    dsn = running_postgres(directory)
    assert dsn is not None, "a node serves on its own PostgreSQL here"
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "circle"})
    try:
        yield connection
    finally:
        await connection.close()


async def _grow(
    directory: Path, chance: random.Random, vocabulary: list[str], size: int, grown: int
) -> list[str]:
    """Let the directory have so many listings; some of their texts, to look for."""
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    spelling: Counter[str] = Counter()
    sample: list[str] = []

    def rows() -> Iterator[tuple[object, ...]]:
        for number in range(size, grown):
            words = chance.choices(vocabulary, cum_weights=weights, k=TITLE + BODY)
            spelling.update(set(words))
            title, body = " ".join(words[:TITLE]), " ".join(words[TITLE:])
            if number % (grown // 1000) == 0:
                sample.append(f"{title} {body}")
            kind, form = chance.choice(("offer", "want")), "service"
            person, category = FIRST + number // EACH, chance.choice(CATEGORIES)
            yield (person, kind, form, category, title, body, 100, "", 0, 90, FAR_OFF)

    async with _owner(directory) as connection:
        members = (FIRST + size // EACH, FIRST + (grown - 1) // EACH)
        await _add_members(connection, *members)
        await connection.execute("DROP INDEX listings_words; DROP INDEX spelling_likeness")
        await connection.execute("ALTER TABLE listings DISABLE TRIGGER count_spelling")
        await connection.copy_records_to_table("listings", records=rows(), columns=COLUMNS)
        await connection.execute("ALTER TABLE listings ENABLE TRIGGER count_spelling")
        await connection.executemany(
            """
            INSERT INTO spelling VALUES ($1, $2)
            ON CONFLICT (word) DO UPDATE SET listings = spelling.listings + excluded.listings
            """,
            list(spelling.items()),
        )
        await connection.execute(
            """
            CREATE INDEX listings_words ON listings USING gin (words) WITH (fastupdate = off);
            CREATE INDEX spelling_likeness ON spelling
                USING gist (word tallystick_shared.gist_trgm_ops);
            """
        )
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
    return sample


async def _add_members(connection: asyncpg.Connection, first: int, last: int) -> None:
    """Members as they are stored, to have the listings; nothing else reads of them here."""
    await connection.execute(
        f"""
        INSERT INTO people SELECT n, 'm' || n, 'Member ' || n
            FROM generate_series({first}, {last}) n
            ON CONFLICT DO NOTHING;
        INSERT INTO accounts SELECT n, 'member', 0, 0, 0, 0, 0, 0, 1, sha256(''), false, false
            FROM generate_series({first}, {last}) n ON CONFLICT DO NOTHING;
        INSERT INTO holders SELECT n, n FROM generate_series({first}, {last}) n
            ON CONFLICT DO NOTHING;
        """
    )


def _search(
    node: NodeProcess, token: str, chance: random.Random, texts: list[str]
) -> tuple[float, float]:
    """The seconds of a search: the 99th percentile, and the median; medians of several turns."""

    def wanted() -> bytes:
        words = chance.sample(chance.choice(texts).split(), chance.randint(1, 2))
        if chance.random() < 0.1:
            at = chance.randrange(1, len(words[0]))
            words[0] = words[0][:at] + words[0][at + 1 :]
        return load.get(node.url, f"/api/v1/listings?words={quote(' '.join(words))}", token)

    load.run(node.url, [wanted() for _ in range(SEARCHES)], CONNECTIONS)
    turns = [
        load.run(node.url, [wanted() for _ in range(SEARCHES)], CONNECTIONS) for _ in range(TURNS)
    ]
    return (
        median(turn.latency(0.99) for turn in turns),
        median(turn.latency(0.5) for turn in turns),
    )
