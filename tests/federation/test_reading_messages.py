"""What a peer sends, from its bytes to the core: nothing of it is written yet."""

from __future__ import annotations

from typing import cast

import pytest

from ledger.federation.message import Content, Prepare, Raise, sign_run, write_wire
from ledger.state import apply
from node.connections import Pool
from node.federation.messages import MessageReader
from tests.check_links import Neighbour, Neighbourhood, neighbourhood
from tests.circle import seed
from tests.federation.offering import evidence

UNUSED = cast(Pool, None)
"""The database is asked only for what was written before, and for payees."""


def run(by: Neighbour, receiver: bytes, *contents: Content) -> list[tuple[bytes, bytes]]:
    """What a neighbour sends in one exchange."""
    wires = [write_wire(by.say(receiver, content)[1]) for content in contents]
    return [(wire, b"") for wire in sign_run(wires, seed(f"{by.name} link"))]


async def taken(
    here: Neighbourhood, reader: MessageReader, *runs: list[tuple[bytes, bytes]]
) -> list[str]:
    """What the last message of several exchanges proves, all read before anything is taken."""
    link = here.link("kent")
    events = [event for each in runs for event in await reader.read(link, each, b"told")]
    found: list[str] = []
    for event in events:
        step = event.step(here.circle.state, here.circle.now)
        apply(here.circle.state, step.changes)
        found = evidence(step)
    return found


@pytest.mark.parametrize(
    ("second", "proven"), [(Raise(6_001), ["message", "account"]), (Raise(6_000), [])]
)
async def test_a_number_used_twice_is_proven_before_its_message_is_written(
    second: Content, proven: list[str]
) -> None:
    here = neighbourhood()
    circle = here.circle.state.circle
    first = run(here.neighbours["kent"], circle, Raise(6_000), Raise(7_000))
    other = run(Neighbour("kent", here.link("kent").id), circle, second)
    reader = MessageReader(UNUSED, seed("decision"))
    assert await taken(here, reader, first, other) == proven
    assert here.link("kent").status == ("frozen" if proven else "open")


async def test_a_payment_without_a_header_is_for_the_core_to_see() -> None:
    here = neighbourhood()
    nonsense = Prepare(b"no header", 5, ())
    sent = run(here.neighbours["kent"], here.circle.state.circle, nonsense)
    assert await taken(here, MessageReader(UNUSED, seed("decision")), sent) == [
        "message",
        "account",
    ]
    assert here.link("kent").status == "frozen"
