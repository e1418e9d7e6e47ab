"""What one circle signed about a link, and where two such things contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from ledger.charter import Certificate, open_certificate
from ledger.errors import InvalidProof, MalformedObject
from ledger.federation.agreement import Agreement, Party, link_id, open_agreement
from ledger.federation.message import (
    Commit,
    Content,
    Prepare,
    Statement,
    decode_run,
    message_hash,
    open_run,
    open_statement,
)
from ledger.federation.payment import payment_id


class Who(NamedTuple):
    """A circle's identity key, its certificate, and the one's signature over the other."""

    identity: bytes
    certificate: bytes
    signature: bytes


class Claim(NamedTuple):
    """Something signed, as it came: a "run" of messages, or a "statement"."""

    what: str
    signed: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """What evidence proves.

    ``about`` is one of the words in protocol.md, "Evidence". ``circle`` is the id of who signed
    it, b"" where only its ``key`` is known, and ``origin`` its log's, or "". It is ``convicted``,
    unless it is either this circle or ``other``, with which it has the link, and nobody can tell
    which. ``number`` is that of a message, a tree size, a period; ``payment`` a payment's id.
    ``owes`` is what the circle owes the other by the first and by the second of two accounts, in
    the link's ``unit``, or () where it is not about that. ``key`` is a log's, as in
    notes, or a decision key in hexadecimal.
    """

    about: str
    circle: bytes
    origin: str
    convicted: bool = True
    other: bytes = b""
    other_origin: str = ""
    number: int = 0
    payment: bytes = b""
    owes: tuple[int, ...] = ()
    unit: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Accused:
    """One side of a link, with the ``key`` that it signs with."""

    link: bytes
    terms: Agreement
    side: Party

    @property
    def key(self) -> bytes:
        return self.side.link

    @property
    def other(self) -> Party:
        return self.terms.other(self.side.circle)

    @property
    def is_low(self) -> bool:
        return self.side is self.terms.low

    def turned(self) -> Accused:
        """The other side of the same link."""
        return replace(self, side=self.other)

    def owes(self, statement: Statement) -> int:
        """What this side owes the other by a statement."""
        return -statement.tally if self.is_low else statement.tally

    def finding(
        self,
        about: str,
        *,
        convicted: bool = True,
        number: int = 0,
        payment: bytes = b"",
        owes: tuple[int, ...] = (),
    ) -> Finding:
        """A finding about this side."""
        return Finding(
            about,
            self.side.circle,
            self.side.origin,
            convicted,
            self.other.circle,
            self.other.origin,
            number,
            payment,
            owes,
            self.terms.unit.decode(),
        )


def open_accused(who: Who, agreement: bytes) -> Accused:
    """The side of an agreement that is the certified circle. Raises MalformedObject,
    InvalidSignature."""
    identity, body, signature = who
    certificate: Certificate = open_certificate(body, signature, identity)
    terms = open_agreement(agreement)
    side = terms.party(certificate.circle)
    if (side.origin, side.link, side.decision) != (
        certificate.origin,
        certificate.link,
        certificate.decision,
    ):
        raise MalformedObject(
            "piece of evidence", "the agreement has other keys than the certificate"
        )
    return Accused(link_id(terms.low.circle, terms.high.circle), terms, side)


@dataclass(frozen=True, slots=True)
class Signed:
    """A claim whose signature was verified.

    ``hashes`` has, by (whether it is of low's direction, its number), the messages that it names.
    ``contents`` are a run's, by number; ``received`` is how many of the other side's messages a
    statement acknowledges.
    """

    hashes: dict[tuple[bool, int], bytes]
    contents: tuple[tuple[int, Content], ...] = ()
    statement: Statement | None = None
    received: int = 0


def open_claim(signer: Accused, claim: Claim) -> Signed:
    """Verify a claim of that side of the link. Raises MalformedObject, InvalidSignature."""
    what, signed = claim
    if what == "statement":
        return _open_statement(signer, signed)
    hashes: dict[tuple[bool, int], bytes] = {}
    contents: list[tuple[int, Content]] = []
    for body, message, content in open_run(decode_run(signed), signer.key):
        fields = message.link, message.sender, message.receiver
        if fields != (signer.link, signer.side.circle, signer.other.circle):
            raise MalformedObject("piece of evidence", "a message is of another link")
        if contents and message.seq != contents[-1][0] + 1:
            raise MalformedObject(
                "piece of evidence", "the messages of a run do not follow each other"
            )
        hashes.setdefault((signer.is_low, message.seq - 1), message.previous)
        hashes[signer.is_low, message.seq] = message_hash(body)
        contents.append((message.seq, content))
    return Signed(hashes, tuple(contents))


def _open_statement(signer: Accused, signed: bytes) -> Signed:
    statement = open_statement(signed, signer.key)
    if statement.link != signer.link:
        raise MalformedObject("piece of evidence", "a statement is about another link")
    hashes = {
        (True, statement.low_seq): statement.low_hash,
        (False, statement.high_seq): statement.high_hash,
    }
    received = statement.high_seq if signer.is_low else statement.low_seq
    return Signed(hashes, (), statement, received)


def contradict(accused: Accused, first: Signed, second: Signed) -> Finding:
    """What one circle's two claims contradict each other in. Raises InvalidProof if nothing.

    A circle that knows what it sent never sends two messages under one number, never makes two
    accounts of the same messages, and never sends or commits to one payment twice over one link.
    But it may lose what it received, and be sent something else in its place.
    """
    for low, number in _two_hashes(first, second):
        if low == accused.is_low:
            return accused.finding("message", number=number)
        return accused.finding("received", convicted=False, number=number)
    accounts = _two_accounts(first, second)
    if accounts:
        return accused.finding("statement", owes=tuple(map(accused.owes, accounts)))
    for about, number, payment in _twice(first, second):
        return accused.finding(about, number=number, payment=payment)
    raise InvalidProof("This proves nothing: the two things that were signed can both be.")


def disagree(accused: Accused, theirs: Signed, ours: Signed) -> Finding:
    """What two circles say differently, of which one must be wrong. Raises InvalidProof."""
    for _, number in _two_hashes(theirs, ours):
        return accused.finding("dispute", convicted=False, number=number)
    accounts = _two_accounts(theirs, ours)
    if accounts:
        owes = tuple(map(accused.owes, accounts))
        return accused.finding("dispute", convicted=False, owes=owes)
    raise InvalidProof("This proves nothing: the two circles say nothing different.")


def _two_hashes(first: Signed, second: Signed) -> Iterator[tuple[bool, int]]:
    for place in sorted(first.hashes.keys() & second.hashes.keys()):
        if first.hashes[place] != second.hashes[place]:
            yield place


def _two_accounts(first: Signed, second: Signed) -> tuple[Statement, ...]:
    """Two statements, if they are of the very same messages and not the same."""
    one, other = first.statement, second.statement
    if one is None or other is None or one == other:
        return ()
    same = (one.low_seq, one.high_seq) == (other.low_seq, other.high_seq)
    return (one, other) if same else ()


def _twice(first: Signed, second: Signed) -> Iterator[tuple[str, int, bytes]]:
    """Payments that were sent, or committed to, under one number here and another there."""
    seen = {key: seq for seq, key in _payments(first)}
    for seq, key in _payments(second):
        if seen.get(key, seq) != seq:
            about, payment = key
            yield about, seq, payment


def _payments(run: Signed) -> Iterator[tuple[int, tuple[str, bytes]]]:
    for seq, content in run.contents:
        match content:
            case Prepare(header):
                yield seq, ("sent-twice", payment_id(header))
            case Commit(payment):
                yield seq, ("committed-twice", payment)
