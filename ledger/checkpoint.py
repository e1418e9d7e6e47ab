"""Checkpoints (C2SP tlog-checkpoint): a signed note that states a log's size and root.

::

    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4U[...]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.errors import InvalidNote
from ledger.merkle import TREE_SIZE_MAX
from ledger.note import (
    NOTE_BYTES_MAX,
    Signer,
    VerifierKey,
    decode_hash,
    decode_text,
    encode_base64,
    open_note,
    parse_decimal,
    sign_note,
)

ORIGIN_BYTES_MAX = 255
"""As in torchwood; tlog-cosignature has no room for longer ones."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The first ``size`` leaves of the log ``origin`` have this root (32 bytes).

    Raises InvalidNote for values that a checkpoint cannot carry. A size of 0 with another root than
    ``merkle.EMPTY_ROOT`` can be written; ``merkle.verify_consistency`` refuses it.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or "\n" in line:
                raise InvalidNote("the origin and each extension of a checkpoint fill one line")
            decode_text(line, NOTE_BYTES_MAX)
        if len(self.origin.encode()) > ORIGIN_BYTES_MAX:
            raise InvalidNote(f"the origin is longer than {ORIGIN_BYTES_MAX} bytes")
        if type(self.size) is not int or not 0 <= self.size <= TREE_SIZE_MAX:
            raise InvalidNote(f"the tree size is not an integer from 0 to {TREE_SIZE_MAX}")
        if len(self.root) != 32:
            raise InvalidNote(f"the root hash is {len(self.root)} bytes, not 32")


def format_checkpoint(checkpoint: Checkpoint) -> str:
    """The text of the note: three lines, and one for each extension."""
    lines = (
        checkpoint.origin,
        str(checkpoint.size),
        encode_base64(checkpoint.root),
        *checkpoint.extensions,
    )
    return "\n".join(lines) + "\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in a note's text. InvalidNote unless this is exactly how it is written."""
    lines = decode_text(text, NOTE_BYTES_MAX).split("\n")
    # The newline at the end leaves one empty string after the last line.
    if len(lines) < 4 or "" in lines[:-1] or lines[-1]:
        raise InvalidNote("a checkpoint is three or more lines, none empty, each with its newline")
    size = parse_decimal(lines[1], TREE_SIZE_MAX)
    checkpoint = Checkpoint(lines[0], size, decode_hash(lines[2]), tuple(lines[3:-1]))
    if format_checkpoint(checkpoint) != text:
        raise InvalidNote("the checkpoint is not written as it must be")
    return checkpoint


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """The signed note. The log's key should be named as its origin (C2SP tlog-checkpoint)."""
    return sign_note(format_checkpoint(checkpoint), signer)


def open_checkpoint(
    data: str | bytes, keys: Iterable[VerifierKey], origin: str | None = None
) -> Checkpoint:
    """The checkpoint, once a log key of ``keys`` has proved to have signed it.

    ``origin`` is the log it must be of. Without it the key decides: one of those that signed must
    have the origin as its name. Raises InvalidNote.
    """
    note, signed = open_note(data, keys)
    checkpoint = parse_checkpoint(note.text)
    expected = {key.name for key in signed} if origin is None else {origin}
    if checkpoint.origin not in expected:
        raise InvalidNote(
            f"the checkpoint is of {checkpoint.origin!r:.80}, not of {', '.join(sorted(expected))}"
        )
    return checkpoint
