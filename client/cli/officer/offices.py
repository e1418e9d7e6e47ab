"""Offices: who holds them, giving and taking them."""

from __future__ import annotations

from dataclasses import asdict

import click

from client.cli.command import Told, command
from client.cli.officer.signing import Signing, have_done, signing_options
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import person
from client.drafts import Draft
from ledger.orders import OFFICES, Appoint, Dismiss

_WHO = click.argument("who")
_OFFICE = click.argument("office", type=click.Choice(OFFICES))


@command("officers")
async def officers(run: Run) -> Told:
    """Who holds which office; anybody may see it."""
    found = await (await run.member()).node.officers()
    lines = [f"{person(each.handle, None)}: {each.office}" for each in found]
    fields = {"officers": [asdict(each) for each in found]}
    return Told("\n".join(lines) or "Nobody holds an office.", fields)


@command("appoint")
@_WHO
@_OFFICE
@signing_options
async def appoint(run: Run, who: str, office: str, signing: Signing) -> Told:
    """Give somebody an office. As many of the committee must sign as the rules say."""
    found = await find_person(run, who)
    told = f"{person(found.handle, found.name)} is {office} now."
    return await have_done(run, Draft(Appoint(found.person, office)), signing, told)


@command("dismiss")
@_WHO
@_OFFICE
@signing_options
async def dismiss(run: Run, who: str, office: str, signing: Signing) -> Told:
    """Take an office from somebody. As many of the committee must sign as the rules say."""
    found = await find_person(run, who)
    told = f"{person(found.handle, found.name)} is no longer {office}."
    return await have_done(run, Draft(Dismiss(found.person, office)), signing, told)
