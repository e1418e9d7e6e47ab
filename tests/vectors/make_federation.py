"""Makes the vectors of what is between circles: ``python -m tests.vectors.make_federation``.

Their form is that of :mod:`tests.vectors.make_ledger`. Everything follows from published seeds, so
that a second run changes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.vectors.federation_agreements import agreement_files
from tests.vectors.federation_evidence import evidence_files
from tests.vectors.federation_objects import object_files
from tests.vectors.federation_payments import payment_files

FOLDER = Path(__file__).parent

ENCODING = "bytes are lowercase hex; an optional field is an empty list or a list of one"


def make() -> dict[str, str]:
    """Path under this folder to content, for every file."""
    files = agreement_files() | object_files() | payment_files() | evidence_files()
    return {
        path: json.dumps({"about": about, "encoding": ENCODING, "cases": cases}, indent=1) + "\n"
        for path, (about, cases) in files.items()
    }


if __name__ == "__main__":
    for path, content in make().items():
        (FOLDER / path).parent.mkdir(exist_ok=True)
        (FOLDER / path).write_text(content)
