"""Letting someone act for you: carers, buddies, whoever does your accounts. The protocol calls it a
mandate."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click

from client.cli.acting import proved_fields
from client.cli.amounts import NUMBER, read_amount
from client.cli.command import Told, command
from client.cli.days import DAY, end_of_day, read_span
from client.cli.parties import find_person, own_account
from client.cli.run import Run
from client.cli.words import day, listed, person, span
from client.drafts import Draft
from client.views import MandateView
from ledger.amount import Unit, amount_in_words
from ledger.orders import MANDATE_SCOPE, Mandate, Unmandate

_ACTS = {
    "pay": "pay",
    "set-aside": "hold",
    "hand-over": "settle",
    "free": "release",
    "claim": "claim",
    "object": "object",
    "assign": "assign",
}
_WORDS = {kind: words for words, kind in _ACTS.items()}


@command("allow")
@click.argument("who")
@click.option("--up-to", required=True, metavar="AMOUNT", help="The most in each span of time.")
@click.option("--each", default="week", show_default=True, metavar="SPAN", help="day, 2 weeks, ...")
@click.option("--until", required=True, type=DAY, metavar="DAY", help="The last day.")
@click.option(
    "--to", "acts", multiple=True, type=click.Choice(list(_ACTS)), help="What; pay unless told."
)
@click.option("--account", type=int, help="For which of your accounts, if you have several.")
async def allow(
    run: Run,
    who: str,
    up_to: str,
    each: str,
    until: datetime,
    acts: tuple[str, ...],
    account: int | None,
) -> Told:
    """Let someone act for you, up to an amount in each week or month. Both names will show."""
    unit = (await run.member()).circle.unit
    found = await find_person(run, who)
    view = await own_account(run, account)
    wanted = {_ACTS[act] for act in acts or ("pay",)}
    scope = tuple(kind for kind in MANDATE_SCOPE if kind in wanted)
    act = Mandate(found.person, scope, read_amount(up_to, unit), read_span(each), end_of_day(until))
    proved = await run.order(Draft(act, view.number))
    told = (
        f"{person(found.handle, found.name)} may now act for you"
        f" ({listed(_WORDS[kind] for kind in scope)}), up to {amount_in_words(act.cap, unit)} in"
        f" {span(act.window)}, until {day(act.until - 1)}. End it with: tally disallow"
        f" {proved.index}"
    )
    return Told(told, {**proved_fields(proved, view.number), "number": proved.index})


@command("allowed")
async def allowed(run: Run) -> Told:
    """Who may act for you, and for whom you may."""
    member = await run.member()
    found = (await member.me(afresh=True)).mandates
    fields = {"allowed": [asdict(each) for each in found]}
    if not found:
        return Told("Nobody acts for you, and you act for nobody.", fields)
    return Told("\n".join(_tell(each, member.circle.unit) for each in found), fields)


def _tell(mandate: MandateView, unit: Unit) -> str:
    if mandate.given:
        who = f"{person(mandate.person_handle, mandate.person_name)} may act for you"
    else:
        whom = person(mandate.account_handle, mandate.account_name, mandate.account)
        who = f"You may act for {whom}, with --as {mandate.account}"
    acts = listed(_WORDS.get(kind, kind) for kind in mandate.scope)
    return (
        f"Number {mandate.index}: {who} ({acts}), up to {amount_in_words(mandate.cap, unit)} in"
        f" {span(mandate.window)}, until {day(mandate.until - 1)}."
    )


@command("disallow")
@click.argument("number", type=NUMBER)
@click.option("--reason", metavar="TEXT", help="Why; officers must say.")
async def disallow(run: Run, number: int, reason: str | None) -> Told:
    """End it that someone acts for you, or you for them; tally allowed shows each NUMBER."""
    proved = await run.order(Draft(Unmandate(number), text=reason))
    return Told(f"Number {number} is ended.", {"entry": proved.index, "number": number})
