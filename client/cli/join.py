"""``tally join``."""

from __future__ import annotations

import socket

import click

from client.address import parse_invitation
from client.cli.command import Told, command
from client.cli.prompts import ask, ask_secret
from client.cli.run import Run
from client.cli.words import listed, person, plain
from client.errors import AlreadyMember, KeyStoreLocked, NodeError
from client.joining import NewDevice
from client.joining import join as join_circle
from client.keystore import KeyStore
from client.limits import LABEL_CHARACTERS_MAX
from client.member import open_member
from client.records import Membership
from client.transport import Patience

_BRIEFLY = Patience(attempts=1, answer_seconds=5.0)


@command("join", needs_member=False)
@click.argument("link")
@click.argument("code", required=False)
@click.option("--handle", help="Your short name, such as ann.")
@click.option("--name", "full_name", help="Your name as others see it.")
@click.option("--device", "label", metavar="LABEL", help="What you call this device.")
@click.option("--call-it", "here", metavar="NAME", help="What the circle is called here.")
@click.option("--passphrase", "protect", is_flag=True, help="Protect the key with a passphrase.")
@click.option("--again", is_flag=True, help="Join though this device is in the circle already.")
async def join(
    run: Run,
    link: str,
    code: str | None,
    handle: str | None,
    full_name: str | None,
    label: str | None,
    here: str | None,
    protect: bool,
    again: bool,
) -> Told:
    """Join a circle with an invitation: its LINK, or the circle's address and the CODE."""
    invitation = parse_invitation(link, code)
    handle = ask("A short name for you, such as ann", "--handle") if handle is None else handle
    full_name = ask("Your name", "--name") if full_name is None else full_name
    passphrase = ask_secret("A passphrase for this device's key", new=True) if protect else None
    device = NewDevice(label or this_device(), here or run.settings.circle, passphrase)
    handle, full_name = handle.strip().lower(), " ".join(full_name.split())
    store = run.store()
    try:
        membership = await join_circle(store, invitation, handle, full_name, device, again=again)
    except AlreadyMember as already:
        who = await _who(store, already.name)
        raise AlreadyMember(already.circle, already.name, who) from None
    return tell_membership(membership, f"Welcome to {plain(membership.circle.name)}, {full_name}.")


async def _who(store: KeyStore, name: str) -> str | None:
    """Who that is, asked where that membership has its circle: not where the new link leads."""
    try:
        async with open_member(store, name, patience=_BRIEFLY) as member:
            me = await member.me()
            return person(me.handle, me.name)
    except (KeyStoreLocked, NodeError):
        return None


def this_device() -> str:
    """The computer's name, as far as a label can have it."""
    name = "".join(each for each in socket.gethostname() if each.isascii() and each.isprintable())
    return name[:LABEL_CHARACTERS_MAX] or "computer"


def tell_membership(membership: Membership, greeting: str) -> Told:
    """What a new member, or an old one on a new device, should know."""
    numbers = listed(map(str, membership.accounts))
    several = "accounts" if len(membership.accounts) > 1 else "account"
    return Told(
        f"{greeting} Your {several} here: {numbers}.\nSee what you have with: tally balance",
        {
            "circle": membership.circle.name,
            "membership": membership.name,
            "person": membership.person,
            "accounts": list(membership.accounts),
        },
    )
