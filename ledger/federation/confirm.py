"""A statement of where a link stands, from its peer: what it acknowledges, and whether it fits."""

from __future__ import annotations

from ledger.federation.draft import Draft
from ledger.federation.link import statement_of
from ledger.federation.message import Statement
from ledger.federation.step import Step, freeze
from ledger.state import State


def confirm(
    state: State,
    link_id: bytes,
    theirs: Statement,
    wire: bytes,
    now: int,
    *,
    is_newest: bool = True,
) -> Step:
    """Take the peer's signed statement: it acknowledges our messages, and it must be as ours.

    ``wire`` is [body, signature]. Of the same pair of numbers there is one truth; a peer that
    knows of messages which we did not send knows a past that we have lost. One that has fewer of
    ours than it had, and no fewer of its own than we know, is an old backup that lost nothing it
    had said: it gets ours again. Only its newest word tells that; a bulletin's is not.
    """
    link = state.links[link_id]
    if theirs.link != link.id:
        return Step(fault="it is about another link")
    mine = statement_of(link)
    we_are_low = link.circle == link.terms.low.circle
    acked, said = theirs.low_seq, theirs.high_seq
    if not we_are_low:
        acked, said = said, acked
    if acked > link.sent.seq:
        return freeze(state, link, "past", wire, now)
    same = (theirs.low_seq, theirs.high_seq) == (mine.low_seq, mine.high_seq)
    if same and theirs != mine:
        return freeze(state, link, "statement", wire, now)
    if said < link.received.seq or not is_newest:  # overtaken, or it tells of less than it said
        acked = max(acked, link.acked)
    if acked == link.acked and not (same and link.agreed != wire):
        return Step()
    draft = Draft(state, now)
    agreed = wire if same else link.agreed
    draft.put(link._replace(acked=acked, agreed=agreed))
    return Step(changes=draft.changes())
