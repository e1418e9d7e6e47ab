"""Orders about tokens with several faults at once: the first in the documented order is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.errors import Refused, Unacceptable
from ledger.orders import (
    COMMUNITY,
    TREASURY,
    Assign,
    Claim,
    Close,
    Hold,
    Levy,
    Mandate,
    Object,
    Pay,
    Payout,
    Redeem,
    Release,
    Reverse,
    Sell,
    Settle,
)
from tests.circle import DAY, HOUR, REASON, Circle, town
from tests.ledger.attempt import Attempt, Steps, check_steps

SLIP = (("trading day", "17"),)
NOBODY = 999


def pay_by_a_holder(c: Circle) -> Steps:
    mia, noa, oli = c["mia"].account, c["noa"].account, c["oli"].account
    request = c.request(c["noa"], 10)
    twice = Pay(((oli, 6_000), (oli, 1)), request=(bytes(32),))
    a = Attempt(c["mia"], twice, account=c["dot"].account)
    c.do(c["ann"], Close(), account=c["dot"].account)
    yield a, "account-closed"
    a.account = noa
    yield a, "not-authorised"
    a.account = mia
    yield a, "order-inconsistent"
    a.act = twice._replace(legs=((noa, 6_000),))
    yield a, "request-unusable"
    a.act = Pay(((noa, 1_201), (oli, 6_000)))
    yield a, "credit-limit"
    c.do(c["ann"], Sell(4_800, "cash 1"), account=mia)
    c.do(c["ann"], Sell(4_750, "cash 2"), account=noa)
    a.act = Pay(((noa, 60),))
    yield a, "ceiling"
    a.act = Pay(((noa, 10),), request=(request,))
    yield a, "ok"


def pay_by_mandate(c: Circle) -> Steps:
    mia, noa, oli = (c[name].account for name in ("mia", "noa", "oli"))
    granted = c.do(c["mia"], Mandate(c["noa"].person, ("pay",), 6_500, DAY, c.now + DAY)).number
    request = (bytes(32),)
    a = Attempt(c["noa"], Pay(((oli, 7_000), (oli, 1)), request=request), account=NOBODY)
    a.header["mandate"] = (0,)
    yield a, "account-unknown"
    a.account = mia
    yield a, "mandate-unusable"
    a.header["mandate"] = (granted,)
    yield a, "cap"
    a.act = Pay(((oli, 6_000), (oli, 1)), request=request)
    yield a, "order-inconsistent"
    a.act = Pay(((oli, 6_000),), request=request)
    yield a, "request-unusable"
    a.act = Pay(((oli, 6_000),))
    yield a, "credit-limit"
    a.act = Pay(((noa, 1_200),))
    yield a, "ok"


def pay_by_slip(c: Circle) -> Steps:
    dot, noa, oli = (c[name].account for name in ("dot", "noa", "oli"))
    c.do(c["ann"], Pay(((oli, 1),)), account=dot, slip=SLIP)
    a = Attempt(c["ann"], Pay(((oli, 301), (NOBODY, 1))), account=noa, header={"slip": SLIP})
    yield a, "account-unknown"
    a.act = Pay(((oli, 3_000), (oli, 1)))
    yield a, "not-authorised"
    a.account = dot
    yield a, "slip-repeated"
    a.header["slip"] = (("trading day", "18"),)
    yield a, "cap"
    a.cosigners = ("ben",)
    yield a, "order-inconsistent"
    a.act = Pay(((oli, 3_000),))
    yield a, "credit-limit"
    a.act = Pay(((oli, 1_199),))
    a.header["slip"] = (("trading day", "19"),)
    yield a, "ok"


def hold(c: Circle) -> Steps:
    mia, oli = c["mia"].account, c["oli"].account
    granted = c.do(c["mia"], Mandate(c["noa"].person, ("hold",), 6_500, DAY, c.now + DAY)).number
    wrong = Hold((NOBODY,), 7_000, c.now, evidence=(bytes(32),))
    a = Attempt(c["noa"], wrong, account=mia)
    yield a, "account-unknown"
    a.act = wrong._replace(payee=(oli,))
    a.header["mandate"] = (0,)
    yield a, "mandate-unusable"
    a.header["mandate"] = (granted,)
    yield a, "cap"
    a.act = wrong._replace(payee=(oli,), amount=6_000)
    yield a, "order-inconsistent"
    a.act = Hold((oli,), 6_000, c.now)
    yield a, "credit-limit"
    a.act = Hold((oli,), 1_200, c.now)
    yield a, "ok"


def settle(c: Circle) -> Steps:
    mia, noa, oli = (c[name].account for name in ("mia", "noa", "oli"))
    number = c.do(c["mia"], Hold((noa,), 500, c.now)).number
    a = Attempt(c["oli"], Settle(0, NOBODY, 501, (b"evidence",)), account=mia)
    yield a, "account-unknown"
    a.act = Settle(0, oli, 501, (b"evidence",))
    yield a, "not-authorised"
    a.signer = c["mia"]
    yield a, "hold-unknown"
    a.act = Settle(number, oli, 501, (b"evidence",))
    yield a, "order-inconsistent"
    a.act = Settle(number, oli, 501)
    yield a, "hold-locked"
    a.act = Settle(number, noa, 500)
    yield a, "ok"


def settle_by_mandate(c: Circle) -> Steps:
    mia, noa, oli = (c[name].account for name in ("mia", "noa", "oli"))
    granted = c.do(c["mia"], Mandate(c["noa"].person, ("settle",), 400, DAY, c.now + DAY)).number
    number = c.do(c["mia"], Hold((oli,), 500, c.now)).number
    a = Attempt(c["noa"], Settle(number, mia, 500), account=mia, header={"mandate": (0,)})
    yield a, "mandate-unusable"
    a.header["mandate"] = (granted,)
    yield a, "cap"
    a.act = Settle(number, mia, 400)
    yield a, "order-inconsistent"
    a.act = Settle(number, noa, 400)
    yield a, "hold-locked"
    a.act = Settle(number, oli, 400)
    yield a, "ok"


def release(c: Circle) -> Steps:
    mia, noa = c["mia"].account, c["noa"].account
    number = c.do(c["mia"], Hold((noa,), 500, c.now + HOUR)).number
    a = Attempt(c["oli"], Release(0, (b"evidence",)), account=NOBODY)
    yield a, "account-unknown"
    a.account = mia
    yield a, "not-authorised"
    a.signer = c["mia"]
    yield a, "hold-unknown"
    a.act = Release(number, (b"evidence",))
    yield a, "order-inconsistent"
    a.act = Release(number)
    yield a, "hold-locked"
    c.now += HOUR
    yield a, "ok"


def claim(c: Circle) -> Steps:
    mia, noa = c["mia"].account, c["noa"].account
    number = c.do(c["mia"], Hold((noa,), 500, c.now, (HOUR,))).number
    a = Attempt(c["oli"], Claim(0, 501), account=NOBODY)
    yield a, "account-unknown"
    a.account = mia
    yield a, "not-authorised"
    a.signer = c["mia"]
    yield a, "hold-unknown"
    a.act = Claim(number, 501)
    yield a, "hold-locked"
    a.signer, a.account, a.act = c["noa"], noa, Claim(number, 500)
    yield a, "ok"


def objection(c: Circle) -> Steps:
    mia, noa = c["mia"].account, c["noa"].account
    number = c.do(c["mia"], Hold((noa,), 500, c.now, (HOUR,))).number
    a = Attempt(c["oli"], Object(0), account=NOBODY)
    yield a, "account-unknown"
    a.account = mia
    yield a, "not-authorised"
    a.signer = c["mia"]
    yield a, "hold-unknown"
    a.act = Object(number)
    yield a, "hold-locked"
    c.do(c["noa"], Claim(number, 500))
    yield a, "ok"


def assign(c: Circle) -> Steps:
    mia, noa, gone = c["mia"].account, c["noa"].account, c["dot"].account
    number = c.do(c["mia"], Hold((noa,), 500, c.now + HOUR, (HOUR,))).number
    c.do(c["ann"], Close(), account=gone)
    a = Attempt(c["oli"], Assign(0, (NOBODY,), (HOUR,)), account=NOBODY)
    yield a, "account-unknown"
    a.account = mia
    yield a, "account-unknown"
    a.act = Assign(0, (gone,), (HOUR,))
    yield a, "account-closed"
    a.act = Assign(0, (mia,), (HOUR,))
    yield a, "not-authorised"
    a.signer = c["mia"]
    yield a, "hold-unknown"
    a.act = Assign(number, (mia,), (HOUR,))
    yield a, "order-inconsistent"
    a.act = Assign(number, (COMMUNITY,), (HOUR,))
    yield a, "order-inconsistent"
    a.act = Assign(number, (c["oli"].account,), (HOUR,))
    yield a, "hold-locked"
    c.do(c["noa"], Assign(number, ()))
    yield a, "ok"


def handing_back(c: Circle) -> Steps:
    mia, noa = c["mia"].account, c["noa"].account
    number = c.do(c["mia"], Hold((noa,), 500, c.now + HOUR, (HOUR,))).number
    a = Attempt(c["oli"], Assign(0, (), (HOUR,)), account=NOBODY)
    yield a, "account-unknown"
    a.account = mia
    yield a, "not-authorised"
    a.signer = c["mia"]
    yield a, "hold-unknown"
    a.act = Assign(number, (), (HOUR,))
    yield a, "order-inconsistent"
    a.act = Assign(number, ())
    yield a, "hold-locked"
    a.signer, a.account = c["noa"], noa
    yield a, "ok"


def sell(c: Circle) -> Steps:
    a = Attempt(c["mia"], Sell(50_001, "cash 1"), account=NOBODY)
    yield a, "account-unknown"
    a.account = TREASURY
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "order-inconsistent"
    a.account = c["mia"].account
    yield a, "credit-limit"
    a.act = Sell(4_801, "cash 1")
    yield a, "ceiling"
    a.act = Sell(4_800, "cash 1")
    yield a, "ok"


def redeem(c: Circle) -> Steps:
    a = Attempt(c["mia"], Redeem(1_201, "cash 1"), account=NOBODY)
    yield a, "account-unknown"
    a.account = COMMUNITY
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "order-inconsistent"
    a.account = c["mia"].account
    yield a, "credit-limit"
    a.act = Redeem(1_200, "cash 1")
    yield a, "ok"


def levy(c: Circle) -> Steps:
    mia, noa = c["mia"].account, c["noa"].account
    a = Attempt(c["mia"], Levy(((noa, 1_201), (NOBODY, 1))), account=noa)
    yield a, "account-unknown"
    a.act = Levy(((noa, 1_201), (mia, 1)))
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "order-inconsistent"
    a.account = COMMUNITY
    yield a, "credit-limit"
    a.act = Levy(((noa, 1_200), (mia, 1)))
    yield a, "ok"


def payout(c: Circle) -> Steps:
    mia, noa = c["mia"].account, c["noa"].account
    a = Attempt(c["mia"], Payout(((noa, 6_000), (NOBODY, 1))), account=TREASURY)
    yield a, "account-unknown"
    a.act = Payout(((noa, 60_000), (noa, 1)))
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "order-inconsistent"
    a.act = Payout(((noa, 60_000), (mia, 1)))
    yield a, "credit-limit"
    a.act = Payout(((noa, 6_000), (mia, 1)))
    yield a, "ceiling"
    a.act = Payout(((noa, 4_800), (mia, 4_800)))
    yield a, "ok"


def reverse(c: Circle) -> Steps:
    by_ben = c.do(c["ben"], Sell(100, "cash 1"), account=c["mia"].account).number
    c.do(c["ben"], Reverse(by_ben))
    again = c.do(c["ben"], Sell(100, "cash 2"), account=c["mia"].account).number
    a = Attempt(c["mia"], Reverse(by_ben))
    yield a, "not-authorised"
    a.signer = c["ann"]
    yield a, "cosignatures-missing"
    a.cosigners = ("paper",)
    yield a, "entry-not-reversible"
    a.act = Reverse(again)
    yield a, "ok"


def settle_by_office(c: Circle) -> Steps:
    mia, noa, oli = (c[name].account for name in ("mia", "noa", "oli"))
    private = c.do(c["mia"], Hold((noa,), 500, c.now)).number
    asked = c.do(c["mia"], Hold((), 500, c.now, coordinator=1)).number
    a = Attempt(c["ann"], Settle(0, c["ann"].account, 501), account=mia)
    yield a, "not-authorised"
    a.header["text"] = REASON
    yield a, "not-authorised"
    a.act = Settle(0, oli, 501)
    yield a, "hold-unknown"
    a.act = Settle(asked, mia, 501)
    yield a, "order-inconsistent"
    a.act = Settle(private, noa, 500)
    yield a, "hold-locked"
    a.act = Settle(asked, oli, 500)
    yield a, "ok"


@pytest.mark.parametrize(
    "steps",
    [
        *(pay_by_a_holder, pay_by_mandate, pay_by_slip, hold, settle, settle_by_mandate),
        *(
            settle_by_office,
            release,
            claim,
            objection,
            assign,
            handing_back,
            sell,
            redeem,
            levy,
            payout,
            reverse,
        ),
    ],
    ids=lambda steps: str(steps.__name__),
)
def test_of_several_faults_the_first_in_the_documented_order_is_named(
    steps: Callable[[Circle], Steps],
) -> None:
    circle = town()
    check_steps(circle, steps(circle))


def test_accounts_are_looked_at_in_the_order_in_which_an_order_names_them() -> None:
    """So a closed account of one's own hides an unknown payee, and not the reverse."""
    c = town()
    closed = c["dot"].account
    c.do(c["ann"], Close(), account=closed)
    pay = Pay(((NOBODY, 1), (closed, 1)))
    assert c.try_(c["mia"], pay, account=closed) == "account-closed"
    assert c.try_(c["mia"], pay) == "account-unknown"
    assert c.try_(c["mia"], Pay(tuple(reversed(pay.legs)))) == "account-closed"


def test_the_tree_lists_every_error_of_an_order_once() -> None:
    """Precedence is read off it, so no class may hide in a further layer."""
    for group in (Unacceptable, Refused):
        assert [one for error in group.__subclasses__() for one in error.__subclasses__()] == []
    codes = [error.code for error in (*Unacceptable.__subclasses__(), *Refused.__subclasses__())]
    assert len(set(codes)) == len(codes)
