"""A request for help as it is asked: models, bounds, and what it costs at most."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field

from ledger.codec import AMOUNT_MAX
from node.api.bounds import Number
from node.calendar.time_field import LocalTime
from node.errors import RequestInvalid
from node.help.helping import Trait, read_minute
from node.help.minutes import DAY
from node.help.ranking import VISIT_MINUTES_MAX
from node.http.fields import Model
from node.people.writing import Line, Prose, Slug, Title

WINDOWS_MAX = 28
HELPERS_MAX = 10
WEEKS_MAX = 12
VISITS_MAX = 24
OPEN_MAX = 20
"""Of one asker, that are not over yet."""
DAILY_MAX = 60
"""Of one asker, in 24 hours, cancelled ones included."""
AHEAD_DAYS_MAX = 366
MOST_PERCENT = 150
"""Of what the time asked for costs: so much is set aside where nothing else is said."""
PROMISE_DAYS = 14
"""So long after a visit stays set aside what is for it: time enough to say how it went."""

_Amount = Annotated[int, Field(ge=1, le=AMOUNT_MAX)]


class Window(Model):
    """Help is wanted between two local times of one day."""

    begins: LocalTime
    ends: LocalTime


class HelpItem(Model):
    """What somebody wants help with. ``key`` is 16 random bytes: the same again asks nothing twice.

    Each visit takes ``minutes`` and lies within one of ``windows``; it is repeated in so many
    ``weeks``, by the same helper. ``most`` is set aside for each; without it, what half as long
    again would cost. With ``wider`` neighbouring circles may be asked, too. ``person`` and
    ``account`` are those of somebody else for whom the caller may ask. ``address`` and ``private``
    are for the helper alone whom the asker accepts.
    """

    key: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    category: Slug
    title: Title
    words: Prose = ""
    minutes: Annotated[int, Field(ge=15, le=VISIT_MINUTES_MAX)]
    helpers: Annotated[int, Field(ge=1, le=HELPERS_MAX)] = 1
    windows: Annotated[list[Window], Field(min_length=1, max_length=WINDOWS_MAX)]
    weeks: Annotated[int, Field(ge=1, le=WEEKS_MAX)] = 1
    traits: list[Trait] = Field(default=[], max_length=4)
    language: Annotated[Line, Field(max_length=40)] = ""
    vetting: Slug | None = None
    familiar: bool = False
    picks: bool = False
    wider: bool = False
    most: _Amount | None = None
    area: Line = ""
    address: Prose = ""
    private: Prose = ""
    person: Number | None = None
    account: Number | None = None


def read_windows(item: HelpItem, minute: int) -> list[tuple[int, int]]:
    """The windows as minutes on the clock, in order, where it is ``minute`` now.

    Raises RequestInvalid for what is over, too far off, too short, or not within a day.
    """
    found = []
    for number, window in enumerate(item.windows):
        where = f"body.windows.{number}"
        begins, ends = (read_minute(time, where) for time in (window.begins, window.ends))
        if ends - begins < item.minutes:
            raise RequestInvalid([f"{where}: it is shorter than {item.minutes} minutes"])
        if begins // DAY != (ends - 1) // DAY:
            raise RequestInvalid([f"{where}: it has to begin and end on the same day"])
        if ends - item.minutes <= minute:
            raise RequestInvalid([f"{where}: it is over, or begins too soon"])
        if begins > minute + AHEAD_DAYS_MAX * DAY:
            raise RequestInvalid([f"{where}: it is more than {AHEAD_DAYS_MAX} days off"])
        found.append((begins, ends))
    found.sort()
    for before, after in pairwise(found):
        if after[0] < before[1]:
            raise RequestInvalid(["body.windows: two of them overlap"])
    if item.weeks > 1 and found[-1][1] - found[0][0] > 7 * DAY:
        raise RequestInvalid(["body.windows: what repeats weekly has to lie within a week"])
    if item.helpers * item.weeks > VISITS_MAX:
        raise RequestInvalid([f"body: at most {VISITS_MAX} visits are asked for at once"])
    return found


def usual_most(minutes: int, hour: int) -> int:
    """What is set aside where nothing else is said: what half as long again costs."""
    return price_of(minutes * MOST_PERCENT // 100, hour)


def price_of(minutes: int, hour: int) -> int:
    """What so many minutes of help are, in minor units, where an hour is ``hour``; rounded up."""
    return -(-minutes * hour // 60)
