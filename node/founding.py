"""Making a circle: keys, charter, and the first coordinator's invitation.

The identity key certifies the working keys, is printed once, and is never written to the disk. The
paper key, printed too, signs the first entry after the charter: the invitation of a coordinator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ledger import keys, merkle, orders, tile
from ledger.append import Entry, append, genesis
from ledger.charter import (
    Certificate,
    Charter,
    Rules,
    certify,
    encode_charter,
    encode_rules,
    origin_of,
    terms_hash,
)
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.decide import Decision, Facts, decide_order
from ledger.merkle import EMPTY_FRONTIER
from ledger.note import make_signer
from ledger.orders import PAPER_PERSON, Header, Invite, Order, sign_order
from ledger.paper import INVITATION_BYTES, invitation_seed
from ledger.state import State
from node.connections import Connection
from node.keyring import Keyring
from node.store import (
    Batch,
    NewHead,
    Text,
    VerdictRow,
    commit,
)

INVITATION_MS = 30 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Founded:
    """A new circle, not yet stored. The three secrets are to be printed, and are nowhere else."""

    circle: bytes
    origin: str
    keyring: Keyring
    identity_seed: bytes = field(repr=False)
    paper_seed: bytes = field(repr=False)
    invitation_code: bytes = field(repr=False)
    state: State = field(repr=False)
    batch: Batch = field(repr=False)


def found(rules: Rules, now: int, entropy: Callable[[int], bytes]) -> Founded:
    """Draw the keys and decide the first two entries at ``now`` (Unix milliseconds)."""
    identity, paper, *working = (entropy(32) for _ in range(6))
    keyring = Keyring(*working)
    log, witness, link, decision = map(keys.public_key, working)
    identity_key = keys.public_key(identity)
    circle = keys.circle_id(identity_key)
    origin = origin_of(rules.address, circle, 1)
    encoded, paper_key = encode_rules(rules), keys.public_key(paper)
    terms = terms_hash(encoded, paper_key, ())
    certificate = Certificate(circle, 1, origin, log, witness, link, decision, terms)
    body, signature = certify(certificate, identity)
    charter = Charter(identity_key, body, signature, encoded, paper_key, ())
    state, first = genesis(encode_charter(charter), entropy(32), now)
    code = entropy(INVITATION_BYTES)
    batch = Batch(0, [first])
    _invite(state, batch, paper, code, now, entropy)
    return Founded(circle, origin, keyring, identity, paper, code, state, batch)


def _invite(
    state: State,
    batch: Batch,
    paper: bytes,
    code: bytes,
    now: int,
    entropy: Callable[[int], bytes],
) -> None:
    """The paper key invites the first coordinator, on the terms of any member."""
    rules = state.rules
    text = Text(entropy(32), b"The circle's first coordinator")
    header = Header(
        circle=state.circle,
        kind="invite",
        account=0,
        person=PAPER_PERSON,
        device=keys.public_key(paper),
        nonce=now,
        expires=now + orders.LIFETIME_MS_MAX,
        text=(keys.text_commitment(text.salt, text.body),),
    )
    key = keys.public_key(invitation_seed(code))
    act = Invite(key, rules.floor, rules.ceiling, rules.starter, "coordinator", now + INVITATION_MS)
    signed = sign_order(Order(header, act), paper)
    decision = decide_order(state, Facts(), signed, now)
    assert type(decision) is Decision, decision
    entry: Entry = append(state, decision, signed.wire, header.text, entropy(32), now)
    batch.entries.append(entry)
    batch.texts.append((entry.number, PAPER_PERSON, text))
    batch.verdicts.append(
        VerdictRow(header.device, header.nonce, signed.id, entry.number, None, header.expires)
    )


async def store(connection: Connection, founded: Founded) -> None:
    """Write a new circle into its empty, migrated schema, in one transaction."""
    leaves = [merkle.leaf_hash(entry.leaf) for entry in founded.batch.entries]
    extension = merkle.extend(EMPTY_FRONTIER, leaves)
    _, full = tile.fill_tiles({}, extension)
    checkpoint = Checkpoint(founded.origin, founded.state.size, extension.root)
    signer = make_signer(founded.origin, founded.keyring.log)
    head = NewHead(
        founded.state.size,
        extension.root,
        founded.state.log_time,
        b"".join(extension.frontier.hashes),
        sign_checkpoint(checkpoint, signer),
    )
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO head (size, root, log_time, frontier, checkpoint) "
            "VALUES (0, $1, 0, '', '')",
            merkle.root([]),
        )
        await connection.execute(
            "INSERT INTO rules (encoded) VALUES ($1)", encode_rules(founded.state.rules)
        )
        await commit(connection, founded.batch, head, full, founded.state.accounts)
