"""The log in parts: read ahead, and opened by workers while the model replays what came before."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from node.check.requests import PAID
from node.check.rows import Beside
from node.check.worker import Workers
from node.connections import Connection

ENTRIES_AT_ONCE = 1000
ENTRIES_AT_FIRST = 64
BYTES_AT_ONCE = 2_000_000
"""Of rows in one part: entries with a thousand postings are read by the dozen."""

ENTRIES = """
    SELECT index, log_time, leaf, authority, wire, secret, postings
    FROM entries WHERE index >= $1 AND index < $2 ORDER BY index
"""


class Part(NamedTuple):
    """What there is of the entries from ``start`` to before ``end``: their indices, what opening
    each came to (see open_rows), and the payment requests they answer (see open_requests)."""

    start: int
    end: int
    indices: list[int]
    entries: list[tuple[Any, ...] | str]
    requests: list[tuple[Any, ...]]


async def read_parts(
    connection: Connection, workers: Workers, total: int
) -> AsyncGenerator[Part, None]:
    """All parts of the first ``total`` entries, in order, of a size that bounds memory."""
    paid = Beside(PAID, 500)
    sent: deque[tuple[int, int, list[int]]] = deque()
    start, count = 0, ENTRIES_AT_FIRST
    while start < total or sent:
        while start < total and workers.room > 0:
            end = min(start + count, total)
            rows = await connection.fetch(ENTRIES, start, end)
            requests = await paid.until(connection, end - 1)
            workers.send(([tuple(row) for row in rows], [tuple(row) for row in requests]))
            sent.append((start, end, [row["index"] for row in rows]))
            bytes_each = sum(len(row["wire"]) + len(row["postings"]) + 400 for row in rows)
            bytes_each = bytes_each // max(len(rows), 1) + 1
            start = end
            count = min(2 * count, ENTRIES_AT_ONCE, 1 + BYTES_AT_ONCE // bytes_each)
        first, end, indices = sent.popleft()
        yield Part(first, end, indices, *await workers.receive())
    # What answers to no entry of the log goes with an empty part.
    requests = await paid.rest(connection)
    workers.send(([], [tuple(row) for row in requests]))
    yield Part(total, total, [], *await workers.receive())
