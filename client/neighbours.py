"""The neighbouring circles that vouch for a circle's books, as this device first saw them.

Which they are is the node's word. Their keys are kept when they are first seen, and only what those
keys signed counts from then on; whatever changes is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from client.strict_json import as_fields, as_integer, as_line, as_list, parse_json, refuse
from ledger.cosignature import verify_cosignatures
from ledger.errors import InvalidNote
from ledger.note import COSIGNATURE_V1, VerifierKey, format_vkey, parse_vkey

NEIGHBOURS_MAX: Final = 100
NAME_MAX: Final = 800
VKEY_MAX: Final = 400
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A witness of the circle's log: what the circle calls it, and its key."""

    name: str
    key: VerifierKey


@dataclass(frozen=True, slots=True)
class Change:
    """``what`` happened to a neighbour since it was last seen: "new", "gone" or "another-key"."""

    what: str
    name: str


def compare(kept: Sequence[Neighbour], shown: Sequence[Neighbour]) -> list[Change]:
    """What changed, where a neighbour is known by the name of its key."""
    before = {each.key.name: each for each in kept}
    now = {each.key.name: each for each in shown}
    changes = [Change("gone", each.name) for name, each in before.items() if name not in now]
    for name, each in now.items():
        if name not in before:
            changes.append(Change("new", each.name))
        elif each.key != before[name].key:
            changes.append(Change("another-key", each.name))
    return changes


def vouching(note: str, neighbours: Iterable[Neighbour]) -> tuple[str, ...]:
    """The names of those that cosigned the head in a note. Raises InvalidNote."""
    names = {each.key: each.name for each in neighbours}
    return tuple(names[each.key] for each in verify_cosignatures(note, names))


def parse_neighbour(name: str, vkey: str) -> Neighbour:
    """A neighbour by a verifier key that can cosign. Raises InvalidNote."""
    key = parse_vkey(vkey)
    if key.signature_type != COSIGNATURE_V1:
        raise InvalidNote(f"the key {key.name} is not a witness's")
    return Neighbour(name, key)


def encode_neighbours(neighbours: Iterable[Neighbour]) -> bytes:
    """The file. Raises InvalidRecord for what ``decode_neighbours`` would refuse."""
    listed = [{"name": each.name, "key": format_vkey(each.key)} for each in neighbours]
    data = json.dumps({"version": _VERSION, "neighbours": listed}, indent=1).encode() + b"\n"
    decode_neighbours(data)
    return data


def decode_neighbours(data: bytes) -> tuple[Neighbour, ...]:
    """Raises InvalidRecord."""
    record = as_fields(parse_json(data), "the file", "version", "neighbours")
    as_integer(record["version"], "version", _VERSION, _VERSION)
    listed = as_list(record["neighbours"], "neighbours", NEIGHBOURS_MAX)
    return tuple(map(_decode_neighbour, listed))


def _decode_neighbour(value: object) -> Neighbour:
    fields = as_fields(value, "a neighbour", "name", "key")
    name = as_line(fields["name"], "its name", NAME_MAX)
    try:
        return parse_neighbour(name, as_line(fields["key"], "its key", VKEY_MAX))
    except InvalidNote as error:
        refuse("a neighbour", f"has no key: {error}")
