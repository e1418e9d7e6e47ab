"""Local times as JSON has them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from node.calendar.local_time import write_local

_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")
LOCAL_PATTERN = f"^{_LOCAL.pattern}$"


def parse_local(text: object) -> datetime:
    """Read ``2026-03-29T10:00``. Raises ValueError."""
    if not isinstance(text, str) or not _LOCAL.fullmatch(text):
        raise ValueError("it is not written like 2026-03-29T10:00")
    return datetime.fromisoformat(text)


def _read_local(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return parse_local(value)
    except ValueError:
        raise PydanticCustomError(
            "local_time", "Input should be a day and time like 2026-03-29T10:00"
        ) from None


LocalTime = Annotated[
    datetime,
    PlainValidator(_read_local),
    PlainSerializer(write_local, return_type=str),
    WithJsonSchema({"type": "string", "pattern": LOCAL_PATTERN}),
]
