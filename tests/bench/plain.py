"""The baseline: what a careful service without this design does, as its own process.

A durable transaction a transfer: the signature is checked first, both accounts' rows are locked in
the order of their numbers, the limit is looked at, and what the node writes of a transfer is
written too (entry, two postings, verdict, two balances), into the node's own tables with the node's
own constraints. It speaks through the same HTTP layer, over a PostgreSQL of the same make, and
leaves out the log: no tree, no head, no receipt. Its best of several concurrencies is what counts.

::

    python -m tests.bench.plain DIRECTORY ACCOUNTS     # prints where it listens; ends on SIGTERM
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from prometheus_client import CollectorRegistry
from pydantic import JsonValue

from ledger import orders
from ledger.codec import from_base64url
from ledger.errors import AccountUnknown, CreditLimitExceeded, TallystickError
from ledger.orders import Pay, SignedOrder
from node.connections import Connection, Pool
from node.http.app import build_app
from node.http.endpoint import endpoint
from node.http.openapi import ApiInfo
from node.http.reply import Reply
from node.http.serve import serve
from node.logs import configure_logs
from node.migrate import migrate
from node.postgres import embedded_postgres

SCHEMA = "plain"
FIRST_ACCOUNT = 102
FLOOR = -1_000_000
CONNECTIONS_MAX = 64

LOCK = """
    SELECT number, balance, held, floor FROM accounts WHERE number = ANY($1)
    ORDER BY number FOR NO KEY UPDATE
"""
WRITE = """
    WITH entry AS (
        INSERT INTO entries (index, log_time, leaf, authority, wire, secret, postings)
        VALUES (nextval('entry_numbers'), $3, $4, 'member', $5, $6, $7) RETURNING index
    ), moved AS (
        UPDATE accounts SET balance = balance + delta, seq = seq + 1, last = $6
        FROM (VALUES ($1::bigint, -$8::bigint), ($2, $8)) AS move (account, delta)
        WHERE number = account RETURNING number, seq, delta, balance, held
    ), verdict AS (
        INSERT INTO verdicts (device, nonce, order_id, entry, expires)
        SELECT $9, $10, $11, index, $12 FROM entry
    )
    INSERT INTO postings (account, seq, entry, log_time, delta, balance, held, counterparty)
    SELECT number, seq, index, $3, delta, balance, held, CASE number WHEN $1 THEN $2 ELSE $1 END
    FROM moved CROSS JOIN entry RETURNING entry
"""


@dataclass(frozen=True, slots=True)
class Plain:
    """What a handler works with: the database, and as many bytes as a leaf and postings have."""

    pool: Pool
    leaf: bytes = bytes(115)
    postings: bytes = bytes(105)


async def submit_order(state: Plain, body: JsonValue) -> Reply:
    """One signed transfer."""
    if not isinstance(body, dict) or not isinstance(wire := body.get("order"), str):
        raise TallystickError("order must be a string")
    signed = orders.parse(from_base64url(wire, "signed order"))
    orders.verify_signatures(signed)
    async with state.pool.acquire() as connection, connection.transaction():
        index = await _transfer(state, connection, signed)
    return Reply(f'{{"order_id":"{signed.id.hex()}","entry":{{"index":{index}}}}}')


async def _transfer(state: Plain, connection: Any, signed: SignedOrder) -> int:
    header, act = signed.order
    assert isinstance(act, Pay)
    [(payee, amount)] = act.legs
    rows = await connection.fetch(LOCK, [header.account, payee])
    accounts = {row["number"]: row for row in rows}
    for number in (header.account, payee):
        if number not in accounts:
            raise AccountUnknown(number)
    payer = accounts[header.account]
    available = payer["balance"] - payer["held"]
    if available - amount < payer["floor"]:
        raise CreditLimitExceeded([header.account], available, amount, payer["floor"])
    index: int = await connection.fetchval(
        WRITE,
        header.account,
        payee,
        header.expires,
        state.leaf,
        signed.wire,
        os.urandom(32),
        state.postings,
        amount,
        header.device,
        header.nonce,
        signed.id,
        header.expires,
    )
    return index


async def _prepare(connection: Connection, accounts: int) -> None:
    await migrate(connection, SCHEMA)
    await connection.execute(f"SET search_path TO {SCHEMA}")
    await connection.execute("CREATE SEQUENCE entry_numbers")
    await connection.execute(
        """
        INSERT INTO accounts (number, kind, floor, ceiling, lowest, highest, balance, held, seq,
            last, deviceless, closed)
        SELECT number, 'member', $3, $4, $3, $4, 0, 0, 1, $5, false, false
        FROM generate_series($1::bigint, $2) AS number
        """,
        FIRST_ACCOUNT,
        FIRST_ACCOUNT + accounts - 1,
        FLOOR,
        2**53 - 1,
        bytes(32),
    )


async def _serve(directory: Path, accounts: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with embedded_postgres(directory) as server:
        owner = await asyncpg.connect(server.dsn)
        await _prepare(owner, accounts)
        await owner.close()
        pool = await asyncpg.create_pool(
            server.dsn,
            min_size=CONNECTIONS_MAX,
            max_size=CONNECTIONS_MAX,
            server_settings={"search_path": SCHEMA},
        )
        path = "/api/v1/orders"
        app = build_app(
            [
                endpoint(
                    "POST",
                    path,
                    submit_order,
                    accepts={"application/json": dict[str, str]},
                    produces={"application/json": dict[str, str]},
                )
            ],
            info=ApiInfo(title="Plain", version="1", description="A baseline."),
            registry=CollectorRegistry(),
            state=Plain(pool),
        )
        async with serve(app) as listening:
            print(f"Serving at {listening.url}", flush=True)
            await stop.wait()
        await pool.close()


if __name__ == "__main__":
    configure_logs()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
