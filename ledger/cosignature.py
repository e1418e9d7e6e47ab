"""Cosignatures (C2SP tlog-cosignature, Ed25519): a witness's word that a log only grew.

A cosignature is a signature line on a checkpoint, of type 0x04: a timestamp, eight bytes
big-endian, and an Ed25519 signature over ::

    cosignature/v1
    time 1679315147
    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.checkpoint import parse_checkpoint
from ledger.errors import InvalidNote
from ledger.note import (
    COSIGNATURE_V1,
    NOTE_BYTES_MAX,
    Note,
    Signature,
    Signer,
    VerifierKey,
    decode_text,
    format_note,
    format_signature,
    is_signature,
    known_keys,
    parse_note,
    parse_signatures,
)

TIMESTAMP_MAX = 2**63 - 1
"""POSIX seconds."""


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified cosignature: ``key`` vouched for a checkpoint at ``timestamp``, POSIX seconds."""

    key: VerifierKey
    timestamp: int


def cosign(text: str, signer: Signer, timestamp: int) -> str:
    """The signature line, with its newline, on the checkpoint whose note text is ``text``.

    Put after a signed checkpoint it makes a cosigned one. Raises InvalidNote if ``text`` is none.
    """
    assert signer.key.signature_type == COSIGNATURE_V1, "a cosigner has a key of its own type"
    assert 0 < timestamp <= TIMESTAMP_MAX, "a cosignature must not omit its time"
    parse_checkpoint(text)
    signed = signer.signing_key.sign(_message(text, timestamp)).signature
    value = timestamp.to_bytes(8, "big") + signed
    return format_signature(Signature(signer.key.name, signer.key.key_id, value))


def verify_cosignatures(
    data: str | bytes, witnesses: Iterable[VerifierKey]
) -> tuple[Cosignature, ...]:
    """Who of ``witnesses`` (all of type COSIGNATURE_V1) cosigned the checkpoint, and when.

    One cosignature a public key, the newest: the signed bytes do not name the witness, so that one
    key under two names is one witness. Lines of unknown keys are ignored; one of a known key that
    fails condemns the note. Raises InvalidNote. The log's own signature is not looked at, and
    times in the future are for the caller to judge.
    """
    known = known_keys(witnesses, COSIGNATURE_V1)
    note = parse_note(data)
    parse_checkpoint(note.text)
    newest: dict[bytes, Cosignature] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        timestamp = _verify(note.text, signature, key)
        seen = newest.get(key.public_key)
        if seen is None or timestamp > seen.timestamp:
            newest[key.public_key] = Cosignature(key, timestamp)
    return tuple(newest.values())


def add_cosignatures(
    data: str | bytes, lines: str | bytes, witnesses: Iterable[VerifierKey]
) -> str:
    """The note with a witness's answer ``lines`` added, as far as its keys are known.

    Of each key in ``witnesses`` the newest line stays, since some verifiers refuse a key that signs
    twice. New lines of unknown keys are dropped (C2SP tlog-witness, add-checkpoint). Raises
    InvalidNote for a malformed answer, or a known key's line in either that does not verify.
    """
    known = known_keys(witnesses, COSIGNATURE_V1)
    note = parse_note(data)
    parse_checkpoint(note.text)
    answer = parse_signatures(decode_text(lines, NOTE_BYTES_MAX))
    kept = [line for line in note.signatures if (line.name, line.key_id) not in known]
    newest: dict[VerifierKey, tuple[int, Signature]] = {}
    for signature in (*note.signatures, *answer):
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        timestamp = _verify(note.text, signature, key)
        if key not in newest or timestamp > newest[key][0]:
            newest[key] = timestamp, signature
    return format_note(Note(note.text, (*kept, *(line for _, line in newest.values()))))


def _verify(text: str, signature: Signature, key: VerifierKey) -> int:
    """The timestamp of one cosignature by ``key``, or InvalidNote."""
    if len(signature.value) != 8 + 64:
        raise InvalidNote(f"the cosignature of {key.name} is not 72 bytes long")
    timestamp = int.from_bytes(signature.value[:8], "big")
    if timestamp > TIMESTAMP_MAX:
        raise InvalidNote(f"the cosignature of {key.name} has a time over {TIMESTAMP_MAX}")
    if not is_signature(key.public_key, _message(text, timestamp), signature.value[8:]):
        raise InvalidNote(f"the cosignature of {key.name} does not verify")
    return timestamp


def _message(text: str, timestamp: int) -> bytes:
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()
