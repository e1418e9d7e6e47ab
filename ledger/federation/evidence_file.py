"""Evidence in a file, as people hand it on: JSON, each piece in base64url.

::

    {
     "tallystick": "evidence/1",
     "evidence": [
      "kqZjbGFpbXPF..."
     ]
    }
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NoReturn

from ledger.codec import from_base64url, to_base64url
from ledger.errors import MalformedObject
from ledger.federation.proof import EVIDENCE_BYTES_MAX

MARK = "evidence/1"
PIECES_MAX = 16
FILE_BYTES_MAX = 16 * 2**20
FRAME_BYTES = 64
PIECE_FRAME_BYTES = 8
"""What a file has around all pieces at most, and around each."""
_WHAT = "evidence file"


def choose_pieces(pieces: Sequence[bytes]) -> list[bytes]:
    """Those that fit into one file, the first of them before the others."""
    chosen: list[bytes] = []
    room = FILE_BYTES_MAX - FRAME_BYTES
    for piece in pieces:
        size = len(to_base64url(piece)) + PIECE_FRAME_BYTES
        if size <= room and len(chosen) < PIECES_MAX:
            chosen.append(piece)
            room -= size
    return chosen


def write_evidence_file(pieces: Sequence[bytes]) -> str:
    """The text of a file with these pieces, 1 to 16. Raises MalformedObject if it is too long."""
    record = {"tallystick": MARK, "evidence": [to_base64url(piece) for piece in pieces]}
    text = json.dumps(record, indent=1) + "\n"
    read_evidence_file(text.encode())
    return text


def read_evidence_file(data: bytes) -> list[bytes]:
    """The pieces in a file, unverified. Raises MalformedObject."""
    if len(data) > FILE_BYTES_MAX:
        raise MalformedObject(_WHAT, f"it has more than {FILE_BYTES_MAX} bytes")
    try:
        record = json.loads(
            data.decode(), object_pairs_hook=_unique, parse_float=_no, parse_constant=_no
        )
    except (ValueError, RecursionError):
        raise MalformedObject(_WHAT, "it is not JSON") from None
    if not isinstance(record, dict) or record.get("tallystick") != MARK:
        raise MalformedObject(_WHAT, f'it does not say "tallystick": "{MARK}"')
    pieces = record.get("evidence")
    if len(record) != 2 or not isinstance(pieces, list) or not 1 <= len(pieces) <= PIECES_MAX:
        raise MalformedObject(_WHAT, f"it does not have from 1 to {PIECES_MAX} pieces of evidence")
    return [_decode(piece) for piece in pieces]


def _decode(piece: object) -> bytes:
    if not isinstance(piece, str) or len(piece) > EVIDENCE_BYTES_MAX * 4 // 3 + 4:
        raise MalformedObject(_WHAT, "a piece of evidence is no text, or too long")
    return from_base64url(piece, _WHAT)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("a key is repeated")
    return record


def _no(number: str) -> NoReturn:
    raise ValueError(f"{number} does not belong here")
