"""Receipts (C2SP tlog-proof): a proof, readable offline, that an entry is in the log.

::

    c2sp.org/tlog-proof@v1
    extra aGVsbG8=
    index 73894
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
    B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=

    (the checkpoint with its signatures, verbatim)

The extra line is optional and authenticated by nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from ledger.cosignature import Cosignature, verify_cosignatures
from ledger.errors import InvalidNote
from ledger.merkle import PROOF_LENGTH_MAX, TREE_SIZE_MAX, verify_inclusion
from ledger.note import (
    VerifierKey,
    decode_base64,
    decode_hash,
    decode_text,
    encode_base64,
    parse_decimal,
    parse_note,
)

RECEIPT_BYTES_MAX = 2_000_000
"""Room for the largest note and as much again."""

_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A parsed receipt of which nothing is verified. Many may share one ``checkpoint_note``."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint_note: str
    extra: bytes | None = None


@dataclass(frozen=True, slots=True)
class Inclusion:
    """What a verified receipt proves: the leaf is at ``index`` of ``checkpoint``'s tree."""

    index: int
    checkpoint: Checkpoint
    cosignatures: tuple[Cosignature, ...]


def format_proof_lines(proof: Iterable[bytes]) -> str:
    """Hashes as lines of base64, as ``merkle.Extension.proof_lines`` has them ready."""
    return "".join([f"{encode_base64(value)}\n" for value in proof])


def format_receipt(
    index: int, proof_lines: str, checkpoint_note: str, extra: bytes | None = None
) -> str:
    """The receipt. Each proof line and the note end in a newline; nothing is checked here."""
    if extra is None:
        return f"{_HEADER}\nindex {index}\n{proof_lines}\n{checkpoint_note}"
    return (
        f"{_HEADER}\nextra {encode_base64(extra)}\nindex {index}\n{proof_lines}\n{checkpoint_note}"
    )


def parse_receipt(data: str | bytes) -> Receipt:
    """Take a receipt apart. InvalidNote unless this is exactly how it is written."""
    text = decode_text(data, RECEIPT_BYTES_MAX)
    header, _, checkpoint_note = text.partition("\n\n")
    lines = header.split("\n")
    if lines.pop(0) != _HEADER:
        raise InvalidNote(f"the first line of a receipt is {_HEADER}")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "))
        if not extra:
            raise InvalidNote("a receipt without extra data has no extra line")
    if not lines or not lines[0].startswith("index "):
        raise InvalidNote("the receipt has no index line where it must be")
    index = parse_decimal(lines.pop(0).removeprefix("index "), TREE_SIZE_MAX)
    if len(lines) > PROOF_LENGTH_MAX:
        raise InvalidNote(f"the receipt has {len(lines)} proof lines, over {PROOF_LENGTH_MAX}")
    receipt = Receipt(index, tuple(map(decode_hash, lines)), checkpoint_note, extra)
    parse_checkpoint(parse_note(checkpoint_note).text)
    if format_receipt(index, format_proof_lines(receipt.proof), checkpoint_note, extra) != text:
        raise InvalidNote("the receipt is not written as it must be")
    return receipt


def verify_receipt(
    data: str | bytes,
    leaf_hash: bytes,
    origin: str,
    log_key: VerifierKey,
    witnesses: Iterable[VerifierKey] = (),
    quorum: int = 0,
) -> Inclusion:
    """Check a receipt of the leaf with this hash against the log's key and its witnesses.

    The steps of C2SP tlog-proof, "Verifying": the checkpoint is of ``origin`` and signed by
    ``log_key``; at least ``quorum`` of ``witnesses`` cosigned it; the proof leads to its root.
    Raises InvalidNote for text and signatures, InvalidProof for the Merkle proof.
    """
    receipt = parse_receipt(data)
    checkpoint = open_checkpoint(receipt.checkpoint_note, (log_key,), origin)
    cosignatures = verify_cosignatures(receipt.checkpoint_note, witnesses)
    if len(cosignatures) < quorum:
        raise InvalidNote(f"{len(cosignatures)} known witnesses cosigned, {quorum} are needed")
    verify_inclusion(receipt.index, checkpoint.size, leaf_hash, receipt.proof, checkpoint.root)
    return Inclusion(receipt.index, checkpoint, cosignatures)
