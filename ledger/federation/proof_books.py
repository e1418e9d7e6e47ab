"""Whether a statement of a link is what the messages come to which it names.

A statement has the hashes of the last message of either direction, and so of all before them. Who
signed it said by that which messages there were; it is counted here once more what they come to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger.errors import InvalidProof, MalformedObject
from ledger.federation.link import End
from ledger.federation.message import (
    FIRST,
    Accept,
    Commit,
    Content,
    Prepare,
    Release,
    Statement,
    message_hash,
    read_message,
)
from ledger.federation.payment import payment_id
from ledger.federation.proof_link import Accused, Claim, Finding, open_claim

_Key = tuple[bool, bytes]
"""Whether low is the debtor, and the payment's id."""


@dataclass(slots=True)
class _Counted:
    """What messages did, in whatever order the two directions met."""

    sent: dict[_Key, list[int]] = field(default_factory=lambda: defaultdict(list))
    ended: dict[_Key, list[bool]] = field(default_factory=lambda: defaultdict(list))
    accepted: int = 0

    def count(self, low: bool, content: Content) -> None:
        match content:
            case Prepare(header, amount):
                self.sent[low, payment_id(header)].append(amount)
            case Commit(payment):
                self.ended[not low, payment].append(True)
            case Release(payment):
                self.ended[not low, payment].append(False)
            case Accept():
                self.accepted += 1


def find_wrong(
    accused: Accused, base: bytes, statement: bytes, bodies: tuple[Sequence[bytes], Sequence[bytes]]
) -> Finding:
    """What is wrong with a statement by the bodies of low's messages and of high's from the
    statement ``base`` on, or from the first.

    Raises MalformedObject, InvalidSignature for messages that are not those which it names, and
    InvalidProof where nothing is wrong, or the other circle's doing.
    """
    start = Statement(accused.link, 1, 0, FIRST, 0, FIRST, 0, 0, 0)
    if base:
        start = _open(accused, base)
        if start.low_held or start.high_held:
            raise MalformedObject(
                "piece of evidence", "payments are under way where its account begins"
            )
    end = _open(accused, statement)
    counted = _Counted()
    low, high = bodies
    ends = End(start.low_seq, start.low_hash), End(end.low_seq, end.low_hash)
    _follow(accused, counted, True, low, *ends)
    ends = End(start.high_seq, start.high_hash), End(end.high_seq, end.high_hash)
    _follow(accused, counted, False, high, *ends)
    return _find_unheld(accused, counted) or _compare(accused, counted, start, end)


def _open(accused: Accused, wire: bytes) -> Statement:
    statement = open_claim(accused, Claim("statement", wire)).statement
    assert statement is not None
    return statement


def _follow(
    accused: Accused,
    counted: _Counted,
    low: bool,
    bodies: Sequence[bytes],
    start: End,
    end: End,
) -> None:
    """Count one direction's messages, which lead from one number and hash to another."""
    sides = accused.terms.low.circle, accused.terms.high.circle
    ends = sides if low else sides[::-1]
    seq, last = start.seq, start.hash
    for body in bodies:
        message, content = read_message(body)
        seq += 1
        if message[:5] != (accused.link, *ends, seq, last):
            raise MalformedObject(
                "piece of evidence", f"message {seq} does not follow the one before it"
            )
        last = message_hash(body)
        counted.count(low, content)
    if End(seq, last) != end:
        raise MalformedObject(
            "piece of evidence", "the messages are not those that the statement names"
        )


def _find_unheld(accused: Accused, counted: _Counted) -> Finding | None:
    """A payment that the accused ended more often than the other sent it, or sent twice.

    Raises InvalidProof where only the other did that: nobody can say what messages come to then.
    """
    sent, ended = counted.sent, counted.ended
    unheld = [key for key in ended if len(ended[key]) > len(sent.get(key, ()))]
    twice = [key for key in sent if len(sent[key]) > 1]
    for low, payment in unheld:
        if low != accused.is_low:
            return accused.finding("hold", payment=payment)
    for low, payment in twice:
        if low == accused.is_low:
            return accused.finding("sent-twice", payment=payment)
    if unheld or twice:
        raise InvalidProof(
            "This proves nothing: the other circle contradicts itself in these messages."
        )
    return None


def _compare(accused: Accused, counted: _Counted, start: Statement, end: Statement) -> Finding:
    tally, held = start.tally, {True: 0, False: 0}
    for (low, payment), (amount,) in counted.sent.items():
        match counted.ended.get((low, payment)):
            case None:
                held[low] += amount
            case [True]:
                tally += -amount if low else amount
    number = start.agreement + counted.accepted
    true = end._replace(agreement=number, tally=tally, low_held=held[True], high_held=held[False])
    if true == end:
        raise InvalidProof("This proves nothing: the messages come to what the statement says.")
    return accused.finding("books", owes=(accused.owes(end), accused.owes(true)))
