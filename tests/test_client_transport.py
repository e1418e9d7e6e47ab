"""A node that answers badly, slowly, endlessly or not at all (client/transport.py)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from client.address import (
    format_invitation,
    format_request_link,
    parse_invitation,
    parse_node_url,
    parse_request_link,
)
from client.answers import FINAL_CODES, Accepted, Declined, Submission
from client.errors import AnswerInvalid, InvalidAddress, NodeRefused, NodeUnreachable
from client.node_client import NodeClient
from client.node_session import NodeSession
from client.transport import Patience, Transport
from ledger.paper import write_code
from ledger.tile import Tile

QUICK = Patience(connect_seconds=1, answer_seconds=0.5, attempts=3, pause_seconds=0.001)
ONCE = Patience(connect_seconds=1, answer_seconds=0.5, attempts=1)

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that reads each request and lets ``answer`` write whatever it likes."""
    requests: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    head += await reader.readexactly(int(line.partition(b":")[2]))
            requests.append(head)
            await answer(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests


def http(
    body: bytes, status: str = "200 OK", content_type: str = "application/json", more: str = ""
) -> Answer:
    """A well-formed answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(f"{head}Connection: close\r\n{more}\r\n".encode() + body)

    return write


def problem(code: str, status: int) -> Answer:
    """The node's own problem."""
    fields = {"type": f"/problems/{code}", "title": code, "status": status, "code": code}
    body = json.dumps({**fields, "detail": "No.\x1b[31m\n", "amount": 7, "deep": {"a": 1}}).encode()
    return http(body, f"{status} Problem", "application/problem+json")


async def garbage(writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n\r\n")


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    for _ in range(3000):
        writer.write(b"a" * 10_000)
        await writer.drain()


async def endless_header(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(1000):
        writer.write(b"a" * 10_000)
        await writer.drain()


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def dribbling(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n")
    for _ in range(50):
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.1)


async def cut_short(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nabc")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (garbage, "is not HTTP"),
        (endless, "is longer than"),
        (endless_header, "is not HTTP"),
        (http(b"", "302 Found", more="Location: http://127.0.0.1:1/\r\n"), "somewhere else"),
        (http(b"x", more="Content-Encoding: gzip\r\n"), "compressed"),
        (http(b"<html>", "404 Not Found", "text/html"), "status 404 and no explanation"),
        (http(b"{}", "400 Bad", "application/problem+json"), "as code of its problem"),
        (http(b"\xff\xfe"), "is not text"),
    ],
)
async def test_answer_that_is_none_is_refused(answer: Answer, reason: str) -> None:
    """At once, and asked for only once."""
    async with serving(answer) as (url, requests), NodeClient(url, QUICK) as node:
        with pytest.raises(AnswerInvalid, match=reason):
            await node.checkpoint()
        assert len(requests) == 1


@pytest.mark.parametrize("answer", [silent, dribbling])
async def test_slow_answer_is_not_waited_for(answer: Answer) -> None:
    """The whole answer has to be there in time, however steadily it comes."""
    async with serving(answer) as (url, _), NodeClient(url, ONCE) as node:
        began = time.monotonic()
        with pytest.raises(NodeUnreachable, match="does not answer in time"):
            await node.checkpoint()
        assert time.monotonic() - began < 2


async def test_broken_connection_is_tried_again_within_bounds() -> None:
    """And a node that is not there is told of in one sentence."""
    async with serving(cut_short) as (url, requests), NodeClient(url, QUICK) as node:
        with pytest.raises(NodeUnreachable, match="the connection broke"):
            await node.checkpoint()
        assert len(requests) == 3
    async with NodeClient(url, QUICK) as node:
        with pytest.raises(NodeUnreachable, match="nothing answers there"):
            await node.checkpoint()


async def test_busy_node_is_asked_again_and_a_refusal_is_not() -> None:
    """A problem has its code and its plain attributes; control characters are not let through."""
    async with serving(problem("overloaded", 503)) as (url, requests):
        async with NodeClient(url, QUICK) as node:
            with pytest.raises(NodeRefused):
                await node.officers()
        assert len(requests) == 3
    async with serving(problem("not-found", 404)) as (url, requests):
        async with NodeClient(url, QUICK) as node:
            with pytest.raises(NodeRefused) as refused:
                await node.officers()
        assert len(requests) == 1
    assert (refused.value.problem, refused.value.status) == ("not-found", 404)
    assert refused.value.attributes == {"amount": 7}
    assert str(refused.value) == "No.[31m"


async def test_orders_are_sent_again_and_sessions_are_not() -> None:
    """A session's opening is good once, so sending it twice would only be refused."""
    async with serving(cut_short) as (url, requests), NodeClient(url, QUICK) as node:
        with pytest.raises(NodeUnreachable):
            await node.submit([Submission(b"order")])
        assert len(requests) == 3
        assert len(set(requests)) == 1
        with pytest.raises(NodeUnreachable):
            await node.open_session(opening)
        assert len(requests) == 4


async def opening() -> bytes:
    return b"opening"


@pytest.mark.parametrize("ended", [1, 3])
async def test_session_that_the_node_ended_is_opened_again(ended: int) -> None:
    """What was asked for is asked for again with the new token, even what may be sent only once."""
    tokens = iter("abcdef")
    refusals = iter([True] * ended)

    async def answer(writer: asyncio.StreamWriter) -> None:
        if requests[-1].startswith(b"POST /api/v1/sessions"):
            await http(json.dumps({"token": next(tokens), "expires": 1}).encode())(writer)
        elif next(refusals, False):
            await problem("session-refused", 401)(writer)
        else:
            await http(b"{}")(writer)

    async with serving(answer) as (url, requests), NodeClient(url, ONCE) as node:
        session = await node.open_session(opening)
        await session.change("POST", "/api/v1/messages", {"words": "Hello"})
    assert len(requests) == 2 * ended + 2
    assert f"Bearer {'abcd'[ended]}".encode() in requests[-1]


async def test_device_that_may_not_sign_in_again_is_refused() -> None:
    """It was revoked, say: nobody asks for ever."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        first = len(requests) == 1
        good = http(json.dumps({"token": "a", "expires": 1}).encode())
        await (good if first else problem("session-refused", 401))(writer)

    async with serving(answer) as (url, requests), NodeClient(url, ONCE) as node:
        session = await node.open_session(opening)
        with pytest.raises(NodeRefused):
            await session.me()
    assert len(requests) == 3


async def test_cookies_proxies_and_compression_are_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the environment says."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    answer = http(b'{"officers": []}', more="Set-Cookie: a=b\r\n")
    async with serving(answer) as (url, requests), NodeClient(url, QUICK) as node:
        assert await node.officers() == ()
        assert await node.officers() == ()
    assert len(requests) == 2
    for request in requests:
        assert b"Accept-Encoding: identity" in request
        assert b"cookie" not in request.lower()


ITEM = {
    "order_id": "ab" * 32,
    "entry": {"index": 3, "leaf": "bGVhZg", "authority": "member", "salt": "c2FsdA"},
    "postings": [],
    "receipt": "proof",
}


async def test_answers_to_orders_are_typed() -> None:
    """An entry, or the order's own problem; whether that is final is known by its code."""
    declined = {
        "order_id": None,
        "problem": {"code": "nonce-conflict", "detail": "d", "status": 409},
    }
    busy = {"order_id": None, "problem": {"code": "overloaded", "detail": "d", "status": 503}}
    body = json.dumps({"results": [ITEM, declined, busy], "newer": "field"}).encode()
    async with serving(http(body)) as (url, _), NodeClient(url, QUICK) as node:
        answers = await node.submit([Submission(b"a"), Submission(b"b"), Submission(b"c")])
        accepted, final, waiting = answers
        assert isinstance(accepted, Accepted)
        assert (accepted.receipt.index, accepted.receipt.leaf) == (3, b"leaf")
        assert accepted.receipt.order is not None
        assert accepted.receipt.order.wire == b"a"
        assert isinstance(final, Declined)
        assert final.is_final
        assert isinstance(waiting, Declined)
        assert not waiting.is_final
        with pytest.raises(AnswerInvalid, match="is for 3 orders where 1 were sent"):
            await node.submit([Submission(b"a")])
    assert {"credit-limit", "malformed", "order-expired"} <= FINAL_CODES
    assert not FINAL_CODES & {"overloaded", "frozen", "internal-error", "history-lost"}


BAD_ITEMS: list[object] = [
    None,
    [],
    {},
    ITEM | {"entry": None},
    ITEM | {"entry": {**ITEM["entry"], "index": -1}},  # type: ignore[dict-item]
    ITEM | {"entry": {**ITEM["entry"], "index": True}},  # type: ignore[dict-item]
    ITEM | {"entry": {**ITEM["entry"], "index": 2**53}},  # type: ignore[dict-item]
    ITEM | {"entry": {**ITEM["entry"], "leaf": "a+b="}},  # type: ignore[dict-item]
    ITEM | {"order_id": "ab"},
    ITEM | {"order_id": "zz" * 32},
    ITEM | {"receipt": 7},
    ITEM | {"receipt": "\ud800"},
    ITEM | {"postings": {}},
    ITEM | {"postings": [{}] * 1002},
    {"problem": {"code": "x", "detail": "d", "status": 200}},
    {"problem": {"code": 7, "detail": "d", "status": 400}},
]


@pytest.mark.parametrize("item", BAD_ITEMS, ids=repr)
async def test_malformed_answer_to_an_order_is_refused(item: object) -> None:
    """Each field has its type and its bounds."""
    body = json.dumps({"results": [item]}).encode()
    async with serving(http(body)) as (url, _), NodeClient(url, QUICK) as node:
        with pytest.raises(AnswerInvalid):
            await node.submit([Submission(b"a")])


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"a": NaN}', b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"]
)
async def test_json_that_is_none_is_refused(body: bytes) -> None:
    """Neither its depth nor its numbers cost anything."""
    async with serving(http(body)) as (url, _), NodeClient(url, QUICK) as node:
        with pytest.raises(AnswerInvalid):
            await node.officers()


async def test_tile_of_another_width_is_refused() -> None:
    answer = http(bytes(32 * 3), content_type="application/octet-stream")
    async with serving(answer) as (url, _), NodeClient(url, QUICK) as node:
        assert await node.tile(Tile(0, 0, 3)) == bytes(96)
        with pytest.raises(AnswerInvalid, match="96 bytes where 64 belong"):
            await node.tile(Tile(0, 0, 2))


# Addresses


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://circle.example", "https://circle.example"),
        ("https://circle.example/", "https://circle.example"),
        ("circle.example", "https://circle.example"),
        (" circle.example:8443 ", "https://circle.example:8443"),
        ("http://127.0.0.1:8470", "http://127.0.0.1:8470"),
        ("http://localhost:8470", "http://localhost:8470"),
        ("http://[::1]:8470", "http://[::1]:8470"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ("HTTPS://Circle.Example", "https://circle.example"),
    ],
)
def test_address_of_a_node_is_https_or_this_computer(text: str, url: str) -> None:
    assert parse_node_url(text) == url
    assert Transport(text).node_url == url


@pytest.mark.parametrize(
    "text",
    [
        "http://circle.example",
        "http://10.0.0.1",
        "http://127.0.0.1.circle.example",
        "http://localhost.example",
        "http://0.0.0.0:8470",
        "ftp://circle.example",
        "file:///etc/passwd",
        "https://user:secret@circle.example",
        "https://circle.example/path",
        "https://circle.example?x=1",
        "https://circle.example#x",
        "https://circle.example:99999",
        "https://",
        "",
        "https://circle example",
        "https://ci\nrcle.example",
        "https://c\u00eercle.example",
        "x" * 301,
        "https://[::1",
    ],
)
def test_other_addresses_are_refused(text: str) -> None:
    """With a sentence that names what is wrong."""
    with pytest.raises(InvalidAddress):
        parse_node_url(text)


def test_invitation_is_a_link_or_an_address_and_a_code() -> None:
    """Its code does not show where it is logged."""
    code = bytes(range(10))
    written = write_code(code)
    link = format_invitation("https://circle.example", written)
    for invitation in (
        parse_invitation(link),
        parse_invitation(f"  https://circle.example/join/#{written.upper()} "),
        parse_invitation("circle.example", written.replace("-", " ")),
    ):
        assert (invitation.node_url, invitation.code) == ("https://circle.example", code)
        assert "code" not in repr(invitation)
    for wrong, beside in (
        ("https://circle.example/join", None),
        (link, written),
        (link[:-1], None),
        (link[:-1] + "u", None),
        (f"http://circle.example/join#{written}", None),
    ):
        with pytest.raises(InvalidAddress):
            parse_invitation(wrong, beside)


def test_request_link_names_its_id() -> None:
    request_id = bytes(range(32))
    link = format_request_link("https://circle.example", request_id)
    assert parse_request_link(link) == request_id
    assert parse_request_link(request_id.hex()) == request_id
    assert parse_request_link("ann") is None
    assert parse_request_link("102") is None


async def test_only_all_that_is_held_on_a_person_may_be_large() -> None:
    """It is passed on as it came: 5 MiB of it here, which no other answer may have."""
    large = json.dumps({"person": 101, "texts": ["x" * 5 * 2**20]}).encode()
    async with serving(http(large)) as (url, _), Transport(url, ONCE) as transport:
        session = NodeSession(transport, "token", 0)
        assert await session.everything(101) == large
        with pytest.raises(AnswerInvalid, match="longer than 4194304 bytes"):
            await session.me()
