"""The writer when something breaks in its hands: the database, the mark, one order, another writer.

Afterwards the books are whole, each acknowledged order is in them once, and what could not be
decided can be sent again.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from ledger import keys
from ledger.declarations import sign_invitation
from ledger.orders import Join, Pay
from ledger.paper import invitation_seed
from node.circle import purge
from node.errors import AnotherWriter, HeadMoved, HistoryLost
from node.loading import load
from node.mark import Mark, Marked
from tests.circle_node import CircleNode, Home, Item, make_member, serving, unserved
from tests.waiting import COMES_SECONDS_MAX

ROOT = Path(__file__).resolve().parents[1]
LIST = 25


@pytest.fixture(autouse=True)
def node_log() -> Iterator[list[MutableMapping[str, Any]]]:
    """What the node says in its log."""
    with capture_logs() as logs:
        yield logs


@pytest_asyncio.fixture
async def home(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Home]:
    """A circle with the coordinator ann and the members mia and noa, whom no node serves yet."""
    async with unserved(postgres_dsn, tmp_path / "circle", "mia", "noa") as home:
        yield home


def payments(
    node: CircleNode, count: int, amount: int = 1, payer: str = "mia", payee: str = "noa"
) -> list[Item]:
    """Orders by which one member pays another."""
    act = Pay(((node[payee].account, amount),))
    return [node.sign(node[payer], act) for _ in range(count)]


async def check_books(home: Home) -> None:
    """Sums are zero and each account is where its postings lead, as is the head."""
    async with home.database() as database:
        row = await database.fetchrow(
            """
            SELECT (SELECT sum(balance) FROM accounts) AS total,
                (SELECT size FROM head) AS size,
                (SELECT count(*) FROM entries) AS entries,
                (SELECT max(index) + 1 FROM entries) AS last,
                (SELECT count(*) FROM accounts WHERE balance <>
                    (SELECT sum(delta) FROM postings WHERE account = number)) AS astray,
                (SELECT count(*) FROM accounts WHERE seq <>
                    (SELECT count(*) FROM postings WHERE account = number)) AS gaps
            """
        )
    assert row is not None
    assert dict(row) == {
        "total": 0,
        "size": row["size"],
        "entries": row["size"],
        "last": row["size"],
        "astray": 0,
        "gaps": 0,
    }


async def check_memory(node: CircleNode) -> None:
    """What the writer has in memory is what a new one would read."""
    async with node.home.database() as database:
        read = await load(database)
    writer = node.circle.writer
    assert read.state.accounts == writer.loaded.state.accounts
    assert (read.head, read.state.size) == (writer.loaded.head, writer.loaded.state.size)


async def writing_session(database: asyncpg.Connection[asyncpg.Record], schema: str) -> int | None:
    """The process of the database that serves the circle's writer: it holds the lock."""
    pid: int | None = await database.fetchval(
        """
        SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
            AND (classid::bigint << 32 | objid::bigint) = hashtextextended($1, 0)
        """,
        f"tallystick writer {schema}",
    )
    return pid


@asynccontextmanager
async def ended_by(error: type[Exception], home: Home) -> AsyncIterator[CircleNode]:
    """Serve, until the writer ends itself and the node by this error."""
    try:
        async with serving(home) as node:
            yield node
            await asyncio.sleep(COMES_SECONDS_MAX)
    except error:
        return
    raise AssertionError("the node went on")


async def post(url: str, order: Item) -> tuple[int, str]:
    """Send an order by a connection that outlives the node; returns status and code."""
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/api/v1/orders", json=order.body) as response,
    ):
        answer = await response.json(content_type=None)
        return response.status, answer.get("code")


# The connection


async def end_sessions(home: Home, times: int) -> None:
    """End the writer's session as an administrator may, now and then."""
    async with home.database() as database:
        while times:
            pid = await writing_session(database, home.config.schema)
            if pid is not None and await database.fetchval("SELECT pg_terminate_backend($1)", pid):
                times -= 1
            await asyncio.sleep(0.05)


async def test_a_writer_whose_session_is_ended_again_and_again_loses_no_order(home: Home) -> None:
    async with serving(home) as node:
        harming = asyncio.create_task(end_sessions(home, times=8))
        sent: list[list[Item]] = []
        first: list[list[dict[str, Any]]] = []
        while not harming.done():
            lists = [payments(node, LIST), payments(node, LIST, payer="noa", payee="mia")]
            sent += lists
            first += await asyncio.gather(*(node.submit(*items) for items in lists))
        await harming
        assert [result for results in first for result in results if "problem" in result] == []
        entries = [result["entry"] for results in first for result in results]
        assert len({entry["index"] for entry in entries}) == len(sent) * LIST
        again = [result["entry"] for items in sent for result in await node.submit(*items)]
        assert again == entries
        await check_memory(node)
    await check_books(home)


async def test_a_writer_whose_lock_another_took_ends(home: Home) -> None:
    """In-flight orders are told that there is no verdict; nothing waits for ever."""
    async with home.database() as thief, home.database() as database:
        async with ended_by(AnotherWriter, home) as node:
            name = f"tallystick writer {home.config.schema}"
            stealing = asyncio.create_task(
                thief.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", name)
            )
            await asyncio.sleep(0.2)
            pid = await writing_session(database, home.config.schema)
            assert await database.fetchval("SELECT pg_terminate_backend($1)", pid)
            await stealing
            [order] = payments(node, 1)
            asking = asyncio.create_task(post(node.url, order))
        assert await asking == (503, "frozen")
    await check_books(home)


async def test_a_second_writer_of_the_same_circle_does_not_start(home: Home) -> None:
    async with serving(home) as node:
        with pytest.raises(AnotherWriter):
            async with serving(home):
                pass
        assert "entry" in (await node.pay(node["mia"], node["noa"], 1))


async def move_head(home: Home) -> None:
    """What a second writer does that was not kept out by the lock."""
    async with home.database() as database:
        await database.execute("UPDATE head SET size = size + 1")


@pytest.mark.parametrize("amount", [1, 10_000_000], ids=["accepted", "refused"])
async def test_a_writer_whose_head_was_moved_ends_and_gives_no_verdict(
    home: Home, amount: int
) -> None:
    """Refusals are verdicts too: they are not decided on a past either."""
    async with ended_by(HeadMoved, home) as node:
        [order] = payments(node, 1, amount)
        await move_head(home)
        asking = asyncio.create_task(post(node.url, order))
    assert await asking == (503, "frozen")
    async with home.database() as database:
        stored = await database.fetchval(
            "SELECT count(*) FROM verdicts WHERE order_id = $1", order.signed.id
        )
        assert stored == 0


# The mark


class FailingMark(Mark):
    """A mark on a disk that fails a few times."""

    failures = 2

    def write(self, marked: Marked) -> None:
        """Fail, or write."""
        if self.failures:
            self.failures -= 1
            raise OSError(5, "Input/output error")
        super().write(marked)


async def test_no_answer_leaves_before_the_mark_is_written(home: Home) -> None:
    path = home.config.directory / "mark"
    async with serving(home) as node:
        node.circle.writer.mark = FailingMark(path)
        paid = await node.pay(node["mia"], node["noa"], 7)
        marked = Mark(path).read()
        assert marked is not None
        assert marked.size == paid["entry"]["index"] + 1
        assert FailingMark.failures == 2
        assert node.circle.writer.mark.failures == 0
    await check_books(home)


@pytest.mark.parametrize("moment", ["before the mark", "after the mark"])
async def test_a_crash_between_commit_and_answer_is_found_by_the_same_order(
    home: Home, moment: str
) -> None:
    """The process ends right there; a new one marks what it finds before it answers for it."""
    async with serving(home) as node:
        balance = (await node.read(f"/api/v1/accounts/{node['mia'].account}", node["mia"]))[
            "balance"
        ]
        [order] = payments(node, 1, 7)
    before = Mark(home.config.directory / "mark").read()
    assert before is not None
    crash = subprocess.run(
        [
            *(sys.executable, "-m", "tests.writer_victim", home.dsn, home.config.schema),
            *(str(home.config.directory), moment, order.signed.wire.hex()),
        ],
        cwd=ROOT,
        check=False,
    )
    assert crash.returncode == 9
    async with home.database() as database:
        assert await database.fetchval("SELECT size FROM head") == before.size + 1
    left = Mark(home.config.directory / "mark").read()
    assert left is not None
    assert left.size == before.size + (moment == "after the mark")
    async with serving(home) as node:
        marked = Mark(home.config.directory / "mark").read()
        assert marked is not None
        assert marked.size == before.size + 1
        [result] = await node.submit(order)
        assert result["entry"]["index"] == before.size
        account = await node.read(f"/api/v1/accounts/{node['mia'].account}", node["mia"])
        assert account["balance"] == balance - 7
    await check_books(home)


async def test_a_database_that_ends_before_the_mark_is_refused(home: Home) -> None:
    """And so is one of the same size in which something else happened."""
    mark = Mark(home.config.directory / "mark")
    marked = mark.read()
    assert marked is not None
    mark.write(Marked(marked.size + 1, bytes(32)))
    with pytest.raises(HistoryLost, match="old backup"):
        async with serving(home):
            pass
    mark.close()
    (home.config.directory / "mark").unlink()
    Mark(home.config.directory / "mark").write(Marked(marked.size, bytes(32)))
    with pytest.raises(HistoryLost, match="old backup"):
        async with serving(home):
            pass


# One order


async def forbid(home: Home, order: Item) -> None:
    """Let the database fail on one order, as on something that nobody thought of."""
    async with home.database() as database:
        await database.execute(
            f"""
            CREATE FUNCTION choke() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.wire = '\\x{order.signed.wire.hex()}'::bytea THEN
                    RAISE EXCEPTION 'the poison of the test';
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER choke BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION choke();
            """
        )


async def test_an_order_that_the_database_chokes_on_hurts_no_other(home: Home) -> None:
    async with serving(home) as node:
        orders = payments(node, 2 * LIST)
        poison = orders[LIST]
        await forbid(home, poison)
        sent = [node.submit(*orders), *(node.submit(one) for one in payments(node, 10))]
        [results, *others] = await asyncio.gather(*sent)
        assert all("entry" in result for [result] in others)
        failed = [place for place, result in enumerate(results) if "problem" in result]
        assert failed == [LIST]
        problem = results[LIST]["problem"]
        assert (problem["status"], problem["code"]) == (503, "quarantined")
        size = (await node.read("/health"))["size"]
        status, answer = await node.request("POST", "/api/v1/orders", json=poison.body)
        assert (status, answer["code"]) == (503, "quarantined")
        assert (await node.read("/health"))["size"] == size
        await check_memory(node)
    await check_books(home)


async def test_an_order_set_apart_is_not_tried_again_and_again(home: Home) -> None:
    """Each attempt costs the whole batch around it, so who repeats it would stop the circle."""
    async with serving(home) as node:
        poison, good = payments(node, 2)
        await forbid(home, poison)
        await node.submit(poison, good)
        connection = node.circle.writer.connection
        query = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        async with home.database() as database:
            await connection.execute("SELECT pg_stat_force_next_flush()")
            before = await database.fetchval(query)
            results = await asyncio.gather(
                *(node.submit(poison, good) for good in payments(node, 20))
            )
            await connection.execute("SELECT pg_stat_force_next_flush()")
            await asyncio.sleep(0.1)
            assert await database.fetchval(query) == before
        assert [result[0]["problem"]["code"] for result in results] == ["quarantined"] * 20
        assert all("entry" in result[1] for result in results)


async def test_orders_that_failed_for_no_fault_of_theirs_may_be_sent_again(home: Home) -> None:
    """Here for want of a right, until the operator gives it back."""
    service = f"{home.config.schema}_service"
    async with serving(home) as node, home.database() as database:
        orders = payments(node, 3)
        await database.execute(f"REVOKE INSERT ON postings FROM {service}")
        results = await node.submit(*orders)
        assert [result["problem"]["code"] for result in results] == ["quarantined"] * 3
        await database.execute(f"GRANT INSERT ON postings TO {service}")
        assert all("entry" in result for result in await node.submit(*orders))
        await check_memory(node)
    await check_books(home)


async def test_the_log_of_a_failure_quotes_no_row(
    home: Home, node_log: list[MutableMapping[str, Any]]
) -> None:
    """PostgreSQL names the values that it refused, and they may be somebody's name."""
    async with serving(home) as node:
        code = await node.invite()
        async with home.database() as database:
            await database.execute("INSERT INTO people VALUES (104, 'zoe', 'Zoe')")
        newcomer = make_member("secretive")
        seed = invitation_seed(code)
        signature = sign_invitation(home.founded.circle, newcomer.key, seed)
        join = node.sign(newcomer, Join(keys.public_key(seed), signature), text="secretive\nX Y")
        [result] = await node.submit(join)
        assert result["problem"]["code"] == "quarantined"
        await check_memory(node)
    failed = [line for line in node_log if line["event"] == "order_quarantined"]
    assert len(failed) == 1
    assert isinstance(failed[0]["exc_info"], asyncpg.UniqueViolationError)
    assert "people_pkey" in str(failed[0]["exc_info"])
    assert "104" not in str(failed[0]["exc_info"])


async def test_values_that_cannot_be_sent_end_in_quarantine_and_not_in_a_loop(home: Home) -> None:
    """asyncpg names them like a lost connection."""
    async with serving(home) as node:
        async with home.database() as database:
            await database.execute("ALTER TABLE verdicts ALTER COLUMN expires TYPE integer USING 0")
        results = await asyncio.wait_for(node.submit(*payments(node, 3)), COMES_SECONDS_MAX)
        assert [result["problem"]["code"] for result in results] == ["quarantined"] * 3
        await check_memory(node)
    await check_books(home)


async def test_a_fault_in_deciding_hurts_no_other_order(home: Home) -> None:
    """A payment request that turned to dust in the database makes its reading fail."""
    async with serving(home) as node:
        orders = payments(node, 10)
        async with home.database() as database:
            await database.execute(
                "INSERT INTO requests (id, wire, account, expires) VALUES ($1, 'dust', $2, 0)",
                bytes(32),
                node["noa"].account,
            )
        act = Pay(((node["noa"].account, 1),), (), (bytes(32),))
        orders.insert(5, node.sign(node["mia"], act))
        results = await node.submit(*orders)
        codes = [result.get("problem", {}).get("code") for result in results]
        assert codes == [None] * 5 + ["quarantined"] + [None] * 5
        await check_memory(node)
    await check_books(home)


# Too many


async def test_beyond_its_queue_the_node_asks_to_come_again(home: Home) -> None:
    """Of what it did not take nothing was decided: the very same orders are accepted later."""
    async with serving(home) as node, home.database() as database:
        refusable = [order.body for order in payments(node, 1000, amount=10_000_000)]
        [good] = payments(node, 1)
        async with database.transaction():
            await database.execute("SELECT FROM head FOR UPDATE")
            lists = [
                asyncio.create_task(
                    node.request("POST", "/api/v1/orders", json={"orders": refusable})
                )
                for _ in range(40)
            ]
            done, _ = await asyncio.wait(
                lists, timeout=COMES_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED
            )
            assert {task.result()[0] for task in done} == {503}
            while len([task for task in lists if not task.done()]) > 23:
                await asyncio.sleep(0.05)
            waiting = node.circle.writer.waiting
            assert waiting <= 20_000
            while node.circle.writer.waiting < 20_000:
                await asyncio.sleep(0.05)
            async with node.http.post("/api/v1/orders", json=good.body) as response:
                assert response.status == 503
                assert int(response.headers["Retry-After"]) > 0
                assert (await response.json(content_type=None))["code"] == "overloaded"
        answers = [await task for task in lists]
        assert {status for status, _ in answers} == {200, 503}
        assert {answer["code"] for status, answer in answers if status == 503} == {"overloaded"}
        [result] = await node.submit(good)
        assert "entry" in result
        assert node.circle.writer.waiting == 0
    await check_books(home)


async def test_orders_whose_senders_left_are_not_waited_for(home: Home) -> None:
    """A request that was given up is dropped from the queue, or decided; the next is served."""
    async with serving(home) as node, home.database() as database:
        async with database.transaction():
            await database.execute("SELECT FROM head FOR UPDATE")
            gone = [asyncio.create_task(node.submit(order)) for order in payments(node, 20)]
            await asyncio.sleep(0.3)
            for task in gone:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        assert "entry" in await node.pay(node["mia"], node["noa"], 1)
        await check_memory(node)
    await check_books(home)


# What expires


async def test_what_was_decided_is_remembered_while_the_clock_is_ahead(home: Home) -> None:
    """By a clock that is ahead for a while, orders would be forgotten that can be sent again."""
    async with serving(home) as node:
        [order] = payments(node, 1)
        first = await node.submit(order)
        await purge(node.circle.pool, node.clock.wall() + 3 * 24 * 3_600_000)
        again = await node.submit(order)
        assert [result["entry"] for result in again] == [result["entry"] for result in first]


async def test_verdicts_are_dropped_once_their_orders_are_over(home: Home) -> None:
    async with serving(home) as node, home.database() as database:
        [order] = payments(node, 1)
        await node.submit(order)
        node.later(25 * 3_600_000)
        await node.submit(*payments(node, 1))
        await purge(node.circle.pool, node.clock.wall())
        assert await database.fetchval("SELECT count(*) FROM verdicts") == 1
        [result] = await node.submit(order)
        assert result["problem"]["code"] == "order-expired"
