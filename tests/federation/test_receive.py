"""What becomes of a PREPARE: committed, sent on, or released at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ledger.federation.message import (
    Commit,
    Prepare,
    Release,
    Suspend,
)
from ledger.federation.payment import encode_header, payment_id, sign_commit
from ledger.federation.route import Route
from ledger.federation.send import clear_cycle
from ledger.orders import Close
from tests.check_links import Neighbourhood, neighbourhood, way
from tests.circle import DAY, MINUTE, key, seed
from tests.federation.offering import answers, offer


@dataclass(frozen=True, slots=True)
class Refusal:
    """A PREPARE over exeter that is released at once for ``reason``."""

    name: str
    reason: str
    decider: str = ""
    arrive: int = 25
    amount: int = 25
    onward: tuple[tuple[str, int], ...] = ()
    payee: str = "mia"
    time: int = MINUTE
    sealed: bytes | None = None
    before: Callable[[Neighbourhood], object] = lambda here: None


def _suspended(here: Neighbourhood) -> None:
    link = here.link("exeter")
    here.circle.state.links[link.id] = link._replace(status="suspended")


def _peer_suspended(here: Neighbourhood) -> None:
    here.hear("exeter", Suspend(1))


def _frozen(here: Neighbourhood) -> None:
    link = here.link("exeter")
    here.circle.state.links[link.id] = link._replace(status="frozen")


def _full(here: Neighbourhood) -> None:
    link = here.link("exeter")
    here.circle.state.links[link.id] = link._replace(incoming_count=50)


def _onward_suspended(here: Neighbourhood) -> None:
    here.hear("luton", Suspend(1))


def _onward_unheard(here: Neighbourhood) -> None:
    here.circle.state.unconfirmed.add(here.link("luton").id)


def _onward_full(here: Neighbourhood) -> None:
    link = here.link("luton")
    here.circle.state.links[link.id] = link._replace(outgoing_count=50)


def _closed(here: Neighbourhood) -> None:
    here.circle.do(here.circle["ann"], Close(), account=here.circle["dot"].account)


REFUSALS = (
    Refusal("while we take no payments", "suspended", before=_suspended),
    Refusal("while its sender wants none", "suspended", before=_peer_suspended),
    Refusal("over a link that is frozen", "suspended", before=_frozen),
    Refusal("of more than one payment may be", "limit", arrive=2_001, amount=2_001),
    Refusal("beyond as many as may be under way", "limit", before=_full),
    Refusal("too late", "expired", time=0),
    Refusal("more than a day ahead", "expired", time=DAY + 1),
    Refusal("with another sealed part", "sealed", sealed=b"another"),
    Refusal("to nobody", "payee", payee=""),
    Refusal("to a closed account", "payee", payee="dot", before=_closed),
    Refusal("beyond the payee's ceiling", "payee", arrive=4_801, amount=2_000, payee="mia"),
    Refusal("that is worth less than arrives", "value", amount=24),
    Refusal("that goes on from its decider", "route", onward=(("luton", 1),)),
    Refusal("that nobody takes further", "route", decider="york"),
    Refusal("that goes on to a stranger", "route", decider="york", onward=(("york", 1),)),
    Refusal("that goes back", "seen", decider="york", onward=(("exeter", 1), ("york", 1))),
    Refusal("worth less than goes on", "value", decider="luton", onward=(("luton", 5),)),
    Refusal("for more than may go on", "limit", "luton", 25, 2_000, (("luton", 2_001),)),
    Refusal(
        "where the next wants none",
        "suspended",
        "luton",
        onward=(("luton", 1),),
        before=_onward_suspended,
    ),
    Refusal(
        "where the next was not heard",
        "unheard",
        "luton",
        onward=(("luton", 1),),
        before=_onward_unheard,
    ),
    Refusal(
        "where the next has as many as may be",
        "limit",
        "luton",
        onward=(("luton", 1),),
        before=_onward_full,
    ),
)


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.name.replace(" ", "_"))
def test_a_payment_is_released_at_once(case: Refusal) -> None:
    """Nothing is held, nothing is booked, and the message is taken all the same."""
    here = neighbourhood()
    case.before(here)
    _, header, sealed = here.header(case.decider, case.arrive, case.time)
    content = Prepare(header, case.amount, way(*case.onward))
    before = here.link("exeter")
    step = offer(
        here, "exeter", content, sealed if case.sealed is None else case.sealed, case.payee
    )
    assert (step.fault, step.entry) == ("", None)
    assert answers(step) == [(before.id, Release(payment_id(header), case.reason))]
    here.step(step)
    after = here.link("exeter")
    assert after.received.seq == before.received.seq + 1
    same = ("owed", "incoming", "outgoing", "rounding")
    assert [getattr(after, each) for each in same] == [getattr(before, each) for each in same]
    assert here.circle.state.link_holds == {}


def test_a_payment_beyond_what_the_peer_may_owe_is_released() -> None:
    """What is under way counts as if it were owed."""
    here = neighbourhood()
    for amount in (2_000, 2_000, 999):
        _, header, sealed = here.header("luton", 1)
        onward = way(("luton", 1))
        here.hear("exeter", Prepare(header, amount, onward), sealed)
    assert here.link("exeter").incoming == 4_999
    for amount, reason in ((2, "limit"), (1, None)):
        _, header, sealed = here.header("", 1)
        step = offer(here, "exeter", Prepare(header, amount, ()), sealed, "mia")
        [(_, said)] = answers(step)
        assert getattr(said, "reason", None) == reason


def test_a_payment_that_arrives_is_committed_in_the_same_step() -> None:
    here = neighbourhood()
    header, encoded, sealed = here.header("", 25)
    step = here.hear("exeter", Prepare(encoded, 26, ()), sealed, "mia")
    payment, mia = payment_id(encoded), here.circle["mia"]
    assert answers(step) == [
        (here.link("exeter").id, Commit(payment, sign_commit(payment, seed("decision"))))
    ]
    assert step.entry is not None
    assert [tuple(move) for move in step.entry.moves] == [(4, -25, 0), (mia.account, 25, 0)]
    link = here.link("exeter")
    assert (link.owed, link.incoming, link.rounding) == (26, 0, 1_000_000)
    assert here.circle.state.transits[payment].status == "committed"
    assert header.arrive == 25


@pytest.mark.parametrize("first", ["exeter", "luton"])
def test_a_payment_is_decided_once_whoever_brings_it_again(first: str) -> None:
    here = neighbourhood()
    _, header, sealed = here.header("", 25)
    here.hear(first, Prepare(header, 25, ()), sealed, "mia")
    for name in ("exeter", "luton"):
        step = offer(here, name, Prepare(header, 25, ()), sealed, "mia")
        assert step.entry is None
        assert answers(step) == [(here.link(name).id, Release(payment_id(header), "seen"))]


def test_a_payment_that_was_refused_here_stays_refused() -> None:
    here = neighbourhood()
    _, header, sealed = here.header("", 25)
    here.hear("exeter", Prepare(header, 25, ()), sealed)
    step = offer(here, "exeter", Prepare(header, 25, ()), sealed, "mia")
    assert answers(step) == [(here.link("exeter").id, Release(payment_id(header), "seen"))]


@pytest.mark.parametrize(
    ("amount", "onward", "beside"),
    [(24, (), None), (25, (("luton", 1),), None), (25, (), b"another")],
)
def test_what_is_wrong_with_the_way_is_no_decision_and_another_way_may_do(
    amount: int, onward: tuple[tuple[str, int], ...], beside: bytes | None
) -> None:
    here = neighbourhood()
    _, header, sealed = here.header("", 25)
    here.hear("exeter", Prepare(header, amount, way(*onward)), beside or sealed, "mia")
    assert payment_id(header) not in here.circle.state.transits
    here.hear("kent", Prepare(header, 100, ()), sealed, "mia")
    assert here.circle.state.transits[payment_id(header)].status == "committed"


def test_our_own_payment_that_comes_home_is_committed_under_our_own_key_alone() -> None:
    """What comes home is what was sent; were it not, no circle on its way could use the COMMIT."""
    here = neighbourhood()
    header, _, sealed = here.header("", 1)
    stranger = encode_header(header._replace(decision=key("luton decision")))
    ways = ((*way(("luton", 10), ("exeter", 71)), (here.circle.state.circle, 72)),)
    here.step(clear_cycle(here.circle.state, here.circle.now, Route(stranger, sealed, ways)))
    step = offer(here, "exeter", Prepare(stranger, 72, ()), sealed)
    assert answers(step) == [(here.link("exeter").id, Release(payment_id(stranger), "payee"))]


def test_a_payment_that_passes_is_held_on_both_sides_and_sent_on() -> None:
    here = neighbourhood()
    _, header, sealed = here.header("york", 7)
    onward = way(("luton", 7), ("york", 9))
    step = here.hear("exeter", Prepare(header, 45, onward), sealed)
    assert answers(step) == [(here.link("luton").id, Prepare(header, 7, onward[1:]))]
    assert step.entry is None
    assert (here.link("exeter").incoming, here.link("luton").outgoing) == (45, 7)
    values = sorted(hold.value for hold in here.circle.state.link_holds.values())
    assert values == [42, 45]
