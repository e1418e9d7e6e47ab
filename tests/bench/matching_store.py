"""A circle that is made up, as it is stored: its members, their profiles, its helpers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
from asyncpg import Range

from node.calendar.local_time import write_local
from node.connections import Connection
from node.help.minutes import moment_at, time_of
from node.help.request import HelpItem, Window
from node.migrate import migrate, service_role
from tests.bench.matching_circle import FIRST_MINUTE, LEVELS, Circle, MadeHelper, MadeRequest
from tests.bench.matching_time import DAY_MS, ZONE

_OFFERED = (
    "person since weekly reach skills traits free away easting northing last_asked agreed kept"
)
_TOLD = "person languages about place easting northing side channel contact shown"


@asynccontextmanager
async def circle_schema(dsn: str, schema: str) -> AsyncIterator[Connection]:
    """A schema as a circle has it, empty, and a connection as its owner; gone at the end."""
    connection: Connection = await asyncpg.connect(dsn, server_settings={"search_path": schema})
    try:
        await migrate(connection, schema)
        # How fast a disk is, is no matter here.
        await connection.execute(f"SET search_path TO {schema}; SET synchronous_commit TO off")
        yield connection
    finally:
        await connection.execute(f"DROP SCHEMA {schema} CASCADE; DROP ROLE {service_role(schema)}")
        await connection.close()


async def store_circle(connection: Connection, circle: Circle) -> None:
    """Write its people down; nothing was asked yet."""
    await add_people(connection, min(circle.spots), max(circle.spots))
    await connection.copy_records_to_table(
        "profiles", records=_profiles(circle), columns=_TOLD.split()
    )
    await connection.executemany(
        "INSERT INTO vetting_levels VALUES ($1, $1, $2)",
        [(level, position) for position, level in enumerate(LEVELS)],
    )
    day = time_of(FIRST_MINUTE).date() - timedelta(90)
    await connection.copy_records_to_table(
        "vettings",
        records=[
            (helper.person, level, None, day, expires)
            for helper in circle.helpers.values()
            for level, expires in helper.vetted.items()
        ],
    )
    await connection.copy_records_to_table("blocks", records=sorted(circle.blocks))
    await add_helpers(connection, circle.helpers.values())
    await connection.execute("ANALYZE")


async def add_people(connection: Connection, first: int, last: int) -> None:
    """Members as they are stored, each with an account of the same number."""
    await connection.execute(
        f"""
        INSERT INTO people SELECT n, 'm' || n, 'Member ' || n
            FROM generate_series({first}, {last}) n;
        INSERT INTO accounts SELECT n, 'member', 0, 0, 0, 0, 0, 0, 1, sha256(''), false, false
            FROM generate_series({first}, {last}) n;
        INSERT INTO holders SELECT n, n FROM generate_series({first}, {last}) n;
        """
    )


async def add_helpers(connection: Connection, helpers: Iterable[MadeHelper]) -> None:
    """Write down what they help with, and when."""
    await connection.copy_records_to_table(
        "helpers", records=map(_offered, helpers), columns=_OFFERED.split()
    )


async def forget_requests(connection: Connection, circle: Circle) -> None:
    """Have everything as it was before anything was asked."""
    await connection.execute(
        "TRUNCATE help_requests, help_windows, visits, asks, notices RESTART IDENTITY CASCADE"
    )
    await connection.execute("DELETE FROM helpers")
    await add_helpers(connection, circle.helpers.values())
    await connection.execute("ANALYZE helpers")


def item_of(request: MadeRequest) -> HelpItem:
    """A request as somebody sends it."""
    return HelpItem(
        key=f"{request.index:032x}",
        category=request.category,
        title=f"Help {request.index}",
        minutes=request.minutes,
        helpers=request.helpers,
        windows=[
            Window.model_validate({"begins": write_local(lo), "ends": write_local(hi)})
            for lo, hi in (map(time_of, window) for window in request.windows)
        ],
        weeks=request.weeks,
        traits=sorted(request.traits),
        language=request.language,
        vetting=request.vetting,
        familiar=request.familiar,
    )


def _profiles(circle: Circle) -> Iterator[tuple[object, ...]]:
    for person, spot in circle.spots.items():
        helper = circle.helpers.get(person)
        languages = list(helper.languages) if helper else ["English"]
        channel = "call" if helper and helper.by_call else "app"
        place = (None, None, None) if spot is None else (*spot, 100)
        yield (person, languages, "", "", *place, channel, "", [])


def _offered(helper: MadeHelper) -> tuple[object, ...]:
    start = moment_at(FIRST_MINUTE, ZONE)
    days = helper.asked_days_ago
    return (
        *(helper.person, start, helper.weekly, helper.reach),
        *(sorted(helper.skills), sorted(helper.traits)),
        [Range(*piece) for piece in helper.free],
        helper.away and Range(*helper.away),
        *(helper.spot or (None, None)),
        None if days is None else start - days * DAY_MS,
        *(helper.kept, helper.kept),
    )
