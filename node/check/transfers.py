"""What orders that move tokens must come to: pay, sell, redeem, levy, pay out, reverse, close."""

from __future__ import annotations

from node.check.book import COMMUNITY, FIRST_MEMBER, SUSPENSE, TREASURY, Book, Effect
from node.check.fields import AMOUNT_MAX
from node.check.findings import WrongEntry
from node.check.opening import Opened
from node.check.powers import by_committee, by_coordinator, for_account, in_household

MOVES_TOKENS = ("pay", "settle", "sell", "redeem", "levy", "payout")
"""What can be reversed."""


def pay(book: Book, entry: Opened) -> Effect:
    """The terms of a payment request, if it names one, are compared with the table of them."""
    legs, _, _ = entry.act
    book.account(entry.account)
    total = _legs(book, entry.account, legs)
    authority = for_account(book, entry, entry.account, total, tuple(to for to, _ in legs))
    return Effect(authority, ((entry.account, -total, 0), *((to, sum_, 0) for to, sum_ in legs)))


def _legs(book: Book, own: int, legs: tuple[tuple[int, int], ...]) -> int:
    """The total of the legs to or from other accounts, which may receive and give."""
    total = 0
    for number, amount in legs:
        payable(book, own, number)
        total += amount
    if len(legs) > 1 and len(dict(legs)) < len(legs):
        raise WrongEntry("one account has two legs")
    if total > AMOUNT_MAX:
        raise WrongEntry(f"its legs come to {total}, which is no amount")
    return total


def payable(book: Book, own: int, number: int) -> None:
    """An open account on the other side; suspense and mirror accounts are none, since only links
    book on them."""
    if number == own:
        raise WrongEntry(f"account {own} stands on both sides")
    if SUSPENSE <= number < FIRST_MEMBER:
        raise WrongEntry(f"only payments between circles touch account {number}")
    book.account(number)


def sell(book: Book, entry: Opened) -> Effect:
    amount, _ = entry.act
    authority = by_coordinator(book, entry)
    members_account(book, entry.account)
    return Effect(authority, ((TREASURY, -amount, 0), (entry.account, amount, 0)))


def redeem(book: Book, entry: Opened) -> Effect:
    amount, _ = entry.act
    authority = by_coordinator(book, entry)
    members_account(book, entry.account)
    return Effect(authority, ((entry.account, -amount, 0), (TREASURY, amount, 0)))


def members_account(book: Book, number: int) -> None:
    """Raise WrongEntry unless it is an open account of members, not one of the circle's own."""
    if book.account(number).kind != "member":
        raise WrongEntry(f"account {number} is the circle's own")


def levy(book: Book, entry: Opened) -> Effect:
    return _by_the_circle(book, entry, 1)


def payout(book: Book, entry: Opened) -> Effect:
    return _by_the_circle(book, entry, -1)


def _by_the_circle(book: Book, entry: Opened, sign: int) -> Effect:
    """One of the circle's two funds collects from (1) or pays out to (-1) each leg."""
    (legs,) = entry.act
    authority = by_coordinator(book, entry)
    if entry.account not in (TREASURY, COMMUNITY):
        raise WrongEntry(f"account {entry.account} neither levies nor pays out")
    total = _legs(book, entry.account, legs)
    others = tuple((number, -sign * amount, 0) for number, amount in legs)
    return Effect(authority, ((entry.account, sign * total, 0), *others))


def reverse(book: Book, entry: Opened) -> Effect:
    """The mirror image of an earlier entry, once; another officer's act, and what the signer's own
    household paid or got, takes the committee."""
    (index,) = entry.act
    earlier = book.transfers.get(index) if index < entry.number else None
    if earlier is None or earlier.order not in MOVES_TOKENS:
        raise WrongEntry(f"it reverses entry {index}, which moved no tokens")
    if index in book.reversed:
        raise WrongEntry(f"it reverses entry {index}, which was reversed before")
    book.reversed.add(index)
    authority = by_coordinator(book, entry)
    anothers = earlier.authority == "officer" and earlier.person != entry.person
    if anothers or in_household(book, entry.person, *(number for number, _ in earlier.moved)):
        by_committee(book, entry)
    for number, _ in earlier.moved:
        book.account(number)
    return Effect(authority, tuple((number, -delta, 0) for number, delta in earlier.moved))


def close(book: Book, entry: Opened) -> Effect:
    """The community takes over what is left, or owed; the committee decides where a coordinator
    would be rid of their own debt, or the community cannot bear it."""
    members_account(book, entry.account)
    row, community = book.accounts[entry.account], book.accounts[COMMUNITY]
    borne = community.balance - community.held + row.balance >= community.floor
    if row.balance < 0 and (not borne or in_household(book, entry.person, entry.account)):
        authority = by_committee(book, entry)
    else:
        authority = by_coordinator(book, entry)
    if row.held or any(entry.account in hold.payee for hold in book.holds.values()):
        raise WrongEntry("it closes an account from or for which tokens are set aside")
    row.closed = True
    book.granted += row.floor
    book.end_mandates(entry.account)
    left = row.balance
    own = (entry.account, -left, 0)
    return Effect(authority, (own, (COMMUNITY, left, 0)) if left else (own,))
