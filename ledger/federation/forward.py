"""Sending a payment on over a link: at the payer's circle, and at every circle in between."""

from __future__ import annotations

from collections.abc import Set

from ledger.federation.agreement import link_id, worth_at_most
from ledger.federation.draft import Draft
from ledger.federation.link import Link, Transit, Way, make_hold
from ledger.federation.message import Prepare


def find_fault(link: Link | None, unconfirmed: Set[bytes], amount: int, value: int) -> str | None:
    """Why ``amount`` (link units) cannot go out over a link for ``value`` of our minor units; one
    of the reasons of a RELEASE, or None when it can."""
    if link is None:
        return "route"
    if not link.takes_payments:
        return "suspended"
    if link.id in unconfirmed:
        return "unheard"
    terms = link.terms
    if amount > min(link.room_out, terms.hold_max) or link.outgoing_count >= terms.holds_max:
        return "limit"
    if worth_at_most(link.ours, amount) > value:
        return "value"
    return None


def forward(draft: Draft, transit: Transit, way: Way, value: int) -> str | None:
    """Send the payment on along ``way``, for at most ``value`` of our minor units.

    Returns None when it is on its way, else the reason why it is not.
    """
    (peer, amount), *onward = way
    link = draft.state.links.get(link_id(draft.state.circle, peer))
    if link is not None:
        link = draft.link(link.id)
    fault = find_fault(link, draft.state.unconfirmed, amount, value)
    if fault is not None or link is None:
        return fault
    key = link.id, transit.payment
    if key in draft.state.link_holds or transit.came_from == link.id:
        return "seen"
    draft.hold(make_hold(link, transit.payment, False, amount, draft.now))
    draft.put_transit(transit._replace(outgoing=link.id))
    draft.send(link.id, Prepare(transit.header, amount, tuple(onward)))
    return None


def try_ways(draft: Draft, transit: Transit) -> bool:
    """Send a member's payment along the first way that takes it. Whether there was one.

    No link is tried twice: it resolves a payment once.
    """
    ways = list(transit.ways)
    while ways:
        way = ways.pop(0)
        first = link_id(draft.state.circle, way[0][0])
        rest = tuple(each for each in ways if link_id(draft.state.circle, each[0][0]) != first)
        if forward(draft, transit._replace(ways=rest), way, transit.most) is None:
            return True
    return False
