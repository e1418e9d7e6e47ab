"""The first verdict is final; what is refused leaves no trace; nothing is decided twice."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from ledger import orders
from ledger.append import Entry
from ledger.charter import encode_rules
from ledger.decide import Facts, Prior, decide_order
from ledger.errors import NonceConflict, OrderExpired, Refused
from ledger.orders import (
    LIFETIME_MS_MAX,
    Amend,
    Freeze,
    Invite,
    Levy,
    Pay,
    Sell,
    SignedOrder,
    cosign,
)
from tests.circle import DAY, Circle, Person, key, seed, town


def pay(c: Circle, amount: int, **header: Any) -> SignedOrder:
    return c.sign(c["mia"], Pay(((c["noa"].account, amount),)), **header)


def test_an_accepted_order_sent_again_is_answered_with_its_entry() -> None:
    c = town()
    signed = pay(c, 100)
    first = c.submit(signed)
    assert isinstance(first, Entry)
    for _ in range(3):
        assert c.submit(signed) == Prior(signed.id, first.number, None)
    assert c.balance(c["mia"]) == 100


def test_a_refused_order_stays_refused_when_it_could_be_accepted() -> None:
    c = town()
    signed = pay(c, 1_300)
    first = c.submit(signed)
    assert isinstance(first, Refused)
    c.do(c["ann"], Sell(1_000, "cash"), account=c["mia"].account)
    again = c.submit(signed)
    assert again == Prior(signed.id, None, f"credit-limit: {first}")


def test_a_refused_order_is_not_accepted_with_more_cosignatures() -> None:
    """Its id is the body's, so who gathers signatures does so before sending it."""
    c = town()
    signed = c.sign(c["ann"], Invite(key("code"), 0, 0, 0, "auditor", c.now + DAY))
    assert isinstance(c.submit(signed), Refused)
    assert isinstance(c.submit(cosign(signed, seed("ben"))), Prior)


def test_an_answer_outlives_the_orders_time_while_it_is_remembered() -> None:
    """Whoever lost the answer to an order does not have to guess and pay twice."""
    c = town()
    signed = pay(c, 100, expires=c.now + 10)
    entry = c.submit(signed)
    assert isinstance(entry, Entry)
    c.now += 10
    assert c.submit(signed) == Prior(signed.id, entry.number, None)
    c.facts.priors.clear()
    assert isinstance(c.submit(signed), OrderExpired)


@pytest.mark.parametrize("amount", [100, 1_300])
def test_a_nonce_belongs_to_the_first_order_that_was_decided_with_it(amount: int) -> None:
    c = town()
    first = pay(c, amount, nonce=77)
    c.submit(first)
    conflict = c.submit(pay(c, 1, nonce=77))
    assert isinstance(conflict, NonceConflict)
    assert conflict.order_id == first.id.hex()
    other = c.sign(c["noa"], Pay(((c["mia"].account, 1),)), nonce=77)
    assert isinstance(c.submit(other), Entry)


def test_an_order_without_a_verdict_uses_up_no_nonce() -> None:
    c = town()
    assert c.try_(c["mia"], Pay(((1, 1),)), nonce=5, expires=c.now) == "order-expired"
    late = c.now + LIFETIME_MS_MAX + 1
    assert c.try_(c["mia"], Pay(((1, 1),)), nonce=5, expires=late) == "expiry-too-far"
    assert c.try_(c["mia"], Pay(((1, 1),)), nonce=5) == "ok"


def test_a_joining_that_was_refused_stays_so_when_the_invitation_is_used() -> None:
    """The answer does not turn into another one, though the device is unknown and the key gone."""
    c = town()
    c.do(c["ann"], Invite(key("code"), 0, 0, 0, "", c.now + DAY))
    pat = c.sign(Person("pat", 0, 0, "pat"), c.join("pat", "code"))
    first = c.submit(pat, "mia")
    assert isinstance(first, Refused)
    c.do(Person("sue", 0, 0, "sue"), c.join("sue", "code"), "sue")
    assert c.submit(pat, "pat") == Prior(pat.id, None, f"handle-taken: {first}")


def test_a_joining_sent_again_is_answered_with_its_entry() -> None:
    c = town()
    c.do(c["ann"], Invite(key("code"), 0, 0, 0, "", c.now + DAY))
    pat = c.sign(Person("pat", 0, 0, "pat"), c.join("pat", "code"))
    entry = c.submit(pat, "pat")
    assert isinstance(entry, Entry)
    assert c.submit(pat, "pat") == Prior(pat.id, entry.number, None)


def test_deciding_changes_nothing_but_the_facts() -> None:
    """Neither an accepted nor a refused order touches the state before it is appended."""
    c = town()
    request = c.request(c["noa"], 10)
    acts = [
        Pay(((c["noa"].account, 10),), request=(request,)),
        Pay(((c["noa"].account, 9_999),), request=(request,)),
        Pay(((c["noa"].account, 9_999),)),
    ]
    before = deepcopy(c.state)
    for act in acts:
        facts = deepcopy(c.facts)
        verdict = decide_order(c.state, facts, c.sign(c["mia"], act), c.now)
        assert c.state == before
        if isinstance(verdict, Refused):
            assert facts == c.facts


def test_a_refused_order_leaves_nothing_in_the_facts() -> None:
    """Its slip, request and name are still free for the next order."""
    c = town()
    dot, noa = c["dot"].account, c["noa"].account
    slip = (("book", "1"),)
    assert c.try_(c["ann"], Pay(((noa, 301),)), account=dot, slip=slip) == "cap"
    assert c.try_(c["ann"], Pay(((noa, 1_201),)), account=dot, slip=slip, cosigners=("ben",)) == (
        "credit-limit"
    )
    assert c.try_(c["ann"], Pay(((noa, 1),)), account=dot, slip=slip) == "ok"
    request = c.request(c["noa"], 2_000)
    act = Pay(((noa, 2_000),), request=(request,))
    assert c.try_(c["mia"], act) == "credit-limit"
    c.do(c["ann"], Sell(2_000, "cash"), account=c["mia"].account)
    assert c.try_(c["mia"], act) == "ok"


def test_an_order_for_another_circle_is_no_order_here() -> None:
    c = town()
    signed = pay(c, 100, circle=bytes(32))
    assert c.try_(c["mia"], signed.order.act, circle=bytes(32)) == "wrong-circle"


def test_effects_are_by_log_position() -> None:
    """An order signed before its device was frozen comes too late after it."""
    c = town()
    signed = pay(c, 100)
    c.do(c["ann"], Freeze(key("mia")))
    refused = c.submit(signed)
    assert getattr(refused, "code", None) == "device-unusable"


def test_what_an_order_does_is_what_it_says_whoever_else_cosigned_it() -> None:
    """A cosignature on an order that needs none changes nothing."""
    c = town()
    signed = cosign(pay(c, 100), seed("stranger"))
    assert isinstance(c.submit(signed), Entry)


def test_every_kind_is_decided_and_none_raises_anything_unforeseen() -> None:
    """Each kind of order, from each kind of person, with numbers of nothing that exists."""
    c = town()
    nothing = 10**15
    samples = _samples(c, nothing)
    assert {orders.kind_of(act) for act in samples} == set(orders.ORDER_KINDS)
    for act in samples:
        for name in ("mia", "ann", "ada"):
            for account in (0, nothing, 1, c[name].account, c["dot"].account):
                verdict = decide_order(
                    c.state, Facts(), c.sign(c[name], act, account=account), c.now, "handle"
                )
                assert not isinstance(verdict, Prior)


def _samples(c: Circle, n: int) -> list[orders.Act]:
    rules = encode_rules(c.rules)
    enrolment = c.enrolment("sample")
    device = key("nobody")
    return [
        Pay(((n, 1),), request=(bytes(32),)),
        *(orders.Hold((n,), n, n, (n,)), orders.Settle(n, n, n), orders.Release(n)),
        *(orders.Claim(n, n), orders.Object(n), orders.Assign(n, (n,)), orders.Defer(n)),
        *(Sell(n, "x"), orders.Redeem(n, "x")),
        *(Levy(((n, n),)), orders.Payout(((n, n),)), orders.Reverse(n)),
        Invite(key("sample 2"), -n, n, n, "", n),
        orders.Uninvite(key("sample 2")),
        *(c.join("sample 3", "no invitation"), orders.Open((n,), -n, n, n, 1, ())),
        *(orders.Open((), -n, n, n, 1, (enrolment,)), orders.Close(), orders.Limits(-n, n)),
        *(orders.Holder(n, 1), orders.Assist(1), orders.Enrol(n, enrolment, "device", 1)),
        *(orders.Revoke(device), Freeze(device), orders.Thaw(device), orders.Veto(device)),
        orders.Mandate(n, ("pay",), n, n, n),
        *(orders.Unmandate(n), orders.Appoint(n, "auditor"), orders.Dismiss(n, "auditor")),
        Amend(rules),
    ]
