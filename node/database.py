"""A circle's database: the one that is configured, or its own, and how it is connected to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from node.config import Config
from node.connections import Connection
from node.migrate import service_role
from node.postgres import Postgres, embedded_postgres, running_postgres


@asynccontextmanager
async def database(config: Config) -> AsyncIterator[str]:
    """The circle's database: the one that is configured, or the embedded one."""
    if config.database_url is not None:
        yield config.database_url
        return
    async with embedded_postgres(config.directory) as server, owned(_watch(server)):
        yield server.dsn


async def _watch(server: Postgres) -> None:
    raise await server.failure()


@asynccontextmanager
async def reading(config: Config) -> AsyncIterator[Connection]:
    """A connection to read the circle with, beside a node that may be serving it."""
    async with AsyncExitStack() as stack:
        dsn = config.database_url or running_postgres(config.directory)
        if dsn is None:
            dsn = await stack.enter_async_context(database(config))
        connection = await asyncpg.connect(dsn, server_settings=connection_settings(config.schema))
        try:
            yield connection
        finally:
            await connection.close()


async def is_served(connection: Connection, schema: str) -> bool:
    """Whether a node has the circle's lock: it writes, or is about to."""
    served: bool = await connection.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM pg_locks JOIN pg_database ON database = pg_database.oid
            WHERE locktype = 'advisory' AND granted AND datname = current_database()
            AND objsubid = 1
            AND classid::bigint << 32 | objid::bigint = hashtextextended($1, 0)
        )
        """,
        lock_name(schema),
    )
    return served


@asynccontextmanager
async def owned(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run background work for as long as the body, which its failure ends, to come out of it."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in work]
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


def lock_name(schema: str) -> str:
    return f"tallystick writer {schema}"


def connection_settings(schema: str) -> dict[str, str]:
    return {"search_path": schema, "role": service_role(schema), "application_name": "tallyd"}
