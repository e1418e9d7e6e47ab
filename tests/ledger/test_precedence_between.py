"""Orders about payments into other circles with several faults at once: the first in the documented
order is named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ledger.codec import AMOUNT_MAX
from ledger.decide import Decision, decide_order
from ledger.errors import TallystickError
from ledger.federation.link import Way
from ledger.federation.payment import encode_header, payment_id
from ledger.federation.route import Route
from ledger.orders import Close, Defer, Hold, Mandate
from tests.check_links import Neighbourhood, neighbourhood, way
from tests.circle import DAY, HOUR, REASON, Circle
from tests.ledger.attempt import Attempt, Steps, check_steps, rank

NOBODY = 999


@dataclass(slots=True)
class RoutedAttempt(Attempt):
    """An attempt with what stands beside an order that pays into another circle."""

    route: Route | None = None

    def outcome(self, here: Circle, **header: Any) -> str:
        """Decide it anew; nothing is written."""
        signed = here.sign(self.signer, self.act, account=self.account, **self.header | header)
        verdict = decide_order(here.state, here.facts, signed, here.now, "", self.route)
        if isinstance(verdict, Decision):
            return "ok"
        assert isinstance(verdict, TallystickError)
        return verdict.code


def defer(here: Neighbourhood) -> Steps:
    c = here.circle
    mia, ann = c["mia"], c["ann"]
    own = c.do(mia, Hold((), 5, c.now)).number
    sent, _ = here.pay(mia, "exeter", 100, 110, way(("exeter", 100)))
    a = Attempt(c["oli"], Defer(0), account=NOBODY)
    yield a, "account-unknown"
    c.do(ann, Close(), account=c["dot"].account)
    a.account = c["dot"].account
    yield a, "account-closed"
    a.account = mia.account
    yield a, "not-authorised"
    a.signer = ann
    yield a, "hold-unknown"
    a.act, a.account = Defer(sent.number), c["noa"].account
    yield a, "hold-unknown"
    a.act, a.account = Defer(own), mia.account
    yield a, "hold-locked"
    a.act = Defer(sent.number)
    c.now += 3 * DAY - 1
    yield a, "hold-locked"
    c.now += 1
    yield a, "ok"


def hold_for_another_circle(here: Neighbourhood) -> Steps:
    """Every way in which what stands beside the order does not fit it."""
    c = here.circle
    mia, noa = c["mia"], c["noa"]
    granted = c.do(mia, Mandate(noa.person, ("hold",), 6_500, DAY, c.now + DAY)).number
    header, encoded, sealed = here.header("exeter", 100)
    payment, until = payment_id(encoded), header.deadline
    ways = (way(("exeter", 100)),)
    route = Route(encoded, sealed, ways)
    wrong = Hold((NOBODY,), 7_000, until + 1, (1,), 1, (payment,))
    a = RoutedAttempt(noa, wrong, account=mia.account)
    yield a, "account-unknown"
    a.act = wrong._replace(payee=(c["oli"].account,))
    a.header["mandate"] = (0,)
    yield a, "mandate-unusable"
    a.header["mandate"] = (granted,)
    yield a, "cap"
    a.signer, a.header = mia, {}
    a.act = wrong._replace(payee=(c["oli"].account,), amount=AMOUNT_MAX)
    yield a, "order-inconsistent"
    a.act = Hold((), AMOUNT_MAX, until + 1, (), 1, (payment,))
    yield a, "order-inconsistent"
    c.do(mia, Hold((), 1, c.now))
    a.act = Hold((), AMOUNT_MAX, until + 1, (), 0, (payment,))
    yield a, "order-inconsistent"
    a.act = Hold((), 6_000, until + 1, (), 0, (payment,))
    yield a, "route-unusable"  # nothing beside it
    a.route = route._replace(header=here.header("kent", 100)[1])
    yield a, "route-unusable"  # another payment's header
    a.route = route
    yield a, "route-unusable"  # another deadline
    a.act = Hold((), 6_000, until, (), 0, (payment,))
    for odd in _unusable(here, route):
        a.route = odd
        yield a, "route-unusable"
    a.route = route
    yield a, "credit-limit"
    a.act = Hold((), 100, until, (), 0, (payment,))
    yield a, "ok"


def _unusable(here: Neighbourhood, route: Route) -> list[Route]:
    """Routes that fit the order, and lead nowhere."""
    long: Way = way(("kent", 1), ("luton", 1), ("york", 1), ("exeter", 1))
    odd: tuple[tuple[Way, ...], ...] = (
        (),
        (way(("kent", 100)),),
        (long,),
        (way(("york", 1), ("exeter", 1)),),
        (way(("exeter", 2_001)),),
        (way(("exeter", 100)),) * 9,
    )
    return [route._replace(sealed=b"other"), *(route._replace(ways=ways) for ways in odd)]


def test_of_several_faults_the_first_in_the_documented_order_is_named() -> None:
    here = neighbourhood()
    assert check_steps(here.circle, defer(here))[-2:] == ["hold-locked", "ok"]


def test_what_stands_beside_a_payment_is_looked_at_in_its_place() -> None:
    here = neighbourhood()
    codes = []
    for attempt, expected in hold_for_another_circle(here):
        assert attempt.outcome(here.circle) == expected, attempt
        codes.append(expected)
    assert [rank(code) for code in codes] == sorted(map(rank, codes))


def test_a_payment_of_another_time_cannot_be_sent() -> None:
    """Its deadline is over, or more than a day ahead."""
    here = neighbourhood()
    c = here.circle
    for time in (0, DAY + 1):
        header, encoded, sealed = here.header("exeter", 100, time)
        act = Hold((), 100, header.deadline, evidence=(payment_id(encoded),))
        attempt = RoutedAttempt(c["mia"], act, account=c["mia"].account)
        attempt.route = Route(encoded, sealed, (way(("exeter", 100)),))
        assert attempt.outcome(c) == "route-unusable"


def test_a_payment_is_sent_once_and_into_another_circle() -> None:
    here = neighbourhood()
    c = here.circle
    _, payment = here.pay(c["mia"], "exeter", 100, 110, way(("exeter", 100)))
    transit = c.state.transits[payment]
    again = Hold((), 100, here.circle.now + HOUR, evidence=(payment,))
    attempt = RoutedAttempt(c["noa"], again, account=c["noa"].account)
    attempt.route = Route(transit.header, transit.sealed, (way(("exeter", 100)),))
    assert attempt.outcome(c) == "route-unusable"
    header, encoded, sealed = here.header("", 100)
    own = again._replace(until=header.deadline, evidence=(payment_id(encode_header(header)),))
    attempt = replace(attempt, act=own, route=Route(encoded, sealed, (way(("exeter", 100)),)))
    assert attempt.outcome(c) == "route-unusable"


def test_a_deferral_needs_a_reason() -> None:
    here = neighbourhood()
    c = here.circle
    sent, _ = here.pay(c["mia"], "exeter", 100, 110, way(("exeter", 100)))
    c.now += 3 * DAY
    defer_it, account = Defer(sent.number), c["mia"].account
    assert c.try_(c["ann"], defer_it, account=account, text=()) == "not-authorised"
    assert c.try_(c["ann"], defer_it, account=account, text=REASON) == "ok"
    assert c.try_(c["ann"], defer_it, account=account) == "hold-unknown"
