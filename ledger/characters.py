"""Which characters names are made of (protocol.md, "Characters").

Both lists are closed: what a name may be does not depend on the version of Unicode that somebody
has, or two of them could replay one log to different ends.
"""

from __future__ import annotations

import re

UNPRINTABLE = (
    "0000-001F 007F-00A0 00AD 061C 1680 180E 2000-200F 2028-202F 205F-206F 3000 D800-F8FF "
    "FDD0-FDEF FEFF FFF0-FFFB FFFE-FFFF 13430-1343F 1BCA0-1BCA3 1D173-1D17A E0000-E00FF "
    "F0000-10FFFF"
)
"""Controls, spaces other than U+0020, marks that are not seen, and what is nobody's in common."""

FIGURES = (
    "0030-0039 00B2-00B3 00B9 00BC-00BE 0660-0669 06F0-06F9 07C0-07C9 0966-096F 09E6-09EF "
    "0A66-0A6F 0AE6-0AEF 0B66-0B6F 0BE6-0BEF 0C66-0C6F 0CE6-0CEF 0D66-0D6F 0DE6-0DEF 0E50-0E59 "
    "0ED0-0ED9 0F20-0F33 1040-1049 1090-1099 17E0-17E9 1810-1819 2070 2074-2079 2080-2089 "
    "2150-218B 2460-249B 24EA-24FF 2776-2793 3007 3021-3029 FF10-FF19 1D7CE-1D7FF 1F100-1F10C"
)
"""Digits of scripts in use, raised, lowered, circled and broken ones, and numerals."""


def _any_of(ranges: str) -> re.Pattern[str]:
    parts = [part.partition("-") for part in ranges.split()]
    inside = (f"\\U{first:0>8}-\\U{last or first:0>8}" for first, _, last in parts)
    return re.compile(f"[{''.join(inside)}]")


_UNPRINTABLE = _any_of(UNPRINTABLE)
_FIGURES = _any_of(FIGURES)


def is_printable(text: str) -> bool:
    """Whether it has characters only that can be shown, U+0020 among them."""
    return _UNPRINTABLE.search(text) is None


def has_figure(text: str) -> bool:
    """Whether a character of it could be read as part of an amount."""
    return _FIGURES.search(text) is not None
