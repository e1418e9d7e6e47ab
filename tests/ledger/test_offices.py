"""The committee: who is in it, what takes how many of it, and that it can always act."""

from __future__ import annotations

import pytest

from ledger.charter import encode_rules
from ledger.orders import (
    COMMUNITY,
    TREASURY,
    Act,
    Amend,
    Appoint,
    Dismiss,
    Enrol,
    Freeze,
    Invite,
    Limits,
    Open,
    Pay,
    Sell,
)
from tests.circle import DAY, PAPER, Circle, Person, key, town


@pytest.mark.parametrize(
    ("signer", "cosigners", "code"),
    [
        ("ann", (), "cosignatures-missing"),
        ("ann", ("ann",), "cosignatures-missing"),
        ("ann", ("ben",), "ok"),
        ("ann", ("paper",), "ok"),
        ("paper", ("ben",), "ok"),
        ("paper", (), "cosignatures-missing"),
        ("paper", ("paper",), "cosignatures-missing"),
        ("ann", ("ada", "mia"), "cosignatures-missing"),
        ("ada", ("ann", "ben"), "not-authorised"),
        ("mia", ("ann", "ben"), "not-authorised"),
        ("ann", ("ben", "stranger"), "not-authorised"),
    ],
)
def test_weighty_acts_take_two_of_the_committee_here(
    signer: str, cosigners: tuple[str, ...], code: str
) -> None:
    """The committee are the coordinators and the paper key, each counted once."""
    c = town()
    ben = c["ben"].person
    c.do(c["ben"], Enrol(ben, c.enrolment("ben's tablet"), "device", 1))
    by = PAPER if signer == "paper" else c[signer]
    acts: list[Act] = [
        Appoint(c["mia"].person, "auditor"),
        Dismiss(c["mia"].person, "auditor"),
        Amend(encode_rules(c.rules)),
        Invite(key("code"), 0, 0, 0, "auditor", c.now + DAY),
    ]
    for act in acts:
        assert c.try_(by, act, cosigners=cosigners, account=0) == code
    two = c.try_(c["ben"], acts[0], cosigners=("ben's tablet",))
    assert two == "cosignatures-missing"


def test_every_act_of_an_officer_has_a_reason() -> None:
    c = town()
    for act in (Sell(1, "cash"), Limits(-1, 1), Appoint(c["mia"].person, "auditor")):
        held = {"account": c["mia"].account, "cosigners": ("ben",)}
        assert c.try_(c["ann"], act, text=(), **held) == "not-authorised"  # type: ignore[arg-type]


def test_while_the_committee_is_small_it_takes_all_of_it() -> None:
    """Or a circle that wants two signatures could not appoint its first coordinator."""
    c = Circle()
    assert c.state.rules.threshold == 2
    invite = Invite(key("code"), 0, 0, 0, "coordinator", c.now + DAY)
    c.do(PAPER, invite, account=0)
    c.do(Person("ann", 0, 0, "ann"), c.join("ann", "code"), "ann")
    ann = Person("ann", 101, 101, "ann")
    again = invite._replace(key=key("code 2"))
    assert c.try_(ann, again, account=0) == "cosignatures-missing"
    assert c.try_(PAPER, again, account=0) == "cosignatures-missing"
    assert c.try_(ann, again, account=0, cosigners=("paper",)) == "ok"


def test_a_circle_outlives_its_coordinators() -> None:
    """The paper key appoints new ones when one signature is enough."""
    c = town(threshold=1)
    for name in ("ann", "ben"):
        c.do(c[name], Freeze(key(name)))
    c.do(PAPER, Appoint(c["mia"].person, "coordinator"))
    c.do(c["mia"], Sell(1, "cash"), account=c["noa"].account)
    c.do(PAPER, Dismiss(c["ann"].person, "coordinator"))
    assert c.try_(PAPER, Sell(1, "cash"), account=c["noa"].account) == "not-authorised"


def test_enough_of_the_committee_remain_to_act() -> None:
    c = town()
    c.do(c["ann"], Dismiss(c["ben"].person, "coordinator"), cosigners=("ben",))
    act = Dismiss(c["ann"].person, "coordinator")
    assert c.try_(c["ann"], act, cosigners=("paper",)) == "order-inconsistent"
    assert c.try_(c["ann"], Dismiss(c["ada"].person, "auditor"), cosigners=("paper",)) == "ok"
    wider = Amend(encode_rules(c.rules._replace(threshold=3)))
    assert c.try_(c["ann"], wider, cosigners=("paper",)) == "order-inconsistent"


def test_an_office_that_is_taken_away_ends_at_once() -> None:
    c = town()
    signed = c.sign(c["ben"], Sell(1, "cash"), account=c["mia"].account)
    c.do(c["ann"], Dismiss(c["ben"].person, "coordinator"), cosigners=("ben",))
    refused = c.submit(signed)
    assert getattr(refused, "code", None) == "not-authorised"


def test_offices_and_rules_stand_in_public_on_the_leaf() -> None:
    c = town()
    for act in (Appoint(c["mia"].person, "auditor"), Amend(encode_rules(c.rules))):
        entry = c.do(c["ann"], act, cosigners=("ben",))
        assert entry.leaf.count(act.rules if isinstance(act, Amend) else b"auditor") == 1
    joined = c.entries[2]
    assert (joined.kind, joined.leaf.count(b"coordinator")) == ("open", 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [("address", "elsewhere.example"), ("unit_kind", "minutes"), ("unit_scale", 3)],
)
def test_what_amounts_mean_and_where_the_circle_lives_is_never_amended(
    field: str, value: object
) -> None:
    c = town()
    rules = c.rules._replace(**{field: value})  # type: ignore[arg-type]
    if field == "unit_kind":
        rules = rules._replace(unit_scale=0)
    act = Amend(encode_rules(rules))
    assert c.try_(c["ann"], act, cosigners=("ben",)) == "order-inconsistent"


@pytest.mark.parametrize("name", [b"1", b"2nd hour", b"-", b"x  y", "cafe\u0301".encode()])
def test_a_unit_is_not_renamed_to_what_reads_as_a_figure(name: bytes) -> None:
    """Or no client could show an amount of the circle any more."""
    c = town()
    for rules in (c.rules._replace(unit_name=name), c.rules._replace(unit_plural=name)):
        act = Amend(encode_rules(rules))
        assert c.try_(c["ann"], act, cosigners=("ben",)) == "order-inconsistent"
    act = Amend(encode_rules(c.rules._replace(unit_name=b"hour", unit_plural=b"hours")))
    assert c.try_(c["ann"], act, cosigners=("ben",)) == "ok"


def test_an_amended_floor_holds_for_what_comes_after() -> None:
    """It is a lowered limit: the fund may stay outside, and moves no further."""
    c = town()
    c.do(c["ann"], Sell(1_000, "cash"), account=c["mia"].account)
    rules = c.rules._replace(treasury_floor=-500, community_floor=-10_000, assisted_cap=0)
    c.do(c["ann"], Amend(encode_rules(rules)), cosigners=("ben",))
    treasury = c.state.accounts[TREASURY]
    assert (treasury.floor, treasury.lowest, treasury.balance) == (-500, -1_000, -1_000)
    assert c.try_(c["ann"], Sell(1, "cash"), account=c["mia"].account) == "credit-limit"
    c.do(c["mia"], Pay(((TREASURY, 600),)))
    assert treasury.lowest == -500
    assert c.state.accounts[COMMUNITY].floor == -10_000
    assert c.state.rules.assisted_cap == 0


def test_officers_own_limits_are_raised_by_the_committee_only() -> None:
    c = town()
    for name in ("ann", "ada"):
        officer = c[name]
        for act in (Limits(-1_001, 5_000), Limits(-1_000, 5_001)):
            assert c.try_(c["ben"], act, account=officer.account) == "cosignatures-missing"
            assert c.try_(c["ann"], act, account=officer.account) == "cosignatures-missing"
        assert c.try_(c["ben"], Limits(-999, 4_999), account=officer.account) == "ok"
        further = Open((officer.person,), -1, 5_000, 0, 0, ())
        assert c.try_(c["ben"], further, account=0) == "cosignatures-missing"
        assert c.try_(c["ben"], further._replace(floor=0), account=0) == "ok"
    assert c.try_(c["ann"], Limits(-2_000, 9_000), account=c["mia"].account) == "ok"
