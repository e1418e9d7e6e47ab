"""Why somebody was asked, in three wordings: for the asker, for the helper, for coordinators.

What is told of reliability, and of how much somebody helps, is for coordinators alone; distances
are told in bands of walking, to nobody in metres, and to members only where the other shows where
they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from node.help.ranking import Ranked

WALK_METRES = 80
"""In a minute."""
BANDS = (5, 10, 15, 20, 30)
"""Minutes of walking."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """What speaks for a helper, of one request: ``skill`` is the category's short name."""

    skill: str
    distance: int | None
    fit: float
    reliable: float
    even: float
    rested: float
    familiar: bool
    newcomer: bool

    @classmethod
    def of(cls, skill: str, ranked: Ranked | asyncpg.Record, *, placed: bool) -> Reasons:
        """Of who is ranked for a request of that category, or of the ask as it is stored.

        Without distance unless ``placed``: whoever is told may know where the other is.
        """
        get = ranked.__getattribute__ if isinstance(ranked, Ranked) else ranked.__getitem__
        names = ("fit", "reliable", "even", "rested", "familiar", "newcomer")
        return cls(skill, get("distance") if placed else None, *map(get, names))


def walking(distance: int | None) -> str:
    """How far it is, as one would say it; "" where a place is not known."""
    if distance is None:
        return ""
    for minutes in BANDS:
        if distance <= minutes * WALK_METRES:
            return f"within {minutes} minutes' walk"
    return "further than half an hour's walk"


def tell_helper(reasons: Reasons) -> str:
    """Why they are asked, for them."""
    told = ["you help with this", "are free then"]
    if reasons.distance is not None:
        told.append(f"it is {walking(reasons.distance)}")
    if reasons.familiar:
        told.append("they know you")
    elif reasons.newcomer:
        told.append("you are new to helping")
    elif reasons.rested == 1:
        told.append("you were not asked for a while")
    return f"We ask you because {_listed(told)}."


def tell_asker(reasons: Reasons) -> str:
    """Why they come into question, for who asked."""
    told = ["helps with this", "is free then"]
    if reasons.distance is not None:
        told.append(f"lives {walking(reasons.distance)} away".replace("within", "about"))
    if reasons.familiar:
        told.append("has helped you before")
    return f"{_listed(told).capitalize()}."


def tell_coordinator(reasons: Reasons) -> str:
    """All of it, for those who look after the matching."""
    told = [
        "suits all the times" if reasons.fit == 1 else f"suits {reasons.fit:.0%} of the times",
        f"reliability {reasons.reliable:.2f}",
        f"{1 - reasons.even:.0%} of the hours offered in four weeks are taken",
    ]
    if reasons.distance is not None:
        told.insert(1, walking(reasons.distance))
    told.append("not asked for four weeks" if reasons.rested == 1 else "asked in the last weeks")
    if reasons.familiar:
        told.append("has helped them before")
    if reasons.newcomer:
        told.append("new to helping")
    return f"{_listed(told).capitalize()}."


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"
