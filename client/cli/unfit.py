"""What a node says does not fit, told as somebody would who reads it over the telephone."""

from __future__ import annotations

import re

from client.cli.words import capital

_FIELD = re.compile(r"(?:body|query|path)(?:\.([a-z_]+))?(?:\.[a-z0-9_]+)*: ")
"""The field that a node says does not fit."""
_LISTED = re.compile(r"; /api/[a-z0-9/-]+ lists them")
"""Where a program finds what there is."""

_WORDS = {
    "about": "what you say of yourself",
    "access": "the note on getting in",
    "address": "the address",
    "area": "the area",
    "cash": "the part in cash",
    "contact": "the number or address",
    "duration": "how long it takes",
    "expires": "the last day",
    "languages": "the list of languages",
    "minutes": "how long it takes",
    "most": "what it may cost",
    "on_behalf_of": "whom it is for",
    "person": "whom it is about",
    "private": "the note",
    "skills": "what kind of help it is",
    "vetting": "the check",
    "weekly": "the most in a week",
    "windows": "the time",
    "words": "the text",
}
"""Fields that members know by other names."""

_REASONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), told)
    for pattern, told in (
        (r"^String should have at least 1 character\b", "{what} is empty: write something there."),
        (
            r"^String should have at least ([0-9]+) characters",
            "{what} is too short: write at least {limit} letters.",
        ),
        (
            r"^String should have at most ([0-9]+) characters?",
            "{what} is too long: write at most {limit} letters.",
        ),
        (
            r"^String should match pattern",
            "There are letters or signs in {what} that cannot stand there: write it without.",
        ),
        (
            r"^Input should be greater than or equal to ([0-9]+)",
            "That is too little ({what}): {limit} is the least.",
        ),
        (
            r"^Input should be less than or equal to ([0-9]+)",
            "That is too much ({what}): {limit} is the most.",
        ),
        (r"^List should have at most ([0-9]+) items?", "{what}: {limit} is the most at once."),
        (
            r"^it has a control character",
            "There are letters or signs in that which cannot be looked for: write it without.",
        ),
        (r"nobody has said yet what an hour of help is", "{no_price}"),
    )
)
_NO_PRICE = (
    "Say with --most AMOUNT what it may cost at most. A coordinator can say once what an hour of"
    " help costs here, with tally desk terms AMOUNT; then it need not be said each time."
)


def tell_unfit(said: str) -> str:
    """What does not fit and what to do, without the node's name for where it stood."""
    found = _FIELD.search(said)
    if found is None:
        return said
    name = found[1] or ""
    words = _WORDS.get(name, f"the {name.replace('_', ' ')}" if name else "that")
    reason = _LISTED.sub("", said[found.end() :])
    for pattern, told in _REASONS:
        if match := pattern.search(reason):
            limit = match[1] if pattern.groups else ""
            return capital(told.format(what=words, limit=limit, no_price=_NO_PRICE))
    return f"That cannot be taken as it is{f' ({words})' if name else ''}: {reason}"
