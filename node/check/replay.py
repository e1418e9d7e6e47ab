"""Replaying entries: each must be what its order, given then and by that device, comes to."""

from __future__ import annotations

from collections.abc import Callable

from ledger import codec, merkle
from node.check import between, offices, people, reservations, transfers
from node.check.book import Book, Effect, Transfer
from node.check.fields import AMOUNT_MAX, DAY_MS
from node.check.findings import WrongEntry
from node.check.opening import Opened
from node.check.powers import signing_device

ACTS: dict[str, Callable[[Book, Opened], Effect]] = {
    "pay": transfers.pay,
    "sell": transfers.sell,
    "redeem": transfers.redeem,
    "levy": transfers.levy,
    "payout": transfers.payout,
    "reverse": transfers.reverse,
    "close": transfers.close,
    "hold": reservations.hold,
    "settle": reservations.settle,
    "release": reservations.release,
    "claim": reservations.claim,
    "object": reservations.objection,
    "assign": reservations.assign,
    "defer": between.defer,
    "invite": people.invite,
    "uninvite": people.uninvite,
    "join": people.join,
    "open": people.open_account,
    "holder": people.holder,
    "assist": people.assist,
    "enrol": people.enrol,
    "revoke": people.revoke,
    "freeze": people.freeze,
    "thaw": people.thaw,
    "veto": people.veto,
    "limits": offices.limits,
    "mandate": offices.mandate,
    "unmandate": offices.unmandate,
    "appoint": offices.appoint,
    "dismiss": offices.dismiss,
    "amend": offices.amend,
}
WITHOUT_ACCOUNT = frozenset(
    "reverse invite uninvite join open enrol revoke freeze thaw veto unmandate appoint dismiss "
    "amend".split()
)
"""The kinds of order that name no account."""
PAST_LIMITS = frozenset(("settle", "reverse", "close", "relay", "defer"))
"""The kinds that may move an account further outside its limits."""


def replay(book: Book, entry: Opened, transfers: dict[int, Transfer]) -> None:
    """Take one entry after leaf 0 into the model; ``transfers`` has what reversals refer to.

    Raises WrongEntry, MalformedObject; the model is spoilt then.
    """
    book.transfers = transfers
    if entry.now < book.log_time:
        raise WrongEntry(f"its log time {entry.now} is before {book.log_time}, the one before")
    if entry.kind == "charter":
        raise WrongEntry("a charter stands where only leaf 0 may have one")
    if entry.kind == "state":
        effect = _state(book)
    elif entry.wire:
        effect = between.between_circles(book, entry)
    else:
        effect = ordered(book, entry)
    write(book, entry, effect)


def _state(book: Book) -> Effect:
    """A state entry commits to the newest posting of every account."""
    newest = [row.last for _, row in sorted(book.accounts.items())]
    return Effect("circle", public=codec.encode((len(newest), merkle.root(newest))))


def ordered(book: Book, entry: Opened) -> Effect:
    """What an entry's order comes to, and the model after it but for the postings.

    Raises WrongEntry, MalformedObject.
    """
    if entry.circle != book.circle:
        raise WrongEntry("its order was given to another circle")
    if not entry.now < entry.expires <= entry.now + DAY_MS:
        raise WrongEntry(f"its order, good until {entry.expires}, was accepted at {entry.now}")
    if entry.account and entry.order in WITHOUT_ACCOUNT:
        raise WrongEntry(f"an order to {entry.order} names account {entry.account}, and has none")
    if entry.order != "join":
        signing_device(book, entry)
    effect = ACTS[entry.order](book, entry)
    book.spend_nonce(book.devices[entry.device], entry.nonce, entry.now, entry.expires)
    return effect


def write(book: Book, entry: Opened, effect: Effect) -> None:
    """Hold the entry against what it must say, and post it. Raises WrongEntry."""
    if entry.authority != effect.authority:
        raise WrongEntry(f"its authority is {entry.authority} and should be {effect.authority}")
    if entry.public != effect.public:
        raise WrongEntry("its public part is not what its order makes public")
    if len(entry.lines) != len(effect.changes):
        raise WrongEntry(
            f"it has {len(entry.lines)} postings where its order makes {len(effect.changes)}"
        )
    limited = entry.kind not in PAST_LIMITS
    total = 0
    for (number, delta, held), line, hashed in zip(
        effect.changes, entry.lines, entry.hashes, strict=True
    ):
        row = book.accounts[number]
        balance, reserved = row.balance + delta, row.held + held
        expected = (number, row.seq + 1, delta, balance, reserved, row.last)
        if line != expected:
            raise WrongEntry(_difference(line, expected))
        if limited:
            if delta < held and balance - reserved < row.floor:
                raise WrongEntry(
                    f"account {number} goes to {balance - reserved}, below its floor of {row.floor}"
                )
            if delta > 0 and balance > row.ceiling:
                raise WrongEntry(
                    f"account {number} goes to {balance}, above its ceiling of {row.ceiling}"
                )
        elif balance - reserved < -AMOUNT_MAX:
            raise WrongEntry(f"account {number} goes to {balance - reserved}, which is no amount")
        row.balance, row.held, row.seq, row.last = balance, reserved, row.seq + 1, hashed
        total += delta
    if total:
        raise WrongEntry(f"its postings come to {total} and not to nothing")
    book.log_time = entry.now


def _difference(line: tuple[object, ...], expected: tuple[object, ...]) -> str:
    names = ("account", "seq", "delta", "balance", "held", "previous hash")
    for name, found, right in zip(names, line, expected, strict=True):
        if found != right:
            if isinstance(found, bytes):
                return f"a posting of account {expected[0]} does not name the one before it"
            return f"a posting of account {expected[0]} has {name} {found}, which should be {right}"
    raise AssertionError("the lines are equal")
