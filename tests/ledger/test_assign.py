"""A promise that is for nobody yet: who says whom it is for, and who hands it back."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.append import Entry
from ledger.errors import HoldLocked
from ledger.orders import (
    COMMUNITY,
    FIRST_MIRROR,
    SUSPENSE,
    Act,
    Assign,
    Claim,
    Close,
    Enrol,
    Hold,
    Holder,
    Mandate,
    Object,
    Pay,
    Release,
    Settle,
)
from tests.check_links import neighbourhood, way
from tests.circle import DAY, HOUR, REASON, Circle, town

AMOUNT = 500


def promise(c: Circle, say: int = 0, to: str = "") -> int:
    """The number of a hold by mia over a day, for nobody or for ``to``."""
    number = c.do(c["mia"], Hold((), AMOUNT, c.now + DAY, (), say)).number
    if to:
        c.do(c["mia"], Assign(number, (c[to].account,), (HOUR,)))
    return number


def give(c: Circle, number: int, name: str, window: tuple[int, ...] = ()) -> Assign:
    return Assign(number, (c[name].account,), window)


def test_a_promise_for_nobody_is_given_to_a_helper_who_may_then_claim_it() -> None:
    c = town()
    number = promise(c)
    assert c.try_(c["noa"], Claim(number, 400)) == "hold-unknown"
    entry = c.do(c["mia"], give(c, number, "noa", (HOUR,)))
    assert (entry.kind, entry.authority) == ("assign", "member")
    hold = c.state.holds[number]
    assert (hold.payee, hold.claim_window, hold.amount) == (c["noa"].account, HOUR, AMOUNT)
    c.do(c["noa"], Claim(number, 400))
    c.now += HOUR
    c.do(c["noa"], Settle(number, c["noa"].account, 400))
    assert (c.balance(c["mia"]), c.balance(c["noa"])) == (-200, 600)


def test_a_helper_who_cancels_hands_the_promise_back_for_the_next() -> None:
    """With it go their claim and the window that they had."""
    c = town()
    number = promise(c, to="noa")
    before = c.state.holds[number]
    c.do(c["noa"], Claim(number, 400))
    c.do(c["noa"], Assign(number, ()))
    hold = c.state.holds[number]
    assert (hold.payee, hold.claim_window, hold.claimed) == (None, None, None)
    assert (hold.amount, hold.until) == (before.amount, before.until)
    assert c.try_(c["noa"], Claim(number, 400)) == "hold-unknown"
    c.do(c["mia"], give(c, number, "oli"))
    assert c.state.holds[number].payee == c["oli"].account
    assert c.state.holds[number].claim_window is None


def test_both_sides_have_a_posting_of_nothing() -> None:
    c = town()
    number = promise(c)
    mia, noa = c["mia"].account, c["noa"].account
    acts: dict[str, Act] = {"mia": give(c, number, "noa"), "noa": Assign(number, ())}
    for name, act in acts.items():
        told = [(p.account, p.delta, p.held) for p in c.do(c[name], act).postings]
        assert told == [(mia, 0, AMOUNT), (noa, 0, 0)]


NAMING = [
    # situation, coordinator's say, named before, signer, account, whom, code
    ("the payer", 0, "", "mia", "mia", "noa", "ok"),
    ("the payer, where one is named", 0, "noa", "mia", "mia", "oli", "hold-locked"),
    ("the payer, the same one again", 0, "noa", "mia", "mia", "noa", "hold-locked"),
    ("the payer, themselves", 0, "", "mia", "mia", "mia", "order-inconsistent"),
    ("the payee, another", 0, "noa", "noa", "noa", "oli", "hold-locked"),
    ("a stranger, themselves", 0, "", "noa", "noa", "noa", "hold-unknown"),
    ("a stranger, in the payer's name", 0, "", "noa", "mia", "noa", "not-authorised"),
    ("a coordinator without a say", 0, "", "ann", "mia", "noa", "hold-locked"),
    ("a coordinator with a say", 1, "", "ann", "mia", "noa", "ok"),
    ("a coordinator, where one is named", 1, "oli", "ann", "mia", "noa", "hold-locked"),
    ("a coordinator, on the payee's side", 1, "oli", "ann", "oli", "noa", "hold-locked"),
    ("a coordinator, themselves", 1, "", "ann", "mia", "ann", "not-authorised"),
    ("an auditor", 1, "", "ada", "mia", "noa", "not-authorised"),
]


@pytest.mark.parametrize(("situation", "say", "before", "signer", "account", "to", "code"), NAMING)
def test_naming(
    situation: str, say: int, before: str, signer: str, account: str, to: str, code: str
) -> None:
    c = town()
    number = promise(c, say, before)
    act = give(c, number, to)
    outcome = c.try_(c[signer], act, account=c[account].account, text=REASON)
    assert outcome == code, situation
    if code == "ok":
        expected = "officer" if signer == "ann" else "member"
        assert c.entries[-1].authority == expected


HANDING_BACK = [
    # situation, coordinator's say, signer, account, code
    ("the payee", 0, "noa", "noa", "ok"),
    ("the payer", 0, "mia", "mia", "hold-locked"),
    ("a stranger", 0, "oli", "oli", "hold-unknown"),
    ("a stranger in the payee's name", 0, "oli", "noa", "not-authorised"),
    ("a coordinator without a say", 0, "ann", "noa", "hold-locked"),
    ("a coordinator with a say", 1, "ann", "noa", "ok"),
    ("a coordinator on the payer's side", 1, "ann", "mia", "ok"),
    ("an auditor", 1, "ada", "noa", "not-authorised"),
]


@pytest.mark.parametrize("claimed", [False, True])
@pytest.mark.parametrize(("situation", "say", "signer", "account", "code"), HANDING_BACK)
def test_handing_back(
    situation: str, say: int, signer: str, account: str, code: str, claimed: bool
) -> None:
    c = town()
    number = promise(c, say, "noa")
    if claimed:
        c.do(c["noa"], Claim(number, AMOUNT))
    outcome = c.try_(c[signer], Assign(number, ()), account=c[account].account, text=REASON)
    assert outcome == code, situation
    if code == "ok":
        assert c.state.holds[number].claimed is None


def test_a_coordinator_hands_back_nothing_to_their_own_household() -> None:
    """The payer may take it from then on, so it is as if they freed it."""
    c = town()
    number = c.do(c["ann"], Hold((c["noa"].account,), 5, c.now + DAY, coordinator=1)).number
    noa = c["noa"].account
    outcome = c.try_(c["ann"], Assign(number, ()), account=noa, text=REASON)
    assert outcome == "not-authorised"
    assert c.try_(c["ben"], Assign(number, ()), account=noa, text=REASON) == "ok"


def test_what_is_for_nobody_is_not_handed_back() -> None:
    c = town()
    number = promise(c, say=1)
    assert c.try_(c["mia"], Assign(number, ())) == "hold-locked"
    outcome = c.try_(c["ann"], Assign(number, ()), account=c["mia"].account, text=REASON)
    assert outcome == "hold-locked"


def test_a_window_for_nobody_makes_no_sense() -> None:
    c = town()
    number = promise(c, to="noa")
    assert c.try_(c["noa"], Assign(number, (), (HOUR,))) == "order-inconsistent"


@pytest.mark.parametrize(
    ("payee", "code"),
    [
        (COMMUNITY, "order-inconsistent"),
        (SUSPENSE, "order-inconsistent"),
        (FIRST_MIRROR, "account-unknown"),
        (999, "account-unknown"),
    ],
)
def test_a_promise_is_given_to_members_only(payee: int, code: str) -> None:
    """Nobody could hand it back for the circle's own accounts."""
    c = town()
    assert c.try_(c["mia"], Assign(promise(c), (payee,))) == code


def test_a_promise_is_not_given_to_a_closed_account() -> None:
    c = town()
    number = promise(c)
    c.do(c["ann"], Close(), account=c["noa"].account)
    assert c.try_(c["mia"], give(c, number, "noa")) == "account-closed"


def test_an_account_that_a_promise_was_given_to_is_not_closed_before_it_is_handed_back() -> None:
    c = town()
    number = promise(c, to="noa")
    assert c.try_(c["ann"], Close(), account=c["noa"].account) == "account-busy"
    c.do(c["noa"], Assign(number, ()))
    assert c.try_(c["ann"], Close(), account=c["noa"].account) == "ok"


@pytest.mark.parametrize(
    ("name", "act", "reason"),
    [
        ("mia", "give", "hand it back first"),
        ("mia", "hand back", "whom it is for, hands it back"),
        ("nobody", "hand back", "nobody hands it back"),
    ],
)
def test_who_may_not_is_told_why(name: str, act: str, reason: str) -> None:
    c = town()
    number = promise(c, to="" if name == "nobody" else "noa")
    order = give(c, number, "oli") if act == "give" else Assign(number, ())
    outcome = c.submit(c.sign(c["mia"], order))
    assert isinstance(outcome, HoldLocked)
    assert reason in str(outcome)


def test_what_waits_for_another_circle_is_given_to_nobody_here() -> None:
    here = neighbourhood()
    c = here.circle
    number = here.pay(c["mia"], "exeter", 100, 110, way(("exeter", 100)))[0].number
    for act in (give(c, number, "noa"), Assign(number, ())):
        outcome = c.submit(c.sign(c["mia"], act))
        assert isinstance(outcome, HoldLocked)
        assert "the other circle's answer decides it" in str(outcome)


# Taking it back


def test_the_payer_takes_back_at_any_time_what_is_for_nobody() -> None:
    c = town()
    number = promise(c)
    c.do(c["mia"], Release(number))
    assert c.state.accounts[c["mia"].account].held == 0


def test_the_payer_waits_again_as_soon_as_somebody_is_named() -> None:
    c = town()
    number = promise(c, to="noa")
    assert c.try_(c["mia"], Release(number)) == "hold-locked"
    c.do(c["noa"], Assign(number, ()))
    assert c.try_(c["mia"], Release(number)) == "ok"


# By mandate, by slip, and by a new device


@pytest.mark.parametrize(
    ("scope", "code"), [(("assign",), "ok"), (("hold", "settle"), "mandate-unusable")]
)
def test_a_mandate_for_it_counts_nothing(scope: tuple[str, ...], code: str) -> None:
    c = town()
    number = promise(c)
    granted = c.do(c["mia"], Mandate(c["oli"].person, scope, 0, DAY, c.now + DAY)).number
    by_oli: dict[str, Any] = {"account": c["mia"].account, "mandate": (granted,)}
    assert c.try_(c["oli"], give(c, number, "noa"), **by_oli) == code
    if code == "ok":
        assert c.entries[-1].authority == "mandate"
        assert c.state.mandates[granted].used == 0


def test_a_new_device_gives_and_hands_back_whatever_its_cap() -> None:
    c = town()
    large = c.do(c["mia"], Hold((), 600, c.now + DAY)).number
    for name in ("mia", "noa"):
        c.do(c["ann"], Enrol(c[name].person, c.enrolment(f"{name}'s new"), "device", 1))
    pay = Pay(((c["noa"].account, c.rules.device_cap + 1),))
    assert c.try_(c["mia"], pay, device="mia's new") == "cap"
    c.do(c["mia"], give(c, large, "noa"), device="mia's new")
    c.do(c["noa"], Assign(large, ()), device="noa's new")


def test_to_let_somebody_claim_it_counts_once_against_the_cap() -> None:
    """Else a mandate or a new device with a small cap could give all that is set aside away."""
    c = town()
    number = promise(c)
    scope = ("assign", "settle")
    poor, rich = (
        c.do(c["mia"], Mandate(c["oli"].person, scope, cap, DAY, c.now + DAY)).number
        for cap in (AMOUNT - 1, AMOUNT)
    )
    by_oli: dict[str, Any] = {"account": c["mia"].account}
    claimable = give(c, number, "noa", (0,))
    assert c.try_(c["oli"], claimable, **by_oli, mandate=(poor,)) == "cap"
    assert c.try_(c["oli"], claimable, **by_oli, mandate=(rich,)) == "ok"
    assert c.state.mandates[rich].used == AMOUNT
    c.do(c["noa"], Assign(number, ()))
    assert c.try_(c["oli"], claimable, **by_oli, mandate=(rich,)) == "ok", "it was counted"
    pays = Settle(number, c["noa"].account, AMOUNT)
    assert c.try_(c["oli"], pays, **by_oli, mandate=(rich,)) == "ok", "it was counted"
    large = c.do(c["mia"], Hold((), c.rules.device_cap + 1, c.now + DAY)).number
    c.do(c["ann"], Enrol(c["mia"].person, c.enrolment("mia's new"), "device", 1))
    assert c.try_(c["mia"], give(c, large, "noa", (0,)), device="mia's new") == "cap"


def test_a_slip_gives_and_hands_back_but_not_within_the_coordinators_household() -> None:
    c = town()
    ann, ben, dot = c["ann"], c["ben"], c["dot"].account
    number = c.do(ann, Hold((), 100, c.now + DAY), account=dot, slip=(("book", "1"),)).number
    slip: dict[str, Any] = {"account": dot, "slip": (("book", "2"),)}
    assert c.try_(ann, give(c, number, "ann"), **slip) == "not-authorised"
    entry = c.do(ann, give(c, number, "mia"), **slip)
    assert entry.authority == "officer"
    theirs = c.do(ann, Hold((dot,), 100, c.now + DAY)).number
    slip = {"account": dot, "slip": (("book", "3"),)}
    assert c.try_(ann, Assign(theirs, ()), **slip) == "not-authorised"
    assert c.try_(ben, Assign(theirs, ()), **slip) == "ok"


def test_a_coordinator_with_a_say_gives_it_to_nobody_in_their_household() -> None:
    c = town()
    number = promise(c, say=1)
    shared = Holder(c["ann"].person, 1)
    c.do(c["ben"], shared, account=c["noa"].account, cosigners=("noa",))
    act = give(c, number, "noa")
    account = c["mia"].account
    assert c.try_(c["ann"], act, account=account, text=REASON) == "not-authorised"
    assert c.try_(c["ben"], act, account=account, text=REASON) == "ok"


def test_an_objection_ends_a_claim_of_who_was_named_later_as_of_any() -> None:
    c = town()
    number = promise(c, to="noa")
    c.do(c["noa"], Claim(number, AMOUNT))
    c.do(c["mia"], Object(number))
    assert isinstance(c.submit(c.sign(c["noa"], Claim(number, 1))), Entry)
