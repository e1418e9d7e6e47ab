"""What can be ordered: one class for each kind of order, its fields as they are signed.

Amounts are minor units, accounts and persons are numbers, entries are named by their index in the
log (protocol.md, "Kinds of order").
"""

from __future__ import annotations

from typing import NamedTuple


class Pay(NamedTuple):
    """The account pays each payee; ``happened_on`` is () or (days since 1970-01-01,);
    ``request`` is () or (id of a payment request,)."""

    legs: tuple[tuple[int, int], ...]
    happened_on: tuple[int, ...] = ()
    request: tuple[bytes, ...] = ()


class Hold(NamedTuple):
    """Sets an amount aside, and fixes who may resolve it.

    ``payee`` is () while nobody is named. The payer may settle at any time and take it back while
    nobody is named, or once the log time is at least ``until`` (Unix milliseconds). With
    ``claim_window`` the payee's claim is good after that many milliseconds without an objection;
    with ``coordinator`` 1 a coordinator may settle, release or assign. With ``evidence`` (the hash
    of a payment between circles) nobody but it resolves.
    """

    payee: tuple[int, ...]
    amount: int
    until: int
    claim_window: tuple[int, ...] = ()
    coordinator: int = 0
    evidence: tuple[bytes, ...] = ()


class Settle(NamedTuple):
    """Pays ``amount`` of a hold to ``payee``; what remains of it is free again."""

    hold: int
    payee: int
    amount: int
    evidence: tuple[bytes, ...] = ()


class Release(NamedTuple):
    """Ends a hold and pays nothing."""

    hold: int
    evidence: tuple[bytes, ...] = ()


class Claim(NamedTuple):
    """The payee claims a hold: it may be settled after the window unless the payer objects."""

    hold: int
    amount: int


class Object(NamedTuple):
    """The payer objects to the claim on a hold."""

    hold: int


class Assign(NamedTuple):
    """Names the payee of a hold for nobody yet, with the ``claim_window`` that they have; or, with
    ``payee`` (), hands it back, so that it is for nobody again."""

    hold: int
    payee: tuple[int, ...]
    claim_window: tuple[int, ...] = ()


class Defer(NamedTuple):
    """A coordinator frees the payer of a payment to another circle that nobody answers for: what
    was set aside for it moves to suspense, and a late answer still charges the payer."""

    hold: int


class Sell(NamedTuple):
    """An officer sells tokens out of the treasury for cash; ``reference`` is the cash book's."""

    amount: int
    reference: str


class Redeem(NamedTuple):
    """An officer takes tokens back into the treasury for cash."""

    amount: int
    reference: str


class Levy(NamedTuple):
    """An officer collects from each account of ``legs`` into the header's system account."""

    legs: tuple[tuple[int, int], ...]


class Payout(NamedTuple):
    """An officer pays out of the header's system account to each account of ``legs``."""

    legs: tuple[tuple[int, int], ...]


class Reverse(NamedTuple):
    """Undoes the transfer of an earlier entry by a new one; once."""

    entry: int


class Invite(NamedTuple):
    """Lets the holder of a one-time key join by themselves until ``until`` (Unix milliseconds).

    ``office`` is "" or one of OFFICES.
    """

    key: bytes
    floor: int
    ceiling: int
    starter: int
    office: str
    until: int


class Uninvite(NamedTuple):
    """Takes back an invitation that nobody has used yet."""

    key: bytes


class Join(NamedTuple):
    """A new device's own order: opens the account that the invitation promises."""

    invitation: bytes
    signature: bytes


class Open(NamedTuple):
    """An officer opens an account, for a new person or for ``holder`` who is one already.

    ``enrolment`` is () for a person without a device, or a packed signed enrolment.
    """

    holder: tuple[int, ...]
    floor: int
    ceiling: int
    starter: int
    deviceless: int
    enrolment: tuple[bytes, ...]


class Close(NamedTuple):
    """Closes the account; its balance goes to, or comes from, the community account."""


class Limits(NamedTuple):
    """Sets how far down (``floor`` <= 0) and up the account may go."""

    floor: int
    ceiling: int


class Holder(NamedTuple):
    """Makes a person a holder of the account (1), or no longer one (0)."""

    person: int
    holds: int


class Assist(NamedTuple):
    """Flags the account as one that a coordinator acts for (1), or no longer (0)."""

    deviceless: int


class Enrol(NamedTuple):
    """Adds a device for a person. ``role`` is "device", or "recovery" for a printed sheet's key.

    ``present`` is 1 when an officer did it face to face; at a distance it waits and can be vetoed.
    """

    person: int
    enrolment: bytes
    role: str
    present: int


class Revoke(NamedTuple):
    """Ends a device for good."""

    device: bytes


class Freeze(NamedTuple):
    """Reports a device lost: it signs nothing and vetoes nothing until thawed."""

    device: bytes


class Thaw(NamedTuple):
    """Makes a frozen device usable again."""

    device: bytes


class Veto(NamedTuple):
    """Stops a device that was enrolled at a distance and still waits."""

    device: bytes


class Mandate(NamedTuple):
    """Lets ``person`` do the acts of ``scope`` with this account until ``until``, moving at most
    ``cap`` minor units in each ``window`` milliseconds."""

    person: int
    scope: tuple[str, ...]
    cap: int
    window: int
    until: int


class Unmandate(NamedTuple):
    """Ends the mandate granted by an entry."""

    mandate: int


class Appoint(NamedTuple):
    """Gives a person an office."""

    person: int
    office: str


class Dismiss(NamedTuple):
    """Takes an office from a person."""

    person: int
    office: str


class Amend(NamedTuple):
    """Replaces the charter's rules; ``rules`` is their canonical encoding."""

    rules: bytes


Act = (
    Pay
    | Hold
    | Settle
    | Release
    | Claim
    | Object
    | Assign
    | Defer
    | Sell
    | Redeem
    | Levy
    | Payout
    | Reverse
    | Invite
    | Uninvite
    | Join
    | Open
    | Close
    | Limits
    | Holder
    | Assist
    | Enrol
    | Revoke
    | Freeze
    | Thaw
    | Veto
    | Mandate
    | Unmandate
    | Appoint
    | Dismiss
    | Amend
)
