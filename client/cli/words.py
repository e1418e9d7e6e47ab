"""Amounts, days and names as people read them; whatever others wrote made fit for a terminal."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from client.views import FORMER_MEMBER
from ledger.amount import Unit, amount_in_words, format_figure
from ledger.orders import COMMUNITY, SUSPENSE, TREASURY

WIDTH_MAX = 100
DAY_MS = 24 * 3600 * 1000

SYSTEM_ACCOUNTS = {
    TREASURY: "the treasury",
    COMMUNITY: "the community account",
    SUSPENSE: "the suspense account",
}
"""The circle's own accounts, in words."""

_COMMAND = re.compile(
    r"\btallyd?(?: (?:desk|devices|duty|events|messages|officer|peer))*(?: [a-z-]+)(?: [0-9]+)?"
    r"(?: --[a-z-]+)*"
)
_KEPT = "\N{NO-BREAK SPACE}"
"""Stands for a space at which no line may end."""

_SPANS = (("week", 7 * DAY_MS), ("day", DAY_MS), ("hour", DAY_MS // 24), ("minute", 60_000))


def plain(text: str) -> str:
    """On one line, and nothing in it that a terminal would act on."""
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def amount(minor: int, unit: Unit) -> str:
    """An amount in words; its sign is for the sentence around it to say."""
    return amount_in_words(abs(minor), unit)


def signed(minor: int, unit: Unit) -> str:
    """An exact figure with its sign, for columns."""
    return format_figure(minor, unit, sign=True)


def day(log_time: int) -> str:
    """The day of a time (Unix milliseconds) where the reader is: 3 May 2026."""
    return write_day(datetime.fromtimestamp(log_time / 1000).astimezone().date())


def write_day(when: date) -> str:
    """3 May 2026."""
    return f"{when.day} {when:%B %Y}"


def moment(log_time: int) -> str:
    """A time of day where the reader is: 3 May 2026 at 14:05."""
    when = datetime.fromtimestamp(log_time / 1000).astimezone()
    return f"{write_day(when.date())} at {when:%H:%M}"


def span(milliseconds: int) -> str:
    """How long: 1 week, 3 days, 36 hours."""
    for name, size in _SPANS:
        if milliseconds >= size and milliseconds % size == 0:
            count = milliseconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{timedelta(milliseconds=milliseconds)}"


def person(handle: str | None, name: str | None, account: int | None = None) -> str:
    """A person, or whoever's account it is, as others know them; nobody's where no name is left."""
    if account in SYSTEM_ACCOUNTS:
        return SYSTEM_ACCOUNTS[account]
    return plain(name or handle or FORMER_MEMBER)


def capital(words: str) -> str:
    """With a great first letter, as a sentence begins."""
    return words[:1].upper() + words[1:]


def listed(words: Iterable[str]) -> str:
    """One, two and three."""
    each = list(words)
    return " and ".join([", ".join(each[:-1]), each[-1]]) if len(each) > 1 else "".join(each)


def wrap(text: str, indent: str = "") -> str:
    """Lines no wider than the terminal; the later ones set in by ``indent``. A command that is to
    be typed stays on one line."""
    return _fill(text, "", indent)


def _fill(text: str, first: str, later: str) -> str:
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _KEPT), text)
    lines = textwrap.fill(
        whole,
        width(),
        initial_indent=first,
        subsequent_indent=later,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return lines.replace(_KEPT, " ")


def fit(text: str) -> str:
    """Whatever was not wrapped yet, in lines no wider than the terminal, set in as they begin.

    A line with an address and a command is to be copied, and stays whole.
    """
    return "\n".join(_fit_line(line) for line in text.split("\n"))


def _fit_line(line: str) -> str:
    if len(line) <= width() or ("://" in line and _COMMAND.search(line)):
        return line
    set_in = line[: len(line) - len(line.lstrip())]
    return _fill(line.lstrip(), set_in, set_in)


def width() -> int:
    """How many letters fit on a line."""
    return max(30, min(shutil.get_terminal_size().columns, WIDTH_MAX))
