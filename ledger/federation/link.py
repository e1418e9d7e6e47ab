"""Where a link stands on our side, and the rows that change with it (protocol.md, "Links").

The creditor of a hold alone resolves it, in its own numbered direction: with the decider's COMMIT,
or by giving it up. So the first resolution is the only one, and where a link stands follows from
the two numbers alone, whatever crossed on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ledger.federation.agreement import (
    Agreement,
    Party,
    link_id,
    open_agreement,
    worth_at_least,
    worth_at_most,
)
from ledger.federation.message import (
    FIRST,
    Content,
    Statement,
    message_hash,
    write_message,
    write_wire,
)

MILLION = 1_000_000
LINK_STATUSES = ("open", "suspended", "frozen", "lost")
"""Open; no new payments by our wish; none because the peer's records contradict ours; nothing at
all because ours are older than what we signed."""


@dataclass(frozen=True, slots=True)
class End:
    """How far one direction of a link has come: its last message's number and hash."""

    seq: int = 0
    hash: bytes = FIRST


class Link(NamedTuple):
    """A link as ``circle`` keeps it. Amounts are in the link's unit.

    ``account`` is the mirror account in our ledger; ``agreement`` the wire form of ``terms``.
    ``owed`` is what the peer owes us, negative when we owe; ``incoming`` what it may come to owe by
    payments under way, ``outgoing`` what we may, ``incoming_count`` and ``outgoing_count`` how many
    those are. ``acked`` is the last of our messages that the peer's newest statement has.
    ``rounding`` is what rounding left with us so far, in millionths of our minor unit. ``agreed``
    is the newest statement by which the peer confirmed our books, as it signed it, or b"".
    ``may_owe`` is the most that we may owe, ``may_be_owed`` the peer. ``proposed`` and ``offered``
    are the agreements, [body, signature], that we and the peer signed and the other has not yet, or
    b"". ``suspending`` says that we take no new payments, and that the peer cannot be told yet;
    ``left`` that one of us ended the agreement.
    """

    id: bytes
    circle: bytes
    peer: bytes
    account: int
    agreement: bytes
    terms: Agreement
    status: str = "open"
    peer_suspended: bool = False
    sent: End = End()
    received: End = End()
    acked: int = 0
    owed: int = 0
    incoming: int = 0
    outgoing: int = 0
    incoming_count: int = 0
    outgoing_count: int = 0
    rounding: int = 0
    agreed: bytes = b""
    may_owe: int = 0
    may_be_owed: int = 0
    proposed: bytes = b""
    offered: bytes = b""
    suspending: bool = False
    left: bool = False

    @property
    def ours(self) -> Party:
        return self.terms.party(self.circle)

    @property
    def theirs(self) -> Party:
        return self.terms.other(self.circle)

    @property
    def room_out(self) -> int:
        """How much more we may come to owe."""
        return self.may_owe + self.owed - self.outgoing

    @property
    def room_in(self) -> int:
        """How much more the peer may come to owe us."""
        return self.may_be_owed - self.owed - self.incoming

    @property
    def takes_payments(self) -> bool:
        """Whether neither side wants new payments kept off the link."""
        wanted = not (self.left or self.suspending or self.peer_suspended)
        return wanted and self.status == "open"

    @property
    def standing(self) -> str:
        """Its status as people are told it: one of LINK_STATUSES, or "left"."""
        if self.left and self.status != "lost":
            return "left"
        return "suspended" if self.suspending and self.status == "open" else self.status


@dataclass(frozen=True, slots=True)
class LinkHold:
    """An open hold on a link: ``incoming`` when the peer may come to owe us ``amount``.

    ``value`` is what it is worth in our minor units, at the rate of when it was made, and ``gain``
    what rounding leaves with us, in millionths of one, if it is committed; ``since`` is its log
    time.
    """

    link: bytes
    payment: bytes
    incoming: bool
    amount: int
    value: int
    gain: int
    since: int


Way = tuple[tuple[bytes, int], ...]
"""The circles a payment goes through, and what the link to each carries, in that link's unit."""


class Transit(NamedTuple):
    """A payment between circles, as one circle on its way knows it.

    ``incoming`` and ``outgoing`` are links' ids or b""; ``came_from`` the link that it came over
    first, kept when the hold there is gone. At the payer's circle ``hold`` is the entry that set
    tokens aside in ``account`` (0 and 0 elsewhere), ``most`` how many; ``ways`` are those not tried
    yet, ``deferred`` says that suspense bears the hold. ``mine`` marks a payment to ourselves that
    clears a cycle; ``collected`` what came in for it. ``sealed`` is forgotten when it is resolved.
    ``status`` is open, committed or released; ``commit`` the decider's signature once it is known.
    ``since`` is the log time of its beginning here.
    """

    payment: bytes
    header: bytes
    sealed: bytes
    since: int
    incoming: bytes = b""
    outgoing: bytes = b""
    came_from: bytes = b""
    hold: int = 0
    account: int = 0
    most: int = 0
    ways: tuple[Way, ...] = ()
    deferred: bool = False
    mine: bool = False
    collected: int = 0
    status: str = "open"
    commit: bytes = b""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PutLink:
    link: Link


@dataclass(frozen=True, slots=True)
class PutLinkHold:
    hold: LinkHold


@dataclass(frozen=True, slots=True)
class EndLinkHold:
    link: bytes
    payment: bytes


@dataclass(frozen=True, slots=True)
class PutTransit:
    transit: Transit


@dataclass(frozen=True, slots=True)
class PutMessage:
    """A message of a link, ``sent`` by us or received. ``wire`` is [body, signature]; it has a
    signature where it came as the last of a run. Ours are signed as they are sent."""

    link: bytes
    sent: bool
    seq: int
    body: bytes
    wire: bytes


@dataclass(frozen=True, slots=True)
class PutEvidence:
    """Something signed that contradicts what we have: kept, shown to both coordinators."""

    link: bytes
    kind: str
    wire: bytes


FederationChange = PutLink | PutLinkHold | EndLinkHold | PutTransit | PutMessage | PutEvidence


def new_link(circle: bytes, account: int, agreement: bytes) -> Link:
    """The link of a new agreement, in its wire form. Raises MalformedObject, InvalidSignature."""
    terms = open_agreement(agreement)
    ours, theirs = terms.party(circle), terms.other(circle)
    return Link(
        link_id(circle, theirs.circle),
        circle,
        theirs.circle,
        account,
        agreement,
        terms,
        may_owe=ours.owes_max,
        may_be_owed=theirs.owes_max,
    )


def make_hold(link: Link, payment: bytes, incoming: bool, amount: int, now: int) -> LinkHold:
    """A hold at the rate that is agreed now."""
    value = (worth_at_least if incoming else worth_at_most)(link.ours, amount)
    gain = rounded(link.ours, amount, value)
    return LinkHold(link.id, payment, incoming, amount, value, gain if incoming else -gain, now)


def rounded(party: Party, amount: int, value: int) -> int:
    """How much more ``amount`` is worth than ``value`` minor units, in millionths, rounded down."""
    return amount * party.own * MILLION // party.linked - value * MILLION


def next_message(link: Link, content: Content) -> tuple[Link, PutMessage]:
    """The link after our next message, and that message."""
    seq = link.sent.seq + 1
    body = write_message(link.id, link.circle, link.peer, seq, link.sent.hash, content)
    return (
        link._replace(sent=End(seq, message_hash(body))),
        PutMessage(link.id, True, seq, body, write_wire(body)),
    )


def statement_of(link: Link) -> Statement:
    """Where the link stands by our books, as both sides write it."""
    number = link.terms.number
    if link.circle == link.terms.low.circle:
        low, high = (link.sent, link.outgoing), (link.received, link.incoming)
        tally = link.owed
    else:
        low, high = (link.received, link.incoming), (link.sent, link.outgoing)
        tally = -link.owed
    (low_end, low_held), (high_end, high_held) = low, high
    return Statement(
        link.id,
        number,
        low_end.seq,
        low_end.hash,
        high_end.seq,
        high_end.hash,
        tally,
        low_held,
        high_held,
    )
