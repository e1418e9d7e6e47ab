"""What two circles tell each other about the link itself: limits, agreements, suspension."""

from __future__ import annotations

from dataclasses import replace

from ledger import codec, keys
from ledger.codec import AMOUNT_MAX, binary
from ledger.decide.verdict import Decision, Move
from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation.agreement import (
    AGREEMENT_BYTES_MAX,
    Agreement,
    decode_agreement,
    encode_agreement,
    join_agreement,
    open_agreement,
    sign_agreement,
)
from ledger.federation.draft import Draft
from ledger.federation.link import Link, PutLink, new_link
from ledger.federation.message import Accept, Propose, Raise, Suspend
from ledger.federation.step import UNHEARD, Step, freeze
from ledger.orders import FIRST_MEMBER, FIRST_MIRROR
from ledger.state import PutAccount, State

_OFFER = codec.record(body=binary(1, AGREEMENT_BYTES_MAX), signature=binary(keys.SIGNATURE_BYTES))


def take(
    draft: Draft, link_id: bytes, content: Raise | Propose | Accept | Suspend, wire: bytes
) -> Step:
    """A message about the link, from its peer."""
    link = draft.link(link_id)
    try:
        match content:
            case Raise(owes_max):
                draft.put(replace(link, may_owe=max(link.may_owe, owes_max)))
            case Suspend(suspended):
                draft.put(replace(link, peer_suspended=bool(suspended)))
            case Propose(body, signature):
                _check_proposal(link, decode_agreement(body))
                keys.verify(keys.AGREEMENT, body, signature, link.theirs.link)
                draft.put(replace(link, offered=codec.encode((body, signature))))
            case Accept(agreement, signature):
                draft.put(_accepted(link, agreement, signature))
    except (MalformedObject, InvalidSignature):
        return freeze(draft.state, draft.state.links[link_id], "terms", wire, draft.now)
    return Step(changes=draft.changes())


def _check_proposal(link: Link, agreement: Agreement) -> None:
    """A new agreement of the same two circles, with the keys they had."""
    if agreement.number != link.terms.number + 1:
        raise MalformedObject("agreement", f"its number is not {link.terms.number + 1}")
    for old, new in ((link.terms.low, agreement.low), (link.terms.high, agreement.high)):
        if old[:4] != new[:4]:
            raise MalformedObject("agreement", "its circles and keys are not those of this link")
    if agreement.unit != link.terms.unit:
        raise MalformedObject("agreement", "the link's unit stays what it is")


def _accepted(link: Link, agreement: bytes, signature: bytes) -> Link:
    if not link.proposed:
        raise MalformedObject("agreement", "nothing was proposed")
    body, ours = codec.decode(link.proposed, _OFFER, 2 * AGREEMENT_BYTES_MAX, "proposal")
    if keys.object_id(keys.AGREEMENT, body) != agreement:
        raise MalformedObject("agreement", "it is not the one that was proposed")
    return _with_terms(link, body, ours, signature)


def _with_terms(link: Link, body: bytes, ours: bytes, theirs: bytes) -> Link:
    we_are_low = link.circle == link.terms.low.circle
    wire = join_agreement(body, *((ours, theirs) if we_are_low else (theirs, ours)))
    terms = open_agreement(wire)
    return replace(
        link,
        agreement=wire,
        terms=terms,
        proposed=b"",
        offered=b"",
        may_owe=terms.party(link.circle).owes_max,
        may_be_owed=terms.other(link.circle).owes_max,
    )


def open_link(state: State, agreement: bytes) -> Step:
    """Open the link of an agreement that both signed, and its mirror account in our ledger.

    Raises MalformedObject, InvalidSignature for what is not a first agreement of ours.
    """
    number = max((link.account for link in state.links.values()), default=FIRST_MIRROR - 1) + 1
    link = new_link(state.circle, number, agreement)
    if link.terms.number != 1:
        raise MalformedObject("agreement", "the first one between two circles has number 1")
    if link.id in state.links:
        return Step(fault="there is an agreement with this circle already")
    if number >= FIRST_MEMBER:
        return Step(fault=f"a circle has at most {FIRST_MEMBER - FIRST_MIRROR} neighbours")
    nobody: frozenset[int] = frozenset()
    account = PutAccount(number, "link", -AMOUNT_MAX, AMOUNT_MAX, False, False, nobody)
    entry = Decision("link", "circle", (Move(number, 0),), (account,), public=link.id)
    return Step(entry, agreement, (), (PutLink(link),))


# --- our own wishes -------------------------------------------------------------------------------


def suspend(state: State, link_id: bytes, suspended: bool, now: int) -> Step:
    """Take no new payments over the link, or take them again."""
    draft = Draft(state, now)
    link = draft.link(link_id)
    wanted = "suspended" if suspended else "open"
    if link.status == wanted or link.status not in ("open", "suspended"):
        return Step(fault=f"the link is {link.status}")
    if not draft.can_send(link_id):
        return Step(fault=UNHEARD)
    draft.put(replace(link, status=wanted))
    draft.send(link_id, Suspend(int(suspended)))
    return Step(changes=draft.changes())


def allow(state: State, link_id: bytes, owes_max: int, now: int) -> Step:
    """Let the peer owe us more. It needs us alone, and cannot be taken back alone."""
    draft = Draft(state, now)
    link = draft.link(link_id)
    if not draft.can_send(link_id):
        return Step(fault=UNHEARD)
    if link.proposed:  # were it accepted meanwhile, each side would keep another limit
        return Step(fault="our last proposal is still with the peer")
    if owes_max <= link.may_be_owed:
        return Step(fault=f"the peer may owe {link.may_be_owed} already; less needs both to agree")
    most = owes_max + link.may_owe + link.terms.hold_max
    if (
        max(most, *(most * each.own // each.linked for each in (link.ours, link.theirs)))
        > AMOUNT_MAX
    ):
        return Step(fault=f"what may be owed would be over {AMOUNT_MAX}")
    draft.put(replace(link, may_be_owed=owes_max))
    draft.send(link_id, Raise(owes_max))
    return Step(changes=draft.changes())


def propose(state: State, link_id: bytes, agreement: Agreement, seed: bytes, now: int) -> Step:
    """Propose new terms, signed with our link key. Raises MalformedObject.

    There is one proposal at a time: the peer may have accepted the last one, which we do not know.
    """
    draft = Draft(state, now)
    link = draft.link(link_id)
    if not draft.can_send(link_id):
        return Step(fault=UNHEARD)
    if link.proposed:
        return Step(fault="our last proposal is still with the peer")
    _check_proposal(link, agreement)
    body = encode_agreement(agreement)
    signature = sign_agreement(body, seed)
    draft.put(replace(link, proposed=codec.encode((body, signature))))
    draft.send(link_id, Propose(body, signature))
    return Step(changes=draft.changes())


def accept(state: State, link_id: bytes, seed: bytes, now: int) -> Step:
    """Agree to what the peer proposed. Of two proposals that crossed, the lower circle's is it."""
    draft = Draft(state, now)
    link = draft.link(link_id)
    if not draft.can_send(link_id):
        return Step(fault=UNHEARD)
    if not link.offered:
        return Step(fault="the peer proposed nothing")
    if link.proposed and link.circle == link.terms.low.circle:
        return Step(fault="our own proposal is with the peer, and comes first")
    body, theirs = codec.decode(link.offered, _OFFER, 2 * AGREEMENT_BYTES_MAX, "proposal")
    ours = sign_agreement(body, seed)
    draft.put(_with_terms(link, body, ours, theirs))
    draft.send(link_id, Accept(keys.object_id(keys.AGREEMENT, body), ours))
    return Step(changes=draft.changes())
