"""A node and its witnesses: what it serves then, and what happens when they know more than it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from ledger import merkle
from ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.cosignature import verify_cosignatures
from ledger.note import COSIGNATURE_V1, VerifierKey, make_signer
from ledger.receipt import parse_receipt, verify_receipt
from ledger.witness import format_request
from node.errors import HistoryLost, WitnessUnusable
from node.witness.client import Answer, WitnessClient, check_url
from node.witness.cosigning import BEHIND_SECONDS_MAX, START_SECONDS_MAX
from node.witness.policy import Witness, add_witness, remove_witness, set_needed
from tests.circle_node import CircleNode, Home, serving
from tests.line_of_circles import circles_in_line
from tests.waiting import until
from tests.witnessed_circle import Neighbours, key_of, make_neighbours

SLACK = 1.5
"""What a loaded machine may take longer."""

HEARD_TIMES = 8
"""Were the wait doubled each time, it would be a minute after so many."""


@pytest_asyncio.fixture
async def two(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Neighbours]:
    """A circle with two witnesses."""
    async with AsyncExitStack() as stack:
        yield await make_neighbours(stack, postgres_dsn, tmp_path, 2)


@pytest_asyncio.fixture
async def one(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Neighbours]:
    """A circle with one witness."""
    async with AsyncExitStack() as stack:
        yield await make_neighbours(stack, postgres_dsn, tmp_path, 1)


async def served(node: CircleNode, keys: list[VerifierKey]) -> tuple[int, int]:
    """The size of the head that the node serves, and how many of the witnesses cosigned it."""
    note = await node.text("/checkpoint")
    checkpoint = open_checkpoint(note, [node.circle.writer.loaded.log_key])
    return checkpoint.size, len(verify_cosignatures(note, keys))


async def test_every_head_is_cosigned_within_a_second(two: Neighbours) -> None:
    """Also the stored one, before orders are taken."""
    async with serving(two.home) as node:
        size = node.circle.writer.loaded.head.size
        assert await served(node, two.keys) == (size, 2)
        for _ in range(3):
            await node.pay(node["mia"], node["ann"], 1)
            size += 1

            async def is_cosigned(size: int = size) -> bool:
                return await served(node, two.keys) == (size, 2)

            assert await until(is_cosigned) < BEHIND_SECONDS_MAX + SLACK


async def test_proofs_are_under_a_cosigned_head_where_it_has_the_entry(two: Neighbours) -> None:
    """A new entry is proved at once, by the log's own signature alone."""
    async with serving(two.home) as node:
        paid = await node.pay(node["mia"], node["ann"], 1)
        index = paid["entry"]["index"]
        own_key = node.circle.writer.loaded.log_key
        for number in (0, index - 1, index):
            proof = await node.text(f"/api/v1/entries/{number}/proof")
            [leaf] = await node.circle.pool.fetch(
                "SELECT leaf FROM entries WHERE index = $1", number
            )
            hashed = merkle.leaf_hash(leaf["leaf"])
            proved = verify_receipt(proof, hashed, two.home.founded.origin, own_key, two.keys)
            assert len(proved.cosignatures) == 2 or number == index

        async def is_replaced() -> bool:
            proof = await node.text(f"/api/v1/entries/{index}/proof")
            note = parse_receipt(proof).checkpoint_note
            return len(verify_cosignatures(note, two.keys)) == 2

        await until(is_replaced)


async def test_without_a_policy_a_lost_witness_changes_nothing(one: Neighbours) -> None:
    """The newest head is served, at most a second after it was signed."""
    async with one.home.database() as connection:
        await connection.execute("UPDATE witnesses SET url = 'http://127.0.0.1:9'")
    async with serving(one.home) as node:
        paid = await node.pay(node["mia"], node["ann"], 1)
        assert await served(node, one.keys) == (paid["entry"]["index"] + 1, 0)
        listed = await node.read("/.well-known/tallystick")
        assert [each["name"] for each in listed["witnesses"]] == ["Circle 0"]


async def test_with_a_policy_no_head_is_served_before_it_is_met(two: Neighbours) -> None:
    """What met it before goes on being served, also by a node that was started again."""
    async with two.home.database() as connection:
        with pytest.raises(WitnessUnusable, match="2 witnesses"):
            await set_needed(connection, 3)
        await set_needed(connection, 2)
        with pytest.raises(WitnessUnusable, match="need 2 witnesses"):
            await remove_witness(connection, two.keys[0].name)
        [urls] = await connection.fetch("SELECT array_agg(url ORDER BY name) AS all FROM witnesses")
        await connection.execute("UPDATE witnesses SET url = 'http://127.0.0.1:9'")
    async with serving(two.home) as node:
        status, answer = await node.request("GET", "/checkpoint")
        assert (status, answer["code"], answer["needed"]) == (503, "not-cosigned", 2)
    async with two.home.database() as connection:
        for name, url in zip(sorted(key.name for key in two.keys), urls["all"], strict=True):
            await connection.execute("UPDATE witnesses SET url = $2 WHERE name = $1", name, url)
    async with serving(two.home) as node:
        before = await served(node, two.keys)
        assert before == (node.circle.writer.loaded.head.size, 2)
    async with two.home.database() as connection:
        gone = "UPDATE witnesses SET url = 'http://127.0.0.1:9' WHERE name = $1"
        await connection.execute(gone, two.keys[0].name)
    async with serving(two.home) as node:
        await node.pay(node["mia"], node["ann"], 1)
        await asyncio.sleep(2 * BEHIND_SECONDS_MAX)
        assert await served(node, two.keys) == before


async def test_a_witness_that_is_added_or_removed_counts_within_seconds(two: Neighbours) -> None:
    async with serving(two.home) as node, two.home.database() as connection:
        await remove_witness(connection, two.keys[0].name)

        async def is_gone() -> bool:
            return len((await node.read("/.well-known/tallystick"))["witnesses"]) == 1

        await until(is_gone)
        title, url = "Circle 0", two.witnesses[0].url
        await add_witness(connection, Witness(two.keys[0], title, url))

        async def is_back() -> bool:
            return len((await node.read("/.well-known/tallystick"))["witnesses"]) == 2

        await until(is_back)


async def lose_the_past(neighbours: Neighbours, size: int) -> None:
    """Let the witness cosign a head that the circle's log signed in a past since lost."""
    founded = neighbours.home.founded
    signer = make_signer(founded.origin, founded.keyring.log)
    note = sign_checkpoint(Checkpoint(founded.origin, size, bytes(32)), signer)
    body = format_request(0, [], note)
    async with neighbours.witnesses[0].http.post("/add-checkpoint", data=body) as answer:
        assert answer.status == 200


async def why_frozen(node: CircleNode) -> str | None:
    """Why the node takes no orders, as it says to those who ask."""
    status, health = await node.request("GET", "/health")
    assert (status == 200) == (health["reason"] is None)
    reason: str | None = health["reason"]
    return reason


async def test_a_witness_that_knows_more_freezes_the_node_for_good(one: Neighbours) -> None:
    """It still answers who reads; when it is started again it knows that its past is lost."""
    await lose_the_past(one, 100)
    async with serving(one.home) as node:
        size = node.circle.writer.loaded.head.size
        assert await why_frozen(node) == (
            f"The {size} entries in the database do not continue the 100 that the witness Circle 0 "
            "knows of: it is an old backup. Restore the newest one; SECURITY.md says what to do "
            "when there is none"
        )
        await node.read("/api/v1/me", node["mia"])
    with pytest.raises(HistoryLost) as lost:
        async with serving(one.home):
            pass
    assert (lost.value.found, lost.value.known) == (size, 100)


async def test_a_witness_that_knows_another_past_freezes_the_node(one: Neighbours) -> None:
    """A backup that went on for long enough is larger than what was lost, and still not it."""
    await lose_the_past(one, 2)
    async with serving(one.home) as node:
        reason = await why_frozen(node)
        assert reason is not None
        assert "do not continue the 2 that the witness Circle 0 knows of" in reason


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def bad_witness(home: Home, answer: Handler) -> AsyncIterator[None]:
    """A witness of the circle's that answers as it likes."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    key = make_signer("bad.example", b"b" * 32, COSIGNATURE_V1).key
    async with home.database() as connection:
        await add_witness(connection, Witness(key, "Bad", f"http://127.0.0.1:{port}"))
    try:
        yield
    finally:
        await runner.cleanup()


async def test_the_mere_word_of_a_witness_freezes_until_it_is_removed(one: Neighbours) -> None:
    """It shows no head that this log signed: so the coordinator decides whom to believe."""

    async def boast(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(status=409, text="1000\n")
        return web.Response(status=404)

    async with bad_witness(one.home, boast):
        for _ in range(2):
            async with serving(one.home) as node:
                reason = await why_frozen(node)
                assert reason is not None
                assert "the 1000 that the witness Bad knows of" in reason
                assert "tallyd witness remove" in reason
        async with one.home.database() as connection:
            await remove_witness(connection, "bad.example")
        async with serving(one.home) as node:
            assert await why_frozen(node) is None
            await node.pay(node["mia"], node["ann"], 1)


async def _silence(request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


async def _redirect(request: web.Request) -> web.Response:
    raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/")


async def _flood(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65_536)


async def _compressed(request: web.Request) -> web.Response:
    return web.Response(body=b"x", headers={"Content-Encoding": "gzip"})


async def _unsigned(request: web.Request) -> web.Response:
    return web.Response(text="— bad.example AAAAAAAAAAAA\n")


async def _strangers(request: web.Request) -> web.Response:
    return web.Response(text="— other.example AAAAAAAAAAAA\n")


async def _nonsense(request: web.Request) -> web.Response:
    return web.Response(status=409, body=b"\xff" * 100)


async def _moving(request: web.Request) -> web.Response:
    return web.Response(status=409, text="1\n")


@pytest.mark.parametrize(
    "answer",
    [_silence, _redirect, _flood, _compressed, _unsigned, _strangers, _nonsense, _moving],
    ids=lambda answer: answer.__name__.strip("_"),
)
async def test_a_bad_witness_neither_stops_the_node_nor_the_others(
    one: Neighbours, answer: Handler
) -> None:
    async with bad_witness(one.home, answer):
        began = time.monotonic()
        async with serving(one.home) as node:
            assert time.monotonic() - began < START_SECONDS_MAX + 2 * SLACK
            paid = await node.pay(node["mia"], node["ann"], 1)
            size = paid["entry"]["index"] + 1

            async def is_cosigned() -> bool:
                return await served(node, one.keys) == (size, 1)

            assert await until(is_cosigned) < BEHIND_SECONDS_MAX + SLACK
            assert await why_frozen(node) is None


async def test_a_witness_that_has_its_own_log_cosigned_is_asked_again_soon(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it could not be reached before."""
    tries = 0
    add_checkpoint = WitnessClient.add_checkpoint

    async def reach(client: WitnessClient, url: str, request: str) -> Answer:
        nonlocal tries
        if url == totnes.url:
            tries += 1
            raise WitnessUnusable(url, "it cannot be reached")
        return await add_checkpoint(client, url, request)

    async with circles_in_line(postgres_dsn, tmp_path, "exeter", "totnes") as (exeter, totnes):
        keys = [key_of(exeter)]
        await until(lambda: is_newest_cosigned(totnes, keys))
        monkeypatch.setattr(WitnessClient, "add_checkpoint", reach)
        monkeypatch.setattr("node.witness.cosigning.HEARD_SECONDS", 0.5)
        await exeter.welcome("noa")
        for times in range(HEARD_TIMES):

            async def was_tried(times: int = times) -> bool:
                return tries > times

            await until(was_tried)
            head = totnes.circle.writer.loaded.head
            request = format_request(head.size, (), head.checkpoint)
            answer = await totnes.circle.cosigner.client.add_checkpoint(exeter.url, request)
            assert answer.status == 200


async def is_newest_cosigned(node: CircleNode, keys: list[VerifierKey]) -> bool:
    """Whether its newest head is served, with all these cosignatures."""
    return await served(node, keys) == (node.circle.writer.loaded.head.size, len(keys))


def test_addresses_are_https_or_of_this_computer() -> None:
    for good in (
        "https://a.example",
        "http://127.0.0.1:80/w/",
        "http://[::1]:8",
        "http://localhost",
    ):
        assert check_url(good) == good.rstrip("/")
    for bad in (
        *("", "a.example", "ftp://a.example", "http://a.example", "http://0.0.0.0", "http://[::]"),
        *("https://u@a.example", "https://a.example?q", "https://a.example#f", "https://a example"),
        *(
            "https://a.example:99999",
            "https://",
            "https://" + "a" * 300,
            "http://127.0.0.1.a.example",
        ),
    ):
        with pytest.raises(WitnessUnusable):
            check_url(bad)
