"""Mandates, and paper slips that a coordinator enters for somebody without a device."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.errors import CapExceeded
from ledger.orders import (
    MANDATE_SCOPE,
    Act,
    Assist,
    Claim,
    Close,
    Enrol,
    Hold,
    Holder,
    Invite,
    Mandate,
    Object,
    Open,
    Pay,
    Release,
    Settle,
    Unmandate,
)
from tests.circle import DAY, HOUR, Circle, key, town


def slip(number: int) -> tuple[tuple[str, str], ...]:
    return (("trading day", str(number)),)


def pay(c: Circle, name: str, amount: int) -> Pay:
    return Pay(((c[name].account, amount),))


def grant(c: Circle, **terms: object) -> int:
    """A mandate by mia for oli: to pay and hold at most 300 a day, for ten days."""
    usual = Mandate(c["oli"].person, ("pay", "hold"), 300, DAY, c.now + 10 * DAY)
    return c.do(c["mia"], usual._replace(**terms)).number  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("situation", "signer", "account", "granted", "act", "code"),
    [
        ("within its scope", "oli", "mia", {}, "pay", "ok"),
        ("to themselves", "oli", "mia", {}, "pay to oli", "ok"),
        ("for another act", "oli", "mia", {"scope": ("hold",)}, "pay", "mandate-unusable"),
        ("by somebody else", "noa", "mia", {}, "pay", "mandate-unusable"),
        ("by the account's holder", "mia", "mia", {}, "pay", "mandate-unusable"),
        ("by a coordinator", "ann", "mia", {}, "pay", "mandate-unusable"),
        ("on another account", "oli", "noa", {}, "pay", "mandate-unusable"),
        ("over its cap", "oli", "mia", {"cap": 99}, "pay", "cap"),
        ("at its cap", "oli", "mia", {"cap": 100}, "pay", "ok"),
        ("with a cap of nothing", "oli", "mia", {"cap": 0}, "pay", "cap"),
    ],
)
def test_using_a_mandate(
    situation: str, signer: str, account: str, granted: dict[str, object], act: str, code: str
) -> None:
    c = town()
    number = grant(c, **granted)
    to = "oli" if act == "pay to oli" else "ann"
    outcome = c.try_(c[signer], pay(c, to, 100), account=c[account].account, mandate=(number,))
    assert outcome == code, situation
    if code == "ok":
        assert c.entries[-1].authority == "mandate"


def test_a_mandate_has_no_power_without_being_named() -> None:
    c = town()
    grant(c)
    assert c.try_(c["oli"], pay(c, "noa", 1), account=c["mia"].account) == "not-authorised"


def test_a_mandates_cap_is_for_each_window() -> None:
    c = town()
    number, account = grant(c), c["mia"].account
    for after, amount, code in [
        (0, 200, "ok"),
        (HOUR, 101, "cap"),
        (0, 100, "ok"),
        (DAY - HOUR - 1, 1, "cap"),
        (1, 300, "ok"),
        (0, 1, "cap"),
    ]:
        c.now += after
        assert c.try_(c["oli"], pay(c, "noa", amount), account=account, mandate=(number,)) == code


def test_a_refusal_for_a_cap_says_what_is_left_of_it() -> None:
    c = town()
    number, account = grant(c), c["mia"].account
    c.do(c["oli"], pay(c, "noa", 100), account=account, mandate=(number,))
    signed = c.sign(c["oli"], pay(c, "noa", 201), account=account, mandate=(number,))
    refused = c.submit(signed)
    assert isinstance(refused, CapExceeded)
    assert (refused.amount, refused.cap) == (201, 200)


def test_a_mandate_or_invitation_is_not_over_before_it_begins() -> None:
    c = town()
    mandate = Mandate(c["oli"].person, ("pay",), 300, DAY, c.now)
    invite = Invite(key("code"), 0, 0, 0, "", c.now)
    for name, act in (("mia", mandate), ("ann", invite)):
        assert c.try_(c[name], act) == "order-inconsistent"
        assert c.try_(c[name], act._replace(until=c.now + 1)) == "ok"


def test_a_mandate_ends_at_its_time_or_when_somebody_ends_it() -> None:
    c = town()
    account = c["mia"].account
    number = grant(c, until=c.now + HOUR)
    c.now += HOUR
    assert c.try_(c["oli"], pay(c, "noa", 1), account=account, mandate=(number,)) == (
        "mandate-unusable"
    )
    for name in ("mia", "oli", "ann"):
        number = grant(c)
        assert c.try_(c["noa"], Unmandate(number)) == "not-authorised"
        c.do(c[name], Unmandate(number))
        assert c.try_(c["oli"], pay(c, "noa", 1), account=account, mandate=(number,)) == (
            "mandate-unusable"
        )
        assert c.try_(c[name], Unmandate(number)) == "mandate-unusable"


def test_a_hold_and_its_settling_use_a_mandates_cap_once() -> None:
    """A carer who booked three hours can also pay for them; somebody else's booking counts."""
    c = town()
    mia, noa = c["mia"], c["noa"].account
    number = grant(c, scope=("hold", "settle"))
    booked = c.do(c["oli"], Hold((), 300, c.now), account=mia.account, mandate=(number,)).number
    hers = c.do(mia, Hold((), 300, c.now)).number
    act = Settle(hers, noa, 300)
    assert c.try_(c["oli"], act, account=mia.account, mandate=(number,)) == "cap"
    act = Settle(booked, noa, 300)
    assert c.try_(c["oli"], act, account=mia.account, mandate=(number,)) == "ok"
    assert c.try_(c["oli"], Hold((), 1, c.now), account=mia.account, mandate=(number,)) == "cap"


def test_a_mandate_is_given_by_a_holder_and_for_no_wider_an_act() -> None:
    c = town()
    terms = Mandate(c["oli"].person, MANDATE_SCOPE, 300, DAY, c.now + DAY)
    for name in ("oli", "ann"):
        assert c.try_(c[name], terms, account=c["mia"].account) == "not-authorised"
    number = c.do(c["mia"], terms).number
    assert number in c.state.mandates


def test_an_account_has_at_most_sixteen_mandates() -> None:
    c = town()
    number = grant(c)
    for _ in range(15):
        grant(c)
    terms = Mandate(c["oli"].person, ("pay",), 300, DAY, c.now + DAY)
    assert c.try_(c["mia"], terms) == "order-inconsistent"
    c.do(c["mia"], Unmandate(number))
    c.do(c["mia"], terms)


@pytest.mark.parametrize("how", ["a holder leaves", "the account closes"])
def test_mandates_end_with_whoever_may_have_given_them(how: str) -> None:
    """A holder who is removed keeps nothing by a mandate that they gave, not even to themselves."""
    c = town()
    mia, noa = c["mia"], c["noa"]
    c.do(c["ann"], Holder(noa.person, 1), account=mia.account, cosigners=("mia",))
    terms = Mandate(noa.person, ("pay",), 300, DAY, c.now + DAY)
    number = c.do(noa, terms, account=mia.account).number
    act = Holder(noa.person, 0) if how == "a holder leaves" else Close()
    c.do(c["ann"], act, account=mia.account)
    assert c.state.mandates == {}
    code = c.try_(noa, pay(c, "oli", 1), account=mia.account, mandate=(number,))
    assert code == ("mandate-unusable" if how == "a holder leaves" else "account-closed")


@pytest.mark.parametrize(
    ("situation", "signer", "account", "to", "amount", "cosigners", "code"),
    [
        ("a coordinator for dot", "ann", "dot", "noa", 300, (), "ok"),
        ("over the cap alone", "ann", "dot", "noa", 301, (), "cap"),
        ("with a second coordinator", "ann", "dot", "noa", 301, ("ben",), "ok"),
        ("cosigned by themselves", "ann", "dot", "noa", 301, ("ann",), "cap"),
        ("cosigned by an auditor", "ann", "dot", "noa", 301, ("ada",), "cap"),
        ("cosigned by a member", "ann", "dot", "noa", 301, ("mia",), "cap"),
        ("cosigned with the paper key", "ann", "dot", "noa", 301, ("paper",), "cap"),
        ("cosigned by a stranger", "ann", "dot", "noa", 1, ("stranger",), "not-authorised"),
        ("beyond dot's limit", "ann", "dot", "noa", 1_201, ("ben",), "credit-limit"),
        ("an auditor", "ada", "dot", "noa", 1, (), "not-authorised"),
        ("a member", "mia", "dot", "noa", 1, (), "not-authorised"),
        ("the holder's own account", "mia", "mia", "noa", 1, (), "not-authorised"),
        ("for somebody with a device", "ann", "mia", "noa", 1, (), "not-authorised"),
        ("to the coordinator", "ann", "dot", "ann", 1, (), "not-authorised"),
        ("to the second coordinator", "ann", "dot", "ben", 301, ("ben",), "cap"),
    ],
)
def test_entering_a_slip(
    situation: str,
    signer: str,
    account: str,
    to: str,
    amount: int,
    cosigners: tuple[str, ...],
    code: str,
) -> None:
    c = town()
    held: dict[str, Any] = {"slip": slip(1), "cosigners": cosigners}
    outcome = c.try_(c[signer], pay(c, to, amount), account=c[account].account, **held)
    assert outcome == code, situation
    if code == "ok":
        assert c.entries[-1].authority == "officer"


def test_a_slip_is_entered_once_whoever_enters_it() -> None:
    c = town()
    dot = c["dot"].account
    c.do(c["ann"], pay(c, "noa", 1), account=dot, slip=slip(1))
    assert c.try_(c["ben"], pay(c, "oli", 2), account=dot, slip=slip(1)) == "slip-repeated"
    c.do(c["ben"], pay(c, "oli", 2), account=dot, slip=(("by phone", "1"),))
    assert c.try_(c["ann"], pay(c, "noa", 301), account=dot, slip=slip(2)) == "cap"
    c.do(c["ann"], pay(c, "noa", 2), account=dot, slip=slip(2))


def test_no_slip_touches_the_coordinators_household() -> None:
    """The household are all who hold an account together with them."""
    c = town()
    ann, dot, noa = c["ann"], c["dot"].account, c["noa"]
    c.do(c["ben"], Open((noa.person,), 0, 5_000, 0, 0, ()), account=0)
    shared = c.state.next_account - 1
    c.do(c["ben"], Holder(ann.person, 1), account=shared, cosigners=("noa",))
    for to in (noa.account, shared, ann.account):
        act = Pay(((to, 1),))
        assert c.try_(ann, act, account=dot, slip=slip(to)) == "not-authorised"
        assert c.try_(c["ben"], act, account=dot, slip=slip(to)) == "ok"


def test_a_slip_can_set_aside_settle_and_release_under_the_same_rules() -> None:
    c = town()
    ann, ben, dot = c["ann"], c["ben"], c["dot"].account

    def enter(act: Act, number: int) -> str:
        return c.try_(ann, act, account=dot, slip=slip(number))

    assert enter(Hold((), 301, c.now), 1) == "cap"
    assert enter(Hold((ann.account,), 1, c.now), 1) == "not-authorised"
    assert enter(Hold((), 300, c.now), 1) == "ok"
    number = c.entries[-1].number
    assert enter(Settle(number, ann.account, 300), 2) == "not-authorised"
    assert enter(Settle(number, c["noa"].account, 300), 1) == "slip-repeated"
    assert enter(Settle(number, c["noa"].account, 300), 2) == "ok"
    big = c.do(ann, Hold((), 600, c.now), account=dot, slip=slip(3), cosigners=("ben",)).number
    assert enter(Settle(big, c["noa"].account, 301), 4) == "cap"
    assert enter(Release(big), 4) == "ok"
    theirs = c.do(ann, Hold((dot,), 100, c.now + DAY)).number
    assert enter(Release(theirs), 5) == "not-authorised"
    assert c.try_(ben, Release(theirs), account=dot, slip=slip(5)) == "ok"


def test_a_slip_claims_and_objects_for_somebody_without_a_device() -> None:
    c = town()
    ann, dot = c["ann"], c["dot"].account
    for_dot = c.do(c["mia"], Hold((dot,), 100, c.now + DAY, (HOUR,))).number
    c.do(ann, Claim(for_dot, 100), account=dot, slip=slip(1))
    c.now += HOUR
    settled = c.do(ann, Settle(for_dot, dot, 100), account=dot, slip=slip(2))
    assert settled.authority == "policy"
    by_dot = Hold((c["mia"].account,), 100, c.now + DAY, (HOUR,))
    number = c.do(ann, by_dot, account=dot, slip=slip(3)).number
    assert c.try_(ann, Release(number), account=dot, slip=slip(4)) == "hold-locked"
    c.do(c["mia"], Claim(number, 100))
    c.do(ann, Object(number), account=dot, slip=slip(5))


def test_a_slip_and_a_mandate_together_are_neither() -> None:
    c = town()
    both: dict[str, Any] = {"slip": slip(1), "mandate": (grant(c),)}
    assert c.try_(c["ann"], pay(c, "noa", 1), account=c["dot"].account, **both) == "not-authorised"


def test_a_coordinators_new_device_enters_no_slips() -> None:
    c = town()
    tablet = Enrol(c["ann"].person, c.enrolment("tablet"), "device", 1)
    c.do(c["ben"], tablet, cosigners=("paper",))
    held: dict[str, Any] = {"account": c["dot"].account, "slip": slip(1), "device": "tablet"}
    assert c.try_(c["ann"], pay(c, "noa", 1), **held) == "not-authorised"
    c.now += 7 * DAY
    assert c.try_(c["ann"], pay(c, "noa", 1), **held) == "ok"


def test_nobody_is_declared_to_have_no_device_while_they_have_one() -> None:
    """Or a coordinator alone could begin to act for anybody."""
    c = town()
    mia = c["mia"].account
    assert c.try_(c["ann"], Assist(1), account=mia) == "not-authorised"
    assert c.try_(c["ann"], Assist(1), account=mia, cosigners=("ben",)) == "not-authorised"
    c.do(c["ann"], Assist(1), account=mia, cosigners=("mia",))
    c.do(c["ann"], pay(c, "noa", 1), account=mia, slip=slip(1))
    c.do(c["ann"], Assist(0), account=mia)
    assert c.try_(c["ann"], pay(c, "noa", 1), account=mia, slip=slip(2)) == "not-authorised"
    c.do(c["ann"], Assist(0), account=c["dot"].account)
    c.do(c["ann"], Assist(1), account=c["dot"].account)
