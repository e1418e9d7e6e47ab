"""HTTP to another circle's node, to come to an agreement with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from ledger.codec import from_base64url, to_base64url
from ledger.errors import TallystickError
from ledger.federation.agreement import Party
from node.errors import JsonInvalid, PeerRefused
from node.federation.agreements import Identity, Invitation
from node.http.strict_json import parse_json
from node.outbound import outbound, read_body, why_not
from node.witness.client import check_url

ANSWER_BYTES_MAX = 65_536
SECONDS_MAX = 20
PATH = "/peer/v1/agreements"


@dataclass(frozen=True, slots=True)
class Offer:
    """What the inviting node answers: the agreement's body, its signature, who it is."""

    agreement: bytes
    signature: bytes
    who: Identity


async def ask_offer(own_url: str, invited: Invitation, us: Identity, asked: Party) -> Offer:
    """Ask the inviting node for its agreement. Raises PeerRefused, MalformedObject."""
    body = {
        "code": to_base64url(invited.code),
        "who": _described(us),
        "url": asked.url,
        "own": asked.own,
        "linked": asked.linked,
    }
    answer = await _send(own_url, "POST", invited, body)
    who = answer.get("who")
    if not isinstance(who, dict):
        raise PeerRefused("its node does not say who it is")
    identity = Identity(
        _bytes(who, "identity"),
        _bytes(who, "certificate"),
        _bytes(who, "certificate_signature"),
        _text(who, "name"),
    )
    return Offer(_bytes(answer, "agreement"), _bytes(answer, "signature"), identity)


def _described(identity: Identity) -> dict[str, str]:
    return {
        "identity": to_base64url(identity.key),
        "certificate": to_base64url(identity.certificate),
        "certificate_signature": to_base64url(identity.signature),
        "name": identity.name,
    }


async def conclude(own_url: str, invited: Invitation, wire: bytes, us: Identity) -> None:
    """Hand over the agreement with both signatures. Raises PeerRefused."""
    await _send(own_url, "PUT", invited, {"agreement": to_base64url(wire), "who": _described(us)})


async def _send(
    own_url: str, method: str, invited: Invitation, body: Mapping[str, Any]
) -> dict[str, Any]:
    url = check_url(invited.url) + PATH
    try:
        async with (
            outbound(own_url, seconds=SECONDS_MAX) as session,
            session.request(method, url, json=body, allow_redirects=False) as response,
        ):
            received = await read_body(response, ANSWER_BYTES_MAX)
            status = response.status
    except TimeoutError:
        raise PeerRefused(f"nobody answers at {invited.url} in time") from None
    except (aiohttp.ClientError, OSError) as error:
        raise PeerRefused(f"nobody answers at {invited.url} ({why_not(error)})") from None
    if received is None:
        raise PeerRefused("its node's answer is too long")
    return _read(received, status)


def _read(body: bytes, status: int) -> dict[str, Any]:
    try:
        answer = parse_json(body, depth_max=8, values_max=2000)
    except (JsonInvalid, TallystickError):
        answer = None
    if not isinstance(answer, dict):
        raise PeerRefused(f"its node answers with status {status}")
    if status != 200:
        detail = answer.get("detail")
        said = detail[:300] if isinstance(detail, str) and detail.isprintable() else str(status)
        raise PeerRefused(f"its node says: {said.rstrip('.')}")
    return answer


def _bytes(answer: Mapping[str, Any], name: str) -> bytes:
    return from_base64url(_text(answer, name), name)


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise PeerRefused(f"its node's answer has no {name}")
    return value
