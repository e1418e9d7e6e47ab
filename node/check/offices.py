"""What orders about limits, mandates, offices and the charter must come to."""

from __future__ import annotations

from unicodedata import normalize

from ledger import codec
from node.check.book import (
    COMMUNITY,
    TREASURY,
    Book,
    Effect,
    MandateRow,
    read_rules,
)
from node.check.characters import FIGURES, has_any
from node.check.findings import WrongEntry
from node.check.opening import Opened
from node.check.powers import (
    by_committee,
    by_coordinator,
    coordinators,
    credit_within_charter,
    has_office,
    known_member,
)
from node.check.transfers import members_account

MANDATES_MAX = 16
FIGURES_BEGIN = frozenset(".,:+-\u2010\u2012\u2013\u2014\u2212\uff0b\uff0d")
"""The characters with which a figure may begin, so that no unit's name does."""


def limits(book: Book, entry: Opened) -> Effect:
    floor, ceiling = entry.act
    members_account(book, entry.account)
    row = book.accounts[entry.account]
    wider = floor < row.floor or ceiling > row.ceiling
    weighty = wider and any(has_office(book, person) for person in row.holders)
    authority = by_committee(book, entry) if weighty else by_coordinator(book, entry)
    credit_within_charter(book, floor, row.floor)
    book.granted += row.floor - floor
    row.floor, row.ceiling = floor, ceiling
    return Effect(authority, ((entry.account, 0, 0),))


def mandate(book: Book, entry: Opened) -> Effect:
    person, scope, cap, window, until = entry.act
    holders = book.account(entry.account).holders
    if entry.person not in holders:
        raise WrongEntry(f"person {entry.person} gives a mandate for account {entry.account}")
    if book.devices[entry.device].capped_until > entry.now:
        raise WrongEntry("a device in its first week gives a mandate")
    known_member(book, person)
    if until <= entry.now:
        raise WrongEntry("the mandate was over before it began")
    if len(scope) > len(set(scope)):
        raise WrongEntry("the mandate names an act twice")
    given = sum(row.account == entry.account for row in book.mandates.values())
    if given >= MANDATES_MAX:
        raise WrongEntry(f"account {entry.account} had {given} mandates")
    book.mandates[entry.number] = MandateRow(entry.account, person, scope, cap, window, until)
    return Effect("member", ((entry.account, 0, 0),))


def unmandate(book: Book, entry: Opened) -> Effect:
    row = book.mandates.pop(entry.act[0], None)
    if row is None:
        raise WrongEntry(f"there was no mandate {entry.act[0]}")
    sides = book.accounts[row.account].holders | {row.person}
    authority = "member" if entry.person in sides else by_coordinator(book, entry)
    return Effect(authority, ((row.account, 0, 0),))


def appoint(book: Book, entry: Opened) -> Effect:
    person, office = entry.act
    authority = by_committee(book, entry)
    known_member(book, person)
    if (person, office) in book.offices:
        raise WrongEntry(f"person {person} was {office} already")
    book.offices.add((person, office))
    return Effect(authority, public=codec.encode((person, office)))


def dismiss(book: Book, entry: Opened) -> Effect:
    person, office = entry.act
    authority = by_committee(book, entry)
    if (person, office) not in book.offices:
        raise WrongEntry(f"person {person} was no {office}")
    book.offices.remove((person, office))
    _enough(book, book.rules.threshold)
    return Effect(authority, public=codec.encode((person, office)))


def _enough(book: Book, threshold: int) -> None:
    """The circle must stay able to act."""
    if len(coordinators(book)) + 1 < threshold:
        raise WrongEntry(f"the committee is smaller than the {threshold} who have to sign")


def _unlike_figures(unit: str) -> None:
    """Raise WrongEntry for a unit's name that could be read as part of a figure."""
    if (
        normalize("NFC", unit) != unit
        or unit[0] in FIGURES_BEGIN
        or unit != unit.strip(" ")
        or "  " in unit
        or has_any(unit, FIGURES)
    ):
        raise WrongEntry("it names a unit that could be read as part of a figure")


def amend(book: Book, entry: Opened) -> Effect:
    (encoded,) = entry.act
    authority = by_committee(book, entry)
    rules, before = read_rules(encoded), book.rules
    if (rules.address, rules.unit_kind, rules.unit_scale) != (
        before.address,
        before.unit_kind,
        before.unit_scale,
    ):
        raise WrongEntry("it changes the circle's address or what its unit is")
    for name in (rules.unit_name, rules.unit_plural):
        _unlike_figures(name.decode())
    _enough(book, rules.threshold)
    book.rules, book.encoded_rules = rules, encoded
    book.accounts[TREASURY].floor = rules.treasury_floor
    book.accounts[COMMUNITY].floor = rules.community_floor
    return Effect(authority, ((TREASURY, 0, 0), (COMMUNITY, 0, 0)), encoded)
