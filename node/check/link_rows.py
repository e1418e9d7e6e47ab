"""The tables of the model between circles: links, what is held on them, and payments.

Rows are plain and changed in place. Nothing here decides anything.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import NamedTuple

from node.check.findings import WrongEntry
from node.check.link_fields import Header, Terms, read_header

MILLION = 1_000_000


class Reserved(NamedTuple):
    """A hold on a link: ``amount`` in its unit, ``value`` in our minor units, at the rate of then;
    ``gain`` is what rounding leaves of it, in millionths of one.

    ``onward`` is what its PREPARE says of the links after this one.
    """

    payment: bytes
    header: bytes
    amount: int
    value: int
    gain: int
    onward: tuple[tuple[bytes, int], ...]


@dataclass(slots=True)
class LinkRow:
    """One link. ``owed`` is what the peer owes us, ``incoming`` and ``outgoing`` the holds by which
    it, or we, may come to owe more; ``rounding`` is in millionths of our minor unit."""

    id: bytes
    circle: bytes
    peer: bytes
    account: int
    agreement: bytes
    terms: Terms
    may_owe: int = 0
    may_be_owed: int = 0
    sent: tuple[int, bytes] = (0, bytes(32))
    received: tuple[int, bytes] = (0, bytes(32))
    proven: int = 0
    owed: int = 0
    incoming: dict[bytes, Reserved] = field(default_factory=dict)
    outgoing: dict[bytes, Reserved] = field(default_factory=dict)
    incoming_sum: int = 0
    outgoing_sum: int = 0
    rounding: int = 0
    suspended: bool = False
    peer_suspended: bool = False
    left: bool = False
    proposed: bytes = b""
    offered: bytes = b""

    def millionths(self, amount: int) -> int:
        """What an amount of the link is worth in millionths of our minor unit, rounded down."""
        ours, _ = self.terms.sides(self.circle)
        return amount * ours.own * MILLION // ours.linked

    def position(self) -> tuple[object, ...]:
        """The statement that both circles make of where the link stands."""
        ours, theirs = (*self.sent, self.outgoing_sum), (*self.received, self.incoming_sum)
        low_first = self.circle == self.terms.low.circle
        low, high = (ours, theirs) if low_first else (theirs, ours)
        tally = self.owed if low_first else -self.owed
        held = (low[2], high[2])
        return (self.id, self.terms.number, *low[:2], *high[:2], tally, *held)


@dataclass(slots=True)
class PaymentRow:
    """One payment between circles, as the table ``transits`` has it. A member's has no header until
    it is sent on its way, and until then a ``deadline`` that its header must have."""

    payment: bytes
    header: bytes = b""
    deadline: int = 0
    since: int | None = None
    incoming: bytes = b""
    outgoing: bytes = b""
    came_from: bytes = b""
    hold: int = 0
    account: int = 0
    most: int = 0
    deferred: bool = False
    mine: bool = False
    collected: int = 0
    status: str = "open"
    commit: bytes = b""
    reason: str = ""
    finished: bool = False

    @property
    def is_lasting(self) -> bool:
        """Whether it is told apart from a payment that this circle refused as its decider."""
        return bool(self.hold or self.mine or self.commit or self.incoming or self.outgoing)

    @property
    def fields(self) -> Header:
        """Raises WrongEntry, MalformedObject."""
        return read_header(self.header)


@dataclass(slots=True)
class Links:
    """All links of a circle, by their ids, and the payments that are not over and past.

    ``unanswered`` is a PREPARE that came last: what we answer to it comes next. ``due`` are COMMITs
    that an entry has booked and that are to be shown over a link: the amount, and the gain.
    ``log_time`` is that of the newest entry whose message was taken.
    """

    circle: bytes
    link_key: bytes = b""
    decision_key: bytes = b""
    rows: dict[bytes, LinkRow] = field(default_factory=dict)
    payments: dict[bytes, PaymentRow] = field(default_factory=dict)
    unanswered: tuple[bytes, Reserved] | None = None
    due: dict[tuple[bytes, bytes], tuple[int, int]] = field(default_factory=dict)
    finished: list[PaymentRow] = field(default_factory=list)
    past: list[tuple[int, bytes]] = field(default_factory=list)
    log_time: int = 0
    signatures: int = 0

    def finish(self, row: PaymentRow) -> None:
        """Nothing more can become of a payment; it is remembered until its deadline is over."""
        row.finished = True
        self.finished.append(row)
        heapq.heappush(self.past, (row.fields.deadline, row.payment))

    def forget(self) -> None:
        """Drop what was finished and can't be taken again, since its time is over."""
        while self.past and self.past[0][0] <= self.log_time:
            self.payments.pop(heapq.heappop(self.past)[1], None)

    def payment(self, payment: bytes) -> PaymentRow:
        """Raises WrongEntry."""
        row = self.payments.get(payment)
        if row is None:
            raise WrongEntry(f"the payment {payment.hex()} is not known here")
        return row
