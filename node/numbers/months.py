"""Months on the circle's wall clock, and what a run of the log's entries adds to one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ledger.entry import Posting, decode_leaf, decode_postings
from ledger.orders import FIRST_MEMBER, FIRST_MIRROR
from node.calendar.local_time import local_of, moment_of

TRADES = frozenset({"pay", "settle"})
"""Kinds of entry with which members pay members. Levies, payouts, cash and reversals are none, and
what goes to another circle or to the circle's own accounts is not either."""


def month_of(moment: int, zone: ZoneInfo) -> date:
    """The first day of the month that it is at a moment, in Unix milliseconds."""
    return local_of(moment, zone).date().replace(day=1)


def month_after(month: date) -> date:
    """The first day of the next month."""
    return (month + timedelta(days=31)).replace(day=1)


def month_before(month: date) -> date:
    """The first day of the month before."""
    return (month - timedelta(days=1)).replace(day=1)


def begins_at(month: date, zone: ZoneInfo) -> int:
    """When a month begins, in Unix milliseconds."""
    return moment_of(datetime.combine(month, time.min), zone)


@dataclass(slots=True)
class Run:
    """What entries one after the other come to: transfers between members, whose accounts those
    were, and the newest balances of accounts that mirror what is owed with neighbours."""

    trades: int = 0
    accounts: set[int] = field(default_factory=set)
    balances: dict[int, int] = field(default_factory=dict)


def count_run(entries: Iterable[tuple[bytes, bytes]]) -> Run:
    """Count entries, each its leaf and its postings as stored. Raises MalformedObject."""
    run = Run()
    for leaf, packed in entries:
        postings = decode_postings(packed)
        for posting in postings:
            if FIRST_MIRROR <= posting.account < FIRST_MEMBER:
                run.balances[posting.account] = posting.balance
        if decode_leaf(leaf).kind in TRADES:
            _count_trade(run, postings)
    return run


def _count_trade(run: Run, postings: Iterable[Posting]) -> None:
    """A transfer for each member who got something, where it was a member who gave it."""
    moved = [each for each in postings if each.delta and each.account >= FIRST_MEMBER]
    got = [each.account for each in moved if each.delta > 0]
    gave = [each.account for each in moved if each.delta < 0]
    if got and gave:
        run.trades += len(got)
        run.accounts.update(got, gave)
