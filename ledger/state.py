"""What a circle's ledger is at one log position, in memory (protocol.md, "State").

``State`` is what decisions look at and :func:`apply` changes. It holds accounts, devices, open
holds, living mandates and invitations, never history: its size does not grow with the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.charter import Rules
from ledger.entry import NO_POSTING
from ledger.federation.link import (
    EndLinkHold,
    FederationChange,
    Link,
    LinkHold,
    PutEvidence,
    PutLink,
    PutLinkHold,
    PutMessage,
    PutTransit,
    Transit,
)

SYSTEM_KINDS = ("treasury", "community", "suspense")


@dataclass(slots=True)
class Account:
    """One account. Amounts are minor units; ``floor`` <= 0 <= ``ceiling`` are the set limits.

    ``lowest`` and ``highest`` are the effective limits: wider than the set ones after a listed
    exception left the account outside, and ratcheting back as it returns.
    """

    number: int
    kind: str
    floor: int
    ceiling: int
    balance: int = 0
    held: int = 0
    seq: int = 0
    last: bytes = NO_POSTING
    lowest: int = 0
    highest: int = 0
    deviceless: bool = False
    closed: bool = False
    holders: frozenset[int] = frozenset()

    @property
    def available(self) -> int:
        """What can be spent or set aside before the limit is looked at."""
        return self.balance - self.held


@dataclass(frozen=True, slots=True)
class Device:
    """A key that signs for a person.

    ``role`` is device, recovery or paper, ``status`` active, frozen or revoked. It signs from log
    time ``active_from`` on. Until ``capped_until`` all such devices of a person together move at
    most the charter's device cap; this one has moved ``spent``. Times are Unix milliseconds.
    """

    key: bytes
    person: int
    role: str
    label: str
    status: str = "active"
    active_from: int = 0
    capped_until: int = 0
    spent: int = 0


@dataclass(frozen=True, slots=True)
class OpenHold:
    """Tokens set aside by the entry ``index``; fields as in :class:`ledger.orders.Hold`.

    ``payee`` and ``claim_window`` are None when not given; ``claimed`` is (log time, amount) of a
    standing claim; ``counted`` says that a mandate's or new device's cap bore it when it was made.
    """

    index: int
    account: int
    payee: int | None
    amount: int
    until: int
    claim_window: int | None
    coordinator: bool
    evidence: bytes | None
    claimed: tuple[int, int] | None = None
    counted: bool = False


@dataclass(frozen=True, slots=True)
class LivingMandate:
    """A mandate granted by the entry ``index``; ``used`` counts since ``window_began``."""

    index: int
    account: int
    person: int
    scope: tuple[str, ...]
    cap: int
    window: int
    until: int
    window_began: int = 0
    used: int = 0


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time key that may open an account until ``until`` (Unix milliseconds)."""

    key: bytes
    index: int
    floor: int
    ceiling: int
    starter: int
    office: str
    until: int


# What an entry changes besides postings. Each names one row that is put or removed.


@dataclass(frozen=True, slots=True)
class PutAccount:
    """A new account, or new limits, holders or flags of one. Balances stay as they are."""

    number: int
    kind: str
    floor: int
    ceiling: int
    deviceless: bool
    closed: bool
    holders: frozenset[int]


@dataclass(frozen=True, slots=True)
class PutDevice:
    device: Device


@dataclass(frozen=True, slots=True)
class PutHold:
    hold: OpenHold


@dataclass(frozen=True, slots=True)
class EndHold:
    index: int


@dataclass(frozen=True, slots=True)
class PutMandate:
    mandate: LivingMandate


@dataclass(frozen=True, slots=True)
class EndMandate:
    index: int


@dataclass(frozen=True, slots=True)
class PutInvitation:
    invitation: Invitation


@dataclass(frozen=True, slots=True)
class EndInvitation:
    key: bytes


@dataclass(frozen=True, slots=True)
class PutOffice:
    person: int
    office: str


@dataclass(frozen=True, slots=True)
class EndOffice:
    person: int
    office: str


@dataclass(frozen=True, slots=True)
class PutRules:
    rules: Rules
    encoded: bytes


@dataclass(frozen=True, slots=True)
class MarkReversed:
    """The entry ``index`` is reversed, so it cannot be again."""

    index: int


@dataclass(frozen=True, slots=True)
class MarkSlip:
    """A paper slip is entered, so it cannot be again."""

    channel: str
    number: str


@dataclass(frozen=True, slots=True)
class MarkRequest:
    """A payment request is paid, so it cannot be again."""

    id: bytes


Change = (
    PutAccount
    | PutDevice
    | PutHold
    | EndHold
    | PutMandate
    | EndMandate
    | PutInvitation
    | EndInvitation
    | PutOffice
    | EndOffice
    | PutRules
    | MarkReversed
    | MarkSlip
    | MarkRequest
    | FederationChange
)


@dataclass(slots=True)
class State:
    """A circle at ``size`` entries. ``log_time`` is the last entry's, in Unix milliseconds.

    New accounts and persons get ``next_account`` and ``next_person``. ``persons`` has their
    devices' keys, ``holdings`` the numbers of their accounts, by person. ``granted`` is the sum of
    members' credit limits. ``offices`` are pairs (person, office). ``links`` are by their ids,
    ``link_holds`` by link and payment; ``transits`` are the payments between circles that are under
    way or not yet past their deadlines. Of the ``unconfirmed`` links the peers have not said yet,
    since this state was loaded, where they stand.
    """

    circle: bytes
    rules: Rules
    size: int = 0
    log_time: int = 0
    next_account: int = 0
    next_person: int = 0
    granted: int = 0
    accounts: dict[int, Account] = field(default_factory=dict)
    devices: dict[bytes, Device] = field(default_factory=dict)
    persons: dict[int, set[bytes]] = field(default_factory=dict)
    holds: dict[int, OpenHold] = field(default_factory=dict)
    mandates: dict[int, LivingMandate] = field(default_factory=dict)
    invitations: dict[bytes, Invitation] = field(default_factory=dict)
    offices: set[tuple[int, str]] = field(default_factory=set)
    holdings: dict[int, set[int]] = field(default_factory=dict)
    links: dict[bytes, Link] = field(default_factory=dict)
    link_holds: dict[tuple[bytes, bytes], LinkHold] = field(default_factory=dict)
    transits: dict[bytes, Transit] = field(default_factory=dict)
    unconfirmed: set[bytes] = field(default_factory=set)

    def held_by(self, person: int) -> list[Account]:
        """The accounts a person is a holder of, in the order of their numbers."""
        return [self.accounts[number] for number in sorted(self.holdings.get(person, ()))]


def post(account: Account, delta: int, held: int, exempt: bool) -> None:
    """Move ``account`` by ``delta`` and change what it holds by ``held``, both minor units.

    A listed exception (``exempt``) may widen the effective limits; anything else can only narrow
    them, so the database's CHECK refuses what should not have been decided.
    """
    account.seq += 1
    account.held += held
    account.balance = balance = account.balance + delta
    available = balance - account.held
    if account.floor <= available and balance <= account.ceiling:
        account.lowest, account.highest = account.floor, account.ceiling
        return
    lowest = available if exempt else max(account.lowest, available)
    highest = balance if exempt else min(account.highest, balance)
    account.lowest = min(account.floor, lowest)
    account.highest = max(account.ceiling, highest)


def apply(state: State, changes: Iterable[Change]) -> None:
    """Make the changes of one decision. Trusts them: they were decided against this state."""
    for change in changes:
        match change:
            case PutAccount():
                _put_account(state, change)
            case PutDevice(device):
                state.devices[device.key] = device
                state.persons.setdefault(device.person, set()).add(device.key)
            case PutHold(hold):
                state.holds[hold.index] = hold
            case EndHold(index):
                del state.holds[index]
            case PutMandate(mandate):
                state.mandates[mandate.index] = mandate
            case EndMandate(index):
                del state.mandates[index]
            case PutInvitation(invitation):
                state.invitations[invitation.key] = invitation
            case EndInvitation(key):
                del state.invitations[key]
            case PutOffice(person, office):
                state.offices.add((person, office))
            case EndOffice(person, office):
                state.offices.discard((person, office))
            case PutRules(rules):
                state.rules = rules
            case PutLink(link):
                state.links[link.id] = link
            case PutLinkHold(link_hold):
                state.link_holds[link_hold.link, link_hold.payment] = link_hold
            case EndLinkHold(link_id, payment):
                del state.link_holds[link_id, payment]
            case PutTransit(transit):
                state.transits[transit.payment] = transit
            case MarkReversed() | MarkSlip() | MarkRequest() | PutMessage() | PutEvidence():
                pass  # history, which lives in the database and is looked up when needed


def _put_account(state: State, put: PutAccount) -> None:
    account = state.accounts.get(put.number)
    if account is None:
        account = Account(put.number, put.kind, put.floor, put.ceiling)
        state.accounts[put.number] = account
        state.next_account = max(state.next_account, put.number + 1)
    if account.kind == "member":
        state.granted += (0 if put.closed else -put.floor) - (
            0 if account.closed or account.seq == 0 else -account.floor
        )
    for person in account.holders - put.holders:
        state.holdings[person].discard(put.number)
    for person in put.holders - account.holders:
        state.holdings.setdefault(person, set()).add(put.number)
        state.persons.setdefault(person, set())
        state.next_person = max(state.next_person, person + 1)
    account.holders, account.deviceless, account.closed = put.holders, put.deviceless, put.closed
    account.floor, account.ceiling = put.floor, put.ceiling
    account.lowest = min(put.floor, account.available)
    account.highest = max(put.ceiling, account.balance)
