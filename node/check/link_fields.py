"""What circles sign for each other, as tables of tests and as bytes taken apart.

(protocol.md, "Links" and "Payments between circles".)
"""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from typing import Any, NamedTuple

from ledger import codec
from node.check.characters import UNSEEN, has_any
from node.check.fields import (
    AMOUNT_MAX,
    ANY,
    DELTA,
    FLAG,
    HASH,
    KEY,
    SIGNATURE,
    SOME,
    Table,
    group,
    octets,
    printable,
    read,
    several,
    whole,
    word,
)
from node.check.findings import WrongEntry
from node.check.signing import check_point, is_signed

AGREEMENT_CONTEXT = b"tallystick/agreement/v1\0"
MESSAGE_CONTEXT = b"tallystick/message/v1\0"
STATEMENT_CONTEXT = b"tallystick/statement/v1\0"
COMMIT_CONTEXT = b"tallystick/commit/v1\0"

_PARTY = group(
    HASH,
    printable(1, 255),
    KEY,
    KEY,
    printable(1, 255),
    whole(1, 1_000_000),
    whole(1, 1_000_000),
    ANY,
)
AGREEMENT: Table = (
    ("number", SOME),
    ("unit", octets(1, 40)),
    ("hold_max", SOME),
    ("holds_max", whole(1, 10_000)),
    ("low", _PARTY),
    ("high", _PARTY),
)
SIGNED_AGREEMENT: Table = (
    ("body", octets(1, 2048)),
    ("low", SIGNATURE),
    ("high", SIGNATURE),
)
SIGNED: Table = (("body", octets(1, 512)), ("signature", SIGNATURE))
WIRE: Table = (("body", octets(1, 2600)), ("signature", octets(0, 64)))
RUN = codec.array_of(codec.binary(1, 5200), 1, 64)
MESSAGE: Table = (
    ("link", HASH),
    ("sender", HASH),
    ("receiver", HASH),
    ("seq", SOME),
    ("previous", HASH),
    (
        "kind",
        word(
            *("prepare", "commit", "release", "raise", "propose", "accept"),
            *("withdraw", "decline", "suspend", "leave"),
        ),
    ),
    ("content", octets(1, 2600)),
)
REASON = word(
    *(
        "suspended",
        "unheard",
        "limit",
        "expired",
        "seen",
        "value",
        "route",
        "sealed",
        "payee",
        "given-up",
    ),
)
CONTENTS: dict[str, Table] = {
    "prepare": (
        ("header", octets(1, 256)),
        ("amount", SOME),
        ("onward", several(group(HASH, SOME), 0, 15)),
    ),
    "commit": (("payment", HASH), ("signature", SIGNATURE)),
    "release": (("payment", HASH), ("reason", REASON)),
    "raise": (("owes_max", ANY),),
    "propose": (("agreement", octets(1, 2048)), ("signature", SIGNATURE)),
    "accept": (("agreement", HASH), ("signature", SIGNATURE)),
    "withdraw": (("agreement", HASH),),
    "decline": (("agreement", HASH),),
    "suspend": (("suspended", FLAG),),
    "leave": (("number", SOME),),
}
PAYMENT: Table = (
    ("decider", HASH),
    ("decision", KEY),
    ("deadline", ANY),
    ("arrive", SOME),
    ("sealed", HASH),
)
STATEMENT: Table = (
    ("link", HASH),
    ("agreement", SOME),
    ("low_seq", ANY),
    ("low_hash", HASH),
    ("high_seq", ANY),
    ("high_hash", HASH),
    ("tally", DELTA),
    ("low_held", ANY),
    ("high_held", ANY),
)


class Side(NamedTuple):
    """One party to an agreement, its fields in their order."""

    circle: bytes
    origin: str
    link: bytes
    decision: bytes
    url: str
    own: int
    linked: int
    owes_max: int


class Terms(NamedTuple):
    """An agreement, its fields in their order."""

    number: int
    unit: bytes
    hold_max: int
    holds_max: int
    low: Side
    high: Side

    def sides(self, circle: bytes) -> tuple[Side, Side]:
        """The circle's own side, and the other. Raises WrongEntry."""
        if circle == self.low.circle:
            return self.low, self.high
        if circle == self.high.circle:
            return self.high, self.low
        raise WrongEntry("the agreement is between other circles")


class Said(NamedTuple):
    """A link's message with its signature, not yet verified; ``hash`` names it in the next one."""

    body: bytes
    signature: bytes
    hash: bytes
    link: bytes
    sender: bytes
    receiver: bytes
    seq: int
    previous: bytes
    kind: str
    content: tuple[Any, ...]


class Header(NamedTuple):
    """A payment's header, its fields in their order."""

    decider: bytes
    decision: bytes
    deadline: int
    arrive: int
    sealed: bytes


def make_terms(fields: tuple[Any, ...]) -> Terms:
    """An agreement of its fields."""
    number, unit, hold_max, holds_max, low, high = fields
    return Terms(number, unit, hold_max, holds_max, Side._make(low), Side._make(high))


def read_terms(body: bytes) -> Terms:
    """Raises WrongEntry, MalformedObject."""
    terms = make_terms(read(body, AGREEMENT, 2048, "agreement"))
    if terms.low.circle >= terms.high.circle:
        raise WrongEntry("the agreement's circles are not two, in their order")
    owed = terms.low.owes_max + terms.high.owes_max + terms.hold_max
    for side in (terms.low, terms.high):
        check_point(side.link)
        check_point(side.decision)
        if max(owed, owed * side.own // side.linked) > AMOUNT_MAX:
            raise WrongEntry("the agreement lets come together what is no amount")
    try:
        shown = not has_any(terms.unit.decode("utf-8"), UNSEEN)
    except UnicodeDecodeError:
        shown = False
    if not shown:
        raise WrongEntry("the link's unit has no printable name")
    return terms


def read_agreement(wire: bytes) -> Terms:
    """The terms that both circles signed. Raises WrongEntry, MalformedObject."""
    body, low, high = read(wire, SIGNED_AGREEMENT, 4096, "signed agreement")
    terms = read_terms(body)
    for side, signature in ((terms.low, low), (terms.high, high)):
        if not is_signed(AGREEMENT_CONTEXT + body, signature, side.link):
            raise WrongEntry("the agreement is not signed by both circles")
    return terms


def read_message(wire: bytes) -> Said:
    """Raises WrongEntry, MalformedObject."""
    body, signature = read(wire, WIRE, 5200, "link message")
    link, sender, receiver, seq, previous, kind, packed = read(body, MESSAGE, 2600, "link message")
    content = read(packed, CONTENTS[kind], 2600, kind)
    hashed = sha256(MESSAGE_CONTEXT + body).digest()
    return Said(body, signature, hashed, link, sender, receiver, seq, previous, kind, content)


def read_run(data: bytes) -> list[Said]:
    """Messages of which each names the one before, as kept for evidence. No signature is verified.

    Raises WrongEntry, MalformedObject.
    """
    run = [read_message(wire) for wire in codec.decode(data, RUN, 64 * 2700, "run of messages")]
    if any(after.previous != before.hash for before, after in pairwise(run)):
        raise WrongEntry("they do not follow each other")
    return run


def read_statement(wire: bytes) -> tuple[bytes, bytes, tuple[Any, ...]]:
    """Body, signature and fields. Raises WrongEntry, MalformedObject."""
    body, signature = read(wire, SIGNED, 512, "signed link statement")
    return body, signature, read(body, STATEMENT, 512, "link statement")


def read_header(header: bytes) -> Header:
    """Raises WrongEntry, MalformedObject."""
    return Header._make(read(header, PAYMENT, 256, "payment header"))


def payment_of(header: bytes) -> bytes:
    """T, by which a payment goes everywhere."""
    return sha256(b"tallystick/payment/v1\0" + header).digest()


def link_of(low: bytes, high: bytes) -> bytes:
    """The id of the link between two circles: of the array of both, the lower first."""
    return sha256(b"tallystick/link/v1\0\x92\xc4\x20" + low + b"\xc4\x20" + high).digest()
