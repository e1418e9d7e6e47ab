"""What `tallyd check` says of the names that people go by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from ledger.orders import Open, Pay
from node.check import Problem, check_log
from node.connections import Connection
from tests.check_history import Edge, create, named, store
from tests.circle import Circle, town

NEWCOMERS = ("pia", "rob", "zoe")


@dataclass(frozen=True, slots=True)
class Stored:
    """A circle in a database; ``entries`` and ``persons`` are the newcomers', by handle."""

    dsn: str
    entries: dict[str, int]
    persons: dict[str, int]

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Connection]:
        """A connection on which everything done is undone."""
        connection: Connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute("SET search_path TO check_names")
            undone = connection.transaction(isolation="repeatable_read")
            await undone.start()
            yield connection
            await undone.rollback()
        finally:
            await connection.close()

    async def check_after(self, *statements: str) -> list[Problem]:
        """What is found once these were executed."""
        async with self.opened() as connection:
            for statement in statements:
                await connection.execute(statement)
            return list((await check_log(connection)).problems)


def newcomer(circle: Circle, handle: str) -> int:
    """Somebody new with a name beside their order; returns its entry."""
    ann, rules = circle["ann"], circle.rules
    act = Open((), rules.floor, rules.ceiling, 0, 1, ())
    return circle.do(ann, act, handle, text=named(handle)).number


@pytest.fixture(scope="module")
def stored(postgres_dsn: str) -> Stored:
    """The town and three newcomers, with a payment between them."""
    circle = town()
    entries, persons = {}, {}
    for handle in NEWCOMERS:
        persons[handle] = circle.state.next_person
        entries[handle] = newcomer(circle, handle)
        circle.do(circle["mia"], Pay(((circle["noa"].account, 1),)))

    async def build() -> None:
        connection = await asyncpg.connect(postgres_dsn)
        await create(connection, "check_names", circle)
        await store(connection, circle, Edge())
        await connection.close()

    asyncio.run(build())
    return Stored(postgres_dsn, entries, persons)


async def test_the_names_that_people_came_with_are_right(stored: Stored) -> None:
    assert await stored.check_after() == []


async def test_handles_changed_between_two_people_are_noticed_at_the_first(stored: Stored) -> None:
    """Whoever pays Zoe would pay Pia."""
    problems = await stored.check_after(
        "UPDATE people SET handle = 'was-zoe' WHERE handle = 'zoe'",
        "UPDATE people SET handle = 'zoe' WHERE handle = 'pia'",
    )
    assert [each.entry for each in problems] == [stored.entries["pia"], stored.entries["zoe"]]
    assert problems[0].row == f"people ({stored.persons['pia']})"
    assert problems[0].reason == "its handle is not the one that the person came with"
    assert not any("was-zoe" in str(each) or "Pia" in str(each) for each in problems)


async def test_a_changed_name_is_noticed(stored: Stored) -> None:
    [problem] = await stored.check_after("UPDATE people SET name = 'Zoe' WHERE handle = 'rob'")
    assert problem.entry == stored.entries["rob"]
    assert "its name is not the one" in problem.reason


async def test_a_person_without_a_name_who_was_not_erased_is_noticed(stored: Stored) -> None:
    [problem] = await stored.check_after("DELETE FROM people WHERE handle = 'zoe'")
    assert problem.entry == stored.entries["zoe"]
    assert problem.reason == "it is missing"


async def test_a_name_without_the_text_that_gave_it_is_noticed(stored: Stored) -> None:
    entry = stored.entries["rob"]
    [problem] = await stored.check_after(f"DELETE FROM personal WHERE entry = {entry}")
    assert problem.entry == entry
    assert "the text that gave the name is not there" in problem.reason


async def test_somebody_erased_has_neither_and_that_is_no_problem(stored: Stored) -> None:
    assert (
        await stored.check_after(
            f"DELETE FROM personal WHERE entry = {stored.entries['rob']}",
            "DELETE FROM people WHERE handle = 'rob'",
        )
        == []
    )


@pytest.mark.parametrize("person", [1, 100, 9_000])
async def test_a_name_of_nobody_in_the_log_is_noticed(stored: Stored, person: int) -> None:
    [problem] = await stored.check_after(
        f"INSERT INTO people VALUES ({person}, 'eve', 'Eve of elsewhere')"
    )
    assert problem.row == f"people ({person})"
    assert problem.reason.startswith("nothing in the log makes it")


async def test_a_handle_that_two_people_have_is_noticed(stored: Stored) -> None:
    """The table forbids it, until somebody drops the rule."""
    problems = await stored.check_after(
        "ALTER TABLE people DROP CONSTRAINT people_handle_key",
        "UPDATE people SET handle = 'pia' WHERE handle = 'zoe'",
    )
    assert [each.reason for each in problems] == [
        "its handle is not the one that the person came with",
        "somebody else has the same handle",
    ]


async def test_a_second_row_of_one_person_is_noticed(stored: Stored) -> None:
    person = stored.persons["pia"]
    [problem] = await stored.check_after(
        "ALTER TABLE people DROP CONSTRAINT people_pkey CASCADE",
        f"INSERT INTO people VALUES ({person}, 'also-pia', 'Pia')",
    )
    assert problem.row == f"people ({person})"
