"""Who may order what (protocol.md, "Authority").

A holder acts on their own account; a mandate's person within its scope; a coordinator for a member
without a device, with a slip; an officer by office; and weighty acts take m of the committee.
"""

from __future__ import annotations

from dataclasses import replace

from ledger.errors import (
    AccountClosed,
    AccountUnknown,
    CapExceeded,
    CosignaturesMissing,
    MandateUnusable,
    NotAuthorised,
    SlipRepeated,
)
from ledger.orders import PAPER_PERSON
from ledger.state import Account, Change, MarkSlip, PutDevice, PutMandate, State
from ledger.verdict import Case

WEEK_MS = 7 * 24 * 3600 * 1000


def open_account(state: State, number: int) -> Account:
    """The account, which must exist and be open. Raises AccountUnknown, AccountClosed."""
    account = state.accounts.get(number)
    if account is None:
        raise AccountUnknown(number)
    if account.closed:
        raise AccountClosed(number)
    return account


def is_coordinator(state: State, person: int) -> bool:
    """Whether the person holds the office of coordinator."""
    return (person, "coordinator") in state.offices


def is_officer(state: State, person: int) -> bool:
    """Whether the person holds any office, or is the paper key."""
    return person == PAPER_PERSON or any(p == person for p, _ in state.offices)


def committee(state: State) -> set[int]:
    """The persons whose signatures count for weighty acts."""
    return {person for person, office in state.offices if office == "coordinator"} | {PAPER_PERSON}


def household(state: State, person: int) -> set[int]:
    """The person and all who hold an account together with them."""
    return {person}.union(*(account.holders for account in state.held_by(person)))


def is_own(state: State, person: int, *numbers: int) -> bool:
    """Whether one of these accounts is the person's, or their household's."""
    family = household(state, person)
    return any(family & state.accounts[number].holders for number in numbers)


def signers(case: Case) -> set[int]:
    """The persons of the signing device and of the cosigning devices. Raises NotAuthorised."""
    persons = {case.header.person}
    for key, _ in case.signed.cosignatures:
        device = case.state.devices.get(key)
        if device is None or device.status != "active" or device.active_from > case.now:
            raise NotAuthorised(
                0, case.header.kind, f"the cosigning key {key.hex()} is no usable device"
            )
        if device.role == "recovery" or case.now < device.capped_until:
            raise NotAuthorised(
                device.person, case.header.kind, "a recovery sheet or a new device cosigns nothing"
            )
        persons.add(device.person)
    return persons


def require_officer(case: Case) -> str:
    """The authority "officer", for a coordinator who gives a reason. Raises NotAuthorised."""
    header = case.header
    if not is_coordinator(case.state, header.person):
        raise NotAuthorised(header.person, header.kind, "only a coordinator does this")
    _check_office(case)
    if not header.text:
        raise NotAuthorised(header.person, header.kind, "an officer's order gives its reason")
    return "officer"


def _check_office(case: Case) -> None:
    header = case.header
    if case.now < case.state.devices[header.device].capped_until:
        raise NotAuthorised(
            header.person, header.kind, "in its first week a device does not act for an office"
        )


def require_committee(case: Case) -> str:
    """The authority "officer", when enough of the committee signed, with a reason.

    While the committee is smaller than the charter's threshold, it takes all of it. Raises
    NotAuthorised, CosignaturesMissing.
    """
    header = case.header
    members = committee(case.state)
    if header.person not in members:
        raise NotAuthorised(header.person, header.kind, "only the committee does this")
    _check_office(case)
    if not header.text:
        raise NotAuthorised(header.person, header.kind, "an officer's order gives its reason")
    signed = len(signers(case) & members)
    needed = min(case.state.rules.threshold, len(members))
    if signed < needed:
        raise CosignaturesMissing(signed, needed)
    return "officer"


def require_consent(case: Case, account: Account) -> None:
    """Raise NotAuthorised unless a holder signed too, or none of them has a device to sign with."""
    devices = case.state.devices
    keys = (key for person in account.holders for key in case.state.persons[person])
    usable = any(devices[key].role == "device" and devices[key].status == "active" for key in keys)
    if usable and not signers(case) & account.holders:
        raise NotAuthorised(
            case.header.person, case.header.kind, "a holder of the account has to sign it too"
        )


def authorise(
    case: Case, account: Account, amount: int, parties: tuple[int, ...], counted: bool = False
) -> tuple[str, list[Change]]:
    """The authority by which the signer acts on ``account``, and what using it changes.

    ``amount`` is what would leave the account, ``parties`` the accounts that gain by it. With
    ``counted`` a mandate or new device has used up that much of its cap before. Raises
    MandateUnusable, NotAuthorised, SlipRepeated, CapExceeded.
    """
    header = case.header
    changes: list[Change] = []
    if header.slip:
        return _by_slip(case, account, amount, parties, changes), changes
    if counted:
        amount = 0
    if header.mandate:
        authority = _by_mandate(case, account, amount, changes)
    elif header.person in account.holders:
        authority = "member"
    else:
        raise NotAuthorised(
            header.person, header.kind, f"they are no holder of account {account.number}"
        )
    if amount and case.now < case.state.devices[header.device].capped_until:
        _spend(case, amount, changes)
    return authority, changes


def _spend(case: Case, amount: int, changes: list[Change]) -> None:
    """All new devices of a person share one cap, so that more devices do not make it more."""
    state, device = case.state, case.state.devices[case.header.device]
    new = (state.devices[key] for key in state.persons[device.person])
    spent = sum(each.spent for each in new if case.now < each.capped_until)
    cap = state.rules.device_cap
    if spent + amount > cap:
        raise CapExceeded("a person's devices in their first week", amount, max(0, cap - spent))
    changes.append(PutDevice(replace(device, spent=device.spent + amount)))


def _by_slip(
    case: Case, account: Account, amount: int, parties: tuple[int, ...], changes: list[Change]
) -> str:
    header, state = case.header, case.state
    if header.mandate:
        raise NotAuthorised(header.person, header.kind, "a slip goes without a mandate")
    if not is_coordinator(state, header.person):
        raise NotAuthorised(header.person, header.kind, "only a coordinator enters slips")
    _check_office(case)
    if not account.deviceless:
        raise NotAuthorised(
            header.person, header.kind, f"account {account.number} signs for itself"
        )
    touched = (account.number, *parties)
    if is_own(state, header.person, *touched):
        raise NotAuthorised(
            header.person, header.kind, "a coordinator enters no slip of their own household"
        )
    second = any(
        is_coordinator(state, person) and not is_own(state, person, *touched)
        for person in signers(case) - {header.person}
    )
    slip = header.slip[0]
    if slip in case.facts.slips:
        raise SlipRepeated(*slip)
    cap = state.rules.assisted_cap
    if amount > cap and not second:
        raise CapExceeded("one coordinator", amount, cap)
    changes.append(MarkSlip(*slip))
    return "officer"


def _by_mandate(case: Case, account: Account, amount: int, changes: list[Change]) -> str:
    header, now = case.header, case.now
    mandate = case.state.mandates.get(header.mandate[0])
    if mandate is None or mandate.account != account.number:
        raise MandateUnusable(header.mandate[0], "the account has no such mandate")
    if mandate.person != header.person:
        raise MandateUnusable(mandate.index, f"it was not given to person {header.person}")
    if header.kind not in mandate.scope:
        raise MandateUnusable(mandate.index, f"it does not cover {header.kind}")
    if now >= mandate.until:
        raise MandateUnusable(mandate.index, "its time is over")
    fresh = not mandate.window_began or now >= mandate.window_began + mandate.window
    began, used = (now, 0) if fresh else (mandate.window_began, mandate.used)
    if used + amount > mandate.cap:
        raise CapExceeded("this mandate", amount, mandate.cap - used)
    changes.append(PutMandate(replace(mandate, window_began=began, used=used + amount)))
    return "mandate"
