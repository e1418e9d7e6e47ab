"""What coordinators book by telephone, for those who ring and those who are rung."""

from __future__ import annotations

from datetime import datetime

import click

from client import help as helping
from client import help_desk
from client.cli.answer import (
    WEEK,
    accept_helper,
    cancel_request,
    decline_helper,
    find_offer,
    leave,
    visits_of,
)
from client.cli.ask import OVER
from client.cli.asked import NUMBER
from client.cli.command import Told, command
from client.cli.event_times import TIME, write_time
from client.cli.help_promises import make_promises, tell_freed
from client.cli.help_times import tell_length
from client.cli.help_words import name_of, tell_visits, view_fields
from client.cli.outcome import check_unpaid, choose_visit, find_helper, finish, say_missed
from client.cli.outcome import pay as pay_helper
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import person, plain, wrap
from client.errors import InputRefused, NodeRefused
from client.help import Side
from client.help_views import HelpView, Somebody
from client.node_session import NodeSession
from client.views import Person
from ledger.amount import amount_in_words

_N = click.argument("number", type=NUMBER, metavar="N")
_SLIP = click.option("--slip", nargs=2, metavar="CHANNEL NUMBER", help="If they signed a slip.")


@command("ask")
@_N
@click.argument("who")
async def ask(run: Run, number: int, who: str) -> Told:
    """Ask WHO about request N, whom you chose yourself. Your choice goes before any ranking."""
    found = await find_person(run, who)
    session = await (await run.member()).session()
    view = await help_desk.ask_by_hand(session, number, found.person)
    name = person(found.handle, found.name)
    return Told(f"{name} is asked about {plain(view.title)}.", {"help": view_fields(view)})


@command("yes")
@_N
@click.argument("who")
@click.option("--at", "at", type=TIME, metavar="TIME", help="When they come.")
async def say_yes(run: Run, number: int, who: str, at: datetime | None) -> Told:
    """WHO, whom you rang about request N, can come."""
    found = await find_person(run, who)
    session = await (await run.member()).session()
    begins = None if at is None else write_time(at)
    try:
        view = await helping.answer_yes(session, number, begins=begins, person=found.person)
    except NodeRefused as refused:
        if refused.problem != "not-found":
            raise
        await help_desk.ask_by_hand(session, number, found.person)
        view = await helping.answer_yes(session, number, begins=begins, person=found.person)
    visits = visits_of(view, _somebody(found), "held", "booked")
    name = person(found.handle, found.name)
    if not visits:
        told = f"{name} said yes; {name_of(view.asker)} chooses among those who did."
    elif view.phones:
        told = (
            f"{name} can come, {tell_visits(visits)}. Now ring {name_of(view.asker)}: tally desk"
            f" accept {number}"
        )
    else:
        told = f"{name} can come, {tell_visits(visits)}; {name_of(view.asker)} is asked."
    return Told(wrap(told), {"help": view_fields(view)})


def _somebody(found: Person) -> Somebody:
    return Somebody(found.person, found.handle, found.name)


@command("no")
@_N
@click.argument("who")
async def say_no(run: Run, number: int, who: str) -> Told:
    """WHO, whom you rang about request N, cannot come."""
    found = await find_person(run, who)
    session = await (await run.member()).session()
    try:
        view = await helping.answer_no(session, number, person=found.person)
    except NodeRefused as refused:
        if refused.problem != "not-found":
            raise
        await help_desk.ask_by_hand(session, number, found.person)
        view = await helping.answer_no(session, number, person=found.person)
    return Told(f"That is noted; next: tally desk ring {number}", {"help": view_fields(view)})


@command("no-reply")
@_N
@click.argument("who")
async def no_reply(run: Run, number: int, who: str) -> Told:
    """WHO did not answer the telephone about request N."""
    found = await find_person(run, who)
    session = await (await run.member()).session()
    try:
        view = await help_desk.note_no_reply(session, number, found.person)
    except NodeRefused as refused:
        if refused.problem != "not-found":
            raise
        await help_desk.ask_by_hand(session, number, found.person)
        view = await help_desk.note_no_reply(session, number, found.person)
    return Told(f"That is noted; next: tally desk ring {number}", {"help": view_fields(view)})


async def _read_theirs(session: NodeSession, number: int) -> HelpView:
    """A request of somebody without a device. Raises InputRefused."""
    view = await helping.read_help(session, number)
    if not view.phones:
        raise InputRefused(
            f"{name_of(view.asker)} has a device of their own: request {number} is theirs to decide"
            " about."
        )
    return view


@command("accept")
@_N
@click.argument("who", required=False)
@_SLIP
async def accept(run: Run, number: int, who: str | None, slip: tuple[str, str] | None) -> Told:
    """Book WHO for request N of somebody without a device; what is printed is to be read back."""
    session = await (await run.member()).session()
    view = await _read_theirs(session, number)
    helper = await find_offer(run, view, who)
    after = await accept_helper(run, session, view, helper, slip)
    visits = visits_of(after, helper, "booked")
    assert run.unit is not None, "a member's circle has a unit"
    where = f" at {plain(after.address)}" if after.address else ""
    each = " each time" if len(visits) > 1 else ""
    told = (
        f"Read back: {name_of(helper)} comes to you{where}, {tell_visits(visits)}, for about"
        f" {tell_length(after.minutes)}: {plain(after.title)}. It costs"
        f" {amount_in_words(after.most, run.unit)} at most{each}."
    )
    return Told(wrap(told), {"help": view_fields(after)})


@command("decline")
@_N
@click.argument("who", required=False)
async def decline(run: Run, number: int, who: str | None) -> Told:
    """Who asked for help N would rather have somebody else than WHO."""
    session = await (await run.member()).session()
    view = await _read_theirs(session, number)
    helper = await find_offer(run, view, who)
    after = await decline_helper(session, view, helper)
    told = f"{name_of(helper)} is told kindly, and not why; next: tally desk ring {number}"
    return Told(wrap(told), {"help": view_fields(after)})


@command("cancel")
@_N
@click.argument("who", required=False)
@WEEK
@click.option("--rest", is_flag=True, help="WHO cannot come in all later weeks, either.")
async def cancel(run: Run, number: int, who: str | None, week: int | None, rest: bool) -> Told:
    """Request N of somebody without a device is not needed; or WHO cannot come to help with it."""
    session = await (await run.member()).session()
    if who is None:
        return await cancel_request(run, session, await _read_theirs(session, number))
    found = await find_person(run, who)
    view = await helping.read_help(session, number)
    if view.asker is not None and view.asker.person == found.person:
        return await _call_off(run, session, await _read_theirs(session, number))
    return await _leave(run, session, view, found, week, rest)


async def _call_off(run: Run, session: NodeSession, view: HelpView) -> Told:
    """Who asked needs it no longer; or it is over, and what is still set aside for it is freed."""
    if view.status not in OVER:
        return await cancel_request(run, session, view)
    told = tell_freed(*await make_promises(run, view).free_over())
    if not told:
        raise InputRefused(f"Nothing is set aside any more for request {view.number}.")
    return Told(wrap(f"For {name_of(view.asker)}: {' '.join(told)}"), {"help": view_fields(view)})


async def _leave(
    run: Run, session: NodeSession, view: HelpView, found: Person, week: int | None, rest: bool
) -> Told:
    helper = _somebody(found)
    reason = "they cannot come, as they said by telephone"
    if visits_of(view, helper, "held", "booked"):
        return await leave(run, session, view, helper, week, rest, reason)
    # It is still promised to them, though they do not come: they left meanwhile, or it is off.
    left = [
        visit
        for visit in view.visits
        if visit.payee in found.accounts
        and visit.status in ("open", "held", "cancelled", "dropped", "missed")
    ]
    for visit in left:
        await make_promises(run, view).hand_back(visit, reason=reason)
    name = person(found.handle, found.name)
    if not left:
        raise InputRefused(f"{name} is not to come for request {view.number}.")
    is_wanted = any(visit.status in ("open", "held") for visit in left)
    then = "there for the next" if is_wanted else "handed back"
    told = f"What was set aside for {name} is {then}."
    return Told(wrap(told), {"help": view.number, "left": [each.number for each in left]})


@command("promise")
@_N
@_SLIP
async def promise(run: Run, number: int, slip: tuple[str, str] | None) -> Told:
    """Set aside again what request N of somebody without a device may cost."""
    session = await (await run.member()).session()
    view = await _read_theirs(session, number)
    if not any(visit.lacks_promise for visit in view.visits):
        raise InputRefused(f"What request {number} may cost is set aside.")
    after = await make_promises(run, view, slip).set_aside()
    told = f"What request {number} may cost is set aside again, for {name_of(view.asker)}."
    return Told(wrap(told), {"help": view_fields(after)})


@command("done")
@_N
@click.argument("who", required=False)
@click.option("--took", metavar="LENGTH", help="How long it took: 1h30; else as asked for.")
@WEEK
async def done(run: Run, number: int, who: str | None, took: str | None, week: int | None) -> Told:
    """WHO helped with request N, as one of the two told you."""
    session = await (await run.member()).session()
    view = await helping.read_help(session, number)
    person_number = await find_helper(run, who)
    visit = choose_visit(view, week, "booked", "done", helper=person_number)
    told = await finish(run, session, view, visit, took)
    if view.phones:
        said = (
            f"{told.text} Once {name_of(view.asker)} says that it is right: tally desk pay {number}"
        )
        return Told(wrap(said), told.fields)
    return told


@command("missed")
@_N
@click.argument("who", required=False)
@WEEK
@click.option("--not-come", "who_missed", flag_value="helper", help="The helper did not come.")
@click.option("--nobody-in", "who_missed", flag_value="asker", help="Nobody was in.")
async def missed(
    run: Run, number: int, who: str | None, week: int | None, who_missed: Side | None
) -> Told:
    """One of the two was not there for request N, which WHO was to help with."""
    if who_missed is None:
        raise InputRefused(
            "Say who was not there: --not-come if it was the helper, or else --nobody-in."
        )
    session = await (await run.member()).session()
    view = await helping.read_help(session, number)
    helper = await find_helper(run, who)
    visit = choose_visit(view, week, "booked", "done", helper=helper)
    await say_missed(session, visit, who_missed)
    told = f"Whoever is on duty is told at once. Once it is found out: tally desk found {number}"
    fields = {"help": number, "visit": visit.number, "absent": who_missed}
    return Told(wrap(told), fields)


@command("pay")
@_N
@click.argument("who", required=False)
@click.option("--took", metavar="LENGTH", help="If it took another time: 1h30.")
@WEEK
@_SLIP
@click.option("--reason", metavar="TEXT", help="Why you decide, where they have a device.")
async def pay(
    run: Run,
    number: int,
    who: str | None,
    took: str | None,
    week: int | None,
    slip: tuple[str, str] | None,
    reason: str | None,
) -> Told:
    """Who asked for help N says that it is right: WHO is paid for the time it took, once."""
    session = await (await run.member()).session()
    view = await helping.read_help(session, number)
    if not view.phones and reason is None:
        raise InputRefused(
            f"{name_of(view.asker)} has a device of their own: say with --reason why you decide for"
            " them."
        )
    helper = await find_helper(run, who)
    check_unpaid(view, week, helper)
    visit = choose_visit(view, week, "done", "booked", helper=helper)
    promises = make_promises(run, view, slip)
    return await pay_helper(run, session, promises, visit, took, reason)


@command("found")
@_N
@click.argument("who", required=False)
@WEEK
@click.option("--failed", "what", flag_value="failed", help="The helper is to blame.")
@click.option("--not-failed", "what", flag_value="not-failed", help="The helper is not to blame.")
@click.option("--happened", "what", flag_value="happened", help="It took place after all.")
async def found(run: Run, number: int, who: str | None, week: int | None, what: str | None) -> Told:
    """Note why somebody was not there for request N; what was set aside for it is freed."""
    if what is None:
        raise InputRefused(
            "Say what you found out: --failed if the helper is to blame, --not-failed if not, or"
            " --happened if it took place after all."
        )
    session = await (await run.member()).session()
    view = await helping.read_help(session, number)
    visit = choose_visit(view, week, "missed", helper=await find_helper(run, who))
    failed, fields = what == "failed", {"help": number, "visit": visit.number}
    if what == "happened":
        await helping.note_found(session, visit.number, failed=False, happened=True)
        told = f"That is noted; it is done once one of the two says so: tally desk done {number}"
        return Told(wrap(told), {**fields, "happened": True})
    if not visit.confirmed:
        await helping.note_found(session, visit.number, failed=failed)
    if visit.promised:
        reason = "somebody was not there, and a coordinator found out why"
        await make_promises(run, view).free(visit, reason=reason)
    told = "That is noted, and what was set aside for it is free again."
    return Told(wrap(told), {**fields, "failed": failed})
