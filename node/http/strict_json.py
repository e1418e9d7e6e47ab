"""JSON without the parts on which parsers disagree (RFC 8259, I-JSON RFC 7493)."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

from node.errors import JsonInvalid

# The largest integer a body may carry has as many digits as an unsigned 64-bit one.
INTEGER_DIGITS_MAX = 20
# Beyond this a float no longer holds every integer, so an integral one is left a float and refused.
FLOAT_INTEGER_MAX = 2**53


def parse_json(body: bytes, *, depth_max: int, values_max: int) -> Any:
    """Parse one JSON value, refusing whatever two parsers might read differently.

    Refused are invalid UTF-8, duplicate keys, NaN and infinities, lone surrogates, integers of more
    than 20 digits, more than `depth_max` levels and more than `values_max` values. ``12.0`` is the
    integer 12, as JSON Schema has it (2020-12, section 4.2.3).

    Raises:
        JsonInvalid: saying which of these it was.
    """
    try:
        text = body.decode()
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise JsonInvalid(f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise JsonInvalid(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise JsonInvalid(f"it is nested more than {depth_max} levels deep") from None
    _check_size(value, depth_max, values_max)
    if "\\u" in text:
        _check_surrogates(value)
    return value


def _check_size(value: Any, depth_max: int, values_max: int) -> None:
    """Walk the value level by level, so that neither depth nor breadth costs more than allowed."""
    level = [value]
    seen = 0
    for _ in range(depth_max + 1):
        seen += len(level)
        if seen > values_max:
            raise JsonInvalid(f"it has more than {values_max} values")
        below: list[Any] = []
        for parent in level:
            if type(parent) is dict:
                below.extend(parent.values())
            elif type(parent) is list:
                below.extend(parent)
        if not below:
            return
        level = below
    raise JsonInvalid(f"it is nested more than {depth_max} levels deep")


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise JsonInvalid("a string has half of a surrogate pair") from None


def _parse_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        counted = Counter(name for name, _ in pairs)
        twice, _ = counted.most_common(1)[0]
        raise JsonInvalid(f"the key {twice[:50]!a} occurs twice in one object")
    return members


def _parse_integer(digits: str) -> int:
    if len(digits) > INTEGER_DIGITS_MAX:
        raise JsonInvalid(f"an integer has more than {INTEGER_DIGITS_MAX} digits")
    return int(digits)


def _parse_float(literal: str) -> int | float:
    number = float(literal)
    if not math.isfinite(number):
        raise JsonInvalid(f"the number {literal[:30]} is too large")
    if number.is_integer() and abs(number) <= FLOAT_INTEGER_MAX:
        return int(number)
    return number


def _refuse_constant(name: str) -> Any:
    raise JsonInvalid(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_parse_object,
    parse_int=_parse_integer,
    parse_float=_parse_float,
    parse_constant=_refuse_constant,
)
