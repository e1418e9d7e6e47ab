"""Entries and messages between circles that no rule allowed, with every hash and number in order.

Everything is stored as a dishonest node would leave it: only the rules can show it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest

from ledger.decide import Decision, Move
from ledger.federation import terms
from ledger.federation.agreement import make_agreement
from ledger.federation.draft import Draft
from ledger.federation.link import EndLinkHold, PutMessage, Transit
from ledger.federation.message import (
    Commit,
    Content,
    Decline,
    Leave,
    Prepare,
    Release,
    Withdraw,
)
from ledger.federation.payment import payment_id, sign_commit
from ledger.federation.receive import Received, receive
from ledger.federation.step import Step
from ledger.orders import SUSPENSE, Defer, Hold, Pay, Settle
from ledger.orders import Release as ReleaseOrder
from ledger.state import EndHold
from node.check import check_log
from tests.check_history import Edge, create, forge, store
from tests.check_links import (
    OWN,
    Neighbourhood,
    both_sign,
    id_of,
    neighbourhood,
    our_party,
    party,
    way,
)
from tests.circle import DAY, MINUTE, seed

Forgery = Callable[[Neighbourhood], None]
"""Does what is wrong as the last thing in a neighbourhood, and perhaps right things before it."""


@dataclass(frozen=True, slots=True)
class Case:
    """``reason`` is what has to be said of the first thing that is wrong; it is the last entry,
    unless ``row`` names the table whose row it is."""

    make: Forgery
    reason: str
    row: str = ""


def heard(
    here: Neighbourhood, name: str, content: Content, sealed: bytes = b"", payee: str = ""
) -> Step:
    """What a message comes to, not taken yet."""
    wire, body = here.neighbours[name].say(here.circle.state.circle, content)
    account = here.circle[payee].account if payee else None
    link = here.neighbours[name].link
    received = Received(link, (wire,), body, account, (), sealed)
    return receive(here.circle.state, OWN, received, here.circle.now)


def rewritten(here: Neighbourhood, step: Step, *moves: Move, **changed: Any) -> None:
    """Take a step whose entry is another."""
    assert step.entry is not None
    fields = changed | ({"moves": moves} if moves else {})
    here.step(step._replace(entry=step.entry._replace(**fields)))


def standing_on(step: Step, wire: bytes, body: bytes) -> Step:
    """The step as if another message had brought it about."""
    changes = tuple(
        replace(each, wire=wire, body=body)
        if isinstance(each, PutMessage) and not each.sent
        else each
        for each in step.changes
    )
    return step._replace(wire=wire, changes=changes)


def said(here: Neighbourhood, name: str, content: Content) -> None:
    """Have the circle say what nothing allowed."""
    draft = Draft(here.circle.state, here.circle.now)
    draft.send(here.neighbours[name].link, content)
    here.step(Step(changes=draft.changes()))


def _paid(here: Neighbourhood) -> bytes:
    """A payment of mia's that is on its way to exeter."""
    return here.pay(here.circle["mia"], "exeter", 100, 110, way(("exeter", 100)))[1]


def _committed(here: Neighbourhood, payment: bytes, name: str = "exeter") -> Step:
    return heard(here, name, Commit(payment, sign_commit(payment, seed(f"{name} decision"))))


def charged_too_much(here: Neighbourhood) -> None:
    step = _committed(here, _paid(here))
    rewritten(here, step, Move(here.circle["mia"].account, -110, -110), Move(4, 110))


def somebody_else_charged(here: Neighbourhood) -> None:
    step = _committed(here, _paid(here))
    rewritten(here, step, Move(here.circle["noa"].account, -100), Move(4, 100))


def too_little_owed(here: Neighbourhood) -> None:
    """The mirror account says less than the link."""
    step = _committed(here, _paid(here))
    rewritten(here, step, Move(here.circle["mia"].account, -99, -110), Move(4, 99))


def on_a_members_word(here: Neighbourhood) -> None:
    rewritten(here, _committed(here, _paid(here)), authority="member")


def committed_by_somebody_else(here: Neighbourhood) -> None:
    """The entry and all that follows is right, for a signature that is not the decider's."""
    payment = _paid(here)
    good = sign_commit(payment, seed("exeter decision"))
    forged = sign_commit(payment, seed("luton decision"))
    neighbour = here.neighbours["exeter"]
    before = replace(neighbour)
    wire, body = neighbour.say(here.circle.state.circle, Commit(payment, forged))
    here.neighbours["exeter"] = before
    step = heard(here, "exeter", Commit(payment, good))
    here.neighbours["exeter"] = neighbour
    here.step(standing_on(step, wire, body))


def settled_on_a_release(here: Neighbourhood) -> None:
    payment = _paid(here)
    step = heard(here, "exeter", Release(payment, "limit"))
    moves = (Move(here.circle["mia"].account, -100, -110), Move(4, 100))
    rewritten(here, step, *moves, kind="settle", exempt=True)


def settled_twice(here: Neighbourhood) -> None:
    step = _committed(here, _paid(here))
    here.step(step)
    assert step.entry is not None
    again = step.entry._replace(changes=())
    here.step(Step(again._replace(moves=(Move(104, -100), Move(4, 100))), step.wire))


def arrived_for_less(here: Neighbourhood) -> None:
    """Kent owes 58 of its unit for 25 of ours, and 25 are worth 58 and a third."""
    _, header, sealed = here.header("", 24)
    step = heard(here, "kent", Prepare(header, 57, ()), sealed, "mia")
    account = here.circle["mia"].account
    rewritten(here, step, Move(6, -25), Move(account, 25))


def arrived_beyond_the_limit(here: Neighbourhood) -> None:
    """The peer would owe more than was agreed; three of the largest payments are one too many."""
    here.circle.now += MINUTE
    for _ in range(2):
        _, header, sealed = here.header("", 1_000)
        here.hear("exeter", Prepare(header, 2_000, ()), sealed, "mia")
    _, header, sealed = here.header("", 1_000)
    link = here.link("exeter")
    here.circle.state.links[link.id] = link._replace(may_be_owed=9_000)
    step = heard(here, "exeter", Prepare(header, 2_000, ()), sealed, "noa")
    here.step(step)


def arrived_too_late(here: Neighbourhood) -> None:
    _, header, sealed = here.header("", 25)
    step = heard(here, "exeter", Prepare(header, 25, ()), sealed, "mia")
    here.circle.now += DAY
    here.step(step)


def arrived_from_nobody(here: Neighbourhood) -> None:
    """An entry on a message that a stranger's key signed."""
    _, header, sealed = here.header("", 25)
    neighbour = here.neighbours["exeter"]
    stranger = replace(neighbour, name="luton", link=neighbour.link)
    wire, body = stranger.say(here.circle.state.circle, Prepare(header, 25, ()))
    good = heard(here, "exeter", Prepare(header, 25, ()), sealed, "mia")
    here.step(standing_on(good, wire, body))


def relayed_for_less(here: Neighbourhood) -> None:
    """What is left over goes to a member and not to the community."""
    _, header, sealed = here.header("luton", 7)
    here.hear("exeter", Prepare(header, 45, way(("luton", 7))), sealed)
    step = _committed(here, payment_id(header), "luton")
    mia = here.circle["mia"].account
    rewritten(here, step, Move(4, -45), Move(5, 42), Move(mia, 3))


def deferred_too_soon(here: Neighbourhood) -> None:
    _paid(here)
    mia, ann = here.circle["mia"], here.circle["ann"]
    order = here.circle.sign(ann, Defer(here.circle.state.size - 1), account=mia.account)
    moves = (Move(mia.account, 0, -110), Move(SUSPENSE, 0, 110))
    forge(here.circle, order, Decision("defer", "officer", moves, exempt=True))


def taken_back_by_the_payer(here: Neighbourhood) -> None:
    _paid(here)
    mia, number = here.circle["mia"], here.circle.state.size - 1
    here.circle.now += DAY
    order = here.circle.sign(mia, ReleaseOrder(number))
    moves = (Move(mia.account, 0, -110),)
    forge(here.circle, order, Decision("release", "member", moves, (EndHold(number),)))


def settled_by_the_payer(here: Neighbourhood) -> None:
    _paid(here)
    mia, noa, number = here.circle["mia"], here.circle["noa"], here.circle.state.size - 1
    order = here.circle.sign(mia, Settle(number, noa.account, 100))
    moves = (Move(mia.account, -100, -110), Move(noa.account, 100))
    decision = Decision("settle", "member", moves, (EndHold(number),), exempt=True)
    forge(here.circle, order, decision)


def paid_into_a_mirror(here: Neighbourhood) -> None:
    mia = here.circle["mia"]
    order = here.circle.sign(mia, Pay(((4, 10),)))
    forge(here.circle, order, Decision("pay", "member", (Move(mia.account, -10), Move(4, 10))))


def linked_with_other_keys(here: Neighbourhood) -> None:
    ours = our_party(here.circle.state.circle)._replace(decision=party("york").decision)
    wire = both_sign(make_agreement(1, b"hours", 9, 9, ours, party("york")), "york")
    here.step(terms.open_link(here.circle.state, wire))


def linked_under_another_number(here: Neighbourhood) -> None:
    ours = our_party(here.circle.state.circle)
    wire = both_sign(make_agreement(1, b"hours", 9, 9, ours, party("york")), "york")
    step = terms.open_link(here.circle.state, wire)
    rewritten(here, step, public=bytes(32))


def released_before_the_next_circle(here: Neighbourhood) -> None:
    """What the circle before holds is given up while ours may still become debt."""
    _, header, sealed = here.header("luton", 7)
    here.hear("exeter", Prepare(header, 45, way(("luton", 7))), sealed)
    here.step(Step(changes=(EndLinkHold(here.link("exeter").id, payment_id(header)),)))
    said(here, "exeter", Release(payment_id(header), "limit"))


def collected_without_a_commit(here: Neighbourhood) -> None:
    _, header, sealed = here.header("luton", 7)
    here.hear("exeter", Prepare(header, 45, way(("luton", 7))), sealed)
    said(here, "exeter", Commit(payment_id(header), bytes(64)))


def sent_for_nobody(here: Neighbourhood) -> None:
    _, header, _ = here.header("york", 10)
    said(here, "exeter", Prepare(header, 10, ((id_of("york"), 10),)))


def sent_twice(here: Neighbourhood) -> None:
    """One payment over two links at once."""
    payment = _paid(here)
    transit: Transit = here.circle.state.transits[payment]
    said(here, "kent", Prepare(transit.header, 100, ((id_of("exeter"), 100),)))


def left_unanswered(here: Neighbourhood) -> None:
    """A PREPARE is taken and nothing said to it."""
    _, header, sealed = here.header("", 25)
    step = heard(here, "exeter", Prepare(header, 1, ()), sealed)
    taken = [each for each in step.changes if not getattr(each, "sent", False)]
    here.step(Step(changes=tuple(taken)))


def left_while_it_owes(here: Neighbourhood) -> None:
    here.commit("exeter", _paid(here), "exeter")
    said(here, "exeter", Leave(1))


def left_what_is_not_in_force(here: Neighbourhood) -> None:
    said(here, "exeter", Leave(2))


def declined_what_nobody_proposed(here: Neighbourhood) -> None:
    said(here, "exeter", Decline(bytes(32)))


def withdrew_what_nobody_proposed(here: Neighbourhood) -> None:
    said(here, "exeter", Withdraw(bytes(32)))


def lifted_a_limit_by_itself(here: Neighbourhood) -> None:
    """More is sent than may be owed."""
    link = here.link("kent")
    here.circle.state.links[link.id] = link._replace(
        may_owe=10**6, terms=link.terms._replace(hold_max=10**6)
    )
    here.pay(here.circle["mia"], "kent", 2_500, 1_100, way(("kent", 2_500)))


FORGERIES = (
    Case(charged_too_much, "has delta -110, which should be -100"),
    Case(somebody_else_charged, "has account 105, which should be 104"),
    Case(too_little_owed, "has delta -99, which should be -100"),
    Case(on_a_members_word, "the signed order has 2 fields"),
    Case(committed_by_somebody_else, "the payment's decider did not sign its COMMIT"),
    Case(settled_on_a_release, "a payment is settled without its COMMIT"),
    Case(settled_twice, "it has the number 1, and 2 comes next"),
    Case(arrived_for_less, "has delta -25, which should be -24"),
    Case(arrived_beyond_the_limit, "6000 could come to be owed, and 5000 may be"),
    Case(arrived_too_late, "a payment with deadline"),
    Case(arrived_from_nobody, "it is between other circles than its link"),
    Case(relayed_for_less, "should be 2"),
    Case(deferred_too_soon, "the other circle still has time to answer"),
    Case(taken_back_by_the_payer, "only another circle's answer resolves"),
    Case(settled_by_the_payer, "only another circle's answer resolves"),
    Case(paid_into_a_mirror, "only payments between circles touch account 4"),
    Case(linked_with_other_keys, "other keys than leaf 0 certifies"),
    Case(linked_under_another_number, "its public part is not"),
    Case(released_before_the_next_circle, "it gives up what may still become", "link_messages"),
    Case(collected_without_a_commit, "a COMMIT that no entry has booked", "link_messages"),
    Case(sent_for_nobody, "it sends a payment that nobody ordered", "link_messages"),
    Case(sent_twice, "it sends a payment that is under way", "link_messages"),
    Case(left_while_it_owes, "while something is owed", "link_messages"),
    Case(left_what_is_not_in_force, "an agreement that is not in force", "link_messages"),
    Case(declined_what_nobody_proposed, "it declines what is not", "link_messages"),
    Case(withdrew_what_nobody_proposed, "it withdraws what is not", "link_messages"),
    Case(left_unanswered, "its last PREPARE was not answered", "links"),
    Case(lifted_a_limit_by_itself, "more than one payment may carry", "link_messages"),
)


@pytest.mark.parametrize("case", FORGERIES, ids=lambda case: case.make.__name__)
async def test_a_forgery_between_circles_is_noticed_at_its_place(
    postgres_dsn: str, case: Case
) -> None:
    here = neighbourhood()
    case.make(here)
    connection = await asyncpg.connect(postgres_dsn)
    try:
        await create(connection, f"forged_{case.make.__name__}", here.circle)
        await connection.execute("SET session_replication_role = replica")
        for table, constraint in (
            ("accounts", "within_limits"),
            ("accounts", "accounts_held_check"),
        ):
            await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        await store(connection, here.circle, Edge(), here.changes)
        result = await check_log(connection)
    finally:
        await connection.close()
    first = result.problems[0]
    assert case.reason in first.reason, first
    assert first.row.startswith(case.row), first
    if not case.row:
        assert first.entry == here.circle.state.size - 1, first


def test_a_hold_for_another_circle_is_the_payers_until_it_is_deferred() -> None:
    """The scenarios above begin with what the ledger itself would never have let pass."""
    here = neighbourhood()
    _paid(here)
    mia, number = here.circle["mia"], here.circle.state.size - 1
    assert here.circle.try_(mia, ReleaseOrder(number)) == "hold-locked"
    assert here.circle.try_(mia, Settle(number, here.circle["noa"].account, 1)) == "hold-locked"
    assert here.circle.try_(mia, Pay(((4, 1),))) == "order-inconsistent"
    assert here.circle.try_(mia, Hold((4,), 1, here.circle.now)) == "order-inconsistent"
