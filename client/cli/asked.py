"""``tally asked``: what one was asked to help with, and what is due of it."""

from __future__ import annotations

import click

from client import help as helping
from client.cli.command import Told, command
from client.cli.help_promises import Promises, make_promises, price_at_most
from client.cli.help_words import name_of, tell_asked, view_fields
from client.cli.run import Run
from client.cli.words import plain, wrap
from client.clock import unix_ms
from client.errors import NodeRefused
from client.help_views import HelpView, Visit
from ledger.amount import amount_in_words

NUMBER = click.IntRange(1, 2**53 - 1)
_OPEN = (None, "no-reply")
_SHOWN = ("held", "booked", "done")


@command("asked")
@click.argument("number", required=False, type=NUMBER, metavar="[N]")
async def asked(run: Run, number: int | None) -> Told:
    """What you were asked to help with, and why you; for N all about it.

    What is due to you is collected, and what is not yours any more given back.
    """
    member = await run.member()
    session = await member.session()
    if number is not None:
        views: tuple[HelpView, ...] = (await helping.read_help(session, number),)
    else:
        views = await helping.list_help(session, asked=True)
    lines, shown = [], []
    for view in views:
        done = await _do_what_is_due(run, view)
        if number is not None or done or _matters(view, member.person):
            lines.append(tell_asked(view, member.person))
            lines += [wrap(f"  {each}", "    ") for each in done]
            shown.append(view_fields(view))
    if not lines:
        lines = ["Nobody asks you for help at the moment. What you help with: tally helping"]
    return Told("\n".join(lines), {"requests": shown})


def _matters(view: HelpView, person: int) -> bool:
    """Whether the helper still has something to say or to do."""
    waits = view.own is not None and view.own.answer in _OPEN and view.status == "open"
    chosen = view.own is not None and view.own.answer == "yes" and view.picks
    comes = any(
        visit.status in _SHOWN and visit.helper is not None and visit.helper.person == person
        for visit in view.visits
    )
    return waits or comes or (chosen and view.status == "open")


async def _do_what_is_due(run: Run, view: HelpView) -> list[str]:
    """Give back what is not one's own any more; claim, and collect, what is."""
    member = await run.member()
    own = {account.number for account in (await member.me()).accounts}
    promises = make_promises(run, view)
    told = []
    for visit in view.visits:
        if not visit.promised or visit.payee not in own:
            continue
        mine = visit.helper is not None and visit.helper.person == member.person
        if not mine or visit.status in ("cancelled", "open", "dropped"):
            await promises.hand_back(visit)
            told.append(f"What was set aside for you is {name_of(view.asker)}'s again.")
        elif visit.status == "done":
            told += await _collect(run, promises, view, visit)
    return told


async def _collect(run: Run, promises: Promises, view: HelpView, visit: Visit) -> list[str]:
    assert run.unit is not None, "a member's circle has a unit"
    hold = await promises.find_hold(visit)
    if hold is None or hold.claim_window is None:
        return ["Whoever looks after the telephone asks them whether it is right."]
    if hold.claimed is None or hold.claimed_at is None:
        _, amount = await price_at_most(run, view, visit.minutes)
        await promises.claim(visit, amount)
        return [f"You asked for {amount_in_words(amount, run.unit)} for it."]
    if unix_ms() < hold.claimed_at + hold.claim_window:
        return ["If they say nothing for three days, say tally asked again: then it is yours."]
    try:
        await promises.collect(visit, hold.claimed)
    except NodeRefused as refused:
        if refused.problem != "asker-untold":
            raise
        return [plain(str(refused))]
    paid = amount_in_words(hold.claimed, run.unit)
    return [f"They said nothing for three days, so you are paid {paid}."]
