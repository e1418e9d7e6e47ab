"""Entries that no rule allowed, forged with every hash, number and head in order.

What is stored is consistent throughout, as a dishonest node would leave it: only the rules, the
signatures and the order of things can show it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest

from ledger import codec
from ledger.append import append
from ledger.charter import encode_rules
from ledger.decide import Decision, Move
from ledger.orders import (
    COMMUNITY,
    TREASURY,
    Amend,
    Appoint,
    Assign,
    Enrol,
    Freeze,
    Hold,
    Limits,
    Pay,
    Payout,
    Release,
    Reverse,
    Sell,
    Settle,
    parse,
    sign_order,
)
from ledger.state import EndHold, MarkReversed, MarkSlip, PutDevice, PutHold, PutOffice, PutRules
from node.check import CheckResult, check_log
from tests.check_history import Edge, create, forge, store
from tests.circle import DAY, HOUR, MINUTE, REASON, Circle, Person, key, salt, seed, town

Forgery = Callable[[Circle], None]
"""Appends what is wrong as the circle's next entry, and perhaps right ones before it."""


@dataclass(frozen=True, slots=True)
class Case:
    """``reason`` is what has to be said of the last entry that ``make`` appends."""

    make: Forgery
    reason: str


def paid(payer: Person, payee: Person, amount: int, authority: str = "member") -> Decision:
    """What a payment comes to, whatever the limits say."""
    moves = (Move(payer.account, -amount), Move(payee.account, amount))
    return Decision("pay", authority, moves, exempt=True)


def over_the_limit(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(mia, Pay(((noa.account, 1201),)))
    forge(circle, order, paid(mia, noa, 1201))


def over_the_ceiling(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(circle["ann"], Sell(4_801, "cash"), account=noa.account)
    moves = (Move(TREASURY, -4_801), Move(noa.account, 4_801))
    forge(circle, order, Decision("sell", "officer", moves, exempt=True))
    circle.do(noa, Pay(((mia.account, 1),)))


def minted(circle: Circle) -> None:
    ann = circle["ann"]
    order = circle.sign(ann, Payout(((ann.account, 500),)), account=COMMUNITY)
    forge(circle, order, Decision("payout", "officer", (Move(ann.account, 500),)))


def more_than_ordered(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    forge(circle, circle.sign(mia, Pay(((noa.account, 10),))), paid(mia, noa, 100))


def to_somebody_else(circle: Circle) -> None:
    mia, noa, oli = circle["mia"], circle["noa"], circle["oli"]
    forge(circle, circle.sign(mia, Pay(((noa.account, 10),))), paid(mia, oli, 10))


def not_the_holder(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(noa, Pay(((noa.account, 10),)), account=mia.account)
    forge(circle, order, paid(mia, noa, 10))


def another_authority(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(mia, Pay(((noa.account, 10),)))
    forge(circle, order, paid(mia, noa, 10, "officer"))


def forged_signature(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(mia, Pay(((noa.account, 10),))).order
    forge(circle, sign_order(order, seed("noa")), paid(mia, noa, 10))


def forged_cosignature(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(mia, Pay(((noa.account, 10),)))
    pair = (key("ben"), order.signature)
    wire = codec.encode((order.body, order.signature, (pair,)))
    forge(circle, parse(wire), paid(mia, noa, 10))


def frozen_device(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    circle.do(circle["ann"], Freeze(key("mia")), account=0)
    forge(circle, circle.sign(mia, Pay(((noa.account, 10),))), paid(mia, noa, 10))


def device_over_its_cap(circle: Circle) -> None:
    noa, mia = circle["noa"], circle["mia"]
    enrol = Enrol(noa.person, circle.enrolment("noa's new one"), "device", 1)
    circle.do(circle["ann"], enrol, account=0)
    order = circle.sign(noa, Pay(((mia.account, 501),)), device="noa's new one")
    forge(circle, order, paid(noa, mia, 501))


def ordered_twice(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(mia, Pay(((noa.account, 10),)))
    circle.submit(order)
    circle.now += HOUR
    forge(circle, order, paid(mia, noa, 10))


def expired(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(mia, Pay(((noa.account, 10),)))
    circle.now += DAY
    forge(circle, order, paid(mia, noa, 10))


def for_another_circle(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(mia, Pay(((noa.account, 10),)), circle=bytes(32))
    forge(circle, order, paid(mia, noa, 10))


def back_in_time(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    circle.now -= 1
    forge(circle, circle.sign(mia, Pay(((noa.account, 10),))), paid(mia, noa, 10))


def doubled_number(circle: Circle) -> None:
    """Two postings of one account with one number: the book was doubled."""
    mia, noa = circle["mia"], circle["noa"]
    row = circle.state.accounts[mia.account]
    before = (row.balance, row.seq, row.last)
    circle.do(mia, Pay(((noa.account, 10),)))
    row.balance, row.seq, row.last = before
    forge(circle, circle.sign(mia, Pay(((noa.account, 20),))), paid(mia, noa, 20))


def reversed_twice(circle: Circle) -> None:
    mia, noa, ann = circle["mia"], circle["noa"], circle["ann"]
    number = circle.do(mia, Pay(((noa.account, 10),))).number
    circle.do(ann, Reverse(number), account=0)
    order = circle.sign(ann, Reverse(number), account=0)
    moves = (Move(mia.account, 10), Move(noa.account, -10))
    changes = (MarkReversed(number),)
    forge(circle, order, Decision("reverse", "officer", moves, changes, exempt=True))


def slip_entered_twice(circle: Circle) -> None:
    ann, dot, mia = circle["ann"], circle["dot"], circle["mia"]
    fields: dict[str, Any] = {"account": dot.account, "text": REASON, "slip": (("market", "1"),)}
    circle.do(ann, Pay(((mia.account, 10),)), **fields)
    order = circle.sign(ann, Pay(((mia.account, 10),)), **fields)
    changes = (MarkSlip("market", "1"),)
    forge(circle, order, paid(dot, mia, 10, "officer")._replace(changes=changes))


def without_the_committee(circle: Circle) -> None:
    ann, mia = circle["ann"], circle["mia"]
    order = circle.sign(ann, Appoint(mia.person, "coordinator"), account=0)
    put = (PutOffice(mia.person, "coordinator"),)
    public = codec.encode((mia.person, "coordinator"))
    forge(circle, order, Decision("appoint", "officer", (), put, public=public))


def public_lie(circle: Circle) -> None:
    ann, mia, noa = circle["ann"], circle["mia"], circle["noa"]
    order = circle.sign(ann, Appoint(mia.person, "auditor"), account=0, cosigners=("ben",))
    put = (PutOffice(mia.person, "auditor"),)
    public = codec.encode((noa.person, "auditor"))
    forge(circle, order, Decision("appoint", "officer", (), put, public=public))


def unit_like_a_figure(circle: Circle) -> None:
    rules = circle.rules._replace(unit_plural=b"000")
    act = Amend(encode_rules(rules))
    order = circle.sign(circle["ann"], act, account=0, cosigners=("ben",))
    moves = (Move(TREASURY, 0), Move(COMMUNITY, 0))
    put = (PutRules(rules, act.rules),)
    forge(circle, order, Decision("amend", "officer", moves, put, public=act.rules))


def wider_than_the_charter(circle: Circle) -> None:
    mia = circle["mia"]
    order = circle.sign(circle["ann"], Limits(-10_001, 1), account=mia.account)
    forge(circle, order, Decision("limits", "officer", (Move(mia.account, 0),)))


def claim_too_soon(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    hold = Hold((noa.account,), 50, circle.now + DAY, (MINUTE,))
    number = circle.do(mia, hold).number
    order = circle.sign(noa, Settle(number, noa.account, 50))
    moves = (Move(mia.account, -50, -50), Move(noa.account, 50))
    forge(circle, order, Decision("settle", "policy", moves, (EndHold(number),), exempt=True))


def _assigned(circle: Circle, signer: str, assign: Assign, *, hold: int, payee: int | None) -> None:
    """Forge that a promise of mia's is for ``payee`` from now on, at the order of ``signer``."""
    made, side = circle.state.holds[hold], circle[signer].account
    other = made.payee or (*assign.payee, 0)[0]
    order = circle.sign(circle[signer], assign, account=side)
    changed = replace(made, payee=payee, claim_window=None, claimed=None)
    moves = (Move(made.account, 0), Move(other, 0))
    forge(circle, order, Decision("assign", "member", moves, (PutHold(changed),)))


def given_to_another(circle: Circle) -> None:
    """The payer turns to another helper, though the first has not handed it back."""
    noa, oli = circle["noa"].account, circle["oli"].account
    number = circle.do(circle["mia"], Hold((noa,), 50, circle.now + DAY)).number
    _assigned(circle, "mia", Assign(number, (oli,)), hold=number, payee=oli)


def taken_from_the_helper(circle: Circle) -> None:
    noa = circle["noa"].account
    number = circle.do(circle["mia"], Hold((noa,), 50, circle.now + DAY)).number
    _assigned(circle, "mia", Assign(number, ()), hold=number, payee=None)


def taken_by_oneself(circle: Circle) -> None:
    """Somebody names themselves as whom it is for."""
    noa = circle["noa"].account
    number = circle.do(circle["mia"], Hold((), 50, circle.now + DAY)).number
    _assigned(circle, "noa", Assign(number, (noa,)), hold=number, payee=noa)


def freed_too_soon(circle: Circle) -> None:
    """While somebody is named, the payer waits."""
    mia, noa = circle["mia"], circle["noa"]
    number = circle.do(mia, Hold((), 50, circle.now + DAY)).number
    circle.do(mia, Assign(number, (noa.account,)))
    order = circle.sign(mia, Release(number))
    moves = (Move(mia.account, 0, -50),)
    forge(circle, order, Decision("release", "member", moves, (EndHold(number),)))


def device_nobody_ordered(circle: Circle) -> None:
    """An enrolment for mia, by a key that a stranger gave themselves."""
    mia = circle["mia"]
    enrol = Enrol(mia.person, circle.enrolment("thief"), "device", 1)
    order = circle.sign(mia, enrol, account=0, device="thief")
    old = circle.state.devices[key("mia")]
    stranger = type(old)(key("thief"), mia.person, "device", "x")
    moves = (Move(mia.account, 0),)
    forge(circle, order, Decision("enrol", "member", moves, (PutDevice(stranger),)))


def state_of_other_accounts(circle: Circle) -> None:
    public = codec.encode((len(circle.state.accounts), bytes(32)))
    decision = Decision("state", "circle", (), public=public)
    entry = append(circle.state, decision, b"", (), salt("state"), circle.now)
    circle.entries.append(entry)


def second_charter(circle: Circle) -> None:
    public = parse_public(circle)
    decision = Decision("charter", "circle", (), public=public)
    entry = append(circle.state, decision, b"", (), salt("charter"), circle.now)
    circle.entries.append(entry)


def parse_public(circle: Circle) -> bytes:
    """The charter, as leaf 0 has it."""
    public: bytes = codec.unpack(circle.entries[0].leaf, 8192, "leaf")[3]
    return public


def nonsense_as_order(circle: Circle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    order = circle.sign(mia, Pay(((noa.account, 10),)))
    header, act = order.order
    body = codec.encode((*header, *act, 1))
    wire = codec.encode((body, order.signature, ()))
    entry = append(circle.state, paid(mia, noa, 10), wire, (), salt("nonsense"), circle.now)
    circle.entries.append(entry)


FORGERIES = (
    Case(over_the_limit, "account 104 goes to -1001, below its floor of -1000"),
    Case(minted, "it has 1 postings where its order makes 2"),
    Case(more_than_ordered, "has delta -100, which should be -10"),
    Case(to_somebody_else, "a posting of account 105 has account 106, which should be 105"),
    Case(not_the_holder, "person 105 does not hold account 104"),
    Case(another_authority, "its authority is officer and should be member"),
    Case(forged_signature, "is forged"),
    Case(forged_cosignature, "is forged"),
    Case(frozen_device, "its device was frozen"),
    Case(device_over_its_cap, "devices in their first week moved 501 with it"),
    Case(ordered_twice, "belongs to an earlier order"),
    Case(expired, "was accepted at"),
    Case(for_another_circle, "its order was given to another circle"),
    Case(back_in_time, "is before"),
    Case(doubled_number, "has seq 2, which should be 3"),
    Case(reversed_twice, "which was reversed before"),
    Case(slip_entered_twice, "slip 1 (market) was entered before"),
    Case(without_the_committee, "1 of the committee signed it, and 2 have to"),
    Case(public_lie, "its public part is not what its order makes public"),
    Case(unit_like_a_figure, "a unit that could be read as part of a figure"),
    Case(wider_than_the_charter, "more than the charter allows one member"),
    Case(claim_too_soon, "has no claim to it"),
    Case(given_to_another, "it names account 106 where account 105 is named"),
    Case(taken_from_the_helper, "the payer takes back the name of whom it is for"),
    Case(taken_by_oneself, "account 105 is on neither side of what is set aside"),
    Case(freed_too_soon, "the payer takes back before"),
    Case(device_nobody_ordered, "its device was not enrolled"),
    Case(state_of_other_accounts, "its public part is not what its order makes public"),
    Case(second_charter, "a charter stands where only leaf 0 may have one"),
    Case(nonsense_as_order, "14 fields where 13 belong"),
)


async def check(dsn: str, schema: str, circle: Circle) -> CheckResult:
    """Store the circle, in tables whose own rules are off, and check it."""
    connection = await asyncpg.connect(dsn)
    try:
        await create(connection, schema, circle)
        for table, constraint in (
            ("postings", "postings_pkey"),
            ("slips", "slips_pkey"),
            ("reversals", "reversals_pkey"),
            ("accounts", "within_limits"),
        ):
            await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        await store(connection, circle, Edge())
        return await check_log(connection)
    finally:
        await connection.close()


@pytest.mark.parametrize("case", FORGERIES, ids=lambda case: case.make.__name__)
async def test_a_consistent_forgery_is_noticed_at_its_entry(postgres_dsn: str, case: Case) -> None:
    circle = town()
    case.make(circle)
    result = await check(postgres_dsn, f"forged_{case.make.__name__}", circle)
    assert [problem.entry for problem in result.problems] == [circle.state.size - 1]
    assert case.reason in result.problems[0].reason


async def test_the_first_forgery_is_named_whatever_follows(postgres_dsn: str) -> None:
    circle = town()
    over_the_ceiling(circle)
    result = await check(postgres_dsn, "forged_first", circle)
    assert [problem.entry for problem in result.problems] == [circle.state.size - 2]
    assert "account 105 goes to 5001, above its ceiling of 5000" in result.problems[0].reason
    assert result.entries == circle.state.size - 2
