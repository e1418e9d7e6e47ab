"""Orders about people, devices and offices with several faults at once: the first in the documented
order is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.charter import encode_rules
from ledger.orders import (
    COMMUNITY,
    LIFETIME_MS_MAX,
    OFFICES,
    ORDER_KINDS,
    TREASURY,
    Amend,
    Appoint,
    Assist,
    Close,
    Dismiss,
    Enrol,
    Freeze,
    Hold,
    Holder,
    Invite,
    Limits,
    Mandate,
    Open,
    Pay,
    Payout,
    Release,
    Revoke,
    Thaw,
    Uninvite,
    Unmandate,
    Veto,
)
from tests.circle import DAY, HOUR, Circle, Person, key, town
from tests.ledger import test_precedence_between, test_precedence_money
from tests.ledger.attempt import Attempt, Steps, check_steps

NOBODY = 999


def invite(c: Circle) -> Steps:
    terms = Invite(key("mia"), -10_001, 10, 11, "coordinator", c.now)
    a = Attempt(c["mia"], terms)
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "cosignatures-missing"
    a.cosigners = ("ben",)
    yield a, "order-inconsistent"
    a.act = terms._replace(until=c.now + DAY)
    yield a, "order-inconsistent"
    a.act = terms._replace(until=c.now + DAY, starter=10)
    yield a, "key-taken"
    a.act = Invite(key("code"), -10_001, 10, 10, "coordinator", c.now + DAY)
    yield a, "limit-too-wide"
    a.act = Invite(key("code"), -10_000, 10, 10, "coordinator", c.now + DAY)
    yield a, "ok"


def uninvite(c: Circle) -> Steps:
    c.do(c["ann"], Invite(key("code"), 0, 0, 0, "", c.now + DAY))
    a = Attempt(c["mia"], Uninvite(key("another")))
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "order-inconsistent"
    a.act = Uninvite(key("code"))
    yield a, "ok"


def join(c: Circle) -> Steps:
    c.do(c["ann"], Invite(key("code"), -9_000, 10_000, 6_000, "", c.now + DAY))
    rules = c.rules._replace(credit_limit_max=8_000)
    c.do(c["ann"], Amend(encode_rules(rules)), cosigners=("ben",))
    known = Person("mia", 0, 0, "mia")
    taken = {"expires": c.now, "nonce": 10_000}
    c.do(c["mia"], Pay(((c["noa"].account, 1),)), nonce=10_000)
    a = Attempt(known, c.join("mia", "no code"), header=taken)
    yield a, "invitation-unusable"
    a.act = c.join("mia", "code")
    yield a, "order-expired"
    a.header["expires"] = c.now + LIFETIME_MS_MAX + 1
    yield a, "expiry-too-far"
    a.header["expires"] = c.now + LIFETIME_MS_MAX
    yield a, "nonce-conflict"
    del a.header["nonce"]
    yield a, "order-inconsistent"
    a.handle = "noa"
    yield a, "key-taken"
    a.signer, a.act = Person("pat", 0, 0, "pat"), c.join("pat", "code")
    yield a, "handle-taken"
    a.handle = "pat"
    yield a, "limit-too-wide"
    c.do(c["ann"], Amend(encode_rules(c.rules)), cosigners=("ben",))
    yield a, "credit-limit"
    c.do(c["ann"], Payout(((COMMUNITY, 6_000),)), account=TREASURY)
    yield a, "ok"


def open_for_somebody_new(c: Circle) -> Steps:
    terms = Open((), -10_001, 10_000, 10_001, 0, ())
    a = Attempt(c["mia"], terms, header={"text": ()})
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "not-authorised"
    del a.header["text"]
    yield a, "order-inconsistent"
    a.handle = "noa"
    yield a, "order-inconsistent"
    a.act = terms._replace(enrolment=(c.enrolment("mia"),))
    yield a, "order-inconsistent"
    a.act = terms._replace(enrolment=(c.enrolment("mia"),), starter=10_000)
    yield a, "key-taken"
    terms = terms._replace(enrolment=(c.enrolment("pat"),), starter=10_000)
    a.act = terms
    yield a, "handle-taken"
    a.handle = "pat"
    yield a, "limit-too-wide"
    a.act = terms._replace(floor=-10_000)
    yield a, "credit-limit"
    a.act = terms._replace(floor=-10_000, starter=200)
    yield a, "ok"


def open_for_somebody_here(c: Circle) -> Steps:
    terms = Open((c["ben"].person,), -10_001, 10, 11, 0, (c.enrolment("tablet"),))
    a = Attempt(c["mia"], terms, handle="ben")
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "cosignatures-missing"
    a.cosigners, a.act = ("ben",), terms._replace(holder=(NOBODY,))
    yield a, "person-unknown"
    a.act = terms
    yield a, "order-inconsistent"
    a.act = terms._replace(enrolment=())
    yield a, "order-inconsistent"
    a.handle = ""
    yield a, "order-inconsistent"
    a.act = Open((c["ben"].person,), -10_001, 10, 10, 0, ())
    yield a, "limit-too-wide"
    a.act = Open((c["ben"].person,), -10_000, 10, 10, 0, ())
    yield a, "ok"


def close(c: Circle) -> Steps:
    mia, noa = c["mia"].account, c["noa"].account
    c.do(c["mia"], Pay(((noa, 700),)))
    held = c.do(c["mia"], Hold((noa,), 500, c.now)).number
    c.do(c["ann"], Payout(((TREASURY, 3_200),)), account=COMMUNITY)
    a = Attempt(c["mia"], Close(), account=NOBODY)
    yield a, "account-unknown"
    a.account = mia
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "cosignatures-missing"
    a.cosigners, a.account = ("ben",), TREASURY
    yield a, "order-inconsistent"
    a.account = mia
    yield a, "account-busy"
    c.do(c["mia"], Release(held))
    yield a, "ok"


def limits(c: Circle) -> Steps:
    a = Attempt(c["mia"], Limits(-10_001, 9), account=NOBODY)
    yield a, "account-unknown"
    a.account = c["ben"].account
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "cosignatures-missing"
    a.cosigners, a.account = ("ben",), TREASURY
    yield a, "order-inconsistent"
    a.account = c["ben"].account
    yield a, "limit-too-wide"
    a.act = Limits(-10_000, 9)
    yield a, "ok"


def holder(c: Circle) -> Steps:
    ann, mia = c["ann"], c["mia"]
    a = Attempt(mia, Holder(ann.person, 1), account=NOBODY)
    yield a, "account-unknown"
    a.account = TREASURY
    yield a, "not-authorised"
    a.signer = ann
    yield a, "cosignatures-missing"
    a.cosigners, a.act = ("mia",), Holder(NOBODY, 1)
    yield a, "person-unknown"
    a.act = Holder(mia.person, 1)
    yield a, "order-inconsistent"
    a.account = mia.account
    yield a, "order-inconsistent"
    a.act = Holder(c["noa"].person, 1)
    yield a, "ok"


def assist(c: Circle) -> Steps:
    a = Attempt(c["mia"], Assist(1), account=NOBODY)
    yield a, "account-unknown"
    a.account = TREASURY
    yield a, "not-authorised"
    a.signer, a.account = c["ann"], c["mia"].account
    yield a, "not-authorised"
    a.cosigners, a.account = ("mia",), TREASURY
    yield a, "order-inconsistent"
    a.account = c["mia"].account
    yield a, "ok"


def enrol(c: Circle) -> Steps:
    ben = c["ben"].person
    for number in range(15):
        c.do(c["ben"], Enrol(ben, c.enrolment(f"{number}"), "device", 1))
    a = Attempt(c["mia"], Enrol(ben, c.enrolment("mia"), "device", 1))
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "cosignatures-missing"
    a.cosigners, a.act = ("paper",), Enrol(NOBODY, c.enrolment("mia"), "device", 1)
    yield a, "person-unknown"
    a.act = Enrol(ben, c.enrolment("mia"), "device", 1)
    yield a, "order-inconsistent"
    c.do(c["ben"], Revoke(key("3")))
    yield a, "key-taken"
    a.act = Enrol(ben, c.enrolment("tablet"), "device", 1)
    yield a, "ok"


def revoke(c: Circle) -> Steps:
    yield from _act_on_device(c, Revoke(key("nobody's")), Revoke(key("ben")))


def freeze(c: Circle) -> Steps:
    yield from _act_on_device(c, Freeze(key("nobody's")), Freeze(key("ben")))


def thaw(c: Circle) -> Steps:
    c.do(c["ben"], Freeze(key("ben")))
    yield from _act_on_device(c, Thaw(key("mia")), Thaw(key("ben")))


def _act_on_device(c: Circle, wrong: Revoke | Freeze | Thaw, act: Revoke | Freeze | Thaw) -> Steps:
    a = Attempt(c["mia"], wrong)
    yield a, "device-not-found"
    a.act = act
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "cosignatures-missing"
    a.cosigners = ("paper",)
    yield a, "ok"


def veto(c: Circle) -> Steps:
    c.do(c["ann"], Enrol(c["mia"].person, c.enrolment("a"), "device", 1))
    c.do(c["ann"], Enrol(c["mia"].person, c.enrolment("b"), "device", 0))
    a = Attempt(c["noa"], Veto(key("a")))
    yield a, "device-not-found"
    a.act = Veto(key("b"))
    yield a, "not-authorised"
    a.signer = c["mia"]
    yield a, "ok"


def mandate(c: Circle) -> Steps:
    terms = Mandate(NOBODY, ("pay", "pay"), 5, DAY, c.now)
    a = Attempt(c["noa"], terms, account=NOBODY)
    yield a, "account-unknown"
    a.account = c["mia"].account
    yield a, "not-authorised"
    a.signer = c["mia"]
    yield a, "person-unknown"
    terms = terms._replace(person=c["noa"].person)
    a.act = terms
    yield a, "order-inconsistent"
    a.act = terms._replace(until=c.now + HOUR)
    yield a, "order-inconsistent"
    a.act = terms._replace(until=c.now + HOUR, scope=("pay",))
    yield a, "ok"


def unmandate(c: Circle) -> Steps:
    terms = Mandate(c["noa"].person, ("pay",), 5, DAY, c.now + DAY)
    number = c.do(c["mia"], terms).number
    a = Attempt(c["oli"], Unmandate(0))
    yield a, "mandate-unusable"
    a.act = Unmandate(number)
    yield a, "not-authorised"
    a.signer = c["noa"]
    yield a, "ok"


def appoint(c: Circle) -> Steps:
    a = Attempt(c["mia"], Appoint(NOBODY, "auditor"))
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "cosignatures-missing"
    a.cosigners = ("ben",)
    yield a, "person-unknown"
    a.act = Appoint(c["ada"].person, "auditor")
    yield a, "order-inconsistent"
    a.act = Appoint(c["mia"].person, "auditor")
    yield a, "ok"


def dismiss(c: Circle) -> Steps:
    a = Attempt(c["mia"], Dismiss(c["mia"].person, "auditor"))
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "cosignatures-missing"
    a.cosigners = ("ben",)
    yield a, "order-inconsistent"
    a.act = Dismiss(c["ben"].person, "coordinator")
    yield a, "ok"


def amend(c: Circle) -> Steps:
    a = Attempt(c["mia"], Amend(encode_rules(c.rules._replace(threshold=4))))
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "cosignatures-missing"
    a.cosigners = ("paper",)
    yield a, "order-inconsistent"
    a.act = Amend(encode_rules(c.rules._replace(threshold=3)))
    yield a, "ok"


CHAINS = [
    *(
        invite,
        uninvite,
        join,
        open_for_somebody_new,
        open_for_somebody_here,
        close,
        limits,
        holder,
        assist,
    ),
    *(enrol, revoke, freeze, thaw, veto, mandate, unmandate, appoint, dismiss, amend),
]


@pytest.mark.parametrize("steps", CHAINS, ids=lambda steps: str(steps.__name__))
def test_of_several_faults_the_first_in_the_documented_order_is_named(
    steps: Callable[[Circle], Steps],
) -> None:
    circle = town()
    check_steps(circle, steps(circle))


def test_every_kind_of_order_has_its_precedence_tested() -> None:
    modules = (test_precedence_money, test_precedence_between)
    names = {name for module in modules for name in vars(module)}
    tested = names | {steps.__name__ for steps in CHAINS}
    renamed = {"pay": "pay_by_a_holder", "open": "open_for_somebody_new", "object": "objection"}
    assert [kind for kind in ORDER_KINDS if renamed.get(kind, kind) not in tested] == []


@pytest.mark.parametrize("office", OFFICES)
def test_the_paper_key_is_nobody_who_holds_an_office_or_an_account(office: str) -> None:
    c = town()
    both = ("ben", "mia")
    for act in (
        Appoint(1, office),
        Holder(1, 1),
        Enrol(1, c.enrolment("copy"), "device", 1),
        Open((1,), 0, 0, 0, 0, ()),
    ):
        account = c["mia"].account if isinstance(act, Holder) else 0
        assert c.try_(c["ann"], act, account=account, cosigners=both) == "person-unknown"
    mandate = Mandate(1, ("pay",), 1, 1, c.now + DAY)
    assert c.try_(c["mia"], mandate) == "person-unknown"
