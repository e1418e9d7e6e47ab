"""Strict readers of JSON: exact fields, exact types, a limit on everything, else InvalidRecord."""

from __future__ import annotations

import base64
import json
import re
from typing import NoReturn

from client.errors import InvalidRecord
from ledger.amount import AMOUNT_MAX


def refuse(what: str, reason: str) -> NoReturn:
    """Raise InvalidRecord, saying which part is wrong and why."""
    raise InvalidRecord(f"{what} {reason}")


def parse_json(data: bytes) -> object:
    """UTF-8 JSON of objects without repeated keys, lists, text, integers, bools and null."""
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_unique,
            parse_float=_no_integer,
            parse_constant=_no_integer,
        )
    except (ValueError, RecursionError):
        raise InvalidRecord("it is not JSON as this program writes it") from None


def as_object(value: object, what: str) -> dict[str, object]:
    """An object of any fields."""
    if not isinstance(value, dict):
        refuse(what, "is not an object")
    return value


def as_fields(value: object, what: str, *names: str) -> dict[str, object]:
    """An object of exactly these fields."""
    record = as_object(value, what)
    if record.keys() != set(names):
        refuse(what, f"has other fields than {', '.join(names)}")
    return record


def as_list(value: object, what: str, count_max: int) -> list[object]:
    """A list of up to ``count_max`` items."""
    if not isinstance(value, list):
        refuse(what, "is not a list")
    if len(value) > count_max:
        refuse(what, f"has {len(value)} items, more than {count_max}")
    return value


def as_integer(value: object, what: str, low: int = 0, high: int = AMOUNT_MAX) -> int:
    """An integer, ``True`` not being one."""
    if type(value) is not int or not low <= value <= high:
        refuse(what, f"is not a whole number from {low} to {high}")
    return value


def as_text(value: object, what: str, size_max: int) -> str:
    """Text of any lines, up to ``size_max`` bytes of UTF-8."""
    if not isinstance(value, str):
        refuse(what, "is not text")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        refuse(what, "has half a character")
    if size > size_max:
        refuse(what, f"has {size} bytes, more than {size_max}")
    return value


def as_line(value: object, what: str, size_max: int, *, may_be_empty: bool = False) -> str:
    """One line of printable text, up to ``size_max`` bytes of UTF-8."""
    line = as_text(value, what, size_max)
    if not line.isprintable() or not (line or may_be_empty):
        refuse(what, "is not a line of printable text")
    return line


def as_hex(value: object, what: str, size: int) -> bytes:
    """Exactly ``size`` bytes, from lower-case hexadecimal digits."""
    if not isinstance(value, str) or not re.fullmatch(rf"[0-9a-f]{{{2 * size}}}", value):
        refuse(what, f"is not {size} bytes in hexadecimal digits")
    return bytes.fromhex(value)


def as_bytes(value: object, what: str, size_max: int) -> bytes:
    """1 to ``size_max`` bytes, from what ``text_of_bytes`` made of them."""
    text = as_text(value, what, 2 * size_max)
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        refuse(what, "is not base64")
    if text_of_bytes(data) != text:
        refuse(what, "is not base64 as this program writes it")
    if not 1 <= len(data) <= size_max:
        refuse(what, f"has {len(data)} bytes, not 1 to {size_max}")
    return data


def text_of_bytes(data: bytes) -> str:
    """Standard base64 with its padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode()


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("a key is repeated")
    return record


def _no_integer(number: str) -> NoReturn:
    raise ValueError(f"{number} is not an integer")
