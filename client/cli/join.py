"""``tally join``."""

from __future__ import annotations

import socket

import click

from client.address import parse_invitation
from client.cli.command import Told, command
from client.cli.prompts import ask_secret
from client.cli.run import Run
from client.cli.words import listed, plain
from client.joining import NewDevice
from client.joining import join as join_circle
from client.records import LABEL_MAX, Membership


@command("join", needs_member=False)
@click.argument("link")
@click.argument("code", required=False)
@click.option("--handle", prompt="A short name for you, such as ann", help="Your short name.")
@click.option("--name", "full_name", prompt="Your name", help="Your name as others see it.")
@click.option("--device", "label", metavar="LABEL", help="What you call this device.")
@click.option("--call-it", "here", metavar="NAME", help="What the circle is called here.")
@click.option("--passphrase", "protect", is_flag=True, help="Protect the key with a passphrase.")
async def join(
    run: Run,
    link: str,
    code: str | None,
    handle: str,
    full_name: str,
    label: str | None,
    here: str | None,
    protect: bool,
) -> Told:
    """Join a circle with an invitation: its LINK, or the circle's address and the CODE."""
    invitation = parse_invitation(link, code)
    passphrase = ask_secret("A passphrase for this device's key", new=True) if protect else None
    device = NewDevice(label or this_device(), here or run.settings.circle, passphrase)
    handle, full_name = handle.strip().lower(), " ".join(full_name.split())
    membership = await join_circle(run.store(), invitation, handle, full_name, device)
    return tell_membership(membership, f"Welcome to {plain(membership.circle.name)}, {full_name}.")


def this_device() -> str:
    """The computer's name, as far as a label can have it."""
    name = "".join(each for each in socket.gethostname() if each.isascii() and each.isprintable())
    return name[:LABEL_MAX] or "computer"


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
