"""Events as people read them, and as programs do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import groupby

from client.calendar import AnswerView, OccurrenceView, Own, ReminderView
from client.cli.words import capital, listed, plain, wrap, write_day
from client.views import FORMER_MEMBER
from ledger.amount import Unit, amount_in_words

KINDS = {"trading": "trading day", "meeting": "core group meeting"}
_NEWS = {
    "place": "There is a place for you now",
    "changed": "Not as it was",
    "cancelled": "Cancelled",
}
_OWN = {"yes": "you said yes", "no": "you said no", "waiting": "you wait for a place"}


def tell_days(occurrences: Sequence[OccurrenceView]) -> str:
    """What is on, a day under another."""
    lines = []
    for day, group in groupby(occurrences, key=lambda each: each.begins.date()):
        lines.append(f"{day:%A} {write_day(day)}")
        lines += [wrap(f"  {_tell_line(each)}", "    ") for each in group]
    return "\n".join(lines)


def _tell_line(each: OccurrenceView) -> str:
    place = f", {plain(each.place)}" if each.place else ""
    told = f"{_tell_hours(each)}: {plain(each.title)} (no. {each.event}){place}"
    facts = [*([KINDS[each.kind]] if each.kind in KINDS else []), *_tell_state(each)]
    return f"{told}. {capital('; '.join(facts))}." if facts else f"{told}."


def _tell_hours(each: OccurrenceView) -> str:
    until = f"{each.ends:%H:%M}"
    if each.ends.date() != each.begins.date():
        until += f" on {each.ends:%A}"
    return f"{each.begins:%H:%M} to {until}"


def _tell_state(each: OccurrenceView) -> list[str]:
    note = f" ({plain(each.note)})" if each.note else ""
    if each.cancelled:
        return [f"cancelled{note}"]
    facts = [f"not as usual{note}"] if each.moved or note else []
    if each.capacity is not None:
        left = max(0, each.capacity - each.taken)
        facts.append(f"{left} of {each.capacity} places left" if left else "full")
    if each.own is not None:
        facts.append(tell_own(each.own))
    return facts


def tell_own(own: Own) -> str:
    """What a member answered: "you said yes, with 2 guests, and offer 1 seat"."""
    told = _OWN.get(own.answer, "you answered")
    return ", ".join([told, *_tell_brought(own.guests, own.lift_offered, own.lift_wanted)])


def _tell_brought(guests: int, lift_offered: int, lift_wanted: bool) -> list[str]:
    told = [f"with {guests} guest{'s' * (guests > 1)}"] if guests else []
    if lift_offered:
        told.append(f"offering a lift to {lift_offered}")
    if lift_wanted:
        told.append("wanting a lift")
    return told


def tell_news(reminders: Sequence[ReminderView]) -> list[str]:
    """What has happened to events that a member answered to; what is merely soon is not news."""
    return [
        wrap(
            f"{_NEWS[each.kind]}: {plain(each.title)} (no. {each.event}),"
            f" {tell_when(each.begins)}.",
            "  ",
        )
        for each in reminders
        if each.kind in _NEWS
    ]


def reminder_fields(each: ReminderView) -> dict[str, object]:
    """A reminder for a program."""
    return {**asdict(each), "begins": each.begins.isoformat(timespec="minutes")}


def tell_when(begins: datetime) -> str:
    """Sunday 14 March 2027 at 10:00."""
    return f"{begins:%A} {write_day(begins.date())} at {begins:%H:%M}"


def tell_event(each: OccurrenceView, unit: Unit) -> list[str]:
    """All that is known of one time of an event, a line each."""
    kind = f" ({KINDS[each.kind]})" if each.kind in KINDS else ""
    lines = [
        f"{plain(each.title)} (no. {each.event}){kind}",
        f"{tell_when(each.begins)}, to {_tell_hours(each).partition(' to ')[2]}",
    ]
    if each.place:
        lines.append(f"Where: {plain(each.place)}")
    if each.access:
        lines.append(f"Getting in: {plain(each.access)}")
    if each.words:
        lines.append(plain(each.words))
    if each.price:
        lines.append(f"Costs {amount_in_words(each.price, unit)}.")
    lines.append(f"Host: {plain(each.host or FORMER_MEMBER)}")
    lines += [f"{capital(fact)}." for fact in _tell_state(each)]
    return [wrap(line, "  ") for line in lines]


def tell_answers(answers: Sequence[AnswerView]) -> list[str]:
    """Who comes, waits and cannot."""
    lines = []
    for answer, heading in (("yes", "Coming"), ("waiting", "Waiting"), ("no", "Not coming")):
        names = [_tell_guest(each) for each in answers if each.answer == answer]
        if names:
            lines.append(wrap(f"{heading}: {listed(names)}", "  "))
    return lines


def _tell_guest(each: AnswerView) -> str:
    brought = _tell_brought(each.guests, each.lift_offered, each.lift_wanted)
    more = f" ({', '.join(brought)})" if brought else ""
    return f"{plain(each.name or FORMER_MEMBER)}{more}"


def occurrence_fields(each: OccurrenceView) -> dict[str, object]:
    """An occurrence for a program."""
    return {
        **asdict(each),
        "begins": each.begins.isoformat(timespec="minutes"),
        "ends": each.ends.isoformat(timespec="minutes"),
    }
