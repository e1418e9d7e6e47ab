"""Requests for help as people read them, and as programs do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import groupby

from client.cli.event_words import tell_when
from client.cli.help_times import tell_length, tell_window
from client.cli.words import capital, listed, person, plain, wrap, write_day
from client.help_views import Ask, HelpView, Somebody, Visit, offered
from ledger.amount import Unit, amount_in_words

NEEDS = {
    "car": "with a car",
    "step-free": "step-free",
    "woman": "a woman",
    "no-pets": "without pets",
}


def name_of(somebody: Somebody | None) -> str:
    """Who it is, as others know them."""
    return person(None, None) if somebody is None else person(somebody.handle, somebody.name)


def handle_of(somebody: Somebody | None) -> str:
    """What to write for them in a command."""
    return plain(somebody.handle or "WHO") if somebody else "WHO"


def tell_wanted(view: HelpView) -> str:
    """What is wanted and when, in one sentence."""
    when = " or ".join(tell_window(each, view.minutes) for each in view.windows)
    weekly = f", {view.weeks} weeks running" if view.weeks > 1 else ""
    many = f", {view.helpers} people" if view.helpers > 1 else ""
    needs = [NEEDS.get(each, plain(each)) for each in view.traits]
    needed = f" ({listed(needs)})" if needs else ""
    length = tell_length(view.minutes)
    return f"{view.number}. {plain(view.title)}, for {length}: {when}{weekly}{many}{needed}."


def tell_own(view: HelpView, unit: Unit, reader: int) -> str:
    """A request that this person made, perhaps for somebody else, and how it stands."""
    mine = view.asker is not None and view.asker.person == reader
    whom = "" if mine else f" For {name_of(view.asker)}."
    lines = [tell_wanted(view) + whom]
    lines += [f"  {each}" for each in tell_state(view, unit)]
    return "\n".join(wrap(line, "    " if place else "  ") for place, line in enumerate(lines))


def tell_state(view: HelpView, unit: Unit) -> list[str]:
    """How it stands, a sentence a line."""
    told = []
    if view.status == "draft":
        told.append(
            "Nobody is asked, as not all that it may cost is set aside. Go on with it: tally"
            f" ask --yes; or take it back: tally cancel {view.number}"
        )
        if all(visit.status == "open" for visit in view.visits):
            return told
    if view.status == "open" and (ready := _said_yes(view)):
        told.append(
            f"{listed(map(name_of, ready))} said yes: see tally offers {view.number}, then tally"
            f" yes {view.number} WHO."
        )
    told += [_tell_run(view, run, unit) for run in _runs(view.visits)]
    return list(dict.fromkeys(told))


def _said_yes(view: HelpView) -> list[Somebody]:
    """Those among whom the asker chooses."""
    if not view.picks:
        return []
    return [*(each.helper for each in view.offers or ()), *offered(view)]


def _runs(visits: Sequence[Visit]) -> list[list[Visit]]:
    """Visits that stand alike, one after another."""

    def alike(visit: Visit) -> tuple[object, ...]:
        ended = visit.thanks if visit.status in ("done", "paid") else ""
        return (visit.place, visit.status, visit.helper, ended, visit.promised)

    return [list(run) for _, run in groupby(visits, alike)]


def _tell_run(view: HelpView, run: list[Visit], unit: Unit) -> str:
    visit, number = run[0], view.number
    who, handle, when = name_of(visit.helper), handle_of(visit.helper), tell_visits(run)
    match visit.status:
        case "open" if _said_yes(view):
            return "Nobody is chosen yet."
        case "open":
            return _tell_open(view, run)
        case "held":
            return (
                f"{who} can come, {when}. May they? tally yes {number} {handle} or"
                f" tally no {number} {handle}"
                if not view.phones
                else f"{who} can come, {when}: tally desk accept {number}"
            ) + _tell_lacking(view, visit)
        case "booked":
            lacking = _tell_lacking(view, visit)
            reach = ""
            if visit.neighbour is not None and visit.neighbour.reach:
                reach = f" To reach them: {plain(visit.neighbour.reach)}."
            return f"{who} comes, {when}.{reach} Afterwards: {_confirming(view)}{lacking}"
        case "done" if visit.payment is not None:
            return f"{who} came, {when}; the payment is on its way: tally payments"
        case "done" if visit.promised or visit.neighbour is not None:
            return (
                f"{who} says that it is done, {when}; it took {tell_length(visit.minutes)}. If"
                f" that is right: {_confirming(view)}"
            )
        case "done" | "paid":
            thanked = "" if visit.thanks else f" A thank-you: tally thank {number} WORDS"
            paid = "it is paid."
            if visit.hold is None:
                paid = f"it was not paid, as nothing is set aside any more: tally pay {handle}"
            return f"{who} came, {when}, for {tell_length(visit.minutes)}; {paid}{thanked}"
        case _:
            return _tell_off(visit, when, who, unit, view.most)


def _tell_lacking(view: HelpView, visit: Visit) -> str:
    if not visit.lacks_promise:
        return ""
    return f". Nothing is set aside for it any more; first: {tell_promising(view)}"


def tell_promising(view: HelpView) -> str:
    """What to say to set aside again what it may cost."""
    return f"tally desk promise {view.number}" if view.phones else "tally ask --yes"


def _confirming(view: HelpView) -> str:
    return f"tally {'desk pay' if view.phones else 'confirm'} {view.number}"


def _tell_open(view: HelpView, run: list[Visit]) -> str:
    if all(visit.status == "open" for visit in view.visits):
        return "We are asking; nobody has said yes yet."
    if view.weeks == 1:
        return "We are still asking for one more."
    weeks = [str(visit.week + 1) for visit in run]
    return f"We are still asking for week{'s' * (len(weeks) > 1)} {listed(weeks)}."


def _tell_off(visit: Visit, when: str, who: str, unit: Unit, most: int) -> str:
    aside = f"; {amount_in_words(most, unit)} is still set aside for it" if visit.promised else ""
    match visit.status:
        case "cancelled":
            return f"Cancelled{aside}."
        case "missed" if visit.confirmed:
            return f"{capital(when)} somebody was not there; a coordinator looked into it{aside}."
        case "missed":
            return f"{capital(when)} somebody was not there; a coordinator finds out why{aside}."
        case "dropped":
            return f"We are sorry: nobody could come in time{aside}."
        case _:
            return f"{capital(plain(visit.status))}, {who}, {when}{aside}."


def tell_visits(visits: Sequence[Visit]) -> str:
    """When: of several, the first and how many more."""
    times = [each.begins for each in visits if each.begins is not None]
    if not times:
        return "at no time yet"
    if len(times) == 1:
        return tell_when(times[0])
    return f"{tell_when(times[0])}, and {len(times) - 1} more until {tell_when(times[-1])}"


def tell_asked(view: HelpView, person_number: int) -> str:
    """A request as the helper reads it who was asked."""
    if not view.account and view.asks_for is None:
        return _tell_former(view)
    lines = [tell_wanted(view)]
    if view.words:
        lines.append(plain(view.words))
    if view.area:
        lines.append(f"Where: {plain(view.area)}.")
    lines += _tell_answer(view)
    mine = [visit for visit in view.visits if visit.helper and visit.helper.person == person_number]
    for run in _runs(mine):
        lines += _tell_mine(view, run)
    return "\n".join(
        wrap(f"  {line}" if place else line, "    " if place else "  ")
        for place, line in enumerate(lines)
    )


def _tell_former(view: HelpView) -> str:
    """One that does not concern them any more."""
    day = view.own.begins if view.own else None
    when = f", {day:%A} {write_day(day.date())}" if day else ""
    said = "It is settled; nothing more is needed."
    if view.own is not None and view.own.answer == "no":
        said = "You said no."
    asked = f"You were asked for help with {plain(view.category)}{when}."
    return wrap(f"{view.number}. {asked} {said}", "  ")


def _tell_answer(view: HelpView) -> list[str]:
    number, own = view.number, view.own
    if own is None or (view.status in ("over", "cancelled") and own.answer != "yes"):
        return ["It is settled; nothing more is needed."]
    match own.answer:
        case None | "no-reply":
            return [
                plain(own.why),
                f"{_tell_first(view, own)}Can you come? tally yes {number} or tally no {number}",
            ]
        case "no":
            return ["You said no."]
        case "yes" if view.visits:
            return []
        case "yes":
            return ["You said yes; they choose among those who did."]
        case _:
            return ["It is settled in another way. Thank you all the same."]


def _tell_first(view: HelpView, own: Ask) -> str:
    """The first time that suits both, where there is a choice."""
    if len(view.windows) == 1 and tell_window(view.windows[0], view.minutes) == tell_when(
        own.begins
    ):
        return ""
    return f"The first time that suits you both is {tell_when(own.begins)}; --at says another. "


def _tell_mine(view: HelpView, run: list[Visit]) -> list[str]:
    visit, number = run[0], view.number
    when, who = tell_visits(run), name_of(view.asker)
    match visit.status:
        case "held":
            return [f"You said yes for {when}. {capital(who)} is asked whether you may come."]
        case "booked":
            reach = [f"To reach them: {plain(view.reach)}."] if view.reach else []
            place = [f"Where exactly: {plain(view.address)}."] if view.address else []
            note = [f"They say: {plain(view.private)}"] if view.private else []
            then = f"Afterwards: tally done {number}. If you cannot come: tally cancel {number}"
            return [f"{who} expects you, {when}.", *place, *reach, *note, then]
        case "done" if visit.promised or view.asks_for is not None:
            return [f"You came, {when}, for {tell_length(visit.minutes)}; not paid yet."]
        case "done" if visit.hold is None:
            length = tell_length(visit.minutes)
            unpaid = f"it was not paid, as nothing is set aside any more: speak to {who}."
            return [f"You came, {when}, for {length}; {unpaid}"]
        case "done" | "paid":
            thanks = [f"They thank you: {plain(visit.thanks)}"] if visit.thanks else []
            return [f"You came, {when}, for {tell_length(visit.minutes)}; it is paid.", *thanks]
        case "cancelled":
            return [f"It is cancelled, {when}. You are not needed; thank you."]
        case _:
            return [f"{capital(when)} somebody was not there; a coordinator finds out why."]


def tell_offer(ask: Ask) -> str:
    """Somebody who said yes, and what speaks for them."""
    who = f"{name_of(ask.helper)} ({handle_of(ask.helper)})"
    return wrap(f"{who}, {tell_when(ask.begins)}. {plain(ask.why)}", "  ")


def view_fields(view: HelpView) -> dict[str, object]:
    """A request for a program."""
    fields = asdict(view)
    written = _written(fields)
    assert isinstance(written, dict), "what was an object stays one"
    return written


def _written(value: object) -> object:
    """With times as the API has them."""
    match value:
        case datetime():
            return value.isoformat(timespec="minutes")
        case dict():
            return {name: _written(each) for name, each in value.items()}
        case list() | tuple():
            return [_written(each) for each in value]
        case _:
            return value
