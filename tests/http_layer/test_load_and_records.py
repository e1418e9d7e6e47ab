"""What happens under load, and what is logged and counted."""

from __future__ import annotations

import asyncio
import json

import aiohttp
from prometheus_client import CollectorRegistry, generate_latest

from node.http import ApiInfo, HttpLimits, build_app, endpoint, serve
from node.writer import QUEUE_ORDERS_MAX
from tests.http_layer.toy import JSON, Recorder, Running, post, read_name, until


async def test_requests_beyond_those_in_flight_are_told_to_come_again(toy: Running) -> None:
    waiting = [asyncio.create_task(toy.json("GET", "/gate")) for _ in range(3)]
    await until(lambda: toy.state.waiting == 3)
    assert b"tallystick_http_requests_in_flight 3.0" in generate_latest(toy.registry)
    async with toy.client.get("/accounts") as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) >= 1
        assert (await response.json(content_type=None))["code"] == "overloaded"
    toy.state.gate.set()
    assert [status for status, _ in await asyncio.gather(*waiting)] == [200] * 3
    assert (await toy.json("GET", "/accounts"))[0] == 200


async def test_bodies_in_memory_are_bounded_together(toy: Running) -> None:
    """Two bodies of 100 kB do not fit into 150 kB; what was refused or lost is given back."""
    half = post("/orders", b"[" + b" " * 99_000, "Content-Length: 99500", f"Content-Type: {JSON}")
    _, slow = await asyncio.open_connection(toy.at.host, toy.at.port)
    slow.write(half)
    await slow.drain()
    await asyncio.sleep(0.1)
    full = ["x" * 90_000]
    assert (await toy.json("POST", "/orders", json=full))[1]["code"] == "overloaded"
    slow.close()
    await slow.wait_closed()
    await until(lambda: any(one["status"] == 499 for one in toy.log.events))
    for _ in range(3):
        assert (await toy.json("POST", "/orders", json=full))[0] == 200


async def test_log_has_no_address_path_query_or_body(toy: Running) -> None:
    await toy.json("GET", "/names/Adelheid?secret=1")
    await toy.json("POST", "/accounts", json={"account": 31337, "balance": 0})
    events = [dict(one) for one in toy.log.events]
    for event in events:
        assert event.pop("milliseconds") >= 0
        assert len(event.pop("request_id")) == 36
    assert events == [
        {"event": "http_request", "method": "GET", "operation": "read_name", "status": 400},
    ]


async def test_metrics_count_by_operation_in_the_registry_given(toy: Running) -> None:
    await toy.json("GET", "/accounts")
    await toy.json("GET", "/nothing")
    told = generate_latest(toy.registry).decode()
    assert 'tallystick_http_requests_total{operation="list_accounts",status="200"} 1.0' in told
    assert 'tallystick_http_requests_total{operation="unmatched",status="404"} 1.0' in told
    assert 'tallystick_http_request_seconds_count{operation="list_accounts"} 1.0' in told
    assert "tallystick_http_connections 1.0" in told


async def test_two_applications_live_in_one_process(toy: Running) -> None:
    other = build_app(
        [endpoint("GET", "/names/{name}", read_name)],
        info=ApiInfo("Other", "1", ""),
        registry=CollectorRegistry(),
        log=Recorder(),
    )
    async with serve(other) as at, aiohttp.ClientSession(at.url) as client:
        async with client.get("/names/x") as response:
            assert response.status == 200
        async with client.get("/accounts") as response:
            assert response.status == 404


def test_bodies_in_memory_may_be_what_the_writers_queue_takes_and_not_much_more() -> None:
    """By default, of payments with the text and salt beside them."""
    payment = {"order": "x" * 280, "text": "For the hedge, on Tuesday", "salt": "x" * 43}
    queue = QUEUE_ORDERS_MAX * len(json.dumps(payment))
    limits = HttpLimits()
    assert queue <= limits.bodies_bytes_max <= 2.5 * queue
    assert limits.bodies_bytes_max >= 8 * limits.body_bytes_max
