"""What somebody who searches may have meant: words in use that are a slip or two away.

Trigrams find candidates quickly, and are poor judges of short words, of which one transposed letter
leaves little; so the slips are counted too.
"""

from __future__ import annotations

import re

from node.connections import Reader

WORDS_MAX = 10
"""That a search heeds; more are left out."""
LIKENESS_MIN = 0.35
"""Of trigrams, where there are more slips than one makes: the beginning of a long word, say."""


async def likely_words(connection: Reader, words: str) -> str | None:
    """The words in use that are likely meant, if each is like one; None if they are the same."""
    written = re.findall(r"\w+", words)[:WORDS_MAX]
    found = [await _likely(connection, word) for word in written]
    likely = [word for word in found if word is not None]
    if len(likely) < len(written) or likely == written:
        return None
    return " ".join(likely) or None


async def _likely(connection: Reader, written: str) -> str | None:
    rows = await connection.fetch(
        "SELECT plain, word, listings, likeness FROM likest_words($1)", written
    )
    judged = [
        (slips, -row["likeness"], -row["listings"], row["word"])
        for row in rows
        if (slips := count_slips(row["plain"], row["word"])) <= slips_max(row["plain"])
        or row["likeness"] >= LIKENESS_MIN
    ]
    return min(judged)[3] if judged else None


def slips_max(word: str) -> int:
    """How many slips there may be in a word of this length."""
    return 1 if len(word) < 5 else 2 if len(word) < 9 else 3


def count_slips(written: str, meant: str) -> int:
    """Letters left out, put in, mistaken, or two that changed places (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(written, 1):
        earlier, before, row = before, row, [i]
        for j, other in enumerate(meant, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            swapped = i > 1 and j > 1 and letter == meant[j - 2] and written[i - 2] == other
            row.append(min(cost, earlier[j - 2] + 1) if swapped else cost)
    return row[-1]
