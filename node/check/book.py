"""The tables of the model: what a circle is after the entries replayed so far.

Rows are plain and changed in place. Nothing here decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from node.check.characters import UNSEEN, has_any
from node.check.fields import AMOUNT_MAX, DAY_MS, RULES, read
from node.check.findings import WrongEntry
from node.check.link_rows import Links

TREASURY, COMMUNITY, SUSPENSE = 1, 2, 3
FIRST_MEMBER = 101
PAPER_PERSON = 1


class Rules(NamedTuple):
    """The charter's rules, in the order of their encoding (protocol.md, "Charter")."""

    name: bytes
    address: str
    unit_name: bytes
    unit_plural: bytes
    unit_kind: str
    unit_scale: int
    threshold: int
    credit_limit_max: int
    credit_total_max: int
    treasury_floor: int
    community_floor: int
    floor: int
    ceiling: int
    starter: int
    assisted_cap: int
    device_cap: int
    device_wait: int


@dataclass(slots=True)
class AccountRow:
    """One account; amounts are minor units, ``last`` the hash of its newest posting."""

    kind: str
    floor: int
    ceiling: int
    holders: set[int]
    deviceless: bool = False
    closed: bool = False
    balance: int = 0
    held: int = 0
    seq: int = 0
    last: bytes = bytes(32)


@dataclass(slots=True)
class DeviceRow:
    """One key; ``serial`` counts devices from 1, in the order of their enrolment."""

    serial: int
    person: int
    role: str
    label: str
    status: str = "active"
    active_from: int = 0
    capped_until: int = 0
    spent: int = 0


@dataclass(slots=True)
class HoldRow:
    """Tokens set aside; ``counted`` if the cap of a mandate or new device bore them then. ``claim``
    is () or (log time, amount) of a claim that stands, ``evidence`` () or (id of a payment into
    another circle,)."""

    account: int
    payee: tuple[int, ...]
    amount: int
    until: int
    window: tuple[int, ...]
    coordinator: bool
    counted: bool
    claim: tuple[int, ...] = ()
    evidence: tuple[bytes, ...] = ()


@dataclass(slots=True)
class MandateRow:
    """What one person may do for an account; ``used`` minor units since ``began``."""

    account: int
    person: int
    scope: tuple[str, ...]
    cap: int
    window: int
    until: int
    began: int = 0
    used: int = 0


class InvitationRow(NamedTuple):
    """What an unused one-time key promises."""

    entry: int
    floor: int
    ceiling: int
    starter: int
    office: str
    until: int


class Transfer(NamedTuple):
    """An earlier entry that a reversal is about: its order's kind, authority and person, and what
    it moved as pairs (account, delta)."""

    order: str
    authority: str
    person: int
    moved: tuple[tuple[int, int], ...]


class Effect(NamedTuple):
    """What an entry must say, according to its order: the authority, the public part, and what each
    posting changes, as (account, change of balance, change of held) in their order."""

    authority: str
    changes: tuple[tuple[int, int, int], ...] = ()
    public: bytes = b""


@dataclass(slots=True)
class Book:
    """The whole model. ``persons`` are the keys of each person; ``granted`` is the credit that
    open members' accounts have together.

    ``transfers`` are the earlier entries that reversals of the part being replayed are about.
    """

    circle: bytes
    rules: Rules
    encoded_rules: bytes
    log_time: int = 0
    granted: int = 0
    next_account: int = FIRST_MEMBER
    next_person: int = FIRST_MEMBER
    accounts: dict[int, AccountRow] = field(default_factory=dict)
    holdings: dict[int, set[int]] = field(default_factory=dict)
    persons: dict[int, list[bytes]] = field(default_factory=dict)
    devices: dict[bytes, DeviceRow] = field(default_factory=dict)
    holds: dict[int, HoldRow] = field(default_factory=dict)
    mandates: dict[int, MandateRow] = field(default_factory=dict)
    invitations: dict[bytes, InvitationRow] = field(default_factory=dict)
    offices: set[tuple[int, str]] = field(default_factory=set)
    slips: set[tuple[str, str]] = field(default_factory=set)
    reversed: set[int] = field(default_factory=set)
    transfers: dict[int, Transfer] = field(default_factory=dict)
    nonces: dict[int, dict[int, int]] = field(default_factory=dict)
    links: Links = field(init=False)

    def __post_init__(self) -> None:
        self.links = Links(self.circle)

    def account(self, number: int) -> AccountRow:
        """An open account. Raises WrongEntry."""
        row = self.accounts.get(number)
        if row is None:
            raise WrongEntry(f"there is no account {number}")
        if row.closed:
            raise WrongEntry(f"account {number} was closed")
        return row

    def accounts_of(self, person: int) -> list[int]:
        """The numbers of the accounts that a person holds, open or closed, ascending."""
        return sorted(self.holdings.get(person, ()))

    def add_account(self, row: AccountRow) -> int:
        """Give a member's account the next number, and return it."""
        number = self.next_account
        self.next_account += 1
        self.accounts[number] = row
        self.granted -= row.floor
        for person in row.holders:
            self.holdings.setdefault(person, set()).add(number)
        return number

    def add_person(self) -> int:
        """The number of a new person; no number is given twice."""
        person = self.next_person
        self.next_person += 1
        self.persons[person] = []
        return person

    def add_device(
        self, key: bytes, person: int, role: str, label: str, since: int = 0, capped: int = 0
    ) -> DeviceRow:
        """Enter a key that acts for a person from ``since`` on, capped until ``capped``."""
        row = DeviceRow(
            len(self.devices) + 1, person, role, label, active_from=since, capped_until=capped
        )
        self.devices[key] = row
        self.persons[person].append(key)
        return row

    def end_mandates(self, account: int) -> None:
        """All that were given for the account."""
        for index in [i for i, row in self.mandates.items() if row.account == account]:
            del self.mandates[index]

    def spend_nonce(self, device: DeviceRow, nonce: int, now: int, expires: int) -> None:
        """Remember a device's nonce until its order expires. Raises WrongEntry when it is in use.

        They are kept by the day on which they expire, so that whole days are dropped: an order
        lives for at most one, so no more than two days are ever full.
        """
        key = device.serial * (AMOUNT_MAX + 1) + nonce
        for spent in self.nonces.values():
            if spent.get(key, 0) > now:
                raise WrongEntry(f"the device's nonce {nonce} belongs to an earlier order")
        day = expires // DAY_MS
        if day not in self.nonces:
            for past in [past for past in self.nonces if past < now // DAY_MS]:
                del self.nonces[past]
            self.nonces[day] = {}
        self.nonces[day][key] = expires


def read_rules(encoded: bytes) -> Rules:
    """The rules, which must fit together. Raises WrongEntry, MalformedObject."""
    rules = Rules._make(read(encoded, RULES, 4096, "charter's rules"))
    for name in (rules.name, rules.unit_name, rules.unit_plural):
        try:
            shown = not has_any(name.decode("utf-8"), UNSEEN)
        except UnicodeDecodeError:
            shown = False
        if not shown:
            raise WrongEntry("a name in the charter's rules is not printable UTF-8")
    if not _is_host(rules.address):
        raise WrongEntry(f"{rules.address} is neither host nor host:port")
    if rules.unit_kind == "minutes" and rules.unit_scale != 0:
        raise WrongEntry("a unit of minutes has no decimals")
    if rules.starter > rules.ceiling:
        raise WrongEntry("new members would begin above their ceiling")
    if rules.credit_limit_max + rules.floor < 0:
        raise WrongEntry("new members would have more credit than the charter's largest")
    return rules


def _is_host(address: str) -> bool:
    """Labels of lower-case letters, digits and inner hyphens, with dots between; then :port."""
    host, colon, port = address.partition(":")
    inner = set("abcdefghijklmnopqrstuvwxyz0123456789-")
    for label in host.split("."):
        hyphened = label.startswith("-") or label.endswith("-")
        if hyphened or not 1 <= len(label) <= 63 or not set(label) <= inner:
            return False
    if not colon:
        return True
    if not (port.isascii() and port.isdecimal() and len(port) <= 5):
        return False
    return port[0] != "0" and int(port) <= 65_535
