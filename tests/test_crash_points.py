"""Two circles that pay, gossip and witness each other, with both nodes killed at every point of the
registry, and killed again while they recover."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from ledger.checkpoint import parse_checkpoint
from ledger.federation.gossip_items import Kind
from ledger.note import parse_note
from node.connections import Connection
from node.crash_points import POINTS
from tests.bench.population import populate
from tests.live_node import init_node
from tests.live_ports import free_port
from tests.neighbours import TALLYD, Neighbour, agree, order, send, settled, verdict
from tests.undying_node import Cradle
from tests.waiting import COMES_SECONDS_MAX

AMOUNT = 3
PATIENCE_SECONDS = 1.5
"""After which there are further payments: the other node may have been first to say what is new."""
TRIES_MAX = 12

# What a node does soon after it was started again, where it is killed for the second time: it asks
# its peers where the links stand, tells its neighbours, and shows its witnesses the newest head.
IN_RECOVERY = {
    **dict.fromkeys(("gossip", "bulletin", "meet", "met"), "meet-answered"),
    **dict.fromkeys(("offer", "cosigned", "cosign"), "offer-answered"),
}


def recovery(point: str) -> str:
    """Where to kill a node again that died at a point."""
    return IN_RECOVERY.get(point.partition("-")[0], "ask-taken")


@dataclass(frozen=True, slots=True)
class Side:
    """A circle whose node comes back."""

    neighbour: Neighbour
    cradle: Cradle
    dsn: str
    schema: str

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Connection]:
        """A connection to the circle's schema."""
        settings = {"search_path": self.schema}
        connection: Connection = await asyncpg.connect(self.dsn, server_settings=settings)
        try:
            yield connection
        finally:
            await connection.close()


@dataclass(frozen=True, slots=True)
class Standing:
    """What a circle has in its database. ``cosigned`` is the size of the newest head of its own
    that the other has cosigned, ``witnessed`` of the other's that it has cosigned."""

    size: int
    balances: tuple[int, int]
    total: int
    cosigned: int
    witnessed: int
    forks: int
    gossip: frozenset[tuple[int, bytes, bytes]]


@pytest.fixture(scope="module")
def sides(
    postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Side, Side]]:
    """Exeter and Totnes; in each the first member pays, and the second is paid."""
    folder = tmp_path_factory.mktemp("sides")
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as threads:
        patch.setenv("DATABASE_URL", postgres_dsn)
        # A node ends with the thread that started it.
        one, other = threads.map(partial(begin, postgres_dsn, folder), ("exeter", "totnes"))
        agree(one.neighbour, other.neighbour, "--we-may-owe", "10000", "--they-may-owe", "10000")
        yield one, other
        for side in (one, other):
            side.neighbour.node.stop()
            asyncio.run(drop(side))


def begin(dsn: str, folder: Path, name: str) -> Side:
    """Found a circle in a schema of its own, serve it, and let members join."""
    schema, port = f"{name}_{secrets.token_hex(4)}", free_port()
    options = ("--schema", schema, "--listen", f"127.0.0.1:{port}")
    node = init_node(folder / name, *options, name=name.title(), address=f"{name}.example")
    cradle = Cradle(folder / f"{name}-cradle")
    node.port, node.script = port, cradle.script
    node.start()
    people = asyncio.run(populate(node.url, node.invitation, 2, floor=-1000))
    return Side(Neighbour(node, people), cradle, dsn, schema)


async def drop(side: Side) -> None:
    """Remove a circle from the database."""
    async with side.database() as connection:
        schema = side.schema
        await connection.execute(f"DROP SCHEMA {schema} CASCADE; DROP ROLE {schema}_service")


async def read_standing(side: Side, connection: Connection) -> Standing:
    """How things stand in a circle's database."""
    members = side.neighbour.people.members
    balances = [
        await connection.fetchval("SELECT balance FROM accounts WHERE number = $1", number)
        for number in (members[0].account, members[1].account)
    ]
    total = await connection.fetchval("SELECT sum(balance) FROM accounts")
    size = await connection.fetchval("SELECT size FROM head")
    note = await connection.fetchval("SELECT checkpoint FROM cosigning")
    witnessed = await connection.fetchval("SELECT max(size) FROM witnessed_logs")
    forks = await connection.fetchval("SELECT count(*) FROM log_forks")
    rows = await connection.fetch("SELECT kind, circle, data FROM gossip_records")
    cosigned = 0 if note is None else parse_checkpoint(parse_note(note).text).size
    gossip = frozenset((row["kind"], row["circle"], row["data"]) for row in rows)
    return Standing(
        size, (balances[0], balances[1]), int(total), cosigned, witnessed or 0, forks, gossip
    )


async def until_alike(sides: tuple[Side, Side]) -> list[Standing]:
    """Wait until both serve, with nothing under way between them, and know the same again."""
    await settled(*(side.neighbour for side in sides))
    async with sides[0].database() as one, sides[1].database() as other:
        deadline = time.monotonic() + COMES_SECONDS_MAX
        while True:
            found = [await read_standing(*pair) for pair in zip(sides, (one, other), strict=True)]
            if _is_alike(*found) and _is_alike(*reversed(found)):
                return found
            assert time.monotonic() < deadline, f"they do not come to know the same: {found}"
            await asyncio.sleep(0.05)


def _is_alike(one: Standing, other: Standing) -> bool:
    """Whether a circle's newest head is cosigned, and both know the same of all circles."""
    return one.cosigned == one.size == other.witnessed and one.gossip == other.gossip


async def pay(payer: Neighbour, payee: Neighbour) -> bytes:
    """The id of a payment that was taken; a node that was just started takes none until it has
    heard from its peer."""
    deadline = time.monotonic() + COMES_SECONDS_MAX
    while time.monotonic() < deadline:
        way = ((payee.circle, AMOUNT),)
        item, payment = order(payer, payee, way, most=2 * AMOUNT, arrive=AMOUNT)
        answer = await send(payer, item)
        if "entry" in answer:
            return payment
        assert answer["code"] == "route-unusable", answer
        await asyncio.sleep(0.05)
    raise AssertionError("no payment is taken")


async def pay_until_dead(sides: tuple[Side, Side]) -> list[tuple[Neighbour, bytes]]:
    """Let payments cross, and others a while later, until both nodes have died as often as they
    were to; returns each payment with its payee's circle. One payment each is mostly enough."""
    one, other = (side.neighbour for side in sides)
    made: list[tuple[Neighbour, bytes]] = []
    left: list[str] = []
    for _ in range(TRIES_MAX):
        paid = await asyncio.gather(pay(one, other), pay(other, one))
        made += zip((other, one), paid, strict=True)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(side.cradle.left() for side in sides) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        left = [side.cradle.left() for side in sides]
        if not any(left):
            return made
    for side in sides:
        side.cradle.arm()
    raise AssertionError(
        f"not reached: {left}\n{[one.node.log()[-1500:], other.node.log()[-1500:]]}"
    )


@pytest.mark.parametrize("point", POINTS)
async def test_each_payment_is_made_once_whenever_nodes_die(
    sides: tuple[Side, Side], point: str
) -> None:
    """Payments cross. Payers are charged what arrived, nothing is left under way, nobody has said
    two things in one bulletin, and no head is cosigned that its witness forgot."""
    before = await until_alike(sides)
    deaths = [side.cradle.deaths() for side in sides]
    for side in sides:
        side.cradle.arm(point, recovery(point))
    payments = await pay_until_dead(sides)
    after = await until_alike(sides)
    assert [side.cradle.deaths() for side in sides] == [count + 2 for count in deaths]
    for payee, payment in payments:
        assert await verdict(payee, payment) == "committed"
    moved = AMOUNT * len(payments) // 2
    for then, now in zip(before, after, strict=True):
        payer_has, payee_has = then.balances
        assert now.balances == (payer_has - moved, payee_has + moved)
        assert (now.total, now.forks) == (0, 0)
        assert not [kind for kind, _, _ in now.gossip if kind == Kind.CONFLICT]


def test_both_circles_are_as_their_logs_say(sides: tuple[Side, Side]) -> None:
    """``tallyd check`` finds nothing on either side, after all of it."""
    for side in sides:
        done = subprocess.run(
            [str(TALLYD), "check", str(side.neighbour.node.directory)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
