"""The limits: no order moves an account further outside them (protocol.md, "Limits")."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.codec import AMOUNT_MAX
from ledger.errors import CeilingExceeded, CreditLimitExceeded, LimitTooWide
from ledger.state import State
from ledger.verdict import Move


def check_limits(state: State, moves: Sequence[Move]) -> None:
    """Raise unless every account stays within its set limits, or comes back towards them.

    Raises CreditLimitExceeded or CeilingExceeded naming all accounts at fault, floors first.
    """
    low: list[Move] = []
    high: list[Move] = []
    for move in moves:
        account = state.accounts[move.account]
        change = move.delta - move.held
        if change < 0 and account.balance - account.held + change < account.floor:
            low.append(move)
        if move.delta > 0 and account.balance + move.delta > account.ceiling:
            high.append(move)
    if low:
        first = state.accounts[low[0].account]
        raise CreditLimitExceeded(
            [m.account for m in low], first.available, low[0].held - low[0].delta, first.floor
        )
    if high:
        raise CeilingExceeded([m.account for m in high], high[0].delta)


def check_countable(state: State, moves: Sequence[Move]) -> None:
    """What the listed exceptions must keep too: every figure stays an amount.

    Raises CreditLimitExceeded or CeilingExceeded, with the bounds of amounts as the limits.
    """
    for move in moves:
        account = state.accounts[move.account]
        balance = account.balance + move.delta
        if min(balance, balance - account.held - move.held) < -AMOUNT_MAX:
            raise CreditLimitExceeded([move.account], account.available, -move.delta, -AMOUNT_MAX)
        if balance > AMOUNT_MAX:
            raise CeilingExceeded([move.account], move.delta)


def check_credit(state: State, floor: int, before: int = 0) -> None:
    """Raise LimitTooWide unless the charter lets a floor go from ``before`` to ``floor``."""
    rules = state.rules
    if floor >= before:
        return
    if -floor > rules.credit_limit_max:
        raise LimitTooWide(-floor, rules.credit_limit_max)
    if state.granted + before - floor > rules.credit_total_max:
        raise LimitTooWide(state.granted + before - floor, rules.credit_total_max)
