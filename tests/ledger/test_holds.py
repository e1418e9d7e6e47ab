"""Tokens set aside: who may settle, release, claim and object, and when."""

from __future__ import annotations

import pytest

from ledger.orders import (
    COMMUNITY,
    SUSPENSE,
    Act,
    Assign,
    Claim,
    Close,
    Hold,
    Limits,
    Mandate,
    Object,
    Pay,
    Release,
    Settle,
)
from tests.circle import DAY, HOUR, REASON, Circle, town


def set_aside(c: Circle, payee: str = "noa", amount: int = 500, **terms: object) -> int:
    """The number of a hold by mia, open to a claim within an hour and over after a day."""
    fields = {"until": c.now + DAY, "claim_window": (HOUR,) if payee else ()} | terms
    named = (c[payee].account,) if payee else ()
    return c.do(c["mia"], Hold(named, amount, **fields)).number  # type: ignore[arg-type]


def test_a_hold_reserves_and_posts_nothing() -> None:
    c = town()
    number = set_aside(c)
    mia = c.state.accounts[c["mia"].account]
    assert (mia.balance, mia.held, mia.available) == (200, 500, -300)
    assert [p.delta for p in c.entries[number].postings] == [0]
    c.do(c["mia"], Settle(number, c["noa"].account, 400))
    assert (mia.balance, mia.held, c.balance(c["noa"])) == (-200, 0, 600)
    assert number not in c.state.holds


@pytest.mark.parametrize(
    ("situation", "payee", "amount", "terms", "code"),
    [
        ("for a named payee", "noa", 500, {}, "ok"),
        ("for nobody yet", "", 500, {}, "ok"),
        ("all that there is", "noa", 1_200, {}, "ok"),
        ("more than there is", "noa", 1_201, {}, "credit-limit"),
        ("for oneself", "mia", 500, {}, "order-inconsistent"),
        ("claimable by nobody", "", 5, {"claim_window": (HOUR,)}, "order-inconsistent"),
        ("between circles", "noa", 5, {"evidence": (bytes(32),)}, "order-inconsistent"),
    ],
)
def test_setting_aside(
    situation: str, payee: str, amount: int, terms: dict[str, object], code: str
) -> None:
    c = town()
    named = (c[payee].account,) if payee else ()
    act = Hold(named, amount, c.now)._replace(**terms)  # type: ignore[arg-type]
    assert c.try_(c["mia"], act) == code, situation


@pytest.mark.parametrize("payee", [SUSPENSE, 999])
def test_nothing_is_set_aside_for_or_settled_to_the_suspense_account_or_nobody(payee: int) -> None:
    c = town()
    expected = "order-inconsistent" if payee == SUSPENSE else "account-unknown"
    assert c.try_(c["mia"], Hold((payee,), 5, c.now)) == expected
    number = set_aside(c, "")
    assert c.try_(c["mia"], Settle(number, payee, 5)) == expected


SETTLING = [
    # situation, payee named, coordinator's say, signer, account, to whom, amount, code
    ("the payer", "noa", 0, "mia", "mia", "noa", 500, "ok"),
    ("the payer, in part", "noa", 0, "mia", "mia", "noa", 1, "ok"),
    ("the payer, too much", "noa", 0, "mia", "mia", "noa", 501, "hold-locked"),
    ("the payer, to another", "noa", 0, "mia", "mia", "oli", 500, "hold-locked"),
    ("the payer, to whom they like", "", 0, "mia", "mia", "oli", 500, "ok"),
    ("the payer, to the community", "", 0, "mia", "mia", "community", 500, "ok"),
    ("the payer, to themselves", "", 0, "mia", "mia", "mia", 500, "order-inconsistent"),
    ("the payee, who claimed nothing", "noa", 0, "noa", "noa", "noa", 500, "hold-locked"),
    ("the payee, in the payer's name", "noa", 0, "noa", "mia", "noa", 500, "not-authorised"),
    ("a stranger", "noa", 0, "oli", "oli", "noa", 500, "hold-unknown"),
    ("a stranger, of a hold for nobody", "", 0, "oli", "oli", "oli", 500, "hold-unknown"),
    ("a coordinator without a say", "noa", 0, "ann", "mia", "noa", 500, "hold-locked"),
    ("a coordinator with a say", "noa", 1, "ann", "mia", "noa", 500, "ok"),
    ("a coordinator on the payee's side", "noa", 1, "ann", "noa", "noa", 500, "ok"),
    ("a coordinator, naming the payee", "", 1, "ann", "mia", "oli", 500, "ok"),
    ("a coordinator, to themselves", "", 1, "ann", "mia", "ann", 500, "not-authorised"),
    ("a coordinator who is the payee", "ann", 1, "ann", "mia", "ann", 500, "not-authorised"),
    ("an auditor", "noa", 1, "ada", "mia", "noa", 500, "not-authorised"),
]


@pytest.mark.parametrize(
    ("situation", "payee", "say", "signer", "account", "to", "amount", "code"), SETTLING
)
def test_settling(
    situation: str,
    payee: str,
    say: int,
    signer: str,
    account: str,
    to: str,
    amount: int,
    code: str,
) -> None:
    c = town()
    number = set_aside(c, payee, coordinator=say)
    act = Settle(number, COMMUNITY if to == "community" else c[to].account, amount)
    outcome = c.try_(c[signer], act, account=c[account].account, text=REASON)
    assert outcome == code, situation


RELEASING = [
    # situation, coordinator's say, signer, account, at, code
    ("the payer, too early", 0, "mia", "mia", DAY - 1, "hold-locked"),
    ("the payer, in time", 0, "mia", "mia", DAY, "ok"),
    ("the payee, at any time", 0, "noa", "noa", 0, "ok"),
    ("a stranger", 0, "oli", "oli", DAY, "hold-unknown"),
    ("a stranger in the payer's name", 0, "oli", "mia", DAY, "not-authorised"),
    ("a coordinator without a say", 0, "ann", "mia", DAY, "hold-locked"),
    ("a coordinator with a say", 1, "ann", "mia", 0, "ok"),
    ("a coordinator on the payee's side", 1, "ann", "noa", 0, "ok"),
]


@pytest.mark.parametrize(("situation", "say", "signer", "account", "at", "code"), RELEASING)
def test_releasing(situation: str, say: int, signer: str, account: str, at: int, code: str) -> None:
    c = town()
    number = set_aside(c, coordinator=say)
    c.now += at
    outcome = c.try_(c[signer], Release(number), account=c[account].account, text=REASON)
    assert outcome == code, situation
    if code == "ok":
        assert c.state.accounts[c["mia"].account].held == 0


def test_a_claim_is_good_after_its_window_and_not_before() -> None:
    c = town()
    number = set_aside(c)
    c.do(c["noa"], Claim(number, 400))
    act = Settle(number, c["noa"].account, 400)
    c.now += HOUR - 1
    assert c.try_(c["noa"], act) == "hold-locked"
    c.now += 1
    assert c.try_(c["noa"], act._replace(amount=399)) == "hold-locked"
    settled = c.do(c["noa"], act)
    assert settled.authority == "policy"
    assert c.balance(c["noa"]) == 600


def test_an_objection_within_the_window_ends_a_claim() -> None:
    c = town()
    number = set_aside(c)
    c.do(c["noa"], Claim(number, 400))
    c.now += HOUR - 1
    c.do(c["mia"], Object(number))
    c.now += 1
    assert c.try_(c["noa"], Settle(number, c["noa"].account, 400)) == "hold-locked"
    assert c.try_(c["mia"], Object(number)) == "hold-locked"
    c.do(c["noa"], Claim(number, 300))
    c.now += DAY
    c.do(c["noa"], Settle(number, c["noa"].account, 300))


def test_a_claim_is_good_in_the_moment_in_which_it_is_too_late_to_object() -> None:
    c = town()
    number = set_aside(c)
    c.do(c["noa"], Claim(number, 400))
    c.now += HOUR
    assert c.try_(c["mia"], Object(number)) == "hold-locked"
    assert c.try_(c["noa"], Settle(number, c["noa"].account, 400)) == "ok"


def test_claims_and_objections_leave_a_posting_on_both_sides() -> None:
    c = town()
    number = set_aside(c)
    both = {c["mia"].account, c["noa"].account}
    for name, act in (("noa", Claim(number, 400)), ("mia", Object(number))):
        assert {posting.account for posting in c.do(c[name], act).postings} == both


def test_a_claim_that_nobody_objected_to_in_time_is_not_taken_away() -> None:
    """Neither by a late objection, nor by taking the hold back, nor by settling it for less."""
    c = town()
    number = set_aside(c)
    c.do(c["noa"], Claim(number, 400))
    c.now += DAY
    payee = c["noa"].account
    for act in (Object(number), Release(number), Settle(number, payee, 399)):
        assert c.try_(c["mia"], act) == "hold-locked"
    assert c.try_(c["mia"], Settle(number, payee, 400)) == "ok"


def test_a_claim_that_stands_is_objected_to_before_the_payer_settles_for_less() -> None:
    c = town()
    number = set_aside(c)
    c.do(c["noa"], Claim(number, 400))
    assert c.try_(c["mia"], Settle(number, c["noa"].account, 1)) == "hold-locked"
    c.do(c["mia"], Object(number))
    c.do(c["mia"], Settle(number, c["noa"].account, 1))


@pytest.mark.parametrize(
    ("situation", "code"),
    [
        ("by the payee", "ok"),
        ("of more than is set aside", "hold-locked"),
        ("by the payer", "hold-locked"),
        ("twice", "hold-locked"),
        ("without a window", "hold-locked"),
        ("of a hold for nobody", "hold-unknown"),
        ("by a stranger", "hold-unknown"),
        ("by a coordinator", "not-authorised"),
    ],
)
def test_claiming(situation: str, code: str) -> None:
    c = town()
    match situation:
        case "without a window":
            number = set_aside(c, claim_window=())
        case "of a hold for nobody":
            number = set_aside(c, "")
        case _:
            number = set_aside(c, coordinator=1)
    signer = {"by the payer": "mia", "by a stranger": "oli", "by a coordinator": "ann"}
    name = signer.get(situation, "noa")
    if situation == "twice":
        c.do(c["noa"], Claim(number, 500))
    amount = 501 if "more" in situation else 500
    account = c["noa" if name == "ann" else name].account
    assert c.try_(c[name], Claim(number, amount), account=account, text=REASON) == code


@pytest.mark.parametrize("name", ["noa", "oli", "ann"])
def test_nobody_but_the_payer_objects(name: str) -> None:
    c = town()
    number = set_aside(c, coordinator=1)
    c.do(c["noa"], Claim(number, 500))
    code = {"noa": "hold-locked", "oli": "hold-unknown", "ann": "not-authorised"}[name]
    account = c["mia" if name == "ann" else name].account
    assert c.try_(c[name], Object(number), account=account, text=REASON) == code


def test_a_coordinator_with_a_say_decides_also_over_a_claim() -> None:
    c = town()
    number = set_aside(c, coordinator=1)
    c.do(c["noa"], Claim(number, 400))
    act = Settle(number, c["noa"].account, 200)
    settled = c.do(c["ann"], act, account=c["mia"].account, text=REASON)
    assert settled.authority == "officer"


def test_a_coordinator_does_not_release_what_their_own_account_set_aside() -> None:
    """As payer they wait like anybody; their office does not shorten it."""
    c = town()
    act = Hold((c["noa"].account,), 100, c.now + DAY, coordinator=1)
    number = c.do(c["ann"], act).number
    assert c.try_(c["ann"], Release(number), text=REASON) == "hold-locked"
    noa = c["noa"].account
    assert c.try_(c["ann"], Release(number), account=noa, text=REASON) == "not-authorised"
    assert c.try_(c["ben"], Release(number), account=noa, text=REASON) == "ok"


def test_a_settle_succeeds_whatever_the_limits_say() -> None:
    """The payer's floor was looked at when the tokens were set aside; the payee's ceiling never."""
    c = town()
    number = set_aside(c, amount=1_200)
    c.do(c["oli"], Pay(((c["noa"].account, 1_000),)))
    c.state.accounts[c["noa"].account].ceiling = 0
    c.do(c["mia"], Settle(number, c["noa"].account, 1_200))
    assert c.balance(c["mia"]) == -1_000


def test_who_is_above_their_ceiling_can_still_set_aside() -> None:
    """That takes nothing in; only what comes in is measured against the ceiling."""
    c = town()
    c.do(c["ann"], Limits(-1_000, 100), account=c["mia"].account)
    assert c.try_(c["mia"], Hold((), 50, c.now)) == "ok"


def test_a_hold_is_resolved_once() -> None:
    c = town()
    number = set_aside(c)
    act = Settle(number, c["noa"].account, 1)
    c.do(c["mia"], act)
    assert [c.try_(c["mia"], again) for again in (act, Release(number))] == ["hold-unknown"] * 2
    assert c.try_(c["noa"], Claim(number, 1)) == "hold-unknown"


def test_what_is_set_aside_between_two_is_unknown_to_the_others() -> None:
    """A stranger gets the same answer for a hold and for none, in any account's name."""
    c = town()
    number = set_aside(c)
    accounts = [c[name].account for name in ("mia", "noa", "oli")]
    for account in accounts:
        answers = {
            c.try_(c["oli"], act, account=account)
            for index in (number, 0)
            for act in (
                Settle(index, 1, 10**9),
                Release(index),
                Claim(index, 10**9),
                Object(index),
                Assign(index, ()),
            )
        }
        assert len(answers) == 1, account


@pytest.mark.parametrize("name", ["mia", "noa"])
def test_an_account_with_something_set_aside_is_not_closed(name: str) -> None:
    c = town()
    number = set_aside(c)
    assert c.try_(c["ann"], Close(), account=c[name].account) == "account-busy"
    c.do(c["noa"], Release(number))
    c.do(c["ann"], Close(), account=c[name].account)


@pytest.mark.parametrize(
    ("scope", "act", "code"),
    [
        (("settle",), "settle", "ok"),
        (("pay", "hold"), "settle", "mandate-unusable"),
        (("release",), "release", "ok"),
        (("settle",), "release", "mandate-unusable"),
        (("object",), "object", "ok"),
        (("claim",), "object", "mandate-unusable"),
    ],
)
def test_a_mandate_resolves_what_its_scope_names(
    scope: tuple[str, ...], act: str, code: str
) -> None:
    c = town()
    number = set_aside(c)
    terms = Mandate(c["oli"].person, scope, 500, DAY, c.now + 2 * DAY)
    granted = c.do(c["mia"], terms).number
    if act == "object":
        c.do(c["noa"], Claim(number, 5))
    elif act == "release":
        c.now += DAY
    acts: dict[str, Act] = {
        "settle": Settle(number, c["noa"].account, 500),
        "release": Release(number),
        "object": Object(number),
    }
    outcome = c.try_(c["oli"], acts[act], account=c["mia"].account, mandate=(granted,))
    assert outcome == code
