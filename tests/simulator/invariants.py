"""What must be so between circles, whatever happened: one module for every tier.

A tier shows what a circle has written as :class:`Books`. Where a link stands is worked out here
again, from the signed messages alone and apart from the code under test; each rule returns what it
found wrong, in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, Protocol

from ledger import codec, keys, orders
from ledger.codec import binary
from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation.agreement import (
    Agreement,
    decode_agreement,
    open_agreement,
)
from ledger.federation.link import Link, PutEvidence, statement_of
from ledger.federation.message import (
    FIRST,
    MESSAGE_BYTES_MAX,
    RUN_MAX,
    Accept,
    Commit,
    Content,
    Decline,
    Leave,
    Message,
    Prepare,
    Propose,
    Raise,
    Release,
    Statement,
    Suspend,
    decode_run,
    message_hash,
    open_run,
    open_statement,
    read_message,
)
from ledger.federation.payment import decode_header, payment_id, verify_commit
from ledger.orders import COMMUNITY, FIRST_MEMBER, SUSPENSE
from ledger.state import State
from ledger.verdict import Move

MILLION = 1_000_000


class Row(NamedTuple):
    """An entry of a circle's log, with what it stands on; ``moves`` are its postings."""

    kind: str
    authority: str
    wire: bytes
    moves: tuple[Move, ...]
    log_time: int
    public: bytes = b""


class Books(Protocol):
    """What one circle has written. ``sound`` says that it is honest and never lost its past;
    ``honest`` may have lost it to a restored backup."""

    @property
    def name(self) -> str: ...

    @property
    def sound(self) -> bool: ...

    @property
    def honest(self) -> bool: ...

    @property
    def state(self) -> State: ...

    @property
    def rows(self) -> Sequence[Row]: ...

    @property
    def evidence(self) -> Sequence[PutEvidence]: ...

    def messages(self, link: bytes) -> Sequence[tuple[bool, bytes]]:
        """A link's messages in the order written: whether we sent it, and its wire."""


# --- at every moment ------------------------------------------------------------------------------


def check_state(state: State) -> Iterator[str]:
    """Sums that hold at every entry."""
    total = held = 0
    for account in state.accounts.values():
        total += account.balance
        held += account.held
    if total:
        yield f"the ledger sums to {total}"
    if held != sum(hold.amount for hold in state.holds.values()):
        yield f"accounts hold {held}, and open holds are of another sum"
    sums: dict[tuple[bytes, bool], tuple[int, int]] = {}
    for hold in state.link_holds.values():
        amount, count = sums.get((hold.link, hold.incoming), (0, 0))
        sums[hold.link, hold.incoming] = amount + hold.amount, count + 1
    for link in state.links.values():
        told = (link.incoming, link.incoming_count), (link.outgoing, link.outgoing_count)
        if told != (sums.get((link.id, True), (0, 0)), sums.get((link.id, False), (0, 0))):
            yield f"a link holds {told}, and its open holds are others"


# --- a link, from its messages alone --------------------------------------------------------------


class Held(NamedTuple):
    """A hold as the messages tell it; ``worth`` is exact, at the rate when it was made."""

    header: bytes
    amount: int
    worth: Fraction


@dataclass(slots=True)
class Told:
    """Where a link stands by its messages, as one side read and wrote them."""

    circle: bytes
    terms: Agreement
    may_owe: int
    may_be_owed: int
    owed: int = 0
    worth: Fraction = Fraction(0)
    resolved: int = 0
    ends: dict[bool, tuple[int, bytes]] = field(
        default_factory=lambda: {True: (0, FIRST), False: (0, FIRST)}
    )
    holds: dict[tuple[bool, bytes], Held] = field(default_factory=dict)
    done: dict[tuple[bool, bytes], str] = field(default_factory=dict)
    proposed: dict[tuple[bool, bytes], Agreement] = field(default_factory=dict)
    limit: int = 0
    most: int = 0
    suspended: bool = False
    left: bool = False
    hashes: dict[int, bytes] = field(default_factory=dict)
    unproven: int = 0
    asked: set[bytes] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    statements: dict[tuple[int, int], Statement] = field(default_factory=dict)

    def held(self, incoming: bool) -> int:
        return sum(hold.amount for (way, _), hold in self.holds.items() if way is incoming)


def read_link(books: Books, link: Link, first: bytes) -> Told:
    """Work out where the link stands from ``first``, its first agreement, and its messages."""
    terms = _agreement(first)
    ours, theirs = terms.party(link.circle), terms.other(link.circle)
    told = Told(link.circle, terms, ours.owes_max, theirs.owes_max, limit=theirs.owes_max)
    _note(told, link)
    messages = books.messages(link.id)
    for place, (sent, wire) in enumerate(messages):
        suspended = told.suspended or told.left
        _read(told, link, sent, wire)
        if sent or not _refused(messages[place : place + 2]):
            told.most = max(told.most, told.owed + told.held(True))
            if suspended and not sent and isinstance(_content(wire)[3], Prepare):
                told.wrong.append("a payment was taken over a suspended link")
    return told


def _refused(pair: Sequence[tuple[bool, bytes]]) -> bool:
    """Whether a PREPARE is released by the next message: it was never held."""
    if len(pair) < 2 or not pair[1][0]:
        return False
    (_, asked), (_, answered) = pair
    prepare, release = _content(asked)[3], _content(answered)[3]
    return (
        isinstance(prepare, Prepare)
        and isinstance(release, Release)
        and payment_id(prepare.header) == release.payment
    )


def _read(told: Told, link: Link, sent: bool, wire: bytes) -> None:
    signature, body, message, content = _content(wire)
    seq, previous = told.ends[sent]
    sender, receiver = (link.circle, link.peer) if sent else (link.peer, link.circle)
    fields = (message.link, message.sender, message.receiver, message.seq, message.previous)
    if fields != (link.id, sender, receiver, seq + 1, previous):
        told.wrong.append(f"message {seq + 1} does not follow the one before it")
    told.ends[sent] = message.seq, message_hash(body)
    if not sent:
        told.hashes[message.seq] = message_hash(body)
        told.unproven += 1
        if signature:
            told.unproven = 0
            if not _is_from(body, signature, told.terms.other(link.circle).link):
                told.wrong.append("a message is kept that its sender did not sign")
        elif told.unproven >= RUN_MAX:
            told.wrong.append("messages are kept of which no later one is signed")
    match content:
        case Prepare():
            _open(told, sent, content)
        case Commit(payment, signature):
            held = _end(told, sent, payment, "commit")
            if held is not None:
                _owe(told, sent, held, signature)
        case Release(payment):
            _end(told, sent, payment, "release")
        case Raise(owes_max):
            if sent:
                told.may_be_owed = max(told.may_be_owed, owes_max)
            else:
                told.may_owe = max(told.may_owe, owes_max)
        case Propose(agreement):
            number = keys.object_id(keys.AGREEMENT, agreement)
            told.proposed[sent, number] = decode_agreement(agreement)
        case Accept(agreement):
            terms = told.proposed.get((not sent, agreement))
            if terms is None or terms.number != told.terms.number + 1:
                told.wrong.append("an agreement was accepted that nobody proposed")
            else:
                told.terms = terms
                told.may_owe = terms.party(told.circle).owes_max
                told.may_be_owed = terms.other(told.circle).owes_max
                told.suspended = told.suspended and not told.left
                told.left = False
        case Decline(agreement):
            told.proposed.pop((not sent, agreement), None)
        case Suspend(suspended):
            told.suspended = bool(suspended) if sent else told.suspended
        case Leave():
            told.left = True
            if sent and (told.owed or told.holds):
                told.wrong.append("a circle left while something was owed or under way")
    told.limit = max(told.limit, told.may_be_owed)
    _note(told, link)


def _open(told: Told, sent: bool, prepare: Prepare) -> None:
    key = not sent, payment_id(prepare.header)
    if key in told.holds or (sent and key in told.done):
        told.wrong.append("one payment was prepared twice over one link")
    ours = told.terms.party(told.circle)
    worth = Fraction(prepare.amount * ours.own, ours.linked)
    told.holds[key] = Held(prepare.header, prepare.amount, worth)
    if not sent:
        told.asked.add(key[1])


def _end(told: Told, sent: bool, payment: bytes, how: str) -> Held | None:
    held = told.holds.pop((sent, payment), None)
    if held is None:
        told.wrong.append(f"a {how} resolved what was not held")
    told.done[sent, payment] = how
    return held


def _owe(told: Told, sent: bool, held: Held, signature: bytes) -> None:
    try:
        _verified(held.header, signature)
    except (InvalidSignature, MalformedObject):
        told.wrong.append("a commit was taken that its decider never signed")
    told.resolved += 1
    if sent:
        told.owed += held.amount
        told.worth += held.worth
    else:
        told.owed -= held.amount
        told.worth -= held.worth


def _note(told: Told, link: Link) -> None:
    statement = _statement(told, link)
    told.statements[statement.low_seq, statement.high_seq] = statement


def _statement(told: Told, link: Link) -> Statement:
    (sent, sent_hash), (received, received_hash) = told.ends[True], told.ends[False]
    outgoing, incoming = told.held(False), told.held(True)
    number = told.terms.number
    if told.circle == told.terms.low.circle:
        ends = (sent, sent_hash, received, received_hash)
        return Statement(link.id, number, *ends, told.owed, outgoing, incoming)
    ends = (received, received_hash, sent, sent_hash)
    return Statement(link.id, number, *ends, -told.owed, incoming, outgoing)


_WIRE = codec.record(body=binary(1, MESSAGE_BYTES_MAX), signature=binary(0, keys.SIGNATURE_BYTES))


@lru_cache(4096)
def _content(wire: bytes) -> tuple[bytes, bytes, Message, Content]:
    body, signature = codec.decode(wire, _WIRE, 2 * MESSAGE_BYTES_MAX, "link message")
    return signature, body, *read_message(body)


@lru_cache(4096)
def _verified(header: bytes, signature: bytes) -> None:
    verify_commit(header, signature)


@lru_cache(4096)
def _is_from(body: bytes, signature: bytes, link_key: bytes) -> bool:
    try:
        keys.verify(keys.MESSAGE, body, signature, link_key)
    except InvalidSignature:
        return False
    return True


@lru_cache(256)
def _agreement(wire: bytes) -> Agreement:
    return open_agreement(wire)


# --- one circle's books ---------------------------------------------------------------------------


def check_books(books: Books) -> Iterator[str]:
    """What a sound circle's own books must show, whoever its neighbours are."""
    state = books.state
    yield from check_state(state)
    first = {row.public: row.wire for row in books.rows if row.kind == "link"}
    for link in state.links.values():
        told = read_link(books, link, first[link.id])
        yield from told.wrong
        yield from _check_link(state, link, told)
        for evidence in books.evidence:
            if evidence.link == link.id and not _proves(evidence, link, told):
                yield f"what is kept as evidence of a contradicting {evidence.kind} proves nothing"
    yield from _check_rows(books)
    yield from _check_waiting(state)
    yield from _check_suspense(books)


def _check_link(state: State, link: Link, told: Told) -> Iterator[str]:
    ends = (link.sent.seq, link.sent.hash), (link.received.seq, link.received.hash)
    if ends != (told.ends[True], told.ends[False]):
        yield "a link is at other numbers than its messages"
    kept = link.owed, link.incoming, link.outgoing, link.may_owe, link.may_be_owed
    if kept != (told.owed, told.held(True), told.held(False), told.may_owe, told.may_be_owed):
        yield f"a link stands at {kept}, its messages come to another standing"
    if told.most > told.limit:
        yield f"a peer may have come to owe {told.most}, over the limit of {told.limit}"
    gained = told.worth + state.accounts[link.account].balance
    if gained < 0:
        yield f"rounding went against the circle by {-gained}"
    if abs(link.rounding - gained * MILLION) > told.resolved:
        yield f"rounding is told as {link.rounding} millionths, and was {gained}"


def _check_rows(books: Books) -> Iterator[str]:
    seen: dict[tuple[str, bytes], int] = {}
    for row in books.rows:
        if row.kind == "hold" and orders.parse(row.wire).order.header.circle != books.state.circle:
            yield "an order for another circle was taken"
        if row.authority != "peer":
            continue
        content = _about(row)
        if content is None:
            continue
        payment = _payment_of(content)
        kind = "settle" if row.kind == "release" else row.kind
        seen[kind, payment] = seen.get((kind, payment), 0) + 1
        yield from _check_row(books.state, row, content, payment)
    for (kind, _), times in seen.items():
        # A payment to ourselves comes in and goes out.
        if times > 1 + (kind == "relay"):
            yield f"one payment made {times} entries of the kind {kind}"


def _payment_of(content: Prepare | Commit | Release) -> bytes:
    return payment_id(content.header) if isinstance(content, Prepare) else content.payment


def _about(row: Row) -> Prepare | Commit | Release | None:
    """The message that an entry stands on; or None, for one about several payments at once."""
    try:
        content = _content(row.wire)[3]
    except MalformedObject:
        return None
    return content if isinstance(content, Prepare | Commit | Release) else None


def _check_row(state: State, row: Row, content: Content, payment: bytes) -> Iterator[str]:
    gains = sum(move.delta for move in row.moves if move.account == COMMUNITY)
    if gains < 0:
        yield f"the community paid {-gains} for a payment that passed through"
    members = [move for move in row.moves if move.account >= FIRST_MEMBER]
    if row.kind == "arrive" and isinstance(content, Prepare):
        header = decode_header(content.header)
        if row.log_time >= header.deadline:
            yield "a payment was decided after its deadline"
        if [move.delta for move in members] != [header.arrive]:
            yield "a payee got something else than the header says"
    elif row.kind == "settle":
        charged = -sum(move.delta for move in row.moves if move.delta < 0)
        transit = state.transits.get(payment)
        if transit is not None and charged > transit.most:
            yield f"a member who would send {transit.most} at most was charged {charged}"
    elif any(move.delta for move in members):
        yield f"a member's tokens moved by a {row.kind}"


def _check_waiting(state: State) -> Iterator[str]:
    """What waits here waits for the next circle, or for the word of the one before."""
    for (link_id, payment), hold in state.link_holds.items():
        transit = state.transits.get(payment)
        if transit is None:
            yield "a hold belongs to no payment that is known"
        elif hold.incoming and not transit.outgoing and not _is_cut_off(state, link_id):
            yield "a hold outlived its payment's way onward"
    for held in state.holds.values():
        transit = state.transits.get(held.evidence or b"")
        if held.evidence and (transit is None or not transit.outgoing):
            yield "a member's tokens are set aside for a payment that is not under way"


def _check_suspense(books: Books) -> Iterator[str]:
    """Suspense has what came in for a cycle that is not closed, and lacks what was advanced."""
    state = books.state
    transits = state.transits.values()
    if any(transit.deferred or _gave_up(books, transit.payment) for transit in transits):
        return  # a coordinator chose to let it bear more
    expected = 0
    for transit in transits:
        if transit.mine and transit.outgoing:
            expected += transit.collected
        elif transit.incoming and transit.status == "committed":
            expected -= transit.most
    if state.accounts[SUSPENSE].balance != expected:
        yield f"suspense has {state.accounts[SUSPENSE].balance}, and should have {expected}"


def _is_cut_off(state: State, link: bytes) -> bool:
    return state.links[link].status == "lost" or link in state.unconfirmed


# --- two circles, and all of them, at rest --------------------------------------------------------


def check_pair(one: Books, other: Books) -> Iterator[str]:
    """Two sound neighbours after all messages came through: one tally, and nothing between them."""
    for link in one.state.links.values():
        if link.peer != other.state.circle:
            continue
        back = other.state.links[link.id]
        if statement_of(link) != statement_of(back):
            yield "the two sides of a link state it differently"
        if link.owed != -back.owed:
            yield f"the tally is {link.owed} on one side and {-back.owed} on the other"
        if (link.may_owe, link.may_be_owed) != (back.may_be_owed, back.may_owe):
            yield "two neighbours keep different limits"
        for books, side, far in ((one, link, back), (other, back, link)):
            if side.status not in ("open", "suspended"):
                yield f"the link of two sound circles is {side.status}"
            if side.left != far.left:
                yield "only one of two circles knows that an agreement ended"
            if side.acked != side.sent.seq:
                yield "a message never came through"
            if side.id in books.state.unconfirmed:
                yield "a link stays unconfirmed"
            if not side.left and side.peer_suspended != (far.standing == "suspended"):
                yield "a suspension is known on one side only"
            if side.proposed != far.offered:
                yield "a proposal is known on one side only"
        if any(each.link == link.id for books in (one, other) for each in books.evidence):
            yield "a sound circle stands accused"


def _check_restored(books: Books, link: Link, other: Books) -> Iterator[str]:
    """An old backup that has lost nothing which it had sent takes again what it had received."""
    back = other.state.links[link.id]
    if back.status != "lost" and statement_of(link) != statement_of(back):
        yield f"{books.name}, {other.name}: a link is stuck since a backup was brought back"


def check_all(circles: Mapping[bytes, Books]) -> Iterator[str]:
    """Everything, at rest. ``circles`` are by their ids; of the unsound ones nothing is asked."""
    sound = {circle: books for circle, books in circles.items() if books.sound}
    for circle, books in sound.items():
        for wrong in check_books(books):
            yield f"{books.name}: {wrong}"
        for link in books.state.links.values():
            if link.peer in sound and circle < link.peer:
                for wrong in check_pair(books, sound[link.peer]):
                    yield f"{books.name}, {sound[link.peer].name}: {wrong}"
        for link in books.state.links.values():
            if circles[link.peer].honest and not circles[link.peer].sound:
                yield from _check_restored(books, link, circles[link.peer])
        for evidence in books.evidence:
            peer = circles[books.state.links[evidence.link].peer]
            if peer.honest and not peer.sound:
                yield f"{peer.name}: an honest circle that lost its past is convicted"
        for wrong in _check_payments(books, sound):
            yield f"{books.name}: {wrong}"


def _check_payments(books: Books, sound: Mapping[bytes, Books]) -> Iterator[str]:
    for payment, transit in books.state.transits.items():
        decider = decode_header(transit.header).decider
        if transit.status == "committed" and transit.commit:
            there = sound.get(decider)
            known = there.state.transits.get(payment) if there else None
            if there is not None and (known is None or not known.commit):
                yield "a payment was charged that did not arrive"
        if decider == books.state.circle and transit.commit and not transit.mine:
            yield from _check_charged(books, payment, sound)


def _check_charged(books: Books, payment: bytes, sound: Mapping[bytes, Books]) -> Iterator[str]:
    """Go back along a payment that arrived, as long as its circles are sound."""
    while True:
        transit = books.state.transits.get(payment)
        if transit is None or transit.status != "committed":
            if not _gave_up(books, payment):
                yield f"a payment arrived that {books.name} does not owe"
            return
        if not transit.came_from:
            return
        before = sound.get(books.state.links[transit.came_from].peer)
        if before is None:
            return
        books = before


def _gave_up(books: Books, payment: bytes) -> bool:
    return any(
        sent and _content(wire)[3] == Release(payment, "given-up")
        for link in books.state.links
        for sent, wire in books.messages(link)
    )


# --- proofs ---------------------------------------------------------------------------------------


def _proves(evidence: PutEvidence, link: Link, told: Told) -> bool:
    """Whether it convicts the peer to anyone who has the link's messages too."""
    try:
        if evidence.kind in ("statement", "past"):
            return _statement_proves(evidence, link, told)
        if evidence.kind == "account":  # beside another: what the peer counts
            return bool(open_statement(evidence.wire, link.theirs.link))
        body = open_run(decode_run(evidence.wire), link.theirs.link)[0][0]
        return _message_proves(evidence.kind, body, told)
    except (InvalidSignature, MalformedObject):
        return False


def _statement_proves(evidence: PutEvidence, link: Link, told: Told) -> bool:
    statement = open_statement(evidence.wire, link.theirs.link)
    if evidence.kind == "past":
        we_are_low = link.circle == link.terms.low.circle
        return (statement.low_seq if we_are_low else statement.high_seq) > 0
    ours = told.statements.get((statement.low_seq, statement.high_seq))
    return ours is not None and ours != statement


def _message_proves(kind: str, body: bytes, told: Told) -> bool:
    try:
        message, content = read_message(body)
    except MalformedObject:
        return kind == "message"
    taken = told.hashes
    if kind == "message":
        if message.seq in taken:
            return taken[message.seq] != message_hash(body) or _malformed(content)
        return taken.get(message.seq - 1, FIRST) != message.previous or _malformed(content)
    if kind == "prepare" and isinstance(content, Prepare):
        return payment_id(content.header) in told.asked
    if kind in ("commit", "release") and isinstance(content, Commit | Release):
        held = told.holds.get((False, content.payment))
        if held is None or not isinstance(content, Commit):
            return held is None
        return not _is_signed(held.header, content.signature)
    return kind == "terms"


def _malformed(content: Content) -> bool:
    if not isinstance(content, Prepare):
        return False
    try:
        decode_header(content.header)
    except MalformedObject:
        return True
    return False


def _is_signed(header: bytes, signature: bytes) -> bool:
    try:
        _verified(header, signature)
    except InvalidSignature:
        return False
    return True
