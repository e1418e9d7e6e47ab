"""Secrets on paper: how keys and invitations are printed, read aloud and typed.

Crockford's base32 in groups of five, with two check bytes; what looks alike is read alike. See
protocol.md, "Paper".
"""

from __future__ import annotations

from hashlib import sha256

from ledger import keys
from ledger.errors import MalformedObject

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_VALUES |= {"o": 0, "i": 1, "l": 1}
_GROUP = 5
_TEXT_MAX = 200

INVITATION_BYTES = 10
"""An invitation code is this long: 80 bits, good for one use and some weeks."""


def write_code(secret: bytes) -> str:
    """The printed form of ``secret``, which is 1 to 64 bytes."""
    data = secret + _check(secret)
    bits = int.from_bytes(data, "big") << (-len(data) * 8 % 5)
    count = -(-len(data) * 8 // 5)
    letters = "".join(_ALPHABET[bits >> 5 * place & 31] for place in range(count - 1, -1, -1))
    return "-".join(letters[start : start + _GROUP] for start in range(0, count, _GROUP))


def read_code(text: str, size: int) -> bytes:
    """The secret of ``size`` bytes that ``text`` stands for.

    Capitals, spaces and hyphens do not matter. Raises MalformedObject when a letter is wrong.
    """
    letters = [letter for letter in text.lower()[:_TEXT_MAX] if letter not in "- \n\t"]
    count = -(-(size + 2) * 8 // 5)
    if len(letters) != count:
        raise MalformedObject("code", f"it has {len(letters)} letters and should have {count}")
    bits = 0
    for letter in letters:
        if letter not in _VALUES:
            raise MalformedObject("code", f"{letter!r} does not occur in a code")
        bits = bits << 5 | _VALUES[letter]
    spare = count * 5 - (size + 2) * 8
    if bits & (1 << spare) - 1:
        raise MalformedObject("code", "a letter of it is wrong")
    data = (bits >> spare).to_bytes(size + 2, "big")
    if _check(data[:size]) != data[size:]:
        raise MalformedObject("code", "a letter of it is wrong")
    return data[:size]


def _check(secret: bytes) -> bytes:
    return sha256(keys.PAPER + secret).digest()[:2]


def invitation_seed(code: bytes) -> bytes:
    """The one-time key's 32-byte seed behind an invitation's code."""
    return sha256(keys.INVITATION_CODE + code).digest()
