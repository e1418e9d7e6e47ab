"""What coordinators set about a member's account."""

from __future__ import annotations

import click

from client.cli.amounts import NUMBER, read_limit
from client.cli.command import Told, command
from client.cli.officer.signing import Signing, have_done, signing_options
from client.cli.parties import find_party, find_person
from client.cli.run import Run
from client.cli.words import amount, person, plain
from client.drafts import Draft
from client.errors import InputRefused
from ledger.orders import Assist, Close, Holder, Limits

_WHO = click.argument("who")


@command("close")
@_WHO
@signing_options
async def close(run: Run, who: str, signing: Signing) -> Told:
    """Close an account for good: what is left, or lacking, is the community account's."""
    party = await find_party(run, who)
    told = f"The account of {plain(party.label)} is closed."
    return await have_done(run, Draft(Close(), party.account), signing, told)


@command("limits")
@_WHO
@click.option("--down-to", metavar="AMOUNT", help="How far below zero; as it is unless told.")
@click.option("--up-to", metavar="AMOUNT", help="How far up; as it is unless told.")
@signing_options
async def limits(
    run: Run, who: str, down_to: str | None, up_to: str | None, signing: Signing
) -> Told:
    """Set how far down and up an account can go."""
    if down_to is None and up_to is None:
        raise InputRefused("Say how far with --down-to, --up-to, or both.")
    member = await run.member()
    unit = member.circle.unit
    party = await find_party(run, who)
    view = await (await member.session()).account(party.account)
    floor = view.floor if down_to is None else -read_limit(down_to, unit)
    ceiling = view.ceiling if up_to is None else read_limit(up_to, unit)
    told = (
        f"{plain(party.label)} can now go down to {amount(floor, unit)} below zero, and up to"
        f" {amount(ceiling, unit)}."
    )
    fields = {"floor": floor, "ceiling": ceiling}
    act = Limits(floor, ceiling)
    return await have_done(run, Draft(act, party.account), signing, told, fields)


@command("holder")
@click.argument("account", type=NUMBER)
@click.argument("change", type=click.Choice(["add", "remove"]))
@_WHO
@signing_options
async def holder(run: Run, account: int, change: str, who: str, signing: Signing) -> Told:
    """Let somebody use an account together with its holders, or no longer."""
    found = await find_person(run, who)
    holds = int(change == "add")
    name = person(found.handle, found.name)
    told = f"{name} is {'now' if holds else 'no longer'} a holder of account {account}."
    return await have_done(run, Draft(Holder(found.person, holds), account), signing, told)


@command("assist")
@_WHO
@click.argument("switch", type=click.Choice(["on", "off"]))
@signing_options
async def assist(run: Run, who: str, switch: str, signing: Signing) -> Told:
    """Mark an account whose holder has no device, so that coordinators may enter slips for it."""
    party = await find_party(run, who)
    able = "may now" if switch == "on" else "may no longer"
    told = f"Coordinators {able} act for {plain(party.label)} with slips."
    return await have_done(run, Draft(Assist(int(switch == "on")), party.account), signing, told)
