"""The example at the beginning of protocol.md holds, by what the document says and nothing else.

Nothing here is imported from the project: a hash, an Ed25519 verifier, msgpack and base64 do.
"""

from __future__ import annotations

import base64
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgpack
from nacl.signing import VerifyKey

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = (ROOT / "protocol.md").read_text()
EXAMPLE: dict[str, Any] = json.loads(
    (ROOT / "tests" / "vectors" / "valid" / "worked-example.json").read_text()
)
BLOCKS = re.findall(r"^```\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
BODY, WIRE, LEAF, POSTINGS, RECEIPT, VKEY = BLOCKS[:6]


def context(name: str) -> bytes:
    return f"tallystick/{name}/v1\0".encode()


def hash_of(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def root(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hash_of(b"\1", root(hashes[:split]), root(hashes[split:]))


def annotated(block: str) -> bytes:
    """The bytes of a dump: what stands before the first two spaces of each line."""
    return bytes.fromhex("".join(line.split("  ")[0] for line in block.splitlines()))


def open_order(order: dict[str, Any], device: bytes | None = None) -> list[Any]:
    """The fields of an order whose id, signature and text are as stated."""
    wire = bytes.fromhex(order["wire"])
    body, signature, _ = msgpack.unpackb(wire)
    fields: list[Any] = msgpack.unpackb(body)
    VerifyKey(device or fields[4]).verify(context("order") + body, signature)
    assert (body.hex(), signature.hex()) == (order["body"], order["signature"])
    assert hash_of(context("order"), body).hex() == order["id"]
    salt, text = bytes.fromhex(order["text_salt"]), order["text"].encode()
    assert fields[7] == [hash_of(context("text"), salt, text)]
    return fields


def test_the_document_shows_the_last_entry_of_the_vector() -> None:
    entry = EXAMPLE["entries"][5]
    assert annotated(BODY).hex() == entry["order"]["body"]
    assert "".join(WIRE.split()) == entry["order"]["wire"]
    assert annotated(LEAF).hex() == entry["leaf"]
    for key, shown in (("bytes", "posting \\d "), ("salt", "salt "), ("hash", "hash ")):
        stated = [posting[key] for posting in entry["postings"]]
        assert re.findall(rf"^{shown} *(\w+)$", POSTINGS, re.MULTILINE) == stated
    assert EXAMPLE["receipt"] == RECEIPT
    assert EXAMPLE["log_vkey"] == VKEY.strip()
    for shown in (entry["order"]["id"], entry["leaf_hash"], EXAMPLE["circle"]):
        assert f"`{shown}`" in DOCUMENT


def test_the_charter_is_certified() -> None:
    leaf = msgpack.unpackb(bytes.fromhex(EXAMPLE["entries"][0]["leaf"]))
    identity, certificate, signature, rules, paper, previous = msgpack.unpackb(leaf[3])
    VerifyKey(identity).verify(context("certificate") + certificate, signature)
    circle, epoch, origin, *working, terms = msgpack.unpackb(certificate)
    assert circle == hash_of(context("circle"), identity) == bytes.fromhex(EXAMPLE["circle"])
    assert terms == hash_of(context("terms"), msgpack.packb([rules, paper, previous]))
    address = msgpack.unpackb(rules)[1]
    assert origin == f"{address}/tallystick/{circle.hex()[:16]}/{epoch}" == EXAMPLE["origin"]
    assert len({identity, paper, *working}) == 6
    names = ("identity", "log", "witness", "link", "decision", "paper")
    stated = [EXAMPLE["public_keys"][name] for name in names]
    assert [key.hex() for key in (identity, *working, paper)] == stated


def test_every_entry_opens_its_leaf() -> None:
    newest: dict[int, tuple[int, bytes, int]] = {}
    for entry in EXAMPLE["entries"]:
        leaf = msgpack.unpackb(bytes.fromhex(entry["leaf"]))
        secret = bytes.fromhex(entry["secret"])
        salts = [
            hash_of(context("salt"), secret, position.to_bytes(4, "big"))
            for position in range(len(entry["postings"]) + 1)
        ]
        if entry["order"] is not None:
            fields = open_order(entry["order"])
            assert leaf[6] == fields[7]
            opened = b"".join((entry["authority"].encode(), b"\0"))
            wire = bytes.fromhex(entry["order"]["wire"])
            assert leaf[4] == [hash_of(context("opening"), salts[0], opened, wire)]
        hashes = []
        for posting, salt in zip(entry["postings"], salts[1:], strict=True):
            packed = bytes.fromhex(posting["bytes"])
            account, seq, delta, balance, _, previous = msgpack.unpackb(packed)
            assert (seq - 1, previous, balance - delta) == newest.get(account, (0, bytes(32), 0))
            hashes.append(hash_of(b"\0", context("posting"), salt, packed))
            newest[account] = seq, hashes[-1], balance
        assert leaf[5] == ([root(hashes)] if hashes else [])
        assert sum(posting["delta"] for posting in entry["postings"]) == 0


def test_the_log_is_the_tree_of_the_leaves() -> None:
    leaves = [bytes.fromhex(entry["leaf"]) for entry in EXAMPLE["entries"]]
    hashes = [hash_of(b"\0", leaf) for leaf in leaves]
    for size, entry in enumerate(EXAMPLE["entries"], 1):
        assert root(hashes[:size]).hex() == entry["root_after"]
    assert b"".join(hashes).hex() == EXAMPLE["level_0_tile"]
    bundle = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
    assert bundle.hex() == EXAMPLE["entry_bundle"]


def test_the_receipt_verifies_under_the_log_key() -> None:
    name, key_id, encoded = VKEY.strip().split("+", 2)
    key = base64.b64decode(encoded)
    assert key[0] == 1
    assert hash_of(name.encode(), b"\n", key)[:4].hex() == key_id
    header, _, note = RECEIPT.partition("\n\n")
    first, index, *lines = header.split("\n")
    assert (first, index) == ("c2sp.org/tlog-proof@v1", "index 5")
    text, _, signatures = note.partition("\n\n")
    dash, signer, value = signatures.rstrip("\n").split(" ")
    assert (dash, signer) == ("—", name)
    signature = base64.b64decode(value)
    assert signature[:4].hex() == key_id
    VerifyKey(key[1:]).verify(f"{text}\n".encode(), signature[4:])
    origin, size, shown = text.split("\n")
    assert (origin, size) == (EXAMPLE["origin"], "6")
    beside, left = map(base64.b64decode, lines)
    leaf_hash = hash_of(b"\0", annotated(LEAF))
    found = hash_of(b"\1", left, hash_of(b"\1", beside, leaf_hash))
    assert base64.b64encode(found).decode() == shown
