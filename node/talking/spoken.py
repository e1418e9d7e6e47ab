"""Notices as they are read out or posted: without what is to be typed, for who has no device."""

from __future__ import annotations

import re

_SENTENCE = re.compile(r"(?<=[.?!]) +")
_COMMAND = (
    r"\btally (?:yes|no|offers|ask(?:ed)?|confirm|pay|concern|cancel|desk|profile|messages)\b"
)
_TYPED = re.compile(rf"[:;,]? ?(?:say|see|write)? ?{_COMMAND}.*", re.IGNORECASE)
_BY_DESK = "To answer, tell a coordinator."


def spoken(words: str) -> str:
    """The same words, line by line, where a command is named the way to say it to somebody."""
    lines = [_without_commands(line) for line in words.split("\n")]
    told = "\n".join(line for line in lines if line)
    return told if told == words else f"{told} {_BY_DESK}".strip()


def _without_commands(line: str) -> str:
    kept = []
    for sentence in _SENTENCE.split(line):
        if _TYPED.search(sentence):
            head = _TYPED.sub("", sentence).rstrip(" .")
            kept += [f"{head}."] if head else []
        elif sentence:
            kept.append(sentence)
    return " ".join(kept)
