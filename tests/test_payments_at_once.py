"""Payments into other circles, looked at by many at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from node.circle import POOL_CONNECTIONS_MAX
from tests.line_of_circles import at_rest, circles_in_line, pay_by, quote
from tests.waiting import COMES_SECONDS_MAX, until


async def test_payments_can_be_looked_at_by_more_than_there_are_connections(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """None of those who look holds one and waits for another, or all would wait for ever."""
    async with circles_in_line(postgres_dsn, tmp_path, "exeter", "totnes") as nodes:
        exeter, totnes = nodes
        mia = exeter["mia"]
        await until(lambda: at_rest(nodes))
        _, quoted = await quote(exeter, totnes.home.founded.circle.hex(), 100)
        payment = await pay_by(exeter, quoted)
        await exeter.sign_in(mia)
        path = f"/api/v1/payments/{payment.hex()}"
        async with asyncio.timeout(COMES_SECONDS_MAX):
            one = [exeter.read(path, mia) for _ in range(2 * POOL_CONNECTIONS_MAX)]
            shown = await asyncio.gather(*one)
            listed = [
                exeter.read("/api/v1/payments", mia, account=mia.account)
                for _ in range(2 * POOL_CONNECTIONS_MAX)
            ]
            pages = await asyncio.gather(*listed)
    assert {each["payment"] for each in shown} == {payment.hex()}
    assert {len(each["payments"]) for each in pages} == {1}
