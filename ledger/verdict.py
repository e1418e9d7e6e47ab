"""What a decision looks at besides the state, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ledger.declarations import PaymentRequest
from ledger.errors import TallystickError
from ledger.federation.route import Route
from ledger.orders import Header, SignedOrder
from ledger.state import Change, MarkRequest, MarkReversed, MarkSlip, State


class Move(NamedTuple):
    """One posting to be: the balance moves by ``delta``, what is held by ``held`` (minor units)."""

    account: int
    delta: int
    held: int = 0


class Decision(NamedTuple):
    """An accepted order: the entry to write. ``exempt`` marks a listed exception to the limits.

    ``authority`` is one of :data:`ledger.entry.AUTHORITIES`; ``public`` is the leaf's public part.
    """

    kind: str
    authority: str
    moves: tuple[Move, ...]
    changes: tuple[Change, ...] = ()
    exempt: bool = False
    public: bytes = b""


class Prior(NamedTuple):
    """The order that a device's nonce already belongs to, and its entry, or its refusal as JSON."""

    order_id: bytes
    entry: int | None
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """What is needed of an earlier entry to reverse it.

    ``moves`` are (account, delta). ``signer`` is the officer who ordered it, 0 when a member did.
    """

    kind: str
    moves: tuple[tuple[int, int], ...]
    signer: int
    reversed: bool


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """A payment request that the node was given, and whether it was paid."""

    request: PaymentRequest
    paid: bool


@dataclass(slots=True)
class Facts:
    """History that the orders of one batch refer to, looked up before they are decided.

    What a decision of the same batch adds is noted here, so that the next one sees it; only
    ``priors`` are the caller's to note, and an entry of the same batch is not reversed in it.
    """

    priors: dict[tuple[bytes, int], Prior] = field(default_factory=dict)
    slips: set[tuple[str, str]] = field(default_factory=set)
    transfers: dict[int, Transfer] = field(default_factory=dict)
    requests: dict[bytes, KnownRequest] = field(default_factory=dict)
    handles: set[str] = field(default_factory=set)


def remember(facts: Facts, decision: Decision, handle: str) -> None:
    """Note an accepted order in the batch's facts, for the orders after it."""
    for change in decision.changes:
        match change:
            case MarkSlip(channel, number):
                facts.slips.add((channel, number))
            case MarkRequest(request):
                facts.requests[request] = replace(facts.requests[request], paid=True)
            case MarkReversed(index):
                facts.transfers[index] = replace(facts.transfers[index], reversed=True)
            case _:
                pass
    if decision.kind == "open" and handle:
        facts.handles.add(handle)


class Case(NamedTuple):
    """One order before its judge: the state and facts it is held against, at log time ``now``.

    ``header`` is the order's own, ``number`` the index of the entry it would become, ``handle`` the
    member's name that the text beside it asks for, or "". ``route`` is what stands beside an order
    that pays into another circle, or None.
    """

    state: State
    facts: Facts
    signed: SignedOrder
    header: Header
    now: int
    number: int
    handle: str
    route: Route | None


Verdict = Decision | TallystickError
"""Accepted, or the reason why not: a Refused is final, an Unacceptable is no verdict."""
