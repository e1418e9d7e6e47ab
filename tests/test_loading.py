"""What a node reads when it starts is what it had in memory when it stopped, field for field."""

from __future__ import annotations

from dataclasses import fields

import asyncpg

from ledger.orders import Act, Assign, Claim, Hold, Holder, Mandate
from ledger.state import State
from node.loading import load
from tests.check_history import Edge, create, eventful, store
from tests.circle import DAY, HOUR, Circle, Person, town


async def read_back(dsn: str, schema: str, circle: Circle) -> State:
    """The state that a node would begin with, were this circle in its database."""
    connection = await asyncpg.connect(dsn)
    try:
        await create(connection, schema, circle)
        await store(connection, circle, Edge())
        return (await load(connection)).state
    finally:
        await connection.close()


def compare(read: State, known: State) -> None:
    """Field by field, so that a failure names the one that was lost."""
    known.holdings = {person: held for person, held in known.holdings.items() if held}
    for field in fields(State):
        assert getattr(read, field.name) == getattr(known, field.name), field.name


async def test_a_state_read_back_is_the_one_that_was_written(postgres_dsn: str) -> None:
    circle = eventful()
    compare(await read_back(postgres_dsn, "loading_eventful", circle), circle.state)


async def test_what_is_open_is_read_back_as_it_was(postgres_dsn: str) -> None:
    """A hold that a mandate's cap bore, with a claim standing on another."""
    circle = town()
    mia, noa = circle["mia"], circle["noa"]
    until = circle.now + DAY
    mandate = circle.do(mia, Mandate(noa.person, ("hold",), 100, DAY, until)).number
    circle.do(noa, Hold((), 60, until), account=mia.account, mandate=(mandate,))
    circle.do(mia, Hold((noa.account,), 5, circle.now + HOUR))
    assert [hold.counted for hold in circle.state.holds.values()] == [True, False]
    compare(await read_back(postgres_dsn, "loading_open", circle), circle.state)


async def test_whom_a_promise_is_for_is_read_back_as_it_was_said_last(postgres_dsn: str) -> None:
    """Named, claimed, handed back and named again, each in a transaction of its own."""
    circle = town()
    mia, noa, oli = circle["mia"], circle["noa"], circle["oli"]
    number = circle.do(mia, Hold((), 60, circle.now + DAY)).number
    steps: list[tuple[Person, Act]] = [
        (mia, Assign(number, (noa.account,), (HOUR,))),
        (noa, Claim(number, 60)),
        (noa, Assign(number, ())),
        (mia, Assign(number, (oli.account,))),
    ]
    connection, edge = await asyncpg.connect(postgres_dsn), Edge()
    try:
        await create(connection, "loading_assigned", circle)
        await store(connection, circle, edge)
        for signer, act in steps:
            circle.do(signer, act)
            await store(connection, circle, edge)
            compare((await load(connection)).state, circle.state)
    finally:
        await connection.close()


async def test_someone_without_account_or_device_keeps_their_number(postgres_dsn: str) -> None:
    """Else the next newcomer would get it, and with it what is known of the first."""
    circle = town()
    ann, mia, dot = circle["ann"], circle["mia"], circle["dot"]
    cosigners = ("mia", "ben")
    circle.do(ann, Holder(mia.person, 1), account=dot.account, cosigners=cosigners)
    circle.do(ann, Holder(dot.person, 0), account=dot.account)
    assert circle.state.holdings[dot.person] == set()
    compare(await read_back(postgres_dsn, "loading_nobody", circle), circle.state)
