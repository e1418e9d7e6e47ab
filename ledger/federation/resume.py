"""What waited while a circle before could not be told: it is told once its link is confirmed."""

from __future__ import annotations

from ledger.federation.draft import Draft
from ledger.federation.receive import collect, let_go
from ledger.federation.step import Step
from ledger.federation.terms import tell_suspended
from ledger.orders import COMMUNITY, SUSPENSE
from ledger.state import State
from ledger.verdict import Decision, Move


def resume(state: State, link_id: bytes, wire: bytes, now: int) -> Step:
    """Tell the circle before what became of its payments while it could not be told, and that we
    take none from it, if that is so.

    To be called once the link is confirmed; ``wire`` is the statement that confirmed it. What
    suspense advanced comes back to it.
    """
    draft = Draft(state, now)
    tell_suspended(draft, link_id)
    account = state.links[link_id].account
    collected = advanced = 0
    for transit in state.transits.values():
        if transit.incoming != link_id or transit.status == "open":
            continue
        if transit.status == "released":
            draft.put_transit(let_go(draft, transit))
        else:
            collected += collect(draft, transit, transit.commit).value
            advanced += transit.most
            draft.put_transit(transit._replace(incoming=b""))
    if not advanced:
        return Step(changes=draft.changes())
    moves = [Move(account, -collected), Move(SUSPENSE, advanced)]
    if collected > advanced:
        moves.append(Move(COMMUNITY, collected - advanced))
    return Step(Decision("relay", "peer", tuple(moves), exempt=True), wire, (), draft.changes())
