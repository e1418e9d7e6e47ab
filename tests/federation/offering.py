"""Messages offered to a circle, what they would come to, and a payment on its way."""

from __future__ import annotations

from dataclasses import replace

from ledger.federation.link import PutEvidence, PutMessage
from ledger.federation.message import (
    Content,
    Prepare,
    read_message,
)
from ledger.federation.payment import payment_id
from ledger.federation.receive import Received, receive
from ledger.federation.step import Step
from tests.check_links import OWN, Neighbourhood, way


def offer(
    here: Neighbourhood,
    name: str,
    content: Content,
    sealed: bytes = b"",
    payee: str = "",
    stored: bytes = b"",
) -> Step:
    """What a message would come to; nothing is taken."""
    neighbour = here.neighbours[name]
    wire, body = replace(neighbour).say(here.circle.state.circle, content)
    account = here.circle[payee].account if payee else None
    received = Received(neighbour.link, (wire,), body, account, (), sealed, stored)
    return receive(here.circle.state, OWN, received, here.circle.now)


def answers(step: Step) -> list[tuple[bytes, Content]]:
    """What we say in the same step, and over which link."""
    return [
        (change.link, read_message(change.body)[1])
        for change in step.changes
        if isinstance(change, PutMessage) and change.sent
    ]


def evidence(step: Step) -> list[str]:
    return [change.kind for change in step.changes if isinstance(change, PutEvidence)]


def passing(here: Neighbourhood) -> bytes:
    """A payment from exeter to luton, of 45 for 42."""
    _, header, sealed = here.header("luton", 7)
    here.hear("exeter", Prepare(header, 45, way(("luton", 7))), sealed)
    return payment_id(header)
