"""``tally circles`` and ``tally passphrase``: what this device keeps."""

from __future__ import annotations

import click

from client.cli.command import Told, command
from client.cli.prompts import ask_secret
from client.cli.run import Run
from client.cli.words import plain
from client.errors import NoMembership


@command("circles", needs_member=False)
@click.option("--use", metavar="NAME", help="From now on, mean this one where none is named.")
async def circles(run: Run, use: str | None) -> Told:
    """The circles on this device; the one that is meant unless another is named has a star."""
    store = run.store()
    if use is not None:
        store.set_default(use)
    try:
        chosen = store.default_name()
    except NoMembership:
        chosen = None
    memberships = store.memberships()
    if not memberships:
        raise NoMembership(None, [])
    lines = []
    for each in memberships:
        star = "*" if each.name == chosen else " "
        state = " (not confirmed yet)" if each.is_pending else ""
        lines.append(f"{star} {each.name}: {plain(each.circle.name)}{state}")
    fields = [
        {
            "membership": each.name,
            "circle": each.circle.name,
            "node": each.circle.node_url,
            "default": each.name == chosen,
            "pending": each.is_pending,
            "passphrase": each.has_passphrase,
        }
        for each in memberships
    ]
    return Told("\n".join(lines), {"circles": fields})


@command("passphrase", needs_member=False)
@click.option("--remove", is_flag=True, help="Keep the key without a passphrase.")
async def passphrase(run: Run, remove: bool) -> Told:
    """Protect this device's key with a passphrase, change it, or take it off.

    Nobody can tell you a passphrase that you forgot; a new device can be added instead.
    """
    store = run.store()
    membership = store.membership(run.settings.circle)
    old = ask_secret("The passphrase until now") if membership.has_passphrase else None
    if old is not None:
        store.load(membership.name, old)
    new = None if remove else ask_secret("The new passphrase", new=True)
    store.change_passphrase(membership.name, old, new)
    told = "The key has no passphrase now." if remove else "The key is protected by it now."
    return Told(told, {"membership": membership.name, "passphrase": not remove})
