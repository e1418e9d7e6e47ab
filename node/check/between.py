"""What entries between circles must come to: on an agreement, or on what a peer signed.

protocol.md, "Links" and "Payments between circles".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from node.check.book import COMMUNITY, FIRST_MEMBER, SUSPENSE, AccountRow, Book, Effect, HoldRow
from node.check.fields import AMOUNT_MAX, DAY_MS
from node.check.findings import WrongEntry
from node.check.link_fields import (
    COMMIT_CONTEXT,
    STATEMENT_CONTEXT,
    Said,
    link_of,
    make_terms,
    payment_of,
    read_header,
)
from node.check.link_rows import MILLION, LinkRow, PaymentRow, Reserved
from node.check.links import check_room, drop, hear, reserve
from node.check.opening import Opened
from node.check.powers import by_coordinator
from node.check.signing import is_signed

FIRST_MIRROR = SUSPENSE + 1
DEFER_MS = 3 * DAY_MS
"""How long a payment waits before a coordinator may free its payer."""

Change = tuple[int, int, int]


def between_circles(book: Book, entry: Opened) -> Effect:
    """What an entry that no order of a member stands behind must say.

    Raises WrongEntry, MalformedObject.
    """
    if entry.personal and entry.kind != "arrive":
        raise WrongEntry("it has a text, and nobody here wrote it")
    basis, *fields = entry.act
    known = _ACTS.get((entry.kind, basis))
    if known is None:
        raise WrongEntry(f"no {basis} makes an entry of kind {entry.kind}")
    book.links.log_time = entry.now
    return known(book, entry, tuple(fields))


def link(book: Book, entry: Opened, fields: tuple[Any, ...]) -> Effect:
    """A mirror account for a new agreement, in the order of the agreements."""
    terms = make_terms(fields)
    ours, theirs = terms.sides(book.circle)
    links = book.links
    if (ours.link, ours.decision) != (links.link_key, links.decision_key):
        raise WrongEntry("the agreement names other keys than leaf 0 certifies")
    if terms.number != 1:
        raise WrongEntry(f"a link begins with agreement number {terms.number}")
    id_ = link_of(terms.low.circle, terms.high.circle)
    if id_ in links.rows:
        raise WrongEntry("there is a link with this circle already")
    account = FIRST_MIRROR + len(links.rows)
    if account >= FIRST_MEMBER:
        raise WrongEntry("there is no number left for another link's account")
    book.accounts[account] = AccountRow("link", -AMOUNT_MAX, AMOUNT_MAX, set())
    links.rows[id_] = LinkRow(
        *(id_, book.circle, theirs.circle, account, entry.wire, terms),
        may_owe=ours.owes_max,
        may_be_owed=theirs.owes_max,
    )
    return Effect("circle", ((account, 0, 0),), id_)


# --- a payment that comes in ----------------------------------------------------------------------


def _prepared(book: Book, entry: Opened, fields: tuple[Any, ...]) -> tuple[LinkRow, Reserved]:
    """The link and the hold of a PREPARE that is ours to decide, in time and within limits."""
    said = Said._make(fields)
    if said.kind != "prepare":
        raise WrongEntry(f"it stands on a message of kind {said.kind}, and not on a PREPARE")
    row = hear(book.links, said, sent=False)
    reserved = reserve(row, said, incoming=True)
    header = read_header(reserved.header)
    if (header.decider, header.decision) != (book.circle, book.links.decision_key):
        raise WrongEntry("it decides a payment that is another circle's to decide")
    if reserved.onward:
        raise WrongEntry("the payment was to go on from here")
    if not entry.now < header.deadline <= entry.now + DAY_MS:
        raise WrongEntry(f"it decides at {entry.now} a payment with deadline {header.deadline}")
    if reserved.amount > row.terms.hold_max:
        raise WrongEntry(f"{reserved.amount} is more than one payment may carry")
    check_room(row, True, reserved.amount, 1)
    return row, reserved


def arrive(book: Book, entry: Opened, fields: tuple[Any, ...]) -> Effect:
    """The payee, whom only the circle itself can read, gets exactly what was to arrive."""
    row, reserved = _prepared(book, entry, fields)
    header = read_header(reserved.header)
    if reserved.payment in book.links.payments:
        raise WrongEntry("the payment passed here before")
    if reserved.value < header.arrive:
        raise WrongEntry(f"{header.arrive} arrive, and {reserved.value} are owed for it")
    payee = entry.lines[1][0] if len(entry.lines) == 2 else 0
    if book.account(payee).kind != "member":
        raise WrongEntry(f"account {payee} is the circle's own")
    payment = PaymentRow(
        *(reserved.payment, reserved.header),
        since=entry.now,
        came_from=row.id,
        account=payee,
        status="committed",
    )
    book.links.payments[reserved.payment] = payment
    gain = reserved.gain + (reserved.value - header.arrive) * MILLION
    book.links.due[row.id, reserved.payment] = (reserved.amount, gain)
    return Effect("peer", ((row.account, -header.arrive, 0), (payee, header.arrive, 0)))


def come_round(book: Book, entry: Opened, fields: tuple[Any, ...]) -> Effect:
    """A payment to ourselves comes back: what it brought waits in suspense."""
    row, reserved = _prepared(book, entry, fields)
    payment = book.links.payment(reserved.payment)
    if not payment.mine or payment.collected or payment.status != "open":
        raise WrongEntry("the payment is not one to ourselves that is still out")
    if reserved.value < payment.most:
        raise WrongEntry(f"{payment.most} went out, and {reserved.value} come back")
    payment.collected = reserved.value
    book.links.due[row.id, reserved.payment] = (reserved.amount, reserved.gain)
    return Effect("peer", ((row.account, -reserved.value, 0), (SUSPENSE, reserved.value, 0)))


def come_in_vain(book: Book, entry: Opened, fields: tuple[Any, ...]) -> Effect:
    """A payment to ourselves came in, and the first circle gave up that it goes out."""
    payment = _released(book, fields)
    if not payment.collected:
        raise WrongEntry("a payment is relayed that nothing has come in for")
    brought = payment.collected
    return Effect("peer", ((SUSPENSE, -brought, 0), (COMMUNITY, brought, 0)))


# --- a payment that went out ----------------------------------------------------------------------


def _committed(book: Book, fields: tuple[Any, ...]) -> tuple[LinkRow, Reserved, PaymentRow]:
    """The link, the hold and the payment of a COMMIT that turns our hold into debt."""
    said = Said._make(fields)
    row = hear(book.links, said, sent=False)
    payment, signature = said.content
    reserved = drop(row, payment, incoming=False)
    decision = read_header(reserved.header).decision
    if not is_signed(COMMIT_CONTEXT + payment_of(reserved.header), signature, decision):
        raise WrongEntry("the payment's decider did not sign its COMMIT")
    known = book.links.payment(payment)
    known.outgoing, known.status, known.commit = b"", "committed", signature
    row.owed -= reserved.amount
    row.rounding += reserved.gain
    return row, reserved, known


def relay(book: Book, entry: Opened, fields: tuple[Any, ...]) -> Effect:
    """What becomes of a payment that is no member's of this circle."""
    match Said._make(fields).kind:
        case "prepare":
            return come_round(book, entry, fields)
        case "release":
            return come_in_vain(book, entry, fields)
        case "commit":
            pass
        case kind:
            raise WrongEntry(f"a payment is relayed on a message of kind {kind}")
    row, reserved, payment = _committed(book, fields)
    if payment.hold:
        raise WrongEntry("it passes on what a member has set tokens aside for")
    waits = bool(entry.lines) and entry.lines[0][0] == SUSPENSE
    if payment.incoming and not waits:
        before = _collect(book, payment)
        source, brought = before
    elif payment.mine:
        if not payment.collected:
            raise WrongEntry("a payment to ourselves is paid for before it has come round")
        source, brought = SUSPENSE, payment.collected
    else:
        source, brought = SUSPENSE, reserved.value
        if payment.incoming:
            payment.most = reserved.value
    if not payment.incoming:
        book.links.finish(payment)
    return Effect("peer", _through(((source, brought),), ((row.account, reserved.value),)))


def _collect(book: Book, payment: PaymentRow) -> tuple[int, int]:
    """The circle before owes us now, which our COMMIT tells it: its account, and how much."""
    row = book.links.rows[payment.incoming]
    reserved = row.incoming.get(payment.payment)
    if reserved is None:
        raise WrongEntry("nothing is held for it at the circle before")
    book.links.due[row.id, payment.payment] = (reserved.amount, reserved.gain)
    payment.incoming = b""
    return row.account, reserved.value


def _through(
    sources: Iterable[tuple[int, int]], targets: Iterable[tuple[int, int]]
) -> tuple[Change, ...]:
    """From some accounts to others; what is left over is the community's."""
    given = [(number, -amount, 0) for number, amount in sources]
    got = [(number, amount, 0) for number, amount in targets]
    left = -sum(delta for _, delta, _ in (*given, *got))
    return (*given, *got, *(((COMMUNITY, left, 0),) if left > 0 else ()))


def resumed(book: Book, entry: Opened, fields: tuple[Any, ...]) -> Effect:
    """The circle before says at last where the link stands: what suspense advanced comes back."""
    body, signature, statement = fields
    row = book.links.rows.get(statement[0])
    if row is None:
        raise WrongEntry("there is no agreement behind its link")
    _, theirs = row.terms.sides(book.circle)
    if not is_signed(STATEMENT_CONTEXT + body, signature, theirs.link):
        raise WrongEntry("the statement is not signed by the peer's link key")
    collected = advanced = 0
    for payment in book.links.payments.values():
        if payment.incoming == row.id and payment.status == "committed":
            advanced += payment.most
            collected += _collect(book, payment)[1]
            book.links.finish(payment)
    if not advanced:
        raise WrongEntry("suspense has advanced nothing for this link")
    return Effect("peer", _through(((row.account, collected),), ((SUSPENSE, advanced),)))


def settle(book: Book, entry: Opened, fields: tuple[Any, ...]) -> Effect:
    """The payer is charged what it cost, or suspense what the payer's limit forbids by now."""
    if Said._make(fields).kind != "commit":
        raise WrongEntry("a payment is settled without its COMMIT")
    row, reserved, payment = _committed(book, fields)
    hold = _members(book, payment)
    book.links.finish(payment)
    if not payment.deferred:
        own = (hold.account, -reserved.value, -hold.amount)
        return Effect("peer", (own, (row.account, reserved.value, 0)))
    payer = book.accounts[payment.account]
    room = 0 if payer.closed else max(0, payer.balance - payer.held - payer.floor)
    charged = min(room, reserved.value)
    changes = (
        (SUSPENSE, charged - reserved.value, -hold.amount),
        (row.account, reserved.value, 0),
        *(((payment.account, -charged, 0),) if charged else ()),
    )
    return Effect("peer", changes)


def release(book: Book, entry: Opened, fields: tuple[Any, ...]) -> Effect:
    """The last circle that would have taken the payment gave it up."""
    if Said._make(fields).kind != "release":
        raise WrongEntry("a payment is released that nobody gave up")
    hold = _members(book, _released(book, fields))
    return Effect("peer", ((hold.account, 0, -hold.amount),))


def _released(book: Book, fields: tuple[Any, ...]) -> PaymentRow:
    """The payment that a RELEASE ends."""
    said = Said._make(fields)
    row = hear(book.links, said, sent=False)
    named, reason = said.content
    drop(row, named, incoming=False)
    payment = book.links.payment(named)
    payment.outgoing, payment.reason, payment.status = b"", reason, "released"
    book.links.finish(payment)
    return payment


def _members(book: Book, payment: PaymentRow) -> HoldRow:
    """What a member here set aside for a payment, which ends with it."""
    hold = book.holds.pop(payment.hold, None)
    if hold is None or hold.evidence != (payment.payment,):
        raise WrongEntry("no member here has set tokens aside for it")
    return hold


_ACTS: dict[tuple[str, str], Callable[[Book, Opened, tuple[Any, ...]], Effect]] = {
    ("link", "agreement"): link,
    ("arrive", "message"): arrive,
    ("relay", "message"): relay,
    ("relay", "statement"): resumed,
    ("settle", "message"): settle,
    ("release", "message"): release,
}


# --- what a member orders -------------------------------------------------------------------------


def promise(book: Book, entry: Opened, evidence: bytes) -> None:
    """A hold for a payment into another circle, whose header and ways are not in the log."""
    payee, amount, until, window, coordinator, _ = entry.act
    if payee or window or coordinator:
        raise WrongEntry("what is set aside for another circle is for somebody here too")
    if not entry.now < until <= entry.now + DAY_MS:
        raise WrongEntry(f"the payment's deadline is {until}, and it was ordered at {entry.now}")
    if evidence in book.links.payments:
        raise WrongEntry("the payment was sent before")
    book.links.payments[evidence] = PaymentRow(
        evidence,
        deadline=until,
        since=entry.now,
        hold=entry.number,
        account=entry.account,
        most=amount,
    )


def defer(book: Book, entry: Opened) -> Effect:
    """A coordinator frees the payer after some days; suspense bears the hold from then on."""
    (index,) = entry.act
    book.account(entry.account)
    authority = by_coordinator(book, entry)
    hold = book.holds.get(index)
    if hold is None or hold.account != entry.account:
        raise WrongEntry(f"account {entry.account} set nothing aside under number {index}")
    payment = book.links.payments.get(hold.evidence[0]) if hold.evidence else None
    if payment is None or hold.account == SUSPENSE:
        raise WrongEntry("what it frees waits for no other circle")
    if entry.now < (payment.since or 0) + DEFER_MS:
        raise WrongEntry("the other circle still has time to answer")
    hold.account, payment.deferred = SUSPENSE, True
    return Effect(authority, ((entry.account, 0, -hold.amount), (SUSPENSE, 0, hold.amount)))
