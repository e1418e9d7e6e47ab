"""A circle's books without a node: orders decided and booked in memory, with receipts to match."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from client.records import KeptOrder, KeptReceipt, Memo, Opening, PinnedCircle
from ledger import keys, merkle
from ledger.amount import Unit, UnitKind
from ledger.append import Entry, append, genesis
from ledger.charter import (
    Certificate,
    Charter,
    Rules,
    certify,
    encode_charter,
    encode_rules,
    terms_hash,
)
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.decide import Decision, Facts, decide_order
from ledger.note import Signer, format_vkey, make_signer
from ledger.orders import Act, Header, Order, SignedOrder, cosign, kind_of, sign_order
from ledger.receipt import format_proof_lines, format_receipt
from ledger.state import State

NOW: Final = 1_790_000_000_000
DAY_MS: Final = 24 * 3600 * 1000


def seed_of(name: str) -> bytes:
    """A key's 32-byte seed, the same for the same name."""
    return hashlib.sha256(name.encode()).digest()


def rules() -> Rules:
    """Minutes, twenty hours of credit, ten hours to start with."""
    return Rules(
        name=b"Peckham Circle",
        address="peckham.example",
        unit_name=b"hour",
        unit_plural=b"hours",
        unit_kind="minutes",
        unit_scale=0,
        threshold=1,
        credit_limit_max=6000,
        credit_total_max=600_000,
        treasury_floor=-1_000_000,
        community_floor=-1_000_000,
        floor=-1200,
        ceiling=6000,
        starter=600,
        assisted_cap=600,
        device_cap=600,
        device_wait=3 * DAY_MS,
    )


@dataclass(slots=True)
class PaperBook:
    """The log of a circle in memory; made by ``open_book``."""

    state: State
    signer: Signer
    paper: bytes
    entries: list[Entry]
    facts: Facts = field(default_factory=Facts)
    nonces: count[int] = field(default_factory=count)

    @property
    def circle(self) -> PinnedCircle:
        """The circle as a device would have pinned it."""
        unit = Unit("hour", "hours", UnitKind.MINUTES)
        return PinnedCircle(
            self.state.circle,
            "Peckham Circle",
            unit,
            "https://peckham.example",
            self.signer.key.name,
            format_vkey(self.signer.key),
        )

    def order(
        self,
        act: Act,
        seed: bytes,
        *,
        person: int = 0,
        account: int = 0,
        memo: Memo | None = None,
        cosigners: tuple[bytes, ...] = (),
    ) -> SignedOrder:
        """A signed order, not booked."""
        text = () if memo is None else (keys.text_commitment(memo.salt, memo.text.encode()),)
        header = Header(
            self.state.circle,
            kind_of(act),
            account,
            person,
            keys.public_key(seed),
            next(self.nonces),
            NOW + DAY_MS // 2,
            text,
        )
        signed = sign_order(Order(header, act), seed)
        for other in cosigners:
            signed = cosign(signed, other)
        return signed

    def book(self, signed: SignedOrder, handle: str = "") -> Entry:
        """Decide an order and write its entry. Raises AssertionError when it is refused."""
        decision = decide_order(self.state, self.facts, signed, NOW, handle)
        assert type(decision) is Decision, decision
        secret = seed_of(f"entry {len(self.entries)}")
        text = signed.order.header.text
        entry = append(self.state, decision, signed.wire, text, secret, NOW)
        self.entries.append(entry)
        return entry

    def head(self, size: int | None = None) -> str:
        """The signed head over the first ``size`` entries, or over all."""
        leaves = self.leaves(size)
        root = merkle.root(leaves)
        return sign_checkpoint(Checkpoint(self.signer.key.name, len(leaves), root), self.signer)

    def leaves(self, size: int | None = None) -> list[bytes]:
        """The leaf hashes of the first ``size`` entries, or of all."""
        return [merkle.leaf_hash(entry.leaf) for entry in self.entries[:size]]

    def receipt(self, index: int, *accounts: int, memo: Memo | None = None) -> KeptReceipt:
        """An entry's receipt under the newest head, with these accounts' postings opened."""
        entry = self.entries[index]
        proof = format_proof_lines(merkle.inclusion_proof(index, self.leaves()))
        openings = tuple(
            Opening(
                entry.packed[place],
                keys.derive_salt(entry.secret, place + 1),
                place,
                len(entry.packed),
                tuple(merkle.inclusion_proof(place, entry.hashes)),
            )
            for place, posting in enumerate(entry.postings)
            if posting.account in accounts
        )
        order = None
        if entry.wire:
            order = KeptOrder(entry.authority, entry.wire, keys.derive_salt(entry.secret, 0))
        return KeptReceipt(
            index,
            entry.leaf,
            format_receipt(index, proof, self.head()),
            openings,
            order,
            memo,
        )


def open_book(name: str = "peckham") -> PaperBook:
    """A new circle's books, with the charter in them. Its keys are drawn from its name."""
    identity, paper = seed_of(f"{name} identity"), seed_of(f"{name} paper")
    roles = ("log", "witness", "link", "decision")
    log, witness, link, decision = (keys.public_key(seed_of(f"{name} {role}")) for role in roles)
    circle = keys.circle_id(keys.public_key(identity))
    origin = f"peckham.example/tallystick/{circle.hex()[:16]}/1"
    terms = terms_hash(encode_rules(rules()), keys.public_key(paper), ())
    certificate = Certificate(circle, 1, origin, log, witness, link, decision, terms)
    body, signature = certify(certificate, identity)
    charter = Charter(
        keys.public_key(identity),
        body,
        signature,
        encode_rules(rules()),
        keys.public_key(paper),
        (),
    )
    state, first = genesis(encode_charter(charter), seed_of(f"{name} charter"), NOW)
    return PaperBook(state, make_signer(origin, seed_of(f"{name} log")), paper, [first])
