"""Reading a node's JSON: what is needed must be there and of its type, what else is there is left.

Unknown fields are let through so that a newer node can say more. Everything wrong is AnswerInvalid.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final, NoReturn, TypeVar

from client.errors import AnswerInvalid
from ledger.codec import AMOUNT_MAX, from_base64url
from ledger.errors import MalformedObject

TEXT_CHARACTERS_MAX: Final = 100_000

_T = TypeVar("_T")


class Fields:
    """One JSON object of an answer; ``what`` says which, for errors."""

    __slots__ = ("_values", "what")

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise AnswerInvalid(f"has something else where {what} belongs")
        self._values: dict[str, object] = value
        self.what = what

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def raw(self, name: str) -> object:
        """Whatever is there; None for nothing."""
        return self._values.get(name)

    def fields(self, name: str) -> Fields:
        """An object within this one."""
        return Fields(self._values.get(name), f"{self.what}.{name}")

    def integer(self, name: str, low: int = 0, high: int = AMOUNT_MAX) -> int:
        """An integer from ``low`` to ``high``; ``True`` is none."""
        value = self._values.get(name)
        if type(value) is not int or not low <= value <= high:
            self._wrong(name, f"a whole number from {low} to {high}")
        return value

    def amount(self, name: str) -> int:
        """Minor units, of either sign."""
        return self.integer(name, -AMOUNT_MAX)

    def boolean(self, name: str) -> bool:
        """``true`` or ``false``."""
        value = self._values.get(name)
        if type(value) is not bool:
            self._wrong(name, "true or false")
        return value

    def text(self, name: str, characters_max: int = TEXT_CHARACTERS_MAX) -> str:
        """Text without half characters."""
        value = self._values.get(name)
        if not isinstance(value, str) or len(value) > characters_max:
            self._wrong(name, f"text of up to {characters_max} characters")
        if not _is_unicode(value):
            self._wrong(name, "text of whole characters")
        return value

    def binary(self, name: str) -> bytes:
        """Bytes from base64url."""
        try:
            return from_base64url(self.text(name), name)
        except MalformedObject:
            self._wrong(name, "base64url without padding")

    def hexadecimal(self, name: str, size: int) -> bytes:
        """Exactly ``size`` bytes from hexadecimal digits."""
        try:
            value = bytes.fromhex(self.text(name, 2 * size))
        except ValueError:
            self._wrong(name, "hexadecimal digits")
        if len(value) != size:
            self._wrong(name, f"{size} bytes in hexadecimal digits")
        return value

    def items(self, name: str, count_max: int) -> list[object]:
        """A list."""
        value = self._values.get(name)
        if not isinstance(value, list) or len(value) > count_max:
            self._wrong(name, f"a list of up to {count_max} items")
        return value

    def texts(self, name: str, count_max: int) -> tuple[str, ...]:
        """A list of texts."""
        items = self.items(name, count_max)
        return tuple(Fields({name: item}, self.what).text(name) for item in items)

    def integers(self, name: str, count_max: int) -> tuple[int, ...]:
        """A list of integers from 0."""
        items = self.items(name, count_max)
        return tuple(Fields({name: item}, self.what).integer(name) for item in items)

    def binaries(self, name: str, count_max: int) -> tuple[bytes, ...]:
        """A list of base64url."""
        items = self.items(name, count_max)
        return tuple(Fields({name: item}, self.what).binary(name) for item in items)

    def objects(self, name: str, count_max: int, read: Callable[[Fields], _T]) -> tuple[_T, ...]:
        """A list of objects, each read by ``read``."""
        items = self.items(name, count_max)
        return tuple(read(Fields(item, f"an item of {self.what}.{name}")) for item in items)

    def optional(self, name: str, read: Callable[[str], _T]) -> _T | None:
        """``read(name)``, or None where the field is null or absent."""
        return read(name) if name in self else None

    def _wrong(self, name: str, expected: str) -> NoReturn:
        raise AnswerInvalid(f"has no {expected} as {name} of {self.what}")


def parse_fields(data: bytes, what: str) -> Fields:
    """The one JSON object that ``data`` is. Raises AnswerInvalid."""
    try:
        return Fields(json.loads(data.decode(), parse_constant=_refuse_constant), what)
    except (ValueError, RecursionError):
        raise AnswerInvalid("is not JSON") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
