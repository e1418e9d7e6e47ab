"""Which characters the names in a charter's rules have (protocol.md, "Characters")."""

from __future__ import annotations

from collections.abc import Iterable

UNSEEN = (
    "0000-001F 007F-00A0 00AD 061C 1680 180E 2000-200F 2028-202F 205F-206F 3000 D800-F8FF "
    "FDD0-FDEF FEFF FFF0-FFFB FFFE-FFFF 13430-1343F 1BCA0-1BCA3 1D173-1D17A E0000-E00FF "
    "F0000-10FFFF"
)
FIGURES = (
    "0030-0039 00B2-00B3 00B9 00BC-00BE 0660-0669 06F0-06F9 07C0-07C9 0966-096F 09E6-09EF "
    "0A66-0A6F 0AE6-0AEF 0B66-0B6F 0BE6-0BEF 0C66-0C6F 0CE6-0CEF 0D66-0D6F 0DE6-0DEF 0E50-0E59 "
    "0ED0-0ED9 0F20-0F33 1040-1049 1090-1099 17E0-17E9 1810-1819 2070 2074-2079 2080-2089 "
    "2150-218B 2460-249B 24EA-24FF 2776-2793 3007 3021-3029 FF10-FF19 1D7CE-1D7FF 1F100-1F10C"
)


def has_any(text: str, ranges: str) -> bool:
    """Whether a character of ``text`` is in one of the ranges of hexadecimal code points."""
    bounds = tuple(_bounds(ranges))
    return any(first <= ord(each) <= last for each in text for first, last in bounds)


def _bounds(ranges: str) -> Iterable[tuple[int, int]]:
    for part in ranges.split():
        first, _, last = part.partition("-")
        yield int(first, 16), int(last or first, 16)
