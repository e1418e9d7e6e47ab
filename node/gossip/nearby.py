"""What neighbours say right now of who owes whom, for a clearing that somebody waits for.

Bulletins can be ten minutes old and more. So the neighbours are asked, as they are for ways
(``neighbours``): which link it is, in which unit and at which rates, is in the agreement that both
its circles signed, and where it stands is signed by the circle at its far end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeGuard

import aiohttp

from ledger.codec import AMOUNT_MAX, from_base64url
from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation.agreement import link_id, open_agreement
from ledger.federation.cycles import Position, own_position, told_position
from ledger.federation.gossip_envelope import LINKS_MAX
from ledger.federation.link import Link
from ledger.federation.message import Statement, open_statement
from node.gossip.neighbours import ASKED_MAX, fetch_list


class Told(NamedTuple):
    """A link between two circles, the lower first, and what one owes the other, if anything."""

    low: bytes
    high: bytes
    position: Position | None


async def ask_nearby(
    session: aiohttp.ClientSession, links: Iterable[Link], key_of: Callable[[bytes], bytes]
) -> tuple[Told, ...]:
    """The links of those neighbours that answer; ours with them are as our own books have them.

    Those are asked with whom most is owed. ``key_of`` gives a circle's link key, or b"".
    """
    asked = sorted(
        (link for link in links if link.takes_payments), key=lambda link: -abs(link.owed)
    )[:ASKED_MAX]
    lists = await asyncio.gather(*(fetch_list(session, link.theirs.url) for link in asked))
    newest: dict[bytes, tuple[int, Told]] = {}
    for link, listed in zip(asked, lists, strict=True):
        if not isinstance(listed, dict):
            continue
        low, high = sorted((link.circle, link.peer))
        newest[link.id] = 0, Told(low, high, own_position(link))
        for statement, told in read_told(listed, link, key_of):
            number = statement.low_seq + statement.high_seq
            if number >= newest.get(statement.link, (0,))[0]:
                newest[statement.link] = number, told
    return tuple(told for _, told in newest.values())


def read_told(
    listed: dict[str, Any], link: Link, key_of: Callable[[bytes], bytes]
) -> Iterator[tuple[Statement, Told]]:
    """Out of a neighbour's list, where its links with others stand; what is wrong is left out."""
    views = listed.get("peers")
    for view in views[:LINKS_MAX] if isinstance(views, list) else ():
        try:
            found = _read_view(view, link, key_of) if isinstance(view, dict) else None
        except (MalformedObject, InvalidSignature):
            continue
        if found is not None:
            yield found


def _read_view(
    view: dict[str, Any], link: Link, key_of: Callable[[bytes], bytes]
) -> tuple[Statement, Told] | None:
    """Raises MalformedObject, InvalidSignature."""
    wire, signed = view.get("agreement"), view.get("statement")
    inward, outward = view.get("room_in"), view.get("room_out")
    if not (isinstance(wire, str) and isinstance(signed, str)):
        return None
    if not (_is_amount(inward) and _is_amount(outward)):
        return None
    agreement = open_agreement(from_base64url(wire, "agreement"))
    here, there = agreement.party(link.peer), agreement.other(link.peer)
    if there.circle == link.circle:
        return None
    if here.link != link.theirs.link or there.link != key_of(there.circle):
        return None
    statement = open_statement(from_base64url(signed, "statement"), there.link)
    if statement.link != link_id(here.circle, there.circle):
        return None
    takes = view.get("status") == "open" and view.get("suspended_by_peer") is False
    most = agreement.hold_max if takes else 0
    rooms = min(inward, most), min(outward, most)
    position = told_position(statement, agreement, here.circle, *rooms)
    low, high = agreement.low.circle, agreement.high.circle
    return statement, Told(low, high, position)


def _is_amount(value: object) -> TypeGuard[int]:
    return type(value) is int and abs(value) <= AMOUNT_MAX
