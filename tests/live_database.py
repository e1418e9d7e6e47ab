"""The PostgreSQL of a live node, for tests that look behind its back or do it harm."""

from __future__ import annotations

from urllib.parse import quote

import asyncpg

from node.connections import Connection
from tests.live_node import LiveNode


def postmaster(node: LiveNode) -> int:
    """The server's first process."""
    return int(_pid_file(node)[0])


async def connect(node: LiveNode) -> Connection:
    """A connection as the owner of the circle's schema."""
    folder = quote(_pid_file(node)[4])
    dsn = f"postgresql://tallystick@/postgres?host={folder}&port=5432&sslmode=disable"
    connection: Connection = await asyncpg.connect(dsn, server_settings={"search_path": "circle"})
    return connection


def _pid_file(node: LiveNode) -> list[str]:
    """What the server says of itself: its process id, and on line 5 where its socket is."""
    return (node.directory / "postgres" / "cluster" / "postmaster.pid").read_text().splitlines()
