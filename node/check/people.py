"""What orders about members and their keys must come to."""

from __future__ import annotations

from ledger import codec
from node.check.book import (
    COMMUNITY,
    AccountRow,
    Book,
    DeviceRow,
    Effect,
    InvitationRow,
)
from node.check.fields import DAY_MS
from node.check.findings import WrongEntry
from node.check.opening import Opened
from node.check.powers import (
    by_committee,
    by_coordinator,
    credit_within_charter,
    has_office,
    known_member,
    with_consent,
)
from node.check.transfers import members_account

WEEK_MS = 7 * DAY_MS
DEVICES_MAX = 16
HOLDINGS_MAX = 64
"""Open accounts of a person, and holders of an account."""


def _unknown_key(book: Book, key: bytes) -> None:
    if key in book.devices or key in book.invitations:
        raise WrongEntry(f"the key {key.hex()} was known already")


def invite(book: Book, entry: Opened) -> Effect:
    key, floor, ceiling, starter, office, until = entry.act
    authority = by_committee(book, entry) if office else by_coordinator(book, entry)
    _unknown_key(book, key)
    credit_within_charter(book, floor)
    if starter > ceiling:
        raise WrongEntry("it promises more to start with than the ceiling")
    if until <= entry.now:
        raise WrongEntry("the invitation was over before it began")
    book.invitations[key] = InvitationRow(entry.number, floor, ceiling, starter, office, until)
    return Effect(authority)


def uninvite(book: Book, entry: Opened) -> Effect:
    (key,) = entry.act
    authority = by_coordinator(book, entry)
    if key not in book.invitations:
        raise WrongEntry("the invitation it takes back is unknown or used")
    del book.invitations[key]
    return Effect(authority)


def join(book: Book, entry: Opened) -> Effect:
    """The new device's own order; on the word of whoever invited it."""
    key, _ = entry.act
    invitation = book.invitations.get(key)
    if invitation is None or invitation.until <= entry.now:
        raise WrongEntry("its invitation is unknown, used or over")
    if entry.account or entry.person or entry.slip or entry.mandate:
        raise WrongEntry("it joins and names an account, person, slip or mandate")
    if not entry.personal:
        raise WrongEntry("a new member has no name")
    _unknown_key(book, entry.device)
    credit_within_charter(book, invitation.floor)
    del book.invitations[key]
    person = book.add_person()
    book.add_device(entry.device, person, "device", "first device")
    public = b""
    if invitation.office:
        book.offices.add((person, invitation.office))
        public = codec.encode((person, invitation.office))
    row = AccountRow("member", invitation.floor, invitation.ceiling, {person})
    return Effect("officer", _opened(book, row, invitation.starter), public)


def _room_for_one_more(book: Book, person: int) -> None:
    held = sum(not book.accounts[number].closed for number in book.accounts_of(person))
    if held >= HOLDINGS_MAX:
        raise WrongEntry(f"person {person} held {held} accounts")


def _opened(book: Book, row: AccountRow, starter: int) -> tuple[tuple[int, int, int], ...]:
    """A new account's first posting, and where its starter credit comes from."""
    number = book.add_account(row)
    if starter:
        return (COMMUNITY, -starter, 0), (number, starter, 0)
    return ((number, 0, 0),)


def open_account(book: Book, entry: Opened) -> Effect:
    holder, floor, ceiling, starter, deviceless, enrolment = entry.act
    authority = by_coordinator(book, entry)
    credit_within_charter(book, floor)
    if holder:
        (person,) = holder
        known_member(book, person)
        if enrolment:
            raise WrongEntry("a further account brings a device with it")
        if floor and has_office(book, person):
            by_committee(book, entry)
        _room_for_one_more(book, person)
    else:
        if not enrolment and not deviceless:
            raise WrongEntry("a new person has no device and isn't flagged to have none")
        person = book.add_person()
    for key, label in _enrolled(book, entry):
        book.add_device(key, person, "device", label)
    row = AccountRow("member", floor, ceiling, {person}, deviceless=bool(deviceless))
    return Effect(authority, _opened(book, row, starter))


def _enrolled(book: Book, entry: Opened) -> list[tuple[bytes, str]]:
    """Key and label of the enrolment in an order, if there is one."""
    if not entry.enrolment:
        return []
    circle, key, _, label = entry.enrolment
    if circle != book.circle:
        raise WrongEntry("the enrolment is for another circle")
    _unknown_key(book, key)
    return [(key, label)]


def holder(book: Book, entry: Opened) -> Effect:
    person, holds = entry.act
    members_account(book, entry.account)
    known_member(book, person)
    row = book.accounts[entry.account]
    holders = row.holders
    if (person in holders) == bool(holds):
        raise WrongEntry(f"it changes nothing about person {person}")
    if holds:
        own = entry.person == person or entry.person in holders
        authority = by_committee(book, entry) if own else by_coordinator(book, entry)
        with_consent(book, entry, row)
        _room_for_one_more(book, person)
        holders.add(person)
        book.holdings.setdefault(person, set()).add(entry.account)
    else:
        authority = by_coordinator(book, entry)
        holders.remove(person)
        book.holdings[person].remove(entry.account)
        book.end_mandates(entry.account)
    if not 0 < len(holders) <= HOLDINGS_MAX:
        raise WrongEntry(f"it leaves the account with {len(holders)} holders")
    return Effect(authority, ((entry.account, 0, 0),))


def assist(book: Book, entry: Opened) -> Effect:
    authority = by_coordinator(book, entry)
    members_account(book, entry.account)
    row = book.accounts[entry.account]
    if entry.act[0]:
        with_consent(book, entry, row)
    row.deviceless = bool(entry.act[0])
    return Effect(authority, ((entry.account, 0, 0),))


def _on_all_accounts(book: Book, authority: str, person: int) -> Effect:
    """Events of a key take a number on each open account that its person holds."""
    numbers = [n for n in book.accounts_of(person) if not book.accounts[n].closed]
    return Effect(authority, tuple((number, 0, 0) for number in numbers))


def enrol(book: Book, entry: Opened) -> Effect:
    """By oneself at once; by a sheet or a coordinator capped, and from a distance after a wait."""
    person, _, role, present = entry.act
    known_member(book, person)
    signer = book.devices[entry.device]
    since, capped = entry.now, entry.now + WEEK_MS
    if signer.role == "recovery" and (entry.person != person or role != "device"):
        raise WrongEntry("a recovery sheet brings in more than its owner's device")
    if entry.person != person:
        if has_office(book, person):
            authority = by_committee(book, entry)
        else:
            authority = by_coordinator(book, entry)
        if not present:
            since += book.rules.device_wait
            capped = since + WEEK_MS
    else:
        authority = "member"
        if signer.role == "device":
            capped = signer.capped_until
    keys = book.persons[person]
    if sum(book.devices[key].status == "active" for key in keys) >= DEVICES_MAX:
        raise WrongEntry(f"person {person} had {DEVICES_MAX} devices in use")
    for key, label in _enrolled(book, entry):
        book.add_device(key, person, role, label, since, capped)
    return _on_all_accounts(book, authority, person)


def _device(book: Book, entry: Opened) -> DeviceRow:
    """The device that the order is about, which must not be out of use for good."""
    row = book.devices.get(entry.act[0])
    if row is None or row.role == "paper" or row.status == "revoked":
        raise WrongEntry(f"the device {entry.act[0].hex()} is not there, or no longer")
    return row


def _over_device(book: Book, entry: Opened, row: DeviceRow) -> str:
    """One's own device, or a coordinator's order; about an officer's, the committee's."""
    if row.person == entry.person:
        return "member"
    authority = by_coordinator(book, entry)
    if has_office(book, row.person):
        by_committee(book, entry)
    return authority


def revoke(book: Book, entry: Opened) -> Effect:
    return _turn(book, entry, ("active", "frozen"), "revoked")


def freeze(book: Book, entry: Opened) -> Effect:
    return _turn(book, entry, ("active",), "frozen")


def thaw(book: Book, entry: Opened) -> Effect:
    return _turn(book, entry, ("frozen",), "active")


def _turn(book: Book, entry: Opened, before: tuple[str, ...], after: str) -> Effect:
    row = _device(book, entry)
    if row.status not in before:
        raise WrongEntry(f"the device was {row.status}")
    authority = _over_device(book, entry, row)
    row.status = after
    return _on_all_accounts(book, authority, row.person)


def veto(book: Book, entry: Opened) -> Effect:
    """An older device of the same person stops one that still waits."""
    row = _device(book, entry)
    if row.person != entry.person:
        raise WrongEntry("it vetoes another person's device")
    if row.active_from <= entry.now:
        raise WrongEntry("it vetoes a device that no longer waits")
    row.status = "revoked"
    return _on_all_accounts(book, "member", row.person)
