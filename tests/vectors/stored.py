"""The stored vectors, as tests read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import TallystickError

FOLDER = Path(__file__).parent


def cases(path: str) -> list[Any]:
    """Every case of a stored file, for a test's parameters."""
    stored = json.loads((FOLDER / path).read_text())["cases"]
    return [pytest.param(case, id=f"{number}") for number, case in enumerate(stored)]


def unhex(case: dict[str, Any], *names: str) -> list[bytes]:
    """What a case has under these names."""
    return [bytes.fromhex(case[name]) for name in names]


def code_of(read: Callable[..., object], *arguments: Any) -> str:
    """The code with which something is refused."""
    with pytest.raises(TallystickError) as caught:
        read(*arguments)
    return caught.value.code
