"""Writes msgpack that no honest encoder would: one element of a value spelt in some other way."""

from __future__ import annotations

from typing import Any

import msgpack


def spell(value: Any, place: tuple[int, ...], raw: bytes) -> bytes:
    """The canonical bytes of ``value``, with ``raw`` for the element at ``place``."""
    if not place:
        return raw
    assert isinstance(value, tuple)
    head = bytes(msgpack.packb(value)[: header_size(len(value))])
    parts = [
        spell(element, place[1:], raw) if position == place[0] else bytes(msgpack.packb(element))
        for position, element in enumerate(value)
    ]
    return head + b"".join(parts)


def header_size(count: int) -> int:
    """The bytes before the first element of an array of ``count`` (at most 65,535)."""
    return 1 if count < 16 else 3


def element(value: Any, place: tuple[int, ...]) -> Any:
    """The element of nested arrays at ``place``."""
    for position in place:
        value = value[position]
    return value


def other_spellings(value: int | bytes | str | tuple[Any, ...]) -> dict[str, bytes]:
    """What a lenient decoder would take for the same value, by how it is spelt."""
    if isinstance(value, int):
        wider = {"8 bits": ("cc", 1), "16 bits": ("cd", 2), "32 bits": ("ce", 4)}
        signed = {"signed 64 bits": ("d3", 8)}
        sizes = wider | {"64 bits": ("cf", 8)} if value >= 0 else signed
        spelt = {
            name: bytes.fromhex(code) + value.to_bytes(size, "big", signed=value < 0)
            for name, (code, size) in sizes.items()
            if value < 256**size
        }
        if value >= 0:
            spelt["signed"] = b"\xd3" + value.to_bytes(8, "big")
        spelt["a float"] = bytes(msgpack.packb(float(value)))
        return {name: raw for name, raw in spelt.items() if raw != msgpack.packb(value)}
    if isinstance(value, tuple):
        count, rest = len(value), bytes(msgpack.packb(value))[header_size(len(value)) :]
        spelt = {"16 bits": b"\xdc" + count.to_bytes(2, "big") + rest}
        spelt["32 bits"] = b"\xdd" + count.to_bytes(4, "big") + rest
    elif isinstance(value, bytes):
        size = len(value)
        spelt = {"8 bits": b"\xc4" + size.to_bytes(1, "big") + value} if size < 256 else {}
        spelt["16 bits"] = b"\xc5" + size.to_bytes(2, "big") + value
        spelt["32 bits"] = b"\xc6" + size.to_bytes(4, "big") + value
        spelt["a string"] = b"\xda" + size.to_bytes(2, "big") + value
    else:
        size, data = len(value), value.encode()
        spelt = {"8 bits": b"\xd9" + size.to_bytes(1, "big") + data}
        spelt["16 bits"] = b"\xda" + size.to_bytes(2, "big") + data
        spelt["32 bits"] = b"\xdb" + size.to_bytes(4, "big") + data
        spelt["bytes"] = bytes(msgpack.packb(data))
    return {name: raw for name, raw in spelt.items() if raw != msgpack.packb(value)}


FOREIGN = {
    "nil": b"\xc0",
    "true": b"\xc3",
    "false": b"\xc2",
    "a float of 32 bits": b"\xca\x3f\x80\x00\x00",
    "a float of 64 bits": b"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00",
    "not a number": b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
    "an empty map": b"\x80",
    "a map": b"\x81\x01\x01",
    "a map of 16 bits": b"\xde\x00\x00",
    "an empty extension": b"\xc7\x00\x05",
    "an extension of 1 byte": b"\xd4\x05\x00",
    "a timestamp": b"\xd6\xff\x00\x00\x00\x00",
    "a timestamp of no bytes": b"\xc7\x00\xff",
    "a timestamp that is none": b"\xc7\x01\xff\x00",
    "the reserved byte": b"\xc1",
    "a string that is not UTF-8": b"\xa1\xff",
    "a string with a surrogate": b"\xa3\xed\xa0\x80",
    "an array of what is not there": b"\xdd\xff\xff\xff\xff",
    "bytes that are not there": b"\xc6\xff\xff\xff\xff",
    "a string that is not there": b"\xdb\xff\xff\xff\xff",
    "a map of what is not there": b"\xdf\xff\xff\xff\xff",
    "arrays in arrays": b"\x91" * 2_000 + b"\x90",
    "a number of 64 bits": b"\xcf" + b"\xff" * 8,
    "the least number of 64 bits": b"\xd3\x80" + b"\x00" * 7,
}
"""What never stands in anything of ours, whatever is expected there."""
