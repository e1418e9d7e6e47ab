"""A circle's node, as far as links go: what it has in memory, what it has written, and exchanges.

A step is made in memory, then written, and only then is anything sent or answered for it. A crash
leaves what was written; each link then waits until its peer has said where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

from ledger import keys
from ledger.append import append
from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation.confirm import confirm
from ledger.federation.link import (
    FederationChange,
    Link,
    PutEvidence,
    PutMessage,
    statement_of,
)
from ledger.federation.message import (
    Prepare,
    message_hash,
    open_run,
    open_statement,
    read_message,
    sign_run,
    sign_statement,
)
from ledger.federation.payment import box_keys, decode_header, payment_id, unseal
from ledger.federation.receive import Keys, Received, receive
from ledger.federation.resume import resume
from ledger.federation.step import Step
from ledger.state import State, apply
from ledger.verdict import Decision
from tests.simulator.founding import copy_state, key_of, secret_of, seed_of
from tests.simulator.invariants import Row

SECRET = b"\1" * 32
# What came once is verified once: most of what is said is said again.
_open_run = lru_cache(8192)(open_run)
_sign_run = lru_cache(8192)(sign_run)
_open_statement = lru_cache(8192)(open_statement)
_read_message = lru_cache(8192)(read_message)
_box_keys = lru_cache(64)(box_keys)

EXCHANGE_MAX = 8
"""Messages of one request or answer."""


class Request(NamedTuple):
    """What a circle says over a link, and asks the peer to answer. ``serial`` tells it from others;
    ``life`` is how often the sender has been started."""

    link: bytes
    sender: bytes
    life: int
    serial: int
    statement: bytes
    messages: tuple[tuple[bytes, bytes], ...]


class Answer(NamedTuple):
    """The peer's side of an exchange, for the request of that life and serial."""

    link: bytes
    sender: bytes
    life: int
    serial: int
    statement: bytes
    messages: tuple[tuple[bytes, bytes], ...]


@dataclass(slots=True)
class Book:
    """What is written: it outlives a crash, and an older copy of it is a backup."""

    state: State
    written: dict[bytes, list[tuple[bool, bytes]]] = field(default_factory=dict)
    sent: dict[bytes, list[tuple[bytes, bytes]]] = field(default_factory=dict)
    received: dict[bytes, list[bytes]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    evidence: list[PutEvidence] = field(default_factory=list)

    def copy(self) -> Book:
        return Book(
            copy_state(self.state),
            {link: list(wires) for link, wires in self.written.items()},
            {link: list(wires) for link, wires in self.sent.items()},
            {link: list(hashes) for link, hashes in self.received.items()},
            list(self.rows),
            list(self.evidence),
        )


class Made(NamedTuple):
    """A step in memory that is not written yet."""

    entry: Decision | None
    wire: bytes
    changes: tuple[FederationChange, ...]
    personal: tuple[bytes, ...]
    now: int

    def step(self) -> Step:
        return Step(self.entry, self.wire, self.personal, self.changes)


def make(state: State, made: Made) -> None:
    """Change a state by a step."""
    if made.entry is not None:
        append(state, made.entry, made.wire, made.personal, SECRET, made.now)
    apply(state, made.changes)


def _is(message: PutMessage, link: bytes, seq: int) -> bool:
    """Whether it was received over the link under this number."""
    return (message.link, message.sent, message.seq) == (link, False, seq)


def _sealed(state: State, body: bytes) -> bytes:
    """What travels beside a message of ours: with a PREPARE, the sealed part."""
    content = read_message(body)[1]
    if not isinstance(content, Prepare):
        return b""
    return state.transits[payment_id(content.header)].sealed


@dataclass(slots=True)
class Circle:
    """One node. ``clock`` is how far its clock is ahead of the simulation's, in milliseconds."""

    number: int
    book: Book
    state: State
    clock: int = 0
    up: bool = True
    life: int = 0
    honest: bool = True
    restored: bool = False
    pending: list[Made] = field(default_factory=list)
    after: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    count: int = 0
    serial: int = 0
    refused: int = 0
    said: dict[bytes, tuple[Link, bytes]] = field(default_factory=dict)
    backup: Book | None = None
    payees: dict[str, int] = field(default_factory=dict)
    whim: Callable[[bytes, bytes, bytes, int], bool] | None = None
    taken: set[bytes] = field(default_factory=set)

    @property
    def name(self) -> str:
        return f"circle {self.number}"

    @property
    def id(self) -> bytes:
        return self.book.state.circle

    @property
    def sound(self) -> bool:
        return self.honest and not self.restored

    @property
    def rows(self) -> Sequence[Row]:
        return self.book.rows

    @property
    def evidence(self) -> Sequence[PutEvidence]:
        return self.book.evidence

    def messages(self, link: bytes) -> Sequence[tuple[bool, bytes]]:
        return self.book.written.get(link, ())

    @property
    def secrets(self) -> Keys:
        return Keys(key_of(self.number, "decision"), secret_of(self.number, "decision"))

    # --- steps ------------------------------------------------------------------------------------

    def take(self, step: Step, now: int) -> None:
        """Make a step in memory; it is written later."""
        if step.entry is None and not step.changes:
            return
        made = Made(step.entry, step.wire, step.changes, step.personal, now)
        make(self.state, made)
        self.pending.append(made)
        self.count += 1

    def write(self, most: int | None = None) -> list[bytes]:
        """Write what is pending, or the first ``most`` of it. Returns the links with new messages.

        What waited for it is still to be done: :meth:`due`.
        """
        batch = self.pending[:most]
        links: list[bytes] = []
        for made in batch:
            links += self._write(made)
        del self.pending[: len(batch)]
        return links

    def due(self) -> list[Callable[[], None]]:
        """What may be sent now that all it stands on is written."""
        written = self.count - len(self.pending)
        ready = [act for count, act in self.after if count <= written]
        self.after = [each for each in self.after if each[0] > written]
        return ready

    def _write(self, made: Made) -> list[bytes]:
        book = self.book
        make(book.state, made)
        if made.entry is not None:
            entry = made.entry
            row = Row(entry.kind, entry.authority, made.wire, entry.moves, made.now, entry.public)
            book.rows.append(row)
        changes = made.changes if made.entry is None else (*made.entry.changes, *made.changes)
        links = []
        for change in changes:
            match change:
                case PutMessage(link, True, _, body, wire):
                    letter = wire, _sealed(book.state, body)
                    book.sent.setdefault(link, []).append(letter)
                    book.written.setdefault(link, []).append((True, wire))
                    links.append(link)
                case PutMessage(link, False, _, body, wire):
                    book.received.setdefault(link, []).append(message_hash(body))
                    book.written.setdefault(link, []).append((False, wire))
                case PutEvidence():
                    book.evidence.append(change)
                case _:
                    pass
        return links

    def crash(self, backup: Book | None) -> None:
        """Lose what is in memory; with a backup, what was written since then too."""
        if backup is not None:
            self.book = backup.copy()
            self.restored = True
        self.state = copy_state(self.book.state)
        self.state.unconfirmed = set(self.state.links)
        self.pending, self.after = [], []
        self.count, self.life = 0, self.life + 1
        self.said = {}
        self.taken = set()

    # --- exchanges --------------------------------------------------------------------------------

    def say(self, link_id: bytes) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
        """Our statement of a link, and the messages that the peer has not acknowledged, each with
        the sealed part that travels beside it."""
        link = self.book.state.links[link_id]
        known = self.said.get(link_id)
        if known is None or known[0] is not link:
            seed = secret_of(self.number, "link")
            known = self.said[link_id] = link, sign_statement(statement_of(link), seed)
        sent = self.book.sent.get(link_id, [])[link.acked : link.acked + EXCHANGE_MAX]
        run = _sign_run(tuple(wire for wire, _ in sent), secret_of(self.number, "link"))
        return known[1], tuple((wire, sealed) for wire, (_, sealed) in zip(run, sent, strict=True))

    def ask(self, link_id: bytes) -> Request:
        self.serial += 1
        return Request(link_id, self.id, self.life, self.serial, *self.say(link_id))

    def wants(self, link_id: bytes) -> bool:
        """Whether an exchange over the link has a purpose."""
        link = self.book.state.links[link_id]
        if link.status == "lost":
            return False
        return link.sent.seq > link.acked or link_id in self.state.unconfirmed

    def hear(self, heard: Request | Answer, now: int) -> None:
        """Take what a peer says over a link: its statement, and each message in turn."""
        link = self.state.links.get(heard.link)
        if link is None or link.peer != heard.sender:
            return
        fresh = isinstance(heard, Answer) and heard.life == self.life
        try:
            self._hear_statement(link, heard.statement, fresh, now)
            run = tuple(wire for wire, _ in heard.messages)
            opened = _open_run(run, link.theirs.link)
            for place, ((body, _, _), (_, sealed)) in enumerate(
                zip(opened, heard.messages, strict=True)
            ):
                said = Received(
                    heard.link, run[place:], body, sealed=sealed, statement=heard.statement
                )
                self.hear_message(said, now)
        except (MalformedObject, InvalidSignature):
            self.refused += 1

    def _hear_statement(self, link: Link, wire: bytes, fresh: bool, now: int) -> None:
        statement = _open_statement(wire, link.theirs.link)
        mine = statement_of(link)
        if (mine.low_seq, mine.high_seq) == (statement.low_seq, statement.high_seq):
            self.taken.add(wire)
        step = confirm(self.state, link.id, statement, wire, now)
        self.take(step, now)
        if fresh and not step.fault and link.id in self.state.unconfirmed:
            self.state.unconfirmed.discard(link.id)
            self.take(resume(self.state, link.id, wire, now), now)

    def hear_message(self, said: Received, now: int) -> Step:
        """Take one verified message of a link's peer."""
        if self.whim is not None and self.whim(said.link, said.wire, said.sealed, now):
            return Step()
        message, content = _read_message(said.body)
        payee: int | None = None
        personal: tuple[bytes, ...] = ()
        if isinstance(content, Prepare):
            payee, personal = self._unseal(content, said.sealed)
        stored = self._stored(said.link, message.seq)
        received = replace(said, payee=payee, personal=personal, stored=stored)
        step = receive(self.state, self.secrets, received, now)
        if step.changes or not step.fault:
            self.taken.add(said.body)
        self.take(step, now)
        return step

    def _stored(self, link: bytes, seq: int) -> bytes:
        """The hash of the message that came under this number, be it written yet or not."""
        hashes = self.book.received.get(link, [])
        if seq <= len(hashes):
            return hashes[seq - 1]
        for made in self.pending:
            for change in made.changes:
                if isinstance(change, PutMessage) and _is(change, link, seq):
                    return message_hash(change.body)
        return b""

    def _unseal(self, prepare: Prepare, sealed: bytes) -> tuple[int | None, tuple[bytes, ...]]:
        try:
            if decode_header(prepare.header).decider != self.id:
                return None, ()
            inside = unseal(sealed, _box_keys(seed_of(self.number, "decision")))
        except MalformedObject:
            return None, ()
        return self.payees.get(inside.payee), (keys.text_commitment(inside.salt, inside.text),)
