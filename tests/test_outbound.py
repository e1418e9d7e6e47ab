"""A node goes to public addresses only, whatever a neighbour says its own is."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

import node.outbound
from node.errors import WitnessUnusable
from node.federation.post import PeerFault, post
from node.outbound import is_reachable, outbound
from node.witness.client import check_url

PUBLIC, LOOPBACK, PRIVATE = "https://circle.example", "http://127.0.0.1:8470", "https://10.1.2.3"


@dataclass(slots=True)
class Resolver(AbstractResolver):
    """Says of every name that it is at these addresses, one of them each time it is asked."""

    addresses: list[str]
    asked: list[str] = field(default_factory=list)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self.addresses[min(len(self.asked), len(self.addresses) - 1)]
        self.asked.append(host)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
        ]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def service() -> AsyncIterator[tuple[int, list[str]]]:
    """Something on this computer that no stranger is to reach: its port, and who was there."""
    heard: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(request.host)
        return web.Response(body=b"secret")

    application = web.Application()
    application.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1], heard
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.9.9", "192.168.1.1"),
        *(
            "169.254.169.254",
            "100.64.0.1",
            "192.0.2.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ),
        *("::1", "::", "fe80::1", "fe80::1%2", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
        *("2002:7f00:1::", "2002:c0a8:101::1"),
    ],
)
def test_a_node_of_a_public_address_goes_to_no_other(address: str) -> None:
    assert not is_reachable(address, PUBLIC)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"]
)
@pytest.mark.parametrize("own", [PUBLIC, LOOPBACK, PRIVATE])
def test_public_addresses_are_reached_from_everywhere(address: str, own: str) -> None:
    assert is_reachable(address, own)


@pytest.mark.parametrize(
    ("own", "address", "reached"),
    [
        (LOOPBACK, "127.0.0.1", True),
        ("http://localhost:1", "::1", True),
        (LOOPBACK, "10.0.0.1", False),
        (LOOPBACK, "169.254.169.254", False),
        (PRIVATE, "192.168.1.7", True),
        (PRIVATE, "127.0.0.1", False),
        (PRIVATE, "169.254.169.254", False),
        ("http://0.0.0.0:8470", "127.0.0.1", False),
        ("http://0.0.0.0:8470", "10.0.0.1", False),
    ],
)
def test_a_node_that_is_tried_out_reaches_its_like(own: str, address: str, reached: bool) -> None:
    assert is_reachable(address, own) is reached


@pytest.mark.parametrize("host", ["inside.example", "127.0.0.1"])
async def test_a_name_or_number_that_leads_inside_is_never_connected_to(host: str) -> None:
    async with (
        service() as (port, heard),
        outbound(PUBLIC, seconds=5, resolver=Resolver(["127.0.0.1"])) as session,
    ):
        with pytest.raises(PeerFault, match=r"127\.0\.0\.1 is no public address"):
            await post(session, f"http://{host}:{port}/peer/v1/exchange", b"x", 100)
    assert heard == []


async def test_a_name_is_looked_up_once_and_what_it_meant_then_is_what_is_connected_to() -> None:
    """One that is public when looked at, and something else when it is gone to, is neither."""
    resolver = Resolver(["10.0.0.1", "127.0.0.1"])
    async with (
        service() as (port, heard),
        outbound(PUBLIC, seconds=5, resolver=resolver) as session,
    ):
        with pytest.raises(PeerFault, match=r"10\.0\.0\.1 is no public address"):
            await post(session, f"http://turning.example:{port}/", b"x", 100)
    assert (resolver.asked, heard) == (["turning.example"], [])


async def test_a_node_on_this_computer_is_reached_from_this_computer() -> None:
    async with (
        service() as (port, heard),
        outbound(LOOPBACK, seconds=5, resolver=Resolver(["127.0.0.1"])) as session,
    ):
        assert await post(session, f"http://neighbour.example:{port}/", b"x", 100) == b"secret"
    assert heard == [f"neighbour.example:{port}"]


def test_nothing_else_in_the_node_opens_connections_of_its_own() -> None:
    """One place decides where to."""
    found = [
        path.name
        for path in Path(node.outbound.__file__).parent.rglob("*.py")
        if "ClientSession(" in path.read_text() or "TCPConnector(" in path.read_text()
    ]
    assert found == ["outbound.py"]


@pytest.mark.parametrize("host", ["a..b", ".a", "a" * 64 + ".example", "a" * 250])
async def test_what_can_be_no_name_is_not_reached_and_ends_nothing(host: str) -> None:
    """An agreement may have it: whoever signed that must not end a node with it."""
    async with outbound(PUBLIC, seconds=5) as session:
        with pytest.raises(PeerFault, match="cannot be reached"):
            await post(session, f"https://{host}/peer/v1/exchange", b"", 100)
    with pytest.raises(WitnessUnusable, match="not an address"):
        check_url(f"https://{host}")
