"""Types for the models of requests and responses."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_ALPHABET = "[A-Za-z0-9_-]"
# What may stand last when the bytes are one or two more than a multiple of three: its spare bits
# are zero, so that no two texts mean the same bytes (RFC 4648 section 3.5).
_LAST = {1: f"{_ALPHABET}[AQgw]", 2: f"{_ALPHABET}{{2}}[AEIMQUYcgkosw048]"}


class Model(BaseModel):
    """Base of every request and response model: frozen, nothing coerced, nothing extra."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


def _parse_day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise PydanticCustomError("day", "Input should be a day as YYYY-MM-DD")
    return date.fromisoformat(value)


def _parse_instant(value: object) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    if not isinstance(value, str) or not INSTANT_TEXT.fullmatch(value):
        raise PydanticCustomError("instant", "Input should be a time as RFC 3339 has it")
    return datetime.fromisoformat(value.upper())


def _render_instant(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
INSTANT_TEXT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
"""How an `Instant` is spelled."""

Day = Annotated[
    date,
    PlainValidator(_parse_day),
    PlainSerializer(date.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date"}),
]
"""A day, ``2024-02-29``. Pydantic's own reading of `date` takes ``"0"`` for 1970."""

Instant = Annotated[
    datetime,
    PlainValidator(_parse_instant),
    PlainSerializer(_render_instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment with its offset, ``2024-02-29T12:00:00Z`` (RFC 3339 section 5.6)."""


def check_dates(hint: Any, adapter: TypeAdapter[Any]) -> None:
    """Raise TypeError if a body's `date` or `datetime` is not a `Day` or an `Instant`."""
    if _LOOSE & set(_kinds(adapter.core_schema)):
        raise TypeError(f"{hint} reads dates or times loosely; use Day or Instant in it.")


_LOOSE = {"date", "datetime", "time", "timedelta"}


def _kinds(schema: Any) -> Iterator[str]:
    """Yield the kind of each part of a pydantic-core schema, but for those that only write."""
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema["type"]
        for name, part in schema.items():
            if name not in ("serialization", "metadata"):
                yield from _kinds(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            yield from _kinds(part)


@dataclass(frozen=True, slots=True)
class Base64Url:
    """Bytes as base64url without padding, in its one canonical spelling (RFC 4648 section 5).

    Write ``key: Annotated[bytes, Base64Url(32, 32)]`` for exactly 32 bytes.
    """

    bytes_min: int
    bytes_max: int

    def decode(self, value: object) -> bytes:
        """Return the bytes that `value` spells, or raise what pydantic makes its own error of."""
        if isinstance(value, bytes):
            decoded = value
        elif isinstance(value, str) and _TEXT.fullmatch(value):
            decoded = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        else:
            raise PydanticCustomError("base64url", "Input should be base64url without padding")
        if not self.bytes_min <= len(decoded) <= self.bytes_max:
            raise PydanticCustomError("base64url_length", f"Input should be {self._length()}")
        return decoded

    def _length(self) -> str:
        if self.bytes_min == self.bytes_max:
            return f"{self.bytes_min} bytes"
        return f"{self.bytes_min} to {self.bytes_max} bytes"

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.decode,
            serialization=core_schema.plain_serializer_function_ser_schema(
                encode_base64url, return_schema=core_schema.str_schema()
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": "string",
            "contentEncoding": "base64url",
            "pattern": self._pattern(),
            "minLength": _text_length(self.bytes_min),
            "maxLength": _text_length(self.bytes_max),
            "description": f"{self._length()}, base64url without padding".capitalize(),
        }

    def _pattern(self) -> str:
        if self.bytes_min != self.bytes_max:
            return f"^(?:{_ALPHABET}{{4}})*(?:{_LAST[1]}|{_LAST[2]})?$"
        groups, rest = divmod(self.bytes_min, 3)
        return f"^{_ALPHABET}{{{4 * groups}}}{_LAST.get(rest, '')}$"


_TEXT = re.compile(f"(?:{_ALPHABET}{{4}})*(?:{_LAST[1]}|{_LAST[2]})?")


def encode_base64url(value: bytes) -> str:
    """Return `value` as base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _text_length(size: int) -> int:
    return (size * 4 + 2) // 3
