"""Tokens against cash, and undoing a line of the books."""

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
from ledger.orders import Redeem, Reverse, Sell

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
