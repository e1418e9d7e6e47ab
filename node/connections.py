"""Names for asyncpg's types, which take parameters only when types are checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    import asyncpg.pool

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
"""A connection of one's own."""
Reader: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)
"""A connection to read with, perhaps a pool's."""
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Acquire: TypeAlias = "Callable[[], AbstractAsyncContextManager[Reader]]"
"""Gives a connection for as long as a page takes: a pool's ``acquire``, for one."""
