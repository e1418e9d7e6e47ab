"""Entries: what a decided order, or the circle itself, leaves in the log (protocol.md, "Entries").

A leaf is public and names nobody: it commits to the order, to each posting under a salt of its own,
and to the personal text. Whoever is shown an opening can check it against the leaf.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from ledger import codec, keys, merkle
from ledger.codec import ascii_text, binary, integer, optional
from ledger.errors import InvalidProof, MalformedObject
from ledger.orders import ORDER_KINDS

VERSION = 1
LEAF_BYTES_MAX = 8192
POSTINGS_MAX = 1001
"""A payer and 1,000 payees."""
POSTINGS_BYTES_MAX = 128 * POSTINGS_MAX
NO_POSTING = bytes(32)
"""Stands for the posting before an account's first."""

BETWEEN_CIRCLES = ("link", "arrive", "relay")
"""Entries that no order of a member stands behind: a mirror account for a new agreement, a payment
that arrived, and one that passed through."""
ENTRY_KINDS = (
    *("charter", "state"),
    *(kind for kind in ORDER_KINDS if kind != "join"),
    *BETWEEN_CIRCLES,
)
"""``join`` and ``open`` both leave an ``open`` entry; charter and state are the circle's own."""
AUTHORITIES = ("circle", "member", "officer", "mandate", "policy", "peer")
"""On whose word an entry stands; "policy" is a claim that nobody objected to in time."""


class Posting(NamedTuple):
    """The effect of an entry on one account, whose postings are numbered by ``seq`` from 1.

    ``balance`` and ``held`` are those after it; ``previous`` is the hash of the one before.
    """

    account: int
    seq: int
    delta: int
    balance: int
    held: int
    previous: bytes


class Leaf(NamedTuple):
    """The public record. ``log_time`` is Unix milliseconds; the last three are () or (hash,)."""

    version: int
    kind: str
    log_time: int
    public: bytes
    order: tuple[bytes, ...]
    postings: tuple[bytes, ...]
    personal: tuple[bytes, ...]


_hash = binary(keys.HASH_BYTES)
_LEAF = codec.record(
    version=integer(VERSION, VERSION),
    kind=ascii_text(1, 16),
    log_time=integer(0),
    public=binary(0, 4096),
    order=optional(_hash),
    postings=optional(_hash),
    personal=optional(_hash),
)
_POSTING = codec.record(
    account=integer(1),
    seq=integer(1),
    delta=integer(),
    balance=integer(),
    held=integer(0),
    previous=_hash,
)
_POSTINGS = codec.array_of(_POSTING, 0, POSTINGS_MAX)


def encode_leaf(leaf: Leaf) -> bytes:
    """The bytes that the tree hashes."""
    return codec.encode(leaf)


def decode_leaf(data: bytes) -> Leaf:
    """Parse a leaf. Raises MalformedObject, also for kinds that this version does not know."""
    leaf = Leaf._make(codec.decode(data, _LEAF, LEAF_BYTES_MAX, "leaf"))
    if leaf.kind not in ENTRY_KINDS:
        raise MalformedObject("leaf", f"{leaf.kind} is not a kind of entry")
    return leaf


def encode_posting(posting: Posting) -> bytes:
    """The canonical bytes of one posting, as committed."""
    return codec.encode(posting)


def decode_posting(data: bytes) -> Posting:
    """Parse a posting. Raises MalformedObject."""
    return Posting._make(codec.decode(data, _POSTING, 256, "posting"))


def decode_postings(data: bytes) -> tuple[Posting, ...]:
    """Parse the stored array of an entry's postings. Raises MalformedObject."""
    rows = codec.decode(data, _POSTINGS, POSTINGS_BYTES_MAX, "array of postings")
    return tuple(Posting._make(row) for row in rows)


def order_commitment(authority: str, wire: bytes, salt: bytes) -> bytes:
    """What a leaf says of the signed order and of the authority it was accepted on."""
    return sha256(keys.OPENING + salt + authority.encode("ascii") + b"\0" + wire).digest()


_POSTING_LEAF = merkle.LEAF + keys.POSTING


def posting_hash(posting: bytes, salt: bytes) -> bytes:
    """The leaf hash of a posting in its entry's tree; the account's next posting names it."""
    return sha256(_POSTING_LEAF + salt + posting).digest()


def verify_posting(
    posting: bytes, salt: bytes, position: int, count: int, path: Sequence[bytes], root: bytes
) -> Posting:
    """Check that ``posting`` is number ``position`` (from 0) of ``count`` under a postings root.

    The two numbers say how ``path`` is read. The root proves the posting, and not how many others
    there are beside it.

    Raises InvalidProof, MalformedObject.
    """
    if len(salt) != keys.SALT_BYTES:
        raise InvalidProof("A posting's salt has 32 bytes.")
    merkle.verify_inclusion(position, count, posting_hash(posting, salt), path, root)
    return decode_posting(posting)
