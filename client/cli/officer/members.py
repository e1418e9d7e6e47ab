"""Inviting people, and opening accounts for them."""

from __future__ import annotations

import os

import click

from client.address import format_invitation
from client.cli.amounts import read_limit
from client.cli.command import Told, command
from client.cli.new_device import read_enrolment
from client.cli.officer.signing import Signing, have_done, signing_options
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import DAY_MS, day, plain
from client.clock import unix_ms
from client.drafts import Draft
from client.errors import InputRefused
from ledger import keys
from ledger.orders import OFFICES, Invite, Open, Uninvite
from ledger.paper import INVITATION_BYTES, invitation_seed, read_code, write_code

DAYS = 30

_DOWN = click.option("--down-to", metavar="AMOUNT", help="How far they can go below zero.")
_UP = click.option("--up-to", metavar="AMOUNT", help="How far they can go up.")
_STARTER = click.option("--starter", metavar="AMOUNT", help="What they begin with.")


async def _terms(
    run: Run, down_to: str | None, up_to: str | None, starter: str | None
) -> tuple[int, int, int]:
    """Floor, ceiling and starter credit: as asked for, or as the circle's rules have them."""
    member = await run.member()
    unit = member.circle.unit
    rules = (await member.circle_info()).rules
    return (
        rules.floor if down_to is None else -read_limit(down_to, unit),
        rules.ceiling if up_to is None else read_limit(up_to, unit),
        rules.starter if starter is None else read_limit(starter, unit),
    )


@command("invite")
@_DOWN
@_UP
@_STARTER
@click.option("--office", type=click.Choice(OFFICES), help="The office they will hold.")
@click.option("--days", type=click.IntRange(1, 365), default=DAYS, show_default=True)
@signing_options
async def invite(
    run: Run,
    down_to: str | None,
    up_to: str | None,
    starter: str | None,
    office: str | None,
    days: int,
    signing: Signing,
) -> Told:
    """Make an invitation to join, good once. What is not said is as the circle's rules have it."""
    floor, ceiling, begin = await _terms(run, down_to, up_to, starter)
    until = unix_ms() + days * DAY_MS
    secret = os.urandom(INVITATION_BYTES)
    code = write_code(secret)
    key = keys.public_key(invitation_seed(secret))
    act = Invite(key, floor, ceiling, begin, office or "", until)
    link = format_invitation(await (await run.member()).public_url(), code)
    told = f"Give this to whoever is to join. It is good once, until {day(until)}:\n\n{link}"
    fields = {"link": link, "code": code, "until": until}
    done = await have_done(run, Draft(act), signing, told, fields, intent=f"invite {code}")
    if signing.save is not None:
        said = f"{done.text}\nOnce it is sent, this link is good:\n\n{link}"
        return Told(said, {**done.fields, **fields})
    return done


@command("uninvite")
@click.argument("invitation")
@signing_options
async def uninvite(run: Run, invitation: str, signing: Signing) -> Told:
    """Take back an INVITATION that nobody has used: its link, or the code alone."""
    code = invitation.strip().rpartition("#")[2]
    key = keys.public_key(invitation_seed(read_code(code, INVITATION_BYTES)))
    told = "That invitation is good no longer."
    return await have_done(run, Draft(Uninvite(key)), signing, told)


@command("open")
@click.argument("handle", required=False)
@click.argument("name", required=False)
@click.option("--holder", metavar="WHO", help="A further account, for somebody who is here.")
@click.option("--device", "code", metavar="CODE", help="What tally new-device printed for them.")
@click.option("--no-device", is_flag=True, help="They have none: coordinators act for them.")
@_DOWN
@_UP
@_STARTER
@signing_options
async def open_account(
    run: Run,
    handle: str | None,
    name: str | None,
    holder: str | None,
    code: str | None,
    no_device: bool,
    down_to: str | None,
    up_to: str | None,
    starter: str | None,
    signing: Signing,
) -> Told:
    """Open an account for a new member HANDLE called NAME, or a further one with --holder.

    A further account's purpose is the reason that is given.
    """
    floor, ceiling, begin = await _terms(run, down_to, up_to, starter)
    enrolment: tuple[bytes, ...] = ()
    if code is not None:
        enrolment = (read_enrolment(code, (await run.member()).circle.circle_id)[0],)
    if holder is not None:
        if handle or name or enrolment:
            raise InputRefused("With --holder there is no new name and no new device.")
        person = await find_person(run, holder)
        act = Open((person.person,), floor, ceiling, begin, int(no_device), ())
        told = f"{plain(person.name or holder)} has a further account now."
        return await have_done(run, Draft(act), signing, told)
    if not handle or not name:
        raise InputRefused("Say the new member's HANDLE and NAME, or --holder WHO.")
    if not enrolment and not no_device:
        raise InputRefused("Say --device CODE, or --no-device; or make an invitation instead.")
    act = Open((), floor, ceiling, begin, int(no_device), enrolment)
    # A new member's names travel where other orders have their reason.
    names = Signing(
        f"{handle.strip().lower()}\n{' '.join(name.split())}", signing.save, signing.paper_key
    )
    told = f"{plain(name)} is a member now, as {handle}; see tally officer people."
    return await have_done(run, Draft(act), names, told, {"handle": handle})
