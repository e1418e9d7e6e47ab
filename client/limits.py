"""How long what people write may be, and of which letters.

A node refuses what is beyond these limits (protocol.md, "Limits"). It is refused here first, before
anything is signed, with the limit in the sentence.
"""

from __future__ import annotations

import re
from typing import Final

from client.errors import InputRefused
from ledger.characters import is_printable
from ledger.orders import TEXT_BYTES_MAX

PAYMENT_TEXT_BYTES_MAX: Final = 1600
NAME_CHARACTERS_MAX: Final = 100
LABEL_CHARACTERS_MAX: Final = 64
REFERENCE_CHARACTERS_MAX: Final = 64
SLIP_CHARACTERS_MAX: Final = 32

_HANDLE = re.compile(r"[a-z][a-z0-9-]{1,31}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


def check_handle(handle: str) -> None:
    """Raises InputRefused, as all of these."""
    if not _HANDLE.fullmatch(handle):
        raise InputRefused(
            f"{_shown(handle)} cannot be a short name: take 2 to 32 of the letters a to z, digits"
            " and hyphens, beginning with a letter."
        )


def check_name(name: str) -> None:
    """A person's name as others see it."""
    if not name.strip():
        raise InputRefused("A name needs at least one letter.")
    if len(name) > NAME_CHARACTERS_MAX:
        raise InputRefused(
            f"A name has at most {NAME_CHARACTERS_MAX} letters, and that one has {len(name)}."
        )
    if not is_printable(name) or name != name.strip():
        raise InputRefused(f"{_shown(name)} has letters in it that no name can have.")


def check_text(text: str) -> None:
    """What is told with an order or a request, such as what it is for, or an officer's reason."""
    if not text:
        raise InputRefused("There is nothing in the text: write something, or leave it out.")
    if control := _CONTROL.search(text):
        raise InputRefused(
            f"A text cannot have the sign U+{ord(control[0]):04X} in it: write it without."
        )
    size = len(text.encode())
    if size > TEXT_BYTES_MAX:
        raise InputRefused(
            f"A text has at most {TEXT_BYTES_MAX} bytes (plain letters count one each), and that"
            f" one has {size}: say it shorter."
        )


def check_payment_text(text: str) -> None:
    """What is told with a payment into another circle; there may be nothing."""
    size = len(text.encode("utf-8", "replace"))
    if size > PAYMENT_TEXT_BYTES_MAX:
        raise InputRefused(
            f"Another circle takes a text of {PAYMENT_TEXT_BYTES_MAX} bytes at most (plain letters"
            f" count one each), and that one has {size}: say it shorter."
        )
    if sign := next((each for each in text if not is_printable(each) and each != "\n"), None):
        raise InputRefused(
            f"A text for another circle cannot have the sign U+{ord(sign):04X} in it: write it"
            " without."
        )


def check_label(label: str) -> None:
    """What a device is called."""
    _check_plain(label, "the name of a device", LABEL_CHARACTERS_MAX, least=0)


def check_reference(reference: str) -> None:
    """A line of the cash book."""
    _check_plain(reference, "the line of the cash book", REFERENCE_CHARACTERS_MAX)


def check_slip(channel: str, number: str) -> None:
    """How a paper slip came, and its number."""
    _check_plain(channel, "the way in which a slip came", SLIP_CHARACTERS_MAX)
    _check_plain(number, "the number of a slip", SLIP_CHARACTERS_MAX)


def _check_plain(text: str, what: str, characters_max: int, *, least: int = 1) -> None:
    if not (text.isascii() and text.isprintable() and least <= len(text) <= characters_max):
        raise InputRefused(
            f"{_shown(text)} cannot be {what}: take {least or 'up'} to {characters_max} plain"
            " letters, digits and signs, without accents."
        )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
