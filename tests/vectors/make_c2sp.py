"""Makes the vectors of the tree and the C2SP formats: ``python -m tests.vectors.make_c2sp``.

Each file is ``{"about": ..., "cases": [...]}``. Hashes, keys, leaves, tiles and other bytes are
lowercase hex. Verifier keys, notes, checkpoints, receipts and paths are the text itself, with
``*_hex`` where the bytes are no UTF-8. A case under ``invalid/`` has a ``why``, and an ``error``:
the code of the error it must end in. Everything follows from published seeds, so that a second run
changes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.vectors.c2sp_merkle import merkle_files
from tests.vectors.c2sp_notes import note_files
from tests.vectors.c2sp_receipts import proof_files

FOLDER = Path(__file__).parent

ENCODING = "bytes are lowercase hex; notes, keys, receipts and paths are the text itself"


def make() -> dict[str, str]:
    """Path under this folder to content, for every file."""
    return {
        path: json.dumps({"about": about, "encoding": ENCODING, "cases": cases}, indent=1) + "\n"
        for path, (about, cases) in (merkle_files() | note_files() | proof_files()).items()
    }


if __name__ == "__main__":
    for path, content in make().items():
        (FOLDER / path).parent.mkdir(exist_ok=True)
        (FOLDER / path).write_text(content)
