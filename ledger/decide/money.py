"""Decisions that move tokens at once: pay, sell, redeem, levy, pay out, reverse."""

from __future__ import annotations

from ledger.codec import AMOUNT_MAX
from ledger.decide.authority import (
    authorise,
    is_coordinator,
    is_own,
    open_account,
    require_committee,
    require_officer,
)
from ledger.decide.limits import check_countable, check_limits
from ledger.errors import (
    EntryNotReversible,
    NotAuthorised,
    OrderInconsistent,
    RequestUnusable,
)
from ledger.orders import (
    COMMUNITY,
    FIRST_MEMBER,
    SUSPENSE,
    TREASURY,
    Levy,
    Pay,
    Payout,
    Redeem,
    Reverse,
    Sell,
)
from ledger.state import Account, Change, MarkRequest, MarkReversed
from ledger.verdict import Case, Decision, Move

REVERSIBLE = ("pay", "settle", "sell", "redeem", "levy", "payout")


def decide_pay(case: Case, pay: Pay) -> Decision:
    """A holder, or someone acting for them, pays one or many."""
    number = case.header.account
    payer = open_account(case.state, number)
    total = _add_legs(case, pay.legs)
    payees = tuple([account for account, _ in pay.legs])
    authority, changes = authorise(case, payer, total, payees)
    _check_legs(pay.legs, number, total)
    if pay.request:
        changes.append(_answer_request(case, pay))
    moves = (Move(number, -total), *[Move(account, amount) for account, amount in pay.legs])
    check_limits(case.state, moves)
    return Decision("pay", authority, moves, tuple(changes))


def _add_legs(case: Case, legs: tuple[tuple[int, int], ...]) -> int:
    """The total of the legs, whose accounts all exist and are open."""
    total = 0
    for account, amount in legs:
        open_account(case.state, account)
        total += amount
    return total


def _check_legs(legs: tuple[tuple[int, int], ...], own: int, total: int) -> None:
    """Every other account stands once. Raises OrderInconsistent."""
    if len(legs) > 1 and len({account for account, _ in legs}) != len(legs):
        raise OrderInconsistent("an account stands in it twice")
    for account, _ in legs:
        if account == own:
            raise OrderInconsistent(f"account {own} cannot pay itself")
        if SUSPENSE <= account < FIRST_MEMBER:
            raise OrderInconsistent(f"account {account} is for payments between circles")
    if total > AMOUNT_MAX:
        raise OrderInconsistent(f"its legs come to {total}, over {AMOUNT_MAX}")


def _answer_request(case: Case, pay: Pay) -> Change:
    known = case.facts.requests.get(pay.request[0])
    if known is None:
        raise RequestUnusable("no such request was made here")
    if known.paid:
        raise RequestUnusable("it was paid before")
    request = known.request
    if case.now >= request.expires:
        raise RequestUnusable("it has expired")
    if pay.legs != ((request.account, request.amount),):
        raise RequestUnusable(f"it asks for {request.amount} into account {request.account}")
    return MarkRequest(pay.request[0])


def decide_sell(case: Case, sell: Sell) -> Decision:
    """Tokens out of the treasury for cash that was received."""
    account = open_account(case.state, case.header.account)
    authority = require_officer(case)
    moves = (Move(TREASURY, -sell.amount), Move(_member(account), sell.amount))
    check_limits(case.state, moves)
    return Decision("sell", authority, moves)


def decide_redeem(case: Case, redeem: Redeem) -> Decision:
    """Tokens back into the treasury for cash that was paid out."""
    account = open_account(case.state, case.header.account)
    authority = require_officer(case)
    moves = (Move(_member(account), -redeem.amount), Move(TREASURY, redeem.amount))
    check_limits(case.state, moves)
    return Decision("redeem", authority, moves)


def _member(account: Account) -> int:
    if account.kind != "member":
        raise OrderInconsistent(f"account {account.number} is not a member's")
    return account.number


def decide_levy(case: Case, levy: Levy) -> Decision:
    """The circle's fee: many accounts pay one of the circle's own. All of them, or none."""
    authority, fund, total = _between_fund_and(case, levy.legs)
    moves = (Move(fund, total), *(Move(account, -amount) for account, amount in levy.legs))
    check_limits(case.state, moves)
    return Decision("levy", authority, moves)


def decide_payout(case: Case, payout: Payout) -> Decision:
    """One of the circle's own accounts pays many."""
    authority, fund, total = _between_fund_and(case, payout.legs)
    moves = (Move(fund, -total), *(Move(account, amount) for account, amount in payout.legs))
    check_limits(case.state, moves)
    return Decision("payout", authority, moves)


def _between_fund_and(case: Case, legs: tuple[tuple[int, int], ...]) -> tuple[str, int, int]:
    fund = open_account(case.state, case.header.account).number
    total = _add_legs(case, legs)
    authority = require_officer(case)
    if fund not in (TREASURY, COMMUNITY):
        raise OrderInconsistent("only the treasury and the community account pay and collect so")
    _check_legs(legs, fund, total)
    return authority, fund, total


def decide_reverse(case: Case, reverse: Reverse) -> Decision:
    """A new entry that undoes an old one; another officer's act, or what the signer's household
    paid or got, takes the committee."""
    transfer = case.facts.transfers.get(reverse.entry)
    if not is_coordinator(case.state, case.header.person):
        raise NotAuthorised(case.header.person, "reverse", "only a coordinator reverses")
    if transfer is not None and transfer.kind not in REVERSIBLE:
        transfer = None
    weighty = transfer is not None and (
        transfer.signer not in (0, case.header.person)
        or is_own(case.state, case.header.person, *(account for account, _ in transfer.moves))
    )
    authority = require_committee(case) if weighty else require_officer(case)
    if transfer is None:
        raise EntryNotReversible(reverse.entry, "it moved no tokens that could go back")
    if transfer.reversed:
        raise EntryNotReversible(reverse.entry, "it was reversed before")
    for account, _ in transfer.moves:
        if case.state.accounts[account].closed:
            raise EntryNotReversible(reverse.entry, f"account {account} is closed")
    moves = tuple(Move(account, -delta) for account, delta in transfer.moves)
    check_countable(case.state, moves)
    return Decision("reverse", authority, moves, (MarkReversed(reverse.entry),), exempt=True)
