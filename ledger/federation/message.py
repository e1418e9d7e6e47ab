"""What two circles send each other over their link: numbered, chained messages, of which each run
is signed, and statements of where the link stands (protocol.md, "Links").

Each direction has its own numbers and its own chain. A statement is about a pair of numbers: both
circles make the same bytes of it, so that two different ones convict whoever signed both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ledger import codec, keys
from ledger.codec import array_of, binary, integer, one_of
from ledger.errors import MalformedObject
from ledger.federation.agreement import AGREEMENT_BYTES_MAX
from ledger.federation.payment import CYCLE_MAX, HEADER_BYTES_MAX

MESSAGE_BYTES_MAX = 2600
STATEMENT_BYTES_MAX = 512
RUN_MAX = 64
"""Messages in a run: what one exchange carries, signed as one."""

RUN_BYTES_MAX = RUN_MAX * (MESSAGE_BYTES_MAX + 80)
FIRST = bytes(32)
"""Stands for the message before a direction's first."""


class Prepare(NamedTuple):
    """The sender owes ``amount`` (link units) if and only if the payment is committed.

    ``onward`` are the circles after the receiver and what the link to each is to carry. The sealed
    part, of which the header has the hash, travels beside the message, so that it can be forgotten.
    """

    header: bytes
    amount: int
    onward: tuple[tuple[bytes, int], ...]


class Commit(NamedTuple):
    """The creditor shows the decider's COMMIT: the hold on the payment is debt now."""

    payment: bytes
    signature: bytes


class Release(NamedTuple):
    """The creditor gives up its hold on the payment; ``reason`` is one of REASONS."""

    payment: bytes
    reason: str


class Raise(NamedTuple):
    """The sender lets the receiver owe it up to ``owes_max``, never less than before."""

    owes_max: int


class Propose(NamedTuple):
    """The sender signed a new agreement and asks for the receiver's signature."""

    agreement: bytes
    signature: bytes


class Accept(NamedTuple):
    """The receiver's proposal of this hash, signed: it holds from here on."""

    agreement: bytes
    signature: bytes


class Withdraw(NamedTuple):
    """The sender asks to have its proposal of this hash declined, unless it is accepted already."""

    agreement: bytes


class Decline(NamedTuple):
    """The receiver's proposal of this hash is not accepted, and never will be."""

    agreement: bytes


class Suspend(NamedTuple):
    """The sender takes no new payments (1), or does again (0); those under way are resolved."""

    suspended: int


class Leave(NamedTuple):
    """The sender ends the agreement of this number, when nothing is owed and nothing under way."""

    number: int


Terms = Raise | Propose | Accept | Withdraw | Decline | Suspend | Leave
Content = Prepare | Commit | Release | Terms

REASONS = (
    "suspended",
    "unheard",
    "limit",
    "expired",
    "seen",
    "value",
    "route",
    "sealed",
    "payee",
    "given-up",
)
"""Why a creditor released: no payments are taken; the circle has started and was not told yet where
the next link stands; a limit of this link or the next; too late, or too long ahead; the payment
passed here before; less than it must be worth; no such link onward; the sealed part is not the
header's; the decider will not have it, which is its decision; a coordinator let it go at the
circle's own risk."""


class Message(NamedTuple):
    """One message: number ``seq`` (from 1) of ``sender`` on ``link``; ``previous`` is the hash of
    the one before."""

    link: bytes
    sender: bytes
    receiver: bytes
    seq: int
    previous: bytes
    kind: str
    content: bytes


class Statement(NamedTuple):
    """Where a link stands after message ``low_seq`` of the lower circle and ``high_seq`` of the
    higher, which have these hashes.

    ``tally`` is what the higher owes the lower, in link units; ``low_held`` what the lower may come
    to owe by payments under way, ``high_held`` the higher.
    """

    link: bytes
    agreement: int
    low_seq: int
    low_hash: bytes
    high_seq: int
    high_hash: bytes
    tally: int
    low_held: int
    high_held: int


_hash = binary(keys.HASH_BYTES)
_signature = binary(keys.SIGNATURE_BYTES)
_amount = integer(1)
_CONTENTS: dict[str, tuple[type[Content], codec.Shape]] = {
    "prepare": (
        Prepare,
        codec.record(
            header=binary(1, HEADER_BYTES_MAX),
            amount=_amount,
            onward=codec.array_of(codec.record(circle=_hash, amount=_amount), 0, CYCLE_MAX - 1),
        ),
    ),
    "commit": (Commit, codec.record(payment=_hash, signature=_signature)),
    "release": (Release, codec.record(payment=_hash, reason=one_of(*REASONS))),
    "raise": (Raise, codec.record(owes_max=integer(0))),
    "propose": (
        Propose,
        codec.record(agreement=binary(1, AGREEMENT_BYTES_MAX), signature=_signature),
    ),
    "accept": (Accept, codec.record(agreement=_hash, signature=_signature)),
    "withdraw": (Withdraw, codec.record(agreement=_hash)),
    "decline": (Decline, codec.record(agreement=_hash)),
    "suspend": (Suspend, codec.record(suspended=integer(0, 1))),
    "leave": (Leave, codec.record(number=integer(1))),
}
_KINDS = {made: kind for kind, (made, _) in _CONTENTS.items()}
_MESSAGE = codec.record(
    link=_hash,
    sender=_hash,
    receiver=_hash,
    seq=integer(1),
    previous=_hash,
    kind=one_of(*_CONTENTS),
    content=binary(1, MESSAGE_BYTES_MAX),
)
_STATEMENT = codec.record(
    link=_hash,
    agreement=integer(1),
    low_seq=integer(0),
    low_hash=_hash,
    high_seq=integer(0),
    high_hash=_hash,
    tally=integer(),
    low_held=integer(0),
    high_held=integer(0),
)
_SIGNED = codec.record(body=binary(1, STATEMENT_BYTES_MAX), signature=_signature)
_WIRE = codec.record(body=binary(1, MESSAGE_BYTES_MAX), signature=binary(0, keys.SIGNATURE_BYTES))
_RUN = array_of(binary(1, 2 * MESSAGE_BYTES_MAX), 1, RUN_MAX)


def write_message(
    link: bytes, sender: bytes, receiver: bytes, seq: int, previous: bytes, content: Content
) -> bytes:
    """The body of a message, to be signed. Raises MalformedObject for a content out of bounds."""
    kind = _KINDS[type(content)]
    packed = codec.write(content, _CONTENTS[kind][1], MESSAGE_BYTES_MAX, kind)
    message = Message(link, sender, receiver, seq, previous, kind, packed)
    return codec.write(message, _MESSAGE, MESSAGE_BYTES_MAX, "link message")


def read_message(body: bytes) -> tuple[Message, Content]:
    """Parse a message's body. Raises MalformedObject."""
    message = Message._make(codec.decode(body, _MESSAGE, MESSAGE_BYTES_MAX, "link message"))
    made, shape = _CONTENTS[message.kind]
    content = made._make(codec.decode(message.content, shape, MESSAGE_BYTES_MAX, message.kind))
    return message, content


def message_hash(body: bytes) -> bytes:
    """What the next message of this direction names as its previous one."""
    return keys.object_id(keys.MESSAGE, body)


def write_wire(body: bytes, signature: bytes = b"") -> bytes:
    """The wire form: [body, signature of the sender's link key], the latter empty for a message
    that another of its run follows."""
    return codec.encode((body, signature))


def body_of(wire: bytes) -> bytes:
    """The body of a message, whether it is signed or not. Raises MalformedObject."""
    return _read_wire(wire)[0]


def _read_wire(wire: bytes) -> tuple[bytes, bytes]:
    body, signature = codec.decode(wire, _WIRE, 2 * MESSAGE_BYTES_MAX, "link message")
    if len(signature) not in (0, keys.SIGNATURE_BYTES):
        raise MalformedObject("link message", f"a signature has {keys.SIGNATURE_BYTES} bytes")
    return body, signature


def sign_run(wires: Sequence[bytes], link_seed: bytes) -> tuple[bytes, ...]:
    """Messages that follow each other, the last one signed, and by the chain of hashes all."""
    if not wires:
        return ()
    last = body_of(wires[-1])
    return (*wires[:-1], write_wire(last, keys.sign(keys.MESSAGE, last, link_seed)))


def open_run(wires: Sequence[bytes], link_key: bytes) -> list[tuple[bytes, Message, Content]]:
    """The bodies of a run, parsed: each names the one before, and the link key signed the last.

    Raises MalformedObject, InvalidSignature.
    """
    run = []
    signature = b""
    for wire in wires:
        if signature:
            raise MalformedObject("run of messages", "one before its last is signed")
        body, signature = _read_wire(wire)
        run.append((body, *read_message(body)))
    for (before, _, _), (_, message, _) in pairwise(run):
        if message.previous != message_hash(before):
            raise MalformedObject("run of messages", "they do not follow each other")
    if run:
        keys.verify(keys.MESSAGE, run[-1][0], signature, link_key)
    return run


def encode_run(wires: Sequence[bytes]) -> bytes:
    """A run as evidence: what its first message says, its sender signed."""
    return codec.encode(tuple(wires))


def decode_run(data: bytes) -> tuple[bytes, ...]:
    """The messages of a run in their wire form, no signature verified. Raises MalformedObject."""
    wires: tuple[bytes, ...] = codec.decode(data, _RUN, RUN_BYTES_MAX, "run of messages")
    return wires


def encode_statement(statement: Statement) -> bytes:
    """The bytes that both sign."""
    return codec.write(statement, _STATEMENT, STATEMENT_BYTES_MAX, "link statement")


def sign_statement(statement: Statement, link_seed: bytes) -> bytes:
    """The wire form: [body, signature]."""
    body = encode_statement(statement)
    return codec.encode((body, keys.sign(keys.STATEMENT, body, link_seed)))


def open_statement(wire: bytes, link_key: bytes) -> Statement:
    """Parse and verify. Raises MalformedObject, InvalidSignature."""
    body, signature = codec.decode(wire, _SIGNED, STATEMENT_BYTES_MAX, "signed link statement")
    keys.verify(keys.STATEMENT, body, signature, link_key)
    return Statement._make(codec.decode(body, _STATEMENT, STATEMENT_BYTES_MAX, "link statement"))


KINDS = tuple(_CONTENTS)
