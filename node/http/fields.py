"""Types for the models of requests and responses."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_ALPHABET = "[A-Za-z0-9_-]"
# What may stand last when the bytes are one or two more than a multiple of three: its spare bits
# are zero, so that no two texts mean the same bytes (RFC 4648 section 3.5).
_LAST = {1: f"{_ALPHABET}[AQgw]", 2: f"{_ALPHABET}{{2}}[AEIMQUYcgkosw048]"}


class Model(BaseModel):
    """Base of every request and response model: frozen, nothing coerced, nothing extra."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


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
