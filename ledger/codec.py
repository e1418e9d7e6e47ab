"""Canonical msgpack: the one way any signed or hashed object is written (protocol.md, "Encoding").

Only integers, byte strings, ASCII strings and arrays exist. A shape fixes every array's length or
bounds; an optional field is ``[]`` or ``[x]``. ``decode`` accepts exactly the bytes that ``encode``
makes, so that one object has one encoding, one hash and one signature.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from typing import Any

import msgpack

from ledger.errors import MalformedObject

AMOUNT_MAX = 2**53 - 1
"""The largest magnitude of any integer: the largest a browser never rounds."""

type_names = {int: "an integer", bytes: "a byte string", str: "a string", tuple: "an array"}

Shape = Callable[[Any], None]
"""Checks one decoded value, or raises ValueError with what it should have been."""


def _wrong(value: object, expected: str) -> ValueError:
    found = type_names.get(type(value), type(value).__name__)
    return ValueError(f"expected {expected}, found {found}")


def integer(low: int = -AMOUNT_MAX, high: int = AMOUNT_MAX) -> Shape:
    """An integer from ``low`` to ``high``; ``True`` and ``1.0`` are not integers."""

    def check(value: Any) -> None:
        if type(value) is not int:
            raise _wrong(value, "an integer")
        if not low <= value <= high:
            raise ValueError(f"{value} is not from {low} to {high}")

    return check


def binary(low: int, high: int | None = None) -> Shape:
    """A byte string of exactly ``low`` bytes, or of ``low`` to ``high``."""
    most = low if high is None else high

    def check(value: Any) -> None:
        if type(value) is not bytes:
            raise _wrong(value, "a byte string")
        if not low <= len(value) <= most:
            raise ValueError(f"{len(value)} bytes are not from {low} to {most}")

    return check


def ascii_text(low: int, high: int) -> Shape:
    """A string of ``low`` to ``high`` printable ASCII characters (0x20 to 0x7e)."""

    def check(value: Any) -> None:
        if type(value) is not str:
            raise _wrong(value, "a string")
        if not low <= len(value) <= high:
            raise ValueError(f"{len(value)} characters are not from {low} to {high}")
        if not (value.isascii() and value.isprintable()):
            raise ValueError("a character is not printable ASCII")

    return check


def one_of(*names: str) -> Shape:
    """One of the given strings."""
    allowed = frozenset(names)

    def check(value: Any) -> None:
        if type(value) is not str or value not in allowed:
            raise ValueError(f"{value!r:.40} is not one of {', '.join(sorted(allowed))}")

    return check


def optional(shape: Shape) -> Shape:
    """``[]`` or ``[x]``."""

    def check(value: Any) -> None:
        if type(value) is not tuple:
            raise _wrong(value, "an array")
        if not value:
            return
        if len(value) != 1:
            raise ValueError(f"{len(value)} elements where none or one may stand")
        shape(value[0])

    return check


def array_of(shape: Shape, low: int, high: int) -> Shape:
    """An array of ``low`` to ``high`` elements of one shape."""

    def check(value: Any) -> None:
        if type(value) is not tuple:
            raise _wrong(value, "an array")
        if not low <= len(value) <= high:
            raise ValueError(f"{len(value)} elements are not from {low} to {high}")
        for element in value:
            shape(element)

    return check


def record(*leading: tuple[str, Shape], **fields: Shape) -> Shape:
    """An array with exactly these fields, in this order: those given as pairs come first."""
    names, shapes = zip(*leading, *fields.items(), strict=True)
    size = len(shapes)

    def check(value: Any) -> None:
        if type(value) is not tuple:
            raise _wrong(value, "an array")
        if len(value) != size:
            raise ValueError(f"{len(value)} fields where {size} belong")
        place = 0
        try:
            for shape in shapes:
                shape(value[place])
                place += 1
        except ValueError as error:
            raise ValueError(f"{names[place]}: {error}") from None

    return check


# One for all: to make a packer takes as long as to pack a posting. It keeps nothing of a call.
_pack: Callable[[object], bytes] = msgpack.Packer(use_bin_type=True).pack


def encode(value: object) -> bytes:
    """The canonical bytes of nested tuples or lists of int, bytes and ASCII str.

    The caller builds ``value`` from checked parts: other types are a programmer's error.
    """
    return _pack(value)


def unpack(data: bytes, size_max: int, what: str) -> tuple[Any, ...]:
    """Decode ``data`` to an array in canonical form, its fields not yet checked.

    Raises MalformedObject when it is over ``size_max`` bytes, not msgpack, not an array, or not the
    bytes that :func:`encode` would make of it.
    """
    if len(data) > size_max:
        raise MalformedObject(what, f"{len(data)} bytes are over the limit of {size_max}")
    try:
        value = msgpack.unpackb(data, use_list=False, max_map_len=0, max_ext_len=0)
        if type(value) is not tuple:
            raise _wrong(value, "an array")
        canonical = _pack(value) == data
    except (ValueError, TypeError, OverflowError, msgpack.exceptions.UnpackException) as error:
        raise MalformedObject(what, str(error) or "it is not msgpack") from None
    if not canonical:
        raise MalformedObject(what, "it is not in canonical form")
    return value


def decode(data: bytes, shape: Shape, size_max: int, what: str) -> tuple[Any, ...]:
    """Decode ``data`` and check it against ``shape``; arrays come back as tuples.

    Raises MalformedObject naming ``what`` and the field at fault.
    """
    value = unpack(data, size_max, what)
    check(value, shape, what)
    return value


def write(value: object, shape: Shape, size_max: int, what: str) -> bytes:
    """Encode ``value`` after checking it as :func:`decode` would. Raises MalformedObject."""
    try:
        data = encode(value)
    except (TypeError, OverflowError, ValueError) as error:
        raise MalformedObject(what, str(error)) from None
    decode(data, shape, size_max, what)
    return data


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_FROM_URL_SAFE = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING = (b"", b"===", b"==", b"=")


def to_base64url(data: bytes) -> str:
    """Base64url without padding (RFC 4648 section 5): how bytes stand in JSON."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=").decode("ascii")


def from_base64url(text: str, what: str) -> bytes:
    """The bytes of canonical base64url without padding. Raises MalformedObject naming ``what``."""
    try:
        letters = text.encode("ascii").translate(_FROM_URL_SAFE)
        data = a2b_base64(letters + _PADDING[len(letters) % 4], strict_mode=True)
        # Only the last, incomplete group can be written in more than one way.
        over = len(data) % 3
        if not over or text.endswith(to_base64url(data[-over:])):
            return data
    except ValueError:
        pass
    raise MalformedObject(what, "it is not base64url without padding")


def check(value: object, shape: Shape, what: str) -> None:
    """Raise MalformedObject unless ``value`` has ``shape``."""
    try:
        shape(value)
    except ValueError as error:
        raise MalformedObject(what, str(error)) from None
