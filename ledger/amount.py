"""The unit of a circle, and amounts as people write and read them.

An amount is an ``int`` in minor units with ``abs(amount) <= AMOUNT_MAX``, so that a browser never
rounds one; ``bool`` and ``float`` are not amounts. What ``parse_amount`` accepts, by kind of unit::

    decimal   2   1.5   1,5   1.5 tokens
    minutes   2   1.5   1,5   1.5 hours   1h   1h20   1 h 20   1:20   1 hour and 20 minutes   20min

A number alone counts whole units, and in a circle that counts minutes those are hours: ``20`` is
twenty hours. A comma is a decimal comma, except before exactly three digits: ``1,500`` is fifteen
hundred to one reader and one and a half to another, so it is refused whatever the scale. Marks
between thousands are refused for the same reason. Nothing is ever rounded.

For every amount ``x >= 0``: ``parse_amount(format_amount(x, unit), unit) == x``. Below zero that
holds for what follows the sign; a person never writes one, as no payment is less than nothing.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NoReturn, TypeGuard

from ledger.characters import has_figure, is_printable
from ledger.codec import AMOUNT_MAX as AMOUNT_MAX
from ledger.errors import InvalidAmount

AMOUNT_TEXT_MAX: Final = 64
SCALE_MAX: Final = 9
UNIT_NAME_BYTES_MAX: Final = 40
MINUTES_PER_HOUR: Final = 60

_NUMBER = re.compile(r"([0-9]+)(?:([.,])([0-9]+))?")
_NUMBER_AND_NAME = re.compile(r"([0-9.,]+) ?([^0-9]*)")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:[ ,.'\u2019][0-9]{3})+(?:[.,][0-9]+)?")
_BARE_POINT = re.compile(r"[.,][0-9]+|[0-9]+[.,]")
_SIGNS = "+-\u2010\u2012\u2013\u2014\u2212\uff0b\uff0d"

_HOUR = "(?:hours|hour|hrs|hr|h)"
_MINUTE = "(?:minutes|minute|mins|min|m)"
_TIME_FLAGS = re.ASCII | re.IGNORECASE
_HOURS_AND_MINUTES = re.compile(
    rf"([0-9]+) ?{_HOUR}(?: ?(?:and )?([0-9]{{1,2}})(?: ?{_MINUTE})?)?", _TIME_FLAGS
)
_MINUTES_ALONE = re.compile(rf"([0-9]+) ?{_MINUTE}", _TIME_FLAGS)
_CLOCK = re.compile(r"([0-9]+):([0-9]{2})")
_HOURS_NAME = re.compile(_HOUR, _TIME_FLAGS)


class UnitKind(StrEnum):
    """How minor units become the number a member sees."""

    DECIMAL = "decimal"
    MINUTES = "minutes"


@dataclass(frozen=True, slots=True)
class Unit:
    """What a circle counts in, for example ``Unit("token", "tokens", UnitKind.DECIMAL, 2)``.

    ``name`` and ``plural`` are shown to members: 1 to 40 bytes of printable UTF-8 (NFC) without
    digits or a leading sign or point, so that an amount followed by one reads in one way only. With
    ``DECIMAL`` one unit is ``10 ** scale`` minor units, scale 0 to 9; with ``MINUTES`` a minor unit
    is a minute, shown as ``1 h 20`` whatever the name, and scale is 0. Raises ``InvalidAmount``.
    """

    name: str
    plural: str
    kind: UnitKind
    scale: int = 0

    def __post_init__(self) -> None:
        for name in (self.name, self.plural):
            if not _is_unit_name(name):
                raise InvalidAmount(
                    str(name),
                    "cannot be the name of a unit",
                    f"1 to {UNIT_NAME_BYTES_MAX} bytes of printable text without digits",
                )
        if type(self.kind) is not UnitKind:
            raise InvalidAmount(
                str(self.kind), "is not a kind of unit", "UnitKind.DECIMAL or UnitKind.MINUTES"
            )
        scale_max = SCALE_MAX if self.kind is UnitKind.DECIMAL else 0
        if type(self.scale) is not int or not 0 <= self.scale <= scale_max:
            raise InvalidAmount(
                str(self.scale),
                f"cannot be the scale of a unit of kind {self.kind}",
                f"a whole number from 0 to {scale_max}" if scale_max else "0",
            )


def is_amount(value: object) -> TypeGuard[int]:
    """True for an ``int`` (no ``bool``, no ``float``) with ``abs(value) <= AMOUNT_MAX``."""
    return type(value) is int and -AMOUNT_MAX <= value <= AMOUNT_MAX


def parse_amount(text: str, unit: Unit) -> int:
    """Minor units, 0 to ``AMOUNT_MAX``, from what a person wrote (the grammar is above).

    Raises ``InvalidAmount``, which names the text and says what to write instead.
    """
    if len(text) > AMOUNT_TEXT_MAX:
        raise InvalidAmount(
            text, f"is longer than {AMOUNT_TEXT_MAX} characters", f"for example {_example(unit)}"
        )
    written = " ".join(text.split())
    parse = _parse_minutes if unit.kind is UnitKind.MINUTES else _parse_decimal
    amount = parse(written, unit)
    if amount > AMOUNT_MAX:
        raise InvalidAmount(
            text,
            "is more than can be counted",
            f"at most {format_amount(AMOUNT_MAX, unit)}",
        )
    return amount


def format_figure(amount: int, unit: Unit, *, sign: bool = False) -> str:
    """The exact figure without the unit's name: ``3.5``, ``-0.25``, ``1 h 20``, ``20 min``.

    ``sign`` puts a plus before what is above zero. Raises ``InvalidAmount`` for what
    ``is_amount`` denies.
    """
    if not is_amount(amount):
        raise InvalidAmount(
            str(amount), "is not an amount", f"a whole number of minor units up to {AMOUNT_MAX}"
        )
    mark = "-" if amount < 0 else "+" if sign and amount > 0 else ""
    match unit.kind:
        case UnitKind.DECIMAL:
            return mark + _decimal_figure(abs(amount), unit.scale)
        case UnitKind.MINUTES:
            return mark + _time_figure(abs(amount))


def format_amount(amount: int, unit: Unit, *, sign: bool = False) -> str:
    """The exact amount with its unit: ``3.5 tokens``, ``-0.25 tokens``, ``1 token``, ``1 h 20``.

    ``sign`` puts a plus before what is above zero. Raises ``InvalidAmount`` for what
    ``is_amount`` denies.
    """
    figure = format_figure(amount, unit, sign=sign)
    if unit.kind is UnitKind.MINUTES:
        return figure
    return f"{figure} {unit.name if abs(amount) == 10**unit.scale else unit.plural}"


def amount_in_words(amount: int, unit: Unit) -> str:
    """How one says it: ``3 and a half hours``, ``no tokens``, ``2 hours and 20 minutes``.

    Exact: a fraction that is not a half stays in figures (``3.25 tokens``). Raises
    ``InvalidAmount`` for what ``is_amount`` denies.
    """
    formatted = format_amount(amount, unit)
    if amount < 0:
        return f"minus {amount_in_words(-amount, unit)}"
    minutes = unit.kind is UnitKind.MINUTES
    name, plural = ("hour", "hours") if minutes else (unit.name, unit.plural)
    whole, part = divmod(amount, MINUTES_PER_HOUR if minutes else 10**unit.scale)
    if amount == 0:
        return f"no {plural}"
    if part * 2 == (MINUTES_PER_HOUR if minutes else 10**unit.scale):
        return f"{whole} and a half {plural}" if whole else f"half {_article(name)} {name}"
    if not minutes:
        return formatted
    spoken = [_counted(whole, name, plural)] if whole else []
    if part:
        spoken.append(_counted(part, "minute", "minutes"))
    return " and ".join(spoken)


def standing_in_words(balance: int, unit: Unit) -> str:
    """A balance as a member reads it, which way it goes being said in words and not by a sign.

    Raises ``InvalidAmount`` for what ``is_amount`` denies.
    """
    if is_amount(balance) and balance < 0:
        return f"You've had {amount_in_words(-balance, unit)} more help than you've given"
    return f"You have {amount_in_words(balance, unit)}"


def _parse_decimal(written: str, unit: Unit) -> int:
    figure, name = _split_name(written)
    number = _NUMBER.fullmatch(figure)
    if number is None or not (name == "" or _names_unit(name, unit)):
        _refuse(written, unit)
    whole, decimals = _whole_and_decimals(written, number)
    if len(decimals) > unit.scale:
        if unit.scale == 0:
            reason = f"has decimals, and {unit.plural} are counted in whole numbers"
            instead = whole
        else:
            count = len(decimals)
            reason = f"has {count} decimals, and {unit.plural} have at most {unit.scale}"
            instead = f"{whole}.{decimals[: unit.scale]}"
        raise InvalidAmount(written, reason, f"for example {instead}")
    return int(whole + decimals.ljust(unit.scale, "0"))


def _parse_minutes(written: str, unit: Unit) -> int:
    if alone := _MINUTES_ALONE.fullmatch(written):
        return int(alone[1])
    if time := _HOURS_AND_MINUTES.fullmatch(written) or _CLOCK.fullmatch(written):
        hours, minutes = int(time[1]), int(time[2] or 0)
        amount = hours * MINUTES_PER_HOUR + minutes
        if minutes >= MINUTES_PER_HOUR:
            raise InvalidAmount(
                written, f"has {minutes} minutes beside its hours", _time_figure(amount)
            )
        return amount
    figure, name = _split_name(written)
    number = _NUMBER.fullmatch(figure)
    if number is None or not (name == "" or _HOURS_NAME.fullmatch(name) or _names_unit(name, unit)):
        _refuse(written, unit)
    whole, decimals = _whole_and_decimals(written, number)
    denominator: int = 10 ** len(decimals)
    numerator = int(whole + decimals) * MINUTES_PER_HOUR
    if numerator % denominator:
        nearest = (2 * numerator + denominator) // (2 * denominator)
        raise InvalidAmount(
            written, "is not a whole number of minutes", f"for example {_time_figure(nearest)}"
        )
    return numerator // denominator


def _split_name(written: str) -> tuple[str, str]:
    split = _NUMBER_AND_NAME.fullmatch(written)
    return (split[1], split[2]) if split else (written, "")


def _names_unit(name: str, unit: Unit) -> bool:
    folded = unicodedata.normalize("NFC", name).casefold()
    return folded in (unit.name.casefold(), unit.plural.casefold())


def _whole_and_decimals(written: str, number: re.Match[str]) -> tuple[str, str]:
    whole, mark, decimals = number[1], number[2], number[3] or ""
    if mark == "," and len(decimals) == 3:
        as_thousands = str(int(whole + decimals))
        as_decimals = f"{whole}.{decimals}".rstrip("0").rstrip(".")
        raise InvalidAmount(
            written, "can be read in two ways", f"{as_thousands} or {as_decimals}, as you mean it"
        )
    return whole, decimals


def _refuse(written: str, unit: Unit) -> NoReturn:
    """Say what is wrong with a text outside the grammar, the likeliest mistakes first."""
    instead = f"for example {_example(unit)}"
    figure, name = _split_name(written)
    if written == "":
        reason = "is empty"
    elif written[0] in _SIGNS:
        reason = "has a sign"
        instead = "the amount without it"
    elif any(char.isdecimal() and not char.isascii() for char in written):
        reason = "has digits other than 0 to 9"
    elif _THOUSANDS.fullmatch(figure):
        reason = "has marks between its thousands"
        instead = "the digits without them"
    elif _BARE_POINT.fullmatch(figure):
        reason = "has no digits on one side of its decimal point"
    elif name and _NUMBER.fullmatch(figure):
        reason = f"is not in {unit.plural}, which is what this circle counts in"
    elif _HOURS_AND_MINUTES.fullmatch(written) or _CLOCK.fullmatch(written):
        reason = f"is a time, and this circle counts in {unit.plural}"
    else:
        reason = f"is not an amount in {unit.plural}"
    raise InvalidAmount(written, reason, instead)


def _decimal_figure(amount: int, scale: int) -> str:
    whole, part = divmod(amount, 10**scale)
    return f"{whole}.{part:0{scale}d}".rstrip("0") if part else str(whole)


def _time_figure(amount: int) -> str:
    hours, minutes = divmod(amount, MINUTES_PER_HOUR)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes:02d}" if minutes else f"{hours} h"


def _counted(count: int, name: str, plural: str) -> str:
    return f"{count} {name if count == 1 else plural}"


def _article(name: str) -> str:
    return "an" if name[0].lower() in "aeio" or name.lower().startswith("hour") else "a"


def _example(unit: Unit) -> str:
    if unit.kind is UnitKind.MINUTES:
        return "1 h 20 or 1.5"
    return "1.5" if unit.scale else "2"


def _is_unit_name(name: object) -> bool:
    return (
        isinstance(name, str)
        and is_printable(name)
        and 1 <= len(name.encode()) <= UNIT_NAME_BYTES_MAX
        and name == " ".join(name.split())
        and name[0] not in _SIGNS + ".,:"
        and not has_figure(name)
        and unicodedata.is_normalized("NFC", name)
    )
