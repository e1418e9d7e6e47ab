"""What may be told of a month, so that nobody can be picked out.

A count from 1 to 4 is told as "fewer than 5". What is worked out of fewer than five people or
requests is not told at all, nor what would give such a one away: a count beside a total is told
only where the rest of the total may be told as well. A month is told when it is over, and what was
told does not change, so that no two readings of it differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FEW = 5
MIXED_MIN = 2 * FEW - 1
"""With fewer requests, of which some were filled and some not, one tells how many the other are."""
TENTHS_MIN = 10
"""Of fewer, nine in ten are all of them, and the longest is one person's."""

LEDGER_FIGURES = ("trades", "members", "requests")
"""Told as soon as a month is over."""
HELP_FIGURES = ("filled_percent", "half_minutes", "most_minutes", "unfilled", "helped_minutes")
"""Told a month later, when most of its help is over, too."""


@dataclass(frozen=True, slots=True)
class Group:
    """So many of something, by so many people."""

    count: int
    people: int

    @property
    def is_safe(self) -> bool:
        """Whether it may be told how many."""
        return self.count == 0 or min(self.count, self.people) >= FEW


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the requests of a month, by their askers.

    ``filled`` are those of which a place was filled, ``unfilled`` those of which one was not,
    ``others`` all that are not unfilled; ``matched`` those that were once filled whole, half of
    them within ``half`` minutes and nine in ten within ``most``. ``visits`` are those that began in
    the month and were paid, ``helped`` their minutes; their people are the helpers or the askers,
    whichever are fewer.
    """

    filled: Group
    unfilled: Group
    others: Group
    matched: Group
    visits: Group
    places_filled: int
    places_unfilled: int
    half: int | None
    most: int | None
    helped: int


@dataclass(slots=True)
class Told:
    """Figures by their names, and the names of those that are few, or hidden."""

    values: dict[str, int] = field(default_factory=dict)
    few: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)

    def count(self, name: str, group: Group, *others: Group) -> None:
        """Tell how many there are, if that tells of nobody, nor of ``others``."""
        if 0 < group.count < FEW:
            self.few.append(name)
        else:
            self.tell(name, group.count, group, *others)

    def tell(self, name: str, value: int, *groups: Group) -> None:
        """Tell a number that is worked out of these, if all of them may be told."""
        if all(group.is_safe for group in groups):
            self.values[name] = value
        else:
            self.hidden.append(name)

    def hide(self, *names: str) -> None:
        """Say nothing of these."""
        self.hidden.extend(names)


def tell_ledger(trades: int, members: int, asked: Group) -> Told:
    """What is told as soon as a month is over.

    There are at most two members to a trade: so nothing is said of either number where the other is
    told to be few.
    """
    told = Told()
    told.count("trades", Group(trades, members))
    if "trades" in told.few:
        told.hide("members")
    else:
        told.count("members", Group(members, members))
    told.count("requests", asked)
    return told


def tell_help(outcome: Outcome, *, requests_told: bool) -> Told:
    """What is told of the requests of a month. Where it is not told how many there were, nothing is
    told of what became of them."""
    told = Told()
    told.tell("helped_minutes", outcome.helped, outcome.visits)
    unfilled, asked = outcome.unfilled.count, outcome.unfilled.count + outcome.others.count
    if not requests_told or (asked < MIXED_MIN and 0 < unfilled < asked):
        told.hide("filled_percent", "half_minutes", "most_minutes", "unfilled")
        return told
    told.count("unfilled", outcome.unfilled, outcome.others)
    places = outcome.places_filled + outcome.places_unfilled
    if places:
        percent = 100 * outcome.places_filled // places
        told.tell("filled_percent", percent, outcome.filled, outcome.unfilled, outcome.others)
    if outcome.half is not None and outcome.most is not None:
        told.tell("half_minutes", outcome.half, outcome.matched)
        if outcome.matched.count < TENTHS_MIN or asked < TENTHS_MIN + FEW - 1:
            told.hide("most_minutes")
        else:
            told.tell("most_minutes", outcome.most, outcome.matched)
    return told
