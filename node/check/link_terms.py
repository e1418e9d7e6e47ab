"""What two circles tell each other about their link itself: limits, agreements, suspension."""

from __future__ import annotations

from hashlib import sha256

from ledger import codec
from node.check.findings import WrongEntry
from node.check.link_fields import AGREEMENT_CONTEXT, Said, read_agreement, read_terms
from node.check.link_rows import LinkRow
from node.check.signing import is_signed


def take_terms(link: LinkRow, said: Said, sent: bool) -> None:
    """Raises WrongEntry, MalformedObject."""
    match said.kind:
        case "suspend":
            (suspended,) = said.content
            if sent:
                link.suspended = bool(suspended)
            else:
                link.peer_suspended = bool(suspended)
        case "raise":
            (owes_max,) = said.content
            if not sent:
                link.may_owe = max(link.may_owe, owes_max)
            elif owes_max <= link.may_be_owed:
                raise WrongEntry("it lets the peer owe no more than before")
            else:
                link.may_be_owed = owes_max
        case "propose":
            _propose(link, said, sent)
        case "withdraw":
            _withdraw(link, said, sent)
        case "decline":
            _decline(link, said, sent)
        case "leave":
            _leave(link, said, sent)
        case _:
            _accept(link, said, sent)


def _propose(link: LinkRow, said: Said, sent: bool) -> None:
    body, signature = said.content
    terms, before = read_terms(body), link.terms
    if terms.number != before.number + 1 or terms.unit != before.unit:
        raise WrongEntry("it proposes what is not this agreement's next")
    if (terms.low[:4], terms.high[:4]) != (before.low[:4], before.high[:4]):
        raise WrongEntry("it proposes other circles or keys")
    ours, theirs = terms.sides(link.circle)
    if not is_signed(AGREEMENT_CONTEXT + body, signature, (ours if sent else theirs).link):
        raise WrongEntry("whoever proposes the agreement did not sign it")
    if sent:
        link.proposed = codec.encode((body, signature))
    else:
        link.offered = codec.encode((body, signature))


def _id_of(offer: bytes) -> bytes:
    """Of the agreement that is proposed, or b"" where none is."""
    if not offer:
        return b""
    body, _ = codec.unpack(offer, 4096, "proposal")
    return sha256(AGREEMENT_CONTEXT + body).digest()


def _withdraw(link: LinkRow, said: Said, sent: bool) -> None:
    """It changes nothing: whoever has the proposal ends it."""
    (named,) = said.content
    if sent and named != _id_of(link.proposed):
        raise WrongEntry("it withdraws what is not proposed")


def _decline(link: LinkRow, said: Said, sent: bool) -> None:
    """Received, it may come too late: of two proposals that crossed, one was accepted."""
    (named,) = said.content
    if sent and named != _id_of(link.offered):
        raise WrongEntry("it declines what is not proposed")
    if sent:
        link.offered = b""
    elif named == _id_of(link.proposed):
        link.proposed = b""


def _leave(link: LinkRow, said: Said, sent: bool) -> None:
    (number,) = said.content
    if number != link.terms.number:
        raise WrongEntry("it ends an agreement that is not in force")
    under_way = link.incoming or (sent and link.outgoing)
    if link.owed or under_way or (sent and link.proposed):
        raise WrongEntry("it ends the agreement while something is owed, proposed or under way")
    link.left, link.suspended, link.peer_suspended = True, False, False


def _accept(link: LinkRow, said: Said, sent: bool) -> None:
    named, signature = said.content
    offer = link.offered if sent else link.proposed
    if not offer:
        raise WrongEntry("it accepts what nobody proposed")
    body, proposer = codec.unpack(offer, 4096, "proposal")
    if sha256(AGREEMENT_CONTEXT + body).digest() != named:
        raise WrongEntry("it accepts another agreement than the one proposed")
    accepted_by_low = sent == (link.circle == link.terms.low.circle)
    pair = (signature, proposer) if accepted_by_low else (proposer, signature)
    link.agreement = codec.encode((body, *pair))
    link.terms = read_agreement(link.agreement)
    link.proposed = link.offered = b""
    if link.left:
        link.left = link.peer_suspended = False
    ours, theirs = link.terms.sides(link.circle)
    link.may_owe, link.may_be_owed = ours.owes_max, theirs.owes_max
