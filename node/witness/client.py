"""HTTP to the witnesses of this node's log, with a limit on everything.

No redirect is followed, no proxy or cookie used, no compression taken, and nothing goes over plain
http but to this very computer. What comes back is believed by nobody yet.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from ledger.charter import open_certificate
from ledger.codec import from_base64url
from ledger.errors import InvalidNote, InvalidSignature, MalformedObject
from ledger.note import ED25519, NOTE_BYTES_MAX, VerifierKey
from ledger.witness import origin_hash
from node.errors import JsonInvalid, WitnessUnusable
from node.http.strict_json import parse_json
from node.outbound import is_loopback, outbound, read_body, why_not
from node.witness.logs import witness_key

URL_CHARACTERS_MAX = 300
TITLE_CHARACTERS_MAX = 200
CONNECT_SECONDS_MAX = 3
ANSWER_SECONDS_MAX = 5
FETCH_SECONDS_MAX = 3
DESCRIPTION_BYTES_MAX = 65_536
DESCRIPTION_VALUES_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever its status."""

    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A circle as its node describes it: its id, hexadecimal, and the keys of its certificate.

    ``title`` is the node's word.
    """

    circle: str
    title: str
    witness: VerifierKey
    log: VerifierKey


def check_url(text: str) -> str:
    """A witness's address without a slash at its end. Raises WitnessUnusable."""
    url = text.rstrip("/")
    if len(url) > URL_CHARACTERS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise WitnessUnusable(f"{text[:80]!a}", "it is too long, or has characters no address has")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")  # as it will be looked up: no part of it empty, or too long
    except ValueError:
        raise WitnessUnusable(url, "it is not an address like https://circle.example") from None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        raise WitnessUnusable(url, "it is not an address like https://circle.example")
    if parts.query or parts.fragment:
        raise WitnessUnusable(url, "it has more after its path than an address may have")
    if parts.scheme == "http" and not is_loopback(host):
        raise WitnessUnusable(url, "http is not safe beyond this computer; use https")
    return url


async def fetch_json(
    session: aiohttp.ClientSession, url: str, path: str, bytes_max: int, values_max: int
) -> Any:
    """What a circle's node shows everybody, as JSON not looked into yet; None when it does not,
    within FETCH_SECONDS_MAX."""
    try:
        async with session.get(
            check_url(url) + path,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS_MAX),
        ) as response:
            received = await read_body(response, bytes_max)
            if received is None or response.status != 200:
                return None
        return parse_json(received, depth_max=8, values_max=values_max)
    except (WitnessUnusable, JsonInvalid, TimeoutError, aiohttp.ClientError, OSError):
        return None


@asynccontextmanager
async def witness_client(own_url: str) -> AsyncIterator[WitnessClient]:
    """A client for as long as the body, of a node that is reached at ``own_url``."""
    async with outbound(
        own_url,
        seconds=ANSWER_SECONDS_MAX,
        connect_seconds=CONNECT_SECONDS_MAX,
        keepalive_seconds=4,  # Witnesses may close what is idle for five.
    ) as session:
        yield WitnessClient(session)


@dataclass(frozen=True, slots=True)
class WitnessClient:
    """Asks witnesses by their checked addresses. Every call may raise WitnessUnusable."""

    session: aiohttp.ClientSession

    async def add_checkpoint(self, url: str, request: str) -> Answer:
        """Show a head (``ledger.witness.format_request``); the answer is as C2SP has it."""
        return await self._ask("POST", url, "/add-checkpoint", NOTE_BYTES_MAX, request.encode())

    async def checkpoint(self, url: str, origin: str) -> bytes | None:
        """The newest head of a log that the witness cosigned; None where it shows none."""
        path = f"/{origin_hash(origin).hex()}/checkpoint"
        answer = await self._ask("GET", url, path, NOTE_BYTES_MAX)
        return answer.body if answer.status == 200 else None

    async def describe(self, url: str) -> Neighbour:
        """The circle that answers at an address, its certificate verified."""
        answer = await self._ask("GET", url, "/.well-known/tallystick", DESCRIPTION_BYTES_MAX)
        if answer.status != 200:
            raise WitnessUnusable(
                url, "no circle answers there; of another witness, give its verifier key: --key"
            )
        try:
            return _read_neighbour(
                parse_json(answer.body, depth_max=8, values_max=DESCRIPTION_VALUES_MAX)
            )
        except (InvalidNote, InvalidSignature, JsonInvalid, MalformedObject) as error:
            reason = f"what it says of itself is not valid: {str(error).rstrip('.')}"
            raise WitnessUnusable(url, reason) from None

    async def _ask(
        self, method: str, url: str, path: str, bytes_max: int, body: bytes | None = None
    ) -> Answer:
        headers = {} if body is None else {"Content-Type": "text/plain; charset=utf-8"}
        try:
            async with self.session.request(
                method, f"{url}{path}", data=body, headers=headers, allow_redirects=False
            ) as response:
                if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                    raise WitnessUnusable(url, "its answer is compressed, which nobody asked for")
                received = await read_body(response, bytes_max)
                if received is None:
                    raise WitnessUnusable(url, f"its answer is longer than {bytes_max} bytes")
                return Answer(response.status, received)
        except TimeoutError:
            raise WitnessUnusable(url, "it does not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise WitnessUnusable(url, f"it cannot be reached ({why_not(error)})") from None


def _read_neighbour(description: Any) -> Neighbour:
    if not isinstance(description, dict) or not isinstance(description.get("keys"), dict):
        raise MalformedObject("description", "it is no description of a circle")
    body, signature = (
        from_base64url(_text(description, name), name)
        for name in ("certificate", "certificate_signature")
    )
    try:
        identity = bytes.fromhex(_text(description["keys"], "identity"))
    except ValueError:
        raise MalformedObject("description", "its identity key is not hexadecimal") from None
    certificate = open_certificate(body, signature, identity)
    title = _text(description, "name")[:TITLE_CHARACTERS_MAX]
    if not title.isprintable():
        raise MalformedObject("description", "its name has characters that do not print")
    return Neighbour(
        certificate.circle.hex(),
        title,
        witness_key(certificate),
        VerifierKey(certificate.origin, ED25519, certificate.log),
    )


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise MalformedObject("description", f"it has no {name}")
    return value
