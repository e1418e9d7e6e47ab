"""``tally yes``, ``no`` and ``cancel``: what helpers and askers say to each other."""

from __future__ import annotations

from datetime import datetime

import click

from client import help as helping
from client.cli.asked import NUMBER
from client.cli.command import Told, command
from client.cli.event_times import TIME, write_time
from client.cli.help_neighbours import (
    accept_neighbour,
    decline_neighbour,
    is_neighbour,
)
from client.cli.help_promises import make_promises, tell_freed
from client.cli.help_words import handle_of, name_of, tell_visits, view_fields
from client.cli.parties import find_person
from client.cli.prompts import confirm
from client.cli.run import Run
from client.cli.words import capital, listed, plain, wrap
from client.errors import InputRefused
from client.help_views import HelpView, Somebody, Visit, offered
from client.node_session import NodeSession

WEEK = click.option(
    "--week", type=click.IntRange(1, 12), metavar="K", help="Of weekly help, which week."
)
_N = click.argument("number", type=NUMBER, metavar="N")


@command("yes")
@_N
@click.argument("who", required=False)
@click.option("--at", "at", type=TIME, metavar="TIME", help="When you come, of the times wanted.")
async def say_yes(run: Run, number: int, who: str | None, at: datetime | None) -> Told:
    """Say that you come to help with request N; or, if it is yours, that WHO may come."""
    session = await (await run.member()).session()
    view = await helping.read_help(session, number)
    if who is None and view.own is not None:
        begins = None if at is None else write_time(at)
        after = await helping.answer_yes(session, number, begins=begins)
        return Told(wrap(_tell_yes(after)), {"help": view_fields(after)})
    if at is not None:
        raise InputRefused("When they come was for the helper to say: leave out --at.")
    helper = await find_offer(run, view, who)
    after = await accept_helper(run, session, view, helper)
    visits = visits_of(after, helper, "booked")
    told = f"{name_of(helper)} comes, {tell_visits(visits)}, and sees now where to find you."
    if is_neighbour(helper):
        told = (
            f"{name_of(helper)} comes, {tell_visits(visits)}. Their circle is told now; once it has"
            f" heard, tally ask says who it is."
        )
    return Told(wrap(told), {"help": view_fields(after)})


def _tell_yes(view: HelpView) -> str:
    mine = [visit for visit in view.visits if visit.status in ("held", "booked")]
    if not mine:
        return (
            f"Thank you. They choose among those who say yes; tally asked {view.number} tells you."
        )
    if mine[0].status == "booked":
        return f"You said so before: you are expected, {tell_visits(mine)}."
    who = capital(name_of(view.asker))
    return (
        f"Thank you! {who} is asked whether you may come, {tell_visits(mine)}; tally asked"
        f" {view.number} tells you then where it is."
    )


async def accept_helper(
    run: Run,
    session: NodeSession,
    view: HelpView,
    helper: Somebody,
    slip: tuple[str, str] | None = None,
) -> HelpView:
    """Promise a helper what is set aside for their visits, then take them."""
    if is_neighbour(helper):
        return await accept_neighbour(session, view, helper)
    if view.picks:
        view = await helping.pick(session, view.number, helper.person)
    held = visits_of(view, helper, "held")
    await make_promises(run, view, slip).assign(held)
    return await helping.accept(session, view.number, helper.person)


def visits_of(view: HelpView, helper: Somebody, *statuses: str) -> list[Visit]:
    """The visits of one helper that stand so."""
    return [
        visit
        for visit in view.visits
        if visit.helper is not None
        and visit.helper.person == helper.person
        and visit.status in statuses
    ]


async def find_offer(run: Run, view: HelpView, who: str | None) -> Somebody:
    """Who said yes: the only one, or the one that is named. Raises InputRefused."""
    found = {
        visit.helper.person: visit.helper
        for visit in view.visits
        if visit.status in ("held", "booked") and visit.helper is not None
    }
    if view.picks:
        offers = [each.helper for each in view.offers or () if each.answer == "yes"]
        found |= {each.person: each for each in (*offers, *offered(view))}
    if who is not None:
        wanted_handle = who.strip().lower()
        neighbour = next((e for e in found.values() if _is_called(e, wanted_handle)), None)
        if neighbour is not None:
            return neighbour
        wanted = await find_person(run, who)
        if wanted.person not in found:
            name = plain(wanted.name or wanted.handle or "")
            raise InputRefused(f"{name} has not said yes to request {view.number}.")
        return found[wanted.person]
    waiting = [each for each in found.values() if not visits_of(view, each, "booked")]
    chosen = waiting or list(found.values())
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        raise InputRefused(f"Nobody has said yes to request {view.number} yet: see tally ask.")
    names = listed(map(handle_of, chosen))
    raise InputRefused(f"Several said yes to request {view.number}: say which one of {names}.")


def _is_called(somebody: Somebody, written: str) -> bool:
    return is_neighbour(somebody) and handle_of(somebody).lower() == written


@command("no")
@_N
@click.argument("who", required=False)
async def say_no(run: Run, number: int, who: str | None) -> Told:
    """Say that you cannot help with request N; or, if it is yours, that WHO is not to come."""
    session = await (await run.member()).session()
    view = await helping.read_help(session, number)
    if who is None and view.own is not None:
        after = await helping.answer_no(session, number)
        told = "That is all right. Thank you for saying so: the next one is asked."
        return Told(wrap(told), {"help": view_fields(after)})
    helper = await find_offer(run, view, who)
    after = await decline_helper(session, view, helper)
    told = f"{name_of(helper)} is told kindly that it is settled in another way, and not why."
    return Told(wrap(told), {"help": view_fields(after)})


async def decline_helper(session: NodeSession, view: HelpView, helper: Somebody) -> HelpView:
    """Rather have somebody else than one who said yes. Raises InputRefused once it is agreed."""
    if visits_of(view, helper, "booked"):
        raise InputRefused(
            f"You agreed with {name_of(helper)} already: say tally cancel {view.number} if it is"
            " not needed any more."
        )
    if is_neighbour(helper):
        return await decline_neighbour(session, view, helper)
    return await helping.decline(session, view.number, helper.person)


@command("cancel")
@_N
@WEEK
@click.option("--rest", is_flag=True, help="As a helper: nor in all later weeks.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
async def cancel(run: Run, number: int, week: int | None, rest: bool, yes: bool) -> Told:
    """Say that you need request N no longer; or, as its helper, that you cannot come after all."""
    member = await run.member()
    session = await member.session()
    view = await helping.read_help(session, number)
    if view.own is not None:
        helper = Somebody(member.person, None, None)
        return await leave(run, session, view, helper, week, rest)
    if rest or week is not None:
        raise InputRefused(
            "--week and --rest are for who helps; a request is cancelled as a whole."
        )
    if not yes:
        confirm(f"Is {plain(view.title)} not needed any more? Whoever was to come is told")
    return await cancel_request(run, session, view)


async def cancel_request(run: Run, session: NodeSession, view: HelpView) -> Told:
    """The asker needs it no longer: then what was set aside for it is freed."""
    loose = await make_promises(run, view).free_loose()
    after = await helping.cancel_help(session, view.number)
    freed, kept = await make_promises(run, after).free_over()
    told = [f"{plain(view.title)} is cancelled.", *tell_freed(loose + freed, kept)]
    return Told(wrap(" ".join(told)), {"help": view_fields(after)})


async def leave(
    run: Run,
    session: NodeSession,
    view: HelpView,
    helper: Somebody,
    week: int | None,
    rest: bool,
    reason: str | None = None,
) -> Told:
    """The helper cannot come: first what is set aside goes back, to be there for the next."""
    mine = visits_of(view, helper, "held", "booked")
    chosen = next((each for each in mine if week is None or each.week == week - 1), None)
    if chosen is None:
        when = "" if week is None else f" in week {week}"
        raise InputRefused(f"Nobody waits for this help{when}: see tally asked {view.number}.")
    left = [each for each in mine if each is chosen or (rest and each.week > chosen.week)]
    promises = make_promises(run, view)
    for visit in left:
        if visit.promised and visit.payee == visit.account:
            await promises.hand_back(visit, reason=reason)
    await helping.leave(session, chosen.number, rest=rest)
    told = f"{name_of(view.asker)} is told, and we look for somebody else at once. Thank you."
    return Told(wrap(told), {"help": view.number, "left": [each.number for each in left]})
