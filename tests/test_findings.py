"""What a member's device can tell of its own lines, from the log alone (client/findings.py)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from client.findings import Asker, Line, compare_lines, lines_of
from client.receipts import verify_kept
from client.records import KeptOrder, KeptReceipt, Opening, PinnedCircle
from ledger import keys, merkle
from ledger.amount import Unit, UnitKind
from ledger.append import Entry
from ledger.charter import origin_of
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.decide import Decision, Move
from ledger.note import format_vkey, make_signer
from ledger.orders import Mandate, Pay, Release, Settle
from ledger.receipt import format_proof_lines, format_receipt
from tests import test_check_forgeries as forgeries
from tests.check_history import eventful, forge
from tests.circle import DAY, Circle, seed, town
from tests.test_check_forgeries import paid


def pin(circle: Circle) -> tuple[PinnedCircle, str]:
    """The circle as a device has pinned it, and its newest signed head."""
    origin = origin_of(circle.rules.address, circle.state.circle, 1)
    signer = make_signer(origin, seed("log"))
    leaves = circle.leaf_hashes
    note = sign_checkpoint(Checkpoint(origin, len(leaves), merkle.root(leaves)), signer)
    unit, url = Unit("token", "tokens", UnitKind.DECIMAL, 2), "https://southwark.example"
    key = format_vkey(signer.key)
    return PinnedCircle(circle.state.circle, "Southwark", unit, url, origin, key), note


def receipt(circle: Circle, note: str, entry: Entry, account: int) -> KeptReceipt:
    """What a holder of the account is shown of an entry."""
    proof = format_proof_lines(merkle.inclusion_proof(entry.number, circle.leaf_hashes))
    opened = tuple(
        Opening(
            entry.packed[place],
            keys.derive_salt(entry.secret, place + 1),
            place,
            len(entry.packed),
            tuple(merkle.inclusion_proof(place, entry.hashes)),
        )
        for place, posting in enumerate(entry.postings)
        if posting.account == account
    )
    salt = keys.derive_salt(entry.secret, 0)
    order = KeptOrder(entry.authority, entry.wire, salt) if entry.wire else None
    tlog_proof = format_receipt(entry.number, proof, note)
    return KeptReceipt(entry.number, entry.leaf, tlog_proof, opened, order)


def unproved(circle: Circle, account: int, person: int) -> list[str]:
    """What a holder finds wrong with how the lines of an account came about."""
    pinned, note = pin(circle)
    known: dict[int, list[Line]] = {}
    for entry in circle.entries:
        if account in {posting.account for posting in entry.postings}:
            kept = receipt(circle, note, entry, account)
            for line in lines_of(kept, verify_kept(kept, pinned)):
                known.setdefault(line.posting.seq, []).append(line)
    devices = frozenset(circle.state.persons[person])
    asker = Asker(person, devices, circle.state.accounts[account].holders)
    found = compare_lines(account, (), known, asker, {})
    return [each.detail for each in found if each.kind == "line-unproved"]


def test_everything_that_the_rules_allow_is_on_the_word_of_somebody_who_may() -> None:
    """Whoever looks: joint accounts, mandates, slips, promises and new devices included."""
    circle = eventful()
    held = [
        (account.number, person)
        for account in circle.state.accounts.values()
        for person in account.holders
    ]
    assert len(held) > 8
    assert [unproved(circle, *each) for each in held] == [[] for _ in held]


@pytest.mark.parametrize(
    ("make", "name", "reason"),
    [
        (forgeries.more_than_ordered, "mia", "it moves -100 where -10 was ordered"),
        (forgeries.more_than_ordered, "noa", "it moves 100 where 10 was ordered"),
        (forgeries.to_somebody_else, "oli", "it was ordered for other accounts"),
        (forgeries.not_the_holder, "mia", "no holder ordered it"),
    ],
)
def test_what_was_booked_otherwise_than_ordered_is_found(
    make: Callable[[Circle], None], name: str, reason: str
) -> None:
    circle = town()
    make(circle)
    person = circle[name]
    assert unproved(circle, person.account, person.person) == [reason]


def own_name(circle: Circle) -> None:
    """In Mia's name, by a key that is not hers."""
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(mia, Pay(((noa.account, 10),)), device="a thief's")
    forge(circle, order, paid(mia, noa, 10))


def helper(circle: Circle) -> None:
    """By somebody who says that Mia let them."""
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(noa, Pay(((noa.account, 10),)), account=mia.account, mandate=(3,))
    forge(circle, order, paid(mia, noa, 10, "mandate"))


def helper_of_somebody_else(circle: Circle) -> None:
    """By somebody whom Mia let, and not this one."""
    mia, noa, oli = circle["mia"], circle["noa"], circle["oli"]
    until = circle.now + DAY
    granted = circle.do(mia, Mandate(oli.person, ("pay",), 100, DAY, until)).number
    order = circle.sign(noa, Pay(((noa.account, 10),)), account=mia.account, mandate=(granted,))
    forge(circle, order, paid(mia, noa, 10, "mandate"))


def officer(circle: Circle) -> None:
    """By a coordinator, without any paper."""
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(circle["ann"], Pay(((noa.account, 10),)), account=mia.account)
    forge(circle, order, paid(mia, noa, 10, "officer"))


def promise(circle: Circle) -> None:
    """By the payee of a promise that was never made."""
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(noa, Settle(4, noa.account, 10))
    moves = (Move(mia.account, -10), Move(noa.account, 10))
    forge(circle, order, Decision("settle", "policy", moves, exempt=True))


def elsewhere(circle: Circle) -> None:
    """Released by an order on another account, and taken from Mia."""
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(noa, Release(4))
    moves = (Move(mia.account, -10), Move(noa.account, 10))
    forge(circle, order, Decision("release", "member", moves, exempt=True))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (own_name, "none of your devices ordered it"),
        (helper, "there was no such mandate"),
        (helper_of_somebody_else, "there was no such mandate"),
        (officer, "nobody who may ordered it"),
        (promise, "nothing was set aside for it"),
        (elsewhere, "it was ordered on another account"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_nobody_ordered_who_may_is_found(make: Callable[[Circle], None], reason: str) -> None:
    """Though every hash and signature is in order, as a dishonest node would have them."""
    circle = town()
    make(circle)
    mia = circle["mia"]
    assert unproved(circle, mia.account, mia.person) == [reason]
