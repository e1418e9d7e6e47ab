"""Makes the vectors of what members and nodes sign: ``python -m tests.vectors.make_ledger``.

Each file is ``{"about": ..., "encoding": ..., "cases": [...]}``. Bytes are lowercase hex; integers
are JSON numbers, none over 2^53-1; arrays are lists, an optional field an empty list or a list of
one. A case under ``valid/`` says in ``shows`` what it shows. A case under ``invalid/`` has a
``why``, and an ``error``: the code of the error it must end in. Everything follows from published
seeds, so that a second run changes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.vectors.ledger_declarations import declaration_files
from tests.vectors.ledger_entries import entry_files
from tests.vectors.ledger_keys import key_files
from tests.vectors.ledger_orders import order_files

FOLDER = Path(__file__).parent

ENCODING = "bytes are lowercase hex; an optional field is an empty list or a list of one"


def make() -> dict[str, str]:
    """Path under this folder to content, for every file."""
    files = key_files() | order_files() | declaration_files() | entry_files()
    return {
        path: json.dumps({"about": about, "encoding": ENCODING, "cases": cases}, indent=1) + "\n"
        for path, (about, cases) in files.items()
    }


if __name__ == "__main__":
    for path, content in make().items():
        (FOLDER / path).parent.mkdir(exist_ok=True)
        (FOLDER / path).write_text(content)
