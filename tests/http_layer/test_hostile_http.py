"""Bytes that are no request, and clients that leave in the middle of one."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.http_layer.toy import JSON, Running, post, until


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\nA B: y\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 65 + b"\r\n",
        b"GET http:///accounts HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT \r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        post("/orders", b"[]", "Content-Length: -1", "Content-Type: application/json"),
        post("/orders", b"[]", "Content-Length: 1", "Content-Length: 2"),
        post("/orders", b"0\r\n\r\n", "Content-Length: 2", "Transfer-Encoding: chunked"),
        post("/orders", b"zz\r\n[]", "Transfer-Encoding: chunked", "Content-Type: text/plain"),
        post("/orders", b"2\r\n[]XX0\r\n", "Transfer-Encoding: chunked", "Content-Type: " + JSON),
    ],
)
async def test_malformed_http_is_a_problem_and_ends_the_connection(
    toy: Running, data: bytes
) -> None:
    head, _, body = (await toy.raw(data)).partition(b"\r\n\r\n")
    assert head[:10] in (b"HTTP/1.0 4", b"HTTP/1.1 4"), head
    assert b"nosniff" in head
    assert b"Server: tallystick" in head
    problem = json.loads(body.partition(b"HTTP/1.1")[0])
    assert problem["code"] in ("http-malformed", "media-type-unsupported", "path-unknown")


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 5_000 + b"\r\n\r\n",
        b"GET /accounts HTTP/1.1\r\nHost: x\r\n" + b"X" * 5_000 + b": a\r\n\r\n",
    ],
)
async def test_header_beyond_the_limit_is_a_problem(toy: Running, data: bytes) -> None:
    head, _, body = (await toy.raw(data)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 431")
    assert json.loads(body)["field_limit"] == 4096


async def test_client_that_leaves_in_the_middle_of_a_body_is_no_fault(toy: Running) -> None:
    """A Content-Length that promises more than comes is the client's own loss."""
    _, writer = await asyncio.open_connection(toy.at.host, toy.at.port)
    writer.write(post("/orders", b"[1", "Content-Length: 10", "Content-Type: application/json"))
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()
    await until(lambda: any(one["status"] == 499 for one in toy.log.events))
    assert not toy.log.faults
    assert (await toy.json("POST", "/orders", json=["x" * 90_000]))[0] == 200


async def test_expectation_of_continue_is_met_and_refusals_come_without_it(toy: Running) -> None:
    reader, writer = await asyncio.open_connection(toy.at.host, toy.at.port)
    lines = ("Content-Type: application/json", "Expect: 100-continue")
    writer.write(post("/orders", b"", "Content-Length: 2", *lines))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"[]")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
    refused = await toy.raw(post("/orders", b"", "Content-Length: 200000", *lines))
    assert refused.startswith(b"HTTP/1.1 413")
