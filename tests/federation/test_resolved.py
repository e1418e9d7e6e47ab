"""What becomes of a COMMIT or RELEASE: on both sides at once, once, and for the payer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ledger.federation.link import PutEvidence
from ledger.federation.message import (
    Accept,
    Commit,
    Content,
    Prepare,
    Propose,
    Release,
    Suspend,
    encode_run,
)
from ledger.federation.payment import sign_commit
from ledger.federation.receive import Received, receive
from ledger.federation.resume import resume
from ledger.federation.send import give_up
from ledger.federation.step import Step, shut
from ledger.orders import COMMUNITY, SUSPENSE, Defer, Pay
from tests.check_links import OWN, neighbourhood, way
from tests.circle import DAY, seed
from tests.federation.offering import answers, evidence, offer, passing


def test_a_commit_of_the_next_is_debt_on_both_sides_at_once() -> None:
    here = neighbourhood()
    payment = passing(here)
    step = here.commit("luton", payment, "luton")
    assert step.entry is not None
    moves = [tuple(move) for move in step.entry.moves]
    assert moves == [(4, -45, 0), (5, 42, 0), (COMMUNITY, 3, 0)]
    assert (here.link("exeter").owed, here.link("luton").owed) == (45, -7)
    [(link, said)] = answers(step)
    assert (link, type(said)) == (here.link("exeter").id, Commit)


def test_a_release_of_the_next_is_one_for_the_circle_before() -> None:
    here = neighbourhood()
    payment = passing(here)
    step = here.hear("luton", Release(payment, "value"))
    assert step.entry is None
    assert answers(step) == [(here.link("exeter").id, Release(payment, "value"))]
    assert here.circle.state.link_holds == {}


def test_a_late_commit_is_debt_whatever_the_time() -> None:
    """A hold has no end by time."""
    here = neighbourhood()
    payment = passing(here)
    here.circle.now += 90 * DAY
    here.commit("luton", payment, "luton")
    assert (here.link("exeter").owed, here.link("luton").owed) == (45, -7)


def test_what_was_given_up_and_is_committed_after_all_is_borne_by_suspense() -> None:
    here = neighbourhood()
    payment = passing(here)
    here.circle.now += 30 * DAY
    here.step(give_up(here.circle.state, here.circle.now, payment))
    step = here.commit("luton", payment, "luton")
    assert step.entry is not None
    assert [tuple(move) for move in step.entry.moves] == [(SUSPENSE, -42, 0), (5, 42, 0)]
    assert here.link("exeter").owed == 0
    again = give_up(here.circle.state, here.circle.now, payment)
    assert again.fault == "no such payment waits here between two circles"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What a peer signs that cannot be; ``kind`` is that of the proof."""

    name: str
    kind: str
    content: Callable[[bytes], Content]
    link: str = "luton"


def _by(name: str) -> Callable[[bytes], Content]:
    return lambda payment: Commit(payment, sign_commit(payment, seed(name)))


CONTRADICTIONS = (
    Contradiction("COMMIT of another key", "commit", _by("exeter decision")),
    Contradiction("COMMIT of the link key", "commit", _by("luton link")),
    Contradiction("COMMIT of what was not asked", "commit", lambda _: Commit(bytes(32), bytes(64))),
    Contradiction("COMMIT of a debtor", "commit", _by("luton decision"), "exeter"),
    Contradiction("RELEASE of a debtor", "release", lambda p: Release(p, "limit"), "exeter"),
    Contradiction("RELEASE of what is not held", "release", lambda _: Release(bytes(32), "seen")),
    Contradiction("acceptance of nothing", "terms", lambda _: Accept(bytes(32), bytes(64))),
    Contradiction("proposal of nonsense", "terms", lambda _: Propose(b"no", bytes(64))),
    Contradiction("payment of nonsense", "message", lambda _: Prepare(b"no", 1, ())),
)


@pytest.mark.parametrize("case", CONTRADICTIONS, ids=lambda case: case.name.replace(" ", "_"))
def test_what_cannot_be_freezes_the_link_and_is_kept(case: Contradiction) -> None:
    """Nothing of it is taken: no hold ends, and its number is still free."""
    here = neighbourhood()
    payment = passing(here)
    before, holds = here.link(case.link), dict(here.circle.state.link_holds)
    step = offer(here, case.link, case.content(payment))
    assert step.fault
    assert (evidence(step), step.entry, answers(step)) == (
        [case.kind],
        None,
        [(before.id, Suspend(1))],
    )
    here.step(step)
    assert here.link(case.link) == before._replace(status="frozen", sent=here.link(case.link).sent)
    assert here.link(case.link).sent.seq == before.sent.seq + 1
    assert here.circle.state.link_holds == holds


def test_a_payment_asked_for_again_while_it_is_held_freezes_the_link() -> None:
    """Nobody could tell which of the two a RELEASE ends."""
    here = neighbourhood()
    payment = passing(here)
    again = Prepare(here.circle.state.transits[payment].header, 44, way(("luton", 7)))
    step = offer(here, "exeter", again)
    assert evidence(step) == ["prepare"]
    here.step(step)
    assert (here.link("exeter").status, here.link("exeter").incoming) == ("frozen", 45)
    here.commit("luton", payment, "luton")
    assert here.link("exeter").owed == 45


def test_the_account_that_came_with_a_contradiction_is_kept_beside_it() -> None:
    here = neighbourhood()
    link = here.link("luton")
    wire, body = here.neighbours["luton"].say(link.circle, Release(bytes(32), "seen"))
    received = Received(link.id, (wire,), body, statement=b"as it came")
    kept = receive(here.circle.state, OWN, received, here.circle.now).changes
    assert [each for each in kept if isinstance(each, PutEvidence)] == [
        PutEvidence(link.id, "release", encode_run([wire])),
        PutEvidence(link.id, "account", b"as it came"),
    ]


def test_who_was_convicted_elsewhere_gets_no_new_payments_and_is_told() -> None:
    here = neighbourhood()
    payment = passing(here)
    step = shut(here.circle.state, here.link("luton").id, here.circle.now)
    assert answers(step) == [(here.link("luton").id, Suspend(1))]
    here.step(step)
    assert here.link("luton").status == "frozen"
    assert shut(here.circle.state, here.link("luton").id, here.circle.now) == Step()
    here.commit("luton", payment, "luton")


def test_who_was_convicted_while_it_was_away_is_told_when_it_is_heard_again() -> None:
    here = neighbourhood()
    link = here.link("luton").id
    here.circle.state.unconfirmed.add(link)
    step = shut(here.circle.state, link, here.circle.now)
    assert answers(step) == []
    here.step(step)
    here.circle.state.unconfirmed.clear()
    told = resume(here.circle.state, link, b"heard", here.circle.now)
    assert answers(told) == [(link, Suspend(1))]
    here.step(told)
    assert (here.link("luton").status, here.link("luton").suspending) == ("frozen", False)
    assert answers(resume(here.circle.state, link, b"heard", here.circle.now)) == []


def test_a_resolution_is_final() -> None:
    """After a COMMIT no RELEASE, and the other way round."""
    for first, second in (("commit", "release"), ("release", "commit")):
        here = neighbourhood()
        payment = passing(here)
        says = {"commit": _by("luton decision")(payment), "release": Release(payment, "limit")}
        here.hear("luton", says[first])
        assert evidence(offer(here, "luton", says[second])) == [second]
        assert evidence(offer(here, "luton", says[first])) == [first]


# --- a member's payment ---------------------------------------------------------------------------


def test_the_payer_is_charged_what_it_cost_and_the_rest_is_free() -> None:
    here = neighbourhood()
    mia = here.circle["mia"]
    _, payment = here.pay(mia, "kent", 100, 60, way(("kent", 100)))
    assert here.circle.state.accounts[mia.account].held == 60
    here.commit("kent", payment, "kent")
    account = here.circle.state.accounts[mia.account]
    assert (account.balance, account.held) == (200 - 43, 0)
    assert here.link("kent").owed == -100


def test_the_next_way_is_tried_until_there_is_none_or_no_time() -> None:
    here = neighbourhood()
    mia = here.circle["mia"]
    ways = (way(("exeter", 40), ("york", 1)), way(("luton", 6), ("york", 1)))
    _, payment = here.pay(mia, "york", 1, 40, *ways)
    assert here.link("exeter").outgoing == 40
    here.circle.now += DAY
    assert offer(here, "exeter", Release(payment, "route")).entry is not None
    here.circle.now -= DAY
    here.hear("exeter", Release(payment, "route"))
    assert (here.link("exeter").outgoing, here.link("luton").outgoing) == (0, 6)
    step = here.hear("luton", Release(payment, "limit"))
    assert step.entry is not None
    assert step.entry.kind == "release"
    account = here.circle.state.accounts[mia.account]
    assert (account.balance, account.held) == (200, 0)


@pytest.mark.parametrize(("left", "charged"), [(500, 200), (150, 150), (0, 0)])
def test_a_late_commit_charges_the_payer_as_far_as_their_limit_lets_it(
    left: int, charged: int
) -> None:
    here = neighbourhood()
    c = here.circle
    mia, noa = c["mia"], c["noa"]
    hold, payment = here.pay(mia, "exeter", 200, 200, way(("exeter", 200)))
    c.now += 3 * DAY
    c.do(c["ann"], Defer(hold.number), account=mia.account)
    assert c.state.accounts[SUSPENSE].held == 200
    c.do(mia, Pay(((noa.account, 1_200 - left),)))
    here.commit("exeter", payment, "exeter")
    suspense, account = c.state.accounts[SUSPENSE], c.state.accounts[mia.account]
    assert (suspense.balance, suspense.held) == (charged - 200, 0)
    assert account.balance == left - 1_000 - charged
    assert here.link("exeter").owed == -200
