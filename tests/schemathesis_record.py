"""What Schemathesis loads, to write down what each operation that it asked was answered.

A line each, in the file that ANSWERED in the environment names.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import schemathesis


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """One request was answered; those by a method that the operation does not have are left out."""
    if response.request.method != case.operation.method.upper():
        return
    operation = case.operation.definition.raw["operationId"]
    with Path(os.environ["ANSWERED"]).open("a", encoding="utf-8") as lines:
        lines.write(f"{operation} {response.status_code}\n")
