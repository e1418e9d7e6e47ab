"""How one message of a link changes where the link stands, and what is under way on it.

Where a link stands follows from the messages alone, in the order in which they were written. What
they move in the circle's own ledger is in entries: each names the message that it stands on.
"""

from __future__ import annotations

from node.check.findings import WrongEntry
from node.check.link_fields import (
    COMMIT_CONTEXT,
    MESSAGE_CONTEXT,
    Said,
    payment_of,
    read_header,
)
from node.check.link_rows import MILLION, LinkRow, Links, PaymentRow, Reserved
from node.check.link_terms import take_terms
from node.check.signing import is_signed


def worth_down(link: LinkRow, amount: int) -> int:
    """What the circle may give away for being owed so much."""
    ours, _ = link.terms.sides(link.circle)
    return amount * ours.own // ours.linked


def worth_up(link: LinkRow, amount: int) -> int:
    """What the circle takes for coming to owe so much."""
    ours, _ = link.terms.sides(link.circle)
    return (amount * ours.own + ours.linked - 1) // ours.linked


def hear(links: Links, said: Said, sent: bool) -> LinkRow:
    """The link of a message that is the next of its direction. One received is signed itself, or
    proven by the chain to a later one that is.

    Raises WrongEntry.
    """
    link = links.rows.get(said.link)
    if link is None:
        raise WrongEntry("there is no agreement behind its link")
    ours, theirs = link.terms.sides(links.circle)
    sender, receiver = (ours, theirs) if sent else (theirs, ours)
    seq, last = link.sent if sent else link.received
    if (said.sender, said.receiver) != (sender.circle, receiver.circle):
        raise WrongEntry("it is between other circles than its link")
    if said.seq != seq + 1:
        raise WrongEntry(f"it has the number {said.seq}, and {seq + 1} comes next")
    if said.previous != last:
        raise WrongEntry("it does not name the message before it")
    if said.signature and not is_signed(MESSAGE_CONTEXT + said.body, said.signature, sender.link):
        raise WrongEntry("its sender's link key did not sign it")
    if links.unanswered is not None and not sent:
        raise WrongEntry("the PREPARE before it was not answered")
    if sent:
        link.sent = said.seq, said.hash
        return link
    link.received = said.seq, said.hash
    if said.signature:
        links.signatures += 1
        link.proven = said.seq
    return link


def take(links: Links, said: Said, sent: bool) -> None:
    """A message that no entry stands on. Raises WrongEntry, MalformedObject."""
    link = hear(links, said, sent)
    match said.kind, sent:
        case "prepare", True:
            _send_prepare(links, link, said)
        case "prepare", False:
            links.unanswered = link.id, reserve(link, said, incoming=True)
        case "commit", True:
            _send_commit(links, link, said)
        case "commit", False:
            raise WrongEntry("it is a COMMIT that no entry books")
        case "release", True:
            _send_release(links, link, said)
        case "release", False:
            _take_release(links, link, said)
        case _:
            take_terms(link, said, sent)
    if links.unanswered is not None and sent:
        raise WrongEntry("it comes where a PREPARE is to be answered")


# --- holds ----------------------------------------------------------------------------------------


def reserve(link: LinkRow, said: Said, *, incoming: bool) -> Reserved:
    """The hold that a PREPARE asks for. Raises WrongEntry, MalformedObject."""
    header, amount, onward = said.content
    read_header(header)
    value = worth_down(link, amount) if incoming else worth_up(link, amount)
    gain = abs(link.millionths(amount) - value * MILLION)
    return Reserved(payment_of(header), header, amount, value, gain, onward)


def check_room(link: LinkRow, incoming: bool, more: int, more_holds: int) -> None:
    """Raise WrongEntry if what is owed and held, and so much more, is beyond what was agreed."""
    if link.left or link.suspended or link.peer_suspended:
        raise WrongEntry("a payment is taken over a link that takes none")
    held = len(link.incoming if incoming else link.outgoing) + more_holds
    if held > link.terms.holds_max:
        raise WrongEntry(f"{held} payments are under way, and {link.terms.holds_max} may be")
    most = link.may_be_owed if incoming else link.may_owe
    debt = link.owed + link.incoming_sum if incoming else link.outgoing_sum - link.owed
    if debt + more > most:
        raise WrongEntry(f"{debt + more} could come to be owed, and {most} may be")


def _hold(link: LinkRow, reserved: Reserved, incoming: bool) -> None:
    held = link.incoming if incoming else link.outgoing
    if reserved.payment in held:
        raise WrongEntry("the payment is held there already")
    if reserved.amount > link.terms.hold_max:
        raise WrongEntry(f"{reserved.amount} is more than one payment may carry")
    held[reserved.payment] = reserved
    if incoming:
        link.incoming_sum += reserved.amount
    else:
        link.outgoing_sum += reserved.amount
    check_room(link, incoming, 0, 0)


def drop(link: LinkRow, payment: bytes, *, incoming: bool) -> Reserved:
    """End a hold. Raises WrongEntry where there is none: a link resolves a payment once."""
    reserved = (link.incoming if incoming else link.outgoing).pop(payment, None)
    if reserved is None:
        raise WrongEntry(f"nothing is held there for the payment {payment.hex()}, or no longer")
    if incoming:
        link.incoming_sum -= reserved.amount
    else:
        link.outgoing_sum -= reserved.amount
    return reserved


def _send_prepare(links: Links, link: LinkRow, said: Said) -> None:
    reserved = reserve(link, said, incoming=False)
    row = links.payments.get(reserved.payment)
    way = ((link.peer, reserved.amount), *reserved.onward)
    if links.unanswered is not None:
        row = _send_on(links, row, way, reserved)
    elif row is None:
        row = _send_around(links, way, reserved)
    else:
        _send_for_member(row, way, reserved)
    row.outgoing = link.id
    _hold(link, reserved, incoming=False)


def _send_on(
    links: Links, row: PaymentRow | None, way: tuple[tuple[bytes, int], ...], reserved: Reserved
) -> PaymentRow:
    """As the circle before asks, which comes to owe at least as much."""
    assert links.unanswered is not None
    came_from, before = links.unanswered
    links.unanswered = None
    if reserved.header != before.header or row is not None:
        raise WrongEntry("it sends on another payment than the one before it, or one again")
    if read_header(reserved.header).decider == links.circle:
        raise WrongEntry("it sends on a payment that is ours to decide")
    if way != before.onward:
        raise WrongEntry("it does not go the way, for the amounts, that the PREPARE before it says")
    if reserved.value > before.value:
        raise WrongEntry(f"it gives away {reserved.value} for {before.value}")
    if way[0][0] == links.rows[came_from].peer:
        raise WrongEntry("it goes back where it came from")
    _hold(links.rows[came_from], before, incoming=True)
    made = PaymentRow(reserved.payment, reserved.header, incoming=came_from, came_from=came_from)
    links.payments[reserved.payment] = made
    return made


def _send_around(
    links: Links, way: tuple[tuple[bytes, int], ...], reserved: Reserved
) -> PaymentRow:
    """A payment to ourselves, of which nothing is set aside."""
    header = read_header(reserved.header)
    if header.decider != links.circle or way[-1][0] != links.circle:
        raise WrongEntry("it sends a payment that nobody ordered")
    made = PaymentRow(reserved.payment, reserved.header, most=reserved.value, mine=True)
    links.payments[reserved.payment] = made
    return made


def _send_for_member(
    row: PaymentRow, way: tuple[tuple[bytes, int], ...], reserved: Reserved
) -> None:
    if not row.hold or row.outgoing or row.status != "open":
        raise WrongEntry("it sends a payment that is under way, or was")
    row.header = reserved.header
    header = row.fields
    if header.deadline != row.deadline:
        raise WrongEntry("its deadline is not the one that the payer ordered")
    if way[-1][0] != header.decider:
        raise WrongEntry("its way does not end at the payee's circle")
    if reserved.value > row.most:
        raise WrongEntry(f"it sends {reserved.value}, and {row.most} are set aside")


def _send_commit(links: Links, link: LinkRow, said: Said) -> None:
    payment, signature = said.content
    due = links.due.pop((link.id, payment), None)
    if due is None:
        raise WrongEntry("it shows a COMMIT that no entry has booked")
    _check_commit(links, links.payment(payment), signature)
    amount, gain = due
    if payment in link.incoming:
        drop(link, payment, incoming=True)
    link.owed += amount
    link.rounding += gain


def _check_commit(links: Links, row: PaymentRow, signature: bytes) -> None:
    """It is the decider's signature: ours, where we decide."""
    if row.commit:
        if signature != row.commit:
            raise WrongEntry("it shows another signature than the one that came")
        return
    if not is_signed(COMMIT_CONTEXT + row.payment, signature, links.decision_key):
        raise WrongEntry("it shows a COMMIT that our decision key did not sign")
    row.commit = signature
    if not row.mine:
        links.finish(row)


def _send_release(links: Links, link: LinkRow, said: Said) -> None:
    payment, reason = said.content
    if links.unanswered is not None:
        came_from, before = links.unanswered
        if (came_from, before.payment) == (link.id, payment):
            links.unanswered = None
        return
    drop(link, payment, incoming=True)
    row = links.payment(payment)
    given_up = reason == "given-up" and row.outgoing != b""
    if row.incoming != link.id or not (given_up or row.status == "released"):
        raise WrongEntry("it gives up what may still become our debt")
    if not given_up and reason != row.reason:
        raise WrongEntry(f"it gives the reason {reason}, and it was {row.reason}")
    row.incoming = b""
    if not given_up:
        links.finish(row)


def _take_release(links: Links, link: LinkRow, said: Said) -> None:
    """One that no entry stands on: a member's payment goes another way now."""
    payment, reason = said.content
    drop(link, payment, incoming=False)
    row = links.payment(payment)
    row.outgoing, row.reason = b"", reason
    if row.collected:
        raise WrongEntry("it is a RELEASE of what has come in, and no entry books it")
    if row.hold:
        return
    row.status = "released"
    if not row.incoming:
        links.finish(row)
