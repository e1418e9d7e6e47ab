"""Joining, opening, closing, limits and holders."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.append import Entry
from ledger.charter import encode_rules
from ledger.codec import AMOUNT_MAX
from ledger.decide.members import HOLDINGS_MAX
from ledger.errors import LimitTooWide
from ledger.orders import (
    COMMUNITY,
    SUSPENSE,
    TREASURY,
    Act,
    Amend,
    Close,
    Enrol,
    Freeze,
    Holder,
    Invite,
    Join,
    Limits,
    Mandate,
    Open,
    Pay,
    Payout,
    Uninvite,
)
from tests.circle import DAY, Circle, Person, key, town

NEWCOMER = Person("pat", 0, 0, "pat")


def invite(c: Circle, code: str = "code", **terms: Any) -> Join:
    """An invitation by ann, and pat's joining with it."""
    usual = Invite(key(code), -1_000, 5_000, 200, "", c.now + DAY)
    c.do(c["ann"], usual._replace(**terms), cosigners=("ben",))
    return c.join("pat", code)


def opening(c: Circle, name: str = "pat", **terms: Any) -> Open:
    usual = Open((), -1_000, 5_000, 200, 0, (c.enrolment(name),))
    return usual._replace(**terms)


def test_who_joins_gets_what_the_invitation_promised() -> None:
    c = town()
    act = invite(c, office="auditor")
    entry = c.do(NEWCOMER, act, "pat")
    assert (entry.kind, entry.authority) == ("open", "officer")
    person, number = c.state.next_person - 1, c.state.next_account - 1
    account = c.state.accounts[number]
    assert (account.balance, account.floor, account.ceiling) == (200, -1_000, 5_000)
    assert account.holders == {person}
    assert (person, "auditor") in c.state.offices
    pat = Person("pat", person, number, "pat")
    assert c.try_(pat, Pay(((c["mia"].account, 1_200),))) == "ok"


@pytest.mark.parametrize(
    ("situation", "code"),
    [
        ("after its time", "invitation-unusable"),
        ("used before", "invitation-unusable"),
        ("never given", "invitation-unusable"),
        ("with a name that is taken", "handle-taken"),
        ("without a name", "order-inconsistent"),
        ("with a device that is here already", "key-taken"),
        ("beyond what the charter came to allow", "limit-too-wide"),
        ("when the community has nothing left to give", "credit-limit"),
    ],
)
def test_an_invitation_that_cannot_be_used(situation: str, code: str) -> None:
    c = town()
    act = invite(c)
    signer, handle = NEWCOMER, "pat"
    match situation:
        case "after its time":
            c.now += DAY
        case "used before":
            c.do(Person("sue", 0, 0, "sue"), c.join("sue", "code"), "sue")
        case "never given":
            act = c.join("pat", "a guess")
        case "with a name that is taken":
            handle = "mia"
        case "without a name":
            handle = ""
        case "with a device that is here already":
            signer, act = Person("mia", 0, 0, "mia"), c.join("mia", "code")
        case "beyond what the charter came to allow":
            rules = c.rules._replace(credit_total_max=7_000)
            c.do(c["ann"], Amend(encode_rules(rules)), cosigners=("ben",))
        case _:
            c.do(c["ann"], Payout(((TREASURY, 3_500),)), account=COMMUNITY)
    assert c.try_(signer, act, handle) == code


def test_an_invitation_is_taken_back_while_nobody_has_used_it() -> None:
    c = town()
    act = invite(c)
    assert c.try_(c["mia"], Uninvite(key("code"))) == "not-authorised"
    c.do(c["ben"], Uninvite(key("code")))
    assert c.try_(NEWCOMER, act, "pat") == "invitation-unusable"
    assert c.try_(c["ben"], Uninvite(key("code"))) == "order-inconsistent"
    c.do(NEWCOMER, invite(c), "pat")
    assert c.try_(c["ann"], Uninvite(key("code"))) == "order-inconsistent"


def test_an_invitation_is_not_used_up_by_a_refused_joining() -> None:
    c = town()
    act = invite(c)
    assert c.try_(NEWCOMER, act, "mia") == "handle-taken"
    assert c.try_(NEWCOMER, act, "pat") == "ok"


@pytest.mark.parametrize(
    ("situation", "terms", "handle", "code"),
    [
        ("somebody new", {}, "pat", "ok"),
        ("somebody without a device", {"deviceless": 1, "enrolment": ()}, "pat", "ok"),
        ("somebody with neither", {"enrolment": ()}, "pat", "order-inconsistent"),
        ("somebody without a name", {}, "", "order-inconsistent"),
        ("somebody of the same name", {}, "mia", "handle-taken"),
        ("starting above the ceiling", {"starter": 5_001}, "pat", "order-inconsistent"),
        ("starting at the ceiling", {"ceiling": 200}, "pat", "ok"),
        ("with the widest limit", {"floor": -10_000}, "pat", "ok"),
        ("with a wider limit", {"floor": -10_001}, "pat", "limit-too-wide"),
        ("with more than the community has", {"starter": 3_601}, "pat", "credit-limit"),
        ("with all that the community has", {"starter": 3_600}, "pat", "ok"),
    ],
)
def test_opening(situation: str, terms: dict[str, Any], handle: str, code: str) -> None:
    c = town()
    assert c.try_(c["ann"], opening(c, **terms), handle) == code, situation
    if code == "ok":
        account = c.state.accounts[c.state.next_account - 1]
        assert account.lowest <= account.available
        assert account.balance <= account.highest


def test_starter_credit_above_the_ceiling_is_promised_by_no_invitation_and_no_charter() -> None:
    c = town()
    terms = Invite(key("code"), 0, 199, 200, "", c.now + DAY)
    assert c.try_(c["ann"], terms) == "order-inconsistent"


def test_a_further_account_is_opened_for_somebody_here() -> None:
    c = town()
    mia = c["mia"]
    entry = c.do(c["ann"], opening(c, holder=(mia.person,), enrolment=(), floor=-500))
    number = entry.postings[-1].account
    assert c.state.accounts[number].holders == {mia.person}
    assert c.try_(mia, Pay(((c["noa"].account, 700),)), account=number) == "ok"


def test_a_further_account_brings_no_device() -> None:
    c = town()
    act = opening(c, holder=(c["mia"].person,), starter=0)
    assert c.try_(c["ann"], act) == "order-inconsistent"


def test_an_account_has_at_most_sixty_four_holders() -> None:
    c = town()
    people = [c.open(c["ann"], f"{number}", floor=0, starter=0) for number in range(HOLDINGS_MAX)]
    *most, last = (Holder(person.person, 1) for person in people)
    for act in most:
        c.do(c["ann"], act, account=c["dot"].account, cosigners=("0",) if act != most[0] else ())
    held: dict[str, Any] = {"account": c["dot"].account, "cosigners": ("0",)}
    assert c.try_(c["ann"], last, **held) == "order-inconsistent"


def test_a_person_holds_at_most_sixty_four_accounts() -> None:
    """Each key event leaves a posting on all of them."""
    c = town()
    act = opening(c, holder=(c["mia"].person,), enrolment=(), floor=0, starter=0)
    for _ in range(HOLDINGS_MAX - 1):
        c.do(c["ann"], act)
    assert c.try_(c["ann"], act) == "order-inconsistent"
    more = Holder(c["mia"].person, 1)
    noa = c["noa"].account
    assert c.try_(c["ann"], more, account=noa, cosigners=("noa",)) == "order-inconsistent"
    c.do(c["ann"], Close(), account=c.state.next_account - 1)
    assert c.try_(c["ann"], act) == "ok"


def test_the_charter_bounds_each_limit_and_all_of_them_together() -> None:
    c = town(credit_total_max=10_000)
    assert c.state.granted == 7_000
    mia, noa = c["mia"].account, c["noa"].account
    assert c.try_(c["ann"], Limits(-10_001, 0), account=mia) == "limit-too-wide"
    refused = c.submit(c.sign(c["ann"], Limits(-4_001, 0), account=mia))
    assert isinstance(refused, LimitTooWide)
    assert (refused.asked, refused.allowed) == (10_001, 10_000)
    c.do(c["ann"], Limits(-4_000, 5_000), account=mia)
    assert c.state.granted == 10_000
    assert c.try_(c["ann"], opening(c, floor=-1), "pat") == "limit-too-wide"
    assert c.try_(c["ann"], Limits(-1_001, 0), account=noa) == "limit-too-wide"
    c.do(c["ann"], Limits(-3_999, 5_000), account=mia)
    c.do(c["ann"], Limits(-1_001, 5_000), account=noa)
    c.do(c["ann"], Close(), account=noa)
    assert c.state.granted == 8_999
    c.do(c["ann"], opening(c, floor=-1_001), "pat")
    assert c.state.granted == 10_000


def test_a_limit_that_is_narrowed_is_within_any_charter() -> None:
    """Also when the charter has since become stricter than the limit."""
    c = town()
    rules = c.rules._replace(credit_limit_max=100, credit_total_max=0, floor=0)
    c.do(c["ann"], Amend(encode_rules(rules)), cosigners=("ben",))
    mia = c["mia"].account
    assert c.try_(c["ann"], Limits(-999, 5_000), account=mia) == "ok"
    assert c.try_(c["ann"], Limits(-1_000, 5_000), account=mia) == "limit-too-wide"


@pytest.mark.parametrize(("paid", "left"), [(-100, 300), (0, 200), (700, -500)])
def test_what_a_leaver_has_or_owes_goes_to_the_community(paid: int, left: int) -> None:
    c = town()
    if paid > 0:
        c.do(c["mia"], Pay(((c["noa"].account, paid),)))
    elif paid < 0:
        c.do(c["noa"], Pay(((c["mia"].account, -paid),)))
    before = c.state.accounts[COMMUNITY].balance
    c.do(c["ann"], Close(), account=c["mia"].account)
    account = c.state.accounts[c["mia"].account]
    assert (account.balance, account.closed) == (0, True)
    assert c.state.accounts[COMMUNITY].balance == before + left


def test_a_closed_account_takes_part_in_nothing() -> None:
    c = town()
    c.do(c["ann"], Close(), account=c["mia"].account)
    closed = c["mia"].account
    attempts: list[tuple[str, Act]] = [
        ("mia", Pay(((c["noa"].account, 1),))),
        ("ann", Close()),
        ("ann", Limits(0, 0)),
        ("ann", Holder(c["noa"].person, 1)),
    ]
    for signer, act in attempts:
        assert c.try_(c[signer], act, account=closed) == "account-closed"
    assert c.try_(c["noa"], Pay(((closed, 1),))) == "account-closed"


@pytest.mark.parametrize("number", [TREASURY, COMMUNITY, SUSPENSE])
def test_the_circles_own_accounts_are_nobodys_to_close_or_change(number: int) -> None:
    c = town()
    for act in (Close(), Limits(0, 0), Holder(c["mia"].person, 1)):
        assert c.try_(c["ann"], act, account=number) == "order-inconsistent"


def test_a_coordinator_alone_is_not_rid_of_a_debt_by_closing() -> None:
    """Nor does each debt that is left to the community make room for the next one without end."""
    c = town()
    c.do(c["ann"], Pay(((c["mia"].account, 300),)))
    assert c.try_(c["ann"], Close(), account=c["ann"].account) == "cosignatures-missing"
    c.do(c["ben"], Close(), account=c["ann"].account)
    drained = c.state.accounts[COMMUNITY].available - c.rules.community_floor
    c.do(c["ben"], Payout(((TREASURY, drained),)), account=COMMUNITY)
    c.do(c["noa"], Pay(((c["mia"].account, 201),)))
    assert c.try_(c["ben"], Close(), account=c["noa"].account) == "cosignatures-missing"
    held = {"account": c["noa"].account, "cosigners": ("paper",)}
    assert c.try_(c["ben"], Close(), **held) == "ok"  # type: ignore[arg-type]


def test_closing_is_a_coordinators_to_decide_when_the_community_can_bear_it() -> None:
    c = town()
    c.do(c["ann"], Pay(((c["mia"].account, 200),)))
    c.do(c["ann"], Close(), account=c["ann"].account)
    c.do(c["noa"], Pay(((c["mia"].account, 300),)))
    room = c.state.accounts[COMMUNITY].available - c.rules.community_floor
    c.do(c["ben"], Payout(((TREASURY, room - 100),)), account=COMMUNITY)
    assert c.try_(c["ben"], Close(), account=c["noa"].account) == "ok"
    assert c.state.accounts[COMMUNITY].available == c.rules.community_floor


def test_closing_ends_the_accounts_own_mandates_only() -> None:
    c = town()
    terms = Mandate(c["oli"].person, ("pay",), 5, DAY, c.now + DAY)
    kept = c.do(c["mia"], terms).number
    c.do(c["noa"], terms)
    c.do(c["ann"], Close(), account=c["noa"].account)
    assert set(c.state.mandates) == {kept}


def test_limits_that_stay_as_they_are_are_nothing_weighty() -> None:
    c = town()
    same = Limits(c.rules.floor, c.rules.ceiling)
    assert c.try_(c["ann"], same, account=c["ben"].account) == "ok"


def test_no_closing_brings_the_community_to_more_than_can_be_counted() -> None:
    c = town(treasury_floor=-AMOUNT_MAX)
    for name in ("ann", "ben", "oli"):
        c.do(c[name], Pay(((COMMUNITY, 1_200),)))
    room = AMOUNT_MAX - c.state.accounts[COMMUNITY].balance
    c.do(c["ann"], Payout(((COMMUNITY, room - 199),)), account=TREASURY)
    assert c.try_(c["ann"], Close(), account=c["mia"].account) == "ceiling"
    c.do(c["mia"], Pay(((c["noa"].account, 1),)))
    assert c.try_(c["ann"], Close(), account=c["mia"].account) == "ok"


def test_holders_of_a_joint_account_act_each_for_it() -> None:
    c = town()
    mia, noa = c["mia"], c["noa"]
    c.do(c["ann"], Holder(noa.person, 1), account=mia.account, cosigners=("mia",))
    act = Pay(((c["oli"].account, 1),))
    assert c.try_(noa, act, account=mia.account) == "ok"
    assert c.try_(mia, act) == "ok"
    assert [a.number for a in c.state.held_by(noa.person)] == [mia.account, noa.account]
    c.do(c["ann"], Holder(mia.person, 0), account=mia.account)
    assert c.try_(mia, act) == "not-authorised"
    assert c.try_(noa, act, account=mia.account) == "ok"
    last = Holder(noa.person, 0)
    assert c.try_(c["ann"], last, account=mia.account) == "order-inconsistent"


@pytest.mark.parametrize(
    ("situation", "cosigners", "code"),
    [
        ("by a coordinator alone", (), "not-authorised"),
        ("by two coordinators", ("ben",), "not-authorised"),
        ("with the holder", ("mia",), "ok"),
        ("of an account whose holder has no device", (), "ok"),
        ("of an account whose holder lost it", (), "ok"),
        ("the coordinator themselves, with the holder", ("mia",), "cosignatures-missing"),
        ("the coordinator, with holder and committee", ("ben", "mia"), "ok"),
    ],
)
def test_a_holder_is_added_with_a_holders_consent(
    situation: str, cosigners: tuple[str, ...], code: str
) -> None:
    """Or a coordinator could make themselves, or a ghost, a holder of anybody's account."""
    c = town()
    if "lost" in situation:
        c.do(c["ann"], Freeze(key("mia")))
    account = c["dot" if "no device" in situation else "mia"].account
    person = c["ann" if "the coordinator" in situation else "noa"].person
    act = Holder(person, 1)
    assert c.try_(c["ann"], act, account=account, cosigners=cosigners) == code


def test_a_holder_who_is_there_is_not_added_and_one_who_is_not_is_not_removed() -> None:
    c = town()
    mia = c["mia"]
    again = c.try_(c["ann"], Holder(mia.person, 1), account=mia.account, cosigners=("mia",))
    assert again == "order-inconsistent"
    act = Holder(c["noa"].person, 0)
    assert c.try_(c["ann"], act, account=mia.account) == "order-inconsistent"


def test_new_people_and_accounts_are_numbered_without_gaps() -> None:
    c = town()
    before = c.state.next_person, c.state.next_account
    assert c.try_(c["ann"], opening(c), "mia") == "handle-taken"
    assert (c.state.next_person, c.state.next_account) == before
    c.do(c["ann"], opening(c), "pat")
    assert (c.state.next_person, c.state.next_account) == (before[0] + 1, before[1] + 1)


def test_a_further_account_takes_no_second_name() -> None:
    c = town()
    act = opening(c, holder=(c["mia"].person,), enrolment=(), starter=0)
    assert c.try_(c["ann"], act, "mia2") == "order-inconsistent"
    entry = c.submit(c.sign(c["ann"], act))
    assert isinstance(entry, Entry)


def test_an_opened_account_and_its_device_are_of_one_new_person() -> None:
    c = town()
    c.do(c["ann"], opening(c), "pat")
    device = c.state.devices[key("pat")]
    assert device.person == c.state.next_person - 1
    assert device.capped_until == 0
    own = Enrol(device.person, c.enrolment("tablet"), "device", 1)
    pat = Person("pat", device.person, c.state.next_account - 1, "pat")
    assert c.try_(pat, own) == "ok"
