"""Where payments between circles begin: a member's hold, a cycle of debt, and giving up."""

from __future__ import annotations

import pytest

from ledger.errors import MalformedObject, RouteUnusable
from ledger.federation.link import Way
from ledger.federation.message import Commit, Prepare, Release, Suspend
from ledger.federation.payment import payment_id
from ledger.federation.route import Route
from ledger.federation.send import clear_cycle, give_up, send
from ledger.orders import COMMUNITY, SUSPENSE
from tests.check_links import Neighbourhood, id_of, neighbourhood, way
from tests.circle import DAY, HOUR
from tests.federation.offering import answers, passing


def route(
    here: Neighbourhood, decider: str, *ways: Way, arrive: int = 100, time: int = HOUR
) -> Route:
    """A payment there, along these ways."""
    _, header, sealed = here.header(decider, arrive, time)
    return Route(header, sealed, ways)


def try_to_send(here: Neighbourhood, one: Route, most: int = 100) -> str:
    """Send it for mia; "ok" or why not."""
    mia = here.circle["mia"].account
    try:
        send(here.circle.state, here.circle.now, 9, mia, most, one)
    except RouteUnusable as error:
        return str(error)
    return "ok"


EXETER: Way = way(("exeter", 100))


@pytest.mark.parametrize(
    ("decider", "time", "ways", "reason"),
    [
        ("exeter", 0, (EXETER,), "deadline is over"),
        ("exeter", DAY + 1, (EXETER,), "more than a day ahead"),
        ("", HOUR, (EXETER,), "pay them here"),
        ("exeter", HOUR, (), "from 1 to 8 ways"),
        ("exeter", HOUR, (EXETER,) * 9, "from 1 to 8 ways"),
        ("exeter", HOUR, ((),), "a way crosses 1 to 3"),
        ("exeter", HOUR, (way(*[("luton", 1)] * 3, ("exeter", 1)),), "a way crosses 1 to 3"),
        ("exeter", HOUR, (way(("luton", 1)),), "ends at the payee's"),
        ("york", HOUR, (way(("york", 1)),), "no neighbouring circle takes it"),
        ("exeter", HOUR, (way(("exeter", 101)),), "no neighbouring circle takes it"),
        ("exeter", HOUR, (way(("exeter", 2_001)),), "no neighbouring circle takes it"),
    ],
)
def test_a_payment_that_cannot_be_sent_is_refused(
    decider: str, time: int, ways: tuple[Way, ...], reason: str
) -> None:
    here = neighbourhood()
    assert reason in try_to_send(here, route(here, decider, *ways, time=time))


def test_what_does_not_belong_to_the_header_is_refused() -> None:
    here = neighbourhood()
    good = route(here, "exeter", EXETER)
    assert "its sealed part is not the one" in try_to_send(here, good._replace(sealed=b"x"))
    with pytest.raises(MalformedObject):
        try_to_send(here, good._replace(header=b"x"))


def test_a_payment_is_sent_once() -> None:
    here = neighbourhood()
    _, payment = here.pay(here.circle["mia"], "exeter", 100, 100, EXETER)
    transit = here.circle.state.transits[payment]
    again = Route(transit.header, transit.sealed, (EXETER,))
    assert "it was sent before" in try_to_send(here, again)


def test_the_first_way_that_takes_it_is_taken() -> None:
    """One that costs too much, or is suspended, is passed over."""
    here = neighbourhood()
    here.hear("luton", Suspend(1))
    ways = (way(("luton", 2), ("york", 1)), way(("exeter", 101), ("york", 1)))
    last = way(("kent", 200), ("york", 1))
    _, payment = here.pay(here.circle["mia"], "york", 1, 100, *ways, last)
    [hold] = here.circle.state.link_holds.values()
    assert (hold.link, hold.amount, hold.value) == (here.link("kent").id, 200, 86)
    assert here.circle.state.transits[payment].ways == ()


def test_no_link_is_tried_twice() -> None:
    """It resolves a payment once."""
    here = neighbourhood()
    two = (way(("exeter", 90), ("york", 1)), way(("exeter", 95), ("luton", 9), ("york", 1)))
    _, payment = here.pay(here.circle["mia"], "york", 1, 100, *two)
    assert here.circle.state.transits[payment].ways == ()
    step = here.hear("exeter", Release(payment, "limit"))
    assert step.entry is not None
    assert step.entry.kind == "release"


# --- cycles ---------------------------------------------------------------------------------------


def cycle(here: Neighbourhood, amount: int = 10) -> Route:
    """Out over luton, and home over exeter."""
    ours = (here.circle.state.circle, 72)
    return route(here, "", (*way(("luton", amount), ("exeter", 70)), ours), arrive=1)


def test_a_cycle_goes_out_with_nothing_set_aside() -> None:
    here = neighbourhood()
    one = cycle(here)
    step = clear_cycle(here.circle.state, here.circle.now, one)
    assert (step.fault, step.entry) == ("", None)
    [(link, said)] = answers(step)
    assert (link, said) == (here.link("luton").id, Prepare(one.header, 10, one.ways[0][1:]))
    here.step(step)
    transit = here.circle.state.transits[payment_id(one.header)]
    assert (transit.mine, transit.most, transit.hold) == (True, 60, 0)
    again = clear_cycle(here.circle.state, here.circle.now, one)
    assert again.fault == "it is no new payment to ourselves"


@pytest.mark.parametrize(
    ("amount", "comes", "reason"), [(10, 59, "value"), (10, 60, None), (10, 90, None)]
)
def test_a_cycle_that_comes_home_brings_at_least_what_went_out(
    amount: int, comes: int, reason: str | None
) -> None:
    here = neighbourhood()
    one = cycle(here, amount)
    here.step(clear_cycle(here.circle.state, here.circle.now, one))
    step = here.hear("exeter", Prepare(one.header, comes, ()), one.sealed)
    [(_, said)] = answers(step)
    assert getattr(said, "reason", None) == reason
    accounts = here.circle.state.accounts
    if reason is None:
        assert (accounts[4].balance, accounts[SUSPENSE].balance) == (-comes, comes)
        again = here.hear("exeter", Prepare(one.header, comes, ()), one.sealed)
        assert [getattr(each, "reason", None) for _, each in answers(again)] == ["seen"]
        assert here.circle.state.transits[payment_id(one.header)].collected == comes


def test_no_position_changes_by_a_cycle_but_for_what_is_left_over() -> None:
    here = neighbourhood()
    one = cycle(here)
    here.step(clear_cycle(here.circle.state, here.circle.now, one))
    here.hear("exeter", Prepare(one.header, 72, ()), one.sealed)
    commit = here.circle.state.transits[payment_id(one.header)].commit
    before = here.circle.state.accounts[COMMUNITY].balance
    here.hear("luton", Commit(payment_id(one.header), commit))
    accounts = here.circle.state.accounts
    assert (here.link("exeter").owed, here.link("luton").owed) == (72, -10)
    assert [accounts[number].balance for number in (4, 5, SUSPENSE)] == [-72, 60, 0]
    assert accounts[COMMUNITY].balance == before + 12


def test_a_cycle_begins_over_a_link_that_is_there_and_takes_it() -> None:
    here = neighbourhood()
    state, now = here.circle.state, here.circle.now
    ours = (state.circle, 1)
    stranger = route(here, "", (*way(("york", 1)), ours), arrive=1)
    assert clear_cycle(state, now, stranger).fault == "there is no link to its first circle"
    elsewhere = route(here, "exeter", EXETER)
    assert clear_cycle(state, now, elsewhere).fault == "it is no new payment to ourselves"
    here.hear("luton", Suspend(1))
    assert clear_cycle(state, now, cycle(here)).fault == "suspended"


# --- giving up ------------------------------------------------------------------------------------


def test_what_the_circle_before_holds_is_let_go_and_ours_is_not() -> None:
    here = neighbourhood()
    payment = passing(here)
    month = 30 * DAY
    early = give_up(here.circle.state, here.circle.now + month - 1, payment)
    assert early.fault == "the next circle has 30 days to answer"
    step = give_up(here.circle.state, here.circle.now + month, payment)
    assert answers(step) == [(here.link("exeter").id, Release(payment, "given-up"))]
    here.step(step)
    assert (here.link("exeter").incoming, here.link("luton").outgoing) == (0, 7)
    after = here.hear("luton", Release(payment, "limit"))
    assert (after.entry, answers(after)) == (None, [])
    assert here.circle.state.transits[payment].status == "released"


def test_only_what_waits_between_two_circles_is_given_up() -> None:
    here = neighbourhood()
    state, now = here.circle.state, here.circle.now
    _, mine = here.pay(here.circle["mia"], "exeter", 100, 100, EXETER)
    for payment in (mine, bytes(32)):
        assert give_up(state, now, payment).fault
    payment = passing(here)
    now += 30 * DAY
    state.unconfirmed.add(here.link("exeter").id)
    assert give_up(state, now, payment).fault
    state.unconfirmed.clear()
    lost = here.link("exeter")._replace(status="lost")
    state.links[lost.id] = lost
    assert give_up(state, now, payment).fault
    assert id_of("exeter") == lost.peer
