"""One thing that ``verify`` found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    ``kind`` is stable: receipt-damaged, log-damaged, line-missing, line-wrong, text-changed,
    line-doubled, line-unproved or balance-wrong. ``entry`` is the line's number in the circle's
    books, ``seq`` its number in the account's.
    """

    kind: str
    account: int | None = None
    seq: int | None = None
    entry: int | None = None
    detail: str = ""
