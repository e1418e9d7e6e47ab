"""What orders about tokens set aside must come to: hold, settle, release, claim, object, assign."""

from __future__ import annotations

from node.check.between import promise
from node.check.book import Book, Effect, HoldRow
from node.check.findings import WrongEntry
from node.check.opening import Opened
from node.check.powers import (
    by_coordinator,
    coordinators,
    for_account,
    in_household,
    is_capped,
)
from node.check.transfers import members_account, payable


def hold(book: Book, entry: Opened) -> Effect:
    payee, amount, until, window, coordinator, evidence = entry.act
    book.account(entry.account)
    for payment in evidence:
        promise(book, entry, payment)
    if window and not payee:
        raise WrongEntry("it allows a claim and names nobody to make it")
    for number in payee:
        payable(book, entry.account, number)
    authority = for_account(book, entry, entry.account, amount, payee)
    counted = is_capped(book, entry)
    book.holds[entry.number] = HoldRow(
        entry.account, payee, amount, until, window, bool(coordinator), counted, (), evidence
    )
    return Effect(authority, ((entry.account, 0, amount),))


def _no_evidence(evidence: tuple[bytes, ...]) -> None:
    if evidence:
        raise WrongEntry("it has evidence, and no order has")


def _open_hold(book: Book, entry: Opened) -> HoldRow:
    """The hold that the order is about, on one side of which its account must be."""
    row = book.holds.get(entry.act[0])
    if row is None:
        raise WrongEntry(f"nothing was set aside under number {entry.act[0]}, or no longer")
    if entry.account != row.account and entry.account not in row.payee:
        raise WrongEntry(f"account {entry.account} is on neither side of what is set aside")
    book.account(entry.account)
    if row.evidence:
        raise WrongEntry("only another circle's answer resolves what was set aside for it")
    return row


def _by_office(book: Book, entry: Opened, row: HoldRow, gaining: int) -> bool:
    """Whether it is a coordinator's say between others, which the hold must have given them."""
    side = book.accounts[entry.account]
    stranger = not entry.slip and not entry.mandate and entry.person not in side.holders
    if not stranger or entry.person not in coordinators(book):
        return False
    if not row.coordinator:
        raise WrongEntry("a coordinator resolves what was set aside without giving them a say")
    if in_household(book, entry.person, gaining):
        raise WrongEntry("a coordinator decides for their own household")
    return True


def settle(book: Book, entry: Opened) -> Effect:
    """Without the payer or a coordinator it takes a claim that nobody objected to in time."""
    number, payee, amount, evidence = entry.act
    row = _open_hold(book, entry)
    _no_evidence(evidence)
    if row.payee and payee not in row.payee:
        raise WrongEntry(f"it pays account {payee} what was set aside for {row.payee[0]}")
    if amount > row.amount:
        raise WrongEntry(f"it pays {amount} of {row.amount} that were set aside")
    payable(book, row.account, payee)
    if _by_office(book, entry, row, payee):
        authority = by_coordinator(book, entry)
    elif entry.account == row.account:
        if row.claim and amount < row.claim[1]:
            raise WrongEntry(f"it pays {amount} where {row.claim[1]} are claimed")
        authority = for_account(book, entry, row.account, amount, (payee,), row.counted)
    else:
        if not row.claim or not row.window or amount != row.claim[1]:
            raise WrongEntry(f"the payee takes {amount} and has no claim to it")
        if entry.now < row.claim[0] + row.window[0]:
            raise WrongEntry("the payer could still object to the claim")
        for_account(book, entry, entry.account, 0, (payee,))
        authority = "policy"
    del book.holds[number]
    return Effect(authority, ((row.account, -amount, -row.amount), (payee, amount, 0)))


def release(book: Book, entry: Opened) -> Effect:
    """The payer waits until its time if it is for somebody, and for a claim to be gone; the payee
    may at any time."""
    number, evidence = entry.act
    row = _open_hold(book, entry)
    _no_evidence(evidence)
    if _by_office(book, entry, row, row.account):
        authority = by_coordinator(book, entry)
    else:
        authority = for_account(book, entry, entry.account, 0, (row.account,))
        _in_time(entry, row)
    del book.holds[number]
    return Effect(authority, ((row.account, 0, -row.amount),))


def _in_time(entry: Opened, row: HoldRow) -> None:
    if entry.account == row.account:
        if row.payee and entry.now < row.until:
            raise WrongEntry(f"the payer takes back before {row.until} what was set aside")
        if row.claim:
            raise WrongEntry("the payer takes back what the payee has claimed")


def claim(book: Book, entry: Opened) -> Effect:
    _, amount = entry.act
    row = _open_hold(book, entry)
    if entry.account not in row.payee or not row.window:
        raise WrongEntry("only a named payee claims, and only where a window was set")
    if amount > row.amount:
        raise WrongEntry(f"it claims {amount} of {row.amount} that were set aside")
    if row.claim:
        raise WrongEntry("it was claimed already")
    authority = for_account(book, entry, entry.account, 0)
    row.claim = (entry.now, amount)
    return Effect(authority, ((row.account, 0, 0), (entry.account, 0, 0)))


def objection(book: Book, entry: Opened) -> Effect:
    row = _open_hold(book, entry)
    if entry.account != row.account or not row.claim:
        raise WrongEntry("only the payer objects, and only to a claim that stands")
    if entry.now >= row.claim[0] + row.window[0]:
        raise WrongEntry("the payer objects when the time for it is over")
    authority = for_account(book, entry, entry.account, 0)
    row.claim = ()
    payee = tuple((number, 0, 0) for number in row.payee)
    return Effect(authority, ((row.account, 0, 0), *payee))


def assign(book: Book, entry: Opened) -> Effect:
    """Somebody is named where nobody was, by the payer's side; or nobody where somebody was, by
    theirs. A coordinator who was given a say may do both."""
    _, named, window = entry.act
    row = _open_hold(book, entry)
    if named:
        return _name(book, entry, row, named, window)
    if window:
        raise WrongEntry("it allows a claim and names nobody to make it")
    if not row.payee:
        raise WrongEntry("it hands back what is for nobody")
    if _by_office(book, entry, row, row.account):
        authority = by_coordinator(book, entry)
    elif entry.account in row.payee:
        authority = for_account(book, entry, entry.account, 0, (row.account,))
    else:
        raise WrongEntry("the payer takes back the name of whom it is for")
    former = row.payee[0]
    row.payee, row.window, row.claim = (), (), ()
    return Effect(authority, ((row.account, 0, 0), (former, 0, 0)))


def _name(
    book: Book, entry: Opened, row: HoldRow, named: tuple[int, ...], window: tuple[int, ...]
) -> Effect:
    (payee,) = named
    if row.payee:
        raise WrongEntry(f"it names account {payee} where account {row.payee[0]} is named")
    payable(book, row.account, payee)
    members_account(book, payee)
    if _by_office(book, entry, row, payee):
        authority = by_coordinator(book, entry)
    else:
        given = row.amount if window else 0
        authority = for_account(book, entry, row.account, given, named, row.counted)
        row.counted = row.counted or (given > 0 and is_capped(book, entry))
    row.payee, row.window = named, window
    return Effect(authority, ((row.account, 0, 0), (payee, 0, 0)))
