"""Who may do what: the authority table of protocol.md, read as conditions on the model.

Each function returns the authority that the entry has to name, or raises WrongEntry.
"""

from __future__ import annotations

from node.check.book import PAPER_PERSON, AccountRow, Book
from node.check.fields import ACT_FOR_ANOTHER
from node.check.findings import WrongEntry
from node.check.opening import Opened


def coordinators(book: Book) -> set[int]:
    return {person for person, office in book.offices if office == "coordinator"}


def committee(book: Book) -> set[int]:
    """Coordinators and the sealed paper key."""
    return coordinators(book) | {PAPER_PERSON}


def has_office(book: Book, person: int) -> bool:
    """Any office; the paper key counts as one."""
    return person == PAPER_PERSON or any(holder == person for holder, _ in book.offices)


def signing_device(book: Book, entry: Opened) -> None:
    """The order's device is usable at its log time, is its person's, and may give this order."""
    device = book.devices.get(entry.device)
    if device is None:
        raise WrongEntry("its device was not enrolled")
    if device.status != "active":
        raise WrongEntry(f"its device was {device.status}")
    if device.active_from > entry.now:
        raise WrongEntry("its device still had to wait")
    if device.person != entry.person:
        raise WrongEntry(f"its device is person {device.person}'s, not person {entry.person}'s")
    if device.role == "recovery" and entry.order != "enrol":
        raise WrongEntry("a recovery sheet signed it, which only brings in a device")
    if (entry.slip or entry.mandate) and entry.order not in ACT_FOR_ANOTHER:
        raise WrongEntry(f"no slip or mandate is for an order to {entry.order}")


def cosigning_persons(book: Book, entry: Opened) -> set[int]:
    """Whose devices signed it besides; each must be fit to."""
    persons = set()
    for key in entry.cosigners:
        device = book.devices.get(key)
        usable = (
            device is not None
            and device.status == "active"
            and device.role != "recovery"
            and max(device.active_from, device.capped_until) <= entry.now
        )
        if device is None or not usable:
            raise WrongEntry(f"the key {key.hex()} could not cosign it")
        persons.add(device.person)
    return persons


def _in_office(book: Book, entry: Opened) -> None:
    if not entry.personal:
        raise WrongEntry("an officer ordered it without giving a reason")
    _out_of_first_week(book, entry)


def _out_of_first_week(book: Book, entry: Opened) -> None:
    if book.devices[entry.device].capped_until > entry.now:
        raise WrongEntry("an officer ordered it with a device in its first week")


def in_household(book: Book, person: int, *numbers: int) -> bool:
    """Whether one of the accounts is the person's, or one's who holds any together with them."""
    household = {person}
    for number in book.accounts_of(person):
        household |= book.accounts[number].holders
    return any(household & book.accounts[number].holders for number in numbers)


def by_coordinator(book: Book, entry: Opened) -> str:
    """A coordinator alone, with a reason."""
    if entry.person not in coordinators(book):
        raise WrongEntry(f"only a coordinator does this, and person {entry.person} is none")
    _in_office(book, entry)
    return "officer"


def by_committee(book: Book, entry: Opened) -> str:
    """As many of the committee as the charter asks for, or all while they are fewer, the one who
    ordered it among them."""
    members = committee(book)
    if entry.person not in members:
        raise WrongEntry(f"only the committee does this, without person {entry.person}")
    _in_office(book, entry)
    signed = members & ({entry.person} | cosigning_persons(book, entry))
    needed = min(book.rules.threshold, len(members))
    if len(signed) < needed:
        raise WrongEntry(f"{len(signed)} of the committee signed it, and {needed} have to")
    return "officer"


def with_consent(book: Book, entry: Opened, row: AccountRow) -> None:
    """A holder signed it too, unless none of them has a device to sign with."""
    devices = [book.devices[key] for person in row.holders for key in book.persons[person]]
    if any(device.role == "device" and device.status == "active" for device in devices):
        signed = {entry.person} | cosigning_persons(book, entry)
        if not signed & row.holders:
            raise WrongEntry("no holder of the account has signed it")


def for_account(
    book: Book,
    entry: Opened,
    number: int,
    amount: int,
    gaining: tuple[int, ...] = (),
    counted: bool = False,
) -> str:
    """Whoever acts on a member's account: a holder, by mandate, or a coordinator with a slip.

    ``amount`` minor units go from the account to those ``gaining``. If they were ``counted``
    when they were set aside, they are not held against a mandate or a new device again.
    """
    if entry.slip:
        return _with_slip(book, entry, number, amount, gaining)
    moved = 0 if counted else amount
    if entry.mandate:
        authority = _with_mandate(book, entry, number, moved)
    elif entry.person in book.accounts[number].holders:
        authority = "member"
    else:
        raise WrongEntry(f"person {entry.person} does not hold account {number}")
    if moved:
        _with_new_device(book, entry, moved)
    return authority


def is_capped(book: Book, entry: Opened) -> bool:
    """Whether the cap of its device or mandate bears what the order sets aside or pays."""
    if entry.slip:
        return False
    return bool(entry.mandate) or book.devices[entry.device].capped_until > entry.now


def _with_new_device(book: Book, entry: Opened, moved: int) -> None:
    """A person's devices in their first week share one cap."""
    device = book.devices[entry.device]
    if device.capped_until <= entry.now:
        return
    device.spent += moved
    devices = [book.devices[key] for key in book.persons[device.person]]
    spent = sum(each.spent for each in devices if each.capped_until > entry.now)
    if spent > book.rules.device_cap:
        raise WrongEntry(f"devices in their first week moved {spent} with it")


def _with_slip(
    book: Book, entry: Opened, number: int, amount: int, gaining: tuple[int, ...]
) -> str:
    if entry.mandate:
        raise WrongEntry("it names both a slip and a mandate")
    officers = coordinators(book)
    if entry.person not in officers:
        raise WrongEntry(f"person {entry.person} entered a slip and is no coordinator")
    _out_of_first_week(book, entry)
    if not book.accounts[number].deviceless:
        raise WrongEntry("a slip was entered for an account that signs for itself")
    if in_household(book, entry.person, number, *gaining):
        raise WrongEntry("a coordinator entered a slip for their own household")
    seconds = officers & cosigning_persons(book, entry) - {entry.person}
    seconds = {each for each in seconds if not in_household(book, each, number, *gaining)}
    if amount > book.rules.assisted_cap and not seconds:
        raise WrongEntry(f"one coordinator moved {amount} with a slip")
    slip = entry.slip[0]
    if slip in book.slips:
        raise WrongEntry(f"slip {slip[1]} ({slip[0]}) was entered before")
    book.slips.add(slip)
    return "officer"


def _with_mandate(book: Book, entry: Opened, number: int, amount: int) -> str:
    mandate = book.mandates.get(entry.mandate[0])
    if mandate is None or mandate.account != number:
        raise WrongEntry(f"account {number} gave no mandate {entry.mandate[0]}")
    if mandate.person != entry.person or entry.order not in mandate.scope:
        raise WrongEntry(f"mandate {entry.mandate[0]} is not for this act of person {entry.person}")
    if mandate.until <= entry.now:
        raise WrongEntry(f"mandate {entry.mandate[0]} was over")
    if not mandate.began or mandate.began + mandate.window <= entry.now:
        mandate.began, mandate.used = entry.now, 0
    mandate.used += amount
    if mandate.used > mandate.cap:
        raise WrongEntry(f"mandate {entry.mandate[0]} moved {mandate.used} in one window")
    return "mandate"


def credit_within_charter(book: Book, floor: int, before: int = 0) -> None:
    """A member's floor goes from ``before`` to ``floor``; deeper takes room in the charter."""
    if floor < before:
        if -floor > book.rules.credit_limit_max:
            raise WrongEntry(f"credit of {-floor} is more than the charter allows one member")
        if book.granted + before - floor > book.rules.credit_total_max:
            raise WrongEntry("members' credit together is more than the charter allows")


def known_member(book: Book, person: int) -> None:
    """Raise WrongEntry unless it is a person, other than the one of the paper key."""
    if person not in book.persons or person == PAPER_PERSON:
        raise WrongEntry(f"person {person} is no member")
