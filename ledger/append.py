"""Writing a decision into the state and the log: postings, their tree, and the leaf.

The hottest pure code of the service after the signature check: one call per accepted order.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger import codec, entry, keys, merkle
from ledger.charter import Certificate, Charter, Rules, decode_charter
from ledger.codec import AMOUNT_MAX
from ledger.entry import Leaf, Posting
from ledger.orders import COMMUNITY, FIRST_MEMBER, PAPER_PERSON, SUSPENSE, TREASURY
from ledger.state import Change, Device, PutAccount, PutDevice, State, apply, post
from ledger.verdict import Decision, Move


class Entry(NamedTuple):
    """One entry as written: the leaf, and the openings only some may see.

    ``number`` is its index in the log, ``wire`` the signed order (empty for the circle's own
    entries). ``salts`` derive from ``secret``: the order's, then the postings'. ``packed`` are the
    postings' bytes as committed, ``hashes`` their leaf hashes.
    """

    number: int
    kind: str
    log_time: int
    leaf: bytes
    authority: str
    wire: bytes
    secret: bytes
    salts: tuple[bytes, ...]
    postings: tuple[Posting, ...]
    packed: tuple[bytes, ...]
    hashes: tuple[bytes, ...]
    changes: tuple[Change, ...]


def append(
    state: State,
    decision: Decision,
    wire: bytes,
    personal: tuple[bytes, ...],
    secret: bytes,
    log_time: int,
) -> Entry:
    """Apply a decision made against this very state, and return its entry.

    ``secret`` is 32 random bytes of this entry alone; ``personal`` is () or (text commitment,).
    """
    if decision.changes:
        apply(state, decision.changes)
    kind, authority, moves, _, exempt, public = decision
    salts = keys.derive_salts(secret, len(moves))
    postings = []
    packed = []
    hashes = []
    for place, (number, delta, held) in enumerate(moves, 1):
        account = state.accounts[number]
        post(account, delta, held, exempt)
        posting = Posting(number, account.seq, delta, account.balance, account.held, account.last)
        encoded = codec.encode(posting)
        account.last = hashed = entry.posting_hash(encoded, salts[place])
        postings.append(posting)
        packed.append(encoded)
        hashes.append(hashed)
    order = (entry.order_commitment(authority, wire, salts[0]),) if wire else ()
    root = (merkle.root(hashes),) if hashes else ()
    leaf = Leaf(entry.VERSION, kind, log_time, public, order, root, personal)
    written = Entry(
        state.size,
        kind,
        log_time,
        entry.encode_leaf(leaf),
        authority,
        wire,
        secret,
        salts,
        tuple(postings),
        tuple(packed),
        tuple(hashes),
        decision.changes,
    )
    state.size += 1
    state.log_time = log_time
    return written


def genesis(public: bytes, secret: bytes, log_time: int) -> tuple[State, Entry]:
    """Leaf 0 of a circle: the charter, the circle's own accounts, and the paper key.

    ``public`` is the encoded charter. Raises MalformedObject, InvalidSignature.
    """
    charter, certificate, rules = decode_charter(public)
    state = State(certificate.circle, rules, next_account=FIRST_MEMBER, next_person=FIRST_MEMBER)
    changes = _founding(charter, certificate, rules)
    moves = (Move(TREASURY, 0), Move(COMMUNITY, 0), Move(SUSPENSE, 0))
    decision = Decision("charter", "circle", moves, changes, public=public)
    return state, append(state, decision, b"", (), secret, log_time)


def _founding(charter: Charter, certificate: Certificate, rules: Rules) -> tuple[Change, ...]:
    nobody: frozenset[int] = frozenset()
    own = (
        (TREASURY, "treasury", rules.treasury_floor),
        (COMMUNITY, "community", rules.community_floor),
        (SUSPENSE, "suspense", 0),
    )
    accounts = tuple(
        PutAccount(number, kind, floor, AMOUNT_MAX, False, False, nobody)
        for number, kind, floor in own
    )
    paper = Device(charter.paper, PAPER_PERSON, "paper", "paper key")
    return (*accounts, PutDevice(paper))


def state_entry(state: State, secret: bytes, log_time: int) -> Entry:
    """The daily entry that commits to every account: how many there are, and the root over each
    one's newest posting hash, in the order of their numbers."""
    newest = [state.accounts[number].last for number in sorted(state.accounts)]
    public = codec.encode((len(newest), merkle.root(newest)))
    return append(state, Decision("state", "circle", (), public=public), b"", (), secret, log_time)


def pack_postings(packed: tuple[bytes, ...]) -> bytes:
    """The canonical array of an entry's postings, as stored and exported."""
    count = len(packed)
    head = bytes((0x90 | count,)) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    return head + b"".join(packed)
