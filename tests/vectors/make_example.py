"""Makes the worked example of protocol.md: ``python -m tests.vectors.make_example``.

One circle from its charter to a payment, with everything that opens its six entries. Each secret
key is 32 times one byte, and so are the secret of each entry and the salt of each text, so that a
reader can make everything anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from ledger import declarations, keys, merkle, orders
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
from ledger.entry import order_commitment
from ledger.note import format_vkey, make_signer
from ledger.orders import Act, Header, Order, SignedOrder, kind_of, sign_order
from ledger.receipt import format_proof_lines, format_receipt
from ledger.state import State
from ledger.tile import format_entries

PATH = Path(__file__).parent / "valid" / "worked-example.json"

FOUNDED = 1_800_000_000_000
MINUTE, HOUR, WEEK = 60_000, 3_600_000, 604_800_000
NAMES = "identity log witness link decision paper invitation ann ben cleo".split()
SEEDS = {name: bytes([number]) * 32 for number, name in enumerate(NAMES, 1)}
KEYS = {name: keys.public_key(seed) for name, seed in SEEDS.items()}
CIRCLE = keys.circle_id(KEYS["identity"])
RULES = Rules(
    name=b"Southwark Circle",
    address="southwark.example",
    unit_name=b"token",
    unit_plural=b"tokens",
    unit_kind="decimal",
    unit_scale=2,
    threshold=1,
    credit_limit_max=10_000,
    credit_total_max=1_000_000,
    treasury_floor=-1_000_000,
    community_floor=-100_000,
    floor=-1_000,
    ceiling=50_000,
    starter=200,
    assisted_cap=5_000,
    device_cap=1_000,
    device_wait=259_200_000,
)
ORIGIN = origin_of(RULES.address, CIRCLE, 1)


class Step(NamedTuple):
    """An entry, and the order with the text and salt that it came of: none for leaf 0."""

    entry: Entry
    signed: SignedOrder | None = None
    text: bytes = b""
    salt: bytes = b""


def _secret(index: int) -> bytes:
    return bytes([0xA0 + index]) * 32


def _found() -> tuple[State, Entry]:
    rules = encode_rules(RULES)
    working = (KEYS[name] for name in ("log", "witness", "link", "decision"))
    terms = terms_hash(rules, KEYS["paper"], ())
    certificate = Certificate._make((CIRCLE, 1, ORIGIN, *working, terms))
    body, signature = certify(certificate, SEEDS["identity"])
    charter = Charter(KEYS["identity"], body, signature, rules, KEYS["paper"], ())
    return genesis(encode_charter(charter), _secret(0), FOUNDED)


class Story:
    """The circle as it grows."""

    def __init__(self) -> None:
        self.state, first = _found()
        self.steps = [Step(first)]

    def order(self, who: str, act: Act, text: str, person: int, account: int = 0) -> None:
        """One order a minute, its ``nonce`` the index of its entry, or 1 for who orders once."""
        index = len(self.steps)
        now, salt, words = FOUNDED + index * MINUTE, bytes([0x50 + index]) * 32, text.encode()
        header = Header(
            circle=CIRCLE,
            kind=kind_of(act),
            account=account,
            person=person,
            device=KEYS[who],
            nonce=index if who == "ann" else 1,
            expires=now + HOUR,
            text=(keys.text_commitment(salt, words),),
        )
        signed = sign_order(Order(header, act), SEEDS[who])
        handle = text.partition("\n")[0] if "\n" in text else ""
        decision = decide_order(self.state, Facts(), signed, now, handle)
        assert isinstance(decision, Decision), decision
        entry = append(self.state, decision, signed.wire, header.text, _secret(index), now)
        self.steps.append(Step(entry, signed, words, salt))


def tell() -> list[Step]:
    """The six entries of the example."""
    story = Story()
    invite = orders.Invite(KEYS["invitation"], -1_000, 50_000, 200, "coordinator", FOUNDED + WEEK)
    story.order("paper", invite, "First coordinator", 1)
    signature = declarations.sign_invitation(CIRCLE, KEYS["ann"], SEEDS["invitation"])
    story.order("ann", orders.Join(KEYS["invitation"], signature), "ann\nAnn Oke", 0)
    for who, label, names, created in (
        ("ben", "phone", "ben\nBen Castle", 150_000),
        ("cleo", "tablet", "cleo\nCleo Marsh", 200_000),
    ):
        new = declarations.Enrolment(CIRCLE, KEYS[who], FOUNDED + created, label)
        enrolment = declarations.sign_enrolment(new, SEEDS[who])
        opened = orders.Open((), -1_000, 50_000, 200, 0, (enrolment,))
        story.order("ann", opened, names, 101)
    story.order("ben", orders.Pay(((103, 150),)), "Hedge cut on Tuesday", 102, 102)
    return story.steps


def _order(step: Step) -> dict[str, str] | None:
    entry, signed = step.entry, step.signed
    if signed is None:
        return None
    return {
        "id": signed.id.hex(),
        "body": signed.body.hex(),
        "signature": signed.signature.hex(),
        "wire": signed.wire.hex(),
        "text": step.text.decode(),
        "text_salt": step.salt.hex(),
        "salt": entry.salts[0].hex(),
        "commitment": order_commitment(entry.authority, signed.wire, entry.salts[0]).hex(),
    }


def _postings(entry: Entry) -> list[dict[str, Any]]:
    return [
        {
            **posting._asdict(),
            "previous": posting.previous.hex(),
            "bytes": packed.hex(),
            "salt": salt.hex(),
            "hash": hashed.hex(),
        }
        for posting, packed, salt, hashed in zip(
            entry.postings, entry.packed, entry.salts[1:], entry.hashes, strict=True
        )
    ]


def make() -> dict[str, Any]:
    """The content of the file."""
    steps = tell()
    hashes = [merkle.leaf_hash(step.entry.leaf) for step in steps]
    signer = make_signer(ORIGIN, SEEDS["log"])
    size, last = len(steps), len(steps) - 1
    checkpoint = sign_checkpoint(Checkpoint(ORIGIN, size, merkle.root(hashes)), signer)
    proof = format_proof_lines(merkle.inclusion_proof(last, hashes))
    return {
        "about": "the worked example of protocol.md: a circle, its first six entries with "
        "everything that opens them, and the payment's receipt",
        "encoding": "bytes are lowercase hex; notes, keys, receipts and texts are the text itself",
        "seeds": {name: seed.hex() for name, seed in SEEDS.items()},
        "public_keys": {name: key.hex() for name, key in KEYS.items()},
        "circle": CIRCLE.hex(),
        "origin": ORIGIN,
        "log_vkey": format_vkey(signer.key),
        "entries": [
            {
                "index": entry.number,
                "kind": entry.kind,
                "log_time": entry.log_time,
                "authority": entry.authority,
                "secret": entry.secret.hex(),
                "order": _order(step),
                "postings": _postings(entry),
                "leaf": entry.leaf.hex(),
                "leaf_hash": hashes[entry.number].hex(),
                "root_after": merkle.root(hashes[: entry.number + 1]).hex(),
            }
            for step in steps
            for entry in (step.entry,)
        ],
        "entry_bundle": format_entries([step.entry.leaf for step in steps]).hex(),
        "level_0_tile": b"".join(hashes).hex(),
        "checkpoint": checkpoint,
        "receipt": format_receipt(last, proof, checkpoint),
    }


def write() -> str:
    """The file's text."""
    return json.dumps(make(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(write())
