"""`tallyd check` of nodes that have paid each other: what was really written keeps the rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from node.check import check_log
from tests.circle_node import CircleNode
from tests.line_of_circles import at_rest, circles_in_line, knows_links, pay_by, quote
from tests.waiting import until


@pytest_asyncio.fixture
async def three(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[list[CircleNode]]:
    """Exeter, Totnes and Bath, at rates that do not come out even."""
    rates = (((10, 6), (1, 1)), ((1, 1), (7, 3)))
    names = ("exeter", "totnes", "bath")
    async with circles_in_line(postgres_dsn, tmp_path, *names, rates=rates) as nodes:
        yield nodes


async def test_books_of_circles_that_paid_each_other_are_right(three: list[CircleNode]) -> None:
    """A payer's, those of a circle in between, and a payee's; also of payments that came back."""
    exeter, totnes, bath = three
    for node in (exeter, bath):
        await until(lambda node=node: knows_links(node, totnes, 2))  # type: ignore[misc]
    await until(lambda: knows_links(exeter, bath, 1))
    await until(lambda: knows_links(bath, exeter, 1))
    for payer, address in ((exeter, "bath.example"), (bath, "exeter.example")):
        for payee in ("mia", "nobody"):
            _, quoted = await quote(payer, address, 100)
            await pay_by(payer, quoted, payee)
    await until(lambda: at_rest(three))
    for node in three:
        async with node.home.database() as connection:
            result = await check_log(connection)
        assert list(map(str, result.problems)) == []
        assert result.entries > 5
