"""What the writer is given to decide, and what comes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ledger import orders
from ledger.append import Entry
from ledger.decide import Prior
from ledger.errors import TallystickError
from ledger.federation.route import Route
from ledger.federation.step import Step
from ledger.orders import SignedOrder
from ledger.state import State
from node.store import Text


class Submission(NamedTuple):
    """An order whose signatures were verified, its text, and a new member's names out of it.

    ``route`` stands beside an order that pays into another circle.
    """

    signed: SignedOrder
    text: Text | None = None
    handle: str = ""
    name: str = ""
    route: Route | None = None


class PeerEvent(NamedTuple):
    """Something between circles to be decided in its turn, such as a peer's message.

    ``step`` decides it at a log time; ``text`` is stored for ``person`` beside the entry, if it
    comes to one. ``confirms`` is the link whose peer thereby says where it stands, or b"".
    """

    step: Callable[[State, int], Step]
    text: Text | None = None
    person: int = 0
    confirms: bytes = b""


class Stepped(NamedTuple):
    """What a :class:`PeerEvent` came to: its entry, if any, and why it was not taken, or ""."""

    entry: int | None
    fault: str


Work = Submission | PeerEvent


class Accepted(NamedTuple):
    """An order's entry, its inclusion proof as tlog-proof lines, and the head it is under."""

    entry: Entry
    proof_lines: str
    checkpoint: str


Outcome = Accepted | Prior | Stepped | TallystickError
"""What came of it; a Prior is the answer given before to the very same order."""


@dataclass(slots=True)
class Parcel:
    """The orders of one request, answered together."""

    submissions: Sequence[Work]
    answer: asyncio.Future[list[Outcome]]


def encode_refusal(refusal: TallystickError) -> str:
    """A refusal as it is remembered: its code, its sentence, and its attributes."""
    return json.dumps({"code": refusal.code, "detail": str(refusal), **vars(refusal)})


def is_timely(state: State, signed: SignedOrder, now: int) -> bool:
    """Whether a device of this circle, too, takes ``now`` for a time at which its order lives.

    Only then does the log move on to another day: the clock of a node that was just started may be
    years ahead, and log time never goes back.
    """
    header, act = signed.order
    known = header.device in state.devices or (
        type(act) is orders.Join and act.invitation in state.invitations
    )
    return known and now < header.expires <= now + orders.LIFETIME_MS_MAX
