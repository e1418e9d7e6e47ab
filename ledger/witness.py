"""Witnessing (C2SP tlog-witness): what a witness makes of a head that a log shows it. Pure.

The body of ``POST /add-checkpoint``::

    old 20852014
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
    jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=

    (the checkpoint with its signatures, verbatim)

A witness keeps, for each log it knows, the size and root that it cosigned last. It cosigns a head
only after proof that it continues that one, and only what was kept before it is answered counts:
the caller compares and swaps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from ledger.cosignature import cosign
from ledger.errors import InvalidNote, InvalidProof
from ledger.merkle import EMPTY_ROOT, TREE_SIZE_MAX, verify_consistency
from ledger.note import (
    Signer,
    VerifierKey,
    decode_hash,
    decode_text,
    parse_decimal,
    parse_note,
)
from ledger.receipt import format_proof_lines

REQUEST_BYTES_MAX = 65_536
"""Room for 63 hashes, a checkpoint, and the signatures of more witnesses than a log has."""

PROOF_LINES_MAX = 63
"""C2SP tlog-witness, add-checkpoint."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request of which nothing is verified: a head, and proof that it continues ``old_size``.

    ``note`` is the signed checkpoint as it came, ``checkpoint`` what it says.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: str
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class WitnessedLog:
    """A log that a witness knows by its key, whose name is the origin; and its last cosigned head.

    ``size`` is 0 as long as none was cosigned.
    """

    key: VerifierKey
    size: int = 0
    root: bytes = EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The head is vouched for: ``line`` is the cosignature's, with its newline."""

    checkpoint: Checkpoint
    line: str


@dataclass(frozen=True, slots=True)
class UnknownLog:
    """The witness was told of no log with this origin."""

    origin: str


@dataclass(frozen=True, slots=True)
class Unsigned:
    """The log did not sign this."""

    reason: str


@dataclass(frozen=True, slots=True)
class OldSizeTooLarge:
    """The head is smaller than the one that it is said to continue."""

    old_size: int
    size: int


@dataclass(frozen=True, slots=True)
class OldSizeDiffers:
    """The witness last cosigned ``size``, and the proof starts elsewhere."""

    size: int


@dataclass(frozen=True, slots=True)
class Inconsistent:
    """The head does not continue the one cosigned last, or does not prove that it does."""

    reason: str


Verdict = Cosigned | UnknownLog | Unsigned | OldSizeTooLarge | OldSizeDiffers | Inconsistent


def format_request(old_size: int, proof: Sequence[bytes], note: str) -> str:
    """The body of a request; ``note`` is the signed checkpoint with its newline."""
    return f"old {old_size}\n{format_proof_lines(proof)}\n{note}"


def parse_request(data: str | bytes) -> AddCheckpoint:
    """Take a request apart. InvalidNote unless this is exactly how it is written."""
    text = decode_text(data, REQUEST_BYTES_MAX)
    header, divide, note = text.partition("\n\n")
    if not divide:
        raise InvalidNote("a request needs an empty line before the checkpoint")
    first, *lines = header.split("\n")
    if not first.startswith("old "):
        raise InvalidNote("the first line of a request is: old SIZE")
    if len(lines) > PROOF_LINES_MAX:
        raise InvalidNote(f"the request has {len(lines)} proof lines, over {PROOF_LINES_MAX}")
    old_size = parse_decimal(first.removeprefix("old "), TREE_SIZE_MAX)
    checkpoint = parse_checkpoint(parse_note(note).text)
    return AddCheckpoint(old_size, tuple(map(decode_hash, lines)), note, checkpoint)


def decide_cosigning(
    request: AddCheckpoint, log: WitnessedLog | None, signer: Signer, timestamp: int
) -> Verdict:
    """What a witness with the key of ``signer`` answers, ``log`` being the request's, if known.

    The checks are those of C2SP tlog-witness, in its order. ``timestamp`` is POSIX seconds.
    """
    checkpoint = request.checkpoint
    if log is None or log.key.name != checkpoint.origin:
        return UnknownLog(checkpoint.origin)
    try:
        open_checkpoint(request.note, (log.key,), checkpoint.origin)
    except InvalidNote as error:
        return Unsigned(str(error))
    if request.old_size > checkpoint.size:
        return OldSizeTooLarge(request.old_size, checkpoint.size)
    if request.old_size != log.size:
        return OldSizeDiffers(log.size)
    try:
        verify_consistency(log.size, checkpoint.size, request.proof, log.root, checkpoint.root)
    except InvalidProof as error:
        return Inconsistent(str(error))
    text = parse_note(request.note).text
    return Cosigned(checkpoint, cosign(text, signer, timestamp))


def is_fork(request: AddCheckpoint, log: WitnessedLog) -> bool:
    """Whether a head that the log did sign and the one cosigned last are proof of two histories.

    Only equal sizes are: a larger head may lack no more than its proof, which nobody signs.
    """
    checkpoint = request.checkpoint
    return checkpoint.size == log.size and checkpoint.root != log.root


def format_size(size: int) -> str:
    """The body of the answer to a request whose old size is another: that of the witness."""
    return f"{size}\n"


def parse_size(data: str | bytes) -> int:
    """The size in such an answer. Raises InvalidNote."""
    text = decode_text(data, len(str(TREE_SIZE_MAX)) + 1)
    if not text.endswith("\n"):
        raise InvalidNote("a size is a decimal and a newline")
    return parse_decimal(text[:-1], TREE_SIZE_MAX)


def origin_hash(origin: str) -> bytes:
    """SHA-256 of the origin: its hexadecimal digits name the log in a witness's paths."""
    return hashlib.sha256(origin.encode()).digest()
