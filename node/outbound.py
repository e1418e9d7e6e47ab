"""HTTP to addresses that others gave this node: never to what only this node can reach.

A neighbour's address comes out of an agreement, of gossip or of a command. Were it followed to any
machine, whoever gives it could have this node talk to what is behind its own firewall. So it goes
only to public addresses, looked at when the connection is made and after the one look-up of the
name; there is no redirect, proxy or cookie, and no compression.

A node which itself is reached at this very computer, as one is that somebody tries out, reaches
others there too; and one whose own address is a number of a private network, others in such.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

_NAT64 = IPv6Network("64:ff9b::/96")
Address = IPv4Address | IPv6Address
AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[str, int]]


class NotPublic(OSError):
    """An address that others are not reached at."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address} is no public address")


class _Names(aiohttp.ThreadedResolver):
    """What no resolver can be asked for is a name that is not found."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            return await super().resolve(host, port, family)
        except ValueError:
            raise OSError(f"{host[:80]!a} is no name") from None


def is_reachable(address: str, own_url: str) -> bool:
    """Whether a node that is reached at ``own_url`` may connect to an IP address."""
    found = _unwrapped(ip_address(address.partition("%")[0]))
    if found.is_loopback:
        return is_loopback(urlsplit(own_url).hostname or "")
    if found.is_private and not (found.is_link_local or found.is_unspecified or found.is_reserved):
        return _is_private(urlsplit(own_url).hostname or "")
    return found.is_global and not (found.is_multicast or found.is_reserved)


def is_loopback(host: str) -> bool:
    """Whether the name means this very computer, whatever a resolver says."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_private(host: str) -> bool:
    try:
        own = ip_address(host)
    except ValueError:
        return False
    return own.is_private and not (own.is_loopback or own.is_unspecified)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that one of IPv6 stands for."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _opener(own_url: str) -> Callable[[AddressInfo], socket.socket]:
    def open_socket(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, (host, *_) = info
        if not is_reachable(host, own_url):
            raise NotPublic(host)
        return socket.socket(family, kind, protocol)

    return open_socket


@asynccontextmanager
async def outbound(
    own_url: str,
    *,
    seconds: float,
    connect_seconds: float | None = None,
    keepalive_seconds: float = 15,
    resolver: AbstractResolver | None = None,
) -> AsyncIterator[aiohttp.ClientSession]:
    """A session for as long as the body, of a node that is reached at ``own_url``."""
    connector = aiohttp.TCPConnector(
        keepalive_timeout=keepalive_seconds,
        resolver=resolver or _Names(),
        socket_factory=_opener(own_url),
    )
    async with aiohttp.ClientSession(
        auto_decompress=False,
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity", "User-Agent": "tallyd"},
        timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=connect_seconds),
        trust_env=False,
    ) as session:
        yield session


async def read_body(response: aiohttp.ClientResponse, bytes_max: int) -> bytes | None:
    """The body of an answer; None where it has more bytes, of which no more is read."""
    received = bytearray()
    async for chunk in response.content.iter_any():
        received += chunk
        if len(received) > bytes_max:
            response.close()
            return None
    return bytes(received)


def why_not(error: aiohttp.ClientError | OSError) -> str:
    """Why a node could not be reached, in a few words."""
    cause = getattr(error, "os_error", error)
    return str(cause) if isinstance(cause, NotPublic) else type(error).__name__
