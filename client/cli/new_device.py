"""``tally new-device``: on the new device itself."""

from __future__ import annotations

from pathlib import Path

import click

from client.address import parse_node_url
from client.cli.command import Told, command
from client.cli.join import tell_membership, this_device
from client.cli.prompts import ask_secret
from client.cli.run import Run
from client.cli.words import plain
from client.errors import InputRefused
from client.joining import NewDevice, enrolment_of, recover
from ledger.codec import from_base64url, to_base64url
from ledger.declarations import DECLARATION_BYTES_MAX, Enrolment, open_enrolment
from ledger.errors import TallystickError
from ledger.paper import read_code

_CODE_CHARACTERS_MAX = 3 * DECLARATION_BYTES_MAX


@command("new-device", needs_member=False)
@click.argument("address")
@click.option("--recovery-sheet", "by_sheet", is_flag=True, help="With the code on your sheet.")
@click.option("--device", "label", metavar="LABEL", help="What you call this device.")
@click.option("--call-it", "here", metavar="NAME", help="What the circle is called here.")
@click.option("--passphrase", "protect", is_flag=True, help="Protect the key with a passphrase.")
async def new_device(
    run: Run, address: str, by_sheet: bool, label: str | None, here: str | None, protect: bool
) -> Told:
    """Make this device one of yours, in the circle at ADDRESS.

    It prints a code for your older device (tally devices add), or for your coordinator. With a
    recovery sheet nobody else is needed.
    """
    node_url = parse_node_url(address)
    passphrase = ask_secret("A passphrase for this device's key", new=True) if protect else None
    device = NewDevice(label or this_device(), here or run.settings.circle, passphrase)
    if by_sheet:
        code = ask_secret("The code on your recovery sheet")
        membership = await recover(run.store(), node_url, read_code(code, 32), device)
        return tell_membership(membership, f"You are back in {plain(membership.circle.name)}.")
    membership, enrolment = await enrolment_of(run.store(), node_url, device)
    code = to_base64url(enrolment)
    told = (
        f"Run this on your older device, or give the code to your coordinator:\n\n"
        f"tally devices add {code}\n\nThen, here: tally whoami"
    )
    return Told(told, {"membership": membership.name, "code": code})


def read_enrolment(code: str, circle: bytes) -> tuple[bytes, Enrolment]:
    """The signed enrolment that a new device printed, or a file that holds it.

    Raises InputRefused.
    """
    written = code.strip()
    try:
        if len(written) <= 255 and (path := Path(written)).is_file():
            with path.open("rb") as file:
                written = file.read(_CODE_CHARACTERS_MAX).decode("ascii").strip()
        if len(written) > _CODE_CHARACTERS_MAX:
            raise InputRefused("That is longer than any code of a new device.")
        wire = from_base64url(written, "code")
        enrolment = open_enrolment(wire)
    except (OSError, UnicodeDecodeError, TallystickError) as error:
        if isinstance(error, InputRefused):
            raise
        raise InputRefused("That code was not copied whole: copy it again.") from None
    if enrolment.circle != circle:
        raise InputRefused("That code is of a device for another circle.")
    return wire, enrolment
