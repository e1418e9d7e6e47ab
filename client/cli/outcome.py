"""``tally done``, ``confirm`` and ``thank``: what came of help."""

from __future__ import annotations

import click

from client import help as helping
from client.cli.answer import WEEK
from client.cli.asked import NUMBER
from client.cli.command import Told, command
from client.cli.event_words import tell_when
from client.cli.help_neighbours import pay_neighbour
from client.cli.help_promises import Promises, make_promises, price_at_most
from client.cli.help_times import read_taken, tell_length
from client.cli.help_words import handle_of, name_of
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import listed, wrap
from client.errors import InputRefused, NodeRefused
from client.help import Side
from client.help_views import HelpView, Visit
from client.node_session import NodeSession
from ledger.amount import amount_in_words

_N = click.argument("number", type=NUMBER, metavar="N")
_TOOK = click.option("--took", metavar="LENGTH", help="How long it took: 1h30; else as asked for.")


@command("done")
@_N
@_TOOK
@WEEK
@click.option("--nobody-in", is_flag=True, help="You came, and nobody was there.")
async def done(run: Run, number: int, took: str | None, week: int | None, nobody_in: bool) -> Told:
    """Say that you have helped with request N, and how long it took."""
    if nobody_in and took is not None:
        raise InputRefused("Either it took so long, or nobody was in: leave one of them out.")
    member = await run.member()
    session = await member.session()
    view = await helping.read_help(session, number)
    visit = choose_visit(view, week, "booked", "done", helper=member.person)
    if nobody_in:
        await say_missed(session, visit, "asker")
        told = "Thank you for telling. Whoever is on duty is told at once, and finds out."
        return Told(told, {"help": number, "visit": visit.number})
    return await finish(run, session, view, visit, took)


async def finish(
    run: Run, session: NodeSession, view: HelpView, visit: Visit, took: str | None
) -> Told:
    """It is done: the node is told, and the helper claims what that time costs."""
    minutes = visit.minutes if took is None else read_taken(took)
    _, amount = await price_at_most(run, view, minutes)
    await _finish(session, visit, minutes)
    promises = make_promises(run, view)
    hold = await promises.find_hold(visit) if visit.promised else None
    fields: dict[str, object] = {"help": view.number, "visit": visit.number, "minutes": minutes}
    who, length = name_of(view.asker), tell_length(minutes)
    if hold is None or hold.claim_window is None:
        told = f"It is noted that it took {length}. It is paid when {who} has been asked."
        if hold is None and view.asks_for is None:
            told = (
                f"It is noted that it took {length}. Nothing is set aside for it any more, so it is"
                f" for {who} to pay it directly."
            )
        return Told(wrap(told), fields)
    assert run.unit is not None, "a member's circle has a unit"
    if hold.claimed is None:
        await promises.claim(visit, amount)
    else:
        amount = hold.claimed
    mine = visit.helper is not None and visit.helper.person == (await run.member()).person
    helper = "You" if mine else name_of(visit.helper)
    then = "it is yours with tally asked" if mine else f"say tally desk pay {view.number}"
    told = (
        f"{who} is told that it is done and took {length}. {helper} asked for"
        f" {amount_in_words(amount, run.unit)}; if {who} says nothing for three days, {then}."
    )
    return Told(wrap(told), {**fields, "claimed": amount})


async def _finish(session: NodeSession, visit: Visit, minutes: int) -> None:
    try:
        await helping.finish(session, visit.number, minutes)
    except NodeRefused as refused:
        raise _too_early(visit) if refused.problem == "request-invalid" else refused from None


def _too_early(visit: Visit) -> InputRefused:
    when = "" if visit.begins is None else f", {tell_when(visit.begins)}"
    return InputRefused(f"It has not begun yet{when}: say so afterwards.")


def choose_visit(
    view: HelpView, week: int | None, *statuses: str, helper: int | None = None
) -> Visit:
    """The earliest visit that stands so, the statuses in the order in which they are wanted.

    Raises InputRefused where there is none, or where two helpers come into question.
    """
    found = [
        visit
        for status in statuses
        for visit in view.visits
        if visit.status == status
        and visit.helper is not None
        and (week is None or visit.week == week - 1)
        and (helper is None or visit.helper.person == helper)
    ]
    if not found:
        when = "" if week is None else f" in week {week}"
        raise InputRefused(
            f"Nobody is agreed{when} of whom you could say that for request {view.number}: see how"
            " it stands with tally ask or tally asked."
        )
    first = found[0]
    alike = [each for each in found if (each.status, each.week) == (first.status, first.week)]
    if len(alike) > 1:
        names = listed(handle_of(each.helper) for each in alike)
        raise InputRefused(f"Say whom you mean of request {view.number}: {names}.")
    return first


async def find_helper(run: Run, who: str | None) -> int | None:
    """The person who is named, if somebody is."""
    return None if who is None else (await find_person(run, who)).person


@command("confirm")
@_N
@click.argument("who", required=False)
@_TOOK
@WEEK
@click.option("--not-come", is_flag=True, help="The helper did not come.")
async def confirm(
    run: Run, number: int, who: str | None, took: str | None, week: int | None, not_come: bool
) -> Told:
    """Say that WHO came to help with your request N; they are paid for the time it took."""
    if not_come and took is not None:
        raise InputRefused("Either it took so long, or they did not come: leave one of them out.")
    session = await (await run.member()).session()
    view = await helping.read_help(session, number)
    person = await find_helper(run, who)
    check_unpaid(view, week, person)
    visit = choose_visit(view, week, "done", "booked", helper=person)
    promises = make_promises(run, view)
    if not_come:
        return await _miss(session, promises, visit)
    paid = await pay(run, session, promises, visit, took)
    if visit.neighbour is not None:
        return paid
    thanks = wrap(f'To thank them: tally thank {number} "..."')
    return Told(f"{paid.text}\n{thanks}", paid.fields)


def check_unpaid(view: HelpView, week: int | None, helper: int | None = None) -> None:
    """Raise InputRefused where what is meant was paid before."""
    meant = [
        visit
        for visit in view.visits
        if visit.helper is not None
        and (week is None or visit.week == week - 1)
        and (helper is None or visit.helper.person == helper)
        and visit.status in ("booked", "done", "paid")
    ]
    paid = [visit for visit in meant if visit.status == "paid" or _has_ended(visit)]
    if meant and len(paid) == len(meant):
        whom = listed(dict.fromkeys(name_of(visit.helper) for visit in paid))
        raise InputRefused(f"{whom} was paid for request {view.number} already.")


def _has_ended(visit: Visit) -> bool:
    """Whether what was set aside is gone, and the node has not said yet that it was not paid."""
    return visit.hold is not None and not visit.promised and visit.neighbour is None


async def say_missed(session: NodeSession, visit: Visit, who: Side) -> None:
    """One of the two was not there. Raises InputRefused before it has begun."""
    try:
        await helping.miss(session, visit.number, who)
    except NodeRefused as refused:
        raise _too_early(visit) if refused.problem == "request-invalid" else refused from None


async def _miss(session: NodeSession, promises: Promises, visit: Visit) -> Told:
    await say_missed(session, visit, "helper")
    hold = await promises.find_hold(visit) if visit.promised else None
    if hold is not None and hold.claimed is not None:
        await promises.object(visit)
    told = (
        "We are sorry. Whoever is on duty is told at once, and finds out; nothing is paid"
        " meanwhile."
    )
    return Told(wrap(told), {"help": promises.view.number, "visit": visit.number})


async def pay(
    run: Run,
    session: NodeSession,
    promises: Promises,
    visit: Visit,
    took: str | None,
    reason: str | None = None,
) -> Told:
    """It took so long: the node is told where it does not know, then the helper is paid."""
    view = promises.view
    minutes = visit.minutes if took is None else read_taken(took)
    price, amount = await price_at_most(run, view, minutes)
    if visit.status == "booked" or minutes != visit.minutes:
        await _finish(session, visit, minutes)
    if visit.neighbour is not None:
        return await pay_neighbour(run, session, promises, visit, minutes, reason)
    if not visit.promised:
        raise InputRefused(
            f"Nothing is set aside any more for request {view.number}: pay them with tally pay"
            f" {handle_of(visit.helper)}."
        )
    proved = await promises.pay(visit, amount, reason=reason)
    assert run.unit is not None, "a member's circle has a unit"
    who = name_of(visit.helper)
    told = f"{who} is paid {amount_in_words(amount, run.unit)} for {tell_length(minutes)}."
    if price > amount:
        rest = amount_in_words(price - amount, run.unit)
        told += (
            f" That is all that was set aside; the rest, {rest}, is paid with tally pay"
            f" {handle_of(visit.helper)}."
        )
    fields = {"help": view.number, "visit": visit.number, "minutes": minutes, "amount": amount}
    return Told(wrap(told), {**fields, "entry": proved.index})


@command("thank")
@_N
@click.argument("words", metavar="WORDS")
@click.option("--whom", metavar="WHO", help="Whom, if several came.")
@WEEK
async def thank(run: Run, number: int, words: str, whom: str | None, week: int | None) -> Told:
    """Thank who came to help with your request N, in a few words."""
    session = await (await run.member()).session()
    view = await helping.read_help(session, number)
    person = await find_helper(run, whom)
    came = [
        visit
        for visit in view.visits
        if visit.status in ("done", "paid")
        and visit.helper is not None
        and (week is None or visit.week == week - 1)
        and (person is None or visit.helper.person == person)
    ]
    if not came:
        raise InputRefused(f"Nobody has helped with request {number} yet whom you could thank.")
    latest = max(visit.week for visit in came)
    thanked = [visit for visit in came if visit.week == latest]
    for visit in thanked:
        await helping.thank(session, visit.number, words)
    who = listed(name_of(visit.helper) for visit in thanked)
    return Told(f"{who} will be glad to read it.", {"help": number, "thanked": len(thanked)})
