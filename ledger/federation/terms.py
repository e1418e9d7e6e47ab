"""What two circles tell each other about the link itself: limits, agreements, suspension."""

from __future__ import annotations

from ledger import codec, keys
from ledger.codec import AMOUNT_MAX, binary
from ledger.errors import MalformedObject
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
from ledger.federation.message import (
    Accept,
    Decline,
    Leave,
    Propose,
    Raise,
    Suspend,
    Terms,
    Withdraw,
)
from ledger.federation.step import UNHEARD, Step
from ledger.orders import FIRST_MEMBER, FIRST_MIRROR
from ledger.state import PutAccount, State
from ledger.verdict import Decision, Move

_OFFER = codec.record(body=binary(1, AGREEMENT_BYTES_MAX), signature=binary(keys.SIGNATURE_BYTES))


def take(draft: Draft, link_id: bytes, content: Terms) -> Step:
    """A message about the link, from its peer.

    Only who got a proposal ends it, by accepting or declining it. So a withdrawal that crosses an
    acceptance comes too late on both sides, whatever else crosses it.

    Raises MalformedObject, InvalidSignature for what contradicts what is known.
    """
    link = draft.link(link_id)
    match content:
        case Raise(owes_max):
            draft.put(link._replace(may_owe=max(link.may_owe, owes_max)))
        case Suspend(suspended):
            draft.put(link._replace(peer_suspended=bool(suspended)))
        case Propose(body, signature):
            _check_proposal(link, decode_agreement(body))
            keys.verify(keys.AGREEMENT, body, signature, link.theirs.link)
            draft.put(link._replace(offered=codec.encode((body, signature))))
        case Accept(agreement, signature):
            draft.put(_accepted(link, agreement, signature))
        case Withdraw(agreement):
            if link.offered and agreement == offer_id(link.offered):
                _decline(draft, link)
        case Decline(agreement):
            if link.proposed and agreement == offer_id(link.proposed):
                draft.put(link._replace(proposed=b""))
        case Leave(number):
            draft.put(_left(link, number))
    return Step(changes=draft.changes())


def open_offer(offer: bytes) -> tuple[bytes, bytes]:
    """The body and the signature of what was ``proposed`` or ``offered``."""
    body, signature = codec.decode(offer, _OFFER, 2 * AGREEMENT_BYTES_MAX, "proposal")
    return body, signature


def offer_id(offer: bytes) -> bytes:
    """The id of the agreement that was ``proposed`` or ``offered``."""
    return keys.object_id(keys.AGREEMENT, open_offer(offer)[0])


def _left(link: Link, number: int) -> Link:
    """The peer has nothing to pay or to get; what we sent meanwhile it releases."""
    if number != link.terms.number:
        raise MalformedObject("link message", f"agreement {number} is not in force")
    if link.owed or link.incoming_count:
        raise MalformedObject("link message", "it leaves while something is owed or under way")
    return _end(link)


def _end(link: Link) -> Link:
    """Whatever was suspended is no more, once there is another agreement."""
    status = "open" if link.status == "suspended" else link.status
    return link._replace(left=True, status=status, peer_suspended=False, suspending=False)


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
    body, ours = open_offer(link.proposed)
    if keys.object_id(keys.AGREEMENT, body) != agreement:
        raise MalformedObject("agreement", "it is not the one that was proposed")
    return _with_terms(link, body, ours, signature)


def _with_terms(link: Link, body: bytes, ours: bytes, theirs: bytes) -> Link:
    we_are_low = link.circle == link.terms.low.circle
    wire = join_agreement(body, *((ours, theirs) if we_are_low else (theirs, ours)))
    terms = open_agreement(wire)
    return link._replace(
        agreement=wire,
        terms=terms,
        proposed=b"",
        offered=b"",
        may_owe=terms.party(link.circle).owes_max,
        may_be_owed=terms.other(link.circle).owes_max,
        left=False,
        peer_suspended=link.peer_suspended and not link.left,
    )


def open_link(state: State, agreement: bytes) -> Step:
    """Open the link of an agreement that both signed, and its mirror account in our ledger.

    Raises MalformedObject, InvalidSignature for what is not a first agreement of ours.
    """
    number = max((link.account for link in state.links.values()), default=FIRST_MIRROR - 1) + 1
    link = new_link(state.circle, number, agreement)
    if link.terms.number != 1:
        raise MalformedObject("agreement", "the first one between two circles has number 1")
    before = state.links.get(link.id)
    if before is not None and before.left:
        return Step(fault="the last agreement with this circle has ended; propose new terms")
    if before is not None:
        return Step(fault="there is an agreement with this circle already")
    if number >= FIRST_MEMBER:
        return Step(fault=f"a circle has at most {FIRST_MEMBER - FIRST_MIRROR} neighbours")
    nobody: frozenset[int] = frozenset()
    account = PutAccount(number, "link", -AMOUNT_MAX, AMOUNT_MAX, False, False, nobody)
    entry = Decision("link", "circle", (Move(number, 0),), (account,), public=link.id)
    return Step(entry, agreement, (), (PutLink(link),))


# --- our own wishes -------------------------------------------------------------------------------


def suspend(state: State, link_id: bytes, suspended: bool, now: int) -> Step:
    """Take no new payments over the link, or take them again.

    From a peer that is not to be heard none are taken at once: it is told when it is heard again.
    """
    draft = Draft(state, now)
    link = draft.link(link_id)
    if link.left or link.status not in ("open", "suspended"):
        return Step(fault=f"the link is {link.standing}")
    if (link.standing == "suspended") == suspended:
        return Step(fault=f"the link is {link.standing}")
    if link.suspending and not suspended:
        draft.put(link._replace(suspending=False))
    elif draft.can_send(link_id):
        draft.put(link._replace(status="suspended" if suspended else "open"))
        draft.send(link_id, Suspend(int(suspended)))
    elif suspended:
        draft.put(link._replace(suspending=True))
    else:
        return Step(fault=UNHEARD)
    return Step(changes=draft.changes())


def tell_suspended(draft: Draft, link_id: bytes) -> None:
    """Tell a peer that is heard again what it could not be told."""
    link = draft.link(link_id)
    if link.suspending and link.status in ("open", "frozen"):
        status = "suspended" if link.status == "open" else link.status
        draft.put(link._replace(status=status, suspending=False))
        draft.send(link_id, Suspend(1))


def leave(state: State, link_id: bytes, now: int) -> Step:
    """End the agreement, when nothing is owed and nothing under way. It needs us alone."""
    draft = Draft(state, now)
    link = draft.link(link_id)
    if link.left:
        return Step(fault="the agreement has ended already")
    if link.incoming_count or link.outgoing_count:
        waiting = link.incoming_count + link.outgoing_count
        return Step(fault=f"{waiting} payments are still under way")
    if link.owed:
        debtor = "the peer still owes" if link.owed > 0 else "this circle still owes"
        return Step(fault=f"{debtor} {abs(link.owed)} {link.terms.unit.decode()}")
    if not draft.can_send(link_id):
        return Step(fault=UNHEARD)
    if link.proposed:  # were it accepted meanwhile, one side would have left and the other not
        return Step(fault="our last proposal is still with the peer; withdraw it first")
    if link.offered:
        _decline(draft, link)
    draft.put(_end(draft.link(link_id)))
    draft.send(link_id, Leave(link.terms.number))
    return Step(changes=draft.changes())


def allow(state: State, link_id: bytes, owes_max: int, now: int) -> Step:
    """Let the peer owe us more. It needs us alone, and cannot be taken back alone."""
    draft = Draft(state, now)
    link = draft.link(link_id)
    if link.left:
        return Step(fault="the agreement has ended")
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
    draft.put(link._replace(may_be_owed=owes_max))
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
    draft.put(link._replace(proposed=codec.encode((body, signature))))
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
    body, theirs = open_offer(link.offered)
    ours = sign_agreement(body, seed)
    draft.put(_with_terms(link, body, ours, theirs))
    draft.send(link_id, Accept(keys.object_id(keys.AGREEMENT, body), ours))
    return Step(changes=draft.changes())


def withdraw(state: State, link_id: bytes, now: int) -> Step:
    """Ask the peer to decline our proposal. It may have accepted it already, and then it holds."""
    draft = Draft(state, now)
    link = draft.link(link_id)
    if not draft.can_send(link_id):
        return Step(fault=UNHEARD)
    if not link.proposed:
        return Step(fault="nothing of ours is proposed")
    draft.send(link_id, Withdraw(offer_id(link.proposed)))
    return Step(changes=draft.changes())


def decline(state: State, link_id: bytes, now: int) -> Step:
    """Do not agree to what the peer proposed: it may propose something else."""
    draft = Draft(state, now)
    link = draft.link(link_id)
    if not draft.can_send(link_id):
        return Step(fault=UNHEARD)
    if not link.offered:
        return Step(fault="the peer proposed nothing")
    _decline(draft, link)
    return Step(changes=draft.changes())


def _decline(draft: Draft, link: Link) -> None:
    draft.put(link._replace(offered=b""))
    draft.send(link.id, Decline(offer_id(link.offered)))
