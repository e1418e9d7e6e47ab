"""Tokens against cash, undoing a line of the books, and what waits for a circle that is away."""

from __future__ import annotations

import click

from client.cli.amounts import NUMBER, read_amount
from client.cli.command import Told, command
from client.cli.officer.signing import Signing, have_done, signing_options
from client.cli.parties import find_party
from client.cli.run import Run
from client.cli.words import amount as in_words
from client.cli.words import plain
from client.drafts import Draft
from ledger.orders import Defer, Redeem, Reverse, Sell

_WHO = click.argument("who")
_AMOUNT = click.argument("amount")
_CASH = click.option("--ref", required=True, metavar="TEXT", help="The line of the cash book.")


@command("sell")
@_WHO
@_AMOUNT
@_CASH
@signing_options
async def sell(run: Run, who: str, amount: str, ref: str, signing: Signing) -> Told:
    """Sell tokens out of the treasury for cash that was received."""
    unit = (await run.member()).circle.unit
    party, minor = await find_party(run, who), read_amount(amount, unit)
    told = f"{plain(party.label)} bought {in_words(minor, unit)} ({plain(ref)})."
    return await have_done(run, Draft(Sell(minor, ref), party.account), signing, told)


@command("redeem")
@_WHO
@_AMOUNT
@_CASH
@signing_options
async def redeem(run: Run, who: str, amount: str, ref: str, signing: Signing) -> Told:
    """Take tokens back into the treasury for cash that was paid out."""
    unit = (await run.member()).circle.unit
    party, minor = await find_party(run, who), read_amount(amount, unit)
    told = f"{plain(party.label)} gave back {in_words(minor, unit)} ({plain(ref)})."
    return await have_done(run, Draft(Redeem(minor, ref), party.account), signing, told)


@command("reverse")
@click.argument("number", type=NUMBER)
@signing_options
async def reverse(run: Run, number: int, signing: Signing) -> Told:
    """Undo line NUMBER of the books by a new line that names it; once."""
    told = f"Line {number} is undone by a new line; both stay in the books."
    return await have_done(run, Draft(Reverse(number)), signing, told, {"reversed": number})


@command("free")
@_WHO
@click.argument("promise", type=NUMBER)
@signing_options
async def free(run: Run, who: str, promise: int, signing: Signing) -> Told:
    """Free WHO of a payment that another circle has not answered for three days.

    The circle's suspense account bears PROMISE from then on; see: tally promises --account WHO. If
    the payment arrives after all, WHO still pays it, as far as their limit lets them.
    """
    party = await find_party(run, who)
    told = f"Promise {promise} of {plain(party.label)} is borne by the suspense account now."
    fields: dict[str, object] = {"promise": promise}
    return await have_done(run, Draft(Defer(promise), party.account), signing, told, fields)
