"""Leaf 0: who the circle is, and what it begins with (protocol.md, "Circle and charter")."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from ledger import codec
from node.check.book import (
    COMMUNITY,
    PAPER_PERSON,
    SUSPENSE,
    TREASURY,
    AccountRow,
    Book,
    Effect,
    read_rules,
)
from node.check.fields import AMOUNT_MAX, CERTIFICATE, CHARTER, read
from node.check.findings import WrongEntry
from node.check.opening import Opened
from node.check.signing import check_point, is_signed


@dataclass(frozen=True, slots=True)
class Identity:
    """What leaf 0 certifies of the log: its origin, and the key that signs its checkpoints."""

    circle: bytes
    origin: str
    log_key: bytes


def found(entry: Opened) -> tuple[Book, Identity, Effect]:
    """The model of the circle at its first entry, before the postings of it.

    Raises WrongEntry, MalformedObject.
    """
    if entry.kind != "charter":
        raise WrongEntry(f"the first entry is of kind {entry.kind} instead of charter")
    identity, certificate, signature, encoded, paper, previous = read(
        entry.public, CHARTER, 4096, "charter"
    )
    circle, epoch, origin, log, *others, terms = read(certificate, CERTIFICATE, 1024, "certificate")
    if len({identity, paper, log, *others}) < 6:
        raise WrongEntry("one of the circle's keys has two roles")
    if circle != sha256(b"tallystick/circle/v1\0" + identity).digest():
        raise WrongEntry("the charter's circle is not that of its identity key")
    if not is_signed(b"tallystick/certificate/v1\0" + certificate, signature, identity):
        raise WrongEntry("the certificate is not signed by the identity key")
    said = codec.encode((encoded, paper, previous))
    if terms != sha256(b"tallystick/terms/v1\0" + said).digest():
        raise WrongEntry("the certificate is for other rules, paper key or past")
    check_point(paper)
    rules = read_rules(encoded)
    if origin != f"{rules.address}/tallystick/{circle.hex()[:16]}/{epoch}":
        raise WrongEntry(f"the origin {origin} is not the one of this circle and epoch")
    if bool(previous) != (epoch > 1):
        raise WrongEntry("only an epoch after the first follows a previous log")
    book = Book(circle, rules, encoded)
    for number, kind, floor in (
        (TREASURY, "treasury", rules.treasury_floor),
        (COMMUNITY, "community", rules.community_floor),
        (SUSPENSE, "suspense", 0),
    ):
        book.accounts[number] = AccountRow(kind, floor, AMOUNT_MAX, set())
    _, book.links.link_key, book.links.decision_key = others
    book.persons[PAPER_PERSON] = []
    book.add_device(paper, PAPER_PERSON, "paper", "paper key")
    effect = Effect("circle", ((TREASURY, 0, 0), (COMMUNITY, 0, 0), (SUSPENSE, 0, 0)), entry.public)
    return book, Identity(circle, origin, log), effect
