"""A node as a witness of other logs, over HTTP: statuses, bodies, and what is on the disk first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from ledger import merkle
from ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.cosignature import add_cosignatures, verify_cosignatures
from ledger.note import COSIGNATURE_V1, VerifierKey, make_signer, sign_note
from ledger.witness import REQUEST_BYTES_MAX, format_request, origin_hash
from node.errors import WitnessUnusable
from node.witness.logs import accept_log, list_logs, refuse_log, witness_key
from tests.circle_node import CircleNode, circle_node

ORIGIN = "log.example/of-another-kind"
LOG = make_signer(ORIGIN, b"l" * 32)
LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(40)]


def head(size: int, root: bytes | None = None) -> str:
    """A head of a log that is no circle's."""
    return sign_checkpoint(Checkpoint(ORIGIN, size, root or merkle.root(LEAVES[:size])), LOG)


def request(old: int, new: int, root: bytes | None = None) -> str:
    """The body with which this log goes on from ``old`` to ``new``."""
    proof = merkle.consistency_proof(old, LEAVES[:new]) if 0 < old < new else []
    return format_request(old, proof, head(new, root))


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A node that witnesses the log."""
    async with circle_node(postgres_dsn, tmp_path / "circle") as node:
        async with node.circle.pool.acquire() as connection:
            await accept_log(connection, LOG.key)
        yield node


def key_of(node: CircleNode) -> VerifierKey:
    """The node's key as a witness."""
    return witness_key(node.circle.writer.loaded.certificate)


async def show(node: CircleNode, body: str | bytes) -> tuple[int, str, str]:
    """Show the node a head; returns the status, the media type and the text of the answer."""
    async with node.http.post("/add-checkpoint", data=body) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def test_a_growing_log_is_cosigned_and_shown(node: CircleNode) -> None:
    """The answer is the line, which fits the note; the head can be fetched with both signatures."""
    path = f"/{origin_hash(ORIGIN).hex()}/checkpoint"
    assert await node.refusal(path) == "not-found"
    for old, new in ((0, 3), (3, 3), (3, 40)):
        status, _, line = await show(node, request(old, new))
        assert status == 200
        assert verify_cosignatures(
            add_cosignatures(head(new), line, [key_of(node)]), [key_of(node)]
        )
        shown = await node.text(path)
        assert open_checkpoint(shown, [LOG.key]).size == new
        assert shown == head(new) + line


async def test_each_refusal_has_the_status_of_the_specification(node: CircleNode) -> None:
    assert (await show(node, request(0, 5)))[0] == 200
    text = head(7).partition("\n\n")[0] + "\n"
    stranger = make_signer("elsewhere.example", b"l" * 32)
    refused = {
        "old 5\n": (400, "note-invalid"),
        "": (400, "note-invalid"),
        request(9, 7): (400, "request-invalid"),
        format_request(0, [], sign_note(text, make_signer(ORIGIN, b"x" * 32))): (
            403,
            "checkpoint-unsigned",
        ),
        format_request(0, [], sign_note(text.replace(ORIGIN, "elsewhere.example"), stranger)): (
            404,
            "log-not-witnessed",
        ),
        request(5, 7, bytes(32)): (422, "checkpoint-inconsistent"),
        request(5, 5, bytes(32)): (422, "checkpoint-inconsistent"),
        request(5, 7) + " " * REQUEST_BYTES_MAX: (413, "body-too-large"),
    }
    for body, (status, code) in refused.items():
        answered, media_type, problem = await show(node, body)
        assert (answered, media_type) == (status, "application/problem+json"), problem
        assert f'"code": "{code}"' in problem
    assert await show(node, request(0, 7)) == (409, "text/x.tlog.size", "5\n")
    assert (await show(node, request(5, 7)))[0] == 200


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/octet-stream", "x/y;z=1"])
async def test_a_request_may_have_any_media_type_or_none(
    node: CircleNode, media_type: str | None
) -> None:
    """C2SP names none, and programs send what their HTTP library does by itself."""
    headers = {} if media_type is None else {"Content-Type": media_type}
    async with (
        aiohttp.ClientSession(node.url, skip_auto_headers=["Content-Type"]) as http,
        http.post("/add-checkpoint", data=request(0, 5).encode(), headers=headers) as answer,
    ):
        assert answer.status == 200


async def test_of_two_simultaneous_requests_one_is_cosigned(node: CircleNode) -> None:
    """Both were found consistent while a third held the log; neither is signed over the other."""
    assert (await show(node, request(0, 5)))[0] == 200
    async with node.home.database() as other:
        async with other.transaction():
            await other.execute("SELECT FROM witnessed_logs FOR UPDATE")
            asked = [asyncio.create_task(show(node, request(5, new))) for new in (8, 9)]
            done, _ = await asyncio.wait(asked, timeout=0.5)
            assert not done
        answers = await asyncio.gather(*asked)
        size = await other.fetchval("SELECT size FROM witnessed_logs")
    assert sorted(status for status, _, _ in answers) == [200, 409]
    assert {status: text for status, _, text in answers}[409] == f"{size}\n"
    assert answers[0 if size == 8 else 1][0] == 200


async def test_a_storm_of_requests_never_takes_a_log_back(node: CircleNode) -> None:
    """The kept size is watched while thirty heads are shown at once, each until it is too small."""
    cosigned: list[int] = []

    async def grow(new: int) -> None:
        status, old = 409, 0
        while status == 409 and old <= new:
            status, _, text = await show(node, request(old, new))
            old = int(text) if status == 409 else old
        if status == 200:
            cosigned.append(new)

    storm = asyncio.gather(*(grow(new) for new in range(1, 31)))
    sizes = [0]
    async with node.home.database() as connection:
        while not storm.done():
            sizes.append(await connection.fetchval("SELECT coalesce(size, 0) FROM witnessed_logs"))
        await storm
        assert await connection.fetchval("SELECT size FROM witnessed_logs") == 30
    assert sizes == sorted(sizes)
    assert len(cosigned) == len(set(cosigned))
    assert 30 in cosigned


async def test_a_cosignature_is_on_the_disk_before_it_is_answered(node: CircleNode) -> None:
    """While the commit cannot go through, nothing is answered."""
    async with node.home.database() as other, other.transaction():
        await other.execute("LOCK TABLE witnessed_logs IN SHARE MODE")  # reads go on, writes wait
        asked = asyncio.create_task(show(node, request(0, 5)))
        done, _ = await asyncio.wait([asked], timeout=0.5)
        assert not done
    assert (await asked)[0] == 200


async def test_two_heads_of_one_size_are_kept_as_evidence(node: CircleNode) -> None:
    """With the right old size or another; the first pair stays."""
    fork = bytes(32)
    assert (await show(node, request(0, 5)))[0] == 200
    assert (await show(node, request(0, 5, fork)))[0] == 409
    assert (await show(node, request(5, 5, b"\1" * 32)))[0] == 422
    assert (await show(node, request(5, 9)))[0] == 200
    async with node.home.database() as connection:
        [row] = await connection.fetch("SELECT kept, shown FROM log_forks")
        [log] = await list_logs(connection)
    kept, shown = (open_checkpoint(row[name], [LOG.key]) for name in ("kept", "shown"))
    assert kept.size == shown.size == 5
    assert {kept.root, shown.root} == {merkle.root(LEAVES[:5]), fork}
    assert log.is_forked


async def test_a_log_that_was_removed_comes_back_where_it_was(node: CircleNode) -> None:
    """To forget it would be to cosign another history."""
    assert (await show(node, request(0, 5)))[0] == 200
    async with node.home.database() as connection:
        assert await refuse_log(connection, ORIGIN)
        assert not await refuse_log(connection, ORIGIN)
        assert (await show(node, request(5, 9)))[0] == 404
        await accept_log(connection, LOG.key)
        assert (await show(node, request(0, 9)))[2] == "5\n"
        with pytest.raises(WitnessUnusable, match="under another key"):
            await accept_log(connection, make_signer(ORIGIN, b"x" * 32).key)
        with pytest.raises(WitnessUnusable, match="a witness's"):
            await accept_log(connection, make_signer(ORIGIN, b"x" * 32, COSIGNATURE_V1).key)


async def test_paths_that_are_no_hash_have_nothing(node: CircleNode) -> None:
    for path in ("/x/checkpoint", f"/{'A' * 64}/checkpoint", f"/{'0' * 64}/checkpoint"):
        assert await node.refusal(path) == "not-found"
