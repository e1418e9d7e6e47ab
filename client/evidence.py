"""Reading what somebody was given as a proof against a circle: no node, no network, no keys."""

from __future__ import annotations

import json
from pathlib import Path

from client.errors import InvalidEvidenceFile
from ledger.errors import InvalidNote, InvalidProof, InvalidSignature, MalformedObject
from ledger.federation.evidence_file import FILE_BYTES_MAX, read_evidence_file
from ledger.federation.proof import Heads, Verdicts, encode_evidence, verify_evidence
from ledger.federation.proof_link import Claim, Finding


def read_findings(path: Path) -> list[Finding]:
    """What a file of evidence proves. Raises InvalidEvidenceFile if any part of it does not.

    What a member's device kept, of its circle's log or of a payment, is read too.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise InvalidEvidenceFile(path, f"cannot be read ({error.strerror})") from None
    try:
        pieces = _own_record(data) or read_evidence_file(data)
    except MalformedObject as error:
        reason = str(error).partition(": ")[2].rstrip(".")
        raise InvalidEvidenceFile(path, f"is no file of evidence: {reason}") from None
    try:
        return [verify_evidence(piece) for piece in pieces]
    except InvalidSignature:
        reason = "one of its signatures does not fit, so it was changed or made up"
    except InvalidProof as error:
        reason = str(error).removeprefix("This proves nothing: ").rstrip(".")
    except (InvalidNote, MalformedObject) as error:
        reason = f"a part of it is damaged ({str(error).rstrip('.')})"
    raise InvalidEvidenceFile(path, f"proves nothing: {reason}")


def _own_record(data: bytes) -> list[bytes]:
    """The evidence in what a device of ours kept: two heads of its circle's log, or two verdicts
    on a payment into another circle; of other files nothing. Raises MalformedObject.
    """
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return []
    match record:
        case {"log_key": str(key), "known": str(known), "shown": str(shown)}:
            vkey, one, other = (text.encode(errors="replace") for text in (key, known, shown))
            return [encode_evidence(Heads((), vkey, one, other, b"", ()))]
        case {"header": str(header), "commit": str(commit), "decider_status": str(status)}:
            first, second = Claim("commit", _unhex(commit)), Claim("status", _unhex(status))
            return [encode_evidence(Verdicts((), _unhex(header), first, second))]
        case _:
            return []


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise MalformedObject("evidence file", "it has no hexadecimal digits") from None
