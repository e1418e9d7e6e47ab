"""Open numbers as a page for people: whole sentences in large type, which print and can be heard.

The pictures only repeat what the sentence beside them says, so they are silent to a screen reader.
They are drawn, and not coloured, so that they print.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from ledger.amount import Unit, amount_in_words
from node.numbers.reading import Figure, Month, Position

FORMS = (
    '<p>For programs and spreadsheets: <a href="/api/v1/open">as JSON</a>, '
    '<a href="/api/v1/open?format=csv">as CSV</a>. <a href="/">About this circle</a></p>'
)
_TIMES = ((2 * 24 * 60, 24 * 60, "day"), (120, 60, "hour"), (0, 1, "minute"))
"""From so many minutes on, time is told in units of so many, rounded."""


def render_numbers(
    months: Sequence[Month],
    unit: Unit,
    worked_out: datetime | None,
    coordinators: Sequence[str],
    auditors: Sequence[str],
) -> str:
    """The body of the page. ``worked_out`` is on the circle's clock; officers are addresses."""
    parts = [
        "<p>What we did, month by month, for everybody to read. A month is told when it is over, "
        "and what became of its requests for help a month after that.</p>",
        "<p>So that nobody can be picked out, a number from 1 to 4 is told as &ldquo;fewer than "
        "5&rdquo;, and what would be about fewer than 5 people is not told. Nobody in the circle "
        "is shown more here than you are.</p>",
    ]
    parts += [_month(month, unit) for month in months]
    if not months:
        parts.append("<p>No month is over yet. Please come back at the beginning of the next.</p>")
    parts.append(_responsible(worked_out, coordinators, auditors))
    return '<div class="sheet">\n' + "\n".join(parts) + f"\n</div>\n{FORMS}"


def _month(month: Month, unit: Unit) -> str:
    sentences = [_trades(month), *_help(month)]
    sentences += [escape(_position(each, unit)) for each in month.neighbours]
    items = "\n".join(f"<li>{each}</li>" for each in sentences)
    return f"<h2>{month.begins:%B %Y}</h2>\n<ul>\n{items}\n</ul>"


def _trades(month: Month) -> str:
    match month.trades:
        case Figure(value=0):
            return "Nobody traded."
        case Figure(value=None) if month.members.told == "fewer-than-5":
            return "Fewer than 5 members traded with each other."
        case Figure(value=None):
            return "Members traded with each other fewer than 5 times."
    members, trades = month.members.value, month.trades.value
    return f"{members:,} members traded with each other, {trades:,} times in all."


def _help(month: Month) -> list[str]:
    """What was asked for, what came of it, and how much help was given."""
    sentences = [_asked(month.requests)]
    if month.helped_minutes.told == "later":
        return [*sentences, "What became of that is told a month later, when most of it is over."]
    if month.requests.value:
        sentences += [_filled(month.filled_percent), _time(month), _unfilled(month.unfilled)]
    sentences.append(_given(month.helped_minutes))
    return [each for each in sentences if each]


def _asked(requests: Figure) -> str:
    match requests:
        case Figure(value=0):
            return "Nobody asked for help."
        case Figure(told="fewer-than-5"):
            return "Help was asked for fewer than 5 times."
        case Figure(value=None):
            return "How often help was asked for is not told: fewer than 5 people asked."
    return f"Help was asked for {requests.value:,} times."


def _filled(percent: Figure) -> str:
    if percent.value is not None:
        told = f"Of every 100 places for helpers, {percent.value} were filled."
        return f"{told}<br>{_bar(percent.value)}"
    if percent.told == "nothing":
        return ""
    return "How many places for helpers were filled is not told: too few people are behind it."


def _bar(percent: int) -> str:
    return (
        '<svg aria-hidden="true" focusable="false" width="100%" height="24" viewBox="0 0 100 8" '
        'preserveAspectRatio="none"><rect width="100" height="8" fill="#fff" stroke="#5c3a1e" '
        f'stroke-width="1"></rect><rect width="{percent}" height="8" fill="#5c3a1e"></rect></svg>'
    )


def _time(month: Month) -> str:
    half, most = month.half_minutes.value, month.most_minutes.value
    if half is None:
        if month.half_minutes.told == "nothing":
            return ""
        return "How long that took is not told: too few requests had all their places filled."
    told = f"Half of the requests that were filled had all their helpers within {_tell(half)}"
    return f"{told}." if most is None else f"{told}, nine in ten within {_tell(most)}."


def _tell(minutes: int) -> str:
    size, name = next((size, name) for least, size, name in _TIMES if minutes >= least)
    count = max(1, -(-minutes // size))
    return f"{count} {name}{'s' * (count != 1)}"


def _unfilled(unfilled: Figure) -> str:
    match unfilled:
        case Figure(value=0):
            return "No request was left without help."
        case Figure(told="fewer-than-5"):
            return "For fewer than 5 requests we found nobody, or not enough people."
        case Figure(value=None):
            return "For how many we found nobody is not told: too few people are behind it."
    return f"For {unfilled.value:,} requests we found nobody, or not enough people."


def _given(helped: Figure) -> str:
    if helped.value is None:
        return "How many hours of help were given is not told: fewer than 5 people gave or got it."
    if not helped.value:
        return "No help was given."
    hours, minutes = divmod(helped.value, 60)
    told = f"{hours:,} h {minutes:02}" if minutes else f"{hours:,} hour{'s' * (hours != 1)}"
    return f"{told} of help were given."


def _position(position: Position, unit: Unit) -> str:
    """Never as a debt: who had more of whom."""
    name, amount = position.name, amount_in_words(abs(position.owed), unit)
    if position.owed > 0:
        return f"By the end of the month, {name} had had {amount} more from us than we from them."
    if position.owed < 0:
        return f"By the end of the month, we had had {amount} more from {name} than they from us."
    return f"By the end of the month, {name} and we had had as much from each other."


def _responsible(
    worked_out: datetime | None, coordinators: Sequence[str], auditors: Sequence[str]
) -> str:
    when = (
        f"<p>This was worked out on {worked_out.day} {worked_out:%B %Y} at {worked_out:%H:%M}, "
        "by the circle's own computer, from its log and its requests for help.</p>\n"
        if worked_out
        else ""
    )
    whom = ", ".join(map(escape, coordinators)) or "whoever runs the circle"
    checked = ", ".join(map(escape, auditors))
    others = f" If that does not help, tell an auditor, who checks the books: {checked}."
    return (
        f"<h2>Who is responsible</h2>\n{when}"
        f"<p>The coordinators run this circle and answer for these numbers: {whom}.</p>\n"
        "<p>If one of them is wrong, or tells too much about somebody, complain to a "
        f"coordinator.{others if checked else ''}</p>"
    )
