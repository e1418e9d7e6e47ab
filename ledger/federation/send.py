"""Where payments between circles begin: with a member's hold, or with a cycle of debt to clear."""

from __future__ import annotations

from ledger.errors import RouteUnusable
from ledger.federation.agreement import link_id, worth_at_most
from ledger.federation.draft import Draft
from ledger.federation.forward import forward, try_ways
from ledger.federation.link import FederationChange, Transit, Way
from ledger.federation.message import Release
from ledger.federation.payment import (
    HOPS_MAX,
    LIFETIME_MS_MAX,
    decode_header,
    payment_id,
    sealed_hash,
)
from ledger.federation.route import WAYS_MAX, Route
from ledger.federation.step import UNHEARD, Step
from ledger.state import State

GIVE_UP_MS = 30 * 24 * 3600 * 1000
"""How long a payment waits for the next circle before it may be given up."""


def send(
    state: State, now: int, hold: int, account: int, most: int, route: Route
) -> tuple[FederationChange, ...]:
    """Send a payment on its way, for which the entry ``hold`` sets ``most`` aside in ``account``.

    Raises MalformedObject, RouteUnusable.
    """
    header = decode_header(route.header)
    payment = payment_id(route.header)
    if sealed_hash(route.sealed) != header.sealed:
        raise RouteUnusable("its sealed part is not the one that its header names")
    if not now < header.deadline <= now + LIFETIME_MS_MAX:
        raise RouteUnusable("its deadline is over, or more than a day ahead")
    if header.decider == state.circle:
        raise RouteUnusable("the payee is of this circle: pay them here")
    if payment in state.transits:
        raise RouteUnusable("it was sent before")
    _check_ways(route.ways, header.decider)
    draft = Draft(state, now)
    transit = Transit(
        payment,
        route.header,
        route.sealed,
        now,
        hold=hold,
        account=account,
        most=most,
        ways=route.ways,
    )
    if not try_ways(draft, transit):
        raise RouteUnusable("no neighbouring circle takes it at the moment")
    return draft.changes()


def _check_ways(ways: tuple[Way, ...], decider: bytes) -> None:
    if not 0 < len(ways) <= WAYS_MAX:
        raise RouteUnusable(f"from 1 to {WAYS_MAX} ways are tried")
    for way in ways:
        if not 0 < len(way) <= HOPS_MAX or way[-1][0] != decider:
            raise RouteUnusable(f"a way crosses 1 to {HOPS_MAX} links and ends at the payee's")


def clear_cycle(state: State, now: int, route: Route) -> Step:
    """Pay ourselves around a cycle of circles, each of which owes the next (DESIGN: clearing).

    Nothing is set aside: until it has gone round, it is only what we may come to owe.
    """
    header = decode_header(route.header)
    payment = payment_id(route.header)
    [way] = route.ways
    first = state.links.get(link_id(state.circle, way[0][0]))
    if header.decider != state.circle or way[-1][0] != state.circle or payment in state.transits:
        return Step(fault="it is no new payment to ourselves")
    if first is None:
        return Step(fault="there is no link to its first circle")
    value = worth_at_most(first.ours, way[0][1])
    draft = Draft(state, now)
    transit = Transit(payment, route.header, route.sealed, now, most=value, mine=True)
    fault = forward(draft, transit, way, value)
    return Step(fault=fault) if fault is not None else Step(changes=draft.changes())


def give_up(state: State, now: int, payment: bytes) -> Step:
    """Let go of what the circle before holds for us, while ours at the next may still become debt.

    A coordinator's choice when the next circle was not heard of for a month: whatever comes of it,
    suspense bears it.
    """
    transit = state.transits.get(payment)
    if transit is None or not (transit.incoming and transit.outgoing):
        return Step(fault="no such payment waits here between two circles")
    if now < transit.since + GIVE_UP_MS:
        return Step(fault="the next circle has 30 days to answer")
    draft = Draft(state, now)
    if not draft.can_send(transit.incoming):
        return Step(fault=UNHEARD)
    draft.end(state.link_holds[transit.incoming, payment], committed=False)
    draft.send(transit.incoming, Release(payment, "given-up"))
    draft.put_transit(transit._replace(incoming=b""))
    return Step(changes=draft.changes())
