"""A message from a peer, in its turn: what becomes of the payment that it is about.

``PREPARE`` opens a hold here, and is committed, sent on or released in the same step. ``COMMIT``
and ``RELEASE`` resolve our hold at the next circle, and in the same step that of the circle before:
so there is no moment at which a circle in between owes and is not owed (protocol.md, "Payments
between circles").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation import terms
from ledger.federation.agreement import worth_at_least
from ledger.federation.draft import Draft
from ledger.federation.forward import forward, try_ways
from ledger.federation.link import End, Link, LinkHold, Transit, make_hold, rounded
from ledger.federation.message import (
    Commit,
    Prepare,
    Release,
    encode_run,
    message_hash,
    read_message,
)
from ledger.federation.payment import (
    LIFETIME_MS_MAX,
    decode_header,
    payment_id,
    sealed_hash,
    sign_commit,
    verify_commit,
)
from ledger.federation.step import Step, freeze
from ledger.orders import COMMUNITY, SUSPENSE
from ledger.state import EndHold, State
from ledger.verdict import Decision, Move


class Keys(NamedTuple):
    """The circle's own secret that a decider needs: the 32-byte seed of its decision key."""

    decision: bytes
    decision_seed: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """A message of a link: ``body``, and ``run``, the wire forms of it and of those that came
    after it, which the link's peer signed.

    For a PREPARE to us, ``payee`` is the account that its sealed part names, or None, and
    ``personal`` the commitment of its text. ``sealed`` came beside it. ``stored`` is the hash of
    the message that came under this number before, or b"". ``statement`` came with them.
    """

    link: bytes
    run: tuple[bytes, ...]
    body: bytes
    payee: int | None = None
    personal: tuple[bytes, ...] = ()
    sealed: bytes = b""
    stored: bytes = b""
    statement: bytes = b""

    @property
    def wire(self) -> bytes:
        return self.run[0]

    @property
    def proof(self) -> bytes:
        """What shows that the peer said this."""
        return encode_run(self.run)


def receive(state: State, keys: Keys, received: Received, now: int) -> Step:
    """Take one message at log time ``now``. Changes nothing itself.

    Raises MalformedObject for bytes that are no message; other faults are told by the step.
    """
    link = state.links[received.link]
    if link.status == "lost":
        return Step(fault="this circle lost its past, and takes nothing more over this link")
    message, content = read_message(received.body)
    if (message.link, message.sender, message.receiver) != (link.id, link.peer, link.circle):
        return Step(fault="it is for another link")
    if link.id in state.unconfirmed:
        return Step(fault="this circle has to hear first where the link stands")
    hashed = message_hash(received.body)
    if message.seq <= link.received.seq:
        before = link.received.hash if message.seq == link.received.seq else received.stored
        if before and hashed != before:
            return _contradicted(state, link, "message", received, now)
        return Step()
    if message.seq > link.received.seq + 1:
        return Step(fault=f"message {link.received.seq + 1} comes first")
    if message.previous != link.received.hash:
        return _contradicted(state, link, "message", received, now)
    draft = Draft(state, now)
    draft.took(link._replace(received=End(message.seq, hashed)), received.body, received.wire)
    match content:
        case Prepare():
            return _prepare(draft, keys, link.id, content, received)
        case Commit():
            return _commit(draft, link.id, content, received)
        case Release():
            return _release(draft, link.id, content, received)
        case _:
            try:
                return terms.take(draft, link.id, content)
            except (MalformedObject, InvalidSignature):
                return _contradicted(state, link, "terms", received, now)


def _contradicted(state: State, link: Link, kind: str, received: Received, now: int) -> Step:
    return freeze(state, link, kind, received.proof, now, received.statement)


# --- PREPARE --------------------------------------------------------------------------------------


def _prepare(
    draft: Draft, keys: Keys, link_id: bytes, prepare: Prepare, received: Received
) -> Step:
    payment = payment_id(prepare.header)
    state, before = draft.state, draft.state.links[link_id]
    try:
        header = decode_header(prepare.header)
    except MalformedObject:
        return _contradicted(state, before, "message", received, draft.now)
    hold = state.link_holds.get((link_id, payment))
    if hold is not None and hold.incoming:  # which of the two would a RELEASE end?
        return _contradicted(state, before, "prepare", received, draft.now)
    reason = _find_fault(draft, link_id, prepare, payment, received.sealed)
    if reason is None:
        if header.decider == state.circle:
            return _decide(draft, keys, link_id, prepare, received)
        reason = _send_on(draft, link_id, prepare, payment, received.sealed)
    if reason is not None:
        draft.send(link_id, Release(payment, reason))
    return Step(changes=draft.changes())


def _find_fault(
    draft: Draft, link_id: bytes, prepare: Prepare, payment: bytes, sealed: bytes
) -> str | None:
    link, now = draft.link(link_id), draft.now
    header = decode_header(prepare.header)
    known = draft.state.transits.get(payment)
    returns = known is not None and known.mine and not known.collected and known.status == "open"
    if known is not None and not returns:
        return "seen"
    if not link.takes_payments:
        return "suspended"
    over = prepare.amount > min(link.room_in, link.terms.hold_max)
    if over or link.incoming_count >= link.terms.holds_max:
        return "limit"
    if not now < header.deadline <= now + LIFETIME_MS_MAX:
        return "expired"
    if sealed_hash(sealed) != header.sealed:
        return "sealed"
    return None


def _send_on(
    draft: Draft, link_id: bytes, prepare: Prepare, payment: bytes, sealed: bytes
) -> str | None:
    """Hold it here and send it to the next circle; or say why not."""
    if not prepare.onward:
        return "route"
    hold = make_hold(draft.link(link_id), payment, True, prepare.amount, draft.now)
    transit = Transit(
        payment,
        prepare.header,
        sealed,
        draft.now,
        incoming=link_id,
        came_from=link_id,
    )
    reason = forward(draft, transit, prepare.onward, hold.value)
    if reason is None:
        draft.hold(hold)
    return reason


def _decide(draft: Draft, keys: Keys, link_id: bytes, prepare: Prepare, received: Received) -> Step:
    """We are the decider: the one decision on the payment is made here, and is final.

    What comes with too little, or is to go on from here, is not decided: it may come another way.
    """
    state, link = draft.state, draft.link(link_id)
    header, payment = decode_header(prepare.header), payment_id(prepare.header)
    known = state.transits.get(payment)
    worth = worth_at_least(link.ours, prepare.amount)
    transit = known or Transit(payment, prepare.header, b"", draft.now, came_from=link_id)
    if prepare.onward:
        reason = "route"
    elif header.decision != keys.decision or (
        known is None and not _can_be_paid(state, received.payee, header.arrive)
    ):
        reason = "payee"
    else:
        reason = "" if worth >= (known.most if known else header.arrive) else "value"
    if reason:
        if known is None and reason == "payee":
            draft.put_transit(transit._replace(status="released", reason=reason))
        draft.send(link_id, Release(payment, reason))
        return Step(changes=draft.changes())
    signature = sign_commit(payment, keys.decision_seed)
    draft.put(_owed_more(link, prepare.amount, worth if known else header.arrive))
    draft.send(link_id, Commit(payment, signature))
    if known is not None:
        draft.put_transit(known._replace(collected=worth, commit=signature))
        moves = (Move(link.account, -worth), Move(SUSPENSE, worth))
        entry = Decision("relay", "peer", moves, exempt=True)
        return Step(entry, received.wire, (), draft.changes())
    assert received.payee is not None, "a payee without fault is there"
    draft.put_transit(
        transit._replace(account=received.payee, status="committed", commit=signature)
    )
    moves = (Move(link.account, -header.arrive), Move(received.payee, header.arrive))
    entry = Decision("arrive", "peer", moves)
    return Step(entry, received.wire, received.personal, draft.changes())


def _owed_more(link: Link, amount: int, booked: int) -> Link:
    """The peer owes ``amount`` more, for which ``booked`` of our minor units were booked."""
    gained = rounded(link.ours, amount, booked)
    return link._replace(owed=link.owed + amount, rounding=link.rounding + gained)


def _can_be_paid(state: State, payee: int | None, arrive: int) -> bool:
    account = None if payee is None else state.accounts.get(payee)
    if account is None or account.closed or account.kind == "link":
        return False
    return account.balance + arrive <= account.ceiling


# --- COMMIT and RELEASE ---------------------------------------------------------------------------


def _find_hold(draft: Draft, link_id: bytes, payment: bytes) -> LinkHold | None:
    """Our hold on the link that the peer, its creditor, resolves."""
    hold = draft.state.link_holds.get((link_id, payment))
    return hold if hold is not None and not hold.incoming else None


def _commit(draft: Draft, link_id: bytes, commit: Commit, received: Received) -> Step:
    hold = _find_hold(draft, link_id, commit.payment)
    transit = draft.state.transits.get(commit.payment)
    link = draft.state.links[link_id]
    if hold is None or transit is None:
        return _contradicted(draft.state, link, "commit", received, draft.now)
    try:
        verify_commit(transit.header, commit.signature)
    except (InvalidSignature, MalformedObject):
        return _contradicted(draft.state, link, "commit", received, draft.now)
    draft.end(hold, committed=True)
    known = transit._replace(sealed=b"", outgoing=b"", status="committed", commit=commit.signature)
    waits = not draft.can_send(transit.incoming)
    draft.put_transit(known._replace(most=hold.value) if waits else known._replace(incoming=b""))
    if transit.incoming and not waits:
        entry = _relay(draft, transit, hold, commit.signature)
    elif transit.mine:
        entry = _close_cycle(draft, transit, hold)
    elif transit.hold:
        entry = _charge(draft, transit, hold)
    else:  # the circle before was let go, or cannot be told yet: suspense bears it
        moves = (Move(SUSPENSE, -hold.value), Move(link.account, hold.value))
        entry = Decision("relay", "peer", moves, exempt=True)
    return Step(entry, received.wire, (), draft.changes())


def collect(draft: Draft, transit: Transit, signature: bytes) -> LinkHold:
    """Show the COMMIT to the circle before, which owes us now."""
    before = draft.state.link_holds[transit.incoming, transit.payment]
    draft.end(before, committed=True)
    draft.send(transit.incoming, Commit(transit.payment, signature))
    return before


def _relay(draft: Draft, transit: Transit, hold: LinkHold, signature: bytes) -> Decision:
    """The circle before owes us now what we owe the next; what is left over is the community's."""
    before = collect(draft, transit, signature)
    link = draft.link(transit.incoming)
    moves = [
        Move(link.account, -before.value),
        Move(draft.state.links[hold.link].account, hold.value),
    ]
    if before.value > hold.value:
        moves.append(Move(COMMUNITY, before.value - hold.value))
    return Decision("relay", "peer", tuple(moves), exempt=True)


def _close_cycle(draft: Draft, transit: Transit, hold: LinkHold) -> Decision:
    """A payment to ourselves has gone round: what came in for it goes out."""
    moves = [
        Move(SUSPENSE, -transit.collected),
        Move(draft.state.links[hold.link].account, hold.value),
    ]
    if transit.collected > hold.value:
        moves.append(Move(COMMUNITY, transit.collected - hold.value))
    return Decision("relay", "peer", tuple(moves), exempt=True)


def _charge(draft: Draft, transit: Transit, hold: LinkHold) -> Decision:
    """The payer is charged what it cost; the rest of what was set aside is free again.

    Where suspense bears the hold, it bears too what the payer's limit now forbids.
    """
    payer = draft.state.accounts[transit.account]
    mirror = draft.state.links[hold.link].account
    if not transit.deferred:
        moves = [Move(payer.number, -hold.value, -transit.most), Move(mirror, hold.value)]
    else:
        room = 0 if payer.closed else max(0, payer.available - payer.floor)
        charged = min(hold.value, room)
        moves = [Move(SUSPENSE, charged - hold.value, -transit.most), Move(mirror, hold.value)]
        if charged:
            moves.append(Move(payer.number, -charged))
    return Decision("settle", "peer", tuple(moves), (EndHold(transit.hold),), exempt=True)


def _release(draft: Draft, link_id: bytes, release: Release, received: Received) -> Step:
    hold = _find_hold(draft, link_id, release.payment)
    transit = draft.state.transits.get(release.payment)
    if hold is None or transit is None:
        link = draft.state.links[link_id]
        return _contradicted(draft.state, link, "release", received, draft.now)
    draft.end(hold, committed=False)
    transit = transit._replace(outgoing=b"", reason=release.reason)
    if transit.incoming:
        if draft.can_send(transit.incoming):
            transit = let_go(draft, transit)
        draft.put_transit(transit._replace(sealed=b"", status="released"))
        return Step(changes=draft.changes())
    in_time = draft.now < decode_header(transit.header).deadline
    if transit.hold and in_time and try_ways(draft, transit):
        return Step(changes=draft.changes())
    draft.put_transit(transit._replace(sealed=b"", ways=(), status="released"))
    if transit.collected:  # it came in, and the first circle will not have it go out
        cleared = (Move(SUSPENSE, -transit.collected), Move(COMMUNITY, transit.collected))
        entry = Decision("relay", "peer", cleared, exempt=True)
        return Step(entry, received.wire, (), draft.changes())
    if not transit.hold:
        return Step(changes=draft.changes())
    bearer = SUSPENSE if transit.deferred else transit.account
    moves = (Move(bearer, 0, -transit.most),)
    entry = Decision("release", "peer", moves, (EndHold(transit.hold),))
    return Step(entry, received.wire, (), draft.changes())


def let_go(draft: Draft, transit: Transit) -> Transit:
    """Release what the circle before holds for us."""
    draft.end(draft.state.link_holds[transit.incoming, transit.payment], committed=False)
    draft.send(transit.incoming, Release(transit.payment, transit.reason))
    return transit._replace(incoming=b"")
